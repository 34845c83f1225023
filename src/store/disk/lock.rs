//! Waiting for locks that other processes hold.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::store::{Error, Result};
use crate::sys::fs::{self, Modes};

/// The file whose lock the one process holds that evicts, cleans or counts.
pub(crate) const EVICT: &str = ".evict.lock";

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

/// The eviction lock, released when dropped: by unlocking, not by closing. A
/// process that is being started by another thread holds copies of our files
/// for a moment, and would keep the lock with them.
pub(crate) struct EvictLock(File);

impl Drop for EvictLock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// The eviction lock of the store at `root`, held until dropped; `None` if
/// somebody else has it and `wait` is not set.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn evict(root: &Path, modes: Modes, wait: bool) -> Result<Option<EvictLock>> {
    let path = root.join(EVICT);
    let lock = || -> io::Result<Option<EvictLock>> {
        let file = fs::open_or_create(&path, modes)?;
        if wait {
            file.lock()?;
            return Ok(Some(EvictLock(file)));
        }
        match file.try_lock() {
            Ok(()) => Ok(Some(EvictLock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    };
    lock().map_err(|error| Error::io(&path, error))
}
