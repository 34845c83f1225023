//! The disk store.
//!
//! ```text
//! <dir>/
//!   CACHEDIR.TAG  cache-format             what this directory is (marker)
//!   .tmp/<work directory>/                 entries being put together or taken apart (temp)
//!   .usage                                 how much there is (usage)
//!   .evict.lock  .machine/evict-plan       who evicts, and what goes next (evict, plan)
//!   .machine/free.lock                     who takes apart what was removed (lock)
//!   .machine/recount                       a count that is not done (recount)
//!   .machine/blob-{empty,success}          what nearly all entries link to (blob)
//!   .machine/spare/                        a directory for the next entry (temp)
//!   [<namespace>/...]<hh>/<64 hex>/index   an entry: what its blobs are (index)
//!                                  <blob>  a blob: its bytes, or one zstd frame of them (blob)
//!                         .<32 hex>/       an entry that was removed, not taken apart yet (remove)
//! ```
//!
//! All work files start with a dot, which no namespace does. The last use of an
//! entry is the time stamp of its `index`.
//!
//! An entry is written aside and appears by one rename; a version that is there
//! already is exchanged for it in the same step. It disappears by one rename
//! too (within its shard) and is taken apart afterwards. Nothing is synced: whatever a crash of
//! the machine leaves behind is found by the checksums in the index, which are
//! verified whenever a blob is read, and repaired by storing it again.
//!
//! Any number of processes may use one directory. There is no lock on the path
//! of a lookup. The ledger is locked for the time of a write; one process at a
//! time evicts, the others go on.

mod blob;
mod clean;
mod evict;
mod index;
mod lock;
mod marker;
mod parallel;
mod plan;
mod publish;
mod read;
mod ready;
mod recount;
mod remove;
mod scan;
mod sweep;
mod temp;
#[cfg(test)]
mod tests;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub use index::{Encoding, Index, Row};

use self::marker::{Format, State};
use self::read::{DiskEntry, Opened, Place};
use self::ready::Ready;
use serde::{Deserialize, Serialize};

use self::usage::{Book, Ledger, Totals};
use super::{
    CleanOptions, Cleaned, Error, Limits, Namespace, OpenEntry, Progress, Result, Store, Usage,
};
use crate::entry::{BlobName, Entry};
use crate::hash::Key;
use crate::sys::fs::{self, Modes};

/// Whether blobs are compressed that get smaller by it. Where the file system can
/// clone files they never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compress {
    Always,
    /// Once more than half of the budget, or of 5 GiB if there is none, is in use:
    /// what is stored plain is given out two to four times faster.
    WhenCrowded,
    Never,
}

/// What "crowded" refers to in a store without a budget.
const ROOM: u64 = 5 << 30;

/// How a disk store is to behave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiskOptions {
    /// Budget in bytes of disk space, see [`Usage::bytes`]; `None` = unlimited.
    pub max_size: Option<u64>,
    /// Entries not used for longer go when something is evicted or cleaned.
    pub max_age: Option<Duration>,
    /// What is compressed.
    pub compression: Compress,
    /// Level of zstd; what zstd does not have is brought into its range.
    pub compression_level: i32,
    /// Take files in by hard link and keep them uncompressed, so that they can
    /// be given out by hard link ([`OpenEntry::raw_path`]).
    pub hard_link: bool,
    /// Mode bits to leave out of everything that is created, in place of the
    /// process's own umask: for caches that several users share.
    pub umask: Option<u32>,
    /// Write nothing at all, recency included.
    pub read_only: bool,
    /// What a put evicts is gone when it returns, but takes its space until somebody
    /// calls [`DiskStore::free_removed`], for which [`DiskStore::owes_space`] asks. To
    /// free a file can take tens of milliseconds, where the disk is told of it.
    #[serde(default)]
    pub free_later: bool,
}

impl Default for DiskOptions {
    fn default() -> DiskOptions {
        DiskOptions {
            max_size: None,
            max_age: None,
            compression: Compress::Always,
            compression_level: 1,
            hard_link: false,
            umask: None,
            read_only: false,
            free_later: false,
        }
    }
}

/// What all views on one store share.
pub(crate) struct Shared {
    root: PathBuf,
    options: DiskOptions,
    modes: Modes,
    ledger: Ledger,
    /// What the marker says, once it has been looked at.
    format: Mutex<Option<Format>>,
    /// Whether restoring by clone is worth a try.
    try_clone: AtomicBool,
    /// What is there for entries, while some are expected.
    ready: Mutex<Option<Ready>>,
    /// See [`DiskStore::owes_space`].
    owes_space: AtomicBool,
}

