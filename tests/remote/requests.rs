//! How often a server is asked.

use std::time::Duration;

use tempfile::TempDir;

use crate::proxy::{Fault, Proxy, Rule};
use crate::servers::webdav::{Kind, OPEN, WebDav};
use crate::servers::weed::Weed;
use crate::team::{self, PLAIN, fresh, pair};

/// Methods seen by the proxy, in order.
fn methods(proxy: &Proxy) -> Vec<String> {
    let requests = proxy.requests();
    requests.into_iter().map(|request| request.method).collect()
}

/// A miss is one GET and one PUT, a hit one GET, whatever the server; `touches` is what
/// renews an object after its first use.
fn counts(configuration: &str, proxy: &Proxy, touches: &[&str]) {
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), configuration);
    // The first one to write below a directory may have to make it.
    fresh(&a, 0);
    a.flush();
    proxy.forget();
    assert_eq!(a.compile(PLAIN).get("remote_storage_write"), 1);
    a.flush();
    assert_eq!(methods(proxy), ["GET", "PUT"]);
    proxy.forget();
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
    let expected: Vec<&str> = ["GET"].iter().chain(touches).copied().collect();
    crate::servers::eventually("the object is touched", || {
        proxy.requests().len() >= expected.len()
    });
    assert_eq!(methods(proxy), expected);
    // The local store has it now.
    proxy.forget();
    assert_eq!(b.compile(PLAIN).hits(), 1);
    b.flush();
    assert_eq!(methods(proxy), [""; 0]);
}

#[test]
fn s3_is_asked_once_for_each() {
    let Some(weed) = Weed::shared() else { return };
    let proxy = Proxy::http(weed.port());
    weed.bucket("requests");
    counts(
        &team::s3(weed, proxy.port(), "requests", ""),
        &proxy,
        &["PUT"],
    );
}

#[test]
fn nginx_is_asked_once_for_each() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let path = format!("{OPEN}/requests");
    counts(&team::http(proxy.port(), &path, ""), &proxy, &[]);
}

#[test]
fn four_that_want_the_same_ask_once() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let root = TempDir::new().unwrap();
    let more = "response_timeout = \"30s\"";
    let configuration = team::http(proxy.port(), &format!("{OPEN}/together"), more);
    let [a, b] = pair(root.path(), &configuration);
    a.compile(PLAIN);
    a.flush();
    // The agent runs.
    fresh(&b, 1);
    b.flush();
    proxy.forget();
    proxy.add(Rule::new(Fault::Delay(Duration::from_secs(3))).method("GET"));
    let before = b.counters();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let b = &b;
            scope.spawn(move || {
                let object = format!("x{number}.o");
                let output = b.cache(&["gcc", "-c", "x.c", "-o", &object]);
                assert!(output.status.success(), "{output:?}");
            });
        }
    });
    let counted = b.counters().since(&before);
    assert_eq!(counted.hits(), 4, "{counted:?}");
    assert_eq!(proxy.count("GET"), 1);
}

#[test]
fn what_is_known_to_be_absent_is_not_asked_for_again() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let root = TempDir::new().unwrap();
    let configuration = team::http(proxy.port(), &format!("{OPEN}/absent"), "read_only = true");
    let [a, _] = pair(root.path(), &configuration);
    for _ in 0..3 {
        assert_eq!(a.compile(PLAIN).get("remote_storage_miss"), 1);
        a.succeed(&["clean", "--max-size", "0"]);
    }
    assert_eq!(proxy.requests().len(), 1);
}
