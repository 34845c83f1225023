//! What was there before the compile.
//!
//! `__has_include` leaves no trace of what it saw. A name that is not there
//! after the compile may have been there when the compiler asked, if its
//! directory changed meanwhile: an object is written into it, say. The same goes
//! for the earlier places in which an assembler looks for a file. So the names
//! in the directories that a command line leads to are read beforehand.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::compiler::{Class, Command};

/// A larger directory is not read: its names count as not known.
const MAX_NAMES: usize = 5000;

/// The names in some directories before the compile.
#[derive(Default)]
pub struct Before {
    /// `None`: there was no such directory.
    directories: HashMap<PathBuf, Option<HashSet<Vec<u8>>>>,
}

impl Before {
    /// Reads the directories in which `command` looks for headers by its own
    /// words: the source's and those of options.
    pub fn look(command: &Command) -> Before {
        let mut before = Before::default();
        // The assembler looks in the working directory.
        before.add(Path::new(""));
        before.add(command.source.parent().unwrap_or(Path::new("")));
        for arg in &command.args {
            if arg.class == Class::Search
                && let Some(directory) = option_directory(&arg.words)
            {
                before.add(directory);
            }
        }
        before
    }

    fn add(&mut self, directory: &Path) {
        let key = plain(directory);
        if self.directories.contains_key(&key) {
            return;
        }
        let here = match key.as_os_str().is_empty() {
            true => Path::new("."),
            false => &key,
        };
        let names: Option<HashSet<Vec<u8>>> = match fs_err::read_dir(here) {
            Ok(entries) => entries
                .take(MAX_NAMES + 1)
                .map(|entry| Some(entry.ok()?.file_name().into_vec()))
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.directories.insert(key, None);
                return;
            }
            Err(_) => None,
        };
        if let Some(names) = names.filter(|names| names.len() <= MAX_NAMES) {
            self.directories.insert(key, Some(names));
        }
    }

    /// Whether `directory` was there.
    pub fn had(&self, directory: &Path) -> bool {
        matches!(self.directories.get(&plain(directory)), Some(Some(_)))
    }

    /// Whether `directory` held `name`. `None`: not known.
    pub fn held(&self, directory: &Path, name: &[u8]) -> Option<bool> {
        let names = self.directories.get(&plain(directory))?.as_ref();
        Some(names.is_some_and(|names| names.contains(name)))
    }
}

/// The directory in `-Idir`, `-I dir` and the like.
pub fn option_directory(words: &[std::ffi::OsString]) -> Option<&Path> {
    if let Some(second) = words.get(1) {
        return Some(Path::new(second));
    }
    let first = words.first()?.as_bytes();
    let options: [&[u8]; 6] = [
        b"-I",
        b"-iquote",
        b"-isystem",
        b"-idirafter",
        b"--include-directory=",
        b"--embed-dir=",
    ];
    let joined = options
        .iter()
        .find_map(|option| first.strip_prefix(*option))?;
    (!joined.is_empty()).then(|| Path::new(OsStr::from_bytes(joined)))
}

/// Without leading `./`.
fn plain(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}
