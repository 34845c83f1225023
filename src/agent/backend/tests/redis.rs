//! Redis, against a server that knows a few commands.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::agent::backend::Put;
use crate::config::stores::{Redis, Secret};

type Answer = Arc<dyn Fn(&[Vec<u8>]) -> Vec<u8> + Send + Sync>;

/// Serves until the task is dropped; `answer` gets a command and gives its reply in
/// the protocol's bytes, nothing for none at all.
async fn serve(
    answer: impl Fn(&[Vec<u8>]) -> Vec<u8> + Send + Sync + 'static,
) -> (String, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let answer: Answer = Arc::new(answer);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(talk(stream, Arc::clone(&answer)));
        }
    });
    (url, tasks)
}

async fn talk(stream: TcpStream, answer: Answer) {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(count) = number(&mut stream).await else {
            return;
        };
        let mut words = Vec::new();
        for _ in 0..count {
            let len = number(&mut stream).await.unwrap();
            let mut word = vec![0; len + 2];
            stream.read_exact(&mut word).await.unwrap();
            word.truncate(len);
            words.push(word);
        }
        if stream.write_all(&answer(&words)).await.is_err() {
            return;
        }
    }
}

/// `*3` or `$7`.
async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim().parse().ok()
}

fn store(url: &str, deadlines: Deadlines) -> Arc<dyn Backend> {
    let redis = Redis {
        endpoints: vec![url.to_owned()],
        ttl: Some(Duration::from_secs(7)),
        ..Redis::default()
    };
    opened(Service::Redis(redis), deadlines)
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    let mut reply = format!("${}\r\n", bytes.len()).into_bytes();
    reply.extend_from_slice(bytes);
    reply.extend_from_slice(b"\r\n");
    reply
}

#[tokio::test]
async fn objects_come_and_go() {
    let values: Mutex<HashMap<Vec<u8>, Vec<u8>>> = Mutex::default();
    let (url, _server) = serve(move |words| {
        let mut values = values.lock().unwrap();
        match &words[0][..] {
            b"GET" => values
                .get(&words[1])
                .map_or(b"$-1\r\n".to_vec(), |value| bulk(value)),
            b"SET" => {
                let options: Vec<&[u8]> = words[3..].iter().map(|word| &word[..]).collect();
                assert_eq!(options[..2], [&b"PX"[..], b"7000"]);
                if options.contains(&&b"NX"[..]) && values.contains_key(&words[1]) {
                    return b"$-1\r\n".to_vec();
                }
                values.insert(words[1].clone(), words[2].clone());
                b"+OK\r\n".to_vec()
            }
            b"STRLEN" => format!(":{}\r\n", values.get(&words[1]).map_or(0, Vec::len)).into(),
            b"EXISTS" => format!(":{}\r\n", u8::from(values.contains_key(&words[1]))).into(),
            b"DEL" => format!(":{}\r\n", u8::from(values.remove(&words[1]).is_some())).into(),
            b"PEXPIRE" => format!(":{}\r\n", u8::from(values.contains_key(&words[1]))).into(),
            b"PING" => b"+PONG\r\n".to_vec(),
            _ => b"-ERR unknown command\r\n".to_vec(),
        }
    })
    .await;
    let store = store(&url, PATIENT);
    store.prepare().await.unwrap();
    assert_eq!(get(&*store, NAME).await.unwrap(), None);
    assert_eq!(store.size(NAME).await.unwrap(), None);
    assert!(!store.touch(NAME).await.unwrap());
    assert_eq!(store.put(NAME, body("one"), true).await.unwrap(), Put::Done);
    assert_eq!(
        store.put(NAME, body("two"), true).await.unwrap(),
        Put::Exists
    );
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"one");
    let directory = tempfile::tempdir().unwrap();
    let long = vec![7; 3_000_000];
    store
        .put(NAME, file(&directory, &long), false)
        .await
        .unwrap();
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), long);
    assert_eq!(store.size(NAME).await.unwrap(), Some(3_000_000));
    assert!(store.touch(NAME).await.unwrap());
    store.delete(NAME).await.unwrap();
    store.delete(NAME).await.unwrap();
    assert_eq!(failure(store.list("", None).await), Failure::Unsupported);
}

#[tokio::test]
async fn each_error_has_its_failure() {
    let table = [
        ("NOAUTH Authentication required.", Failure::Denied),
        ("WRONGPASS invalid username-password pair", Failure::Denied),
        ("NOPERM this user has no permissions", Failure::Denied),
        (
            "READONLY You can't write against a read only replica.",
            Failure::Denied,
        ),
        ("OOM command not allowed", Failure::Full),
        (
            "MISCONF Redis is configured to save RDB snapshots",
            Failure::Full,
        ),
        (
            "LOADING Redis is loading the dataset in memory",
            Failure::Server,
        ),
        ("CLUSTERDOWN Hash slot not served", Failure::Server),
        ("MOVED 1 127.0.0.1:1", Failure::Config),
        ("WRONGTYPE Operation against a key", Failure::Broken),
    ];
    for (text, expected) in table {
        let (url, _server) = serve(move |_| format!("-{text}\r\n").into()).await;
        let store = store(&url, PATIENT);
        assert_eq!(failure(get(&*store, NAME).await), expected, "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_denied_and_not_said() {
    let (url, _server) = serve(|words| match &words[0][..] {
        b"AUTH" => b"-WRONGPASS hunter2 is wrong\r\n".to_vec(),
        _ => b"-NOAUTH\r\n".to_vec(),
    })
    .await;
    let redis = Redis {
        endpoints: vec![url],
        username: Some("me".into()),
        password: Some(Secret::new("hunter2")),
        ..Redis::default()
    };
    let store = opened(Service::Redis(redis), PATIENT);
    let error = get(&*store, NAME).await.unwrap_err();
    assert_eq!(error.failure, Failure::Denied, "{error}");
    assert!(!error.text.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn silence_times_out_and_the_connection_is_made_anew() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let (url, _server) = serve(move |_| {
        let mut asked = count.lock().unwrap();
        *asked += 1;
        match *asked {
            1 => Vec::new(),
            // Half a value, and nothing more.
            2 => b"$100\r\nhalf".to_vec(),
            _ => bulk(b"value"),
        }
    })
    .await;
    let store = store(&url, HASTY);
    times_out(get(&*store, NAME)).await;
    times_out(get(&*store, NAME)).await;
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"value");

    let url = format!("redis://127.0.0.1:{}", closed_port());
    let nobody = super::redis::store(&url, PATIENT);
    assert_eq!(failure(get(&*nobody, NAME).await), Failure::Connect);
}

#[tokio::test]
async fn a_cluster_is_followed() {
    // The node that has the key gives it; the other says where to ask.
    let (there, _second) = serve(|_| bulk(b"value")).await;
    let port_there = there.rsplit(':').next().unwrap().to_owned();
    let own_port = Arc::new(Mutex::new(String::new()));
    let port = Arc::clone(&own_port);
    let (url, _first) = serve(move |words| match &words[0][..] {
        // One range, of this very node, under no name.
        b"CLUSTER" => {
            let port = port.lock().unwrap();
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:{port}\r\n").into()
        }
        _ => format!("-MOVED 7 127.0.0.1:{port_there}\r\n").into(),
    })
    .await;
    *own_port.lock().unwrap() = url.rsplit(':').next().unwrap().to_owned();
    let redis = Redis {
        endpoints: vec![url],
        cluster: true,
        ..Redis::default()
    };
    let store = opened(Service::Redis(redis), PATIENT);
    store.prepare().await.unwrap();
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"value");
}
