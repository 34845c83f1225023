//! What people ask of remote stores: how much is in it, make it smaller, copy it. Listing
//! is done here and nowhere on the path of a compile.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, mpsc};

use super::backend::{self, Body, Failure, Listed};
use super::envelope;
use super::lease::Lease;
use super::server::Frame;
use super::spill::Spill;
use super::tier::Tier;
use crate::hash::Key;
use crate::store::remote::place::Place;
use crate::store::remote::protocol::{Reply, Trouble};

/// Requests at a time.
const AT_ONCE: usize = 16;

type Frames = mpsc::Sender<Frame>;

pub(super) fn text(text: String) -> Reply {
    Reply::Text {
        text,
        failed: false,
    }
}

pub(super) fn failed(text: String) -> Reply {
    Reply::Text { text, failed: true }
}

fn find(tiers: &[Arc<Tier>], name: &str) -> Result<Arc<Tier>, Reply> {
    let found = tiers.iter().find(|tier| tier.name() == name);
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = tiers.iter().map(|tier| tier.name()).collect();
        failed(format!(
            "there is no store {name:?}; configured: {}",
            names.join(", ")
        ))
    })
}

fn bytes(count: u64) -> String {
    bytesize::ByteSize(count).display().iec().to_string()
}

/// The end of a flush.
pub fn flushed(tiers: &[Arc<Tier>], trouble: &[Trouble], left: usize) -> Reply {
    if left == 0 {
        return Reply::Done;
    }
    let mut lines = match left {
        1 => "1 result is not uploaded; it is kept for the next attempt".to_owned(),
        _ => format!("{left} results are not uploaded; they are kept for the next attempt"),
    };
    for trouble in trouble {
        lines.push_str(&format!("\nstore {}: {}", trouble.store, trouble.text));
    }
    for tier in tiers.iter().filter(|tier| !tier.writing.is_well()) {
        let trouble = tier.last_trouble().unwrap_or_default();
        lines.push_str(&format!("\nstore {}: {trouble}", tier.name()));
    }
    failed(lines)
}

/// All objects of ours below `prefix`.
async fn list(tier: &Tier, prefix: &str, frames: Option<&Frames>) -> backend::Result<Vec<Listed>> {
    let mut objects = Vec::new();
    let mut next = None;
    loop {
        let page = tier.backend.list(prefix, next).await?;
        objects.extend(
            page.objects
                .into_iter()
                .filter(|object| is_ours(&object.name)),
        );
        if let Some(frames) = frames {
            let done = objects.len() as u64;
            let _ = frames.send(Reply::Progress { done, of: 0 }.into()).await;
        }
        match page.next {
            Some(more) => next = Some(more),
            None => return Ok(objects),
        }
    }
}

fn key_of(name: &str) -> Option<Key> {
    Key::from_hex(name.rsplit('/').next()?)
}

/// Nothing else is counted or deleted in a bucket that others use too.
fn is_ours(name: &str) -> bool {
    key_of(name).is_some()
}

/// How much is in the stores.
pub async fn usage(tiers: &[Arc<Tier>], store: Option<&str>) -> Reply {
    let mut lines = Vec::new();
    let mut all_well = true;
    for tier in tiers
        .iter()
        .filter(|tier| store.is_none_or(|s| s == tier.name()))
    {
        match list(tier, &tier.config.write_prefix, None).await {
            Ok(objects) => {
                let size = objects.iter().map(|object| object.size).sum();
                lines.push(format!(
                    "store {}: {} objects, {}",
                    tier.name(),
                    objects.len(),
                    bytes(size)
                ));
            }
            Err(error) => {
                all_well = false;
                lines.push(format!("store {}: {}", tier.name(), error.text));
            }
        }
    }
    Reply::Text {
        text: lines.join("\n"),
        failed: !all_well,
    }
}

/// What a clean is to reach.
pub struct Clean {
    /// In bytes.
    pub max_size: Option<u64>,
    pub max_age: Option<Duration>,
    pub dry_run: bool,
}

/// Removes what is too old, then the oldest until the rest fits. What a clean that was
/// interrupted has removed is removed: the next one goes on from there.
pub async fn clean(
    place: &Place,
    tiers: &[Arc<Tier>],
    store: &str,
    wanted: &Clean,
    frames: &Frames,
) -> Reply {
    let tier = match find(tiers, store) {
        Ok(tier) => tier,
        Err(reply) => return reply,
    };
    if !tier.is_written() {
        return failed(format!("store {store} is read-only"));
    }
    if wanted.dry_run {
        return clean_leased(&tier, wanted, frames, None).await;
    }
    let lease = match Lease::take(place, &tier).await {
        Ok(lease) => lease,
        Err(why) => return failed(format!("store {store}: {why}")),
    };
    let reply = clean_leased(&tier, wanted, frames, Some(&lease)).await;
    lease.give_back().await;
    reply
}

