//! Which compiler is it? Its family, and a digest that changes when it does.
//!
//! A driver is a small program that starts others: `cc1`, `as`, shared
//! libraries. All of them count. They are found once, by asking the compiler,
//! and remembered with their stamps in `.machine/compilers/<key>`; a later call
//! only compares stamps.
//!
//! ```text
//! record = "cachecid" version:u32 family:u8 digest:[32] version-line:text
//!          files:u32 (stamp:[40] path:text)* absent:u32 (path:text)*
//! ```

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::compiler::Family;
use crate::compiler::search::{Probe, parse_probe};
use crate::config::Environment;
use crate::hash::{Digest, InodeTable, Key, KeyHasher};
use crate::sys::codec::{Reader, Writer};
use crate::sys::process::Invocation;
use crate::sys::{Stamp, paths};

const MAGIC: &[u8; 8] = b"cachecid";
const VERSION: u32 = 1;

/// Variables that decide which programs and libraries a driver starts.
const DECIDING: [&str; 7] = [
    "PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "CLANG_CONFIG_FILE_SYSTEM_DIR",
    "CLANG_CONFIG_FILE_USER_DIR",
];

/// A compiler, as far as results depend on it.
#[derive(Clone, Debug)]
pub struct Identity {
    pub family: Family,
    /// Changes when any program or library of the compiler changes content.
    pub digest: Digest,
    /// What the compiler calls itself, for people.
    pub version: String,
    /// The programs and libraries.
    pub files: Vec<PathBuf>,
}

impl Identity {
    /// Whether `SOURCE_DATE_EPOCH` decides what `__DATE__` and `__TIME__` are:
    /// in gcc since 7, in clang since 16.
    pub fn knows_source_date_epoch(&self) -> bool {
        let number = |vendor: &str| {
            let at = self.version.find(vendor)? + vendor.len();
            let digits = self.version.get(at..)?.split('.').next()?;
            digits.trim().parse::<u32>().ok()
        };
        match self.family {
            Family::Gcc => number("gcc version ").is_some_and(|major| major >= 7),
            // Apple counts its versions differently.
            Family::Clang => {
                !self.version.contains("Apple")
                    && number("clang version ").is_some_and(|major| major >= 16)
            }
        }
    }
}

/// Finds out who `program` is, from the record in `directory` if it still
/// holds. `None`: the program does not answer like a compiler we know.
pub fn identify(
    program: &Path,
    environment: &Environment,
    directory: Option<&Path>,
    table: &mut InodeTable,
) -> Option<Identity> {
    let record = directory.map(|directory| {
        let key = record_key(program, environment).hex();
        directory.join(key.get(..32).unwrap_or(&key))
    });
    if let Some(identity) = record.as_deref().and_then(load) {
        return Some(identity);
    }
    let found = Findings::probe(program, environment)?;
    let (identity, bytes) = found.digest(table)?;
    if let Some(record) = record {
        super::side::save(&record, &bytes);
    }
    Some(identity)
}

fn record_key(program: &Path, environment: &Environment) -> Key {
    let mut hasher = KeyHasher::new("compiler");
    hasher.field("program", program.as_os_str().as_bytes());
    if program.is_relative() {
        let here = paths::working_directory(None).unwrap_or_default();
        hasher.field("directory", here.as_os_str().as_bytes());
    }
    for name in DECIDING {
        if let Some(value) = environment.get(name) {
            hasher.field(name, value.as_bytes());
        }
    }
    hasher.finish()
}

/// What a record begins with.
#[cfg(test)]
pub(super) fn record_head() -> Vec<u8> {
    let mut head = Writer::new();
    head.raw(MAGIC);
    head.u32(VERSION);
    head.bytes
}

pub(super) fn load(record: &Path) -> Option<Identity> {
    let bytes = super::side::load(record)?;
    let mut reader = Reader::new(&bytes);
    if reader.array::<8>()? != MAGIC || reader.u32()? != VERSION {
        return None;
    }
    let family = match reader.u8()? {
        0 => Family::Gcc,
        1 => Family::Clang,
        _ => return None,
    };
    let digest = Digest(*reader.array()?);
    let version = reader.text()?.to_string_lossy().into_owned();
    let mut files = Vec::new();
    for _ in 0..reader.u32()? {
        let stamp = Stamp::decode(reader.array()?);
        let path = reader.text()?;
        if Stamp::of_path(path).ok()? != stamp {
            return None;
        }
        files.push(PathBuf::from(OsStr::from_bytes(path.to_bytes())));
    }
    for _ in 0..reader.u32()? {
        if rustix::fs::stat(reader.text()?).is_ok() {
            return None;
        }
    }
    Some(Identity {
        family,
        digest,
        version,
        files,
    })
}

/// What the compiler said about itself.
struct Findings {
    probe: Probe,
    files: Vec<PathBuf>,
    absent: Vec<PathBuf>,
}

