//! A proxy on loopback that does what networks and tired servers do, the same way
//! each time, and counts what passes.
//!
//! ```text
//! client <-> accept thread -> one thread per connection <-> server
//!                |                    |
//!              rules, log, open connections (State)
//! ```
//!
//! A proxy for HTTP knows where requests and answers begin and end, also on
//! connections that are kept: it logs each request and can spoil bodies. A raw one
//! is for all else (Redis, TLS): what stands for a request there is whatever the
//! client says until the server answers.

#![allow(
    dead_code,
    reason = "a kit: not every part is used by some test at all times"
)]

mod answer;
mod dead;
mod http;
mod message;
mod raw;

pub use dead::DeadPort;

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use crate::servers::free_ports;
use crate::wire::Endpoint;

/// How long the kernel's queue of connections not yet accepted may be.
const BACKLOG: i32 = 128;

/// What goes wrong. Numbers of bytes are exact as long as they fit into the
/// client's receive buffer (some 100 KB) or the client reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The port is closed, and what was open is reset. For [`Proxy::set`] only.
    Refuse,
    /// What is sent is taken, the server never sees it, nothing answers.
    BlackHole,
    /// The first byte of the answer comes so much later.
    Delay(Duration),
    /// After so many bytes of the answer, head included, the connection is reset.
    ResetAfter(u64),
    /// After so many bytes of the answer, head included, the proxy ends its half of
    /// the connection in good order; it goes on to read.
    HalfCloseAfter(u64),
    /// After so many bytes of the answer, head included, nothing more comes.
    StallAfter(u64),
    /// After so many bytes of the body the connection is closed in good order,
    /// though the head has promised more.
    TruncateBody(u64),
    /// The body has only so many bytes, and the head says so: a sound answer with a
    /// part of the object. HTTP with a length only.
    ShortenBody(u64),
    /// The byte at this place of the body is another one.
    CorruptBody(u64),
    /// The server is not asked: the whole request is read and answered with this
    /// status. HTTP only.
    Answer(u16),
    /// As [`Fault::Answer`], with this for S3's code of the error.
    Code(u16, &'static str),
    /// As [`Fault::Answer`], but without reading the body: the connection is closed.
    AnswerEarly(u16),
}

/// Which requests a fault is for.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    method: Option<String>,
    path: Option<String>,
    skip: u32,
    times: Option<u32>,
}

impl Rule {
    /// For all requests.
    pub fn new(fault: Fault) -> Rule {
        Rule {
            fault,
            method: None,
            path: None,
            skip: 0,
            times: None,
        }
    }

    /// Only for requests of this method.
    pub fn method(mut self, method: &str) -> Rule {
        self.method = Some(method.into());
        self
    }

    /// Only for requests whose target has `part` in it.
    pub fn path(mut self, part: &str) -> Rule {
        self.path = Some(part.into());
        self
    }

    /// Not for the first `number` of those that it is for.
    pub fn skip(mut self, number: u32) -> Rule {
        self.skip = number;
        self
    }

    /// For so many requests at most.
    pub fn times(mut self, number: u32) -> Rule {
        self.times = Some(number);
        self
    }

    /// Whether this is for the request, which then counts.
    fn takes(&mut self, method: &str, path: &str) -> bool {
        let meant = self.method.as_deref().is_none_or(|m| m == method)
            && self.path.as_deref().is_none_or(|part| path.contains(part))
            && self.times != Some(0);
        if meant && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let (true, Some(times)) = (meant, &mut self.times) {
            *times -= 1;
        }
        meant
    }
}

/// A request that came to a proxy for HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Of the answer, be it the server's or the proxy's own; `None`: there was none.
    pub status: Option<u16>,
    /// Number of the connection, from 0.
    pub connection: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Raw,
}

/// A running proxy. All of it ends when it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the threads of a proxy have in common.
struct Shared {
    listener: TcpListener,
    address: SocketAddr,
    target: SocketAddr,
    protocol: Protocol,
    state: Mutex<State>,
    /// The state has changed.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closing: bool,
    refusing: bool,
    rules: Vec<Rule>,
    connections: u64,
    requests: Vec<Request>,
    /// Open sockets of each connection, the client's first. They must be given up
    /// before a reset: only the last owner's close sends it.
    open: HashMap<u64, Vec<Arc<TcpStream>>>,
    workers: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before the HTTP server at this port of loopback.
    pub fn http(target: u16) -> Proxy {
        Proxy::start(target, Protocol::Http)
    }

    /// A proxy before whatever listens at this port of loopback.
    pub fn raw(target: u16) -> Proxy {
        Proxy::start(target, Protocol::Raw)
    }

