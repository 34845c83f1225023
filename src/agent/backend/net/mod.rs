//! HTTP requests with a section's deadlines, for all who speak HTTP.

mod body;
mod watch;

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, StatusCode, Url, redirect, retry};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep};

pub(super) use body::Source;

use self::body::Pieces;
use self::watch::{WATCH, Watch, Watched};
use super::{Body, Error, Failure, Result, fault, tls};
use crate::config::stores::Deadlines;

/// How long a connection that nobody uses is kept. Apache closes its after five
/// seconds, most others later; one that was closed is noticed and not used.
const IDLE: Duration = Duration::from_secs(60);
/// Redirections that are followed in a row.
const REDIRECTIONS: usize = 5;
/// Bytes of an error's body that are looked at.
const ERROR_TEXT: u64 = 64 << 10;

/// A client for one server.
#[derive(Clone, Debug)]
pub(super) struct Net {
    client: Client,
    /// `https://host:port`, for messages.
    place: String,
    deadlines: Deadlines,
}

/// The status, headers and body of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Arriving,
}

/// What is put in a request's body.
pub(super) struct Load {
    source: Source,
    len: u64,
}

impl Load {
    pub(super) fn parts(parts: impl IntoIterator<Item = Bytes>) -> Load {
        let parts: std::collections::VecDeque<Bytes> = parts.into_iter().collect();
        Load {
            len: parts.iter().map(|part| part.len() as u64).sum(),
            source: Source::Parts(parts),
        }
    }

    /// # Errors
    ///
    /// [`Failure::Broken`] if the file cannot be opened.
    pub(super) async fn of(body: &Body) -> Result<Load> {
        match body {
            Body::Bytes(bytes) => Ok(Load::parts([bytes.clone()])),
            Body::File(path, len) => {
                let file = tokio::fs::File::open(path).await.map_err(|error| {
                    Error::broken(&path.display().to_string(), fault::last_cause(&error))
                })?;
                Ok(Load {
                    source: Source::File(file),
                    len: *len,
                })
            }
        }
    }
}

impl Net {
    /// A client for the server of `url`. With `credentials` requests are not sent
    /// on to another server, however politely the first one asks.
    ///
    /// # Errors
    ///
    /// [`Failure::Config`] if `ca_file` cannot be used.
    pub(super) fn new(
        url: &Url,
        ca_file: Option<&Path>,
        credentials: bool,
        deadlines: Deadlines,
    ) -> Result<Net> {
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls::client(ca_file)?)
            .connect_timeout(deadlines.connect)
            .connector_layer(Watched)
            .redirect(redirections(credentials))
            // Again is the caller's word.
            .retry(retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("cache/", env!("CARGO_PKG_VERSION")));
        #[cfg(target_os = "linux")]
        {
            // Sent data that nobody acknowledges: the kernel knows, we do not.
            client = client.tcp_user_timeout(deadlines.stall + deadlines.response);
        }
        if is_loopback(url) {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| Error::config(fault::last_cause(&error.without_url())))?;
        Ok(Net {
            client,
            place: place(url),
            deadlines,
        })
    }

    /// The server, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Sends a request and waits for the head of its answer, whatever the status.
    ///
    /// # Errors
    ///
    /// [`Failure::Connect`], [`Failure::Timeout`], [`Failure::Broken`].
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        load: Option<Load>,
    ) -> Result<Answer> {
        let watch = Watch::new(load.as_ref().map_or(0, |load| load.len), &self.deadlines);
        let is_head = method == Method::HEAD;
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(load) = load {
            let pieces = Pieces::new(load.source, load.len, watch.clone());
            request = request.body(reqwest::Body::wrap(pieces));
        }
        let mut call = std::pin::pin!(WATCH.scope(watch.clone(), request.send()));
        let response = loop {
            let (until, what, limit) = watch.deadline(&self.deadlines);
            tokio::select! {
                biased;
                done = &mut call => {
                    break done.map_err(|error| fault::of_request(&self.place, error))?;
                }
                () = tokio::time::sleep_until(until) => {
                    // Something may have happened since.
                    if watch.deadline(&self.deadlines).0 <= Instant::now() {
                        return Err(Error::late(&self.place, what, limit));
                    }
                }
            }
        };
        let status = response.status();
        let headers = response.headers().clone();
        let length = headers
            .get(reqwest::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .filter(|_| !is_head);
        Ok(Answer {
            status,
            headers,
            body: Arriving {
                place: self.place.clone(),
                stall: self.deadlines.stall,
                sleep: Box::pin(tokio::time::sleep(self.deadlines.stall)),
                body: response.into(),
                arrived: 0,
                length,
                ended: false,
            },
        })
    }
}

