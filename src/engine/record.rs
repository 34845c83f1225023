//! Storing what a compile gave: only if everything it depended on is known,
//! did not change meanwhile, and will be noticed when it changes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::before::Before;
use super::compile::Compiled;
use super::observe::{Dependency, Observed, observe, read_files};
use super::shadow::{self, Unguarded};
use super::surroundings::Surroundings;
use super::{Cached, base, comments, existence, precompiled, restore, sides, unreported};
use crate::compiler::search::SearchPaths;
use crate::compiler::{Command, Product};
use crate::entry::manifest::{
    COLORED, ConditionKind, HAS_STDERR, NewDirectory, NewFile, NewVariant,
};
use crate::entry::{Blob, BlobName, Entry};
use crate::hash::scan::Lookup;
use crate::hash::tokens::TokenDigest;
use crate::hash::{Digest, Key};
use crate::stats::Counter;
use crate::sys::Stamp;
use crate::sys::clock::{self, Nanos};

/// Why a result is not stored, and the counter that says so.
#[derive(Debug)]
pub struct Refusal {
    pub counter: Counter,
    pub why: String,
}

/// A refusal for `counter`.
pub fn refuse<T>(counter: Counter, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        counter,
        why: why.into(),
    })
}

/// Everything a result depends on.
pub struct Evidence {
    files: Vec<Dependency>,
    directories: Vec<NewDirectory>,
    conditions: Vec<(ConditionKind, Digest)>,
    /// Files were read that the preprocessed text does not show.
    unreported: bool,
    /// A precompiled header stands where the compiler looks.
    precompiled: bool,
    /// The times of the files count, as `__TIMESTAMP__` shows them.
    timestamps: bool,
    /// The times of the files count, as a precompiled header of clang holds them.
    held_times: bool,
    /// See [`super::observe::Files`].
    skeleton: TokenDigest,
}

