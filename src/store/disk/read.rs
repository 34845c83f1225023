//! An entry of the disk store, open for reading.
//!
//! An entry's directory never changes once it has its name: a new version is
//! another directory that takes the name in one step. So a handle on the
//! directory is a handle on one version, and what can happen to it is only
//! that it disappears.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_128;

use super::blob::{self, Fault};
use super::index::{self, Encoding, Index, Row};
use super::{Shared, scan};
use crate::entry::BlobName;
use crate::hash::Key;
use crate::store::{Error, OpenEntry, Result};
use crate::sys::fs;

/// Where an entry is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Path of its namespace; `""` for the root's own.
    pub namespace: String,
    pub key: Key,
    /// Its directory.
    pub path: PathBuf,
}

/// An open entry.
pub(crate) struct DiskEntry {
    shared: Arc<Shared>,
    place: Place,
    dir: OwnedFd,
    index: Index,
}

/// How opening an entry ended.
pub(crate) enum Opened {
    Found(DiskEntry),
    Absent,
    /// It is there but not what it should be. `id`: which one it was.
    Damaged {
        id: Option<(u64, u64)>,
        what: String,
    },
}

/// Opens the entry at `place`; `touch` says whether that is a use.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn open(shared: &Arc<Shared>, place: &Place, touch: bool) -> Result<Opened> {
    let dir = match fs::open_dir(&place.path) {
        Ok(dir) => dir,
        Err(error) => return not_opened(shared, place, error),
    };
    match read_index(&dir, place, touch) {
        Ok(index) => Ok(Opened::Found(DiskEntry {
            shared: shared.clone(),
            place: place.clone(),
            dir,
            index,
        })),
        Err(Fault::Damaged(what)) => Ok(Opened::Damaged {
            id: fs::stat_fd(&dir).ok().map(|stat| stat.id),
            what: what.to_owned(),
        }),
        Err(Fault::Read(error) | Fault::Write(error)) => {
            Err(Error::io(&place.path.join(index::FILE), error))
        }
    }
}

/// Tells absence from a file in the place of a directory from a broken disk.
pub(crate) fn not_opened(shared: &Shared, place: &Place, error: io::Error) -> Result<Opened> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(Opened::Absent),
        io::ErrorKind::NotADirectory => match fs::lstat(&place.path) {
            Ok(stat) => Ok(Opened::Damaged {
                id: Some(stat.id),
                what: "not a directory".to_owned(),
            }),
            // A file higher up. If it is at the root there is no store to speak
            // of; anything below the root is put right by the next put.
            Err(_) => match fs::stat(&shared.root) {
                Ok(stat) if stat.kind == fs::Kind::Directory => Ok(Opened::Absent),
                _ => Err(Error::io(&shared.root, error)),
            },
        },
        _ => Err(Error::io(&place.path, error)),
    }
}

fn read_index(dir: &OwnedFd, place: &Place, touch: bool) -> std::result::Result<Index, Fault> {
    let file = match fs::open_at(dir, index::FILE) {
        Ok(file) => file,
        Err(error) => return Err(fault_of_open(error, "no index")),
    };
    // One read is enough for nearly all: a row takes some 50 bytes.
    let mut buffer = [0; 4096];
    let mut long = Vec::new();
    let len = match { &file }.read(&mut buffer) {
        Ok(len) => len,
        Err(error) => return Err(fault_of_read(error)),
    };
    let mut bytes = buffer.get(..len).unwrap_or_default();
    if len == buffer.len() {
        long.extend_from_slice(bytes);
        let rest = { &file }.take(scan::MAX_INDEX).read_to_end(&mut long);
        rest.map_err(fault_of_read)?;
        bytes = &long;
    }
    let index = Index::decode(bytes).map_err(Fault::Damaged)?;
    if index.key != place.key {
        return Err(Fault::Damaged("index of another entry"));
    }
    if touch {
        // A store that may not be written has no recency, and needs none.
        let _ = fs::touch(&file);
    }
    Ok(index)
}

/// What it means that a file of an entry could not be opened: things that
/// concern this file alone are damage, the rest is the disk's.
fn fault_of_open(error: io::Error, missing: &'static str) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Damaged(missing),
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            Fault::Damaged("not a regular file")
        }
        _ if fs::is_link(&error) => Fault::Damaged("not a regular file"),
        _ => Fault::Read(error),
    }
}

