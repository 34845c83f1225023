//! An HTTP server of a few lines.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// `GET /path`.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Status, further header lines, body.
    Whole(u16, String, Vec<u8>),
    /// A body that is announced in full, of which half is sent; then the connection
    /// is closed.
    Half(Vec<u8>),
    /// The same, and then nothing more.
    Stall(Vec<u8>),
    /// Nothing.
    Silence,
}

impl Reply {
    pub(super) fn status(status: u16) -> Reply {
        Reply::Whole(status, String::new(), Vec::new())
    }

    pub(super) fn body(body: impl Into<Vec<u8>>) -> Reply {
        Reply::Whole(200, String::new(), body.into())
    }
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// Runs until it is dropped.
pub(super) struct Server {
    port: u16,
    log: Arc<Mutex<Vec<Request>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub(super) async fn start(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, writes): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&log));
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&answer), Arc::clone(&writes)));
            }
        });
        Server {
            port,
            log,
            accepting,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked since the last time.
    pub(super) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// The same, as `GET /path`.
    pub(super) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, log: Arc<Mutex<Vec<Request>>>) {
    while let Some(request) = read(&mut stream).await {
        log.lock().unwrap().push(request.clone());
        let (reply, is_head) = (answer(&request), request.method == "HEAD");
        let (status, headers, announced, sent) = match &reply {
            Reply::Silence => return tokio::time::sleep(Duration::from_secs(60)).await,
            Reply::Whole(status, headers, body) => (*status, headers.as_str(), body.len(), body),
            Reply::Half(body) | Reply::Stall(body) => (200, "", body.len(), body),
        };
        let sent = match reply {
            Reply::Whole(..) if is_head => &[],
            Reply::Whole(..) => &sent[..],
            _ => &sent[..sent.len() / 2],
        };
        let length = match status {
            204 => String::new(),
            _ => format!("content-length: {announced}\r\n"),
        };
        let head = format!("HTTP/1.1 {status} Said\r\n{length}{headers}\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(sent);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        match reply {
            Reply::Whole(..) => {}
            Reply::Stall(_) => return tokio::time::sleep(Duration::from_secs(60)).await,
            _ => return,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    let mut words = first.split(' ');
    let mut request = Request {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        head: rest.to_ascii_lowercase(),
        body: bytes.split_off(end + 4),
    };
    let length = request.header("content-length").unwrap_or("0");
    let length: usize = length.parse().unwrap();
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}
