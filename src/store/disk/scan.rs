//! Walking a store: its namespaces to any depth, its entries, their sizes.
//!
//! Below a namespace, two lower-case hexadecimal digits name a shard, in a
//! shard 64 of them name an entry, and what else could be a [`Namespace`] is
//! one. Nothing here changes a time stamp or removes anything.

use std::io::Read as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::index::{self, Index};
use super::usage::Totals;
use super::{parallel, remove};
use crate::hash::Key;
use crate::store::{Error, Namespace, Result, Usage};
use crate::sys::fs::{self, Kind};

/// The unit in which file systems give out space.
const BLOCK: u64 = 4096;

/// An index longer than this is damaged: an entry has a few blobs.
pub(crate) const MAX_INDEX: u64 = 1 << 20;

/// What a file of `len` bytes is charged.
pub(crate) fn charge_of_file(len: u64) -> u64 {
    len.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// What an entry's directory itself is charged.
const CHARGE_OF_DIR: u64 = BLOCK;

/// An entry as a scan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Path of its namespace; `""` for the root's own.
    pub namespace: String,
    pub key: Key,
    /// When it was last used: nanoseconds since 1970.
    pub used: i128,
    /// What it is charged.
    pub bytes: u64,
}

/// The directory of an entry below the directory of its namespace.
pub(crate) fn entry_path(namespace_dir: &Path, key: &Key) -> PathBuf {
    let hex = key.hex();
    let shard = hex.get(..2).unwrap_or_default();
    let mut path = PathBuf::with_capacity(namespace_dir.as_os_str().len() + 69);
    path.push(namespace_dir);
    path.push(shard);
    path.push(&hex);
    path
}

/// Whether `name` is that of a shard.
fn is_shard(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The namespaces directly below the one at `dir`, sorted; none if there is no
/// such directory.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn namespaces(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, kind) in listed(dir)? {
        let Some(name) = name.to_str() else { continue };
        if kind == Kind::Directory && Namespace::new(name).is_ok() {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Adds the paths of all namespaces inside of `path` to `paths`, sorted.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn namespaces_below(root: &Path, path: &str, paths: &mut Vec<String>) -> Result<()> {
    for name in namespaces(&namespace_dir(root, path))? {
        let inner = join(path, &name);
        paths.push(inner.clone());
        namespaces_below(root, &inner, paths)?;
    }
    Ok(())
}

/// The shards directly below the namespace at `dir`.
pub(crate) fn shards(dir: &Path) -> Vec<String> {
    let names = listed(dir).unwrap_or_default().into_iter();
    names
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| is_shard(name))
        .collect()
}

/// Whether the directory `name` in that of a namespace is a shard or a
/// namespace with nothing in it but good entries.
pub(crate) fn is_ours(dir: &Path, name: &str) -> bool {
    let inner = dir.join(name);
    let shard = is_shard(name);
    if !shard && Namespace::new(name).is_err() {
        return false;
    }
    let Ok(names) = fs::list(&inner) else {
        return false;
    };
    names.iter().all(|(inside, kind)| match inside.to_str() {
        Some(inside) if shard && remove::is_hidden(inside) => true,
        Some(inside) if *kind != Kind::Directory || !shard => {
            *kind == Kind::Directory && is_ours(&inner, inside)
        }
        Some(inside) => Key::from_hex(inside).is_some_and(|key| {
            let bytes = fs::read_small(&inner.join(inside).join(index::FILE), MAX_INDEX);
            let index = bytes.ok().and_then(|bytes| Index::decode(&bytes).ok());
            inside.starts_with(name) && index.is_some_and(|index| index.key == key)
        }),
        None => false,
    })
}

fn listed(dir: &Path) -> Result<Vec<(std::ffi::OsString, Kind)>> {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match fs::list(dir) {
        Ok(names) => Ok(names),
        // Removed meanwhile, or not for us: what cannot be entered holds
        // nothing that we could have stored.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) => {
            Ok(Vec::new())
        }
        Err(error) => Err(Error::io(dir, error)),
    }
}

