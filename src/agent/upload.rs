//! Uploads: what lies in the spool goes to the stores that its head names, and stays
//! there until they have it.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, Semaphore};

use super::backend::{self, Body, Failure};
use super::envelope;
use super::tier::{Tier, lock, may_pass};
use crate::hash::Key;
use crate::store::remote::place::Place;
use crate::store::remote::spool;

/// Uploads at a time.
const AT_ONCE: usize = 8;

/// What could not be uploaded for this long is given up.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Sealed objects up to this size, in bytes, are sent from memory.
const IN_MEMORY: u64 = 8 << 20;

/// The spool's worker.
pub struct Uploads {
    place: Place,
    /// The stores by name, as the last caller described them.
    known: Mutex<HashMap<String, Arc<Tier>>>,
    busy: Mutex<HashSet<PathBuf>>,
    /// Stores that have got a pack whose other stores have not.
    done: Mutex<HashMap<PathBuf, HashSet<String>>>,
    slots: Arc<Semaphore>,
    finished: Notify,
}

/// What became of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All stores have it, or it is given up.
    Gone,
    /// A store is down or not known yet.
    Waits,
}

impl Uploads {
    pub fn new(place: Place) -> Arc<Uploads> {
        Arc::new(Uploads {
            place,
            known: Mutex::default(),
            busy: Mutex::default(),
            done: Mutex::default(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            finished: Notify::new(),
        })
    }

    /// These are the stores now.
    pub fn learn(&self, tiers: &[Arc<Tier>]) {
        let mut known = lock(&self.known);
        for tier in tiers {
            known.insert(tier.name().to_owned(), tier.clone());
        }
    }

    /// Whether an upload is under way.
    pub fn is_busy(&self) -> bool {
        !lock(&self.busy).is_empty()
    }

    /// Starts what can be started.
    pub fn start(self: &Arc<Uploads>) {
        // What waits for a store that is down is not even opened.
        let is_idle = {
            let known = lock(&self.known);
            let mut down = known
                .values()
                .filter(|tier| tier.is_written())
                .map(|tier| !tier.writing.may_be_tried())
                .peekable();
            down.peek().is_some() && down.all(|is_down| is_down)
        };
        let mut size = 0;
        for (path, length) in self.place.spooled() {
            if size + length > spool::MAX_SIZE {
                let _ = fs_err::remove_file(&path);
                continue;
            }
            size += length;
            if is_idle || !lock(&self.busy).insert(path.clone()) {
                continue;
            }
            let this = self.clone();
            tokio::spawn(async move {
                let slot = this.slots.clone().acquire_owned().await;
                if this.upload(&path).await == End::Gone {
                    let _ = fs_err::remove_file(&path);
                    lock(&this.done).remove(&path);
                }
                lock(&this.busy).remove(&path);
                drop(slot);
                this.finished.notify_waiters();
            });
        }
    }

    /// Tries to upload all that is there, to stores that are down too; answers how many
    /// packs are left.
    pub async fn flush(self: &Arc<Uploads>) -> usize {
        // What is under way may be about to fail for a reason that is gone.
        self.settle().await;
        let known: Vec<Arc<Tier>> = lock(&self.known).values().cloned().collect();
        known.iter().for_each(|tier| tier.writing.forgive());
        self.start();
        self.settle().await;
        // What came meanwhile.
        self.start();
        self.settle().await;
        self.place.spooled().len()
    }

    /// Waits until no upload is under way.
    async fn settle(&self) {
        loop {
            let finished = self.finished.notified();
            tokio::pin!(finished);
            finished.as_mut().enable();
            if !self.is_busy() {
                return;
            }
            finished.await;
        }
    }

    async fn upload(&self, path: &Path) -> End {
        let opened = {
            let path = path.to_owned();
            tokio::task::spawn_blocking(move || spool::open(&path)).await
        };
        let (head, file, length) = match opened {
            Ok(Ok(opened)) => opened,
            // What can never be read is nothing; out of descriptors, say, passes.
            Ok(Err(error)) => {
                return match error.kind() {
                    io::ErrorKind::NotFound
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof => End::Gone,
                    _ => End::Waits,
                };
            }
            Err(_) => return End::Waits,
        };
        drop(file);
        let Some(key) = Key::from_hex(&head.key) else {
            return End::Gone;
        };
        let mut end = End::Gone;
        for store in &head.stores {
            let is_done = |done: &HashMap<PathBuf, HashSet<String>>| {
                done.get(path).is_some_and(|stores| stores.contains(store))
            };
            if is_done(&lock(&self.done)) {
                continue;
            }
            let tier = lock(&self.known).get(store).cloned();
            if tier.as_ref().is_some_and(|tier| !tier.is_written()) {
                continue;
            }
            let Some(tier) = tier.filter(|tier| tier.may_write()) else {
                end = End::Waits;
                continue;
            };
            let sent = send(&self.place, &tier, path, &head.namespace, &key, length).await;
            // The store was perhaps not even asked.
            tier.writing.leave_undecided();
            match sent {
                Ok(()) => {
                    let mut done = lock(&self.done);
                    done.entry(path.to_owned())
                        .or_default()
                        .insert(store.clone());
                }
                Err(error) if may_pass(error.failure) => end = End::Waits,
                Err(_) => tier.count(|figures| figures.dropped += 1),
            }
        }
        if end == End::Waits && age(path).is_some_and(|age| age > PATIENCE) {
            return End::Gone;
        }
        end
    }
}

fn age(path: &Path) -> Option<Duration> {
    let modified = fs_err::metadata(path).ok()?.modified().ok()?;
    SystemTime::now().duration_since(modified).ok()
}

/// Sends a spooled pack to one store.
async fn send(
    place: &Place,
    tier: &Arc<Tier>,
    path: &Path,
    namespace: &str,
    key: &Key,
    length: u64,
) -> backend::Result<()> {
    let own = |error: io::Error| backend::Error {
        failure: Failure::Broken,
        text: error.to_string(),
    };
    let sealed = {
        let (place, tier, path, key) = (place.clone(), tier.clone(), path.to_owned(), *key);
        tokio::task::spawn_blocking(move || seal(&place, &tier, &path, &key, length)).await
    };
    let sealed = sealed.map_err(|error| own(io::Error::other(error)))?;
    let sealed = sealed.map_err(own)?;
    let size = match &sealed {
        Sealed::Bytes(bytes) => bytes.len() as u64,
        Sealed::File(_, size) => *size,
    };
    if tier.config.max_blob_bytes.is_some_and(|max| size > max) {
        tier.count(|figures| figures.dropped += 1);
        return Ok(());
    }
    let name = tier.write_name(namespace, &key.hex());
    let body = match &sealed {
        Sealed::Bytes(bytes) => Body::Bytes(bytes.clone()),
        Sealed::File(file, size) => Body::File(file.path().to_owned(), *size),
    };
    let mut put = tier.backend.put(&name, body.clone(), false).await;
    if let Err(error) = &put
        && error.failure == Failure::NoPlace
        && tier.backend.prepare().await.is_ok()
    {
        put = tier.backend.put(&name, body, false).await;
    }
    match put {
        Ok(_) => {
            tier.writing.worked();
            tier.note_present(&name);
            tier.count(|figures| {
                figures.writes += 1;
                figures.bytes_written += size;
            });
            Ok(())
        }
        Err(error) => {
            tier.note_unwritten(&error);
            Err(error)
        }
    }
}

enum Sealed {
    Bytes(bytes::Bytes),
    File(tempfile::NamedTempFile, u64),
}

fn seal(place: &Place, tier: &Tier, path: &Path, key: &Key, length: u64) -> io::Result<Sealed> {
    let (_, file, _) = spool::open(path)?;
    let pack = io::BufReader::with_capacity(1 << 16, file);
    if length <= IN_MEMORY {
        let mut out = io::Cursor::new(Vec::new());
        envelope::seal(pack, length, key, &tier.keys, &mut out)?;
        return Ok(Sealed::Bytes(out.into_inner().into()));
    }
    let mut out = tempfile::Builder::new()
        .prefix("sealed-")
        .tempfile_in(place.directory())?;
    envelope::seal(pack, length, key, &tier.keys, out.as_file_mut())?;
    out.as_file_mut().flush()?;
    let size = out.as_file().metadata()?.len();
    Ok(Sealed::File(out, size))
}
