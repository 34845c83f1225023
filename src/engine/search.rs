//! Where does this command look for headers?
//!
//! The compiler is asked once per set of options that matter (`-E -v` on an
//! empty file) and the answer is kept in `.machine/search/<key>` together with
//! what would make it stale: a directory that was there and is gone, or the
//! reverse, and names of one directory that lead to two now, or the reverse.
//!
//! ```text
//! record = "cachedir" version:u32 list*4        (quote, angle, absent, duplicates)
//! list   = count:u32 (path:text)*
//! ```

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::identity::{Identity, configuration_file};
use crate::compiler::Command;
use crate::compiler::environment::{self, EnvEffect};
use crate::compiler::search::{SearchPaths, parse_search_paths, probe_args};
use crate::config::Environment;
use crate::hash::{InodeTable, KeyHasher};
use crate::sys::codec::{Reader, Writer};
use crate::sys::process::Invocation;
use crate::sys::stamp::{is_directory, is_link};

const MAGIC: &[u8; 8] = b"cachedir";
const VERSION: u32 = 2;

/// The search path of `command`, from a record in `directory` if it still
/// holds, else by asking `program`. `None`: the compiler did not say.
pub fn search_paths(
    program: &Path,
    identity: &Identity,
    command: &Command,
    working_directory: &Path,
    environment: &Environment,
    directory: Option<&Path>,
    table: &mut InodeTable,
) -> Option<SearchPaths> {
    let args = probe_args(command);
    let mut hasher = KeyHasher::new("search");
    hasher.field("compiler", &identity.digest.0);
    hasher.field("program", program.as_os_str().as_bytes());
    hasher.field("language", command.language.0.as_bytes());
    hasher.field("directory", working_directory.as_os_str().as_bytes());
    for arg in &args {
        hasher.field("arg", arg.as_bytes());
    }
    // Files of options lead to other directories when they change.
    let specs = command.inputs.iter();
    for file in specs.filter(|input| input.option.ends_with("-specs=")) {
        let content = crate::hash::file::digest(table, &file.path);
        hasher.field("specs", &content.map_or([0; 32], |(digest, _)| digest.0));
    }
    for (name, value) in environment.iter() {
        if environment::classify(name.as_bytes()) == EnvEffect::KeyAndSearch {
            hasher.field(&name.to_string_lossy(), value.as_bytes());
        }
    }
    let key = hasher.finish().hex();
    let record = directory.map(|directory| directory.join(key.get(..32).unwrap_or(&key)));
    if let Some(paths) = record.as_deref().and_then(load) {
        return Some(paths);
    }
    let mut paths = ask(program, identity, command, args.clone())?;
    add_duplicates(&mut paths, &args, environment);
    if let Some(record) = record {
        super::side::save(&record, &encode(&paths));
    }
    Some(paths)
}

