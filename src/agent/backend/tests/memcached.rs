//! memcached, against a server that answers from a list.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::agent::backend::Put;
use crate::config::stores::Secret;

struct Server {
    endpoint: String,
    /// What came, by connection.
    log: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Gives one answer for each piece that comes; none is silence.
async fn serve(answers: &'static [&'static str]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let writes = Arc::clone(&log);
    let task = tokio::spawn(async move {
        let mut answers = answers.iter();
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            writes.lock().unwrap().push(String::new());
            loop {
                let mut bytes = vec![0; 10_000];
                let Ok(read @ 1..) = stream.read(&mut bytes).await else {
                    break;
                };
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let is_whole = {
                    let mut log = writes.lock().unwrap();
                    let last = log.last_mut().unwrap();
                    last.push_str(&text);
                    // The pieces of a set come one by one.
                    let lines: Vec<&str> = last.lines().collect();
                    let is_store =
                        |line: &str| line.starts_with("set ") || line.starts_with("add ");
                    let stores = lines.iter().filter(|line| is_store(line)).count();
                    let datas = lines.iter().filter(|line| line.starts_with('d')).count();
                    last.ends_with("\r\n") && stores <= datas
                };
                if !is_whole {
                    continue;
                }
                match answers.next() {
                    Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                    None => break,
                }
            }
            kept.push(stream);
        }
    });
    Server {
        endpoint,
        log,
        task,
    }
}

fn store(server: &Server, ttl: Option<Duration>, deadlines: Deadlines) -> Arc<dyn Backend> {
    let service = Service::Memcached {
        endpoint: server.endpoint.clone(),
        username: None,
        password: None,
        ttl,
    };
    opened(service, deadlines)
}

#[tokio::test]
async fn one_connection_serves_all() {
    let server = serve(&[
        "END\r\n",
        "EN\r\n",
        "STORED\r\n",
        "NOT_STORED\r\n",
        "VALUE ab/c 0 5\r\nvalue\r\nEND\r\n",
        "HD s5\r\n",
        "TOUCHED\r\n",
        "DELETED\r\n",
        "NOT_FOUND\r\n",
    ])
    .await;
    let store = store(&server, Some(Duration::from_secs(7)), PATIENT);
    assert_eq!(get(&*store, "ab/c").await.unwrap(), None);
    assert_eq!(store.size("ab/c").await.unwrap(), None);
    assert_eq!(
        store.put("ab/c", body("data"), false).await.unwrap(),
        Put::Done
    );
    assert_eq!(
        store.put("ab/c", body("data"), true).await.unwrap(),
        Put::Exists
    );
    assert_eq!(get(&*store, "ab/c").await.unwrap().unwrap(), b"value");
    assert_eq!(store.size("ab/c").await.unwrap(), Some(5));
    assert!(store.touch("ab/c").await.unwrap());
    store.delete("ab/c").await.unwrap();
    store.delete("ab/c").await.unwrap();
    let log = server.log.lock().unwrap().clone();
    let expected = "get ab/c|mg ab/c s|set ab/c 0 7 4|data|add ab/c 0 7 4|data|get ab/c|mg ab/c s|\
                    touch ab/c 7|delete ab/c|delete ab/c|";
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0].replace("\r\n", "|"), expected);
}

#[tokio::test]
async fn after_an_answer_that_makes_no_sense_the_connection_is_another() {
    let server = serve(&[
        "VALUE other 0 5\r\nvalue\r\nEND\r\n",
        "SERVER_ERROR object too large for cache\r\n",
        "CLIENT_ERROR unauthenticated\r\n",
        "SERVER_ERROR out of memory storing object\r\n",
        "SERVER_ERROR something else\r\n",
        "END\r\n",
    ])
    .await;
    let store = store(&server, None, PATIENT);
    assert_eq!(failure(get(&*store, "ab/c").await), Failure::Broken);
    assert_eq!(
        failure(store.put("ab/c", body("data"), false).await),
        Failure::TooLarge
    );
    assert_eq!(failure(get(&*store, "ab/c").await), Failure::Denied);
    assert_eq!(
        failure(store.put("ab/c", body("data"), false).await),
        Failure::Full
    );
    assert_eq!(failure(get(&*store, "ab/c").await), Failure::Server);
    assert_eq!(get(&*store, "ab/c").await.unwrap(), None);
    assert_eq!(server.log.lock().unwrap().len(), 6);
    assert!(!store.touch("ab/c").await.unwrap());
    let name = "a b";
    assert_eq!(failure(get(&*store, name).await), Failure::Unsupported);
    assert_eq!(failure(store.list("", None).await), Failure::Unsupported);
}

#[tokio::test]
async fn silence_and_half_a_value_time_out() {
    let server = serve(&["VALUE ab/c 0 5\r\nva"]).await;
    let hasty = store(&server, None, HASTY);
    times_out(get(&*hasty, "ab/c")).await;
    times_out(get(&*hasty, "ab/c")).await;
}

#[tokio::test]
async fn the_login_comes_first() {
    let server = serve(&["CLIENT_ERROR authentication failure\r\n"]).await;
    let service = Service::Memcached {
        endpoint: server.endpoint.clone(),
        username: Some("d".into()),
        password: Some(Secret::new("hunter2")),
        ttl: None,
    };
    let store = opened(service, PATIENT);
    let error = get(&*store, "ab/c").await.unwrap_err();
    assert_eq!(error.failure, Failure::Denied);
    assert!(!error.text.contains("hunter2"));
    let log = server.log.lock().unwrap().clone();
    assert_eq!(log[0].replace("\r\n", "|"), "set auth 0 0 9|d hunter2|");
}