    fn start(target: u16, protocol: Protocol) -> Proxy {
        // A port that was asked for by number stays bound while it is closed.
        let listener = loop {
            let [port] = free_ports();
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                break listener;
            }
        };
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            listener,
            target: SocketAddr::from(([127, 0, 0, 1], target)),
            protocol,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        Proxy {
            shared,
            acceptor: Some(std::thread::spawn(move || accept(&for_thread))),
        }
    }

    /// The port to use instead of the server's.
    pub fn port(&self) -> u16 {
        self.shared.address.port()
    }

    /// The proxy as a plain server.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Plain(self.shared.address)
    }

    /// From now on every request meets this fault; earlier rules are gone. Answers
    /// that are under way go on as they began, except under [`Fault::Refuse`].
    pub fn set(&self, fault: Fault) {
        let mut state = self.shared.lock();
        state.rules.clear();
        let refuse = fault == Fault::Refuse;
        if !refuse {
            self.shared.check(fault);
            state.rules.push(Rule::new(fault));
        }
        let was_refusing = std::mem::replace(&mut state.refusing, refuse);
        // The socket stays bound, so that nobody else gets the port meanwhile.
        match (was_refusing, refuse) {
            (false, true) => {
                rustix::net::shutdown(&self.shared.listener, rustix::net::Shutdown::Read).unwrap();
            }
            (true, false) => rustix::net::listen(&self.shared.listener, BACKLOG).unwrap(),
            _ => {}
        }
        self.shared.changed.notify_all();
        drop(state);
        if refuse {
            self.cut();
        }
    }

    /// A rule more, after the earlier ones: the first that is for a request decides.
    pub fn add(&self, rule: Rule) {
        self.shared.check(rule.fault);
        self.shared.lock().rules.push(rule);
    }

    /// Resets all connections that are open now.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        let cut: Vec<u64> = state.open.keys().copied().collect();
        for sockets in state.open.values() {
            let Some((client, server)) = sockets.split_first() else {
                continue;
            };
            let _ = set_socket_linger(client, Some(Duration::ZERO));
            // Wakes the thread that has it, without a word to the client.
            let _ = client.shutdown(Shutdown::Read);
            server.iter().for_each(|server| {
                let _ = server.shutdown(Shutdown::Both);
            });
        }
        let start = Instant::now();
        while cut.iter().any(|number| state.open.contains_key(number)) {
            assert!(start.elapsed() < PATIENCE, "a connection is not given up");
            state = self.shared.wait(state, Duration::from_secs(1));
        }
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// The requests so far. One is here before its answer is sent.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Number of requests of this method so far.
    pub fn count(&self, method: &str) -> usize {
        let state = self.shared.lock();
        state.requests.iter().filter(|r| r.method == method).count()
    }

    /// Forgets requests and connections counted so far.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.requests.clear();
        state.connections = 0;
    }
}

/// How long a thread may take to notice something.
const PATIENCE: Duration = Duration::from_secs(30);

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing = true;
        for socket in state.open.values().flatten() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        let _ = rustix::net::shutdown(&self.shared.listener, rustix::net::Shutdown::Read);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let workers = std::mem::take(&mut self.shared.lock().workers);
        for worker in workers {
            let _ = worker.join();
        }
    }
}

/// Accepts until the proxy closes. While it refuses, the listener is none.
fn accept(shared: &Arc<Shared>) {
    let mut number = 0;
    loop {
        let accepted = shared.listener.accept();
        let mut state = shared.lock();
        if state.closing {
            return;
        }
        if state.refusing {
            // Accepted just before the port closed: reset as what was queued.
            if let Ok((client, _)) = accepted {
                let _ = set_socket_linger(&client, Some(Duration::ZERO));
            }
            while state.refusing && !state.closing {
                state = shared.wait(state, PATIENCE);
            }
            continue;
        }
        let Ok((client, _)) = accepted else { continue };
        let _ = client.set_nodelay(true);
        let client = Arc::new(client);
        state.connections += 1;
        state.open.insert(number, vec![Arc::clone(&client)]);
        state.workers.retain(|worker| !worker.is_finished());
        let worker = Arc::clone(shared);
        state.workers.push(std::thread::spawn(move || {
            let end = match worker.protocol {
                Protocol::Http => http::serve(&worker, number, &client),
                Protocol::Raw => raw::serve(&worker, number, &client),
            };
            if end == answer::End::Reset {
                let _ = set_socket_linger(&client, Some(Duration::ZERO));
            }
            let given_up = worker.lock().open.get_mut(&number).map(std::mem::take);
            drop((given_up, client));
            // Whoever waits for the end of the connection is told after the close.
            worker.lock().open.remove(&number);
            worker.changed.notify_all();
        }));
        number += 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked has failed its test; the others go on.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, time);
        waited.unwrap_or_else(|e| e.into_inner()).0
    }

    /// Panics if this proxy cannot do that.
    fn check(&self, fault: Fault) {
        let http_only = matches!(
            fault,
            Fault::Answer(_) | Fault::Code(..) | Fault::AnswerEarly(_) | Fault::ShortenBody(_)
        );
        assert!(
            self.protocol == Protocol::Http || !http_only,
            "a raw proxy has no answers of its own"
        );
        assert!(fault != Fault::Refuse, "no single request can be refused");
    }

    /// What happens to this request.
    fn fault(&self, method: &str, path: &str) -> Fault {
        let mut state = self.lock();
        let rule = state.rules.iter_mut().find_map(|rule| {
            let takes = rule.takes(method, path);
            takes.then_some(rule.fault)
        });
        rule.unwrap_or(Fault::None)
    }

    /// Connects to the server on behalf of a connection.
    fn connect(&self, number: u64) -> io::Result<Arc<TcpStream>> {
        let server = TcpStream::connect(self.target)?;
        let _ = server.set_nodelay(true);
        let server = Arc::new(server);
        let mut state = self.lock();
        let closing = state.closing;
        match state.open.get_mut(&number) {
            Some(sockets) if !closing => sockets.push(Arc::clone(&server)),
            _ => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        Ok(server)
    }

    /// Waits that long; `false`: the proxy closes.
    fn pause(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.closing {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.wait(state, left);
        }
        false
    }
}
