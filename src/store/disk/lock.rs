//! Waiting for locks that other processes hold.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::plan::work_file;
use crate::store::{Error, Result};
use crate::sys::fs::{self, Modes};

/// The file whose lock the one process holds that evicts, cleans or counts.
const EVICT: &str = ".evict.lock";
/// The work file whose lock the one process holds that frees what others have hidden.
const FREE: &str = "free.lock";

/// Calls `lock` until it succeeds, but not forever: the lock's holder may have
/// been stopped, and a build must not wait for that.
///
/// # Errors
/// Of `lock`; `TimedOut` after two seconds.
pub(crate) fn patiently(
    mut lock: impl FnMut() -> std::result::Result<(), TryLockError>,
) -> io::Result<()> {
    let mut pause = Duration::from_micros(50);
    let mut waited = Duration::ZERO;
    loop {
        match lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if waited > Duration::from_secs(2) => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(Duration::from_millis(5));
            }
        }
    }
}

/// A lock, released when dropped: by unlocking, not by closing. A process that is
/// being started by another thread holds copies of our files for a moment, and would
/// keep the lock with them.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// The eviction lock of the store at `root`, held until dropped; `None` if
/// somebody else has it and `wait` is not set.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn evict(root: &Path, modes: Modes, wait: bool) -> Result<Option<Lock>> {
    let path = root.join(EVICT);
    let lock = || {
        let file = fs::open_or_create(&path, modes)?;
        if wait {
            file.lock()?;
            return Ok(Some(Lock(file)));
        }
        try_now(file)
    };
    lock().map_err(|error| Error::io(&path, error))
}

/// The lock of who frees what is hidden in the store at `root`; `None` if somebody else
/// has it, and keeps it for two more seconds if `wait` is set.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn free(root: &Path, modes: Modes, wait: bool) -> Result<Option<Lock>> {
    let path = work_file(root, FREE);
    let lock = || {
        let file = fs::open_or_create(&path, modes)?;
        if wait && patiently(|| file.try_lock()).is_ok() {
            return Ok(Some(Lock(file)));
        }
        try_now(file)
    };
    lock().map_err(|error| Error::io(&path, error))
}

fn try_now(file: File) -> io::Result<Option<Lock>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
