//! Precompiled headers: which of them a compile looked at, and what else their
//! use depends on.
//!
//! clang names them by options, and compares size and time of every file that
//! went into one with what is there now: so both count, and the content besides.
//!
//! gcc takes `x.h.gch` for `#include "x.h"` if it fits, and says so nowhere. It
//! does not read the headers in it again, but messages quote their lines, and
//! one that the header includes once only is compared with what is there now.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::compile::Compiled;
use super::observe::Dependency;
use super::record::{Refusal, refuse};
use super::shadow::{Guarded, Places};
use super::terminal::strip_color;
use super::{Cached, base};
use crate::compiler::{Command, Family, Product, ast_file};
use crate::entry::manifest::{ConditionKind, NewFile, NewVariant, Times};
use crate::hash::Digest;
use crate::hash::assembler;
use crate::hash::scan::scan;
use crate::hash::tokens::TokenDigest;
use crate::stats::Counter;
use crate::sys::Stamp;
use crate::sys::clock::Nanos;

/// Stands for the names of a directory's entries, in the order in which the
/// system lists them: of several precompiled headers, gcc uses the first that
/// fits. `None` if it cannot be read.
pub fn listing(directory: &Path) -> Option<String> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(directory).ok()? {
        names.extend_from_slice(entry.ok()?.file_name().as_bytes());
        names.push(0);
    }
    Some(Digest::of(&names).to_string())
}

/// Adds the precompiled headers that gcc found, and the headers that the source
/// names, whether they were read or not.
pub fn add(
    cached: &mut Cached<'_>,
    guarded: &Guarded,
    started: Nanos,
    files: &mut Vec<Dependency>,
) -> Result<(), Refusal> {
    for path in &guarded.precompiled {
        refuse_assembler(cached, path, false)?;
        add_file(cached, path, started, files)?;
    }
    let found: BTreeSet<&PathBuf> = guarded.found.iter().collect();
    for path in found {
        add_file(cached, path, started, files)?;
    }
    Ok(())
}

/// Adds the files whose lines the compiler's messages quote.
pub fn add_quoted(
    cached: &mut Cached<'_>,
    compiled: &Compiled,
    files: &mut Vec<Dependency>,
) -> Result<(), Refusal> {
    for path in quoted(&strip_color(&compiled.captured.stderr)) {
        if rustix::fs::stat(&path).is_ok() {
            add_file(cached, &path, compiled.started, files)?;
        }
    }
    Ok(())
}

/// What looks like the name of a file with a line number behind it.
fn quoted(messages: &[u8]) -> BTreeSet<PathBuf> {
    let mut names = BTreeSet::new();
    for line in messages.split(|b| *b == b'\n') {
        for (at, _) in line.iter().enumerate().filter(|(_, b)| **b == b':') {
            let numbered = line.get(at + 1).is_some_and(u8::is_ascii_digit);
            let before = line.get(..at).unwrap_or_default();
            // `In file included from a.c:1`, or the name alone; blanks may be in it.
            let starts = before.iter().enumerate().filter(|(_, b)| **b == b' ');
            for start in std::iter::once(0).chain(starts.map(|(at, _)| at + 1)) {
                let name = before.get(start..).unwrap_or_default();
                if numbered && !name.is_empty() && start + 4096 > at {
                    names.insert(PathBuf::from(OsStr::from_bytes(name)));
                }
            }
        }
    }
    names
}

fn add_file(
    cached: &mut Cached<'_>,
    path: &Path,
    started: Nanos,
    files: &mut Vec<Dependency>,
) -> Result<(), Refusal> {
    if files.iter().any(|file| file.path == path) {
        return Ok(());
    }
    let modified = |what: &str| {
        let why = format!("{} {what}", path.display());
        refuse(Counter::ModifiedInputFile, why)
    };
    let Some((digest, stamp)) = crate::hash::file::digest(cached.table, path) else {
        return modified("cannot be read");
    };
    let current = Stamp::of_path(path).unwrap_or(Stamp::NONE);
    if current.is_since(started) {
        return modified("is newer than the compile");
    }
    files.push(Dependency {
        tokens: TokenDigest::NONE,
        path: path.to_owned(),
        digest,
        stamp,
        scan: None,
    });
    Ok(())
}