async fn clean_leased(
    tier: &Arc<Tier>,
    wanted: &Clean,
    frames: &Frames,
    lease: Option<&Lease>,
) -> Reply {
    let objects = match list(tier, &tier.config.write_prefix, Some(frames)).await {
        Ok(objects) => objects,
        Err(error) => return failed(format!("store {}: {}", tier.name(), error.text)),
    };
    let all: u64 = objects.iter().map(|object| object.size).sum();
    let max_size = match (wanted.max_size, wanted.max_age) {
        (None, None) => tier.config.max_size,
        (max_size, _) => max_size,
    };
    let doomed = select(objects, max_size, wanted.max_age, SystemTime::now());
    let size: u64 = doomed.iter().map(|object| object.size).sum();
    let summary = |verb: &str, count: usize, size: u64| {
        format!(
            "store {}: {verb} {count} objects ({}); {} left",
            tier.name(),
            bytes(size),
            bytes(all - size)
        )
    };
    if wanted.dry_run {
        return text(summary("would remove", doomed.len(), size));
    }
    let count = doomed.len();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for (index, object) in doomed.into_iter().enumerate() {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            break;
        };
        let (done, of) = (index as u64, count as u64);
        let _ = frames.send(Reply::Progress { done, of }.into()).await;
        if let Some(lease) = lease {
            lease.renew().await;
        }
        let tier = tier.clone();
        tasks.push(tokio::spawn(async move {
            let deleted = tier.backend.delete(&object.name).await;
            drop(slot);
            deleted.map(|()| object.size)
        }));
    }
    let (mut removed, mut freed, mut trouble) = (0, 0, None);
    for task in tasks {
        match task.await {
            Ok(Ok(size)) => {
                removed += 1;
                freed += size;
            }
            Ok(Err(error)) => trouble = Some(error.text),
            Err(_) => {}
        }
    }
    match trouble {
        None => text(summary("removed", removed, freed)),
        Some(trouble) => failed(format!(
            "{}; some could not be removed: {trouble}",
            summary("removed", removed, freed)
        )),
    }
}

/// What has to go, the oldest first.
fn select(
    mut objects: Vec<Listed>,
    max_size: Option<u64>,
    max_age: Option<Duration>,
    now: SystemTime,
) -> Vec<Listed> {
    objects.sort_by_key(|object| object.modified);
    let mut left: u64 = objects.iter().map(|object| object.size).sum();
    let mut doomed = Vec::new();
    for object in objects {
        let age = object
            .modified
            .and_then(|then| now.duration_since(then).ok());
        let is_old = max_age.zip(age).is_some_and(|(max, age)| age > max);
        if is_old || max_size.is_some_and(|max| left > max) {
            left -= object.size;
            doomed.push(object);
        }
    }
    doomed
}

