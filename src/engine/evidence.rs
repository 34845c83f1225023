//! What a result depends on: everything that was read, asked for or assumed, as
//! it goes into a manifest.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::before::Before;
use super::observe::Dependency;
use super::record::{Refusal, refuse};
use super::shadow::{self, Facts, Guarded, Unguarded};
use super::surroundings::Surroundings;
use super::{Cached, base, comments, existence, precompiled, unreported};
use crate::compiler::search::SearchPaths;
use crate::entry::manifest::{ConditionKind, NewDirectory, NewFile};
use crate::hash::Digest;
use crate::hash::scan::{Lookup, Scan};
use crate::hash::tokens::TokenDigest;
use crate::stats::Counter;
use crate::sys::clock::Nanos;

/// Everything a result depends on.
pub struct Evidence {
    pub files: Vec<Dependency>,
    pub directories: Vec<NewDirectory>,
    pub conditions: Vec<(ConditionKind, Digest)>,
    /// Files were read that the preprocessed text does not show.
    pub unreported: bool,
    /// A precompiled header stands where the compiler looks.
    pub precompiled: bool,
    /// The times of the files count, as `__TIMESTAMP__` shows them.
    timestamps: bool,
    /// The times of the files count, as a precompiled header of clang holds them.
    pub held_times: bool,
    /// See [`super::observe::Files`].
    pub skeleton: TokenDigest,
}

impl Evidence {
    /// The files with their contents, the source first.
    pub fn contents(&self) -> Vec<(&Path, Digest)> {
        let mut seen: FxHashSet<&Path> = FxHashSet::default();
        let files = self.files.iter().filter(|file| seen.insert(&file.path));
        files
            .map(|file| (file.path.as_path(), file.digest))
            .collect()
    }

    /// Whether a source looks for something like that.
    pub fn asks(&self, test: &dyn Fn(&Lookup) -> bool) -> bool {
        let scans = self.files.iter().filter_map(|file| file.scan.as_ref());
        scans.flat_map(|scan| &scan.lookups).any(test)
    }

    /// Every byte of the files counts.
    pub fn take_literally(&mut self) {
        self.skeleton = TokenDigest::NONE;
        for file in &mut self.files {
            file.tokens = TokenDigest::NONE;
        }
    }

    /// Every byte counts of the files that `messages` may quote. Of the others the
    /// tokens do, but all of them: messages suggest names of macros.
    pub fn take_quoted_literally(&mut self, cached: &Cached<'_>, messages: &[&[u8]]) {
        let quotes = comments::Quotes::of(cached.command, messages);
        self.skeleton = TokenDigest::NONE;
        for file in &mut self.files {
            let renumbers = file.scan.as_ref().is_some_and(|scan| scan.renumbers);
            if renumbers || quotes.may_be_of(&file.path) {
                file.tokens = TokenDigest::NONE;
            }
        }
    }

    /// The files as they go into the manifest, once all of them are known.
    pub fn manifest_files(
        &mut self,
        cached: &Cached<'_>,
        started: Nanos,
    ) -> Result<Vec<NewFile>, Refusal> {
        // A source may be data too, or be in a precompiled header.
        let no_text = self.files.iter().any(|file| file.scan.is_none());
        if no_text || self.unreported || self.precompiled || self.timestamps || self.held_times {
            self.take_literally();
            precompiled::name_recipes(cached, &mut self.files);
        }
        let files = manifest_files(cached, &self.files);
        if self.timestamps {
            let paths = files.iter().map(|file| CString::new(file.path.clone()));
            let paths: Result<Vec<CString>, _> = paths.collect();
            let times = paths
                .ok()
                .and_then(|paths| super::direct::times(paths.iter().map(|path| path.as_c_str())));
            match times {
                Some(times) => self.conditions.push((ConditionKind::Timestamp, times)),
                None => return refuse(Counter::UncacheableTimeMacro, "a file has no time"),
            }
        }
        if self.held_times {
            let times = precompiled::held_times(cached, &files, started)?;
            self.conditions.push((ConditionKind::HeldTimes, times));
        }
        Ok(files)
    }
}

