//! Storing: an entry is put together in a work directory, index last, and
//! takes its name in one step.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use super::blob::{How, Writer};
use super::index::{self, Index, Row};
use super::lock::patiently;
use super::read::{self, DiskEntry, Opened, Place};
use super::temp::{self, WorkDir};
use super::{Budget, Compress, DiskStore, ROOM, Shared, scan};
use crate::entry::{Blob, BlobName, Entry};
use crate::hash::Key;
use crate::store::{Error, Result, Usage};
use crate::sys::fs::{self, Kind};

/// How often storing begins again because others got in between.
const ATTEMPTS: usize = 16;

/// An entry that is ready to appear.
struct Staged {
    work: WorkDir,
    charge: Usage,
}

/// What became of a [`Staged`].
enum Published {
    /// It is there; nothing was in its place before.
    New,
    /// It is there; the work directory holds what was there before, of so many bytes.
    Replaced(WorkDir, u64),
    /// It alone is more than a budget allows.
    TooLarge,
}

impl DiskStore {
    /// [`crate::store::Store::put_entry`].
    pub(super) fn put_whole(&self, key: &Key, entry: &Entry) -> Result<()> {
        self.shared.may_write()?;
        check_names(&self.shared, entry.blobs.keys())?;
        let place = self.place(key);
        let store = || {
            let names: Vec<&BlobName> = entry.blobs.keys().collect();
            let staged = self.shared.stage(key, &names, |writer| {
                let rows = entry.blobs.iter();
                rows.map(|(name, blob)| self.write(writer, name, blob))
                    .collect()
            })?;
            if let Published::Replaced(old, bytes) = self.publish(staged, &place)?
                && self.shared.ready().is_some()
            {
                old.leave_as_spare(&self.shared.root, bytes);
            }
            Ok(())
        };
        self.again_if_swept(store)
    }

    /// [`crate::store::Store::put`]: the entry is put together anew out of the
    /// blobs that are there, by hard link, and the new one.
    pub(super) fn put_blob(&self, key: &Key, name: &BlobName, value: &[u8]) -> Result<()> {
        self.shared.may_write()?;
        check_names(&self.shared, [name])?;
        let place = self.place(key);
        self.again_if_swept(|| {
            self.shared.ensure()?;
            // One at a time adds to an entry, or two would drop each other's.
            // Whole entries are stored without this lock; `merge` notices.
            let _lock = self.lock_shard(&place);
            self.merge(&place, name, value)
        })
    }

    /// Adds a blob to the entry at `place` until what that replaced is what it
    /// was made from.
    fn merge(&self, place: &Place, name: &BlobName, value: &[u8]) -> Result<()> {
        let mut base = self.base(&place.path, place)?;
        let mut expected = base.as_ref().and_then(DiskEntry::id);
        // What `base` is read from, when that is not in its place any more.
        let mut _kept = None;
        for _ in 0..ATTEMPTS {
            let staged = self.shared.stage(&place.key, &[], |writer| {
                let mut rows = match &base {
                    Some(base) => carry_over(base, name, writer.dir(), &place.path)?,
                    None => Vec::new(),
                };
                let row = writer.write_bytes(name, value);
                rows.push(row.map_err(|error| Error::io(&place.path, error))?);
                Ok(rows)
            })?;
            let ours = fs::stat_fd(staged.work.handle()).ok().map(|stat| stat.id);
            let Published::Replaced(old, _) = self.publish(staged, place)? else {
                return Ok(());
            };
            let replaced = fs::lstat(old.path()).ok().map(|stat| stat.id);
            if replaced == expected {
                return Ok(());
            }
            // A whole entry got in between: that is what to add to.
            base = self.base(old.path(), place)?;
            if base.is_none() {
                return Ok(());
            }
            expected = ours;
            _kept = Some(old);
        }
        Ok(())
    }

    /// The entry in the directory `path`, if it is one.
    fn base(&self, path: &Path, place: &Place) -> Result<Option<DiskEntry>> {
        let place = Place {
            path: path.to_owned(),
            ..place.clone()
        };
        match read::open(&self.shared, &place, false)? {
            Opened::Found(entry) => Ok(Some(entry)),
            Opened::Absent | Opened::Damaged { .. } => Ok(None),
        }
    }