/// Whether modification times count, since a precompiled header of clang is made
/// or used; adds the sources of those in use.
pub fn compares_times(
    cached: &mut Cached<'_>,
    started: Nanos,
    files: &mut Vec<Dependency>,
) -> Result<bool, Refusal> {
    if cached.identity.family != Family::Clang {
        return Ok(false);
    }
    let command = cached.command;
    let named = command.inputs.iter().map(|input| input.path.clone());
    let used: Vec<PathBuf> = named.filter(|path| is_of_clang(path)).collect();
    let makes_one = command.product == Product::PrecompiledHeader;
    if makes_one && !used.is_empty() {
        let why = "it is made from another precompiled header";
        return refuse(Counter::CouldNotUsePrecompiledHeader, why);
    }
    let mut times_count = makes_one && !is_timeless(command);
    for path in used {
        let contents = fs_err::read(&path)
            .ok()
            .and_then(|bytes| ast_file::read(&bytes));
        let Some(contents) = contents else {
            let why = format!("{}: what went into it is not known", path.display());
            return refuse(Counter::CouldNotUsePrecompiledHeader, why);
        };
        times_count |= contents.holds_times();
        for (file, _) in &contents.files {
            refuse_assembler(cached, file, true)?;
            add_file(cached, file, started, files)?;
        }
    }
    Ok(times_count)
}

/// The files that options of a command name, precompiled headers of clang among
/// them.
#[derive(Default)]
pub struct Named<'a> {
    /// As spelled, and as stored in a manifest.
    files: Vec<(&'a Path, Vec<u8>)>,
    makes_one: bool,
    /// Where recipes are kept.
    local: Option<&'a Path>,
}

