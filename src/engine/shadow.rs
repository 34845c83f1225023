//! What was *not* there: the guard against headers that appear later.
//!
//! From the header names that the scanner found in the source and all its
//! dependencies, and the directories in which the compiler searches, follows
//! every place that the compiler looked at, or would have, before it found a
//! header. Each such place is a name that must stay as it is (absent, mostly)
//! in a directory. A directory whose stamp did not move has no new names, so a
//! later hit asks for one stamp per directory and for names only where it moved.
//!
//! More places are recorded than were looked at (names in inactive branches
//! count too): that costs at most a needless miss, never a wrong hit.

mod facts;
mod names;

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

pub use facts::{Facts, foresee};

use self::names::{Guard, Kind, or_here};
use super::before::Before;
use crate::entry::manifest::{Expectation, NewDirectory};
use crate::hash::scan::{Asked, Lookup, Scan, Style};
use crate::sys::Stamp;
use crate::sys::clock::Nanos;

/// Where the compiler searches, nearest first.
pub struct Places<'a> {
    /// Directories for quoted names only (`-iquote`).
    pub quote: &'a [PathBuf],
    /// Directories for all names.
    pub angle: &'a [PathBuf],
    /// Directories on the search path that did not exist.
    pub absent: &'a [PathBuf],
    /// Suffixes of precompiled headers, which are used in a header's place
    /// (`x.h.gch`). gcc looks for them at the first include of the main source
    /// or the command line; which one is the first, conditions decide, so all
    /// of the main source's own count.
    pub precompiled: &'a [&'a str],
    /// Names of one directory, of which compilers search the second only.
    pub same: &'a [(PathBuf, PathBuf)],
    /// Whether headers of one content are one header (gcc).
    pub by_content: bool,
    /// The working directory.
    pub here: &'a Path,
    /// Files that are not headers, each name with a directory in which it is
    /// looked for; where it is absent, it must stay so.
    pub others: &'a [(PathBuf, PathBuf)],
    /// The names in directories before the compile.
    pub before: &'a Before,
    /// Headers that options include (`-include`).
    pub forced: &'a [Vec<u8>],
    /// Names of headers in macros that options define.
    pub defined: &'a [Lookup],
}

/// One file that was compiled, with what its text asks for.
pub struct Source<'a> {
    pub path: &'a Path,
    pub scan: &'a Scan,
}

/// Why a guard cannot be built; the compile is not stored.
#[derive(Debug)]
pub enum Unguarded {
    /// This file stands where the compiler looked, and appeared while it ran.
    Late(PathBuf),
    /// This file may be taken for another ([`super::once`]).
    Twin(PathBuf),
    /// Whether this was there when the compiler asked is not known: it is not
    /// now, and its directory changed meanwhile.
    Vanished(PathBuf),
}

/// What a compile depends on besides the files that it reported.
#[derive(Debug, Default)]
pub struct Guarded {
    pub directories: Vec<NewDirectory>,
    /// Precompiled headers that stand where the compiler looked: in use or
    /// refused, by their content.
    pub precompiled: BTreeSet<PathBuf>,
    /// All files that names in the sources lead to, read or not.
    pub found: HashSet<PathBuf>,
}