impl Evidence {
    /// The files with their contents, the source first.
    pub fn contents(&self) -> Vec<(&Path, Digest)> {
        let mut seen: HashSet<&Path> = HashSet::new();
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
    fn take_literally(&mut self) {
        self.skeleton = TokenDigest::NONE;
        for file in &mut self.files {
            file.tokens = TokenDigest::NONE;
        }
    }

    /// Every byte counts of the files that `messages` may quote. Of the others the
    /// tokens do, but all of them: messages suggest names of macros.
    fn take_quoted_literally(&mut self, cached: &Cached<'_>, messages: &[&[u8]]) {
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
    fn manifest_files(
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

/// Stores the result of `compiled` under its key. `key` is given when the
/// preprocessor mode has computed one.
pub fn record(
    cached: &mut Cached<'_>,
    compiled: &Compiled,
    key: Option<Key>,
) -> Result<(), Refusal> {
    let Observed {
        files,
        skeleton,
        depfile,
        search,
    } = observe(cached, compiled)?;
    check_compiler(cached)?;
    check_product(cached, compiled)?;
    check_undeclared(cached)?;
    let streams = &compiled.captured;
    let messages = [&streams.stdout[..], &streams.stderr];
    let mut evidence = guard(
        cached,
        files,
        &search,
        compiled.started,
        &compiled.before,
        &messages,
    )?;
    evidence.skeleton = skeleton;
    if evidence.precompiled {
        precompiled::add_quoted(cached, compiled, &mut evidence.files)?;
    }
    evidence.held_times =
        precompiled::compares_times(cached, compiled.started, &mut evidence.files)?;
    let depfile = depfile.map(|(style, file)| cached.dependency_blob(style, file));
    let outputs = outputs(cached, compiled)?;
    pin(
        cached,
        compiled,
        &outputs,
        depfile.as_deref(),
        &mut evidence,
    )?;

    let entry = entry(cached, compiled, &outputs, depfile);
    // Precompiled headers compare their sources, messages quote them.
    if evidence.precompiled || evidence.held_times {
        evidence.take_literally();
    }
    if messages.iter().any(|text| !text.is_empty()) {
        evidence.take_quoted_literally(cached, &messages);
    }
    let files = evidence.manifest_files(cached, compiled.started)?;
    let key = key
        .filter(|_| !evidence.unreported)
        .unwrap_or_else(|| super::key::direct_key(&cached.manifest, &files, &evidence.conditions));
    let variant = NewVariant {
        result: key,
        duration_ms: u32::try_from(compiled.duration.as_millis()).unwrap_or(u32::MAX),
        flags: flags(compiled),
        skeleton: evidence.skeleton,
        conditions: evidence.conditions,
        files,
        directories: evidence.directories,
    };
    precompiled::save_recipe(cached, &variant);
    cached.offer(&key, &entry, &variant);
    cached
        .store_result(&entry, &variant)
        .map_err(|error| Refusal {
            counter: Counter::StoreError,
            why: error.to_string(),
        })
}

/// What a result that the preprocessor mode finds depends on; `files` are those
/// that the text came from.
pub fn evidence(
    cached: &mut Cached<'_>,
    files: &[PathBuf],
    started: Nanos,
) -> Result<Evidence, Refusal> {
    let Some(search) = cached.search_paths() else {
        return refuse(
            Counter::InternalError,
            "the header search path is not known",
        );
    };
    let source = &cached.command.source;
    let paths: Vec<PathBuf> = files
        .iter()
        .filter(|path| *path != source)
        .cloned()
        .collect();
    let read = read_files(cached, &paths, started);
    if let Some(refusal) = read.refusal {
        return Err(refusal);
    }
    let mut evidence = guard(
        cached,
        read.files,
        &search,
        started,
        &Before::default(),
        &[],
    )?;
    evidence.skeleton = read.skeleton;
    if evidence.unreported {
        return refuse(Counter::InternalError, "the text does not show all inputs");
    }
    Ok(evidence)
}

/// Adds a variant for a result that the preprocessor mode found, so that the
/// direct mode finds it next time.
pub fn remember(
    cached: &mut Cached<'_>,
    key: Key,
    mut evidence: Evidence,
    duration_ms: u32,
    started: Nanos,
) -> Result<(), Refusal> {
    let files = evidence.manifest_files(cached, started)?;
    let variant = NewVariant {
        result: key,
        duration_ms,
        flags: 0,
        skeleton: evidence.skeleton,
        conditions: evidence.conditions,
        files,
        directories: evidence.directories,
    };
    cached.store_manifest(&variant).map_err(|error| Refusal {
        counter: Counter::StoreError,
        why: error.to_string(),
    })
}

fn flags(compiled: &Compiled) -> u32 {
    let mut flags = 0;
    if !compiled.captured.stderr.is_empty() {
        flags |= HAS_STDERR;
        if compiled.colored {
            flags |= COLORED;
        }
    }
    flags
}

/// Whether the compile wrote `path`: its times are not older than the compile.
pub fn written_since(path: &Path, started: Nanos) -> bool {
    Stamp::of_path(path).is_ok_and(|stamp| stamp.is_since(started))
}

/// The compiler that ran is the one that is in the key: an installation may have
/// come between the question who it is and its start.
fn check_compiler(cached: &mut Cached<'_>) -> Result<(), Refusal> {
    let directory = cached.local.map(|local| local.join("compilers"));
    let now = super::identity::identify(
        cached.call.program,
        cached.environment,
        directory.as_deref(),
        cached.table,
    );
    match now {
        Some(now) if now.digest == cached.identity.digest => Ok(()),
        _ => refuse(
            Counter::ModifiedInputFile,
            format!("{} has changed meanwhile", cached.call.program.display()),
        ),
    }
}

fn check_product(cached: &Cached<'_>, compiled: &Compiled) -> Result<(), Refusal> {
    if cached.command.product == Product::Nothing {
        return Ok(());
    }
    let path = &cached.command.output;
    match restore::existing(path, cached.command.overwrite) {
        restore::Existing::File if written_since(path, compiled.started) => Ok(()),
        restore::Existing::File => refuse(
            Counter::CompilerProducedNoOutput,
            format!("{} was not written", path.display()),
        ),
        other => refuse(
            Counter::CompilerProducedNoOutput,
            format!("{} is {other:?} after the compile", path.display()),
        ),
    }
}

fn check_undeclared(cached: &Cached<'_>) -> Result<(), Refusal> {
    let Some(watch) = &cached.watch else {
        return Ok(());
    };
    let command = cached.command;
    let mut declared = vec![command.output.as_path()];
    declared.extend(
        command
            .dependencies
            .iter()
            .map(|wanted| wanted.path.as_path()),
    );
    declared.extend(command.outputs.iter().map(|output| output.path.as_path()));
    let named = command.dumps.iter().flat_map(|dumps| &dumps.named);
    declared.extend(named.map(|(path, _)| path.as_path()));
    match watch.surprise(&declared) {
        Some(path) => refuse(Counter::WroteUndeclaredFile, path.display().to_string()),
        None => Ok(()),
    }
}

/// Turns what was read into evidence, or says why that is not possible.
fn guard(
    cached: &mut Cached<'_>,
    mut files: Vec<Dependency>,
    search: &SearchPaths,
    started: Nanos,
    before: &Before,
    messages: &[&[u8]],
) -> Result<Evidence, Refusal> {
    existence::resolve(&mut files)?;
    let mut found = unreported::find(cached, &files, search, started)?;
    if messages.iter().any(|text| !text.is_empty()) {
        unreported::quoted::add(cached, &files, messages, started, &mut found)?;
    }
    let mut conditions = Vec::new();
    if found.date {
        match cached.date_since(started) {
            Some(today) => conditions.push((ConditionKind::Date, today)),
            None => return refuse(Counter::UncacheableTimeMacro, "the date changed meanwhile"),
        }
    }
    // Text that is not preprocessed asks for no headers.
    let preprocessed = !cached.command.traits.no_preprocessing;
    let sources: Vec<shadow::Source<'_>> = files
        .iter()
        .filter(|_| preprocessed)
        .filter_map(|file| {
            Some(shadow::Source {
                path: &file.path,
                scan: file.scan.as_ref()?,
            })
        })
        .collect();
    let around = Surroundings::of(cached, search.clone());
    let mut absent = around.absent().to_vec();
    absent.append(&mut cached.absent_inputs);
    let places = around.places(&absent, &found.names, before);
    let guarded = shadow::guard(
        &sources,
        &places,
        started,
        std::mem::take(&mut cached.facts),
    );
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
    let in_use = !guarded.precompiled.is_empty();
    if in_use {
        precompiled::add(cached, &guarded, started, &mut files)?;
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

/// The files that go into the entry, by blob name.
fn outputs(cached: &Cached<'_>, compiled: &Compiled) -> Result<Vec<(BlobName, Blob)>, Refusal> {
    let command = cached.command;
    let mut outputs = Vec::new();
    if command.product != Product::Nothing {
        outputs.push((BlobName::OUTPUT, Blob::File(command.output.clone())));
    }
    outputs.extend(sides::gather(command, &cached.before, compiled.started)?);
    Ok(outputs)
}

/// Ties the result to the directories that can be seen in it.
fn pin(
    cached: &Cached<'_>,
    compiled: &Compiled,
    outputs: &[(BlobName, Blob)],
    depfile: Option<&[u8]>,
    evidence: &mut Evidence,
) -> Result<(), Refusal> {
    let here = cached.working_directory.as_os_str().as_bytes();
    let in_key = cached.directory_in_key();
    let base = cached.base_dir.map(|base| base.as_os_str().as_bytes());
    let mut streams: Vec<&[u8]> = vec![&compiled.captured.stdout, &compiled.captured.stderr];
    streams.extend(depfile);
    let sees =
        |text: &[u8], word: &[u8]| word.len() > 1 && memchr::memmem::find(text, word).is_some();
    let mut sees_here = streams.iter().any(|text| sees(text, here));
    let mut sees_base = base.is_some_and(|base| streams.iter().any(|text| sees(text, base)));
    let mut literally = false;
    let debug = cached.command.traits.records_directory;
    if !in_key || base.is_some() {
        for (_, blob) in outputs {
            let content = match blob {
                Blob::Bytes(bytes) => Cow::Borrowed(bytes),
                Blob::File(path) => match fs_err::read(path) {
                    Ok(bytes) => Cow::Owned(bytes),
                    Err(_) => return refuse(Counter::InternalError, "an output is gone"),
                },
            };
            sees_here |= sees(&content, here);
            literally |= !debug && comments::is_unexpected(&content);
            sees_base |= base.is_some_and(|base| sees(&content, base));
        }
    }
    if literally {
        evidence.take_literally();
    }
    if sees_here && !in_key && cached.hash_dir {
        evidence
            .conditions
            .push((ConditionKind::Directory, Digest::of(here)));
    }
    if let Some(base) = base
        && (sees_base || cached.command.traits.opaque_product)
    {
        evidence
            .conditions
            .push((ConditionKind::BaseDirectory, Digest::of(base)));
    }
    Ok(())
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

fn entry(
    cached: &Cached<'_>,
    compiled: &Compiled,
    outputs: &[(BlobName, Blob)],
    depfile: Option<Vec<u8>>,
) -> Entry {
    let mut entry = Entry::default();
    for (name, blob) in outputs {
        entry.insert(name.clone(), blob.clone());
    }
    if let Some(depfile) = depfile {
        entry.insert(BlobName::DEPENDENCIES, depfile);
    }
    entry.insert(BlobName::STDOUT, compiled.captured.stdout.clone());
    entry.insert(BlobName::STDERR, compiled.captured.stderr.clone());
    entry.insert(BlobName::EXIT_CODE, b"0".to_vec());
    entry.insert(BlobName::METADATA, metadata(cached, compiled, outputs));
    entry
}

/// Blobs that the entry of a `command` is going to have, which are no others' too.
pub fn expected_blobs(command: &Command) -> Vec<BlobName> {
    let mut blobs = vec![BlobName::METADATA];
    if command.product != Product::Nothing {
        blobs.push(BlobName::OUTPUT);
    }
    if command.dependencies.is_some() {
        blobs.push(BlobName::DEPENDENCIES);
    }
    blobs
}

/// The metadata blob: JSON for people and tools.
fn metadata(cached: &Cached<'_>, compiled: &Compiled, outputs: &[(BlobName, Blob)]) -> Vec<u8> {
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    let sizes: serde_json::Map<String, serde_json::Value> = outputs
        .iter()
        .map(|(name, blob)| {
            let size = match blob {
                Blob::Bytes(bytes) => bytes.len() as u64,
                Blob::File(path) => Stamp::of_path(path).map_or(0, |stamp| stamp.size),
            };
            (name.to_string(), size.into())
        })
        .collect();
    let metadata = serde_json::json!({
        "format": 1,
        "time_ms": clock::wall_millis(),
        "compiler": text(cached.call.program.as_os_str()),
        "compiler_version": cached.identity.version,
        "directory": text(cached.working_directory.as_os_str()),
        "command": cached.call.args.iter().map(|arg| text(arg)).collect::<Vec<_>>(),
        "source": text(cached.command.source.as_os_str()),
        "output": text(cached.command.output.as_os_str()),
        "duration_ms": u64::try_from(compiled.duration.as_millis()).unwrap_or(u64::MAX),
        "sizes": sizes,
        "manifest": cached.manifest.hex(),
    });
    let mut bytes = serde_json::to_vec_pretty(&metadata).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
