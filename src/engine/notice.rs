//! Saying something to the user, once.
//!
//! A build makes hundreds of calls. What is wrong with the cache is said by
//! the first of them; the others find a marker and are silent for a while.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use xxhash_rust::xxh3::xxh3_64;

use crate::config::Environment;

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
    if let Some(directory) = marker.parent() {
        let _ = fs_err::create_dir_all(directory);
    }
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
    let line = format!("cache: warning: {text}\n");
    crate::sys::process::write_stream(rustix::stdio::stderr(), line.as_bytes());
}

/// A file beside the user's other caches: not in the cache directory, which
/// may be what is wrong, and not among temporary files, where a build may look
/// for what it left behind.
fn marker(environment: &Environment, topic: &[u8]) -> PathBuf {
    let caches = environment
        .get_non_empty("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(environment.home()?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    caches
        .join("cache-notices")
        .join(format!("{:016x}", xxh3_64(topic)))
}
