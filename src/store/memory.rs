//! The reference store: what the contract means, in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::{
    CleanOptions, Cleaned, Error, Limits, Namespace, OpenEntry, Progress, Result, Store, Usage,
};
use crate::entry::{Blob, BlobName, Entry};
use crate::hash::Key;

/// What an entry is charged besides the bytes of its blobs.
const OVERHEAD: u64 = 64;

/// The blobs of one version of an entry.
type Blobs = Arc<BTreeMap<BlobName, Arc<[u8]>>>;

/// An entry is found by the path of its namespace and its key.
type Id = (Vec<Namespace>, Key);

/// A store in memory, or a view on one of its namespaces. Clones share their
/// content.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    path: Vec<Namespace>,
    /// This view's budget and those of its parents: length of path, limits.
    budgets: Vec<(usize, Limits)>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Id, Held>,
    /// Counts uses, so that no two are at the same time.
    uses: u64,
}

struct Held {
    blobs: Blobs,
    used: (Instant, u64),
}

impl Held {
    fn charge(&self) -> u64 {
        let lens = self.blobs.values().map(|bytes| bytes.len() as u64);
        OVERHEAD + lens.sum::<u64>()
    }
}

impl State {
    fn now(&mut self) -> (Instant, u64) {
        self.uses += 1;
        (Instant::now(), self.uses)
    }

    fn within<'a>(&'a self, path: &'a [Namespace]) -> impl Iterator<Item = (&'a Id, &'a Held)> {
        self.entries
            .iter()
            .filter(move |((of, _), _)| of.starts_with(path))
    }

    fn usage(&self, path: &[Namespace]) -> Usage {
        self.within(path)
            .fold(Usage::default(), |sum, (_, held)| Usage {
                entries: sum.entries + 1,
                bytes: sum.bytes + held.charge(),
            })
    }

    /// What is in `path`, least recently used first.
    fn oldest(&self, path: &[Namespace]) -> Vec<Id> {
        let mut ids: Vec<_> = self
            .within(path)
            .map(|(id, held)| (held.used, id.clone()))
            .collect();
        ids.sort();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// The entry of `key` in `path`, else in a namespace inside of it.
    fn find(&self, path: &[Namespace], key: &Key, has: impl Fn(&Held) -> bool) -> Option<Id> {
        let mut inside = self.within(path);
        let found = inside.find(|((_, of), held)| of == key && has(held));
        found.map(|(id, _)| id.clone())
    }
}

impl MemoryStore {
    /// An empty store with a budget.
    pub fn new(limits: Limits) -> MemoryStore {
        MemoryStore {
            state: Arc::default(),
            path: Vec::new(),
            budgets: vec![(0, limits)],
        }
    }