    /// The lock of the shard of `place`; `None` if it cannot be had: then two
    /// writers of one entry may drop each other's blob, no more.
    fn lock_shard(&self, place: &Place) -> Option<File> {
        let shard = place.path.parent()?;
        for _ in 0..ATTEMPTS {
            // It nearly always is there.
            let Ok(file) = fs::open(shard) else {
                self.shared.make_dirs_to(place).ok()?;
                continue;
            };
            let found = fs::stat_fd(&file).ok()?;
            if found.kind != Kind::Directory {
                self.shared.make_dirs_to(place).ok()?;
                continue;
            }
            patiently(|| file.try_lock()).ok()?;
            // A clean may have removed the directory and another process made
            // it again while we waited.
            if found.id == fs::stat(shard).ok()?.id {
                return Some(file);
            }
        }
        None
    }

    fn write(&self, writer: &mut Writer<'_>, name: &BlobName, blob: &Blob) -> Result<Row> {
        writer.write(name, blob).map_err(|error| match blob {
            Blob::File(path) => Error::io(path, error),
            Blob::Bytes(_) => Error::io(&self.shared.root, error),
        })
    }

    /// Runs `store`, and once more if the directory disappeared under it.
    fn again_if_swept(&self, mut store: impl FnMut() -> Result<()>) -> Result<()> {
        match store() {
            Err(error) if error.is_not_found() => {
                self.shared.forget();
                store()
            }
            other => other,
        }
    }

    /// Makes a staged entry appear at `place` and keeps the budgets.
    fn publish(&self, staged: Staged, place: &Place) -> Result<Published> {
        let Staged { work, charge } = staged;
        if self.budgets.iter().any(|b| exceeds(b, charge)) {
            // Storing it would only push everything else out before itself.
            self.shared.remove(place)?;
            return Ok(Published::TooLarge);
        }
        let namespace = place.namespace.as_str();
        let ledger = &self.shared.ledger;
        let charged = ledger.charge(namespace, charge);
        let replaced = match self.shared.appear(work, place) {
            Ok(old) => old.map(|old| {
                let usage = scan::measure_at(old.path());
                (old, usage)
            }),
            Err(error) => {
                let epoch = charged.map(|book| book.epoch);
                ledger.credit(namespace, epoch, charge);
                return Err(error);
            }
        };
        let freed = replaced.as_ref().map(|(_, usage)| *usage);
        let mut book = ledger.settle(namespace, charge, charged, freed);
        let since = Instant::now();
        for Budget { scope, limits } in &self.budgets {
            book = self.shared.enforce(scope, limits, place, book, since);
        }
        Ok(match replaced {
            Some((old, usage)) => Published::Replaced(old, usage.bytes),
            None => Published::New,
        })
    }
}

fn exceeds(budget: &Budget, charge: Usage) -> bool {
    budget.limits.max_size.is_some_and(|max| charge.bytes > max)
}

/// # Errors
/// [`Error::Io`] for a name that the layout needs itself.
fn check_names<'a>(shared: &Shared, names: impl IntoIterator<Item = &'a BlobName>) -> Result<()> {
    match names.into_iter().any(|name| name.as_str() == index::FILE) {
        true => Err(Error::io(
            &shared.root,
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "no blob can be called \"index\"",
            ),
        )),
        false => Ok(()),
    }
}

/// Links the blobs of `base` except `name` into `dir`; their rows. A blob that
/// is missing is left out: the entry was damaged, and is better for it.
fn carry_over(
    base: &DiskEntry,
    name: &BlobName,
    dir: &std::os::fd::OwnedFd,
    path: &Path,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for row in base.index().rows.iter().filter(|row| row.name != *name) {
        let file = row.name.as_str();
        let carried = match fs::link_at(base.dir(), dir, file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                copy_file(base.dir(), dir, file)
            }
            other => other,
        };
        match carried {
            Ok(()) => rows.push(row.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&path.join(file), error)),
        }
    }
    Ok(rows)
}

/// For file systems without hard links.
fn copy_file(from: &std::os::fd::OwnedFd, to: &std::os::fd::OwnedFd, name: &str) -> io::Result<()> {
    let mut source = fs::open_at(from, name)?;
    let mut target = fs::create_at(to, name, fs::Modes::default())?;
    io::copy(&mut source, &mut target).map(drop)
}

