//! memcached, in its text protocol.
//!
//! Spoken here: the client that OpenDAL brings puts a connection back among the
//! free ones although an answer is half read, and the next request then gets the
//! value of another key. Here a connection is kept only after an answer that was
//! read to its end and made sense.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _, BufReader};
use url::Url;

use super::stream::{Endpoint, Moving, Pulse};
use super::{Backend, Body, Error, Failure, Page, Put, Result, fault};
use crate::config::stores::{Deadlines, Secret};

/// Longest key, in bytes.
const LONGEST_KEY: usize = 250;
/// Larger times to live are taken for dates.
const LONGEST_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Longest line of an answer, in bytes.
const LINE: u64 = 4096;
/// Bytes sent or read at a time.
const PIECE: usize = 64 << 10;
/// Connections that are kept while nobody needs them.
const FREE: usize = 8;
const PORT: u16 = 11211;

/// See the module.
pub(super) struct MemcachedStore {
    endpoint: Endpoint,
    /// Name and password.
    login: Option<(String, Secret)>,
    ttl: Option<Duration>,
    deadlines: Deadlines,
    free: Mutex<Vec<Link>>,
}

impl MemcachedStore {
    /// `endpoint` is `host:port`, `tcp://host:port` or `unix:///path`.
    ///
    /// # Errors
    ///
    /// [`Failure::Config`].
    pub(super) fn open(
        endpoint: &str,
        login: Option<(&str, &Secret)>,
        ttl: Option<Duration>,
        deadlines: Deadlines,
    ) -> Result<MemcachedStore> {
        Ok(MemcachedStore {
            endpoint: parse(endpoint)?,
            login: login.map(|(name, password)| (name.to_owned(), password.clone())),
            ttl: ttl.filter(|ttl| !ttl.is_zero()),
            deadlines,
            free: Mutex::default(),
        })
    }

    /// A connection: a free one, or a new one that has logged in.
    async fn link(&self) -> Result<Link> {
        loop {
            let free = self
                .free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            match free {
                Some(mut link) => {
                    if link.is_quiet().await {
                        return Ok(link);
                    }
                }
                None => break,
            }
        }
        let stream = self.endpoint.connect(None, &self.deadlines).await?;
        let mut link = Link {
            pulse: stream.pulse(),
            stream: BufReader::with_capacity(PIECE, stream),
            place: self.endpoint.place(),
            deadlines: self.deadlines,
        };
        if let Some((name, password)) = &self.login {
            let words = format!("{name} {}", password.expose());
            let request = format!("set auth 0 0 {}\r\n{words}\r\n", words.len());
            link.send(request.as_bytes()).await?;
            let answer = link.line(0).await?;
            if answer != "STORED" {
                return Err(link.strange(&answer));
            }
        }
        Ok(link)
    }

    /// Keeps a connection whose last answer was complete.
    fn keep(&self, link: Link) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < FREE {
            free.push(link);
        }
    }

    /// A request whose answer is one line.
    async fn ask(&self, request: &str) -> Result<(Link, String)> {
        let mut link = self.link().await?;
        link.send(request.as_bytes()).await?;
        let answer = link.line(0).await?;
        Ok((link, answer))
    }

    /// When what is written now goes, as the protocol has it.
    fn expiry(&self) -> u64 {
        let Some(ttl) = self.ttl else { return 0 };
        if ttl <= LONGEST_TTL {
            return ttl.as_secs().max(1);
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        (now.unwrap_or_default() + ttl).as_secs()
    }
}

