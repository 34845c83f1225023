//! A very small HTTP/1.1 client, to look at and alter what is on a server without
//! the program under test.

#![allow(
    dead_code,
    reason = "a kit: not every part is used by some test at all times"
)]

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::wire::{Endpoint, Wire};

/// A server and the headers that go with each request.
#[derive(Clone, Debug)]
pub struct Http {
    endpoint: Endpoint,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// Names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body, for messages and for looking something up in it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

impl Http {
    /// Without credentials.
    pub fn new(endpoint: Endpoint) -> Http {
        Http {
            endpoint,
            headers: Vec::new(),
        }
    }

    /// With a header more.
    pub fn header(mut self, name: &str, value: &str) -> Http {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a name and a password.
    pub fn basic(self, user: &str, password: &str) -> Http {
        let value = base64(format!("{user}:{password}").as_bytes());
        self.header("authorization", &format!("Basic {value}"))
    }

    /// With a bearer token.
    pub fn bearer(self, token: &str) -> Http {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Opens a connection for several requests.
    pub fn connect(&self) -> io::Result<Connection> {
        Ok(Connection {
            wire: BufReader::new(self.endpoint.connect()?),
            host: self.endpoint.authority(),
            headers: self.headers.clone(),
        })
    }

    /// One request on a connection of its own. `Err` is for broken connections and
    /// answers that end early; a refusal is an answer.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Response> {
        self.clone()
            .header("connection", "close")
            .connect()?
            .request(method, path, body)
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, b"").unwrap()
    }

    /// Puts `body` at `path`.
    pub fn put(&self, path: &str, body: &[u8]) -> Response {
        self.request("PUT", path, body).unwrap()
    }

    /// Removes what is at `path`.
    pub fn delete(&self, path: &str) -> Response {
        self.request("DELETE", path, b"").unwrap()
    }
}

/// A connection that is kept.
pub struct Connection {
    wire: BufReader<Wire>,
    host: String,
    headers: Vec<(String, String)>,
}

impl Connection {
    /// Sends a request and waits for its answer.
    pub fn request(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Response> {
        self.send(method, path, body)?;
        self.answer(method)
    }

    /// Sends a request.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<()> {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if find(&self.headers, "host").is_none() {
            request += &format!("host: {}\r\n", self.host);
        }
        for (name, value) in &self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method == "PUT" {
            request += &format!("content-length: {}\r\n", body.len());
        }
        let mut bytes = (request + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        let wire = self.wire.get_mut();
        wire.write_all(&bytes)?;
        wire.flush()
    }

    /// Reads an answer to a request of this method.
    pub fn answer(&mut self, method: &str) -> io::Result<Response> {
        let start = self.line()?;
        let status = start
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| nonsense(&start))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| nonsense(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let body = match method {
            "HEAD" => Vec::new(),
            _ if matches!(status, 204 | 304) => Vec::new(),
            _ => self.body(&headers)?,
        };
        Ok(Response {
            status,
            headers,
            body,
        })
    }

    fn body(&mut self, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if find(headers, "transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line()?;
                let length = usize::from_str_radix(line.trim(), 16).map_err(|_| nonsense(&line))?;
                self.exactly(length, &mut body)?;
                let end = self.line()?;
                if length == 0 {
                    return Ok(body);
                }
                if !end.is_empty() {
                    return Err(nonsense(&end));
                }
            }
        }
        match find(headers, "content-length") {
            Some(length) => {
                let length = length.parse().map_err(|_| nonsense(length))?;
                self.exactly(length, &mut body)?;
            }
            None => {
                self.wire.read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    fn exactly(&mut self, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let before = into.len();
        let read = (&mut self.wire).take(length as u64).read_to_end(into)?;
        if read < length {
            let text = format!("the body ends after {} bytes", before + read);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.wire.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            let text = format!("the head ends after {:?}", String::from_utf8_lossy(&line));
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(|_| nonsense("bytes in the head"))
    }
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |n, at| {
            n << 8 | u32::from(group.get(at).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            match digit <= group.len() {
                true => text.push(DIGITS[(number >> (18 - 6 * digit)) as usize & 63] as char),
                false => text.push('='),
            }
        }
    }
    text
}

#[test]
fn base64_as_in_rfc_4648() {
    for (plain, coded) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(plain.as_bytes()), coded);
    }
}
