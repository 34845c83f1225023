//! Reading ahead: what the last compile of this command read is digested and
//! scanned while the compiler runs.
//!
//! Whoever edits a source adds no header most of the time, so the list of files is
//! that of the newest variant in the manifest. What was read counts only if the
//! compiler reports the very same list and no stamp has moved since; the stamps
//! were settled before the content was read, so that a write in between shows.
//! The guard's questions are asked ahead too ([`Facts`]). Everything else is read
//! after the compile, as ever.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::Cached;
use super::before::Before;
use super::comments::{self, Blind};
use super::observe::Dependency;
use super::shadow::{self, Facts, Source};
use super::surroundings::Surroundings;
use crate::entry::manifest::{self, ConditionKind, DirectoryCheck, FileCheck, Visitor};
use crate::hash::tokens::TokenDigest;
use crate::hash::{Digest, InodeTable};
use crate::sys::Stamp;
use crate::sys::clock::{self, Nanos};

/// What was read ahead.
pub struct Ahead {
    files: Vec<Dependency>,
    /// How the manifest names the same files.
    listed: Vec<Listed>,
    skeleton: TokenDigest,
    facts: Facts,
}

/// A file as the manifest lists it.
pub struct Listed {
    path: PathBuf,
    digest: Digest,
    stamp: Stamp,
}

/// What stands.
pub struct Standing {
    pub files: Vec<Dependency>,
    pub skeleton: TokenDigest,
    pub facts: Facts,
}

/// The files to read, the source first; empty if it would be no use.
pub fn list(cached: &Cached<'_>, manifest: Option<&[u8]>) -> Vec<Listed> {
    let simple = cached.call.input.is_none()
        && cached.base_dir.is_none()
        && cached.other_inputs().is_empty()
        && !cached.config.read_only;
    let newest = manifest
        .filter(|_| simple)
        .and_then(|bytes| manifest::variants(bytes)?.next());
    let mut list = List(Vec::new());
    if let Some(variant) = newest {
        variant.visit(&mut list);
    }
    match list.0.first() {
        Some(first) if first.path == cached.command.source => list.0,
        _ => Vec::new(),
    }
}

/// Reads the files of `listed`, and follows the names in them through `around`. `None`: one
/// cannot be read. `now` is not later than the start of the compile.
pub fn read(
    mut blind: Blind<'_>,
    listed: Vec<Listed>,
    around: Option<&Surroundings<'_>>,
    now: Nanos,
) -> Option<Ahead> {
    let mut files = Vec::with_capacity(listed.len());
    for file in &listed {
        let read = match recall(file, &mut blind) {
            Some(known) => known,
            None => read_one(&file.path, &mut blind)?.0,
        };
        files.push(read);
    }
    let skeleton = blind.settle(&mut files);
    let facts = around.map(|around| foresee(&files, around, now));
    (!files.is_empty()).then_some(Ahead {
        files,
        listed,
        skeleton,
        facts: facts.unwrap_or_default(),
    })
}

/// A file that is known and still has the stamp that the manifest lists.
fn recall(listed: &Listed, blind: &mut Blind<'_>) -> Option<Dependency> {
    // One that is found is never [`Stamp::NONE`].
    let stands = comments::is_fixed(&listed.path)
        && Stamp::of_path(&listed.path).is_ok_and(|stamp| stamp == listed.stamp);
    match stands {
        true => blind.recall(&listed.path, listed.digest, listed.stamp),
        false => None,
    }
}

fn foresee(files: &[Dependency], around: &Surroundings<'_>, now: Nanos) -> Facts {
    let sources = files.iter().filter_map(|file| {
        Some(Source {
            path: &file.path,
            scan: file.scan.as_ref()?,
        })
    });
    let sources: Vec<Source<'_>> = sources.collect();
    let before = Before::default();
    let places = around.places(around.absent(), &[], &before);
    shadow::foresee(&sources, &places, now)
}

/// One source, and the stamp that it had, settled or not.
pub fn read_one(path: &Path, blind: &mut Blind<'_>) -> Option<(Dependency, Stamp)> {
    let now = clock::coarse_now();
    let content = crate::hash::file::read(path)?;
    let (stamp, found) = (content.reliable_stamp(now), content.stamp);
    Some((blind.read(path, content.bytes, stamp), found))
}

impl Ahead {
    /// The files and their skeleton, if they are `source` and `dependencies` in
    /// this order and all of them are what they were before `started`.
    pub fn stands(
        self,
        source: &Path,
        dependencies: &[PathBuf],
        started: Nanos,
        table: &mut InodeTable,
    ) -> Option<Standing> {
        let (first, rest) = self.files.split_first()?;
        let same = first.path == *source
            && rest.len() == dependencies.len()
            && rest
                .iter()
                .zip(dependencies)
                .all(|(f, d)| f.path.as_os_str() == d.as_os_str());
        let unmoved = |file: &Dependency| {
            file.stamp != Stamp::NONE
                && !file.stamp.is_since(started)
                && Stamp::of_path(&file.path).is_ok_and(|stamp| stamp == file.stamp)
        };
        if !same || !self.files.iter().all(unmoved) {
            return None;
        }
        for (file, listed) in self.files.iter().zip(&self.listed) {
            // The table knows, or knew, what the manifest says.
            if (file.stamp, file.digest) != (listed.stamp, listed.digest) {
                table.learn(&file.stamp, &file.digest);
            }
        }
        let unmoved: FxHashSet<&OsStr> = self.files.iter().map(|f| f.path.as_os_str()).collect();
        let facts = self.facts.confirmed(&unmoved);
        Some(Standing {
            files: self.files,
            skeleton: self.skeleton,
            facts,
        })
    }
}

struct List(Vec<Listed>);

impl Visitor for List {
    fn condition(&mut self, _: ConditionKind, _: Digest) -> bool {
        true
    }

    fn file(&mut self, file: FileCheck<'_>) -> bool {
        self.0.push(Listed {
            path: PathBuf::from(OsStr::from_bytes(file.path.to_bytes())),
            digest: file.digest,
            stamp: file.stamp,
        });
        true
    }

    fn directory(&mut self, _: DirectoryCheck<'_>) -> bool {
        false
    }
}