#[async_trait]
impl Backend for MemcachedStore {
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>> {
        let (mut link, answer) = self.ask(&format!("get {}\r\n", key(name)?)).await?;
        if answer == "END" {
            self.keep(link);
            return Ok(None);
        }
        // VALUE <key> <flags> <bytes>
        let mut words = answer.split(' ');
        let len = match (words.next(), words.next(), words.next(), words.next()) {
            (Some("VALUE"), Some(found), Some(_), Some(len)) if found == name => len.parse().ok(),
            _ => None,
        };
        let Some(len) = len else {
            return Err(link.strange(&answer));
        };
        link.copy(len, into).await?;
        for end in ["", "END"] {
            let line = link.line(0).await?;
            if line != end {
                return Err(link.strange("a value without an end"));
            }
        }
        self.keep(link);
        Ok(Some(len))
    }

    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put> {
        let len = match &body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(_, len) => *len,
        };
        let verb = if if_absent { "add" } else { "set" };
        let head = format!("{verb} {} 0 {} {len}\r\n", key(name)?, self.expiry());
        let mut link = self.link().await?;
        match body {
            Body::Bytes(bytes) => {
                link.send(head.as_bytes()).await?;
                for piece in bytes.chunks(PIECE) {
                    link.send(piece).await?;
                }
            }
            Body::File(path, len) => {
                let unreadable =
                    |error| Error::broken(&path.display().to_string(), fault::last_cause(&error));
                let mut file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
                link.send(head.as_bytes()).await?;
                let mut left = len;
                let mut piece = vec![0; PIECE];
                while left > 0 {
                    let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                    file.read_exact(&mut piece[..size])
                        .await
                        .map_err(unreadable)?;
                    link.send(&piece[..size]).await?;
                    left -= size as u64;
                }
            }
        }
        link.send(b"\r\n").await?;
        let answer = link.line(len).await?;
        let put = match answer.as_str() {
            "STORED" => Put::Done,
            "NOT_STORED" if if_absent => Put::Exists,
            _ => return Err(link.strange(&answer)),
        };
        self.keep(link);
        Ok(put)
    }

    async fn size(&self, name: &str) -> Result<Option<u64>> {
        let (link, answer) = self.ask(&format!("mg {} s\r\n", key(name)?)).await?;
        let size = match answer.as_str() {
            "EN" => None,
            "ERROR" => {
                // Before 1.6 the length is not to be had without the value.
                drop(link);
                return self.get(name, &mut tokio::io::sink()).await;
            }
            _ => match answer.strip_prefix("HD s").map(str::parse) {
                Some(Ok(size)) => Some(size),
                _ => return Err(link.strange(&answer)),
            },
        };
        self.keep(link);
        Ok(size)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let (link, answer) = self.ask(&format!("delete {}\r\n", key(name)?)).await?;
        match answer.as_str() {
            "DELETED" | "NOT_FOUND" => {
                self.keep(link);
                Ok(())
            }
            _ => Err(link.strange(&answer)),
        }
    }

    async fn list(&self, _prefix: &str, _after: Option<String>) -> Result<Page> {
        let text = format!("{}: memcached does not list", self.endpoint.place());
        Err(Error::new(Failure::Unsupported, text))
    }

    async fn touch(&self, name: &str) -> Result<bool> {
        if self.ttl.is_none() {
            return Ok(false);
        }
        let request = format!("touch {} {}\r\n", key(name)?, self.expiry());
        let (link, answer) = self.ask(&request).await?;
        let touched = match answer.as_str() {
            "TOUCHED" => true,
            "NOT_FOUND" => false,
            _ => return Err(link.strange(&answer)),
        };
        self.keep(link);
        Ok(touched)
    }

    async fn prepare(&self) -> Result<()> {
        let (link, answer) = self.ask("version\r\n").await?;
        if !answer.starts_with("VERSION") {
            return Err(link.strange(&answer));
        }
        self.keep(link);
        Ok(())
    }
}

/// One connection. Whoever gets an error from it drops it.
struct Link {
    stream: BufReader<Moving>,
    pulse: Arc<Pulse>,
    place: String,
    deadlines: Deadlines,
}

