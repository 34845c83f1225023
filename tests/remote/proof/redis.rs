//! Redis and its cluster.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::proxy::{Fault, Proxy};
use crate::resp::{Reply, Resp};
use crate::servers::certificates::Certificates;
use crate::servers::cluster::Cluster;
use crate::servers::redis::{CONFINED, PASSWORD, READER, Redis};
use crate::wire::Endpoint;

fn call(endpoint: &Endpoint, commands: &[&[&str]]) -> Reply {
    let mut resp = Resp::connect(endpoint).unwrap();
    let replies = commands.iter().map(|words| resp.call(words).unwrap());
    replies.last().expect("at least one command")
}

#[test]
fn plain_tls_and_unix_socket_lead_to_the_same() {
    let Some(redis) = Redis::shared() else { return };
    let plain = redis.endpoint();
    let set = call(&plain, &[&["SET", "proof-same", "value"]]);
    assert!(set.is_ok(), "{set:?}");
    for endpoint in [plain, redis.tls_endpoint(), Endpoint::Unix(redis.socket())] {
        let value = call(&endpoint, &[&["GET", "proof-same"]]);
        assert_eq!(value, Reply::Bytes(b"value".to_vec()), "{endpoint:?}");
        let nothing = call(&endpoint, &[&["GET", "proof-nothing"]]);
        assert_eq!(nothing, Reply::Nothing, "{endpoint:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let other = Certificates::make(directory.path());
    let endpoint = Endpoint::tls(redis.tls_port(), &other.authority);
    let error = Resp::connect(&endpoint)
        .and_then(|mut resp| resp.call(&["PING"]))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("certificate verify failed"), "{text}");
}

#[test]
fn passwords_count() {
    let Some(redis) = Redis::guarded() else {
        return;
    };
    let endpoint = redis.endpoint();
    let without = call(&endpoint, &[&["GET", "x"]]);
    assert_eq!(without.refusal(), Some("NOAUTH"));
    let wrong = call(&endpoint, &[&["AUTH", "wrong"]]);
    assert_eq!(wrong.refusal(), Some("WRONGPASS"));
    let right = call(&endpoint, &[&["AUTH", PASSWORD], &["GET", "proof-x"]]);
    assert_eq!(right, Reply::Nothing);
}

#[test]
fn users_may_what_their_lists_say() {
    let Some(redis) = Redis::shared() else { return };
    let endpoint = redis.endpoint();
    let after = |user: [&str; 2], words: &[&str]| {
        let login: &[&str] = &["AUTH", user[0], user[1]];
        call(&endpoint, &[login, words])
    };
    assert_eq!(after(READER, &["GET", "proof-y"]), Reply::Nothing);
    let write = after(READER, &["SET", "proof-y", "1"]);
    assert_eq!(write.refusal(), Some("NOPERM"));
    assert!(after(CONFINED, &["SET", "cache:proof", "1"]).is_ok());
    let outside = after(CONFINED, &["SET", "proof-y", "1"]);
    assert_eq!(outside.refusal(), Some("NOPERM"));
}

#[test]
fn a_full_one_says_so() {
    let Some(redis) = Redis::start("maxmemory 4mb\nmaxmemory-policy noeviction") else {
        return;
    };
    let mut admin = redis.admin();
    let value = vec![b'x'; 1 << 20];
    let full = (0..20).find_map(|number: u32| {
        let key = number.to_string();
        let reply = admin.call(&[b"SET", key.as_bytes(), &value]).unwrap();
        reply.refusal().map(str::to_owned)
    });
    assert_eq!(full.as_deref(), Some("OOM"));
}

#[test]
fn a_frozen_one_accepts_and_says_nothing() {
    let Some(redis) = Redis::start("") else {
        return;
    };
    redis.process().freeze();
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let short = Some(Duration::from_millis(200));
    stream.set_read_timeout(short).unwrap();
    let silence = stream.read(&mut [0; 16]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    redis.process().thaw();
    stream.set_read_timeout(None).unwrap();
    let mut pong = [0; 7];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"+PONG\r\n");
}

#[test]
fn the_cluster_redirects() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    // CRC16 of "foo" is slot 12182, the last node's.
    let [first, .., last] = cluster.nodes() else {
        unreachable!()
    };
    let set: &[&str] = &["SET", "foo", "bar"];
    let moved = call(&first.endpoint(), &[set]);
    let there = format!("MOVED 12182 127.0.0.1:{}", last.port());
    assert_eq!(moved, Reply::Error(there));
    assert!(call(&last.endpoint(), &[set]).is_ok());
    let value = call(&last.endpoint(), &[&["GET", "foo"]]);
    assert_eq!(value, Reply::Bytes(b"bar".to_vec()));
}

/// A raw proxy looks up the fault for each question, also on a connection that is
/// open already.
#[test]
fn faults_between_questions() {
    let Some(redis) = Redis::shared() else { return };
    let proxy = Proxy::raw(redis.port());
    let mut resp = Resp::connect(&proxy.endpoint()).unwrap();
    assert!(resp.call(&["SET", "proof-fault", "value"]).unwrap().is_ok());
    let get = ["GET", "proof-fault"];
    assert_eq!(resp.call(&get).unwrap().text(), "value");
    // "$5\r\nvalue\r\n"
    proxy.set(Fault::CorruptBody(4));
    let corrupt = resp.call(&get).unwrap();
    assert_eq!(corrupt, Reply::Bytes(b"\x89alue".to_vec()));
    proxy.set(Fault::None);
    assert_eq!(resp.call(&get).unwrap().text(), "value");
    proxy.set(Fault::ResetAfter(6));
    let error = resp.call(&get).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.connections(), 1);

    let tls = Proxy::raw(redis.tls_port());
    let Endpoint::Tls(_, authority) = redis.tls_endpoint() else {
        unreachable!()
    };
    let endpoint = Endpoint::tls(tls.port(), &authority);
    assert_eq!(call(&endpoint, &[&get]).text(), "value");
    tls.set(Fault::CorruptBody(20));
    assert!(
        Resp::connect(&endpoint)
            .and_then(|mut r| r.call(&get))
            .is_err()
    );
    assert_eq!(tls.connections(), 2);
}