/// A budget that counts what is below a namespace path.
#[derive(Clone, Debug)]
struct Budget {
    scope: String,
    limits: Limits,
}

/// A store in a directory, or a view on one of its namespaces. See the module's
/// head for the layout.
#[derive(Clone)]
pub struct DiskStore {
    shared: Arc<Shared>,
    /// Path of the namespace, `""` at the root.
    path: String,
    /// Directory of the namespace.
    dir: PathBuf,
    /// This view's budget and those of its parents, nearest first.
    budgets: Vec<Budget>,
}

/// How often a reader begins again because the entry was replaced under it: what is
/// replaced without end is as good as damaged.
const REPLACED_AT_MOST: u32 = 64;

impl DiskStore {
    /// The store in `dir`. This does no I/O: a directory that is missing is an
    /// empty store, and the first write makes it.
    ///
    /// # Errors
    /// None at present; what is wrong with the directory is said when it is used.
    ///
    /// Before anything else is written into the directory - a journal, records
    /// about the machine - [`DiskStore::prepare`] has to agree.
    pub fn open(dir: impl Into<PathBuf>, options: DiskOptions) -> Result<DiskStore> {
        let root = fs::absolute(&dir.into());
        let modes = Modes {
            umask: options.umask.map(|umask| umask & 0o777),
        };
        let limits = Limits {
            max_size: options.max_size,
            max_age: options.max_age,
        };
        Ok(DiskStore {
            path: String::new(),
            dir: root.clone(),
            budgets: vec![Budget {
                scope: String::new(),
                limits,
            }],
            shared: Arc::new(Shared {
                ledger: Ledger::new(&root, modes),
                root,
                options,
                modes,
                format: Mutex::new(None),
                try_clone: AtomicBool::new(true),
                ready: Mutex::default(),
                owes_space: AtomicBool::new(false),
            }),
        })
    }

    /// Makes sure that the directory is ours, and makes it so if it is missing
    /// or empty. One small file is read where it is.
    ///
    /// # Errors
    /// [`Error::NotAStore`] for everybody else's directory, [`Error::Io`] when
    /// it cannot be made or read.
    pub fn prepare(&self) -> Result<()> {
        let shared = &self.shared;
        if shared.options.read_only {
            return marker::state(&shared.root).map(drop);
        }
        if marker::is_store(&shared.root) {
            return Ok(());
        }
        marker::ensure(&shared.root, shared.modes, &shared.ledger).map(drop)
    }

    /// The view that [`Store::namespace`] gives, with a budget of its own in
    /// addition to those above it.
    pub fn namespace_with(&self, namespace: &Namespace, limits: Limits) -> DiskStore {
        let path = scan::join(&self.path, namespace.as_str());
        let own = Budget {
            scope: path.clone(),
            limits,
        };
        let mut budgets = self.budgets.clone();
        if limits != Limits::default() {
            budgets.insert(0, own);
        }
        DiskStore {
            shared: self.shared.clone(),
            dir: self.dir.join(namespace.as_str()),
            path,
            budgets,
        }
    }

    /// How much each namespace holds by itself, by namespace path; `""` for
    /// what is in none. For the whole directory, whatever view this is.
    ///
    /// # Errors
    /// As [`Store::stats`].
    pub fn usage_by_namespace(&self) -> Result<Vec<(String, Usage)>> {
        let totals = self.shared.totals()?;
        let held = totals.into_iter().filter(|(_, usage)| usage.entries > 0);
        Ok(held.collect())
    }

    /// Counts the whole directory anew, puts the ledger right and returns what
    /// there is.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAStore`].
    pub fn rescan(&self) -> Result<Usage> {
        let totals = self.shared.count(true)?;
        let book = Book {
            totals,
            ..Book::default()
        };
        Ok(book.sum(&self.path))
    }

    /// Gives back the space of entries that were removed and still take some: by a clean
    /// whose patience was at its end, by puts ([`DiskOptions::free_later`]), or by a
    /// process that was killed. Where others are at that it waits two seconds for them first.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::NotAStore`], [`Error::Io`].
    pub fn free_removed(&self, progress: Progress<'_>) -> Result<()> {
        self.shared.free(&self.path, progress)
    }