impl Link {
    /// Whether the connection stands and nothing unasked for has come.
    async fn is_quiet(&mut self) -> bool {
        let stream = &mut self.stream;
        poll_fn(|context| {
            let waiting = Pin::new(&mut *stream).poll_fill_buf(context).is_pending();
            Poll::Ready(waiting)
        })
        .await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let stall = self.deadlines.stall;
        match tokio::time::timeout(stall, self.stream.get_mut().write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(fault::of_connection(&self.place, &error)),
            Err(_) => Err(Error::late(&self.place, "nothing more taken", stall)),
        }
    }

    /// The next line of an answer, without its end; `len`: bytes that were sent.
    async fn line(&mut self, len: u64) -> Result<String> {
        let mut line = Vec::new();
        let mut stream = (&mut self.stream).take(LINE);
        let read = stream.read_until(b'\n', &mut line);
        let read = self.pulse.watch(&self.place, len, &self.deadlines, read);
        read.await?
            .map_err(|error| fault::of_connection(&self.place, &error))?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None => Err(Error::broken(&self.place, "the connection was closed")),
        }
    }

    /// Writes the next `len` bytes to `into`.
    async fn copy(&mut self, len: u64, into: &mut (dyn AsyncWrite + Unpin + Send)) -> Result<()> {
        let stall = self.deadlines.stall;
        let mut left = len;
        while left > 0 {
            let piece = tokio::time::timeout(stall, self.stream.fill_buf()).await;
            let piece = piece
                .map_err(|_| Error::late(&self.place, "nothing more came", stall))?
                .map_err(|error| fault::of_connection(&self.place, &error))?;
            if piece.is_empty() {
                let text = format!("{} of {len} bytes came", len - left);
                return Err(Error::broken(&self.place, text));
            }
            let size = usize::try_from(left)
                .unwrap_or(piece.len())
                .min(piece.len());
            into.write_all(&piece[..size])
                .await
                .map_err(|error| Error::broken("writing what came", error))?;
            self.stream.consume(size);
            left -= size as u64;
        }
        Ok(())
    }

    /// What an answer says that was not expected.
    fn strange(&self, answer: &str) -> Error {
        let failure = match answer {
            "ERROR" => Failure::Unsupported,
            _ if answer.contains("unauthenticated") || answer.contains("authentication") => {
                Failure::Denied
            }
            _ if answer.contains("too large") => Failure::TooLarge,
            _ if answer.contains("out of memory") => Failure::Full,
            _ if answer.starts_with("SERVER_ERROR") => Failure::Server,
            _ => Failure::Broken,
        };
        let text: String = answer.chars().take(100).collect();
        Error::new(failure, format!("{}: {text}", self.place))
    }
}

/// A name as a key: the protocol ends keys at spaces and lines.
fn key(name: &str) -> Result<&str> {
    let fits = name.len() <= LONGEST_KEY && name.bytes().all(|byte| byte.is_ascii_graphic());
    match fits && !name.is_empty() {
        true => Ok(name),
        false => Err(Error::new(
            Failure::Unsupported,
            format!("{name:?}: memcached's keys are of up to {LONGEST_KEY} bytes without spaces"),
        )),
    }
}

fn parse(endpoint: &str) -> Result<Endpoint> {
    let wrong = |what: &str| Error::config(format!("the endpoint: {what}"));
    let with_scheme = match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false => format!("tcp://{endpoint}"),
    };
    let url = Url::parse(&with_scheme).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "it has credentials in it; they belong into options of their own",
        ));
    }
    match url.scheme() {
        "unix" => Ok(Endpoint::Unix(url.path().into())),
        "tcp" | "memcached" | "memcache" => {
            let host = url.host_str().filter(|host| !host.is_empty());
            let host = host.ok_or_else(|| wrong("it names no host"))?;
            Ok(Endpoint::Tcp {
                host: host
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .to_owned(),
                port: url.port().unwrap_or(PORT),
                tls: false,
            })
        }
        _ => Err(wrong("not one of tcp or unix")),
    }
}
