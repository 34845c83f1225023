//! Leaving the process that started us.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts `cache clean --rest` for the cache directory `dir`, or for what the environment
/// says, as a process that nobody waits for; `words` are further words of its command.
///
/// # Errors
/// Of finding this program or starting it.
pub fn start_freeing(dir: Option<&Path>, words: &[&str]) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg0("cache")
        .args(["clean", "--rest"])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(dir) = dir {
        command.env("CACHE_DIR", dir);
    }
    command.spawn().map(drop)
}

/// Gets out of everybody's way: others go first where processors are scarce, and the
/// directory that the caller works in can be removed and unmounted.
pub fn behind_others() {
    let _ = rustix::process::nice(10);
    let _ = rustix::process::chdir("/");
}

/// Ends all ties to the caller: its session, and the descriptors it had open (a make's
/// jobserver, a pipe whose reader waits for its end). To be called first in a program.
/// Nor does it leave an image of its memory, which holds secrets, if it crashes.
pub fn from_caller() {
    let _ = rustix::process::setsid();
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let own = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let open: Vec<RawFd> = own
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in open {
        // SAFETY: nothing in this process has opened a file yet, and the listing's own
        // is closed already, which makes this an error that is ignored; what is left
        // belongs to the caller.
        unsafe {
            libc::close(descriptor);
        }
    }
}