impl Answer {
    /// The failure that this answer is, with the first words of what the server
    /// says where those are meant for people.
    pub(super) fn failure(&self, what: &str) -> Error {
        let mut text = format!("{}: {what}: {}", self.body.place, self.status);
        if self.status.is_redirection()
            && let Some(host) = self.location_host()
        {
            text.push_str(&format!(": it sends us on to {host}"));
        }
        Error::new(fault::of_status(self.status), text)
    }

    /// Where a redirection leads; without path and query, which may be secret.
    fn location_host(&self) -> Option<String> {
        let location = self.headers.get(reqwest::header::LOCATION)?.to_str().ok()?;
        let url = Url::parse(location).ok()?;
        Some(place(&url))
    }
}

/// The body of an answer as it comes.
pub(super) struct Arriving {
    place: String,
    stall: Duration,
    sleep: Pin<Box<Sleep>>,
    body: reqwest::Body,
    arrived: u64,
    /// Of the `Content-Length` header.
    length: Option<u64>,
    ended: bool,
}

impl Arriving {
    /// The length that was announced, in bytes.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece, `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Failure::Timeout`] if nothing came for the time of a standstill,
    /// [`Failure::Broken`] if the body ends early.
    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(frame) => {
                    self.sleep.as_mut().reset(Instant::now() + self.stall);
                    let piece = match frame {
                        // Trailers and empty pieces say nothing.
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(piece) if !piece.is_empty() => piece,
                            _ => continue,
                        },
                        Some(Err(error)) => {
                            self.ended = true;
                            return Poll::Ready(Some(Err(fault::of_request(&self.place, error))));
                        }
                        None => {
                            self.ended = true;
                            return Poll::Ready(self.check_length().err().map(Err));
                        }
                    };
                    self.arrived += piece.len() as u64;
                    return Poll::Ready(Some(Ok(piece)));
                }
                Poll::Pending => {
                    if self.sleep.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    self.ended = true;
                    let late = Error::late(&self.place, "nothing more came", self.stall);
                    return Poll::Ready(Some(Err(late)));
                }
            }
        }
    }

    fn check_length(&self) -> Result<()> {
        match self.length {
            Some(length) if length != self.arrived => Err(Error::broken(
                &self.place,
                format_args!("{} of {length} bytes came", self.arrived),
            )),
            _ => Ok(()),
        }
    }

    /// The next piece, `None` at the end. Errors as [`Arriving::poll_piece`].
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        // The time that the last piece's taker needed is not the server's.
        self.sleep.as_mut().reset(Instant::now() + self.stall);
        poll_fn(|context| self.poll_piece(context))
            .await
            .transpose()
    }

    /// Writes the body to `into`; its length in bytes.
    pub(super) async fn copy(&mut self, into: &mut (dyn AsyncWrite + Unpin + Send)) -> Result<u64> {
        while let Some(piece) = self.piece().await? {
            into.write_all(&piece)
                .await
                .map_err(|error| Error::broken("writing what came", error))?;
        }
        Ok(self.arrived)
    }

    /// The body, up to `most` bytes of it.
    pub(super) async fn text(&mut self, most: u64) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await? {
            let room = most.saturating_sub(text.len() as u64);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            text.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() >= room {
                break;
            }
        }
        Ok(text)
    }

    /// Reads what is left of a short body, so that the connection can be used
    /// again; of a long one the connection is given up.
    pub(super) async fn discard(&mut self) {
        let _ = self.text(ERROR_TEXT).await;
    }

    /// The beginning of an error's body, empty if none comes.
    pub(super) async fn error_text(&mut self) -> Vec<u8> {
        self.text(ERROR_TEXT).await.unwrap_or_default()
    }
}

/// `https://host:port` of a URL: no credentials, path or query.
pub(super) fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Follows redirections, but with credentials only those to the same server.
fn redirections(credentials: bool) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let before = attempt.previous();
        let same = before
            .last()
            .is_some_and(|from| from.origin() == attempt.url().origin());
        if before.len() > REDIRECTIONS || credentials && !same {
            // The answer comes back as it is: a failure that names the place.
            attempt.stop()
        } else {
            attempt.follow()
        }
    })
}

/// Whether the server is on this machine: no proxy leads there.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A header whose value is not shown.
///
/// # Errors
///
/// [`Failure::Config`] if it holds what a header cannot.
pub(super) fn secret_header(name: &str, value: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Error::new(Failure::Config, format!("{name}: no value of a header")))?;
    value.set_sensitive(true);
    Ok(value)
}
