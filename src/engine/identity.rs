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
//!          directories:u32 (stamp:[40] path:text)* configurations:u32 (path:text)*
//! ```
//!
//! `directories` are those in which clang looks for configuration files; one that
//! changed may hold another, so that the compiler is asked anew.

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
const VERSION: u32 = 2;

/// Variables that decide which programs and libraries a driver starts.
const DECIDING: [&str; 8] = [
    "PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "CLANG_NO_DEFAULT_CONFIG",
    // Where a user's configuration directory is.
    "HOME",
    "XDG_CONFIG_HOME",
];

/// A compiler, as far as results depend on it.
#[derive(Clone, Debug)]
pub struct Identity {
    pub family: Family,
    /// Changes when any program or library of the compiler changes content.
    pub digest: Digest,
    /// What the compiler calls itself, for people.
    pub version: String,
    /// The programs and libraries, and all configuration files beside them.
    pub files: Vec<PathBuf>,
    /// The configuration files that clang reads by itself, in order.
    pub configurations: Vec<PathBuf>,
}

impl Identity {
    /// [`below_prefix`] of this compiler.
    pub fn below_prefix(&self) -> Vec<PathBuf> {
        let programs = ["cc1", "cc1plus"];
        let is_proper = |path: &&PathBuf| programs.iter().any(|program| path.ends_with(program));
        let compiler = self.files.iter().find(is_proper);
        below_prefix(compiler.map_or(Path::new("cc1"), PathBuf::as_path))
    }

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
    let anywhere = |name: &&str| {
        let mut places = environment.get(name).into_iter().flat_map(split);
        places.any(|place| place.is_relative())
    };
    let placed = ["PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"];
    if program.is_relative() || placed.iter().any(anywhere) {
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

pub(super) fn split(value: &OsStr) -> impl Iterator<Item = PathBuf> + '_ {
    paths::search_path(Some(value))
}

pub fn load(record: &Path) -> Option<Identity> {
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
    for _ in 0..reader.u32()? {
        let stamp = Stamp::decode(reader.array()?);
        if Stamp::of_path(reader.text()?).ok()? != stamp {
            return None;
        }
    }
    let mut configurations = Vec::new();
    for _ in 0..reader.u32()? {
        configurations.push(PathBuf::from(OsStr::from_bytes(reader.text()?.to_bytes())));
    }
    Some(Identity {
        family,
        digest,
        version,
        files,
        configurations,
    })
}

/// What the compiler said about itself.
struct Findings {
    probe: Probe,
    files: Vec<PathBuf>,
    absent: Vec<PathBuf>,
    directories: Vec<(PathBuf, Stamp)>,
    configurations: Vec<PathBuf>,
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
            directories: Vec::new(),
            configurations: Vec::new(),
        };
        for line in String::from_utf8_lossy(&answer.1).lines() {
            if let Some(path) = line.strip_prefix("Reading specs from ") {
                found.add_or_watch(PathBuf::from(path.trim()));
            }
            if let Some(path) = configuration_file(line) {
                found.add_or_watch(path.clone());
                found.configurations.push(path);
            }
            if found.probe.family == Family::Clang
                && let Some(directory) = configuration_directory(line)
            {
                let home = environment.get("HOME").map(Path::new);
                let below_home = directory.strip_prefix("~").ok();
                match (below_home, home) {
                    (Some(rest), Some(home)) => found.add_configurations(&home.join(rest)),
                    _ => found.add_configurations(directory),
                }
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
                for specs in default_specs(directory) {
                    self.add_or_watch(specs);
                }
            }
            self.add_prefixes(&compiler, environment);
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

    /// The programs that the environment puts in front of the compiler's own.
    fn add_prefixes(&mut self, compiler: &Path, environment: &Environment) {
        for variable in ["COMPILER_PATH", "GCC_EXEC_PREFIX"] {
            for prefix in environment.get(variable).into_iter().flat_map(split) {
                for name in below_prefix(compiler) {
                    let path = prefix.join(&name);
                    // A directory of headers: the search path shows it.
                    if !path.is_dir() {
                        self.add_or_watch(path);
                    }
                }
            }
        }
    }

    /// All configuration files in a directory where clang looks for them: which
    /// of them are read depends on the target.
    fn add_configurations(&mut self, directory: &Path) {
        let now = crate::sys::clock::coarse_now();
        let Ok(stamp) = Stamp::of_path(directory) else {
            self.absent.push(directory.to_owned());
            return;
        };
        self.directories
            .push((directory.to_owned(), stamp.if_settled(now)));
        let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|suffix| suffix == "cfg"))
            .collect();
        found.sort();
        for path in found {
            self.add_or_watch(path);
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
            // Programs are believed by their stamps on any file system, also where
            // files of a build are read again in every call (`sys::filesystem`):
            // they are installed, not edited, and a hundred megabytes.
            let now = crate::sys::clock::coarse_now();
            let before = Stamp::of_path(path).ok()?.if_settled(now);
            let (digest, stamp) = crate::hash::file::digest(table, path)?;
            let stamp = if stamp == Stamp::NONE { before } else { stamp };
            hasher.field("file", &digest.0);
            // What a configuration file is for, its name says.
            if path.extension().is_some_and(|suffix| suffix == "cfg") {
                hasher.field("path", path.as_os_str().as_bytes());
            }
            files.raw(&stamp.encode());
            files.text(path.as_os_str().as_bytes());
        }
        files.u32(self.absent.len() as u32);
        for path in &self.absent {
            files.text(path.as_os_str().as_bytes());
        }
        files.u32(self.directories.len() as u32);
        for (path, stamp) in &self.directories {
            files.raw(&stamp.encode());
            files.text(path.as_os_str().as_bytes());
        }
        files.u32(self.configurations.len() as u32);
        for path in &self.configurations {
            files.text(path.as_os_str().as_bytes());
        }
        let identity = Identity {
            family: self.probe.family,
            digest: Digest(hasher.finish().0),
            version: self.probe.version.clone(),
            files: self.files,
            configurations: self.configurations,
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

/// The file that a line of `clang -v` says is in use.
pub fn configuration_file(line: &str) -> Option<PathBuf> {
    let path = line.strip_prefix("Configuration file: ")?;
    Some(PathBuf::from(path.trim()))
}

/// The directory that a line of `clang -v` says can hold such files.
fn configuration_directory(line: &str) -> Option<&Path> {
    let directory = [
        "InstalledDir: ",
        "System configuration file directory: ",
        "User configuration file directory: ",
    ]
    .iter()
    .find_map(|prefix| line.strip_prefix(prefix))?;
    Some(Path::new(directory.trim()))
}

/// `machine` and `version` in `.../machine/version/cc1`.
fn machine_and_version(compiler: &Path) -> Option<(&Path, &Path)> {
    let directory = compiler.parent()?;
    let version = Path::new(directory.file_name()?);
    let machine = Path::new(directory.parent()?.file_name()?);
    Some((machine, version))
}

/// Where gcc looks for a file of specs of its own; `directory` is that of `cc1`.
fn default_specs(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.join("specs"), directory.join("../specs")];
    if let Some((machine, version)) = machine_and_version(&directory.join("cc1")) {
        let libraries = directory.join("../../../..").join(machine).join("lib");
        found.push(libraries.join(machine).join(version).join("specs"));
        found.push(libraries.join("specs"));
    }
    found
}

/// What a compile takes from a directory of `-B` or `COMPILER_PATH` if it is
/// there: programs, specs and headers, also below the target's and the
/// version's names. `compiler` is the compiler proper.
pub fn below_prefix(compiler: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = [
        "as",
        "cc1",
        "cc1plus",
        "cc1obj",
        "cc1objplus",
        "objcopy",
        "specs",
        "include",
        "include-fixed",
    ]
    .map(PathBuf::from)
    .into();
    let Some((machine, version)) = machine_and_version(compiler) else {
        return names;
    };
    for program in ["as", "objcopy"] {
        let mut name = machine.as_os_str().to_owned();
        name.push("-");
        name.push(program);
        names.push(name.into());
    }
    let plain = names.clone();
    for directory in [machine.to_owned(), machine.join(version)] {
        names.extend(plain.iter().map(|name| directory.join(name)));
    }
    names
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
