//! Removing entries: each is hidden in one step, and taken apart then or later.
//!
//! The step is a rename within the shard: `<64 hex digits>` becomes `.<the first 32 of
//! them>`, which is no entry's name. What has such a name is nobody's, and nothing ever
//! gets its name back: anybody may take it apart, at any time, and two at once do no
//! harm. So what a killed process leaves behind differs in nothing from what one has
//! not come to yet; a clean and an eviction that come by take it apart.
//!
//! Within the shard, since a rename from one directory to another waits for all others
//! of the file system (one lock in Linux), and to take a file apart means to wait for
//! the disk where freed blocks are told to it.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::scan::{self, Shard};
use super::{index, parallel};
use crate::hash::Key;
use crate::store::Result;
use crate::sys::fs;

/// Length of the name of what is hidden.
const HIDDEN: usize = 1 + 32;

/// The name that the entry of `key` has once it is hidden.
fn hidden_name(key: &Key) -> String {
    let mut name = key.hex();
    name.insert(0, '.');
    name.truncate(HIDDEN);
    name
}

/// Whether something in a shard is an entry that was hidden, by its name.
pub(crate) fn is_hidden(name: &str) -> bool {
    let digit = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    name.len() == HIDDEN
        && name
            .strip_prefix('.')
            .is_some_and(|rest| rest.bytes().all(digit))
}

/// Hides the entry of `key` in the directory `shard`, which is relative to `dir`.
///
/// # Errors
/// Of looking or renaming: it is gone already, or belongs to another user; that could be
/// hidden but not taken apart.
pub(crate) fn hide(dir: impl AsFd, shard: &Path, key: &Key) -> io::Result<()> {
    let from = shard.join(key.hex());
    // Only a directory has to be writable.
    match fs::writable_at(&dir, &from.join(".")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        _ => {}
    }
    let to = shard.join(hidden_name(key));
    let mut done = fs::rename_at(&dir, &from, &to);
    if done.as_ref().is_err_and(fs::occupied) {
        // What a killed process has left of an earlier entry of this key.
        take_apart(&dir, &to, &mut Vec::new());
        done = fs::rename_at(&dir, &from, &to);
    }
    match done {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => take_in_place(&dir, &from),
        done => done,
    }
}

/// Removes the entry of `key`, as [`hide`] finds it.
///
/// # Errors
/// As [`hide`].
pub(crate) fn take(dir: impl AsFd, shard: &Path, key: &Key) -> io::Result<()> {
    hide(&dir, shard, key)?;
    take_apart(&dir, &shard.join(hidden_name(key)), &mut Vec::new());
    Ok(())
}

/// For an entry that cannot be renamed: its directory is from a lower layer of an overlay.
/// Its index goes first, without which it is none.
fn take_in_place(dir: impl AsFd, path: &Path) -> io::Result<()> {
    // By its handle: another entry may get its name meanwhile.
    let entry = fs::open_dir_at(&dir, path)?;
    match fs::unlink_at(&entry, index::FILE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for (name, _) in fs::list_at(&entry, ".").unwrap_or_default() {
        fs::remove_all_at(&entry, name.as_ref());
    }
    let _ = fs::remove_dir_at(&dir, path);
    Ok(())
}

/// Removes the hidden entry at `path`, relative to `dir`, as far as it can be; whether
/// it is gone. `usual`: the names of the files of the last one, which this one has too as
/// a rule.
fn take_apart(dir: impl AsFd, path: &Path, usual: &mut Vec<OsString>) -> bool {
    // Open until its name is gone. What `rmdir` frees it frees with the directory above
    // locked, and waits for the disk; who stores an entry there would wait for both.
    let entry = fs::open_dir_at(&dir, path);
    if let Ok(entry) = &entry {
        for name in usual.iter() {
            let _ = fs::unlink_at(entry, name);
        }
        if fs::remove_dir_at(&dir, path).is_ok() {
            return true;
        }
        usual.clear();
        for (name, _) in fs::list_at(entry, ".").unwrap_or_default() {
            if fs::unlink_at(entry, &name).is_ok() {
                usual.push(name);
            }
        }
        if fs::remove_dir_at(&dir, path).is_ok() {
            return true;
        }
    }
    // Something that no entry holds, or no directory at all.
    fs::remove_all_at(&dir, path);
    fs::stat_at(&dir, path).is_err()
}

/// Takes apart what is hidden in the namespace `scope` and those inside of it, until
/// the time `until` comes, from so many `threads`; `progress` is called with how many
/// that were so far. How many are left.
///
/// # Errors
/// [`crate::store::Error::Io`] if the store cannot be listed. That something cannot be
/// removed is none.
pub(crate) fn free(
    root: &Path,
    scope: &str,
    threads: usize,
    until: Option<Instant>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64> {
    let left = AtomicU64::new(0);
    let work = |shard: &Shard| {
        let (gone, later) = free_shard(&shard.dir, until);
        left.fetch_add(later, Ordering::Relaxed);
        gone
    };
    parallel::for_all(threads, &scan::shards_below(root, scope)?, work, progress);
    Ok(left.into_inner())
}

/// [`free`] of the shard at `shard`: how many were taken apart, and how many are left for
/// want of time.
pub(crate) fn free_shard(shard: &Path, until: Option<Instant>) -> (u64, u64) {
    let hidden = scan::names_in(shard).unwrap_or_default().hidden;
    let all = hidden.len() as u64;
    let dir = match fs::open_dir(shard) {
        Ok(dir) if all > 0 => dir,
        _ => return (0, 0),
    };
    let mut usual = Vec::new();
    let mut gone = 0;
    for (at, name) in (0..).zip(hidden) {
        if until.is_some_and(|until| Instant::now() >= until) {
            return (gone, all - at);
        }
        gone += u64::from(take_apart(&dir, Path::new(&name), &mut usual));
    }
    (gone, 0)
}
