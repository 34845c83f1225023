//! The table of keys. Everything that knows a key of a section by name - the
//! file, `CACHE_STORE`, `cache config`, the reference page - gets it from here.

use std::path::PathBuf;
use std::time::Duration;

use super::{Http, HttpLayout, Redis, S3, Secret, Service, StoreConfig, Trust};

/// A key of a section: a row of [`STORE_KEYS`].
pub struct StoreKey {
    /// As it is written. A key of a secret can also be written with `_file` and
    /// `_env` behind it.
    pub name: &'static str,
    /// The types of store that have it.
    pub types: &'static [&'static str],
    /// Its type, and where its value is.
    pub field: Field,
    /// Whether there must be a value.
    pub required: bool,
    /// What applies if nothing sets it, where an empty section does not say.
    pub default: Option<&'static str>,
    /// Keys that must be there as well.
    pub needs: &'static [&'static str],
    /// Keys that must not be there as well.
    pub excludes: &'static [&'static str],
    /// The value of `verify` without which it means nothing.
    pub verify: Option<&'static str>,
    /// What it does, in Markdown.
    pub doc: &'static str,
}

/// A field of a [`StoreConfig`]. `None` where its type of store has no such field.
pub enum Slot<T> {
    /// One that always has a value.
    Plain(fn(&mut StoreConfig) -> Option<&mut T>),
    /// One that may be empty.
    Maybe(fn(&mut StoreConfig) -> Option<&mut Option<T>>),
}

/// The type of a key, with the access to its field.
pub enum Field {
    /// The name in [`TYPES`].
    Type,
    /// The store's own name.
    Name,
    /// The kind of [`Trust`].
    Verify,
    /// Both kinds of prefix at once.
    BothPrefixes,
    /// Where objects are put.
    WritePrefix,
    /// Where objects are looked for.
    ReadPrefixes,
    /// True or false.
    Switch(Slot<bool>),
    /// The name of a bucket or container.
    Bucket(Slot<String>),
    /// One line.
    Text(Slot<String>),
    /// One of these words.
    Choice(&'static [&'static str], Slot<String>),
    /// See [`HttpLayout`].
    Layout(Slot<HttpLayout>),
    /// Text that nobody is shown.
    Secret(Slot<Secret>),
    /// Lines of an HTTP request, whose values nobody is shown.
    Headers(Slot<Vec<(String, Secret)>>),
    /// A path. A relative one counts from the file that sets it.
    Path(Slot<PathBuf>),
    /// As [`Field::Path`]; of a file that nobody else may read.
    KeyFile(Slot<PathBuf>),
    /// Bytes, none for no limit.
    Size(fn(&mut StoreConfig) -> &mut Option<u64>),
    /// A length of time above zero.
    Timeout(fn(&mut StoreConfig) -> &mut Duration),
    /// A length of time in whole seconds, or none.
    Age(Slot<Duration>),
    /// An address that may come with credentials.
    Url(Slot<String>),
    /// Addresses of Redis servers.
    RedisUrls(Slot<Vec<String>>),
    /// A host with a port.
    HostPort(Slot<String>),
    /// Ed25519 keys in base64.
    PublicKeys(Slot<Vec<String>>),
}

impl StoreKey {
    /// Whether its value is hidden, and may come from a file or a variable.
    pub fn secret(&self) -> bool {
        matches!(self.field, Field::Secret(_) | Field::Headers(_))
    }

    /// Whether its value may hold credentials before it was read.
    pub(super) fn delicate(&self) -> bool {
        let address = matches!(
            self.field,
            Field::Url(_) | Field::RedisUrls(_) | Field::HostPort(_)
        );
        address || self.secret()
    }

