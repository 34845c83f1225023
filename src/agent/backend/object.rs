//! Object stores by way of OpenDAL: S3, Google Cloud Storage, Azure Blob.
//!
//! OpenDAL knows the protocols and signatures; the requests go through [`Net`],
//! and what a failed one means is decided here, where the answer is still whole.
//! None of its layers is used, so nothing is tried twice.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use opendal::{Buffer, ErrorKind, HttpBody, HttpTransport, HttpTransporter, Lister};
use opendal::{OperationContext, Operator, Writer};
use reqwest::{StatusCode, Url};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::net::{Answer, Arriving, Load, Net};
use super::{Backend, Body, Error, Failure, Listed, Page, Put, Result, fault};

/// Up to this many bytes an object is sent in one request, above in parts of this
/// size.
const PART: usize = 8 << 20;
/// Objects on one page of a listing.
const PAGE: usize = 1000;
/// Listings that are kept open between pages.
const OPEN_LISTINGS: usize = 4;
/// An object that is not there: asking for it says whether the place is.
const PROBE: &str = "cache-probe";

/// An object store.
pub(super) struct Objects {
    operator: Operator,
    place: String,
    /// The server knows no conditional put.
    unconditional: AtomicBool,
    /// Listings that were begun, each with the name to go on after. One that is not
    /// here any more is begun anew behind that name.
    listings: Mutex<Vec<(String, Lister)>>,
}

impl Objects {
    /// # Errors
    ///
    /// [`Failure::Config`] if the service cannot be built.
    pub(super) fn new(service: impl opendal::Builder, net: Net) -> Result<Objects> {
        let place = net.place().to_owned();
        let operator = Operator::new(service).map_err(|error| {
            // Its message; the context of an error may quote settings.
            Error::config(format!("{place}: {}", error.message()))
        })?;
        let context = OperationContext::new().with_http_transport(transporter(net));
        Ok(Objects {
            operator: operator.with_context(context),
            place,
            unconditional: AtomicBool::new(false),
            listings: Mutex::default(),
        })
    }

    fn error(&self, error: opendal::Error) -> Error {
        of_opendal(&self.place, error)
    }

