//! The agent: what keeps connections to remote stores, uploads after the compile has
//! answered, and remembers what is down.
//!
//! One per user, host and cache directory. It is started by the first call that needs
//! it, has no configuration of its own, and is never needed for a correct build: a
//! compile that cannot reach it compiles. Killed at any time, it loses nothing that it
//! accepted ([`crate::store::remote::spool`]).
//!
//! Nothing outside this module uses its libraries, so that they cost the program that runs
//! for every compile neither size nor start-up.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`backend`] | servers: S3, HTTP, Redis, a shared directory |
//! | [`envelope`] | what an object is in: checksum, key, proof of its writer |
//! | [`breaker`] | waiting for a dead server once |
//! | [`tier`] | one configured store |
//! | [`fetch`], [`upload`] | look-ups and the spool |
//! | [`keep`] | what was found, into the local store |
//! | [`check`], [`housekeeping`], [`lease`] | what people ask for: check, clean, copy |
//! | [`server`] | the socket |

pub mod backend;
pub mod breaker;
pub mod check;
pub mod envelope;
pub mod fetch;
pub mod housekeeping;
pub mod keep;
pub mod lease;
pub mod server;
pub mod spill;
pub mod state;
pub mod tier;
pub mod upload;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;

use crate::store::remote::place::Place;

/// Files of interrupted transfers that are older are swept.
const STALE: Duration = Duration::from_secs(3600);

/// How long an agent that leaves may hold up the next.
const HANDOVER: Duration = Duration::from_secs(1);

/// Serves the callers whose place is `directory`, until nobody has come for `idle`.
/// Returns at once where another agent does.
///
/// # Errors
/// That the place cannot be used.
pub fn run(directory: PathBuf, idle: Duration) -> anyhow::Result<()> {
    crate::sys::detach::from_caller();
    let place = Place::at(directory);
    place.make().context("making the agent's directory")?;
    let lock = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(place.lock())?;
    let begun = Instant::now();
    while lock.file().try_lock().is_err() {
        // Whoever has it serves. Or he is leaving, and took his socket away: whoever
        // started us waits for one.
        if place.directory().join(place.socket_name()).exists() || begun.elapsed() > HANDOVER {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    sweep(&place);
    // A hit takes a dozen steps: none waits for another thread to wake up.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(server::serve(place, idle));
    // Not for an upload that hangs: it is in the spool.
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(served?)
}

fn sweep(place: &Place) {
    for (name, _) in crate::sys::fs::list(place.directory()).unwrap_or_default() {
        let name = name.to_string_lossy();
        if !["found-", "sealed-", "new-", ".tmp"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            continue;
        }
        let path = place.directory().join(&*name);
        let modified = fs_err::symlink_metadata(&path).and_then(|m| m.modified());
        let age = modified
            .ok()
            .and_then(|then| SystemTime::now().duration_since(then).ok());
        if age.is_some_and(|age| age > STALE) {
            let _ = fs_err::remove_file(&path);
        }
    }
}
