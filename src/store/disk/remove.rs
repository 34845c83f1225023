//! Removing many entries: each goes into one work directory by one rename, and
//! is taken apart there.

use std::os::fd::AsFd;
use std::path::Path;

use super::index;
use super::temp::{self, WorkDir};
use super::{Shared, scan};
use crate::store::{Result, Usage};
use crate::sys::fs;

/// Takes entries apart, in a work directory of its own.
pub(crate) struct Remover {
    work: WorkDir,
    next: u64,
}

impl Remover {
    /// # Errors
    /// [`crate::store::Error::Io`] if there can be no work directory.
    pub(crate) fn new(shared: &Shared) -> Result<Remover> {
        let work = WorkDir::make(&shared.root, shared.modes).or_else(|error| {
            if !error.is_not_found() {
                return Err(error);
            }
            temp::make_root(&shared.root, shared.modes)?;
            WorkDir::make(&shared.root, shared.modes)
        })?;
        Ok(Remover { work, next: 0 })
    }

    /// Removes the entry at `path`, relative to `dir`: invisible in one step.
    /// What it was charged; `None` if it is gone already, or cannot be moved.
    pub(crate) fn take(&mut self, dir: impl AsFd, path: &Path) -> Option<Usage> {
        let aside = self.next.to_string();
        self.next += 1;
        fs::rename_at(dir, path, self.work.handle(), &aside).ok()?;
        let usage = match self.take_apart(&aside) {
            Some(bytes) => Usage { entries: 1, bytes },
            None => {
                let path = self.work.path().join(&aside);
                let usage = scan::measure_at(&path);
                fs::remove_all(&path);
                usage
            }
        };
        Some(usage)
    }

    /// Removes what the index names. `None` if that was not all, or if there is
    /// no index to go by; then it is still there, so that it can be measured.
    fn take_apart(&self, name: &str) -> Option<u64> {
        let dir = self.work.handle();
        let (index, len, _) = scan::read_index(dir, name)?;
        for row in &index.rows {
            // Where a blob has no file there is none to remove.
            let _ = fs::unlink_at(dir, inside(name, row.name.as_str()));
        }
        // The index goes last: what is left without one could not be measured.
        let path = inside(name, index::FILE);
        fs::unlink_at(dir, path).ok()?;
        if fs::remove_dir_at(dir, name).is_err() {
            fs::remove_all(&self.work.path().join(name));
        }
        Some(scan::charge(&index, len))
    }
}

fn inside(entry: &str, file: &str) -> String {
    let mut path = String::with_capacity(entry.len() + 1 + file.len());
    path.push_str(entry);
    path.push('/');
    path.push_str(file);
    path
}