/// Joins a namespace path and a component.
pub(crate) fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ => format!("{path}/{name}"),
    }
}

/// The directory of the namespace `path` of the store at `root`.
pub(crate) fn namespace_dir(root: &Path, path: &str) -> PathBuf {
    match path {
        "" => root.to_owned(),
        _ => root.join(path),
    }
}

/// A shard: part of a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Path of its namespace.
    pub namespace: String,
    /// Its directory.
    pub dir: PathBuf,
}

/// The shards of the namespace `path` and of those inside of it.
///
/// # Errors
/// [`Error::Io`]; what disappears meanwhile is no error.
pub(crate) fn shards_below(root: &Path, path: &str) -> Result<Vec<Shard>> {
    let mut all = Vec::new();
    let mut paths = vec![path.to_owned()];
    while let Some(path) = paths.pop() {
        let dir = namespace_dir(root, &path);
        for (name, kind) in listed(&dir)? {
            let Some(name) = name.to_str() else { continue };
            // A symbolic link may lead anywhere, back to here for one.
            if kind != Kind::Directory {
                continue;
            }
            if is_shard(name) {
                all.push(Shard {
                    namespace: path.clone(),
                    dir: dir.join(name),
                });
            } else if Namespace::new(name).is_ok() {
                paths.push(join(&path, name));
            }
        }
    }
    Ok(all)
}

/// All entries in the namespace `path` and those inside of it, in no order;
/// `seen` is called with how many there are so far.
///
/// # Errors
/// [`Error::Io`]; what disappears meanwhile is no error.
pub(crate) fn gather(root: &Path, path: &str, seen: &mut dyn FnMut(u64)) -> Result<Vec<Found>> {
    let all = Mutex::new(Ok(Vec::new()));
    let look = |shard: &Shard| {
        let here = look_at(shard);
        let number = here.as_ref().map_or(0, Vec::len);
        let mut all = all.lock().unwrap_or_else(|e| e.into_inner());
        match (all.as_mut(), here) {
            (Ok(all), Ok(mut here)) => all.append(&mut here),
            (Ok(_), Err(error)) => *all = Err(error),
            (Err(_), _) => {}
        }
        number as u64
    };
    parallel::for_all(parallel::HURRY, &shards_below(root, path)?, look, seen);
    all.into_inner().unwrap_or_else(|e| e.into_inner())
}

/// What a shard holds.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The keys of its entries, in no order.
    pub keys: Vec<Key>,
    /// The names of entries that were hidden (see [`super::remove`]).
    pub hidden: Vec<String>,
}

/// What the shard at `dir` holds.
///
/// # Errors
/// [`Error::Io`]; a shard that is gone holds nothing.
pub(crate) fn names_in(dir: &Path) -> Result<Names> {
    let mut names = Names::default();
    for (name, _) in listed(dir)? {
        let Some(name) = name.to_str() else { continue };
        match Key::from_hex(name) {
            Some(key) => names.keys.push(key),
            None if remove::is_hidden(name) => names.hidden.push(name.to_owned()),
            None => {}
        }
    }
    Ok(names)
}

/// When the entry `name` of a shard was last used, if it is there.
pub(crate) fn last_use_at(shard: impl AsFd, name: &str) -> Option<i128> {
    fs::stat_at(&shard, format!("{name}/{}", index::FILE))
        .or_else(|_| fs::stat_at(&shard, name))
        .ok()
        .map(|stat| stat.mtime)
}

