//! Servers on loopback, each in a directory of its own that goes with it.
//!
//! `shared` of each gives the one that the tests of this binary have in common:
//! they keep apart by bucket, path or key. It ends with the test process, however
//! that ends (see [`process`]). A test that wants to harm a server starts its own.

#![allow(
    dead_code,
    reason = "a kit: not every part is used by some test at all times"
)]

pub mod access_log;
pub mod apache;
pub mod certificates;
pub mod cluster;
pub mod memcached;
pub mod nginx;
pub mod process;
pub mod redis;
pub mod webdav;
pub mod weed;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{find_program, skip};
use process::Process;

/// How long a server may take to answer; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Below the ports that the kernel gives to outgoing connections, so that only
/// another server can take one away between the choice and the start.
const PORTS: std::ops::Range<u32> = 12_000..32_000;

/// Ports on loopback that nobody listens on, all different, and not handed out
/// before by this process.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at different places.
    let start = std::process::id().wrapping_mul(127);
    let mut tries = 0..PORTS.len();
    std::array::from_fn(|_| {
        tries
            .by_ref()
            .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
            .map(|number| (PORTS.start + number % PORTS.len() as u32) as u16)
            .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
            .expect("no port is free")
    })
}

/// A directory for a server. Others than its owner may pass through it: apache's
/// workers do not run as root.
pub fn directory() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .prefix("cache-server-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap()
}

/// Where a program is: on the PATH, or in `/usr/sbin`, which the PATH of a user
/// may lack.
pub fn program(name: &str) -> Option<PathBuf> {
    find_program(name).or_else(|| {
        let system = Path::new("/usr/sbin").join(name);
        system.exists().then_some(system)
    })
}

/// Whether all these programs and files are here; if not, says that the test is
/// skipped.
pub fn present(needed: &[&str]) -> bool {
    let missing: Vec<&str> = needed
        .iter()
        .copied()
        .filter(|name| program(name).is_none())
        .collect();
    if !missing.is_empty() {
        skip(&format!("{} not installed (.ci/setup)", missing.join(", ")));
    }
    missing.is_empty()
}

/// Starts a server by `attempt`, which gets fresh ports each time. Between the
/// choice of a port and its use somebody else may have taken it: the server then
/// ends at once, and `Err` with its log means another try.
pub fn start<S>(attempt: impl Fn() -> Result<S, String>) -> S {
    let mut logs = String::new();
    for _ in 0..4 {
        match attempt() {
            Ok(server) => return server,
            Err(log) => logs += &log,
        }
    }
    panic!("a server does not start:\n{logs}");
}

/// Waits until `ready`. `Err`: the process ended; its log. `ready` must ask for
/// something that only this server can know, as an earlier owner of the port may
/// answer as well.
pub fn wait_ready(process: &mut Process, mut ready: impl FnMut() -> bool) -> Result<(), String> {
    let start = Instant::now();
    loop {
        if let Some(status) = process.ended() {
            return Err(format!("ended with {status}:\n{}\n", process.log()));
        }
        if ready() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            panic!("a server does not get ready:\n{}", process.log());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `done`, for something that is bound to happen soon. Panics with
/// `what` if it does not.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "does not happen: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
