//! Work directories below `.tmp`: where entries are put together and taken
//! apart, out of everybody's sight.
//!
//! A work directory is called `<pid>-<scope>-<random>`: `pid` in decimal,
//! `scope` (8 hex digits) says where that process identifier means anything
//! (see [`unique::pid_scope`]), `random` (16 hex digits) keeps one process's work
//! directories apart. What a killed process leaves behind is swept by the next
//! clean or eviction, which can tell from the name that its owner is dead.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::index;
use crate::entry::BlobName;
use crate::store::{Error, Result};
use crate::sys::fs::{self, Kind, Modes};
use crate::sys::unique;

/// The directory of work directories, at the root of a store.
pub(crate) const DIR: &str = ".tmp";

/// A directory for the next entry, at the root of a store: empty, or an entry that was
/// replaced.
const SPARE: &str = ".machine/spare";

/// A larger entry is removed at once.
const SPARE_BYTES: u64 = 1 << 20;

/// Age at which a work directory is swept though its owner may be alive.
const STALE_NANOS: i128 = 3600 * 1_000_000_000;

/// Empty files, by name.
pub(crate) type Made = Vec<(String, File)>;

/// A work directory of this process. Removed with its content when dropped;
/// whatever was renamed out of it is not its content any more.
pub(crate) struct WorkDir {
    path: PathBuf,
    handle: OwnedFd,
    /// Files in it that are made and empty, by name.
    made: Made,
    gone: bool,
}

impl WorkDir {
    /// Makes one below the store at `root`, whose `.tmp` must exist.
    ///
    /// # Errors
    /// [`Error::Io`]; `NotFound` if there is no `.tmp`.
    pub(crate) fn make(root: &Path, modes: Modes) -> Result<WorkDir> {
        let path = unique(root);
        let made = fs::make_dir(&path, modes).and_then(|()| fs::open_dir(&path));
        match made {
            Ok(handle) => Ok(WorkDir {
                path,
                handle,
                made: Made::new(),
                gone: false,
            }),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    /// Makes the files of an entry with `blobs`, while there is time for it. To be
    /// called once, on an empty directory.
    pub(crate) fn with_files(mut self, blobs: &[BlobName], modes: Modes) -> WorkDir {
        let names = blobs.iter().map(BlobName::as_str);
        for name in names.chain([index::FILE]) {
            if let Ok(file) = fs::create_at(&self.handle, name, modes) {
                self.made.push((name.to_owned(), file));
            }
        }
        self
    }

    /// Whether the files that are made are among those of an entry with `blobs`.
    pub(crate) fn is_for(&self, blobs: &[&BlobName]) -> bool {
        self.made
            .iter()
            .all(|(name, _)| name == index::FILE || blobs.iter().any(|b| b.as_str() == name))
    }

    /// Takes the files that are made.
    pub(crate) fn take_made(&mut self) -> Made {
        std::mem::take(&mut self.made)
    }

    /// Takes the spare directory of the store at `root`, if there is one like `other`,
    /// and empties it.
    pub(crate) fn spare(root: &Path, other: &WorkDir) -> Option<WorkDir> {
        let path = unique(root);
        fs::rename(&root.join(SPARE), &path).ok()?;
        let handle = fs::open_dir(&path).ok()?;
        let work = WorkDir {
            path,
            handle,
            made: Made::new(),
            gone: false,
        };
        for (name, kind) in fs::list(&work.path).ok()? {
            let removed = kind != Kind::Directory && fs::unlink(&work.path.join(name)).is_ok();
            if !removed {
                return None;
            }
        }
        let found = fs::stat_fd(&work.handle).ok()?;
        let like = fs::stat_fd(&other.handle).ok()?;
        ((found.owner, found.mode) == (like.owner, like.mode)).then_some(work)
    }

    /// Leaves what was replaced, an entry of so many bytes, to the next process that
    /// stores one: that has time while its compiler runs. To remove files or a
    /// directory frees blocks, for which some file systems wait for the disk.
    pub(crate) fn leave_as_spare(mut self, root: &Path, bytes: u64) {
        if bytes <= SPARE_BYTES {
            self.gone = fs::rename(&self.path, &root.join(SPARE)).is_ok();
        }
    }

    /// Keeps an empty directory as the spare one.
    pub(crate) fn keep(mut self, root: &Path) {
        for (name, _) in self.take_made() {
            if fs::unlink_at(&self.handle, &name).is_err() {
                return;
            }
        }
        self.gone = fs::rename(&self.path, &root.join(SPARE)).is_ok();
    }

    /// Says that the directory has been given another name, and nothing was
    /// exchanged for it: there is nothing to remove.
    pub(crate) fn moved(mut self) {
        self.gone = true;
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if !self.gone {
            fs::remove_all(&self.path);
        }
    }
}

/// A path below `.tmp` that nobody else uses.
pub(crate) fn unique(root: &Path) -> PathBuf {
    let (pid, scope) = (std::process::id(), unique::pid_scope());
    root.join(DIR)
        .join(format!("{pid}-{scope:08x}-{:016x}", unique::random()))
}

/// Makes `.tmp`; fine if it is there.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn make_root(root: &Path, modes: Modes) -> Result<()> {
    let path = root.join(DIR);
    fs::make_dirs(&path, modes).map_err(|error| Error::io(&path, error))
}

/// Removes what dead or stuck processes left below `.tmp`. Errors are not
/// fatal: what stays is tried again next time.
pub(crate) fn sweep(root: &Path) {
    let dir = root.join(DIR);
    let now = fs::now();
    for (name, _) in fs::list(&dir).unwrap_or_default() {
        let path = dir.join(&name);
        let stale = || fs::lstat(&path).is_ok_and(|stat| now - stat.mtime > STALE_NANOS);
        if name.to_str().is_some_and(orphaned) || stale() {
            fs::remove_all(&path);
        }
    }
}

/// Removes the spare directory: what was replaced is nobody's any more.
pub(crate) fn remove_spare(root: &Path) {
    fs::remove_all(&root.join(SPARE));
}

/// Whether the name of a work directory tells that its owner is gone.
fn orphaned(name: &str) -> bool {
    let mut parts = name.splitn(3, '-');
    let pid = parts.next().and_then(|pid| pid.parse::<u32>().ok());
    let scope = parts.next().and_then(|s| u32::from_str_radix(s, 16).ok());
    match (pid, scope) {
        (Some(pid), Some(scope)) => scope == unique::pid_scope() && !unique::process_exists(pid),
        _ => false,
    }
}
