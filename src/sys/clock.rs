//! Clocks, and how far a file's times can be trusted.
//!
//! The kernel stamps files with its *coarse* clock, which advances in ticks of
//! a few milliseconds. Two writes in one tick can leave the same times, so a
//! file whose times lie in the current tick may change again without showing it
//! (the "racily clean" problem that git documents).

use std::time::Duration;

use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_REALTIME_COARSE, clockid_t, timespec};

/// Nanoseconds since the epoch; what file times are compared with.
pub type Nanos = i64;

fn nanos(time: timespec) -> Nanos {
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}

/// By way of libc, which has looked for the kernel's fast path already.
fn read(clock: clockid_t) -> timespec {
    let mut time = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one `timespec`, which is ours; an unknown clock leaves it.
    unsafe {
        libc::clock_gettime(clock, &mut time);
    }
    time
}

/// The clock that the kernel takes file times from. A file written after this
/// call has times that are not smaller than its result.
pub fn coarse_now() -> Nanos {
    nanos(read(CLOCK_REALTIME_COARSE))
}

/// The length of one tick of [`coarse_now`].
pub fn tick() -> Nanos {
    let mut time = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one `timespec`, which is ours; an unknown clock leaves it.
    unsafe {
        libc::clock_getres(CLOCK_REALTIME_COARSE, &mut time);
    }
    nanos(time).clamp(1, 20_000_000)
}

/// Sleeps until [`coarse_now`] is greater than `time`, but not longer than a
/// tenth of a second: a busy machine's ticks can be late by more than a tick.
pub fn wait_past(time: Nanos) {
    let begun = monotonic();
    while coarse_now() <= time {
        if monotonic().saturating_sub(begun) > Duration::from_millis(100) {
            return;
        }
        std::thread::sleep(Duration::from_micros(250));
    }
}

/// Waits until all that was written before the call has settled times. Kernels
/// with fine-grained file times (Linux 6.13) can stamp a file later than the
/// coarse clock reads, so it is the precise clock that has to be passed.
pub fn settle() {
    wait_past(nanos(read(CLOCK_REALTIME)));
}

/// Milliseconds since the epoch.
pub fn wall_millis() -> u64 {
    let now = read(CLOCK_REALTIME);
    u64::try_from(nanos(now) / 1_000_000).unwrap_or(0)
}

/// A monotonic reading, for measuring how long something took.
pub fn monotonic() -> Duration {
    let now = read(CLOCK_MONOTONIC);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
