//! The program's entry, as C calls it.
//!
//! The runtime that Rust puts in front of `main` reads `/proc/self/maps`, makes a
//! stack for a handler of stack overflows and installs it: a dozen calls of a
//! program whose whole work is a hundred. What of it matters is done here.

mod glibc;

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStringExt;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};

/// Defines `main`: calls a function of `fn(Vec<OsString>) -> u8` with the command
/// line and ends with its exit code. Needs `#![no_main]`.
#[macro_export]
macro_rules! entry_point {
    ($run:path) => {
        // SAFETY: no other `main` is linked into the program; the C runtime calls
        // it once, with `count` words, each a C string that nobody changes.
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: std::ffi::c_int,
            words: *const *const std::ffi::c_char,
        ) -> std::ffi::c_int {
            // SAFETY: these are the C runtime's own arguments.
            unsafe { $crate::sys::start::enter(count, words, $run) }
        }

        #[cfg(own_start)]
        $crate::glibc_start!();
    };
}

/// Prepares the process as Rust's own runtime does and calls `run`.
///
/// # Safety
/// `words` points to `count` pointers to C strings that live and stay the same.
// SAFETY: is the caller's to give; see above.
pub unsafe fn enter(
    count: c_int,
    words: *const *const c_char,
    run: fn(Vec<OsString>) -> u8,
) -> c_int {
    open_missing_streams();
    // SAFETY: no handler is installed, only a disposition. A reader that goes away
    // is to be an error of one write, not the end before the result is stored.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
    let words = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: the caller vouches for `count` pointers to C strings.
        let word = unsafe { CStr::from_ptr(*words.add(index)) };
        OsString::from_vec(word.to_bytes().to_vec())
    });
    c_int::from(run(words.collect()))
}

/// Opens `/dev/null` for standard streams that are closed: the next file that is
/// opened would take their place, and messages would be written into it.
fn open_missing_streams() {
    let streams = [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ];
    let mut asked = streams
        .each_ref()
        .map(|stream| PollFd::new(stream, PollFlags::empty()));
    let none = rustix::event::Timespec::default();
    if poll(&mut asked, Some(&none)) == Ok(0) {
        return;
    }
    for stream in asked {
        if stream.revents().contains(PollFlags::NVAL)
            && let Ok(file) = rustix::fs::open(c"/dev/null", OFlags::RDWR, Mode::empty())
        {
            // It has the lowest number that is free, which is the one.
            let _ = file.into_raw_fd();
        }
    }
}
