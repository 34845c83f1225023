//! The table of types of store, and of their URLs.

use std::path::PathBuf;

use super::{Deadlines, Http, Redis, S3, Service, StoreConfig, Trust};

/// A type of store: a row of [`TYPES`].
pub struct StoreType {
    /// As `type` has it.
    pub name: &'static str,
    /// The schemes of its URLs.
    pub schemes: &'static [&'static str],
    /// What the parts of its URLs are.
    pub form: UrlForm,
    /// Its URLs in `CACHE_STORE`, for people.
    pub urls: &'static [&'static str],
    /// The keys that a URL's user and password are for.
    pub credentials: Option<(&'static str, &'static str)>,
    /// A service of this type without any setting.
    pub blank: fn() -> Service,
    /// What it is, in Markdown.
    pub doc: &'static str,
}

/// What the parts of a URL are, besides credentials and parameters.
pub enum UrlForm {
    /// `scheme://NAME/PREFIX`, the name for this key.
    Bucket(&'static str),
    /// `scheme:///PATH`, for this key.
    Path(&'static str),
    /// All of it is the value of this key.
    Address(&'static str),
}

impl StoreType {
    /// A store of this type called `name` of which nothing else is said.
    pub(super) fn blank_store(&self, name: String) -> StoreConfig {
        StoreConfig {
            name,
            service: (self.blank)(),
            read_only: false,
            write_only: false,
            read_prefixes: Vec::new(),
            write_prefix: String::new(),
            max_size: None,
            max_blob_bytes: None,
            trust: Trust::default(),
            deadlines: Deadlines::default(),
        }
    }
}

/// The type called `name`.
pub(super) fn find_type(name: &str) -> Option<&'static StoreType> {
    TYPES.iter().find(|kind| kind.name == name)
}

/// All types, in the order of the reference page.
pub const TYPES: &[StoreType] = &[
    StoreType {
        name: "s3",
        schemes: &["s3"],
        form: UrlForm::Bucket("bucket"),
        urls: &["s3://BUCKET/PREFIX"],
        credentials: Some(("access_key", "secret_key")),
        blank: || Service::S3(S3::default()),
        doc: "S3 and what speaks it. Without keys, the usual chain of `AWS_*` variables and files applies.",
    },
    StoreType {
        name: "http",
        schemes: &["http", "https"],
        form: UrlForm::Address("url"),
        urls: &["http://HOST/PATH", "https://HOST/PATH"],
        credentials: Some(("username", "password")),
        blank: || Service::Http(Http::default()),
        doc: "A server that knows GET, PUT, HEAD and DELETE: WebDAV, nginx, a Bazel cache.",
    },
    StoreType {
        name: "redis",
        schemes: &["redis", "rediss", "redis+unix"],
        form: UrlForm::Address("url"),
        urls: &[
            "redis://HOST:PORT/DB",
            "rediss://HOST",
            "redis+unix:///PATH",
        ],
        credentials: Some(("username", "password")),
        blank: || Service::Redis(Redis::default()),
        doc: "Redis, Valkey, and what speaks their protocol.",
    },
    StoreType {
        name: "directory",
        schemes: &["file"],
        form: UrlForm::Path("path"),
        urls: &["file:///DIRECTORY"],
        credentials: None,
        blank: || Service::Directory {
            path: PathBuf::new(),
        },
        doc: "A directory that several machines share.",
    },
    StoreType {
        name: "memcached",
        schemes: &["memcached"],
        form: UrlForm::Address("endpoint"),
        urls: &["memcached://HOST:PORT"],
        credentials: Some(("username", "password")),
        blank: || Service::Memcached {
            endpoint: String::new(),
            username: None,
            password: None,
            ttl: None,
        },
        doc: "Memcached.",
    },
    StoreType {
        name: "gcs",
        schemes: &["gcs"],
        form: UrlForm::Bucket("bucket"),
        urls: &["gcs://BUCKET/PREFIX"],
        credentials: None,
        blank: || Service::Gcs {
            bucket: String::new(),
            endpoint: None,
            credential: None,
            anonymous: false,
        },
        doc: "Google Cloud Storage.",
    },
    StoreType {
        name: "azblob",
        schemes: &["azblob"],
        form: UrlForm::Bucket("container"),
        urls: &["azblob://CONTAINER/PREFIX"],
        credentials: Some(("account", "account_key")),
        blank: || Service::Azblob {
            container: String::new(),
            endpoint: String::new(),
            account: None,
            key: None,
            sas_token: None,
        },
        doc: "Azure Blob Storage.",
    },
];