fn fault_of_read(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::IsADirectory => Fault::Damaged("not a regular file"),
        _ => Fault::Read(error),
    }
}

impl DiskEntry {
    /// The index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The handle on the entry's directory.
    pub(crate) fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    /// Which directory this is.
    pub(crate) fn id(&self) -> Option<(u64, u64)> {
        fs::stat_fd(&self.dir).ok().map(|stat| stat.id)
    }

    /// Whether this version has been removed or replaced since it was opened.
    pub(crate) fn outdated(&self) -> bool {
        fs::lstat(&self.place.path).ok().map(|stat| stat.id) != self.id()
    }

    fn open_blob(&self, row: &Row) -> std::result::Result<File, Fault> {
        fs::open_at(&self.dir, row.name.as_str())
            .map_err(|error| fault_of_open(error, "blob is missing"))
    }

    /// A blob's bytes, or why they cannot be had; `None` if there is no such blob.
    pub(crate) fn read_or_fault(
        &self,
        name: &BlobName,
    ) -> std::result::Result<Option<Vec<u8>>, Fault> {
        match self.index.row(name) {
            None => Ok(None),
            Some(row) if is_empty(row) => Ok(Some(Vec::new())),
            Some(row) if is_success(row) => Ok(Some(SUCCESS.to_vec())),
            Some(row) => blob::read(row, &self.open_blob(row)?).map(Some),
        }
    }

    /// Turns a fault into the error that the caller sees; a damaged entry is
    /// removed, unless another one has its place already.
    pub(crate) fn fail<T>(&self, name: &BlobName, fault: Fault) -> Result<T> {
        let what = match fault {
            Fault::Damaged(what) => what,
            Fault::Read(error) if error.kind() == io::ErrorKind::IsADirectory => {
                "not a regular file"
            }
            Fault::Read(error) => {
                return Err(Error::io(&self.place.path.join(name.as_str()), error));
            }
            Fault::Write(error) => return Err(Error::Target { source: error }),
        };
        let what = if self.outdated() {
            "removed or replaced while it was read".to_owned()
        } else {
            self.shared.discard_damaged(&self.place, self.id());
            format!("{name}: {what}")
        };
        Err(Error::Damaged {
            key: self.place.key,
            what,
        })
    }
}

/// Whether the index alone tells the blob's bytes: most streams are empty.
fn is_empty(row: &Row) -> bool {
    row.raw_len == 0 && row.encoding == Encoding::Raw
}

/// An exit code of success: every stored result has it.
pub(crate) const SUCCESS: &[u8] = b"0";

/// Whether the index alone tells that the blob is [`SUCCESS`].
fn is_success(row: &Row) -> bool {
    row.raw_len == 1 && row.encoding == Encoding::Raw && row.check == xxh3_128(SUCCESS)
}

impl OpenEntry for DiskEntry {
    fn names(&self) -> Vec<BlobName> {
        self.index.rows.iter().map(|row| row.name.clone()).collect()
    }

    fn len(&self, name: &BlobName) -> Option<u64> {
        Some(self.index.row(name)?.raw_len)
    }

    fn read(&self, name: &BlobName) -> Result<Option<Vec<u8>>> {
        self.read_or_fault(name)
            .or_else(|fault| self.fail(name, fault))
    }

    fn copy_to(&self, name: &BlobName, file: &File) -> Result<bool> {
        let Some(row) = self.index.row(name) else {
            return Ok(false);
        };
        if is_empty(row) {
            return Ok(true);
        }
        let flag = &self.shared.try_clone;
        let mut try_clone = flag.load(Ordering::Relaxed);
        let copied = self
            .open_blob(row)
            .and_then(|source| blob::copy(row, &source, file, &mut try_clone));
        if !try_clone {
            flag.store(false, Ordering::Relaxed);
        }
        match copied {
            Ok(()) => Ok(true),
            Err(fault) => self.fail(name, fault),
        }
    }

    fn raw_path(&self, name: &BlobName) -> Option<PathBuf> {
        let row = self.index.row(name)?;
        (row.encoding == Encoding::Raw).then(|| self.place.path.join(name.as_str()))
    }
}

impl Place {
    /// The place of `key` in the namespace `path` whose directory is `dir`.
    pub(crate) fn new(path: &str, dir: &std::path::Path, key: &Key) -> Place {
        Place {
            namespace: path.to_owned(),
            key: *key,
            path: scan::entry_path(dir, key),
        }
    }
}