    /// The view that [`Store::namespace`] gives, with a budget of its own in
    /// addition to those above it.
    pub fn namespace_with(&self, namespace: &Namespace, limits: Limits) -> MemoryStore {
        let mut view = self.clone();
        view.path.push(namespace.clone());
        view.budgets.push((view.path.len(), limits));
        view
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Stores a version and evicts; `blobs` is made under the lock from what
    /// is there.
    fn store(&self, key: &Key, blobs: impl FnOnce(Option<&Blobs>) -> Blobs) {
        let mut state = self.state();
        let id = (self.path.clone(), *key);
        let blobs = blobs(state.entries.get(&id).map(|held| &held.blobs));
        let used = state.now();
        let held = Held { blobs, used };
        let budgets = self.budgets.iter();
        let limits: Vec<_> = budgets
            .filter_map(|(depth, limits)| Some((*depth, limits.max_size?)))
            .collect();
        if limits.iter().any(|(_, max)| held.charge() > *max) {
            state.entries.remove(&id);
            return;
        }
        state.entries.insert(id.clone(), held);
        for (depth, max) in limits {
            let scope = self.path.get(..depth).unwrap_or_default();
            for old in state.oldest(scope) {
                if state.usage(scope).bytes <= max {
                    break;
                }
                if old != id {
                    state.entries.remove(&old);
                }
            }
        }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key, name: &BlobName) -> Result<Option<Vec<u8>>> {
        let mut state = self.state();
        let Some(id) = state.find(&self.path, key, |held| held.blobs.contains_key(name)) else {
            return Ok(None);
        };
        let now = state.now();
        let held = state.entries.get_mut(&id).map(|held| {
            held.used = now;
            held.blobs.get(name).map(|bytes| bytes.to_vec())
        });
        Ok(held.flatten())
    }

    fn put(&self, key: &Key, name: &BlobName, value: &[u8]) -> Result<()> {
        self.store(key, |old| {
            let mut blobs = old.map(|old| old.as_ref().clone()).unwrap_or_default();
            blobs.insert(name.clone(), value.into());
            Arc::new(blobs)
        });
        Ok(())
    }

    fn has(&self, key: &Key) -> Result<bool> {
        Ok(self.state().find(&self.path, key, |_| true).is_some())
    }

    fn get_entry(&self, key: &Key) -> Result<Option<Box<dyn OpenEntry>>> {
        let mut state = self.state();
        let Some(id) = state.find(&self.path, key, |_| true) else {
            return Ok(None);
        };
        let now = state.now();
        Ok(state.entries.get_mut(&id).map(|held| {
            held.used = now;
            Box::new(MemoryEntry(held.blobs.clone())) as Box<dyn OpenEntry>
        }))
    }

    fn put_entry(&self, key: &Key, entry: &Entry) -> Result<()> {
        let mut blobs = BTreeMap::new();
        for (name, blob) in &entry.blobs {
            let bytes: Arc<[u8]> = match blob {
                Blob::Bytes(bytes) => bytes.as_slice().into(),
                Blob::File(path) => fs_err::read(path)
                    .map_err(|error| Error::io(path, error))?
                    .into(),
            };
            blobs.insert(name.clone(), bytes);
        }
        self.store(key, |_| Arc::new(blobs));
        Ok(())
    }

    fn remove(&self, key: &Key) -> Result<bool> {
        let mut state = self.state();
        let mut removed = false;
        while let Some(id) = state.find(&self.path, key, |_| true) {
            removed |= state.entries.remove(&id).is_some();
        }
        Ok(removed)
    }

    fn stats(&self) -> Result<Usage> {
        Ok(self.state().usage(&self.path))
    }

    fn clean(&self, options: &CleanOptions, progress: Progress<'_>) -> Result<Cleaned> {
        let mut state = self.state();
        let max = options.limits.max_size.unwrap_or(u64::MAX);
        let old = |held: &Held| {
            let age = options.limits.max_age;
            age.is_some_and(|age| held.used.0.elapsed() > age)
        };
        let all = state.oldest(&self.path);
        let mut left = state.usage(&self.path);
        let mut removed = Usage::default();
        for (done, id) in all.iter().enumerate() {
            progress(done as u64 + 1, all.len() as u64);
            let Some(held) = state.entries.get(id) else {
                continue;
            };
            if left.bytes <= max && !old(held) {
                break;
            }
            let charge = held.charge();
            removed.entries += 1;
            removed.bytes += charge;
            left.entries -= 1;
            left.bytes -= charge;
            if !options.dry_run {
                state.entries.remove(id);
            }
        }
        Ok(Cleaned {
            removed,
            left,
            freeing: 0,
        })
    }

    fn dir(&self) -> Option<&Path> {
        None
    }

    fn namespace(&self, namespace: &Namespace) -> Box<dyn Store> {
        Box::new(self.namespace_with(namespace, Limits::default()))
    }
}

/// A version of an entry, held for as long as somebody reads it.
struct MemoryEntry(Blobs);

impl OpenEntry for MemoryEntry {
    fn names(&self) -> Vec<BlobName> {
        self.0.keys().cloned().collect()
    }

    fn len(&self, name: &BlobName) -> Option<u64> {
        Some(self.0.get(name)?.len() as u64)
    }

    fn read(&self, name: &BlobName) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(name).map(|bytes| bytes.to_vec()))
    }

    fn copy_to(&self, name: &BlobName, mut file: &File) -> Result<bool> {
        match self.0.get(name) {
            None => Ok(false),
            Some(bytes) => match file.write_all(bytes) {
                Ok(()) => Ok(true),
                Err(source) => Err(Error::Target { source }),
            },
        }
    }

    fn raw_path(&self, _name: &BlobName) -> Option<PathBuf> {
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn keeps_the_contract() {
        crate::store::conformance::run(&|limits| Box::new(super::MemoryStore::new(limits)));
    }

    #[test]
    fn keeps_the_contract_in_a_namespace() {
        let name = super::Namespace::new("compile").expect("a valid name");
        crate::store::conformance::run(&|limits| {
            let root = super::MemoryStore::new(super::Limits::default());
            Box::new(root.namespace_with(&name, limits))
        });
    }
}
