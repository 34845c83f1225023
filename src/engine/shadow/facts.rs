//! What names in directories were while the compiler ran.
//!
//! The guard asks for hundreds of names after each compile. A thread that has
//! nothing else to do meanwhile asks first and keeps what a directory's stamp can
//! vouch for: a name that was asked for after the stamp was taken, in a directory
//! whose stamp is still the same, is what it was. What does not hold afterwards is
//! asked for once more; if it is still the same, so is the guard.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::names::{Guard, Kind, Map, or_here};
use super::{Guarded, Places, Source};
use crate::entry::manifest::Expectation;
use crate::sys::Stamp;
use crate::sys::clock::Nanos;

/// Answers that may be used again.
#[derive(Default)]
pub struct Facts {
    pub(super) kinds: Map<Kind>,
    pub(super) stamps: Map<Stamp>,
    /// Of a header that is not read, only the name counts: none can have been taken
    /// for another ([`crate::engine::once`]).
    by_name: bool,
    /// The guard that follows from the answers, unless it depends on more than those,
    /// and the number of sources.
    pub(super) whole: Option<(Box<Guard>, usize)>,
}

/// Asks while the compiler runs what [`super::guard`] is going to ask. `now` is not
/// later than its start.
pub fn foresee(sources: &[Source<'_>], places: &Places<'_>, now: Nanos) -> Facts {
    let mut guard = Guard {
        now,
        ..Guard::default()
    };
    // Whatever is wrong here is found out by the guard itself.
    let asked = guard.ask_all(sources, places);
    // What precompiled headers hold counts, read or not.
    let vouched = guard.kinds.iter().filter(|(path, _)| {
        guard.vouched.contains(*path) && !guard.precompiled.contains(Path::new(path))
    });
    let kinds = vouched.map(|(path, kind)| (path.clone(), *kind)).collect();
    let stamps = guard.stamps.iter();
    let stamps = stamps.filter(|(_, stamp)| **stamp != Stamp::NONE);
    let stamps = stamps.map(|(path, stamp)| (path.clone(), *stamp)).collect();
    let by_name = !sources.iter().any(|source| source.scan.once);
    let resolved = |source: &Source<'_>| source.scan.existence_macros.is_empty();
    // No file is another now. It stays so while those that are read keep their stamps,
    // as all facts ask for, and the others are not [`Guard::late`].
    let alone = || guard.twin(sources, places).is_none();
    let whole = asked.is_ok() && sources.iter().all(resolved) && guard.is_plain() && alone();
    Facts {
        kinds,
        stamps,
        by_name,
        whole: whole.then(|| (Box::new(guard), sources.len())),
    }
}

impl Guard {
    /// Whether nothing is in it that other things than names have a say in.
    fn is_plain(&self) -> bool {
        let mut expected = self.names.values().flat_map(|names| names.values());
        self.late.is_none()
            && self.precompiled.is_empty()
            && expected.all(|expectation| *expectation != Expectation::Listing)
    }
}

impl Facts {
    /// What still holds now. `unmoved` are files whose own stamps are known not to
    /// have moved since: a directory does not tell when a file in it is changed, which
    /// matters where the compiler may have looked into it and kept silent.
    pub fn confirmed(mut self, unmoved: &FxHashSet<&OsStr>) -> Facts {
        self.stamps.retain(|path, stamp| {
            Stamp::of_path(or_here(Path::new(path))).is_ok_and(|now| now == *stamp)
        });
        let (stamps, by_name) = (&self.stamps, self.by_name);
        let vouched = |path: &Path| {
            path.parent()
                .is_some_and(|dir| stamps.contains_key(dir.as_os_str()))
        };
        self.kinds.retain(|path, kind| {
            vouched(Path::new(path))
                && match kind {
                    Kind::Absent => true,
                    Kind::Directory => stamps.contains_key(path),
                    Kind::File => by_name || unmoved.contains(path.as_os_str()),
                    Kind::Dangling => false,
                }
        });
        self
    }

    /// The guard itself, if asking for what is not confirmed gives the same answers.
    /// `places` and the sources are those of [`foresee`], unless text is not
    /// preprocessed; only what was before the compile was not known there. Otherwise
    /// the facts, for the guard to go on with.
    pub(super) fn settle(
        mut self,
        sources: &[Source<'_>],
        places: &Places<'_>,
        now: Nanos,
    ) -> Result<Guarded, Facts> {
        let (whole, of) = match self.whole.take() {
            Some(whole) if places.others.is_empty() => whole,
            _ => return Err(self),
        };
        let confirmed: FxHashSet<&OsStr> =
            self.stamps.keys().map(|path| path.as_os_str()).collect();
        // In a directory that did not change, what is absent now was so before.
        let moved = |directory: &PathBuf| !confirmed.contains(directory.as_os_str());
        let mut again = Guard {
            now,
            stamps: self.stamps.clone(),
            ..Guard::default()
        };
        let unmade = whole.unmade.iter();
        let mut unmade = unmade.filter(|(directory, _)| moved(directory));
        let was_made =
            unmade.any(|(directory, name)| places.before.held(directory, name) == Some(true));
        let had = places.absent.iter().any(|path| places.before.had(path));
        let silent = whole.silent.iter();
        let vanished = silent
            .filter(|(directory, _)| moved(directory))
            .any(|missed| {
                again.missed = Some(missed.clone());
                again.check_vanished(places.before).is_err()
            });
        for directory in whole.names.keys() {
            again.stamp(Path::new(directory));
        }
        let doubtful = whole.kinds.iter();
        let mut doubtful = doubtful.filter(|(path, _)| !self.kinds.contains_key(*path));
        let same = doubtful.all(|(path, kind)| again.kind(Path::new(path)) == *kind)
            && again.links == whole.links;
        if of != sources.len() || was_made || had || vanished || !same || again.late.is_some() {
            return Err(self);
        }
        let mut whole = *whole;
        whole.stamps = again.stamps;
        Ok(whole.into_guarded())
    }
}
