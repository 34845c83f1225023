//! Saying something to the user, once.
//!
//! A build makes hundreds of calls. What is wrong with the cache is said by
//! the first of them; the others find a marker and are silent for a while.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use xxhash_rust::xxh3::xxh3_64;

use crate::config::Environment;

/// What markers' names begin with.
const PREFIX: &str = ".cache-notice-";

/// How long the same notice is not repeated.
const QUIET: Duration = Duration::from_secs(600);

/// Writes `cache: warning: <text>` to standard error, unless something about
/// the same `topic` has been said in the last ten minutes.
pub fn say_once(environment: &Environment, topic: &[u8], text: &str) {
    let marker = marker(environment, topic);
    let recent = fs_err::symlink_metadata(&marker)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|then| match SystemTime::now().duration_since(then) {
            Ok(age) => age < QUIET,
            Err(_) => true,
        });
    if recent {
        return;
    }
    let _ = fs_err::remove_file(&marker);
    // Whoever makes the marker speaks: of twenty calls at once, one.
    let made = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&marker);
    if let Err(error) = &made
        && error.kind() == std::io::ErrorKind::AlreadyExists
    {
        return;
    }
    sweep(&marker);
    let line = format!("cache: warning: {text}\n");
    crate::sys::process::write_stream(rustix::stdio::stderr(), line.as_bytes());
}

/// Removes our markers that have had their time.
fn sweep(marker: &Path) {
    let Some(entries) = marker.parent().and_then(|dir| fs_err::read_dir(dir).ok()) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().as_bytes().starts_with(PREFIX.as_bytes());
        let old = |metadata: std::fs::Metadata| metadata.modified().ok()?.elapsed().ok();
        let age = entry.metadata().ok().filter(|_| ours).and_then(old);
        if age.is_some_and(|age| age > QUIET) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

/// A file in memory that goes with the session or the next start: not in the
/// cache directory, which may be what is wrong, and not where a build may look
/// for what it left behind.
fn marker(environment: &Environment, topic: &[u8]) -> PathBuf {
    let directory = environment
        .get_non_empty("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|directory| directory.is_dir())
        .unwrap_or_else(|| PathBuf::from("/dev/shm"));
    let user = rustix::process::geteuid().as_raw();
    directory.join(format!("{PREFIX}{user}-{:016x}", xxh3_64(topic)))
}
