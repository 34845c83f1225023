//! S3 as far as the tests need it, signed here: to look into a bucket and to alter
//! it behind the back of the program under test.

#![allow(
    dead_code,
    reason = "a kit: not every part is used by some test at all times"
)]

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::http::{Http, Response};
use crate::wire::Endpoint;

/// The region that the servers here go by.
pub const REGION: &str = "us-east-1";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub access: String,
    pub secret: String,
}

/// A bucket as somebody sees it.
#[derive(Clone, Debug)]
pub struct Bucket {
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    name: String,
}

impl Bucket {
    /// The bucket `name`, which need not exist; `None` asks without a signature.
    pub fn new(endpoint: Endpoint, credentials: Option<&Credentials>, name: &str) -> Bucket {
        Bucket {
            endpoint,
            credentials: credentials.cloned(),
            name: name.into(),
        }
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the bucket.
    pub fn create(&self) -> Response {
        self.request("PUT", "", &[], b"").unwrap()
    }

    /// An object.
    pub fn get(&self, object: &str) -> Response {
        self.request("GET", object, &[], b"").unwrap()
    }

    /// Stores an object.
    pub fn put(&self, object: &str, body: &[u8]) -> Response {
        self.request("PUT", object, &[], body).unwrap()
    }

    /// Removes an object.
    pub fn delete(&self, object: &str) -> Response {
        self.request("DELETE", object, &[], b"").unwrap()
    }

    /// The names of all objects below `prefix`; panics when refused.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut query = vec![("list-type", "2".to_owned()), ("prefix", prefix.to_owned())];
        loop {
            let page = self.request("GET", "", &query, b"").unwrap();
            let text = page.text();
            assert_eq!(page.status, 200, "{text}");
            names.extend(elements(&text, "Key").map(str::to_owned));
            let Some(next) = elements(&text, "NextContinuationToken").next() else {
                return names;
            };
            query.truncate(2);
            query.push(("continuation-token", next.to_owned()));
        }
    }

    /// One request about `object`, or about the bucket itself if that is empty.
    pub fn request(
        &self,
        method: &str,
        object: &str,
        query: &[(&str, String)],
        body: &[u8],
    ) -> io::Result<Response> {
        self.request_with(method, object, query, body, &[])
    }

    /// As [`Bucket::request`], with headers more, which are not signed.
    pub fn request_with(
        &self,
        method: &str,
        object: &str,
        query: &[(&str, String)],
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> io::Result<Response> {
        let path = match object {
            "" => format!("/{}", self.name),
            _ => format!("/{}/{}", self.name, escape(object, true)),
        };
        let mut pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name, false), escape(value, false)))
            .collect();
        pairs.sort();
        let query = pairs.join("&");
        let mut http = match &self.credentials {
            None => Http::new(self.endpoint.clone()),
            Some(credentials) => self.signed(credentials, method, &path, &query, body),
        };
        for (name, value) in headers {
            http = http.header(name, value);
        }
        let target = match query.as_str() {
            "" => path,
            _ => format!("{path}?{query}"),
        };
        http.request(method, &target, body)
    }

    /// Signature version 4 in a header:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
    fn signed(
        &self,
        credentials: &Credentials,
        method: &str,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Http {
        let host = self.endpoint.authority();
        let time = jiff::Timestamp::now()
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        let digest = hex(&Sha256::digest(body));
        let names = "host;x-amz-content-sha256;x-amz-date";
        let canonical = format!(
            "{method}\n{path}\n{query}\n\
             host:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{time}\n\n\
             {names}\n{digest}"
        );
        let (scope, signature) = signature(&credentials.secret, &time, &canonical);
        Http::new(self.endpoint.clone())
            .header("host", &host)
            .header("x-amz-content-sha256", &digest)
            .header("x-amz-date", &time)
            .header(
                "authorization",
                &format!(
                    "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, \
                     Signature={signature}",
                    credentials.access
                ),
            )
    }
}

/// Scope and signature of a canonical request.
fn signature(secret: &str, time: &str, canonical: &str) -> (String, String) {
    let date = &time[..8];
    let scope = format!("{date}/{REGION}/s3/aws4_request");
    let digest = hex(&Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
    let key = [date, REGION, "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            hmac(&key, part)
        });
    (scope, hex(&hmac(&key, &text)))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent signs for all but the unreserved characters, and slashes in a path.
fn escape(text: &str, path: bool) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(byte as char);
            }
            b'/' if path => escaped.push('/'),
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

/// What stands in the elements of this name. The names of objects here need no
/// unescaping.
fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open)
        .skip(1)
        .filter_map(move |rest| rest.split(&close).next())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The example of the specification: GET of the first bytes of an object.
#[test]
fn signature_as_in_the_specification() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let time = "20130524T000000Z";
    let canonical = format!(
        "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n\
         x-amz-content-sha256:{empty}\nx-amz-date:{time}\n\n\
         host;range;x-amz-content-sha256;x-amz-date\n{empty}"
    );
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_eq!(
        signature(secret, time, &canonical).1,
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}