fn look_at(shard: &Shard) -> Result<Vec<Found>> {
    let keys = names_in(&shard.dir)?.keys;
    let Ok(dir) = fs::open_dir(&shard.dir) else {
        return Ok(Vec::new());
    };
    // Where one entry has no index - another program stored it - the next has none either.
    let mut bare = false;
    let look = |key: Key| {
        let name = key.hex();
        let by_index = match bare {
            true => None,
            false => measure_by_index(&dir, name.as_ref()),
        };
        let (used, bytes) = match by_index {
            Some(measured) => measured,
            None => {
                let files = measure_by_files(&dir, name.as_ref())?;
                bare = files.index.is_none();
                (files.used(), files.bytes)
            }
        };
        Some(Found {
            namespace: shard.namespace.clone(),
            key,
            used,
            bytes,
        })
    };
    Ok(keys.into_iter().filter_map(look).collect())
}

/// When the entry at `path` was last used and what it is charged; `None` if it is gone.
/// The path is relative to `dir`.
pub(crate) fn measure(dir: impl AsFd, path: &Path) -> Option<(i128, u64)> {
    measure_by_index(&dir, path).or_else(|| {
        let files = measure_by_files(&dir, path)?;
        Some((files.used(), files.bytes))
    })
}

/// From the index alone: two system calls more for each blob would make a scan
/// of a large store take three times as long.
fn measure_by_index(dir: impl AsFd, path: &Path) -> Option<(i128, u64)> {
    let file = fs::open_at(dir, path.join(index::FILE)).ok()?;
    let stat = fs::stat_fd(&file).ok()?;
    let len = usize::try_from(stat.len).ok()?;
    let mut buffer = [0; 4096];
    let index = match buffer.get_mut(..len) {
        // An index is never written to: its length says what one read gives.
        Some(bytes) => {
            { &file }.read_exact(bytes).ok()?;
            Index::decode(bytes).ok()?
        }
        None => Index::decode(&fs::read_open(&file, MAX_INDEX).ok()?).ok()?,
    };
    Some((stat.mtime, charge(&index, len)))
}

/// What an entry is charged whose index takes `len` bytes: the blocks of its
/// files and of its directory.
pub(crate) fn charge(index: &Index, len: usize) -> u64 {
    let files = index.rows.iter().map(|row| row.stored_len);
    let charges = files.chain([len as u64]).map(charge_of_file);
    charges.fold(CHARGE_OF_DIR, u64::saturating_add)
}

/// What is there of an entry that is damaged, or none of ours.
struct Files {
    /// When its index was last used, if it has one,
    index: Option<i128>,
    /// and when the whole was changed.
    changed: i128,
    bytes: u64,
}

impl Files {
    fn used(&self) -> i128 {
        self.index.unwrap_or(self.changed)
    }
}

fn measure_by_files(dir: impl AsFd, path: &Path) -> Option<Files> {
    let Ok((whole, inside)) = fs::stat_all_at(&dir, path) else {
        // Not a directory, or one that may not be read: still something that
        // takes the place of an entry and can be removed.
        let thing = fs::stat_at(&dir, path).ok()?;
        return Some(Files {
            index: None,
            changed: thing.mtime,
            bytes: charge_of_file(thing.len),
        });
    };
    let index = inside.iter().find(|(name, _)| name == index::FILE);
    let charges = inside.iter().map(|(_, stat)| charge_of_file(stat.len));
    Some(Files {
        index: index.map(|(_, stat)| stat.mtime),
        changed: whole.mtime,
        bytes: charges.fold(CHARGE_OF_DIR, u64::saturating_add),
    })
}

/// What the entry at `path` is charged, wherever that is now.
pub(crate) fn measure_at(path: &Path) -> Usage {
    Usage {
        entries: 1,
        bytes: measure(fs::HERE, path).map_or(0, |(_, bytes)| bytes),
    }
}

/// The sums of a walk, by namespace path.
pub(crate) fn add(totals: &mut Totals, found: &Found) {
    if !totals.contains_key(&found.namespace) {
        totals.insert(found.namespace.clone(), Usage::default());
    }
    if let Some(usage) = totals.get_mut(&found.namespace) {
        usage.entries += 1;
        usage.bytes = usage.bytes.saturating_add(found.bytes);
    }
}
