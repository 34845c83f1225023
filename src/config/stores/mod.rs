//! Stores besides the local directory: what a `[[store]]` section says.
//!
//! ```toml
//! [[store]]
//! name = "team"
//! type = "s3"
//! bucket = "ccache"
//! secret_key_env = "TEAM_KEY"
//! ```
//!
//! Sections of the user's file and URLs in `CACHE_STORE` both become
//! [`section::Section`]s, keys with values as they were written ([`section`]).
//! [`read()`] makes [`StoreConfig`]s of them by one table of keys ([`keys`]), which
//! also makes `cache config` and the reference page.
//!
//! A [`StoreConfig`] is plain data. It travels to the agent as JSON over a socket
//! that only the user can open, and it holds secrets: [`Secret`] shows itself to
//! nobody else.

mod address;
mod keys;
mod problem;
mod read;
mod reference;
mod section;
mod show;
mod types;
mod values;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use keys::{Field, STORE_KEYS, Slot, StoreKey};
pub use problem::Problem;
pub use show::show;
pub use types::{StoreType, TYPES, UrlForm};

pub(super) use read::{notes, read};
pub(super) use reference::stores as reference;
pub(super) use section::{Section, of_variable};

/// The variable with stores as URLs.
pub const STORE_VARIABLE: &str = "CACHE_STORE";

/// What sections are called in a file.
pub(super) const STORE: &str = "store";

/// Text that appears in no log, message or statistic.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for whoever has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// One `[[store]]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreConfig {
    /// Unique among the stores; in messages, statistics and `--store NAME`.
    pub name: String,
    pub service: Service,
    /// Nothing is written to it.
    pub read_only: bool,
    /// Nothing is read from it.
    pub write_only: bool,
    /// Where objects are looked for, in this order; each is a path of
    /// [`crate::store::Namespace`] components joined by `/`, or empty.
    pub read_prefixes: Vec<String>,
    /// Where objects are put.
    pub write_prefix: String,
    /// Bytes; what `cache clean --store` brings it to where nothing else is
    /// said. `None`: unlimited.
    pub max_size: Option<u64>,
    /// Larger objects are not put there. `None`: unlimited.
    pub max_blob_bytes: Option<u64>,
    pub trust: Trust,
    pub deadlines: Deadlines,
}

/// Who speaks at the other end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Service {
    S3(S3),
    Http(Http),
    Redis(Redis),
    /// A directory that several machines share.
    Directory {
        path: PathBuf,
    },
    Memcached {
        /// `host:port`.
        endpoint: String,
        username: Option<String>,
        password: Option<Secret>,
        ttl: Option<Duration>,
    },
    Gcs {
        bucket: String,
        endpoint: Option<String>,
        credential: Option<Secret>,
        anonymous: bool,
    },
    Azblob {
        container: String,
        endpoint: String,
        account: Option<String>,
        key: Option<Secret>,
        sas_token: Option<Secret>,
    },
}

/// S3 and what speaks it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct S3 {
    pub bucket: String,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub access_key: Option<Secret>,
    pub secret_key: Option<Secret>,
    pub session_token: Option<Secret>,
    /// Requests are not signed.
    pub anonymous: bool,
    /// `https://bucket.host/` in place of `https://host/bucket/`.
    pub virtual_host_style: bool,
    /// Make the bucket if it is not there.
    pub auto_create: bool,
    /// `AES256`, `aws:kms`.
    pub server_side_encryption: Option<String>,
    pub sse_kms_key_id: Option<String>,
    /// PEM file of further authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// `AWS_*` variables of the caller, for the usual credential chain.
    pub environment: Vec<(String, Secret)>,
}

/// HTTP and WebDAV: GET, PUT, HEAD, DELETE.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// `http://` or `https://`, without credentials.
    pub url: String,
    pub layout: HttpLayout,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub bearer_token: Option<Secret>,
    pub headers: Vec<(String, Secret)>,
    /// PEM file of further authorities to trust.
    pub ca_file: Option<PathBuf>,
}

/// How objects are named below an HTTP store's URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpLayout {
    /// `<prefix>/<hh>/<key>`.
    #[default]
    Subdirectories,
    /// `<prefix>/<key>`: for servers that do not make parents.
    Flat,
    /// `/ac/<key>`, as Bazel's remote caches have it.
    Bazel,
}

/// Redis, Valkey.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Redis {
    /// `redis://host:port/db`, `rediss://...`, `unix:///path`; of a cluster some
    /// of its nodes. Without credentials.
    pub endpoints: Vec<String>,
    pub cluster: bool,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Entries go after this.
    pub ttl: Option<Duration>,
    pub ca_file: Option<PathBuf>,
}

/// Whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verify", rename_all = "kebab-case")]
pub enum Trust {
    /// Whoever may write there: checksums only.
    #[default]
    Checksum,
    /// Who knows the key in this file.
    Hmac { key_file: PathBuf },
    /// Who has a key to one of these public keys (base64, 32 bytes); with
    /// `signing_key_file` what is written is signed.
    Ed25519 {
        public_keys: Vec<String>,
        signing_key_file: Option<PathBuf>,
    },
}

/// How long a compile may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// Name look-up, connection, TLS.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub response: Duration,
    /// Between two pieces of a body.
    pub stall: Duration,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        Deadlines {
            connect: Duration::from_secs(1),
            response: Duration::from_millis(1500),
            stall: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
