//! Where a thread is woken.
//!
//! Linux wakes a thread on the processor of whoever wakes it, or where it ran last. It
//! looks for an idle one too, but hardly where there are two processors (`SIS_UTIL`,
//! kernel 5.19), and in a virtual machine an idle one counts as taken away by the host.
//! So a helper stands in line behind the one that waits for it, with a processor idle
//! beside them.

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};

/// Lets the process `child`, which was just started, have the processor that it waits
/// for while the caller goes on: on another one, if there is one. The kernel wakes who
/// has waited for `exec` on the child's processor and in front of it, and the child waits
/// until the caller does.
pub fn make_way_for(child: u32) {
    let mine = current();
    if mine.is_some()
        && processor_of(child) == mine
        && let Some(seat) = Seat::own()
    {
        seat.keep_off_mine();
        seat.release();
    }
}

/// The processor that this runs on. `None`: the system does not tell.
fn current() -> Option<usize> {
    // SAFETY: it takes nothing and gives a number, or -1.
    let number = unsafe { libc::sched_getcpu() };
    usize::try_from(number).ok()
}

/// The processor on which a process runs, or last ran. `None`: the system does not tell.
fn processor_of(process: u32) -> Option<usize> {
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // proc_pid_stat(5): its name stands in parentheses and may hold anything; this is
    // field 39, the third the first behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(39 - 3)?.parse().ok()
}

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
        let Some(mine) = current() else {
            return;
        };
        let mut others = self.all;
        others.unset(mine);
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
    fn who_makes_way_may_run_where_it_could() {
        let before = sched_getaffinity(None).unwrap();
        let nobody = u32::MAX;
        assert!(processor_of(std::process::id()).is_some());
        assert_eq!(processor_of(nobody), None);
        for process in [std::process::id(), 1, nobody] {
            make_way_for(process);
            assert_eq!(sched_getaffinity(None).unwrap(), before);
        }
    }

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
