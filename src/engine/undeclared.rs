//! Watching a compile with unknown options for files that no table declares.
//!
//! An option without a row may write a file that a hit would not bring back.
//! So the directories in which a compiler writes are compared before and after;
//! anything new or changed besides the declared files means: do not store. A
//! neighbour in a parallel build can cause the same, which costs a miss.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::compiler::Command;
use crate::sys::Stamp;

/// The state of the directories before the compile.
pub struct Watch {
    before: BTreeMap<PathBuf, Stamp>,
    directories: BTreeSet<PathBuf>,
}

impl Watch {
    /// Looks at the directories in which `command` may write.
    pub fn begin(command: &Command) -> Watch {
        let mut directories = BTreeSet::from([PathBuf::from(".")]);
        let values = command.inputs.iter().map(|input| &input.path);
        let beside = command.outputs.iter().map(|output| &output.path);
        let rule = command.dependencies.iter().map(|wanted| &wanted.path);
        let named = values.chain(beside).chain(rule);
        for path in [&command.output, &command.source].into_iter().chain(named) {
            if let Some(parent) = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                directories.insert(parent.to_owned());
            }
        }
        Watch {
            before: snapshot(&directories),
            directories,
        }
    }

    /// The first file that appeared or changed and is not among `declared`.
    pub fn surprise(&self, declared: &[&Path]) -> Option<PathBuf> {
        // A directory that is looked into tells what is new in it by its entries.
        let watched = self.directories.iter().map(PathBuf::as_path);
        let declared: BTreeSet<PathBuf> =
            declared.iter().copied().chain(watched).map(plain).collect();
        snapshot(&self.directories)
            .into_iter()
            .filter(|(path, stamp)| self.before.get(path) != Some(stamp))
            .map(|(path, _)| path)
            .find(|path| !declared.contains(&plain(path)))
    }
}

/// The same for all spellings of a path: its directory in full, and its name.
fn plain(path: &Path) -> PathBuf {
    let parent = path.parent().unwrap_or(Path::new(""));
    let here = match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    };
    let whole = fs_err::canonicalize(here).unwrap_or(here.to_owned());
    whole.join(path.file_name().unwrap_or_default())
}

fn snapshot(directories: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let mut found = BTreeMap::new();
    for directory in directories {
        let Ok(entries) = fs_err::read_dir(directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let stamp = Stamp::of_path(&path).unwrap_or(Stamp::NONE);
            found.insert(path, stamp);
        }
    }
    found
}
