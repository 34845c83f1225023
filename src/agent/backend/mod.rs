//! What the agent asks of a server, in terms of whole objects.
//!
//! | module | speaks to |
//! | --- | --- |
//! | `s3`, `cloud` | S3, Google Cloud Storage, Azure Blob; both on `object` (OpenDAL) |
//! | `http` | HTTP, WebDAV, Bazel's `/ac/` |
//! | `redis` | Redis, Valkey, their clusters |
//! | `memcached` | memcached |
//! | `directory` | a directory that several machines share |
//!
//! Below them: `net` (HTTP requests with the section's deadlines), `stream`
//! (bare connections with the same), `tls`, `fault` (what an error is called).
//!
//! Nothing here tries twice: whether a request is worth another one is for the
//! caller to say, who knows what waits for it.

mod cloud;
mod directory;
mod fault;
mod http;
mod memcached;
mod net;
mod object;
mod redis;
mod s3;
mod stream;
mod tls;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::config::stores::{Service, StoreConfig};

/// Why a server did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No connection: refused, unknown host, TLS.
    Connect,
    /// A deadline passed.
    Timeout,
    /// Not allowed: 401, 403, wrong secret, NOAUTH.
    Denied,
    /// The bucket or database is not there.
    NoPlace,
    /// No room for more: 507, quota, OOM.
    Full,
    /// No room for this one, ever: 413, the largest item of memcached.
    TooLarge,
    /// 5xx and the like; may pass.
    Server,
    /// The connection broke or the answer makes no sense.
    Broken,
    /// The server cannot do this at all (LIST on plain HTTP).
    Unsupported,
    /// The section's settings cannot be used.
    Config,
}

/// A failed request. `text` says it in words, without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    pub failure: Failure,
    pub text: String,
}

/// `Ok` of a request or its [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What to put.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Bytes),
    /// A file and its length, sent in pieces.
    File(PathBuf, u64),
}

/// What became of a conditional put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Done,
    /// Something is there already and was to be left alone.
    Exists,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub size: u64,
    /// When it was written or touched; `None`: the server does not say.
    pub modified: Option<SystemTime>,
}

/// Some objects of a listing, and where it goes on.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub objects: Vec<Listed>,
    /// To be handed back for the next page; `None`: that was the last.
    pub next: Option<String>,
}

/// A place for objects. Names are ASCII paths (`prefix/ab/abcdef...`) without `..`.
/// Each of [`Backend::get`], [`Backend::put`], [`Backend::size`] and
/// [`Backend::delete`] is one request where the server's protocol allows it; none
/// lists. Deadlines are those of the section: connection, first byte, progress.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Writes the object to `into` as it comes; its length, or `None` if it is not
    /// there. A body that ends early is [`Failure::Broken`].
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>>;

    /// Stores an object; no reader sees part of it. With `if_absent` only if there
    /// is none, where the server can tell; else as without.
    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put>;

    /// The length of an object, `None` if it is not there.
    async fn size(&self, name: &str) -> Result<Option<u64>>;

    /// Removes an object; that it is not there is no error.
    async fn delete(&self, name: &str) -> Result<()>;

    /// The objects below `prefix`, a page at a time.
    async fn list(&self, prefix: &str, after: Option<String>) -> Result<Page>;

    /// Makes an object as recent as a new one, where that is possible without
    /// sending it (S3: a copy to itself; files: utimes; Redis: EXPIRE).
    /// `false`: not possible here.
    async fn touch(&self, name: &str) -> Result<bool>;

    /// Makes the bucket or directory if configured to; says what is wrong with it.
    async fn prepare(&self) -> Result<()>;
}

/// The backend that a `[[store]]` section describes. Nothing is sent yet. Must be
/// called within a Tokio runtime.
///
/// # Errors
///
/// [`Failure::Config`] where the settings make no sense or name a file (an
/// authority's certificate) that cannot be used.
pub fn open(config: &StoreConfig) -> Result<Arc<dyn Backend>> {
    let deadlines = config.deadlines;
    Ok(match &config.service {
        Service::S3(s3) => Arc::new(s3::S3Store::open(s3, deadlines)?),
        Service::Http(http) => Arc::new(http::HttpStore::open(http, deadlines)?),
        Service::Redis(redis) => Arc::new(redis::RedisStore::open(redis, deadlines)?),
        Service::Directory { path } => Arc::new(directory::DirectoryStore::open(
            path,
            config.read_only,
            deadlines,
        )),
        Service::Memcached {
            endpoint,
            username,
            password,
            ttl,
        } => Arc::new(memcached::MemcachedStore::open(
            endpoint,
            username.as_deref().zip(password.as_ref()),
            *ttl,
            deadlines,
        )?),
        Service::Gcs {
            bucket,
            endpoint,
            credential,
            anonymous,
        } => Arc::new(cloud::gcs(
            bucket,
            endpoint.as_deref(),
            credential.as_ref(),
            *anonymous,
            deadlines,
        )?),
        Service::Azblob {
            container,
            endpoint,
            account,
            key,
            sas_token,
        } => Arc::new(cloud::azblob(
            &cloud::Azure {
                container,
                endpoint,
                account: account.as_deref(),
                key: key.as_ref(),
                sas_token: sas_token.as_ref(),
            },
            deadlines,
        )?),
    })
}
