//! SeaweedFS.

use super::bytes;
use crate::http::{Http, Response};
use crate::proxy::Proxy;
use crate::s3::{Bucket, Credentials};
use crate::servers::certificates::Certificates;
use crate::servers::weed::{BUCKET, Weed};
use crate::wire::Endpoint;

/// A refusal with this status and S3's name for it.
#[track_caller]
fn refused(response: &Response, status: u16, code: &str) {
    let text = response.text();
    assert_eq!(response.status, status, "{text}");
    assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
}

#[test]
fn objects_are_put_listed_read_and_removed() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket("proof-objects");
    let body = bytes(300_000);
    for name in ["a/one", "a/two", "b/three ~+&"] {
        assert_eq!(bucket.put(name, &body).status, 200);
    }
    assert_eq!(bucket.get("a/one").body, body);
    assert_eq!(bucket.get("b/three ~+&").body, body);
    assert_eq!(bucket.list("a/"), ["a/one", "a/two"]);
    assert_eq!(bucket.list("").len(), 3);
    assert_eq!(bucket.put("a/one", b"altered").status, 200);
    assert_eq!(bucket.get("a/one").body, b"altered");
    assert_eq!(bucket.delete("a/one").status, 204);
    refused(&bucket.get("a/one"), 404, "NoSuchKey");
    assert_eq!(bucket.list("a/"), ["a/two"]);
    let nowhere = Bucket::new(weed.endpoint(), Some(weed.admin()), "proof-nowhere");
    refused(&nowhere.get("a/one"), 404, "NoSuchBucket");
}

#[test]
fn who_is_not_known_is_refused() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket(BUCKET);
    assert_eq!(bucket.put("proof-known", b"x").status, 200);
    let as_seen_by = |who: Option<&Credentials>| Bucket::new(weed.endpoint(), who, BUCKET);
    for (who, code) in [
        (Some(weed.impostor()), "SignatureDoesNotMatch"),
        (Some(weed.stranger()), "InvalidAccessKeyId"),
        (None, "AccessDenied"),
    ] {
        let bucket = as_seen_by(who.as_ref());
        refused(&bucket.get("proof-known"), 403, code);
        refused(&bucket.put("proof-known", b"y"), 403, code);
        refused(&bucket.delete("proof-known"), 403, code);
    }
    assert_eq!(bucket.get("proof-known").body, b"x");
}

#[test]
fn the_reader_reads_one_bucket() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket(BUCKET);
    let reader = Bucket::new(weed.endpoint(), Some(weed.reader()), BUCKET);
    assert_eq!(bucket.put("proof-reader/x", b"x").status, 200);
    assert_eq!(reader.get("proof-reader/x").body, b"x");
    assert_eq!(reader.list("proof-reader/"), ["proof-reader/x"]);
    refused(&reader.put("proof-reader/x", b"y"), 403, "AccessDenied");
    refused(&reader.delete("proof-reader/x"), 403, "AccessDenied");
    assert_eq!(bucket.get("proof-reader/x").body, b"x");
    let other = weed.bucket("proof-other");
    assert_eq!(other.put("x", b"x").status, 200);
    let other = Bucket::new(weed.endpoint(), Some(weed.reader()), "proof-other");
    refused(&other.get("x"), 403, "AccessDenied");
    refused(&other.create(), 403, "AccessDenied");
}

#[test]
fn conditions_are_kept() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket("proof-conditions");
    let conditional = |name: &str, body: &[u8]| {
        bucket.request_with("PUT", name, &[], body, &[("if-none-match", "*")])
    };
    assert_eq!(conditional("x", b"first").unwrap().status, 200);
    let second = conditional("x", b"second").unwrap();
    refused(&second, 412, "PreconditionFailed");
    assert_eq!(bucket.get("x").body, b"first");
}

#[test]
fn tls_is_spoken_and_its_authority_counts() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("proof-tls");
    let bucket = Bucket::new(weed.tls_endpoint(), Some(weed.admin()), "proof-tls");
    assert_eq!(bucket.put("x", b"secret").status, 200);
    assert_eq!(bucket.get("x").body, b"secret");
    let directory = tempfile::tempdir().unwrap();
    let other = Certificates::make(directory.path());
    let endpoint = Endpoint::tls(weed.tls_port(), &other.authority);
    let error = Http::new(endpoint).request("GET", "/", b"").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("certificate verify failed"), "{text}");
}

#[test]
fn requests_are_counted_by_the_proxy() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("proof-proxy");
    let proxy = Proxy::http(weed.port());
    let bucket = Bucket::new(proxy.endpoint(), Some(weed.admin()), "proof-proxy");
    let body = vec![7; 2_000_000];
    assert_eq!(bucket.put("x", &body).status, 200);
    assert!(bucket.get("x").body == body);
    assert_eq!(bucket.list(""), ["x"]);
    assert_eq!(bucket.get("y").status, 404);
    let seen: Vec<_> = proxy
        .requests()
        .into_iter()
        .map(|r| (r.method, r.path, r.status))
        .collect();
    let expected = [
        ("PUT", "/proof-proxy/x", 200),
        ("GET", "/proof-proxy/x", 200),
        ("GET", "/proof-proxy?list-type=2&prefix=", 200),
        ("GET", "/proof-proxy/y", 404),
    ]
    .map(|(method, path, status)| (method.to_owned(), path.to_owned(), Some(status)));
    assert_eq!(seen, expected);
}
