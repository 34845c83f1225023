//! Looking at a store a stretch at a time.
//!
//! Keys are digests: the entries between any two of them are a fair sample of
//! the store, whatever was stored when and by whom. So a put that has to know
//! what is old, or how much there is, looks at the entries that follow the ones
//! the last put looked at, in the order of their keys and in all namespaces at
//! once, and stops when its time is up. When the end of the key space is reached
//! every entry has been looked at once: a *lap*.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::scan::{self, Found};
use crate::hash::Key;
use crate::store::Result;
use crate::sys::fs;

/// Where a lap begins.
pub(crate) const START: Key = Key([0; 32]);

/// What of an entry is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// When it was last used: one system call. Its size is given as 0.
    Times,
    /// Its size as well, out of its index: four.
    Sizes,
}

/// What a stretch holds.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// Its entries, in the order of their keys.
    pub found: Vec<Found>,
    /// The directories of those of its shards in which something is hidden (see
    /// [`super::remove`]).
    pub hidden: Vec<PathBuf>,
    /// Where the next stretch begins; `None` at the end of the key space.
    pub next: Option<Key>,
}

/// The entries from the key `from` on in the namespace `scope` and those inside
/// of it, until `enough` says so of the number of entries looked at so far (or
/// the key space ends).
///
/// # Errors
/// [`crate::store::Error::Io`]; what disappears meanwhile is no error.
pub(crate) fn stretch(
    root: &Path,
    scope: &str,
    from: &Key,
    look: Look,
    enough: &mut dyn FnMut(usize) -> bool,
) -> Result<Stretch> {
    let mut namespaces = vec![scope.to_owned()];
    scan::namespaces_below(root, scope, &mut namespaces)?;
    let mut stretch = Stretch::default();
    let mut looked = 0;
    let first = from.0.first().copied().unwrap_or(0);
    for shard in first..=u8::MAX {
        let shard = Shard::open(root, &namespaces, shard, &mut stretch.hidden)?;
        let mut last = None;
        for (key, at) in shard.keys.iter().filter(|(key, _)| key >= from) {
            // One key may be in several namespaces: those belong together.
            if last.is_some_and(|last| last != *key) && enough(looked) {
                stretch.next = Some(*key);
                return Ok(stretch);
            }
            last = Some(*key);
            looked += 1;
            if let Some(found) = shard.look(&namespaces, key, *at, look) {
                stretch.found.push(found);
            }
        }
        let Some(next) = shard.number.checked_add(1) else {
            break;
        };
        if enough(looked) {
            let mut key = START;
            key.0[0] = next;
            stretch.next = Some(key);
            return Ok(stretch);
        }
    }
    Ok(stretch)
}

/// The shards of one number, of all namespaces together.
struct Shard {
    number: u8,
    /// By namespace.
    dirs: Vec<Option<OwnedFd>>,
    /// The keys with the number of their namespace, sorted.
    keys: Vec<(Key, usize)>,
}

impl Shard {
    /// Adds the paths of its directories in which something is hidden to `hidden`.
    fn open(
        root: &Path,
        namespaces: &[String],
        number: u8,
        hidden: &mut Vec<PathBuf>,
    ) -> Result<Shard> {
        let name = format!("{number:02x}");
        let mut dirs = Vec::with_capacity(namespaces.len());
        let mut keys = Vec::new();
        for (at, namespace) in namespaces.iter().enumerate() {
            let path = scan::namespace_dir(root, namespace).join(&name);
            let inside = scan::names_in(&path)?;
            dirs.push(match inside.keys.is_empty() {
                true => None,
                false => fs::open_dir(&path).ok(),
            });
            keys.extend(inside.keys.into_iter().map(|key| (key, at)));
            if !inside.hidden.is_empty() {
                hidden.push(path);
            }
        }
        keys.sort_unstable();
        Ok(Shard { number, dirs, keys })
    }

    fn look(&self, namespaces: &[String], key: &Key, at: usize, look: Look) -> Option<Found> {
        let dir = self.dirs.get(at)?.as_ref()?;
        let name = key.hex();
        let (used, bytes) = match look {
            Look::Times => (scan::last_use_at(dir, &name)?, 0),
            Look::Sizes => scan::measure(dir, name.as_ref())?,
        };
        Some(Found {
            namespace: namespaces.get(at)?.clone(),
            key: *key,
            used,
            bytes,
        })
    }
}