impl<'a> Named<'a> {
    pub fn of(cached: &Cached<'a>) -> Named<'a> {
        let here = cached.working_directory;
        let stored = |path: &Path| {
            let spelled = path.as_os_str().as_bytes();
            let base = cached.base_dir;
            base.and_then(|base| base::path_to_stored(spelled, base, here))
                .unwrap_or_else(|| spelled.to_owned())
        };
        let inputs = cached.command.inputs.iter();
        Named {
            files: inputs
                .map(|input| (input.path.as_path(), stored(&input.path)))
                .collect(),
            makes_one: cached.command.product == Product::PrecompiledHeader,
            local: cached.local,
        }
    }

    /// Whether the file that is stored as `path` is one of them.
    pub fn has(&self, path: &[u8]) -> bool {
        self.files.iter().any(|(_, stored)| stored == path)
    }

    /// Whether every time that the precompiled headers hold is that of its file
    /// now, so that clang will use them. One that is being made will hold other
    /// times.
    pub fn times_agree(&self) -> bool {
        let agrees = |path: &Path| {
            let contents = fs_err::read(path)
                .ok()
                .and_then(|bytes| ast_file::read(&bytes));
            contents.is_some_and(|contents| {
                contents.files.iter().all(|(file, held)| {
                    let now = Stamp::of_path(file).map(|stamp| stamp.modified / 1_000_000_000);
                    *held == 0 || now.is_ok_and(|now| u64::try_from(now) == Ok(*held))
                })
            })
        };
        let mut used = self.files.iter().filter(|(path, _)| is_of_clang(path));
        !self.makes_one && used.all(|(path, _)| agrees(path))
    }

    /// What the precompiled header with this content was made from and how, its
    /// sources' times aside: equal recipes make headers that are used alike.
    pub fn recipe(&self, digest: &Digest) -> Option<TokenDigest> {
        let recipe = super::side::load(&recipe_file(self.local?, digest))?;
        recipe.as_slice().try_into().ok().map(TokenDigest)
    }
}

fn recipe_file(local: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    let name = name.get(..32).unwrap_or(&name);
    local.join("precompiled").join(name)
}

/// Remembers how the precompiled header was made that `variant` is about.
pub fn save_recipe(cached: &mut Cached<'_>, variant: &NewVariant) {
    let times = |(kind, _): &(ConditionKind, Digest)| *kind == ConditionKind::HeldTimes;
    if !variant.conditions.iter().any(times) {
        return;
    }
    let makes_one = cached.command.product == Product::PrecompiledHeader;
    let (true, Some(local)) = (makes_one, cached.local) else {
        return;
    };
    let others = variant.conditions.iter().filter(|one| !times(one));
    let others: Vec<_> = others.copied().collect();
    let recipe = super::key::direct_key(&cached.manifest, &variant.files, &others);
    let product = crate::hash::file::digest(cached.table, &cached.command.output);
    if let (Some((digest, _)), Some(recipe)) = (product, recipe.0.last_chunk::<16>()) {
        super::side::save(&recipe_file(local, &digest), recipe);
    }
}

/// Lets another precompiled header of the same recipe stand for one of `files`.
pub fn name_recipes(cached: &Cached<'_>, files: &mut [Dependency]) {
    // Other files, and references to the header, may show its times.
    let blind = ["dwo", "stack-usage"];
    let command = cached.command;
    let shows = |word: &std::ffi::OsString| word.as_bytes().starts_with(b"-gmodules");
    let mut words = command.args.iter().flat_map(|arg| &arg.words);
    if command.product == Product::PrecompiledHeader
        || !command.outputs.iter().all(|o| blind.contains(&o.role))
        || words.any(shows)
    {
        return;
    }
    let named = Named::of(cached);
    for file in files {
        let is_named = command.inputs.iter().any(|input| input.path == file.path);
        if is_named && is_of_clang(&file.path) {
            file.tokens = named.recipe(&file.digest).unwrap_or(TokenDigest::NONE);
        }
    }
}

/// What the modification times of `files` come to now, if none has changed
/// since the compile started.
pub fn held_times(
    cached: &Cached<'_>,
    files: &[NewFile],
    started: Nanos,
) -> Result<Digest, Refusal> {
    let mut times = Times::default();
    let named = Named::of(cached);
    for file in files {
        if named.has(&file.path) {
            continue;
        }
        match Stamp::of_path(file.path.as_slice()) {
            Ok(stamp) if !stamp.is_since(started) => times.add(&file.path, stamp.modified),
            _ => {
                let why = String::from_utf8_lossy(&file.path).into_owned();
                return refuse(Counter::ModifiedInputFile, why);
            }
        }
    }
    Ok(times.finish())
}

/// Assembler in a precompiled header is not preprocessed again, so that the
/// files that it reads cannot be told. In gcc's, its text stands as it is; of
/// clang's, the sources (`source`) are asked.
fn refuse_assembler(cached: &Cached<'_>, path: &Path, source: bool) -> Result<(), Refusal> {
    if cached.sloppy_incbin {
        return Ok(());
    }
    let reads = |bytes: &[u8]| {
        let own = path.starts_with("/usr");
        let hidden = || source && !own && scan(bytes).hides_assembler();
        assembler::may_read(bytes) || hidden()
    };
    let content = crate::hash::file::read(path);
    match content.is_some_and(|content| reads(&content.bytes)) {
        false => Ok(()),
        true => refuse(
            Counter::UnsupportedCodeDirective,
            format!("{} may read files in assembler", path.display()),
        ),
    }
}

/// Whether a precompiled header made by `command` holds no times.
fn is_timeless(command: &Command) -> bool {
    let mut words = command.args.iter().flat_map(|arg| &arg.words);
    words.any(|word| word == "-fno-pch-timestamp")
}

/// Whether `path` is a precompiled header of clang, by its first bytes.
fn is_of_clang(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    let read = fs_err::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && &magic == ast_file::MAGIC
}

/// A name that macros paste together can be that of a precompiled header, and
/// then nothing tells that it was used: where there is one that no name in the
/// source leads to, the compile is not stored.
pub fn refuse_unseen(source: &Path, places: &Places<'_>, guarded: &Guarded) -> Result<(), Refusal> {
    let beside = source.parent().unwrap_or(Path::new(""));
    let here = [beside, Path::new("")];
    let searched = places.quote.iter().chain(places.angle);
    for directory in here.into_iter().chain(searched.map(PathBuf::as_path)) {
        let listed = match directory.as_os_str().is_empty() {
            true => fs_err::read_dir("."),
            false => fs_err::read_dir(directory),
        };
        for entry in listed.into_iter().flatten().flatten() {
            let path = directory.join(entry.file_name());
            let named = entry.file_name().as_bytes().ends_with(b".gch");
            if named && !guarded.precompiled.iter().any(|p| p.starts_with(&path)) {
                let why = path.display().to_string();
                return refuse(Counter::CouldNotUsePrecompiledHeader, why);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_messages_quote() {
        let text = b"In file included from a b.h:3:\n x.c:1:15: warning: y\n    1 | int a:4;\n";
        let names = quoted(text);
        for name in ["a b.h", "x.c", "x.c:1"] {
            assert!(names.contains(Path::new(name)), "{name}");
        }
        assert!(!names.contains(Path::new("warning")));
    }
}
