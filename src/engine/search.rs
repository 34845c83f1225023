//! Where does this command look for headers?
//!
//! The compiler is asked once per set of options that matter (`-E -v` on an
//! empty file) and the answer is kept in `.machine/search/<key>` together with
//! what would make it stale: a directory that was there and is gone, or the
//! reverse.
//!
//! ```text
//! record = "cachedir" version:u32 list*3        (quote, angle, absent)
//! list   = count:u32 (path:text)*
//! ```

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
use crate::sys::stamp::is_directory;

const MAGIC: &[u8; 8] = b"cachedir";
const VERSION: u32 = 1;

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
    let paths = ask(program, identity, command, args)?;
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

fn encode(paths: &SearchPaths) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(MAGIC);
    out.u32(VERSION);
    for list in [&paths.quote, &paths.angle, &paths.absent] {
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
    let mut list = |there: bool| {
        let mut paths = Vec::new();
        for _ in 0..reader.u32()? {
            let path = reader.text()?;
            let found = rustix::fs::stat(path).is_ok_and(|stat| is_directory(&stat));
            if found != there {
                return None;
            }
            paths.push(PathBuf::from(OsStr::from_bytes(path.to_bytes())));
        }
        Some(paths)
    };
    Some(SearchPaths {
        quote: list(true)?,
        angle: list(true)?,
        absent: list(false)?,
        frameworks: Vec::new(),
    })
}
