//! What a compile read: its files with digests and scans, and the user's
//! dependency file put right where the compiler was run for a fuller one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::compile::Compiled;
use super::dependencies::Source;
use super::record::{Refusal, refuse, written_since};
use super::{Cached, ahead, comments, dependencies, restore};
use crate::compiler::depfile;
use crate::compiler::search::SearchPaths;
use crate::hash::scan::Scan;
use crate::hash::tokens::TokenDigest;
use crate::hash::{Digest, InodeTable};
use crate::stats::Counter;
use crate::sys::Stamp;
use crate::sys::clock::Nanos;

/// A file that the result depends on.
pub struct Dependency {
    pub path: PathBuf,
    pub digest: Digest,
    /// [`TokenDigest::NONE`] where comments in it may count.
    pub tokens: TokenDigest,
    pub stamp: Stamp,
    /// `None` for files that are not source text (profiles, plugins, ...).
    pub scan: Option<Scan>,
}

/// What [`read_files`] found.
pub struct Files {
    pub files: Vec<Dependency>,
    /// Of all of them; [`TokenDigest::NONE`] where unnamed macros may count.
    pub skeleton: TokenDigest,
    /// The first reason not to store.
    pub refusal: Option<Refusal>,
}

/// Reads and digests the source, every dependency and every other input; and
/// the first reason not to store, if there is one.
pub fn read_files(cached: &mut Cached<'_>, dependencies: &[PathBuf], started: Nanos) -> Files {
    if let Some(ahead) = cached.ahead.take()
        && let Some(standing) =
            ahead.stands(&cached.command.source, dependencies, started, cached.table)
    {
        cached.facts = standing.facts;
        return Files {
            files: standing.files,
            skeleton: standing.skeleton,
            refusal: None,
        };
    }
    let mut files = Vec::with_capacity(dependencies.len() + 1);
    let mut refusal = None;
    let mut modified = |path: &Path, what: &str| {
        refusal.get_or_insert_with(|| Refusal {
            counter: Counter::ModifiedInputFile,
            why: format!("{} {what}", path.display()),
        });
    };
    let source = cached.command.source.clone();
    let mut blind = comments::Blind::new(cached);
    if let Some(input) = cached.call.input {
        files.push(Dependency {
            path: source.clone(),
            digest: Digest::of(&input.bytes),
            tokens: TokenDigest::NONE,
            stamp: Stamp::NONE,
            scan: Some(crate::hash::scan::scan(&input.bytes)),
        });
    }
    let source = cached.call.input.is_none().then_some(&source);
    for path in source.into_iter().chain(dependencies) {
        let known = recall(path, &mut blind, cached.table);
        let Some((file, found)) = known.or_else(|| ahead::read_one(path, &mut blind)) else {
            modified(path, "cannot be read any more");
            continue;
        };
        // A write moves the change time, which no user can set; a modification
        // time in the future says nothing.
        if found.is_since(started) {
            modified(path, "is newer than the compile");
        }
        if file.stamp != Stamp::NONE {
            cached.table.learn(&file.stamp, &file.digest);
        }
        files.push(file);
    }
    for (path, optional) in cached.other_inputs() {
        match crate::hash::file::digest(cached.table, &path) {
            Some((digest, stamp)) => {
                let current = Stamp::of_path(&path).unwrap_or(Stamp::NONE);
                if current.is_since(started) {
                    modified(&path, "is newer than the compile");
                }
                files.push(Dependency {
                    path,
                    digest,
                    tokens: TokenDigest::NONE,
                    stamp,
                    scan: None,
                });
            }
            None if optional && rustix::fs::stat(&path).is_err() => {
                cached.absent_inputs.push(path);
            }
            // A directory, say: an unknown option's value that is no file.
            None if optional => {}
            None => modified(&path, "cannot be read"),
        }
    }
    let skeleton = blind.settle(&mut files);
    Files {
        files,
        skeleton,
        refusal,
    }
}

/// A source that is known on this machine, and its stamp.
fn recall(
    path: &Path,
    blind: &mut comments::Blind<'_>,
    table: &mut InodeTable,
) -> Option<(Dependency, Stamp)> {
    let stamp = Stamp::of_path(path)
        .ok()
        .filter(|_| comments::is_fixed(path))?;
    let digest = table.get(&stamp)?;
    Some((blind.recall(path, digest, stamp)?, stamp))
}

/// A file of data that the compile read. `None`: it is not there.
///
/// # Errors
/// It has no content that stays, or is newer than the compile.
pub fn data_file(
    cached: &mut Cached<'_>,
    path: &Path,
    started: Nanos,
) -> Result<Option<Dependency>, Refusal> {
    let Ok(found) = Stamp::of_path(path) else {
        return Ok(None);
    };
    if found.modified.max(found.changed) >= started {
        return refuse(
            Counter::ModifiedInputFile,
            format!("{} is newer than the compile", path.display()),
        );
    }
    if path.is_dir() {
        return Ok(None);
    }
    match crate::hash::file::digest(cached.table, path) {
        Some((digest, stamp)) => Ok(Some(Dependency {
            path: path.to_owned(),
            digest,
            tokens: TokenDigest::NONE,
            stamp,
            scan: None,
        })),
        None => refuse(
            Counter::UnsupportedCodeDirective,
            format!("{} is no file that keeps its content", path.display()),
        ),
    }
}