/// Copies what `from` has and `to` has not.
pub async fn copy(
    place: &Place,
    tiers: &[Arc<Tier>],
    from: &str,
    to: &str,
    frames: &Frames,
) -> Reply {
    let (from, to) = match (find(tiers, from), find(tiers, to)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(reply), _) | (_, Err(reply)) => return reply,
    };
    if !to.is_written() {
        return failed(format!("store {} is read-only", to.name()));
    }
    let say = |tier: &Tier, error: backend::Error| {
        failed(format!("store {}: {}", tier.name(), error.text))
    };
    let prefix = from
        .config
        .read_prefixes
        .first()
        .cloned()
        .unwrap_or_default();
    let theirs = match list(&from, &prefix, Some(frames)).await {
        Ok(objects) => objects,
        Err(error) => return say(&from, error),
    };
    let there: HashSet<String> = match list(&to, &to.config.write_prefix, Some(frames)).await {
        Ok(objects) => objects.into_iter().map(|object| object.name).collect(),
        // Then all of it is sent.
        Err(error) if error.failure == Failure::Unsupported => HashSet::new(),
        Err(error) => return say(&to, error),
    };
    let rest_of = |name: &str| {
        let rest = name.strip_prefix(prefix.as_str()).unwrap_or(name);
        let rest = rest.trim_start_matches('/');
        match to.config.write_prefix.as_str() {
            "" => rest.to_owned(),
            other => format!("{other}/{rest}"),
        }
    };
    let missing: Vec<(Listed, String)> = theirs
        .into_iter()
        .map(|object| (rest_of(&object.name), object))
        .filter(|(name, _)| !there.contains(name))
        .map(|(name, object)| (object, name))
        .collect();
    let of = missing.len() as u64;
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for (done, (object, name)) in missing.into_iter().enumerate() {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            break;
        };
        let done = done as u64;
        let _ = frames.send(Reply::Progress { done, of }.into()).await;
        let (from, to, place) = (from.clone(), to.clone(), place.clone());
        tasks.push(tokio::spawn(async move {
            let copied = copy_one(&place, &from, &to, &object.name, &name).await;
            drop(slot);
            copied
        }));
    }
    let (mut copied, mut size, mut trouble) = (0, 0, None);
    for task in tasks {
        match task.await {
            Ok(Ok(length)) => {
                copied += 1;
                size += length;
            }
            Ok(Err(text)) => trouble = Some(text),
            Err(_) => {}
        }
    }
    let line = format!(
        "copied {copied} of {of} objects ({}) from {} to {}",
        bytes(size),
        from.name(),
        to.name()
    );
    match trouble {
        None => text(line),
        Some(trouble) => failed(format!("{line}; some not: {trouble}")),
    }
}

/// Opened and sealed anew: what one store believes another need not.
async fn copy_one(
    place: &Place,
    from: &Arc<Tier>,
    to: &Arc<Tier>,
    source: &str,
    target: &str,
) -> Result<u64, String> {
    let key = key_of(source).ok_or("not an object of ours")?;
    let mut object = Spill::new(place.directory());
    let got = from.backend.get(source, &mut object).await;
    if got.map_err(|error| error.text)?.is_none() {
        return Err(format!("{source} is gone"));
    }
    let sealed = {
        let (place, from, to) = (place.clone(), from.clone(), to.clone());
        tokio::task::spawn_blocking(move || {
            let length = object.len();
            let mut pack = Spill::new(place.directory());
            let reader = object.into_reader().map_err(|error| error.to_string())?;
            envelope::open(reader, length, &key, &from.keys, &mut pack)
                .map_err(|error| error.to_string())?;
            let mut file = tempfile::Builder::new()
                .prefix("sealed-")
                .tempfile_in(place.directory())
                .map_err(|error| error.to_string())?;
            let raw = pack.len();
            let reader = pack.into_reader().map_err(|error| error.to_string())?;
            envelope::seal(reader, raw, &key, &to.keys, file.as_file_mut())
                .map_err(|error| error.to_string())?;
            Ok::<_, String>(file)
        })
        .await
    };
    let file = sealed.map_err(|error| error.to_string())??;
    let length = file
        .as_file()
        .metadata()
        .map_err(|error| error.to_string())?
        .len();
    if to.config.max_blob_bytes.is_some_and(|max| length > max) {
        return Ok(0);
    }
    let body = match length {
        0..=0x80_0000 => Body::Bytes(
            fs_err::read(file.path())
                .map_err(|error| error.to_string())?
                .into(),
        ),
        _ => Body::File(file.path().to_owned(), length),
    };
    let put = to.backend.put(target, body, false).await;
    put.map_err(|error| error.text)?;
    to.note_present(target);
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn object(name: &str, size: u64, age: u64) -> Listed {
        Listed {
            name: name.to_owned(),
            size,
            modified: Some(UNIX_EPOCH + Duration::from_secs(1_000_000 - age)),
        }
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let all = vec![
            object("new", 10, 1),
            object("old", 10, 100),
            object("older", 10, 200),
        ];
        let names = |max_size, max_age: Option<u64>| -> Vec<String> {
            let doomed = select(all.clone(), max_size, max_age.map(Duration::from_secs), now);
            doomed.into_iter().map(|object| object.name).collect()
        };
        assert_eq!(names(None, None), [""; 0]);
        assert_eq!(names(Some(20), None), ["older"]);
        assert_eq!(names(Some(0), None), ["older", "old", "new"]);
        assert_eq!(names(None, Some(50)), ["older", "old"]);
        assert_eq!(names(Some(25), Some(50)), ["older", "old"]);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let key = "ab".repeat(32);
        assert!(is_ours(&format!("main/ab/{key}")));
        for other in ["main/ab/readme", "clean-lease", "", &key[1..]] {
            assert!(!is_ours(other));
        }
    }
}