/// Turns what was read into evidence, or says why that is not possible.
pub fn guard(
    cached: &mut Cached<'_>,
    mut files: Vec<Dependency>,
    search: &SearchPaths,
    started: Nanos,
    before: &Before,
    messages: &[&[u8]],
) -> Result<Evidence, Refusal> {
    existence::resolve(&mut files, &[])?;
    let mut found = unreported::find(cached, &files, search, started)?;
    if messages.iter().any(|text| !text.is_empty()) {
        unreported::quoted::add(cached, &files, messages, started, &mut found)?;
    }
    let around = Surroundings::of(cached, search.clone());
    let mut absent = around.absent().to_vec();
    absent.append(&mut cached.absent_inputs);
    let way = Way {
        around,
        absent,
        names: &found.names,
        before,
        started,
    };
    let facts = std::mem::take(&mut cached.facts);
    let mut guarded = way.follow(cached, &files, &[], facts)?;
    let in_use = !guarded.precompiled.is_empty();
    if in_use {
        let headers = &guarded.precompiled;
        let hidden = unreported::behind_precompiled(cached, &files, headers, search, started)?;
        existence::resolve(&mut files, &hidden.scans)?;
        guarded = way.follow(cached, &files, &hidden.scans, Facts::default())?;
        precompiled::add(cached, &guarded, started, &mut files)?;
        found.date |= hidden.date;
        found.timestamps |= hidden.timestamps;
    }
    let mut conditions = Vec::new();
    if found.date {
        match cached.date_since(started) {
            Some(today) => conditions.push((ConditionKind::Date, today)),
            None => return refuse(Counter::UncacheableTimeMacro, "the date changed meanwhile"),
        }
    }
    let directories = guarded
        .directories
        .into_iter()
        .map(|directory| NewDirectory {
            path: stored_path(cached, &directory.path),
            ..directory
        })
        .collect();
    let unreported = in_use || !found.names.is_empty();
    if in_use || !found.files.is_empty() {
        // One of them may be a source too, and then all of its text counts.
        for file in &mut files {
            file.tokens = TokenDigest::NONE;
        }
    }
    files.extend(found.files);
    Ok(Evidence {
        files,
        directories,
        conditions,
        unreported,
        precompiled: in_use,
        timestamps: found.timestamps,
        held_times: false,
        skeleton: TokenDigest::NONE,
    })
}

/// How the names in sources lead to files.
struct Way<'a> {
    around: Surroundings<'a>,
    absent: Vec<PathBuf>,
    /// As [`Places::others`](shadow::Places::others).
    names: &'a [(PathBuf, PathBuf)],
    before: &'a Before,
    started: Nanos,
}

impl Way<'_> {
    /// Follows the names in `files`, and in macros that no file shows.
    fn follow(
        &self,
        cached: &Cached<'_>,
        files: &[Dependency],
        hidden: &[Scan],
        facts: Facts,
    ) -> Result<Guarded, Refusal> {
        // Text that is not preprocessed asks for no headers.
        let preprocessed = !cached.command.traits.no_preprocessing;
        let files = files.iter().filter(|_| preprocessed);
        let sources = files.filter_map(|file| {
            let scan = file.scan.as_ref()?;
            let path = &file.path;
            Some(shadow::Source { path, scan })
        });
        let path = &cached.command.source;
        let hidden = hidden.iter().map(|scan| shadow::Source { path, scan });
        let sources: Vec<shadow::Source<'_>> = sources.chain(hidden).collect();
        let places = self.around.places(&self.absent, self.names, self.before);
        let guarded = shadow::guard(&sources, &places, self.started, facts);
        let guarded = guarded.map_err(|why| match why {
            Unguarded::Late(path) => Refusal {
                counter: Counter::ModifiedInputFile,
                why: format!("{} appeared during the compile", path.display()),
            },
            Unguarded::Twin(path) => Refusal {
                counter: Counter::UnsupportedCodeDirective,
                why: format!("{} may be taken for another file", path.display()),
            },
            Unguarded::Vanished(path) => Refusal {
                counter: Counter::ModifiedInputFile,
                why: format!("{} may have been there during the compile", path.display()),
            },
        })?;
        let computed = sources.first().is_some_and(|source| source.scan.computed);
        if computed && !places.precompiled.is_empty() {
            precompiled::refuse_unseen(&cached.command.source, &places, &guarded)?;
        }
        Ok(guarded)
    }
}

/// A path as it goes into a manifest: below the base directory relative to the
/// working directory.
fn stored_path(cached: &Cached<'_>, path: &[u8]) -> Vec<u8> {
    cached
        .base_dir
        .and_then(|base| base::path_to_stored(path, base, cached.working_directory))
        .unwrap_or_else(|| path.to_owned())
}

fn manifest_files(cached: &Cached<'_>, files: &[Dependency]) -> Vec<NewFile> {
    let mut seen: FxHashSet<&OsStr> = FxHashSet::default();
    if cached.command.reads_standard_input() {
        // That is in the command's key.
        seen.insert(cached.command.source.as_os_str());
    }
    files
        .iter()
        .filter(|file| seen.insert(file.path.as_os_str()))
        .map(|file| NewFile {
            path: stored_path(cached, file.path.as_os_str().as_bytes()),
            digest: file.digest,
            tokens: file.tokens,
            stamp: file.stamp,
        })
        .collect()
}
