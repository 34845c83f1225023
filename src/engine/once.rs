//! Headers that a compiler takes for one another.
//!
//! With `#pragma once` or `#import` a header is read once. Whether another name
//! means the same header, clang decides by device and inode, gcc by content and
//! modification time. The header that is passed over shows up in no list of
//! dependencies, and a later change of it, or of its time alone, would not be
//! noticed. Where two headers may be meant, nothing is stored.

use std::path::{Component, Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{CWD, statat};

use super::shadow::Source;
use crate::sys::Stamp;

/// A file that stands where one of the `sources` may have been taken for it, or
/// a source for another. `existing` are all files that names in the sources lead
/// to; `by_content`: gcc's way. Two spellings of one path from `here`, the working
/// directory, are one file.
pub fn twin<'a>(
    sources: &[Source<'a>],
    existing: impl Iterator<Item = &'a Path>,
    by_content: bool,
    here: &Path,
) -> Option<PathBuf> {
    if !sources.iter().any(|source| source.scan.once) {
        return None;
    }
    // `#import` is about another file than the one that says it.
    let imports = sources.iter().any(|source| source.scan.imports);
    // A large unit has a thousand of them, and most sizes are one file's own.
    let mut once: FxHashMap<u64, Vec<(PathBuf, &Path, Stamp)>> = FxHashMap::default();
    for source in sources {
        if (source.scan.once || imports)
            && let Some(stamp) = stamp(source.path)
        {
            let of_size = once.entry(stamp.size).or_default();
            of_size.push((plain(source.path, here), source.path, stamp));
        }
    }
    let read = sources.iter().map(|source| source.path);
    let mut seen = FxHashSet::default();
    let candidates = read
        .chain(existing)
        .filter(|path| seen.insert(path.as_os_str()));
    for path in candidates {
        let Some((found, of_size)) = stamp(path).and_then(|found| {
            let of_size = once.get(&found.size)?;
            Some((found, of_size))
        }) else {
            continue;
        };
        let own = plain(path, here);
        let mut others = of_size.iter().filter(|(other, ..)| *other != own);
        let taken = others.any(|(_, other, stamp)| {
            let same_file = (stamp.device, stamp.inode) == (found.device, found.inode);
            same_file || (by_content && same_content(other, path))
        });
        if taken {
            return Some(path.to_owned());
        }
    }
    None
}

fn stamp(path: &Path) -> Option<Stamp> {
    let stat = statat(CWD, path, rustix::fs::AtFlags::empty()).ok()?;
    Some(Stamp::of(&stat))
}

/// What cannot be read is no reason to store.
fn same_content(one: &Path, other: &Path) -> bool {
    match (fs_err::read(one), fs_err::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => true,
    }
}

/// The path from the root, without `.` components.
fn plain(path: &Path, here: &Path) -> PathBuf {
    here.join(path)
        .components()
        .filter(|component| *component != Component::CurDir)
        .collect()
}
