//! Where a thread is woken.
//!
//! Linux wakes a thread on the processor of whoever wakes it, or where it ran last. It
//! looks for an idle one too, but hardly where there are two processors (`SIS_UTIL`,
//! kernel 5.19), and in a virtual machine an idle one counts as taken away by the host.
//! So a helper stands in line behind the one that waits for it, with a processor idle
//! beside them.

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// A thread, and where it may run.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    thread: Pid,
    all: CpuSet,
}

impl Seat {
    /// That of the calling thread. `None`: the system does not tell.
    pub fn own() -> Option<Seat> {
        Some(Seat {
            thread: gettid(),
            all: sched_getaffinity(None).ok()?,
        })
    }

    /// The thread, which sleeps, will wake on another processor than the caller's, if it
    /// may run on another.
    pub fn keep_off_mine(&self) {
        let mut others = self.all;
        others.unset(sched_getcpu());
        if others.count() > 0 {
            let _ = sched_setaffinity(Some(self.thread), &others);
        }
    }

    /// The thread, which is the caller, may run where it could before.
    pub fn release(&self) {
        let _ = sched_setaffinity(None, &self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_wakes_elsewhere_and_is_free_again() {
        let (tell, told) = std::sync::mpsc::channel();
        let (wake, woken) = std::sync::mpsc::channel::<()>();
        let helper = std::thread::spawn(move || {
            let seat = Seat::own().unwrap();
            tell.send(seat).unwrap();
            woken.recv().unwrap();
            let kept = sched_getaffinity(None).unwrap();
            seat.release();
            (kept, sched_getaffinity(None).unwrap())
        });
        let seat = told.recv().unwrap();
        seat.keep_off_mine();
        wake.send(()).unwrap();
        let (kept, free) = helper.join().unwrap();
        assert_eq!(free, seat.all);
        assert_eq!(kept.count(), (free.count() - 1).max(1));
    }
}