fn ask(
    program: &Path,
    identity: &Identity,
    command: &Command,
    mut args: Vec<OsString>,
) -> Option<SearchPaths> {
    let fixed = [
        "-E",
        "-v",
        "-x",
        command.language.0,
        "/dev/null",
        "-o",
        "/dev/null",
    ];
    args.extend(fixed.iter().map(OsString::from));
    let invocation = Invocation {
        program,
        name: program.as_os_str(),
        args: &args,
        set: &[("LC_ALL", "C".into())],
        unset: &["LANGUAGE", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"],
    };
    // A list that is complete is right even where the run fails then: the options
    // that matter here may need others to be accepted (`-mcmodel=kernel` needs
    // `-fno-PIE`).
    let answer = invocation.query().ok()?;
    // Which configuration files clang reads by itself depends on the target;
    // the command line was read with those of its default.
    let text = String::from_utf8_lossy(&answer.stderr);
    let read: Vec<PathBuf> = text.lines().filter_map(configuration_file).collect();
    let none = args.iter().any(|arg| arg == "--no-default-config");
    let expected = if none {
        &[]
    } else {
        &identity.configurations[..]
    };
    if read != expected {
        return None;
    }
    // Headers in frameworks are found by a rule of their own, which is not followed.
    parse_search_paths(&answer.stderr).filter(|paths| paths.frameworks.is_empty())
}

/// Adds the directories that the command line or the environment names and that
/// are in the lists by another name. gcc says which they are; clang says that
/// there are some, by the name that it kept.
fn add_duplicates(paths: &mut SearchPaths, args: &[OsString], environment: &Environment) {
    let listed = || paths.quote.iter().chain(&paths.angle);
    let ids: HashSet<_> = listed().filter_map(|path| id(path)).collect();
    let words = args.iter().map(|word| {
        let word = word.as_bytes();
        let attached = ["-isystem", "-iquote", "-idirafter", "-I"];
        let value = attached
            .iter()
            .find_map(|option| word.strip_prefix(option.as_bytes()));
        let value = value.or_else(|| word.splitn(2, |b| *b == b'=').nth(1));
        PathBuf::from(OsStr::from_bytes(value.unwrap_or(word)))
    });
    let variables = environment
        .iter()
        .filter(|(name, _)| environment::classify(name.as_bytes()) == EnvEffect::KeyAndSearch);
    let places = variables.flat_map(|(_, value)| super::identity::split(value));
    let named: Vec<PathBuf> = words
        .chain(places)
        .filter(|path| listed().all(|listed| listed != path))
        .filter(|path| id(path).is_some_and(|id| ids.contains(&id)))
        .collect();
    for path in named {
        if !paths.duplicates.contains(&path) {
            paths.duplicates.push(path);
        }
    }
}

fn encode(paths: &SearchPaths) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(MAGIC);
    out.u32(VERSION);
    for list in [&paths.quote, &paths.angle, &paths.absent, &paths.duplicates] {
        out.u32(list.len() as u32);
        for path in list {
            out.text(path.as_os_str().as_bytes());
        }
    }
    out.bytes
}

/// What a record begins with.
#[cfg(test)]
pub(super) fn record_head() -> Vec<u8> {
    let mut head = Writer::new();
    head.raw(MAGIC);
    head.u32(VERSION);
    head.bytes
}

pub(super) fn load(record: &Path) -> Option<SearchPaths> {
    let bytes = super::side::load(record)?;
    let mut reader = Reader::new(&bytes);
    if reader.array::<8>()? != MAGIC || reader.u32()? != VERSION {
        return None;
    }
    let quote = list(&mut reader)?;
    let angle = list(&mut reader)?;
    let absent = list(&mut reader)?;
    let duplicates = list(&mut reader)?;
    let ids = |paths: &[PathBuf]| {
        paths
            .iter()
            .map(|path| id(path))
            .collect::<Option<Vec<_>>>()
    };
    let (quoted, angled) = (ids(&quote)?, ids(&angle)?);
    let distinct: HashSet<_> = angled.iter().collect();
    let is_listed = |id: &(u64, u64)| angled.contains(id) || quoted.contains(id);
    let still = distinct.len() == angled.len()
        && absent.iter().all(|path| id(path).is_none())
        && ids(&duplicates)?.iter().all(is_listed);
    still.then_some(SearchPaths {
        quote,
        angle,
        absent,
        duplicates,
        frameworks: Vec::new(),
    })
}

fn list(reader: &mut Reader<'_>) -> Option<Vec<PathBuf>> {
    (0..reader.u32()?)
        .map(|_| Some(PathBuf::from(OsStr::from_bytes(reader.text()?.to_bytes()))))
        .collect()
}

/// Device and inode of a directory.
fn id(path: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::stat(path).ok()?;
    is_directory(&stat).then_some((stat.st_dev, stat.st_ino))
}

/// The pairs of names that lead to one directory now and may part: one of the
/// duplicates, and the listed directory that it is.
pub fn same_directories(search: &SearchPaths) -> Vec<(PathBuf, PathBuf)> {
    let mut pairs = Vec::new();
    for duplicate in &search.duplicates {
        let Some(found) = id(duplicate) else {
            continue;
        };
        let listed = search.quote.iter().chain(&search.angle);
        let same = listed.filter(|path| *path != duplicate && id(path) == Some(found));
        for path in same {
            if crosses_link(duplicate) || crosses_link(path) {
                pairs.push((duplicate.clone(), path.clone()));
            }
        }
    }
    pairs
}

/// Whether a component of `path` is a symbolic link.
fn crosses_link(path: &Path) -> bool {
    let mut prefix = PathBuf::new();
    path.components().any(|component| {
        prefix.push(component);
        let stat = rustix::fs::lstat(&prefix);
        stat.is_ok_and(|stat| is_link(&stat))
    })
}