    async fn write(
        &self,
        name: &str,
        body: &Body,
        if_absent: bool,
    ) -> std::result::Result<(), Fault> {
        let writer = self.operator.writer_with(name).if_not_exists(if_absent);
        let mut writer = writer.await?;
        let written = match self.fill(&mut writer, body).await {
            Ok(()) => writer.close().await.map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        match written {
            Ok(_) => Ok(()),
            Err(fault) => {
                // Parts that were sent would be kept and paid for.
                let _ = writer.abort().await;
                Err(fault)
            }
        }
    }

    /// Hands over the body in parts; up to one part nothing is sent yet.
    async fn fill(&self, writer: &mut Writer, body: &Body) -> std::result::Result<(), Fault> {
        match body {
            Body::Bytes(bytes) => {
                let mut rest = bytes.clone();
                loop {
                    let part = rest.split_to(rest.len().min(PART));
                    writer.write(part).await?;
                    if rest.is_empty() {
                        return Ok(());
                    }
                }
            }
            Body::File(path, len) => {
                let unreadable =
                    |error| Error::broken(&path.display().to_string(), fault::last_cause(&error));
                let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
                let mut left = *len;
                loop {
                    let size = usize::try_from(left).unwrap_or(PART).min(PART);
                    let mut part = BytesMut::zeroed(size);
                    file.read_exact(&mut part).await.map_err(unreadable)?;
                    writer.write(part.freeze()).await?;
                    left -= size as u64;
                    if left == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn listings(&self) -> MutexGuard<'_, Vec<(String, Lister)>> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The listing of `prefix` that goes on after a name, and up to which name it
    /// has to be skipped.
    async fn lister(
        &self,
        prefix: &str,
        after: Option<String>,
    ) -> Result<(Lister, Option<String>)> {
        if let Some(after) = &after {
            let mut listings = self.listings();
            if let Some(at) = listings.iter().position(|(name, _)| name == after) {
                return Ok((listings.remove(at).1, None));
            }
        }
        let can_start = self.operator.info().capability().list_with_start_after;
        let path = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let options = opendal::options::ListOptions {
            recursive: true,
            start_after: after.clone().filter(|_| can_start),
            ..Default::default()
        };
        let lister = self.operator.lister_options(&path, options).await;
        Ok((lister.map_err(|error| self.error(error))?, after))
    }
}

#[async_trait]
impl Backend for Objects {
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>> {
        let reader = self.operator.reader(name).await;
        let reader = reader.map_err(|error| self.error(error))?;
        let stream = match reader.into_stream(..).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        let mut stream = pin!(stream);
        let mut len = 0;
        while let Some(pieces) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            match pieces {
                Ok(pieces) => {
                    for piece in pieces {
                        len += piece.len() as u64;
                        into.write_all(&piece)
                            .await
                            .map_err(|error| Error::broken("writing what came", error))?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound && len == 0 => return Ok(None),
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(Some(len))
    }

    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put> {
        let conditional = if_absent && !self.unconditional.load(Ordering::Relaxed);
        let fault = match self.write(name, &body, conditional).await {
            Ok(()) => return Ok(Put::Done),
            Err(fault) => fault,
        };
        if conditional && fault.is_condition() {
            return Ok(Put::Exists);
        }
        let error = fault.into_error(&self.place);
        if conditional && error.failure == Failure::Unsupported {
            // Older servers know no conditions on a put; found out once.
            self.unconditional.store(true, Ordering::Relaxed);
            return match self.write(name, &body, false).await {
                Ok(()) => Ok(Put::Done),
                Err(fault) => Err(fault.into_error(&self.place)),
            };
        }
        Err(error)
    }

    async fn size(&self, name: &str) -> Result<Option<u64>> {
        match self.operator.stat(name).await {
            Ok(metadata) => Ok(Some(metadata.content_length())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    async fn delete(&self, name: &str) -> Result<()> {
        match self.operator.delete(name).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.error(error)),
            _ => Ok(()),
        }
    }

    async fn list(&self, prefix: &str, after: Option<String>) -> Result<Page> {
        let (mut lister, skip) = self.lister(prefix, after).await?;
        let mut page = Page::default();
        while page.objects.len() < PAGE {
            let next = poll_fn(|context| Pin::new(&mut lister).poll_next(context)).await;
            let Some(entry) = next else {
                return Ok(page);
            };
            let (name, metadata) = entry.map_err(|error| self.error(error))?.into_parts();
            if !metadata.is_file() || skip.as_ref().is_some_and(|skip| name <= *skip) {
                continue;
            }
            page.objects.push(Listed {
                name,
                size: metadata.content_length(),
                modified: metadata.last_modified().map(SystemTime::from),
            });
        }
        page.next = page.objects.last().map(|last| last.name.clone());
        if let Some(next) = &page.next {
            let mut listings = self.listings();
            if listings.len() == OPEN_LISTINGS {
                listings.remove(0);
            }
            listings.push((next.clone(), lister));
        }
        Ok(page)
    }

    async fn touch(&self, _name: &str) -> Result<bool> {
        Ok(false)
    }

    /// Asks for an object that is not there. A GET: only its answer says in words
    /// what is wrong.
    async fn prepare(&self) -> Result<()> {
        self.get(PROBE, &mut tokio::io::sink()).await.map(drop)
    }
}

/// What went wrong with a put: on the way to OpenDAL, or there.
enum Fault {
    Ours(Error),
    Theirs(opendal::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Ours(error)
    }
}

impl From<opendal::Error> for Fault {
    fn from(error: opendal::Error) -> Fault {
        Fault::Theirs(error)
    }
}

impl Fault {
    fn is_condition(&self) -> bool {
        matches!(self, Fault::Theirs(error) if error.kind() == ErrorKind::ConditionNotMatch)
    }

    fn into_error(self, place: &str) -> Error {
        match self {
            Fault::Ours(error) => error,
            Fault::Theirs(error) => of_opendal(place, error),
        }
    }
}

/// What an error of OpenDAL is called here: ours if it went through [`Transport`].
pub(super) fn of_opendal(place: &str, error: opendal::Error) -> Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return Error::new(ours.failure, ours.text.clone());
        }
        if let Some(theirs) = inner.downcast_ref::<reqsign_core::Error>()
            && theirs.kind() == reqsign_core::ErrorKind::CredentialInvalid
        {
            let text = format!("{place}: no credentials, or ones that cannot be used");
            return Error::new(Failure::Denied, text);
        }
        source = inner.source();
    }
    let failure = match error.kind() {
        ErrorKind::PermissionDenied => Failure::Denied,
        ErrorKind::ConfigInvalid => Failure::Config,
        // Of an object that is read, that is no failure; to write or list needs a bucket.
        ErrorKind::NotFound => Failure::NoPlace,
        ErrorKind::Unsupported => Failure::Unsupported,
        ErrorKind::RateLimited | ErrorKind::Conflict => Failure::Server,
        _ => Failure::Broken,
    };
    // Not the whole of it: the context holds URLs, and those signatures.
    let text = match error.message() {
        text if text.starts_with(place) => text.to_owned(),
        text => format!("{place}: {text}"),
    };
    Error::new(failure, text)
}

/// What OpenDAL sends its requests with.
pub(super) fn transporter(net: Net) -> HttpTransporter {
    HttpTransporter::new(Transport(net))
}

struct Transport(Net);

impl HttpTransport for Transport {
    async fn fetch(
        &self,
        request: http::Request<Buffer>,
    ) -> opendal::Result<http::Response<HttpBody>> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| {
            // Not quoted: it may be signed.
            opendal::Error::new(ErrorKind::Unexpected, "a request without a proper URL")
        })?;
        let load = (!body.is_empty()).then(|| Load::parts(body));
        let answer = self.0.send(parts.method, url, parts.headers, load).await;
        let mut answer = answer.map_err(theirs)?;
        if !answer.status.is_success() {
            return Err(refusal(&mut answer).await);
        }
        let mut response = http::Response::builder().status(answer.status);
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers;
        }
        let length = answer.body.length();
        let body = HttpBody::new(Pieces(answer.body), length);
        response.extension(parts.uri).body(body).map_err(|_| {
            opendal::Error::new(ErrorKind::Unexpected, "an answer without a proper head")
        })
    }
}

/// Our error, carried through OpenDAL.
fn theirs(error: Error) -> opendal::Error {
    opendal::Error::new(ErrorKind::Unexpected, error.text.clone()).set_source(error)
}

/// What an answer that is no success says.
async fn refusal(answer: &mut Answer) -> opendal::Error {
    let text = answer.body.error_text().await;
    let text = String::from_utf8_lossy(&text);
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    // Azure names it in a header too: the answer to a HEAD has no body.
    let code = between(&text, "<Code>", "</Code>").or_else(|| header("x-ms-error-code"));
    let mut error = answer.failure(code.unwrap_or("refused"));
    if let Some(failure) = code.and_then(fault::of_code) {
        error.failure = failure;
    } else if text.contains("bucket does not exist") {
        // Google says it in JSON, and this only in its message.
        error.failure = Failure::NoPlace;
    }
    if let Some(region) = header("x-amz-bucket-region")
        && error.failure == Failure::Config
    {
        error.text.push_str(&format!("; the bucket is in {region}"));
    }
    let is_condition = answer.status == StatusCode::PRECONDITION_FAILED
        || matches!(code, Some("BlobAlreadyExists" | "PreconditionFailed"));
    if is_condition {
        return opendal::Error::new(ErrorKind::ConditionNotMatch, error.text);
    }
    if answer.status == StatusCode::NOT_FOUND && error.failure != Failure::NoPlace {
        return opendal::Error::new(ErrorKind::NotFound, error.text);
    }
    theirs(error)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    let (inside, _) = rest.split_once(end)?;
    // What is no code is not for messages.
    inside
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then_some(inside)
}

/// The body of an answer, as OpenDAL takes it.
struct Pieces(Arriving);

impl Stream for Pieces {
    type Item = opendal::Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = self.0.poll_piece(context);
        piece.map(|piece| piece.map(|piece: Result<Bytes>| piece.map(Buffer::from).map_err(theirs)))
    }
}
