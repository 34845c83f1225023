//! Each fault of the proxy, before nginx.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::bytes;
use crate::http::Http;
use crate::proxy::{DeadPort, Fault, Proxy, Rule};
use crate::servers::eventually;
use crate::servers::webdav::{Kind, OPEN, WebDav};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

fn content() -> Vec<u8> {
    bytes(50_000)
}

/// A proxy before nginx and the path of an object with [`content`].
fn proxy(name: &str) -> Option<(Proxy, String)> {
    let server = WebDav::shared(Kind::Nginx)?;
    let path = format!("{OPEN}/{name}");
    std::fs::write(server.file(&path), content()).unwrap();
    Some((Proxy::http(server.port()), path))
}

/// What is to follow the bytes of an answer.
enum Then {
    Silence,
    End,
}

/// Sends a GET by hand and reads `length` bytes or, before [`Then::End`], all that
/// come; and how that ends: `None` in good order.
fn get_by_hand(
    proxy: &Proxy,
    path: &str,
    length: usize,
    then: Then,
) -> (TcpStream, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    // Only silence is short: the machine may be busy.
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut bytes = Vec::new();
    if matches!(then, Then::Silence) {
        bytes.resize(length, 0);
        stream.read_exact(&mut bytes).unwrap();
        stream.set_read_timeout(Some(SHORT)).unwrap();
    }
    let end = stream.read_to_end(&mut bytes).err().map(|e| e.kind());
    assert_eq!(bytes.len(), length);
    (stream, end)
}

#[test]
fn nothing_is_changed_without_a_fault() {
    let Some((proxy, path)) = proxy("fault-none") else {
        return;
    };
    let mut connection = Http::new(proxy.endpoint()).connect().unwrap();
    for _ in 0..3 {
        let answer = connection.request("GET", &path, b"").unwrap();
        assert!(answer.body == content());
    }
    let head = connection.request("HEAD", &path, b"").unwrap();
    assert_eq!(head.header("content-length"), Some("50000"));
    let missing = connection.request("GET", &format!("{path}?q=1"), b"");
    assert_eq!(missing.unwrap().status, 200);
    let put = connection.request("PUT", &path, b"shorter").unwrap();
    assert_eq!(put.status, 204);
    let deleted = connection.request("DELETE", &path, b"").unwrap();
    assert_eq!(deleted.status, 204);
    let gone = connection.request("GET", &path, b"").unwrap();
    assert_eq!(gone.status, 404);
    let seen: Vec<String> = proxy
        .requests()
        .iter()
        .map(|r| {
            assert_eq!(r.connection, 0);
            format!("{} {} {}", r.method, r.path, r.status.unwrap())
        })
        .collect();
    let expected = [
        format!("GET {path} 200"),
        format!("GET {path} 200"),
        format!("GET {path} 200"),
        format!("HEAD {path} 200"),
        format!("GET {path}?q=1 200"),
        format!("PUT {path} 204"),
        format!("DELETE {path} 204"),
        format!("GET {path} 404"),
    ];
    assert_eq!(seen, expected);
    assert_eq!((proxy.connections(), proxy.count("GET")), (1, 5));
    proxy.forget();
    assert_eq!((proxy.connections(), proxy.count("GET")), (0, 0));
}

#[test]
fn chunks_and_expectations_pass() {
    let Some((proxy, path)) = proxy("fault-chunks") else {
        return;
    };
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    let chunks = b"5\r\nfirst\r\n7;note=x\r\n second\r\n0\r\n\r\n";
    stream.write_all(chunks).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let stored = Http::new(proxy.endpoint()).get(&path);
    assert_eq!(stored.text(), "first second");
}

#[test]
fn a_closed_port_refuses_and_opens_again() {
    let Some((proxy, path)) = proxy("fault-refuse") else {
        return;
    };
    let http = Http::new(proxy.endpoint());
    let mut open = http.connect().unwrap();
    assert_eq!(open.request("GET", &path, b"").unwrap().status, 200);
    for _ in 0..3 {
        proxy.set(Fault::Refuse);
        let refused = http.request("GET", &path, b"").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(proxy.open_connections(), 0);
        proxy.set(Fault::None);
        assert_eq!(http.get(&path).status, 200);
    }
    assert!(open.request("GET", &path, b"").is_err(), "was reset");
    proxy.set(Fault::Refuse);
    drop(proxy);
}

#[test]
fn a_cut_resets_what_is_open() {
    let Some((proxy, path)) = proxy("fault-cut") else {
        return;
    };
    proxy.set(Fault::StallAfter(100));
    let (mut stream, _) = get_by_hand(&proxy, &path, 100, Then::Silence);
    proxy.set(Fault::None);
    stream.set_read_timeout(Some(LONG)).unwrap();
    proxy.cut();
    let reset = stream.read(&mut [0]).unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    assert_eq!(Http::new(proxy.endpoint()).get(&path).status, 200);
}

#[test]
fn a_black_hole_takes_and_is_silent() {
    let Some((proxy, path)) = proxy("fault-hole") else {
        return;
    };
    let server = WebDav::shared(Kind::Nginx).unwrap();
    proxy.set(Fault::BlackHole);
    let (mut stream, end) = get_by_hand(&proxy, &path, 0, Then::Silence);
    assert_eq!(end, Some(ErrorKind::WouldBlock));
    // Large uploads are taken as well.
    stream.write_all(&vec![0; 10_000_000]).unwrap();
    assert_eq!(proxy.requests()[0].status, None);
    assert!(server.requests(&path).is_empty());
}