    /// Whether so much was evicted that [`DiskStore::free_removed`] should be called, at
    /// the root and by nobody who is waited for. The answer is given once: who got it
    /// takes care of that, and of what was evicted before by others.
    pub fn owes_space(&self) -> bool {
        self.shared.owes_space.swap(false, Ordering::Relaxed)
    }

    /// Where `key` is in this very namespace.
    fn place(&self, key: &Key) -> Place {
        Place::new(&self.path, &self.dir, key)
    }

    /// Calls `look` with the place of `key` in this namespace, then in those
    /// inside of it, until it finds something.
    fn search<T>(
        &self,
        key: &Key,
        look: &mut dyn FnMut(&Place) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        if let Some(found) = look(&self.place(key))? {
            return Ok(Some(found));
        }
        for path in self.shared.namespaces_in(&self.path)? {
            let dir = scan::namespace_dir(&self.shared.root, &path);
            if let Some(found) = look(&Place::new(&path, &dir, key))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Opens the entry at `place`, as a use. A damaged one is removed, unless
    /// it was replaced meanwhile: then the other one is opened.
    fn open_at(&self, place: &Place) -> Result<Option<DiskEntry>> {
        let touch = !self.shared.options.read_only;
        // A writer may be faster than we are, and more than once.
        let mut left = REPLACED_AT_MOST;
        loop {
            match read::open(&self.shared, place, touch)? {
                Opened::Found(entry) => return Ok(Some(entry)),
                Opened::Absent => return Ok(None),
                Opened::Damaged { id, what } => {
                    let now = fs::lstat(&place.path).ok().map(|stat| stat.id);
                    if now.is_none() {
                        return Ok(None);
                    }
                    if left > 0 && now != id {
                        left -= 1;
                        continue;
                    }
                    self.shared.discard_damaged(place, id);
                    let key = place.key;
                    return Err(Error::Damaged { key, what });
                }
            }
        }
    }

    /// One blob of the entry at `place`.
    fn get_at(&self, place: &Place, name: &BlobName) -> Result<Option<Vec<u8>>> {
        let mut left = REPLACED_AT_MOST;
        loop {
            let Some(entry) = self.open_at(place)? else {
                return Ok(None);
            };
            match entry.read_or_fault(name) {
                Ok(bytes) => return Ok(bytes),
                Err(_) if left > 0 && entry.outdated() => left -= 1,
                Err(fault) => return entry.fail(name, fault),
            }
        }
    }
}

impl Store for DiskStore {
    fn get(&self, key: &Key, name: &BlobName) -> Result<Option<Vec<u8>>> {
        self.search(key, &mut |place| self.get_at(place, name))
    }

    fn put(&self, key: &Key, name: &BlobName, value: &[u8]) -> Result<()> {
        self.put_blob(key, name, value)
    }

    fn has(&self, key: &Key) -> Result<bool> {
        let found = self.search(
            key,
            &mut |place| match fs::lstat(&place.path.join(index::FILE)) {
                Ok(_) => Ok(Some(())),
                Err(error) => match read::not_opened(&self.shared, place, error)? {
                    Opened::Found(_) | Opened::Absent | Opened::Damaged { .. } => Ok(None),
                },
            },
        )?;
        Ok(found.is_some())
    }

    fn get_entry(&self, key: &Key) -> Result<Option<Box<dyn OpenEntry>>> {
        let found = self.search(key, &mut |place| self.open_at(place))?;
        Ok(found.map(|entry| Box::new(entry) as Box<dyn OpenEntry>))
    }

    fn put_entry(&self, key: &Key, entry: &Entry) -> Result<()> {
        self.put_whole(key, entry)
    }

    fn remove(&self, key: &Key) -> Result<bool> {
        let mut removed = false;
        // Nothing is ever "found": every place is looked at.
        self.search::<()>(key, &mut |place| {
            removed |= self.shared.remove(place)?;
            Ok(None)
        })?;
        Ok(removed)
    }

    fn stats(&self) -> Result<Usage> {
        let book = Book {
            totals: self.shared.totals()?,
            ..Book::default()
        };
        Ok(book.sum(&self.path))
    }

    fn clean(&self, options: &CleanOptions, progress: Progress<'_>) -> Result<Cleaned> {
        self.shared.clean(&self.path, options, progress)
    }

    fn dir(&self) -> Option<&Path> {
        Some(&self.shared.root)
    }

    fn expect_put(&self, near: &Key, blobs: &[BlobName]) {
        self.make_ready(near, blobs);
    }

    fn expect_no_more(&self) {
        self.drop_ready();
    }

    fn namespace(&self, namespace: &Namespace) -> Box<dyn Store> {
        Box::new(self.namespace_with(namespace, Limits::default()))
    }
}

impl Shared {
    /// # Errors
    /// [`Error::ReadOnly`] if nothing may be written.
    fn may_write(&self) -> Result<()> {
        match self.options.read_only {
            true => Err(Error::ReadOnly {
                path: self.root.clone(),
            }),
            false => Ok(()),
        }
    }

    /// Makes sure that the directory is a store of ours, makes it one if it may.
    fn ensure(&self) -> Result<Format> {
        let mut known = self.format.lock().unwrap_or_else(|e| e.into_inner());
        match *known {
            Some(format) => Ok(format),
            None => {
                let format = marker::ensure(&self.root, self.modes, &self.ledger)?;
                Ok(*known.insert(format))
            }
        }
    }

    fn ready(&self) -> MutexGuard<'_, Option<Ready>> {
        self.ready.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Forgets what [`Shared::ensure`] found: something was missing.
    fn forget(&self) {
        *self.ready() = None;
        *self.format.lock().unwrap_or_else(|e| e.into_inner()) = None;
    }

    /// Paths of the namespaces inside of `path` that may hold something, sorted.
    /// The ledger knows them: a miss does not have to list directories.
    fn namespaces_in(&self, path: &str) -> Result<Vec<String>> {
        if let Some(book) = self.ledger.read().filter(|book| book.complete) {
            let paths = book.totals.into_keys();
            let inside = paths.filter(|p| p != path && usage::within(p, path));
            return Ok(inside.collect());
        }
        // Without the marker this may be anybody's directory, and large.
        let Ok(State::Store(_)) = marker::state(&self.root) else {
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        scan::namespaces_below(&self.root, path, &mut paths)?;
        Ok(paths)
    }

    /// What is held, by namespace path: from the ledger, or counted if that
    /// cannot be relied on.
    fn totals(&self) -> Result<Totals> {
        match self.ledger.read().filter(|book| book.complete) {
            Some(book) => Ok(book.totals),
            None => self.count(false),
        }
    }

    /// Counts what is held and puts it into the ledger if nobody else is at it
    /// (`wait`: after they are done) and the store may be written.
    fn count(&self, wait: bool) -> Result<Totals> {
        match marker::state(&self.root)? {
            State::Missing | State::Vacant => return Ok(Totals::new()),
            State::Store(_) => {}
        }
        let lock = match self.options.read_only {
            true => None,
            // Not being allowed to write the ledger is no reason not to count.
            false => lock::evict(&self.root, self.modes, wait).unwrap_or(None),
        };
        let before = lock.is_some().then(|| self.ledger.begin_scan());
        let mut totals = Totals::new();
        for entry in scan::gather(&self.root, "", &mut |_| ())? {
            scan::add(&mut totals, &entry);
        }
        if let Some(before) = before {
            self.ledger.end_scan("", &before, &totals);
        }
        Ok(totals)
    }

    /// Removes the entry at `place`; `false` if there is none.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::NotAStore`], [`Error::Io`].
    fn remove(&self, place: &Place) -> Result<bool> {
        self.may_write()?;
        if fs::lstat(&place.path).is_err() {
            return Ok(false);
        }
        match marker::state(&self.root)? {
            State::Missing | State::Vacant => return Ok(false),
            State::Store(_) => {}
        }
        let epoch = self.ledger.epoch();
        let usage = scan::measure_at(&place.path);
        let shard = place.path.parent().unwrap_or(&self.root);
        match remove::take(fs::HERE, shard, &place.key) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io(&place.path, error)),
        }
        self.ledger.credit(&place.namespace, epoch, usage);
        Ok(true)
    }

    /// Removes a damaged entry if it still is the one that was found damaged.
    /// That this may fail is no news: the entry is unusable either way.
    fn discard_damaged(&self, place: &Place, id: Option<(u64, u64)>) {
        let now = fs::lstat(&place.path).ok().map(|stat| stat.id);
        if id.is_some() && id == now {
            let _ = self.remove(place);
        }
    }
}