/// The guard for a compile of `sources` (the main source first). `now` is the
/// coarse clock before the compile, `known` what need not be asked for.
pub fn guard(
    sources: &[Source<'_>],
    places: &Places<'_>,
    now: Nanos,
    known: Facts,
) -> Result<Guarded, Unguarded> {
    let known = match known.settle(sources, places, now) {
        Ok(guarded) => return Ok(guarded),
        Err(known) => known,
    };
    let mut guard = Guard {
        now,
        kinds: known.kinds,
        stamps: known.stamps,
        ..Guard::default()
    };
    guard.ask_all(sources, places)?;
    if let Some(late) = guard.late.take() {
        return Err(Unguarded::Late(late));
    }
    match guard.twin(sources, places) {
        Some(twin) => Err(Unguarded::Twin(twin)),
        None => Ok(guard.into_guarded()),
    }
}

impl Guard {
    /// Follows every name in the sources.
    fn ask_all(&mut self, sources: &[Source<'_>], places: &Places<'_>) -> Result<(), Unguarded> {
        for directory in places.absent {
            if places.before.had(directory) {
                return Err(Unguarded::Vanished(directory.clone()));
            }
            if self.expect_path(directory, Path::new("")) == Kind::Directory {
                // It has appeared, and what it holds was not asked for.
                self.late = Some(directory.clone());
            }
        }
        for (duplicate, listed) in places.same {
            self.expect(duplicate, listed.as_os_str().as_bytes(), Expectation::Same);
            self.unstable.insert(duplicate.clone().into());
        }
        let mut asked: FxHashSet<(&Path, &Lookup)> = FxHashSet::default();
        let nowhere = Path::new("");
        let mut ask = |guard: &mut Guard, beside, lookup, suffixes| {
            // Angle names do not depend on who asks.
            let from = match style_of(lookup) {
                Style::Quote => beside,
                Style::Angle => nowhere,
            };
            if asked.insert((from, lookup)) {
                guard.follow(from, lookup, places, suffixes)?;
            }
            Ok(())
        };
        let all = || sources.iter().flat_map(|source| &source.scan.lookups);
        for (index, source) in sources.iter().enumerate() {
            let beside = source.path.parent().unwrap_or(nowhere);
            let suffixes = match index {
                0 => places.precompiled,
                _ => &[],
            };
            for lookup in &source.scan.lookups {
                // Files that are not source have another search path.
                use Asked::{Embed, ExistsAnywhere, HasEmbed, Macro};
                if !matches!(lookup.asked, Macro | ExistsAnywhere | Embed | HasEmbed) {
                    ask(self, beside, lookup, suffixes)?;
                }
            }
        }
        for lookup in all().filter(|lookup| lookup.asked == Asked::ExistsAnywhere) {
            for source in sources {
                let beside = source.path.parent().unwrap_or(nowhere);
                ask(self, beside, lookup, &[][..])?;
            }
        }
        let computing: BTreeSet<&Path> = sources
            .iter()
            .filter(|source| source.scan.computed)
            .map(|source| source.path.parent().unwrap_or(nowhere))
            .collect();
        // gcc takes none for an include in a header: that is not the first file then.
        let computed = match sources.first() {
            Some(main) if main.scan.computed => places.precompiled,
            _ => &[],
        };
        for beside in &computing {
            let named = all().filter(|lookup| lookup.asked == Asked::Macro);
            for lookup in named.chain(places.defined) {
                ask(self, beside, lookup, computed)?;
            }
        }
        for name in places.forced {
            let lookup = Lookup {
                name: name.clone(),
                style: Style::Quote,
                asked: Asked::Include,
            };
            self.follow(nowhere, &lookup, places, places.precompiled)?;
        }
        for (place, name) in places.others {
            let (place, name) = match name.strip_prefix("/") {
                Ok(rest) => (Path::new("/"), rest),
                Err(_) => (place.as_path(), name.as_path()),
            };
            if self.expect_path(place, name) != Kind::File {
                self.check_vanished(places.before)?;
            }
        }
        if !computing.is_empty() {
            self.explain_computed(sources, &computing, places, computed)?;
        }
        Ok(())
    }

    /// Follows one name through the search path as the compiler does.
    fn follow(
        &mut self,
        beside: &Path,
        lookup: &Lookup,
        places: &Places<'_>,
        suffixes: &[&str],
    ) -> Result<(), Unguarded> {
        let name = Path::new(OsStr::from_bytes(&lookup.name));
        if name.is_absolute() {
            for suffix in suffixes {
                self.precompiled(name, suffix, places.before)?;
            }
            // Had `#include MACRO` not found it, the compile would have failed.
            if lookup.asked == Asked::Macro {
                return Ok(());
            }
            let kind = self.expect_path(Path::new("/"), name.strip_prefix("/").unwrap_or(name));
            if kind == Kind::File {
                self.found.insert(name.to_owned());
            } else if matches!(lookup.asked, Asked::Exists | Asked::Next) {
                self.check_vanished(places.before)?;
            }
            self.existence(lookup, kind, Path::new("/"), name);
            return Ok(());
        }
        let quote = match lookup.style {
            Style::Quote => std::iter::once(beside)
                .chain(places.quote.iter().map(PathBuf::as_path))
                .collect::<Vec<_>>(),
            Style::Angle => Vec::new(),
        };
        for directory in quote
            .into_iter()
            .chain(places.angle.iter().map(PathBuf::as_path))
        {
            let kind = self.expect_path(directory, name);
            if kind != Kind::File && matches!(lookup.asked, Asked::Exists | Asked::Next) {
                self.check_vanished(places.before)?;
            }
            for suffix in suffixes {
                self.precompiled(&directory.join(name), suffix, places.before)?;
            }
            if kind == Kind::File {
                self.found.insert(directory.join(name));
                self.existence(lookup, kind, directory, name);
                // `#include_next` goes on behind the file that asks; where that
                // is, we do not follow, so every place counts.
                if lookup.asked != Asked::Next {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// After a name was not found that the compiler reports in no case: was it
    /// there when the compiler asked? Its directory did not change since, or
    /// did not hold it before.
    fn check_vanished(&mut self, before: &Before) -> Result<(), Unguarded> {
        let Some((directory, name)) = self.missed.take() else {
            return Ok(());
        };
        self.silent.push((directory.clone(), name.clone()));
        let moved = || {
            Stamp::of_path(or_here(&directory))
                .is_ok_and(|stamp| stamp.is_since(self.now) || stamp.is_modified_since(self.now))
        };
        match before.held(&directory, &name) {
            Some(false) => Ok(()),
            _ if !moved() => Ok(()),
            _ => Err(Unguarded::Vanished(
                directory.join(OsStr::from_bytes(&name)),
            )),
        }
    }

    /// `__has_include` found a file: it need not be read, but it has to stay.
    fn existence(&mut self, lookup: &Lookup, kind: Kind, directory: &Path, name: &Path) {
        let only_asked = matches!(
            lookup.asked,
            Asked::Exists | Asked::ExistsAnywhere | Asked::Next
        );
        if kind != Kind::File || !only_asked {
            return;
        }
        let whole = directory.join(name);
        if let (Some(parent), Some(file)) = (whole.parent(), whole.file_name()) {
            let (parent, file) = (parent.to_owned(), file.as_bytes().to_owned());
            self.expect(&parent, &file, Expectation::File);
        }
    }

    /// Any dependency may have come from `#include MACRO` with a name that only
    /// the preprocessor knows: take every way in which its path can be a search
    /// directory and a name.
    fn explain_computed(
        &mut self,
        sources: &[Source<'_>],
        computing: &BTreeSet<&Path>,
        places: &Places<'_>,
        suffixes: &[&str],
    ) -> Result<(), Unguarded> {
        let directories: Vec<&Path> = places
            .quote
            .iter()
            .chain(places.angle)
            .map(PathBuf::as_path)
            .collect();
        // Most names lead nowhere at their first component already: what is left of
        // the places, for each search directory and first component.
        let mut left: FxHashMap<(usize, &OsStr), Vec<&Path>> = FxHashMap::default();
        for source in sources.iter().skip(1) {
            for suffix in suffixes {
                self.precompiled(source.path, suffix, places.before)?;
            }
            for (index, directory) in directories.iter().enumerate() {
                let Ok(name) = source.path.strip_prefix(directory) else {
                    continue;
                };
                let Some(first) = name.components().next() else {
                    continue;
                };
                let earlier = directories.iter().take(index);
                let asked = computing.iter().chain(earlier).copied();
                for suffix in suffixes {
                    for place in asked.clone() {
                        self.precompiled(&place.join(name), suffix, places.before)?;
                    }
                }
                left.entry((index, first.as_os_str()))
                    .or_insert_with(|| asked.collect())
                    .retain(|place| {
                        self.expect_path(place, name);
                        self.kind(&place.join(first)) != Kind::Absent
                    });
            }
        }
        Ok(())
    }

    /// Looks for a precompiled header, a file or a directory of several.
    fn precompiled(&mut self, path: &Path, suffix: &str, before: &Before) -> Result<(), Unguarded> {
        let Some(name) = path.file_name() else {
            return Ok(());
        };
        let mut name = name.to_owned();
        name.push(suffix);
        let parent = path.parent().unwrap_or(Path::new(""));
        let candidate = parent.join(&name);
        match self.kind(&candidate) {
            Kind::File => {
                self.precompiled.insert(candidate);
            }
            Kind::Directory => self.listing(&candidate),
            Kind::Absent | Kind::Dangling => {
                // Where the directory itself is absent, that is what has been noted.
                if self.kind(or_here(parent)) == Kind::Directory {
                    self.expect(parent, name.as_bytes(), Expectation::Absent);
                    self.unmade
                        .push((parent.to_owned(), name.as_bytes().to_owned()));
                    // It may have been used and deleted since.
                    if before.held(parent, name.as_bytes()) == Some(true) {
                        return Err(Unguarded::Vanished(candidate));
                    }
                }
            }
        }
        Ok(())
    }

    fn into_guarded(mut self) -> Guarded {
        Guarded {
            precompiled: std::mem::take(&mut self.precompiled),
            found: std::mem::take(&mut self.found),
            directories: self.finish(),
        }
    }

    fn twin<'s>(&'s self, sources: &[Source<'s>], places: &Places<'_>) -> Option<PathBuf> {
        let files = self.kinds.iter().filter(|(_, kind)| **kind == Kind::File);
        let files = files.map(|(path, _)| Path::new(path));
        super::once::twin(sources, files, places.by_content, places.here)
    }
}

fn style_of(lookup: &Lookup) -> Style {
    lookup.style
}

#[cfg(test)]
#[path = "shadow_test.rs"]
mod tests;
