//! Signals while a child runs.
//!
//! A terminal's Ctrl-C reaches the compiler by itself; `kill PID` reaches only
//! us. So while a compiler runs, the signals that end a build are passed on to
//! it, it cleans up after itself, and then we end as it did.

use std::sync::atomic::{AtomicI32, Ordering};

static CHILD: AtomicI32 = AtomicI32::new(0);

const FORWARDED: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

extern "C" fn pass_on(signal: libc::c_int) {
    let child = CHILD.load(Ordering::Relaxed);
    if child > 0 {
        // SAFETY: `kill` is async-signal-safe and has no memory effects; a pid
        // that is gone gives ESRCH. The pid cannot be reused while we have not
        // waited for the child, and the guard resets it after waiting.
        unsafe {
            libc::kill(child, signal);
        }
    }
}

/// While it lives, signals are passed on; see [`forward_to`].
pub struct Forwarding {
    previous: [libc::sigaction; FORWARDED.len()],
}

/// Passes SIGINT, SIGTERM and SIGHUP on to the child `pid` until the guard is
/// dropped, which restores what was before. A signal that we were started to
/// ignore stays ignored.
pub fn forward_to(pid: u32) -> Forwarding {
    CHILD.store(i32::try_from(pid).unwrap_or(0), Ordering::Relaxed);
    // SAFETY: `sigaction` is a plain C struct for which all zeroes is a valid
    // value; the calls read and write only the locals given to them; the
    // handler touches nothing but atomics and `kill`.
    unsafe {
        let mut previous: [libc::sigaction; FORWARDED.len()] = std::mem::zeroed();
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = pass_on as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        for (signal, previous) in FORWARDED.iter().zip(&mut previous) {
            libc::sigaction(*signal, std::ptr::null(), previous);
            if previous.sa_sigaction != libc::SIG_IGN {
                libc::sigaction(*signal, &action, std::ptr::null_mut());
            }
        }
        Forwarding { previous }
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        CHILD.store(0, Ordering::Relaxed);
        for (signal, previous) in FORWARDED.iter().zip(&self.previous) {
            // SAFETY: restores the very struct that the kernel gave us.
            unsafe {
                libc::sigaction(*signal, previous, std::ptr::null_mut());
            }
        }
    }
}

/// Ends this process by `signal`, without a core file of our own.
pub fn die_of(signal: i32) {
    // SAFETY: default action for a signal number, then a signal to ourselves;
    // no memory of ours is involved. `setrlimit` reads one local struct.
    unsafe {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