    /// What its values look like.
    pub fn accepts(&self) -> &'static str {
        match &self.field {
            Field::Type => "`s3`, `http`, `redis`, `directory`, `memcached`, `gcs` or `azblob`",
            Field::Name => "1 to 64 small letters, digits, `_` and `-`",
            Field::Verify => "`checksum`, `hmac` or `ed25519`",
            Field::BothPrefixes | Field::WritePrefix => {
                "names joined by `/`, each of 1 to 64 letters, digits, `_`, `-` and `.`, not starting with `.` and not two hexadecimal digits"
            }
            Field::ReadPrefixes => {
                "an array of at least one prefix, each as `write_prefix` has it (in a URL separated by commas)"
            }
            Field::Switch(_) => "`true` or `false`",
            Field::Bucket(_) => "a name of letters, digits, `-`, `_`, `.` and `$`",
            Field::Text(_) => "a text of one line",
            Field::Choice(..) => "`AES256`, `aws:kms` or `aws:kms:dsse`",
            Field::Layout(_) => "`subdirectories`, `flat` or `bazel`",
            Field::Secret(_) => "a text",
            Field::Headers(_) => "an array of `Name: value` (elsewhere one a line)",
            Field::Path(_) | Field::KeyFile(_) => "a path (in a URL an absolute one)",
            Field::Size(_) => "a size like `50G` or `64MiB`, or `0` for no limit",
            Field::Timeout(_) => "a length of time above zero like `1s` or `1500ms`, up to `1h`",
            Field::Age(_) => {
                "a length of time like `30d`, `12h` (w, d, h, m, s), up to `36500d`, or `none`"
            }
            Field::Url(_) => "`http://HOST...` or `https://HOST...`, without a query",
            Field::RedisUrls(_) => {
                "`redis://HOST:PORT/DB`, `rediss://...` (TLS) or `unix:///PATH`, or an array of them with the same credentials"
            }
            Field::HostPort(_) => "`HOST:PORT`",
            Field::PublicKeys(_) => "an array of at least one key: 32 bytes in base64",
        }
    }
}

/// The row of `name` for stores of type `kind`.
pub(super) fn find_key(name: &str, kind: &str) -> Option<&'static StoreKey> {
    let mut rows = STORE_KEYS.iter().filter(|key| key.name == name);
    rows.find(|key| key.types.contains(&kind))
}

const ALL: &[&str] = &[
    "s3",
    "http",
    "redis",
    "directory",
    "memcached",
    "gcs",
    "azblob",
];

/// What most rows have in common.
const ROW: StoreKey = StoreKey {
    name: "",
    types: ALL,
    field: Field::Type,
    required: false,
    default: None,
    needs: &[],
    excludes: &[],
    verify: None,
    doc: "",
};

/// The access to a field that only some services have.
macro_rules! of {
    ($pattern:pat => $field:ident) => {
        |store| match &mut store.service {
            $pattern => Some($field),
            _ => None,
        }
    };
}

