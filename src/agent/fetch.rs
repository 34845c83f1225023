//! Looking for a pack: nearest store first, each asked at most once, and once for all
//! who want the same at the same time.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use tempfile::NamedTempFile;
use tokio::sync::OnceCell;

use super::backend::Failure;
use super::envelope::{self, Unusable};
use super::spill::Spill;
use super::tier::{Tier, lock};
use crate::hash::Key;
use crate::store::remote::place::Place;
use crate::store::remote::protocol::{MAX_BODY, Trouble};
use crate::store::remote::spool;

/// A pack that was found and is believed.
pub enum Packed {
    /// In its object still, and its length: whoever wants it unpacks it.
    Small(Vec<u8>, usize),
    File(NamedTempFile),
}

impl Packed {
    /// The pack.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn unpacked(&self) -> io::Result<Vec<u8>> {
        match self {
            Packed::Small(object, length) => {
                zstd::bulk::decompress(envelope::content(object), *length)
            }
            Packed::File(file) => fs_err::read(file.path()),
        }
    }
}

/// The outcome of a look-up.
#[derive(Default)]
pub struct Outcome {
    /// The store, and what it had.
    pub found: Option<(Arc<Tier>, Packed)>,
    pub trouble: Vec<Trouble>,
}

type Flight = Arc<OnceCell<Arc<Outcome>>>;

/// Look-ups under way.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<String, Flight>>);

impl Flights {
    /// Looks in `tiers`, in their order.
    pub async fn look(
        &self,
        place: &Place,
        tiers: &[Arc<Tier>],
        namespace: &str,
        key: &Key,
    ) -> Arc<Outcome> {
        let addresses: Vec<String> = tiers
            .iter()
            .map(|t| format!("{:p}", Arc::as_ptr(t)))
            .collect();
        let id = format!("{namespace}/{key}/{}", addresses.join(","));
        let flight = lock(&self.0).entry(id.clone()).or_default().clone();
        let _landing = Landing(self, id);
        flight
            .get_or_init(async || Arc::new(look(place, tiers, namespace, key).await))
            .await
            .clone()
    }
}

/// Takes a look-up from the list, also when its caller went away.
struct Landing<'a>(&'a Flights, String);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).remove(&self.1);
    }
}

async fn look(place: &Place, tiers: &[Arc<Tier>], namespace: &str, key: &Key) -> Outcome {
    let mut outcome = Outcome::default();
    let mut nearer: Vec<String> = Vec::new();
    for tier in tiers.iter().filter(|tier| !tier.config.write_only) {
        match look_in(place, tier, namespace, key, &mut outcome.trouble).await {
            Some(packed) => {
                if !nearer.is_empty() {
                    write_back(place, nearer, namespace, key, &packed);
                }
                outcome.found = Some((tier.clone(), packed));
                return outcome;
            }
            // One that is down gets it too, once it is up.
            None if tier.is_written() => nearer.push(tier.name().to_owned()),
            None => {}
        }
    }
    outcome
}

async fn look_in(
    place: &Place,
    tier: &Arc<Tier>,
    namespace: &str,
    key: &Key,
    trouble: &mut Vec<Trouble>,
) -> Option<Packed> {
    let mut tell = |text: String| {
        trouble.push(Trouble {
            store: tier.name().to_owned(),
            text,
        });
    };
    let names = tier.read_names(namespace, &key.hex());
    if names.iter().all(|name| tier.is_known_absent(name)) {
        tier.count(|figures| figures.misses += 1);
        return None;
    }
    if !tier.may_read() {
        tier.count(|figures| figures.skipped += 1);
        tell(tier.last_trouble().unwrap_or_else(|| "it is down".into()));
        return None;
    }
    for name in names {
        if tier.is_known_absent(&name) {
            continue;
        }
        let mut object = Spill::new(place.directory());
        match tier.backend.get(&name, &mut object).await {
            Ok(None) => {
                tier.reading.worked();
                tier.note_absent(name);
            }
            Ok(Some(_)) => {
                tier.reading.worked();
                tier.count(|figures| figures.bytes_read += object.len());
                // A digest is sooner made than handed to another thread; a file is not.
                let announced = object
                    .in_memory()
                    .and_then(|mut o| envelope::announced(&mut o));
                let unpacked = match announced.is_some_and(|pack| pack <= MAX_BODY) {
                    true => Ok(unpack(object, tier, place, key)),
                    false => {
                        let (tier, place, key) = (tier.clone(), place.clone(), *key);
                        let work = move || unpack(object, &tier, &place, &key);
                        tokio::task::spawn_blocking(work).await
                    }
                };
                match unpacked {
                    Ok(Ok(packed)) => {
                        tier.count(|figures| figures.hits += 1);
                        tier.keep_recent(name);
                        return Some(packed);
                    }
                    Ok(Err(unusable)) => {
                        let untrusted = matches!(unusable, Unusable::Untrusted(_));
                        tier.count(|figures| match untrusted {
                            true => figures.untrusted += 1,
                            false => figures.damaged += 1,
                        });
                        tell(format!("object {name}: {unusable}"));
                        // A foreign object stays: the next look would get it again.
                        if untrusted {
                            tier.note_absent(name);
                        }
                    }
                    Err(_) => {}
                }
            }
            // Made now, if it is to be made: there is nothing in it.
            Err(error)
                if error.failure == Failure::NoPlace
                    && tier.is_written()
                    && tier.backend.prepare().await.is_ok() =>
            {
                tier.note_absent(name);
            }
            Err(error) => {
                tier.count(|figures| figures.read_errors += 1);
                tier.note_unread(&error);
                tell(error.text);
                return None;
            }
        }
    }
    tier.count(|figures| figures.misses += 1);
    None
}

fn unpack(object: Spill, tier: &Tier, place: &Place, key: &Key) -> Result<Packed, Unusable> {
    let length = object.len();
    let small = match object.in_memory() {
        Some(bytes) => envelope::check(bytes, key, &tier.keys, MAX_BODY as usize)?,
        None => None,
    };
    let object = match (small, object.into_memory()) {
        (Some(pack), Ok(object)) => return Ok(Packed::Small(object, pack)),
        (_, Ok(object)) => Box::new(io::Cursor::new(object)) as Box<dyn io::Read + Send>,
        (_, Err(object)) => object.into_reader()?,
    };
    let mut file = tempfile::Builder::new()
        .prefix("found-")
        .tempfile_in(place.directory())?;
    // Many times its own size, or more than fits into memory, is nothing of ours.
    envelope::open(object, length, key, &tier.keys, &mut file)?;
    Ok(Packed::File(file))
}

/// A hit farther out goes into the nearer stores.
fn write_back(place: &Place, stores: Vec<String>, namespace: &str, key: &Key, packed: &Packed) {
    let head = spool::Head {
        namespace: namespace.to_owned(),
        key: key.hex(),
        stores,
    };
    // What cannot be spooled is found farther out again.
    let _ = spool::add(place, &head, &|out| match packed {
        Packed::Small(..) => out.write_all(&packed.unpacked()?),
        Packed::File(file) => io::copy(&mut file.reopen()?, out).map(drop),
    });
}