/// A dependency file, taken apart.
pub type UserFile = (depfile::Style, depfile::DepFile);

/// What a compile read.
pub struct Observed {
    pub files: Vec<Dependency>,
    /// See [`Files`].
    pub skeleton: TokenDigest,
    pub depfile: Option<UserFile>,
    pub search: SearchPaths,
}

/// Finds out what the compile read, and puts the user's dependency file right
/// where gcc was run with `-MD` in place of `-MMD`. That happens whatever else
/// is refused.
pub fn observe(cached: &mut Cached<'_>, compiled: &Compiled) -> Result<Observed, Refusal> {
    let to_trim = compiled.source.must_trim();
    // A directory that came or went since shows to the guard.
    let search = cached.search.take().or_else(|| cached.search_paths());
    let found = dependencies::collect(
        cached.identity.family,
        compiled.source,
        cached.command,
        compiled.channel.as_ref(),
        &|path| written_since(path, compiled.started),
    );
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            if to_trim {
                dependencies::ask_for_user_file(&cached.call, cached.command);
            }
            return refuse(Counter::InternalError, error.to_string());
        }
    };
    let mut found = found;
    if compiled.source == Source::Asked {
        let Some(all) = dependencies::ask_for_all(&cached.call, cached.command) else {
            return refuse(Counter::InternalError, "gcc does not list the dependencies");
        };
        let known: HashSet<PathBuf> = found.paths.iter().cloned().collect();
        let source = &cached.command.source;
        let new = all
            .into_iter()
            .filter(|path| path != source && !known.contains(path));
        found.paths.extend(new);
    }
    let Files {
        files,
        skeleton,
        refusal,
    } = read_files(cached, &found.paths, compiled.started);
    let depfile = match found.file {
        Some((style, whole)) if to_trim => {
            let trimmed = trim(cached, style, &whole, search.as_ref(), &files);
            match trimmed {
                Some(trimmed) => Some((style, trimmed)),
                None => Some(asked(cached, &whole, &files, compiled.started)?),
            }
        }
        file => file,
    };
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    match search {
        Some(search) => Ok(Observed {
            files,
            skeleton,
            depfile,
            search,
        }),
        None => refuse(
            Counter::InternalError,
            "the header search path is not known",
        ),
    }
}

/// After a compile that is not going to be stored: see [`observe`].
pub fn leave(cached: &mut Cached<'_>, compiled: &Compiled) {
    if !compiled.source.must_trim() {
        return;
    }
    let written = cached.command.dependencies.as_ref().is_some_and(|wanted| {
        Stamp::of_path(&wanted.path)
            .is_ok_and(|stamp| stamp.size > 0 && stamp.is_since(compiled.started))
    });
    if written {
        let _ = observe(cached, compiled);
    }
}

/// The user's dependency file, written by the compiler itself in a run of its
/// own; it must be about the same files as the compile.
fn asked(
    cached: &Cached<'_>,
    whole: &depfile::DepFile,
    files: &[Dependency],
    started: Nanos,
) -> Result<UserFile, Refusal> {
    dependencies::ask_for_user_file(&cached.call, cached.command);
    let changed = |file: &Dependency| {
        Stamp::of_path(&file.path).map_or(true, |stamp| stamp.is_since(started))
    };
    if let Some(file) = files.iter().find(|file| changed(file)) {
        let why = format!("{} is newer than the compile", file.path.display());
        return refuse(Counter::ModifiedInputFile, why);
    }
    let wanted = cached.command.dependencies.as_ref();
    let written = wanted.and_then(|wanted| {
        let bytes = fs_err::read(&wanted.path).ok()?;
        depfile::detect_for(cached.identity.family, &bytes, &wanted.target)
    });
    match written {
        Some((style, user)) if user.names.iter().all(|name| whole.names.contains(name)) => {
            Ok((style, user))
        }
        _ => refuse(
            Counter::InternalError,
            "which headers are the system's is not clear",
        ),
    }
}

/// Takes the system headers out of the user's dependency file and writes it
/// anew. `None`: that could not be done.
fn trim(
    cached: &Cached<'_>,
    style: depfile::Style,
    whole: &depfile::DepFile,
    search: Option<&SearchPaths>,
    files: &[Dependency],
) -> Option<depfile::DepFile> {
    let scans: Vec<(&Path, &Scan)> = files
        .iter()
        .filter_map(|file| Some((file.path.as_path(), file.scan.as_ref()?)))
        .collect();
    let trimmed = dependencies::user_headers_only(
        whole,
        cached.identity.family,
        cached.command,
        search?,
        &scans,
        cached.environment,
    )?;
    let wanted = cached.command.dependencies.as_ref()?;
    restore::write(&wanted.path, &depfile::write(style, &trimmed)).ok()?;
    Some(trimmed)
}