/// All keys, in the order of the reference page: those of every type, then those
/// of some.
pub const STORE_KEYS: &[StoreKey] = &[
    StoreKey {
        name: "type",
        required: true,
        doc: "What speaks at the other end. A URL in `CACHE_STORE` says it by its scheme.",
        ..ROW
    },
    StoreKey {
        name: "name",
        field: Field::Name,
        default: Some("`store1` for the first, and so on"),
        doc: "What messages and statistics call the store, and `--store`.",
        ..ROW
    },
    StoreKey {
        name: "read_only",
        field: Field::Switch(Slot::Plain(|store| Some(&mut store.read_only))),
        excludes: &["write_only"],
        doc: "Nothing is written to it.",
        ..ROW
    },
    StoreKey {
        name: "write_only",
        field: Field::Switch(Slot::Plain(|store| Some(&mut store.write_only))),
        doc: "Nothing is read from it.",
        ..ROW
    },
    StoreKey {
        name: "prefix",
        field: Field::BothPrefixes,
        default: Some("none"),
        excludes: &["read_prefixes", "write_prefix"],
        doc: "Keep to the objects below this: `read_prefixes` and `write_prefix` in one.",
        ..ROW
    },
    StoreKey {
        name: "read_prefixes",
        field: Field::ReadPrefixes,
        default: Some("`write_prefix`"),
        doc: "Look for objects below these, in this order; `\"\"` is the top. `[\"pr-17\", \"main\"]` with `write_prefix = \"pr-17\"` lets a branch use what the main line made and keeps its own results apart.",
        ..ROW
    },
    StoreKey {
        name: "write_prefix",
        field: Field::WritePrefix,
        default: Some("the first of `read_prefixes`"),
        doc: "Put objects below this.",
        ..ROW
    },
    StoreKey {
        name: "max_size",
        field: Field::Size(|store| &mut store.max_size),
        default: Some("`0`"),
        doc: "What `cache clean --store` brings the store to where it is not told otherwise.",
        ..ROW
    },
    StoreKey {
        name: "max_blob_bytes",
        field: Field::Size(|store| &mut store.max_blob_bytes),
        default: Some("`0`"),
        doc: "Larger objects are not put there.",
        ..ROW
    },
    StoreKey {
        name: "connect_timeout",
        field: Field::Timeout(|store| &mut store.deadlines.connect),
        doc: "How long looking up the name, the connection and TLS may take.",
        ..ROW
    },
    StoreKey {
        name: "response_timeout",
        field: Field::Timeout(|store| &mut store.deadlines.response),
        doc: "How long the first byte of an answer may take.",
        ..ROW
    },
    StoreKey {
        name: "stall_timeout",
        field: Field::Timeout(|store| &mut store.deadlines.stall),
        doc: "How long an object may stand still on its way. However large it is, there is no other limit.",
        ..ROW
    },
    StoreKey {
        name: "verify",
        field: Field::Verify,
        doc: "Whom to believe: with `checksum` whoever may write there, with `hmac` who knows the key in `key_file`, with `ed25519` who has a key to one of `public_keys`.",
        ..ROW
    },
    StoreKey {
        name: "key_file",
        field: Field::KeyFile(Slot::Plain(|store| match &mut store.trust {
            Trust::Hmac { key_file } => Some(key_file),
            _ => None,
        })),
        required: true,
        verify: Some("hmac"),
        doc: "The file with the key. Nobody else may be able to read it.",
        ..ROW
    },
    StoreKey {
        name: "public_keys",
        field: Field::PublicKeys(Slot::Plain(|store| match &mut store.trust {
            Trust::Ed25519 { public_keys, .. } => Some(public_keys),
            _ => None,
        })),
        required: true,
        verify: Some("ed25519"),
        doc: "What one of these keys has signed is believed.",
        ..ROW
    },
    StoreKey {
        name: "signing_key_file",
        field: Field::KeyFile(Slot::Maybe(|store| match &mut store.trust {
            Trust::Ed25519 {
                signing_key_file, ..
            } => Some(signing_key_file),
            _ => None,
        })),
        verify: Some("ed25519"),
        doc: "The file with the key to sign with. Nobody else may be able to read it. Without one nothing is written to the store.",
        ..ROW
    },
    StoreKey {
        name: "bucket",
        types: &["s3", "gcs"],
        field: Field::Bucket(Slot::Plain(of!(
            Service::S3(S3 { bucket, .. }) | Service::Gcs { bucket, .. } => bucket
        ))),
        required: true,
        doc: "The bucket.",
        ..ROW
    },
    StoreKey {
        name: "region",
        types: &["s3"],
        field: Field::Text(Slot::Maybe(of!(Service::S3(S3 { region, .. }) => region))),
        doc: "The bucket's region, like `eu-central-1`.",
        ..ROW
    },
    StoreKey {
        name: "endpoint",
        types: &["s3", "gcs"],
        field: Field::Url(Slot::Maybe(of!(
            Service::S3(S3 { endpoint, .. }) | Service::Gcs { endpoint, .. } => endpoint
        ))),
        default: Some("Amazon's, Google's"),
        doc: "The server.",
        ..ROW
    },
    StoreKey {
        name: "access_key",
        types: &["s3"],
        field: Field::Secret(Slot::Maybe(
            of!(Service::S3(S3 { access_key, .. }) => access_key),
        )),
        needs: &["secret_key"],
        excludes: &["anonymous"],
        doc: "The name of the key to sign requests with.",
        ..ROW
    },
    StoreKey {
        name: "secret_key",
        types: &["s3"],
        field: Field::Secret(Slot::Maybe(
            of!(Service::S3(S3 { secret_key, .. }) => secret_key),
        )),
        needs: &["access_key"],
        doc: "The key itself.",
        ..ROW
    },
    StoreKey {
        name: "session_token",
        types: &["s3"],
        field: Field::Secret(Slot::Maybe(
            of!(Service::S3(S3 { session_token, .. }) => session_token),
        )),
        needs: &["access_key"],
        doc: "The token of a key that is lent for a while.",
        ..ROW
    },
    StoreKey {
        name: "anonymous",
        types: &["s3", "gcs"],
        field: Field::Switch(Slot::Plain(of!(
            Service::S3(S3 { anonymous, .. }) | Service::Gcs { anonymous, .. } => anonymous
        ))),
        doc: "Send requests without a signature.",
        ..ROW
    },
    StoreKey {
        name: "virtual_host_style",
        types: &["s3"],
        field: Field::Switch(Slot::Plain(
            of!(Service::S3(S3 { virtual_host_style, .. }) => virtual_host_style),
        )),
        doc: "Say `https://bucket.host/` in place of `https://host/bucket/`.",
        ..ROW
    },
    StoreKey {
        name: "auto_create",
        types: &["s3"],
        field: Field::Switch(Slot::Plain(
            of!(Service::S3(S3 { auto_create, .. }) => auto_create),
        )),
        doc: "Make the bucket if it is not there.",
        ..ROW
    },
    StoreKey {
        name: "server_side_encryption",
        types: &["s3"],
        field: Field::Choice(
            &["AES256", "aws:kms", "aws:kms:dsse"],
            Slot::Maybe(
                of!(Service::S3(S3 { server_side_encryption, .. }) => server_side_encryption),
            ),
        ),
        doc: "How the server is to encrypt objects.",
        ..ROW
    },
    StoreKey {
        name: "sse_kms_key_id",
        types: &["s3"],
        field: Field::Text(Slot::Maybe(
            of!(Service::S3(S3 { sse_kms_key_id, .. }) => sse_kms_key_id),
        )),
        needs: &["server_side_encryption"],
        doc: "The name of the key to encrypt objects with.",
        ..ROW
    },
    StoreKey {
        name: "url",
        types: &["http"],
        field: Field::Url(Slot::Plain(of!(Service::Http(Http { url, .. }) => url))),
        required: true,
        doc: "Where objects are. A user and a password in it are taken for `username` and `password`.",
        ..ROW
    },
    StoreKey {
        name: "layout",
        types: &["http"],
        field: Field::Layout(Slot::Plain(
            of!(Service::Http(Http { layout, .. }) => layout),
        )),
        doc: "How objects are named: `<prefix>/<hh>/<key>` with `subdirectories`, `<prefix>/<key>` with `flat` (for servers that do not make folders), `/ac/<key>` with `bazel`.",
        ..ROW
    },
    StoreKey {
        name: "bearer_token",
        types: &["http"],
        field: Field::Secret(Slot::Maybe(
            of!(Service::Http(Http { bearer_token, .. }) => bearer_token),
        )),
        excludes: &["username", "password"],
        doc: "Sent as `Authorization: Bearer ...`.",
        ..ROW
    },
    StoreKey {
        name: "headers",
        types: &["http"],
        field: Field::Headers(Slot::Plain(
            of!(Service::Http(Http { headers, .. }) => headers),
        )),
        doc: "Sent with every request.",
        ..ROW
    },
    StoreKey {
        name: "url",
        types: &["redis"],
        field: Field::RedisUrls(Slot::Plain(
            of!(Service::Redis(Redis { endpoints, .. }) => endpoints),
        )),
        required: true,
        doc: "The server, or some of a cluster's. A user and a password in it are taken for `username` and `password`.",
        ..ROW
    },
    StoreKey {
        name: "cluster",
        types: &["redis"],
        field: Field::Switch(Slot::Plain(
            of!(Service::Redis(Redis { cluster, .. }) => cluster),
        )),
        doc: "The servers are a cluster.",
        ..ROW
    },
    StoreKey {
        name: "endpoint",
        types: &["memcached"],
        field: Field::HostPort(Slot::Plain(
            of!(Service::Memcached { endpoint, .. } => endpoint),
        )),
        required: true,
        doc: "The server. The port is 11211 where none is given.",
        ..ROW
    },
    StoreKey {
        name: "username",
        types: &["http", "redis", "memcached"],
        field: Field::Text(Slot::Maybe(of!(
            Service::Http(Http { username, .. })
            | Service::Redis(Redis { username, .. })
            | Service::Memcached { username, .. } => username
        ))),
        doc: "Who asks.",
        ..ROW
    },
    StoreKey {
        name: "password",
        types: &["http", "redis", "memcached"],
        field: Field::Secret(Slot::Maybe(of!(
            Service::Http(Http { password, .. })
            | Service::Redis(Redis { password, .. })
            | Service::Memcached { password, .. } => password
        ))),
        doc: "The password; with Redis also without `username`.",
        ..ROW
    },
    StoreKey {
        name: "ttl",
        types: &["redis", "memcached"],
        field: Field::Age(Slot::Maybe(of!(
            Service::Redis(Redis { ttl, .. }) | Service::Memcached { ttl, .. } => ttl
        ))),
        doc: "The server drops objects after this.",
        ..ROW
    },
    StoreKey {
        name: "ca_file",
        types: &["s3", "http", "redis"],
        field: Field::Path(Slot::Maybe(of!(
            Service::S3(S3 { ca_file, .. })
            | Service::Http(Http { ca_file, .. })
            | Service::Redis(Redis { ca_file, .. }) => ca_file
        ))),
        doc: "A PEM file of authorities to trust besides the system's.",
        ..ROW
    },
    StoreKey {
        name: "path",
        types: &["directory"],
        field: Field::Path(Slot::Plain(of!(Service::Directory { path } => path))),
        required: true,
        doc: "The directory.",
        ..ROW
    },
    StoreKey {
        name: "credential",
        types: &["gcs"],
        field: Field::Secret(Slot::Maybe(
            of!(Service::Gcs { credential, .. } => credential),
        )),
        excludes: &["anonymous"],
        doc: "The JSON of a service account.",
        ..ROW
    },
    StoreKey {
        name: "container",
        types: &["azblob"],
        field: Field::Bucket(Slot::Plain(
            of!(Service::Azblob { container, .. } => container),
        )),
        required: true,
        doc: "The container.",
        ..ROW
    },
    StoreKey {
        name: "endpoint",
        types: &["azblob"],
        field: Field::Url(Slot::Plain(
            of!(Service::Azblob { endpoint, .. } => endpoint),
        )),
        required: true,
        doc: "The server, like `https://ACCOUNT.blob.core.windows.net`.",
        ..ROW
    },
    StoreKey {
        name: "account",
        types: &["azblob"],
        field: Field::Text(Slot::Maybe(of!(Service::Azblob { account, .. } => account))),
        doc: "The storage account.",
        ..ROW
    },
    StoreKey {
        name: "account_key",
        types: &["azblob"],
        field: Field::Secret(Slot::Maybe(of!(Service::Azblob { key, .. } => key))),
        needs: &["account"],
        excludes: &["sas_token"],
        doc: "The account's key, in base64.",
        ..ROW
    },
    StoreKey {
        name: "sas_token",
        types: &["azblob"],
        field: Field::Secret(Slot::Maybe(
            of!(Service::Azblob { sas_token, .. } => sas_token),
        )),
        doc: "A token that stands for some rights to the account.",
        ..ROW
    },
];
