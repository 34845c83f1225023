//! Work on many shards at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many threads work: for somebody who waits, far more than processors. Where freed
/// blocks are told to the disk (`discard` without a journal), each removed file and
/// directory waits for it, and the disk takes many such calls at once.
pub(crate) const HURRY: usize = 32;
/// For nobody who waits: each of many such calls at once takes so much longer, and so
/// does what a build asks of the disk meanwhile.
pub(crate) const BESIDE: usize = 2;

/// Calls `work` for each of `jobs`, in no order, from so many `threads`; this
/// one calls `progress` with the sum of what `work` has
/// returned so far.
pub(crate) fn for_all<J: Sync>(
    threads: usize,
    jobs: &[J],
    work: impl Fn(&J) -> u64 + Sync,
    progress: &mut dyn FnMut(u64),
) {
    let next = AtomicUsize::new(0);
    let done = AtomicU64::new(0);
    let step = || {
        let job = jobs.get(next.fetch_add(1, Ordering::Relaxed))?;
        let more = work(job);
        Some(done.fetch_add(more, Ordering::Relaxed) + more)
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            // Where no thread can be had this one does it all.
            let helper = std::thread::Builder::new();
            let _ = helper.spawn_scoped(scope, || while step().is_some() {});
        }
        while let Some(sum) = step() {
            progress(sum);
        }
    });
    progress(done.load(Ordering::Relaxed));
}
