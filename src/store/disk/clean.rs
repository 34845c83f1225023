//! Cleaning on request, by age, by size, or everything.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use super::evict::{self, Tally};
use super::marker::{self, State};
use super::scan::{self, Found};
use super::usage::{Totals, within};
use super::{Shared, lock, parallel, remove, temp};
use crate::store::{CleanOptions, Cleaned, Progress, Result, Usage};
use crate::sys::fs;

impl Shared {
    /// [`crate::store::Store::clean`] of the namespace `scope`.
    pub(super) fn clean(
        &self,
        scope: &str,
        options: &CleanOptions,
        progress: Progress<'_>,
    ) -> Result<Cleaned> {
        let begin = Instant::now();
        match marker::state(&self.root)? {
            State::Missing | State::Vacant => return Ok(Cleaned::default()),
            State::Store(_) => {}
        }
        if options.dry_run {
            let found = self.survey_all(scope, progress)?;
            let going = choose(&found, options);
            return Ok(outcome(&found, sum(found.get(..going).unwrap_or_default())));
        }
        self.may_write()?;
        // Waits for one who evicts: two would count each other's work.
        let lock = lock::evict(&self.root, self.modes, true)?;
        let before = self.ledger.begin_scan();
        // A ledger that was lost is only put right by counting everything.
        let walked = if before.complete { scope } else { "" };
        let mut found = self.survey_all(walked, progress)?;
        let mut totals = Totals::new();
        found.iter().for_each(|entry| scan::add(&mut totals, entry));
        self.ledger.end_scan(walked, &before, &totals);
        found.retain(|entry| within(&entry.namespace, scope));
        let going = choose(&found, options);
        let everything = options.limits.max_size == Some(0);
        let victims = found.get(..going).unwrap_or_default();
        let removed = self.hide_all(victims, everything, progress);
        if scope.is_empty() {
            temp::sweep(&self.root);
            temp::remove_spare(&self.root);
        }
        drop(lock);
        let until = options.patience.map(|patience| begin + patience);
        let mut free = |done: u64| progress(done, done.max(removed.entries));
        let freeing = remove::free(&self.root, scope, parallel::HURRY, until, &mut free)?;
        if everything {
            remove_empty_dirs(&self.root, scope);
        }
        Ok(Cleaned {
            freeing,
            ..outcome(&found, removed)
        })
    }

    /// [`super::DiskStore::free_removed`] in the namespace `scope`.
    pub(super) fn free(&self, scope: &str, progress: Progress<'_>) -> Result<()> {
        self.may_write()?;
        let marker::State::Store(_) = marker::state(&self.root)? else {
            return Ok(());
        };
        // Without the lock - its holder takes long, nobody may make it - two do the same,
        // and no harm.
        let _lock = lock::free(&self.root, self.modes, true);
        loop {
            let mut freed = 0;
            let mut see = |done: u64| {
                freed = done;
                progress(done, done);
            };
            remove::free(&self.root, scope, parallel::BESIDE, None, &mut see)?;
            // Puts hide more meanwhile, and ask nobody else while this one is at it.
            if freed < evict::BACKLOG {
                break;
            }
        }
        // After a clean of everything; the next put of a build would make them again.
        if self
            .totals()?
            .iter()
            .all(|(path, usage)| !within(path, scope) || usage.entries == 0)
        {
            remove_empty_dirs(&self.root, scope);
        }
        Ok(())
    }

    /// Everything in `scope`, least recently used first.
    fn survey_all(&self, scope: &str, progress: Progress<'_>) -> Result<Vec<Found>> {
        let book = self.ledger.read().filter(|book| book.complete);
        let expected = book.map_or(0, |book| book.sum(scope).entries);
        let mut see = |seen: u64| progress(seen, seen.max(expected));
        let mut found = scan::gather(&self.root, scope, &mut see)?;
        evict::sort(&mut found, fs::now());
        Ok(found)
    }

