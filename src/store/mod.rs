//! The store contract.
//!
//! A store is content-addressed by an opaque [`Key`]. A key names an entry; an
//! entry is a set of named blobs. What every store promises stands on the
//! methods of [`Store`]; [`conformance`] checks it on any store.

pub mod conformance;
pub mod disk;
pub mod memory;
pub mod parts;
pub mod remote;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::entry::{BlobName, Entry};
use crate::hash::Key;

/// What can go wrong in a store. Absence is never an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The medium failed: no space, no rights, a broken disk.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A blob did not match its checksum, or a file of the store could not be
    /// read as what it should be. The entry has been removed.
    #[error("damaged entry {key}: {what}")]
    Damaged { key: Key, what: String },
    /// The directory is not a store of ours (no marker), or of another version.
    #[error("{}: {why}", path.display())]
    NotAStore { path: PathBuf, why: String },
    /// The store was opened read-only and this would write to it.
    #[error("{}: opened read-only", path.display())]
    ReadOnly { path: PathBuf },
    /// What a blob was to be written to failed: not the store's fault.
    #[error("cannot write what was found in the cache: {source}")]
    Target { source: std::io::Error },
    /// A namespace prefix that breaks the rule of [`Namespace`].
    #[error("namespace {name:?}: {why}")]
    BadNamespace { name: String, why: &'static str },
}

impl Error {
    /// An [`Error::Io`].
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Error {
        Error::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// Whether this is an [`Error::Io`] because something was not there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Error::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// `Ok` of a store operation or its [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// One component of a namespace: 1 to 64 characters out of letters, digits,
/// `_`, `-` and `.`, not starting with `.`, and not two hexadecimal digits
/// (those are the shard directories).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Namespace(String);

impl Namespace {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`Error::BadNamespace`], naming the rule that it breaks.
    pub fn new(name: &str) -> Result<Namespace> {
        let bad = |why| {
            Err(Error::BadNamespace {
                name: name.to_owned(),
                why,
            })
        };
        if name.is_empty() || name.len() > 64 {
            return bad("a namespace has 1 to 64 characters");
        }
        if name.starts_with('.') {
            return bad("a namespace does not start with a dot");
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        {
            return bad("a namespace is made of letters, digits, '_', '-' and '.'");
        }
        if name.len() == 2 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return bad("two hexadecimal digits are reserved");
        }
        if matches!(name, "CACHEDIR.TAG" | "cache-format") {
            return bad("the name is reserved");
        }
        Ok(Namespace(name.to_owned()))
    }

    /// The component as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of entries.
    pub entries: u64,
    /// Bytes that they take, as the store charges them against its budget.
    pub bytes: u64,
}

/// What a store has to stay within; `None` = unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, as in [`Usage::bytes`].
    pub max_size: Option<u64>,
    /// Entries not used for longer than this go.
    pub max_age: Option<Duration>,
}

/// What a clean removed, or with `dry_run` would remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// What went.
    pub removed: Usage,
    /// How many entries are gone from everybody's sight and still take their space: they
    /// are to be given back with [`disk::DiskStore::free_removed`].
    pub freeing: u64,
    /// What stays.
    pub left: Usage,
}

/// What [`Store::clean`] is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct CleanOptions {
    /// The limits to reach. Both `None`: nothing goes.
    pub limits: Limits,
    /// Only say what would go.
    pub dry_run: bool,
    /// What goes is gone when the clean returns. The space that it took is free by then
    /// too, unless that takes longer than this from the beginning; `None` = wait for it.
    pub patience: Option<Duration>,
}

/// Called during a long clean with (entries looked at or removed so far, all).
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// An entry found in a store, open for reading. It stays readable even if the
/// entry is removed or replaced meanwhile, or answers with an error; it never
/// mixes two versions.
pub trait OpenEntry {
    /// The names of its blobs, sorted.
    fn names(&self) -> Vec<BlobName>;

    /// Length of a blob in bytes; `None` if there is no such blob.
    fn len(&self, name: &BlobName) -> Option<u64>;

    /// A blob's bytes, verified against their checksum. `None` if absent.
    ///
    /// # Errors
    /// [`Error::Damaged`] (the entry has been removed from the store) or [`Error::Io`].
    fn read(&self, name: &BlobName) -> Result<Option<Vec<u8>>>;

    /// Writes a blob to `file`, which is empty and positioned at its start,
    /// in pieces of bounded size or by cloning. `false` if there is no such
    /// blob. The checksum is verified by the time this returns; after an
    /// error the file's content is undefined.
    ///
    /// # Errors
    /// As [`OpenEntry::read`]; [`Error::Target`] when `file` cannot be written.
    fn copy_to(&self, name: &BlobName, file: &File) -> Result<bool>;

    /// The path of a file that holds the blob's bytes as they are, if the
    /// store has one: what a hard link can be made of. Not verified.
    fn raw_path(&self, name: &BlobName) -> Option<PathBuf>;
}

/// Where entries are kept. See the module's head for the model.
pub trait Store: Send + Sync {
    /// The bytes of one blob, or `None` when absent. Counts as a use.
    fn get(&self, key: &Key, name: &BlobName) -> Result<Option<Vec<u8>>>;

    /// Stores one blob, keeping the others of the entry. Atomic per blob.
    /// Under a size limit (this store's, or any of its parents'), evicts as
    /// needed to stay within it.
    fn put(&self, key: &Key, name: &BlobName, value: &[u8]) -> Result<()>;

    /// Whether any blob exists for the key. Does not count as a use.
    fn has(&self, key: &Key) -> Result<bool>;

    /// Opens an entry, or `None` when absent. Counts as a use (recency).
    fn get_entry(&self, key: &Key) -> Result<Option<Box<dyn OpenEntry>>>;

    /// Stores a whole entry; atomic: no reader ever sees part of it. An entry
    /// that is there already is replaced. Evicts like [`Store::put`].
    fn put_entry(&self, key: &Key, entry: &Entry) -> Result<()>;

    /// Removes an entry: invisible in one step. `false` if there was none.
    fn remove(&self, key: &Key) -> Result<bool>;

    /// How much is in this store, its namespaces included. Never changes recency.
    fn stats(&self) -> Result<Usage>;

    /// Brings the store within `options.limits`: entries not used for longer
    /// than `max_age` go regardless of size, then the least recently used until
    /// the size is at or below `max_size`.
    fn clean(&self, options: &CleanOptions, progress: Progress<'_>) -> Result<Cleaned>;

    /// Root directory of a disk store.
    fn dir(&self) -> Option<&Path>;

    /// Says that an entry with these blobs, or some more, is going to be stored soon,
    /// so that what takes time and needs no content can be done now, on any thread.
    /// Its key is `near`, or has the same first byte. Nothing depends on it.
    fn expect_put(&self, near: &Key, blobs: &[BlobName]) {
        let _ = (near, blobs);
    }

    /// Says that what was expected and has not come will not.
    fn expect_no_more(&self) {}

    /// A view on the part of the store under `namespace`. This store sees the
    /// entries of every namespace in get, has, stats and clean. A budget is not
    /// inherited: the view has none of its own, but what is written through it
    /// counts against this store's.
    fn namespace(&self, namespace: &Namespace) -> Box<dyn Store>;
}