impl Findings {
    fn probe(program: &Path, environment: &Environment) -> Option<Findings> {
        let answer = ask(
            program,
            &["-E", "-v", "-x", "c", "/dev/null", "-o", "/dev/null"],
        )?;
        let probe = parse_probe(&answer.1)?;
        let mut found = Findings {
            probe,
            files: vec![program.to_owned()],
            absent: Vec::new(),
        };
        for line in String::from_utf8_lossy(&answer.1).lines() {
            let configuration = line
                .strip_prefix("Reading specs from ")
                .or_else(|| line.strip_prefix("Configuration file: "));
            if let Some(path) = configuration {
                found.add_or_watch(PathBuf::from(path.trim()));
            }
        }
        found.add_subprograms(program, environment);
        for program in found.files.clone() {
            found.add_libraries(&program);
        }
        let mut seen = std::collections::HashSet::new();
        found.files.retain(|file| seen.insert(file.clone()));
        Some(found)
    }

    fn add_subprograms(&mut self, program: &Path, environment: &Environment) {
        if let Some(compiler) = self.probe.cc1.clone() {
            if let (Family::Gcc, Some(directory)) = (self.probe.family, compiler.parent()) {
                for name in ["cc1plus", "cc1obj", "cc1objplus"] {
                    self.add_or_watch(directory.join(name));
                }
                self.add_or_watch(directory.join("specs"));
            }
            self.add_or_watch(compiler);
        }
        let answer = ask(program, &["-print-prog-name=as"]);
        let Some(name) = answer.map(|(stdout, _)| stdout) else {
            return;
        };
        let name = OsString::from(OsStr::from_bytes(name.trim_ascii()));
        if name.as_bytes().contains(&b'/') {
            self.add_or_watch(PathBuf::from(name));
            return;
        }
        for directory in paths::search_path(environment.get("PATH")) {
            let candidate = directory.join(&name);
            if self.add_or_watch(candidate) {
                return;
            }
        }
    }

    /// Adds a file that is there, or watches for one that is not. Whether it is there.
    fn add_or_watch(&mut self, path: PathBuf) -> bool {
        let there = rustix::fs::stat(&path).is_ok();
        if there {
            self.files.push(path);
        } else {
            self.absent.push(path);
        }
        there
    }

    /// The shared libraries that the dynamic linker would load for `program`.
    fn add_libraries(&mut self, program: &Path) {
        if !is_dynamic(program) {
            return;
        }
        let invocation = Invocation {
            program,
            name: program.as_os_str(),
            args: &[],
            set: &[("LD_TRACE_LOADED_OBJECTS", "1".into())],
            unset: &[],
        };
        let Ok(answer) = invocation.query() else {
            return;
        };
        for line in answer.stdout.split(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(line);
            let Some((_, found)) = line.split_once(" => ") else {
                continue;
            };
            let path = found.split(" (0x").next().unwrap_or("").trim();
            if path.starts_with('/') {
                self.add_or_watch(PathBuf::from(path));
            }
        }
    }

    fn digest(self, table: &mut InodeTable) -> Option<(Identity, Vec<u8>)> {
        let mut hasher = KeyHasher::new("compiler-content");
        let mut files = Writer::new();
        files.u32(self.files.len() as u32);
        for path in &self.files {
            let (digest, stamp) = crate::hash::file::digest(table, path)?;
            hasher.field("file", &digest.0);
            files.raw(&stamp.encode());
            files.text(path.as_os_str().as_bytes());
        }
        files.u32(self.absent.len() as u32);
        for path in &self.absent {
            files.text(path.as_os_str().as_bytes());
        }
        let identity = Identity {
            family: self.probe.family,
            digest: Digest(hasher.finish().0),
            version: self.probe.version.clone(),
            files: self.files,
        };
        let mut record = Writer::new();
        record.raw(MAGIC);
        record.u32(VERSION);
        record.u8(match identity.family {
            Family::Gcc => 0,
            Family::Clang => 1,
        });
        record.raw(&identity.digest.0);
        record.text(identity.version.replace('\0', " ").as_bytes());
        record.raw(&files.bytes);
        Some((identity, record.bytes))
    }
}

/// Standard output and error of a question to the compiler, in the C locale.
/// `None` if it fails.
fn ask(program: &Path, args: &[&str]) -> Option<(Vec<u8>, Vec<u8>)> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let invocation = Invocation {
        program,
        name: program.as_os_str(),
        args: &args,
        set: &[("LC_ALL", "C".into())],
        unset: &["LANGUAGE"],
    };
    let answer = invocation.query().ok()?;
    answer
        .status
        .success()
        .then_some((answer.stdout, answer.stderr))
}

/// Whether `program` is an ELF file with a dynamic linker: only then does the
/// question for its libraries not run it.
fn is_dynamic(program: &Path) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = fs_err::File::open(program).and_then(|file| file.take(4096).read_to_end(&mut head));
    read.is_ok()
        && head.starts_with(b"\x7fELF")
        && (memchr::memmem::find(&head, b"/ld-linux").is_some()
            || memchr::memmem::find(&head, b"/ld-musl").is_some())
}

#[cfg(test)]
#[path = "identity_test.rs"]
mod tests;