    /// Hides the victims, shard by shard; what went. One that was used since
    /// the scan stays, unless `everything` is to go.
    fn hide_all(&self, victims: &[Found], everything: bool, progress: Progress<'_>) -> Usage {
        let mut sorted: Vec<&Found> = victims.iter().collect();
        sorted.sort_unstable_by(|a, b| (&a.namespace, a.key).cmp(&(&b.namespace, b.key)));
        let shard_of = |victim: &Found| victim.key.0.first().copied();
        let shards: Vec<&[&Found]> = sorted
            .chunk_by(|a, b| a.namespace == b.namespace && shard_of(a) == shard_of(b))
            .collect();
        let gone = Mutex::new(Usage::default());
        let take = |shard: &&[&Found]| {
            let here = self.hide_shard(shard, everything);
            let mut gone = gone.lock().unwrap_or_else(|e| e.into_inner());
            gone.entries += here.entries;
            gone.bytes = gone.bytes.saturating_add(here.bytes);
            shard.len() as u64
        };
        let all = victims.len() as u64;
        parallel::for_all(parallel::HURRY, &shards, take, &mut |done| {
            progress(done, all)
        });
        gone.into_inner().unwrap_or_else(|e| e.into_inner())
    }

    /// Hides victims that are all in one shard.
    fn hide_shard(&self, victims: &[&Found], everything: bool) -> Usage {
        let mut tally = Tally::new(self);
        let Some(first) = victims.first() else {
            return tally.gone;
        };
        let namespace = scan::namespace_dir(&self.root, &first.namespace);
        let path = scan::entry_path(&namespace, &first.key);
        let Some(Ok(dir)) = path.parent().map(fs::open_dir) else {
            return tally.gone;
        };
        for victim in victims {
            let name = victim.key.hex();
            let bytes = match scan::last_use_at(&dir, &name) {
                Some(used) if used == victim.used => victim.bytes,
                // Used, or stored anew.
                Some(_) if everything => {
                    scan::measure(&dir, name.as_ref()).map_or(0, |(_, bytes)| bytes)
                }
                _ => continue,
            };
            if remove::hide(&dir, Path::new(""), &victim.key).is_ok() {
                tally.add(&victim.namespace, Usage { entries: 1, bytes });
            }
        }
        tally.gone
    }
}

/// How many of `found`, which is sorted, have to go.
fn choose(found: &[Found], options: &CleanOptions) -> usize {
    let now = fs::now();
    let cutoff = evict::cutoff(now, options.limits.max_age);
    let max = options.limits.max_size.unwrap_or(u64::MAX);
    let mut left = sum(found).bytes;
    let stays = found.iter().position(|entry| {
        if left <= max && entry.used.min(now) >= cutoff {
            return true;
        }
        left = left.saturating_sub(entry.bytes);
        false
    });
    // An entry that takes no space at all - a stray empty file - goes with
    // everything too.
    match options.limits.max_size {
        Some(0) => found.len(),
        _ => stays.unwrap_or(found.len()),
    }
}

fn sum(found: &[Found]) -> Usage {
    Usage {
        entries: found.len() as u64,
        bytes: found.iter().map(|entry| entry.bytes).sum(),
    }
}

fn outcome(found: &[Found], removed: Usage) -> Cleaned {
    let all = sum(found);
    Cleaned {
        removed,
        freeing: 0,
        left: Usage {
            entries: all.entries.saturating_sub(removed.entries),
            bytes: all.bytes.saturating_sub(removed.bytes),
        },
    }
}

/// Removes the directories that a clean has left empty. A writer that finds its directory
/// gone makes it again.
fn remove_empty_dirs(root: &Path, scope: &str) {
    let dir = scan::namespace_dir(root, scope);
    for name in scan::shards(&dir) {
        let _ = fs::remove_dir(&dir.join(name));
    }
    for name in scan::namespaces(&dir).unwrap_or_default() {
        let inner = scan::join(scope, &name);
        remove_empty_dirs(root, &inner);
        let _ = fs::remove_dir(&scan::namespace_dir(root, &inner));
    }
}
