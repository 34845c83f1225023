//! Storing what a compile gave: only if everything it depended on is known,
//! did not change meanwhile, and will be noticed when it changes.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::before::Before;
use super::compile::Compiled;
use super::evidence::{Evidence, guard};
use super::observe::{Observed, observe, read_files};
use super::{Cached, comments, precompiled, restore, sides};
use crate::compiler::{Command, Product};
use crate::entry::manifest::{COLORED, ConditionKind, HAS_STDERR, NewVariant};
use crate::entry::{Blob, BlobName, Entry};
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
