//! Headers that a compiler takes for one another.
//!
//! With `#pragma once` or `#import` a header is read once. Whether another name
//! means the same header, clang decides by device and inode, gcc by content and
//! modification time. The header that is passed over shows up in no list of
//! dependencies, and a later change of it, or of its time alone, would not be
//! noticed. Where two headers may be meant, nothing is stored.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

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
    let once: Vec<(&Path, Stamp)> = sources
        .iter()
        .filter(|source| source.scan.once || imports)
        .filter_map(|source| Some((source.path, stamp(source.path)?)))
        .collect();
    let sizes: HashSet<u64> = once.iter().map(|(_, stamp)| stamp.size).collect();
    let read = sources.iter().map(|source| source.path);
    let mut seen = HashSet::new();
    let candidates = read
        .chain(existing)
        .filter(|path| seen.insert(plain(path, here)));
    for path in candidates {
        let Some(found) = stamp(path).filter(|found| sizes.contains(&found.size)) else {
            continue;
        };
        let taken = once
            .iter()
            .filter(|(other, _)| plain(other, here) != plain(path, here))
            .any(|(other, stamp)| {
                let same_file = (stamp.device, stamp.inode) == (found.device, found.inode);
                same_file || (by_content && stamp.size == found.size && same_content(other, path))
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