#[test]
fn a_dead_port_neither_accepts_nor_refuses() {
    let dead = DeadPort::new();
    let address = ([127, 0, 0, 1], dead.port()).into();
    for _ in 0..2 {
        let error = TcpStream::connect_timeout(&address, SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}

#[test]
fn a_delay_is_before_the_first_byte() {
    let Some((proxy, path)) = proxy("fault-delay") else {
        return;
    };
    proxy.set(Fault::Delay(SHORT));
    let start = Instant::now();
    assert!(Http::new(proxy.endpoint()).get(&path).body == content());
    assert!(start.elapsed() >= SHORT);
    // A proxy that is waiting ends at once.
    proxy.set(Fault::Delay(Duration::from_secs(600)));
    let (_stream, end) = get_by_hand(&proxy, &path, 0, Then::Silence);
    assert_eq!(end, Some(ErrorKind::WouldBlock));
    let start = Instant::now();
    drop(proxy);
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_reset_comes_after_so_many_bytes() {
    let Some((proxy, path)) = proxy("fault-reset") else {
        return;
    };
    for number in [0, 1, 10, 1000, 40_000] {
        proxy.set(Fault::ResetAfter(number));
        let (_stream, end) = get_by_hand(&proxy, &path, number as usize, Then::End);
        assert_eq!(end, Some(ErrorKind::ConnectionReset), "{number}");
    }
}

#[test]
fn a_half_closed_connection_still_takes() {
    let Some((proxy, path)) = proxy("fault-half") else {
        return;
    };
    proxy.set(Fault::HalfCloseAfter(1000));
    let (mut stream, end) = get_by_hand(&proxy, &path, 1000, Then::End);
    assert_eq!(end, None);
    // Had the proxy closed both halves, the second write would fail.
    for _ in 0..20 {
        stream.write_all(&[0; 100_000]).unwrap();
    }
    assert_eq!(proxy.open_connections(), 1);
    drop(stream);
    eventually("the connection ends", || proxy.open_connections() == 0);
}

#[test]
fn a_stalled_answer_stays_open() {
    let Some((proxy, path)) = proxy("fault-stall") else {
        return;
    };
    proxy.set(Fault::StallAfter(1000));
    let (_stream, end) = get_by_hand(&proxy, &path, 1000, Then::Silence);
    assert_eq!(end, Some(ErrorKind::WouldBlock));
    assert_eq!(proxy.open_connections(), 1);
}

#[test]
fn bodies_are_truncated_shortened_and_corrupted() {
    let Some((proxy, path)) = proxy("fault-body") else {
        return;
    };
    let http = Http::new(proxy.endpoint());
    let whole = content();

    proxy.set(Fault::TruncateBody(1234));
    let error = http.request("GET", &path, b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), "the body ends after 1234 bytes");

    proxy.set(Fault::ShortenBody(1234));
    let mut connection = http.connect().unwrap();
    for _ in 0..2 {
        let answer = connection.request("GET", &path, b"").unwrap();
        assert_eq!(answer.header("content-length"), Some("1234"));
        assert!(answer.body == whole[..1234]);
    }

    for at in [0, 777, 49_999] {
        proxy.set(Fault::CorruptBody(at));
        let mut body = http.get(&path).body;
        assert_ne!(body[at as usize], whole[at as usize]);
        body[at as usize] = whole[at as usize];
        assert!(body == whole, "only byte {at}");
    }
}

#[test]
fn the_proxy_answers_itself() {
    let Some((proxy, path)) = proxy("fault-answer") else {
        return;
    };
    let server = WebDav::shared(Kind::Nginx).unwrap();
    let body = vec![0; 3_000_000];
    let mut connection = Http::new(proxy.endpoint()).connect().unwrap();
    for status in [500, 403, 507] {
        proxy.set(Fault::Answer(status));
        let put = connection.request("PUT", &path, &body).unwrap();
        assert_eq!(put.status, status);
    }
    assert_eq!(proxy.connections(), 1);
    proxy.set(Fault::AnswerEarly(507));
    let mut connection = Http::new(proxy.endpoint()).connect().unwrap();
    let put = connection.request("PUT", &path, &body).unwrap();
    assert_eq!(put.status, 507);
    assert_eq!(put.header("connection"), Some("close"));
    let statuses: Vec<_> = proxy.requests().iter().map(|r| r.status.unwrap()).collect();
    assert_eq!(statuses, [500, 403, 507, 507]);
    assert!(server.requests(&path).is_empty());
}

#[test]
fn rules_choose_requests() {
    let Some((proxy, path)) = proxy("fault-rules") else {
        return;
    };
    let http = Http::new(proxy.endpoint());
    proxy.add(Rule::new(Fault::Answer(503)).method("PUT").times(2));
    proxy.add(Rule::new(Fault::Answer(500)).path("rules-other").skip(1));
    assert_eq!(http.get(&path).status, 200);
    let puts: Vec<u16> = (0..3).map(|_| http.put(&path, b"x").status).collect();
    assert_eq!(puts, [503, 503, 204]);
    let other = format!("{OPEN}/fault-rules-other");
    let gets: Vec<u16> = (0..3).map(|_| http.get(&other).status).collect();
    assert_eq!(gets, [404, 500, 500]);
    proxy.set(Fault::None);
    assert_eq!(http.get(&other).status, 404);
}

/// As when a server is stopped while it works.
#[test]
fn a_proxy_that_is_dropped_ends_its_connections() {
    let Some((proxy, path)) = proxy("fault-drop") else {
        return;
    };
    proxy.set(Fault::StallAfter(10));
    let (mut stream, _) = get_by_hand(&proxy, &path, 10, Then::Silence);
    let port = proxy.port();
    drop(proxy);
    stream.set_read_timeout(None).unwrap();
    assert!(!matches!(stream.read(&mut [0]), Ok(length) if length > 0));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
