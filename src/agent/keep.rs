//! What was found farther out goes into the local store: after the caller has its answer,
//! by the same steps as if the caller had compiled it.
//!
//! The caller says which variant stood, with its machine's stamps. What is under way when
//! the agent is killed is not there afterwards, and is found farther out again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use super::fetch::{Outcome, Packed};
use super::tier::lock;
use crate::entry::manifest;
use crate::hash::Key;
use crate::store::parts::Parts;
use crate::store::remote::pack::Pack;
use crate::store::remote::place::Place;
use crate::store::remote::protocol::Local;

/// Results that are written at a time.
const AT_ONCE: usize = 2;

/// More than this, in bytes, does not wait: what comes then is not kept.
const MAX_WAITING: usize = 128 << 20;

/// Writes into the local store.
pub struct Keeper {
    place: Place,
    /// The cache directory.
    root: PathBuf,
    /// The agent's.
    umask: u32,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    finished: Notify,
}

#[derive(Default)]
struct State {
    /// Numbers of what has been answered and is not done with.
    open: BTreeSet<u64>,
    next: u64,
    /// Bytes in memory.
    waiting: usize,
}

/// An answer whose result may be kept. Done with when dropped.
pub struct Pending {
    keeper: Arc<Keeper>,
    outcome: Arc<Outcome>,
    number: u64,
    size: usize,
}

impl Drop for Pending {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.keeper.state);
            state.open.remove(&self.number);
            state.waiting -= self.size;
        }
        self.keeper.finished.notify_waiters();
    }
}

impl Keeper {
    /// To be called before there are other threads.
    pub fn new(place: &Place) -> Arc<Keeper> {
        Arc::new(Keeper {
            root: place.cache().to_owned(),
            place: place.clone(),
            umask: crate::sys::fs::umask(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            state: Mutex::default(),
            finished: Notify::new(),
        })
    }

    /// Expects that the caller who is given `outcome` wants it kept.
    pub fn expect(self: &Arc<Keeper>, outcome: &Arc<Outcome>) -> Pending {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        state.open.insert(number);
        Pending {
            keeper: self.clone(),
            outcome: outcome.clone(),
            number,
            size: 0,
        }
    }

    pub fn is_busy(&self) -> bool {
        !lock(&self.state).open.is_empty()
    }

    /// Waits, for at most `time`, until all is done with that has been answered so far.
    pub async fn settle(&self, time: Duration) {
        let end = lock(&self.state).next;
        let settled = async {
            loop {
                let finished = self.finished.notified();
                tokio::pin!(finished);
                finished.as_mut().enable();
                if lock(&self.state).open.range(..end).next().is_none() {
                    return;
                }
                finished.await;
            }
        };
        let _ = tokio::time::timeout(time, settled).await;
    }
}

impl Pending {
    /// Keeps the result that the one variant of `manifest` names.
    pub fn keep(mut self, local: Local, manifest: Vec<u8>) {
        let Some((tier, packed)) = &self.outcome.found else {
            return;
        };
        let tier = tier.clone();
        let size = match packed {
            Packed::Small(object, _) => object.len() + manifest.len(),
            Packed::File(_) => manifest.len(),
        };
        {
            let mut state = lock(&self.keeper.state);
            if state.waiting + size > MAX_WAITING {
                tier.count(|figures| figures.not_kept += 1);
                return;
            }
            state.waiting += size;
            self.size = size;
        }
        tokio::spawn(async move {
            let slot = self.keeper.slots.clone().acquire_owned().await;
            let done = tokio::task::spawn_blocking(move || {
                let kept = self.put(local, &manifest);
                tier.count(|figures| match kept {
                    Some(()) => figures.kept += 1,
                    None => figures.not_kept += 1,
                });
                drop(self);
            });
            let _ = done.await;
            drop(slot);
        });
    }

    fn put(&self, mut local: Local, manifest: &[u8]) -> Option<()> {
        let keeper = &self.keeper;
        // Of a cache that was removed nothing is made again.
        if !keeper.place.directory().exists() {
            return None;
        }
        if local.umask != keeper.umask {
            local.options.umask.get_or_insert(local.umask);
        }
        let key = Key::from_hex(&local.key)?;
        let (_, packed) = self.outcome.found.as_ref()?;
        let pack = Pack::read(packed.unpacked().ok()?, &key)?;
        let variant = manifest::to_new(&manifest::variants(manifest)?.next()?)?;
        let entry = pack.result(&variant.result)?.to_entry();
        // Nobody waits for this put.
        local.options.free_later = false;
        let parts = Parts::open(&keeper.root, local.options, local.namespace.as_deref()).ok()?;
        let manifest = Key::from_hex(&local.manifest)?;
        parts.store(&manifest, &entry, &variant).ok()
    }
}