impl Shared {
    /// Puts an entry together in a work directory: what `write` writes, `blobs` among
    /// it, then the index.
    fn stage(
        &self,
        key: &Key,
        blobs: &[&BlobName],
        write: impl FnOnce(&mut Writer<'_>) -> Result<Vec<Row>>,
    ) -> Result<Staged> {
        let format = self.ensure()?;
        let ready = self.take_ready(blobs).map(Ok);
        let mut work = match ready.unwrap_or_else(|| WorkDir::make(&self.root, self.modes)) {
            Err(error) if error.is_not_found() => {
                // Either `.tmp` or the whole directory was removed.
                self.forget();
                self.ensure()?;
                temp::make_root(&self.root, self.modes)?;
                WorkDir::make(&self.root, self.modes)?
            }
            other => other?,
        };
        let levels = zstd::compression_level_range();
        let level = self.options.compression_level;
        let raw = format.clone || self.options.hard_link || !self.compresses_now();
        let how = How {
            clone: format.clone,
            hard_link: self.options.hard_link,
            compress: (!raw).then(|| level.clamp(*levels.start(), *levels.end())),
            modes: self.modes,
        };
        let made = work.take_made();
        let mut writer = Writer::new(work.handle(), &self.root, how, made);
        let mut rows = write(&mut writer)?;
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let index = Index { key: *key, rows };
        let bytes = index.encode();
        let written = writer.create(index::FILE).and_then(|mut file| {
            file.write_all(&bytes)?;
            // Recency to the nanosecond, as a use sets it.
            fs::touch(&file)
        });
        written.map_err(|error| Error::io(work.path(), error))?;
        let charge = Usage {
            entries: 1,
            bytes: scan::charge(&index, bytes.len()),
        };
        Ok(Staged { work, charge })
    }

    /// Whether what is stored now is to be compressed, by what the store holds.
    pub(super) fn compresses(&self) -> bool {
        match self.options.compression {
            Compress::Always => true,
            Compress::Never => false,
            Compress::WhenCrowded => {
                let room = self.options.max_size.unwrap_or(ROOM);
                let book = self.ledger.read();
                book.is_some_and(|book| book.sum("").bytes > room / 2)
            }
        }
    }

    /// Gives a work directory the name of `place`. What was there before, if anything
    /// was.
    fn appear(&self, work: WorkDir, place: &Place) -> Result<Option<WorkDir>> {
        let to = place.path.as_path();
        let mut last = io::Error::other("too many others at the same entry");
        for _ in 0..ATTEMPTS {
            match fs::rename(work.path(), to) {
                Ok(()) => {
                    work.moved();
                    return Ok(None);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if fs::lstat(work.path()).is_err() {
                        // It was removed under us, and the shard with it.
                        return Err(Error::io(work.path(), error));
                    }
                    self.make_dirs_to(place)?;
                    last = error;
                    continue;
                }
                Err(error) if fs::occupied(&error) => last = error,
                Err(error) => return Err(Error::io(to, error)),
            }
            match fs::exchange(work.path(), to) {
                Ok(()) => return Ok(Some(work)),
                Err(error) => match error.kind() {
                    // Gone again: the plain rename will do.
                    io::ErrorKind::NotFound => {}
                    // A file in the place of a directory above the entry.
                    io::ErrorKind::NotADirectory => self.make_dirs_to(place)?,
                    // No exchange here: for a moment there is no entry. What
                    // was there is out of the way; the rename has room.
                    io::ErrorKind::Unsupported
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::CrossesDevices => {
                        self.remove(place)?;
                    }
                    _ => return Err(Error::io(to, error)),
                },
            }
        }
        Err(Error::io(to, last))
    }

    /// Makes the directories between the root and the entry at `place`; what is
    /// in the way of one is removed.
    pub(super) fn make_dirs_to(&self, place: &Place) -> Result<()> {
        let shard = place.path.parent().unwrap_or(&self.root);
        let below = shard.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let mut path = self.root.clone();
        for component in below {
            path.push(component);
            match fs::make_dir(&path, self.modes) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let blocked = fs::stat(&path).is_ok_and(|stat| stat.kind != Kind::Directory);
                    if blocked {
                        // No directory: gone in one step.
                        let _ = fs::unlink(&path);
                        fs::make_dir(&path, self.modes).map_err(|e| Error::io(&path, e))?;
                    }
                }
                Err(error) => return Err(Error::io(&path, error)),
            }
        }
        Ok(())
    }
}
