//! What names of work files are made of, so that nobody else has the same and whoever
//! finds one knows whether its maker lives.

use std::path::Path;
use std::sync::OnceLock;

use super::fs;

/// Where process identifiers mean what they mean here: this boot of this
/// machine and this process-identifier namespace, as a number.
pub fn pid_scope() -> u32 {
    static SCOPE: OnceLock<u32> = OnceLock::new();
    *SCOPE.get_or_init(|| {
        let boot = fs::read_text(Path::new("/proc/sys/kernel/random/boot_id"), 100);
        let namespace = fs::stat(Path::new("/proc/self/ns/pid")).map(|stat| stat.id);
        let text = format!("{boot:?} {namespace:?}");
        // FNV-1a: any number that differs between machines will do.
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    })
}

/// Whether a process of this identifier exists, or might.
pub fn process_exists(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    match pid {
        Some(pid) => rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH),
        None => false,
    }
}

/// A number that no other process and no other call is likely to get.
pub fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Each `RandomState` has keys of its own, the first from the system's
    // source of randomness. The clock and the process keep a fork apart.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_i128(fs::now());
    hasher.finish()
}
