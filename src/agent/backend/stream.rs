//! Bare connections, for protocols other than HTTP, with a section's deadlines.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::{Error, Failure, Result, fault};
use crate::config::stores::Deadlines;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Tcp { host: String, port: u16, tls: bool },
    Unix(PathBuf),
}

impl Endpoint {
    /// For messages.
    pub(super) fn place(&self) -> String {
        match self {
            Endpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
            Endpoint::Unix(path) => path.display().to_string(),
        }
    }

    /// Connects, which takes no longer than `deadlines.connect`: looking up the
    /// name and the greetings of TLS included.
    ///
    /// # Errors
    ///
    /// [`Failure::Connect`], [`Failure::Timeout`].
    pub(super) async fn connect(
        &self,
        tls: Option<&Arc<ClientConfig>>,
        deadlines: &Deadlines,
    ) -> Result<Moving> {
        let place = self.place();
        let made = tokio::time::timeout(deadlines.connect, self.make(tls)).await;
        match made {
            Ok(Ok(stream)) => Ok(Moving {
                stream,
                pulse: Arc::default(),
            }),
            Ok(Err(error)) => {
                let text = format!("{place}: no connection: {}", fault::last_cause(&error));
                Err(Error::new(Failure::Connect, text))
            }
            Err(_) => Err(Error::late(&place, "no connection", deadlines.connect)),
        }
    }

    async fn make(&self, tls: Option<&Arc<ClientConfig>>) -> io::Result<Box<dyn Duplex>> {
        match self {
            Endpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Endpoint::Tcp {
                host,
                port,
                tls: secured,
            } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                match tls.filter(|_| *secured) {
                    None => Ok(Box::new(stream)),
                    Some(config) => {
                        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                        let connector = TlsConnector::from(Arc::clone(config));
                        Ok(Box::new(connector.connect(name, stream).await?))
                    }
                }
            }
        }
    }
}

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// When a connection last moved.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Marks>);

#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    read: Option<Instant>,
    written: Option<Instant>,
    closed: bool,
}

impl Pulse {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The other end has closed the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.marks().closed
    }

    /// Until when a request that began at `started` may wait, unless something
    /// moves, and what for.
    fn deadline(
        &self,
        started: Instant,
        response: Duration,
        stall: Duration,
    ) -> (Instant, &'static str, Duration) {
        let marks = *self.marks();
        match marks.read.filter(|read| *read >= started) {
            Some(read) => (read + stall, "nothing more came", stall),
            None => {
                let sent = marks
                    .written
                    .map_or(started, |written| written.max(started));
                (sent + response, "no answer", response)
            }
        }
    }

    /// Waits for the answer to a request of `len` bytes on this connection: until
    /// the first byte no longer than `deadlines.response` after the last one that
    /// was sent, then no longer than `deadlines.stall` between two of them.
    ///
    /// # Errors
    ///
    /// [`Failure::Timeout`]: the answer may still come; the connection is of no
    /// more use.
    pub(super) async fn watch<T>(
        &self,
        place: &str,
        len: u64,
        deadlines: &Deadlines,
        answer: impl Future<Output = T>,
    ) -> Result<T> {
        let started = Instant::now();
        let response = deadlines.response + slack(len, deadlines);
        let mut answer = std::pin::pin!(answer);
        loop {
            let (until, what, limit) = self.deadline(started, response, deadlines.stall);
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                () = tokio::time::sleep_until(until) => {
                    let later = self.deadline(started, response, deadlines.stall).0;
                    if later <= Instant::now() {
                        return Err(Error::late(place, what, limit));
                    }
                }
            }
        }
    }
}

/// Bytes that the system may take before the network has carried any.
const BUFFERED: u64 = 4 << 20;
/// Bytes that a connection worth having carries in the time of a standstill.
const PER_STALL: u64 = 256 << 10;

/// The time that the network may need for what the system's buffers hold of a
/// request of `len` bytes: that the last byte was taken does not mean it was sent.
pub(super) fn slack(len: u64, deadlines: &Deadlines) -> Duration {
    let share = len.min(BUFFERED) as f64 / PER_STALL as f64;
    deadlines.stall.mul_f64(share)
}

/// A connection that tells its [`Pulse`] of each movement.
pub(super) struct Moving {
    stream: Box<dyn Duplex>,
    pulse: Arc<Pulse>,
}

impl Moving {
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }
}

impl AsyncRead for Moving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining();
        let read = Pin::new(&mut *self.stream).poll_read(context, buffer);
        if let Poll::Ready(result) = &read {
            let mut marks = self.pulse.marks();
            if buffer.filled().len() > before {
                marks.read = Some(Instant::now());
            } else if result.is_err() || room > 0 {
                marks.closed = true;
            }
        }
        read
    }
}

impl AsyncWrite for Moving {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.stream).poll_write(context, bytes);
        if let Poll::Ready(result) = &written {
            let mut marks = self.pulse.marks();
            match result {
                Ok(_) => marks.written = Some(Instant::now()),
                Err(_) => marks.closed = true,
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}
