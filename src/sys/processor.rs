//! Where a thread runs.
//!
//! Linux looks for an idle processor when a thread wakes up, but not where few processors
//! share a cache and these are somewhat busy (`SIS_UTIL`, kernel 5.19 and later): on
//! machines with two a thread stands in line behind whoever woke it, and the other
//! processor is idle. A thread that has run there before is woken there.

use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};

/// The processor that the calling thread runs on.
pub fn current() -> usize {
    sched_getcpu()
}

/// Moves the calling thread to another processor than `processor`, if there is one for
/// it. It stays free to run on each that it could run on before.
pub fn leave(processor: usize) {
    let Ok(all) = sched_getaffinity(None) else {
        return;
    };
    let mut others = all;
    others.unset(processor);
    if others.count() > 0 && sched_setaffinity(None, &others).is_ok() {
        let _ = sched_setaffinity(None, &all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_left_may_run_everywhere_still() {
        let before = sched_getaffinity(None).unwrap();
        let thread = std::thread::spawn(|| {
            leave(current());
            // None of this kind: not an error.
            leave(rustix::thread::CpuSet::MAX_CPU - 1);
            sched_getaffinity(None).unwrap()
        });
        assert_eq!(thread.join().unwrap(), before);
    }
}
