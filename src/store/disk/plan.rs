//! The eviction plan: what goes next, and where to look for more.
//!
//! The file `.machine/evict-plan` (for the budget of a namespace
//! `.machine/evict-plan+<path, with + for />`), text, least recently used first:
//!
//! ```text
//! evict-plan 3 <key that the next stretch begins at> <entries seen in this lap>
//! hidden <entries> <bytes>
//! <last use, nanoseconds since 1970> <key, 64 hex digits> <namespace path, "." for none>
//! ...
//! end
//! ```
//!
//! It is written by whoever holds the eviction lock, aside and exchanged. It is
//! advice: an entry goes only if its time stamp still is what the plan says, so
//! that a plan that is lost, damaged or out of date costs time, never an entry
//! that is in use.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::read::Place;
use super::scan::{self, Found};
use super::sweep;
use crate::hash::Key;
use crate::store::{Namespace, Usage};
use crate::sys::fs::{self, Modes};

/// The directory of work files of this machine.
const LOCAL: &str = ".machine";
const WORDS: &str = "evict-plan 3 ";
/// The last line of a work file; what follows is left of a longer one.
const END: &str = "end\n";
/// A work file longer than this is not ours.
const MAX_LEN: u64 = 1 << 20;

/// An entry that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Victim {
    pub used: i128,
    pub key: Key,
    pub namespace: String,
}

impl From<Found> for Victim {
    fn from(found: Found) -> Victim {
        Victim {
            used: found.used,
            key: found.key,
            namespace: found.namespace,
        }
    }
}

impl Victim {
    pub(crate) fn place(&self, root: &Path) -> Place {
        let dir = scan::namespace_dir(root, &self.namespace);
        Place::new(&self.namespace, &dir, &self.key)
    }

    fn encode(&self) -> String {
        let namespace = match self.namespace.as_str() {
            "" => ".",
            path => path,
        };
        format!("{} {} {namespace}\n", self.used, self.key)
    }

    fn decode(line: &str) -> Option<Victim> {
        let mut words = line.split(' ');
        let used = words.next()?.parse().ok()?;
        let key = Key::from_hex(words.next()?)?;
        let namespace = match words.next()? {
            "." => "",
            // A path out of a file: none that leads out of the store.
            path if path.split('/').all(|name| Namespace::new(name).is_ok()) => path,
            _ => return None,
        };
        Some(Victim {
            used,
            key,
            namespace: namespace.to_owned(),
        })
    }
}

/// A plan that is being followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Where the next stretch of the store begins.
    pub position: Key,
    /// Entries seen since this lap began at the start of the key space.
    pub seen: u64,
    /// What evictions have hidden since somebody was asked to take it apart.
    pub hidden: Usage,
    /// What goes next, least recently used first.
    pub victims: VecDeque<Victim>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            position: sweep::START,
            seen: 0,
            hidden: Usage::default(),
            victims: VecDeque::new(),
        }
    }
}

impl Plan {
    /// The plan for the budget of `scope` that was saved last, or an empty one.
    pub(crate) fn load(root: &Path, scope: &str) -> Plan {
        read(&path_of(root, scope))
            .and_then(|text| Plan::decode(&text))
            .unwrap_or_default()
    }

    /// Saves it. If that fails the next eviction begins with an empty one.
    pub(crate) fn save(&self, root: &Path, scope: &str, modes: Modes) {
        let path = path_of(root, scope);
        if replace(root, &path, &self.encode(), modes).is_err() {
            let _ = fs::unlink(&path);
        }
    }

    pub(crate) fn encode(&self) -> String {
        let Usage { entries, bytes } = self.hidden;
        let mut text = format!("{WORDS}{} {}\n", self.position, self.seen);
        text.push_str(&format!("hidden {entries} {bytes}\n"));
        text.extend(self.victims.iter().map(Victim::encode));
        text.push_str(END);
        text
    }

    pub(crate) fn decode(text: &str) -> Option<Plan> {
        let mut lines = text.lines();
        let (position, seen) = lines.next()?.strip_prefix(WORDS)?.split_once(' ')?;
        let (entries, bytes) = lines.next()?.strip_prefix("hidden ")?.split_once(' ')?;
        Some(Plan {
            position: Key::from_hex(position)?,
            seen: seen.parse().ok()?,
            hidden: Usage {
                entries: entries.parse().ok()?,
                bytes: bytes.parse().ok()?,
            },
            victims: lines.map_while(Victim::decode).collect(),
        })
    }
}

fn path_of(root: &Path, scope: &str) -> PathBuf {
    let name = match scope {
        "" => "evict-plan".to_owned(),
        _ => format!("evict-plan+{}", scope.replace('/', "+")),
    };
    work_file(root, &name)
}

/// The path of a file of ours about this machine.
pub(crate) fn work_file(root: &Path, name: &str) -> PathBuf {
    root.join(LOCAL).join(name)
}

/// The text of a [`work_file`] to the end of its last line; `None` if there is none, or
/// not all of it.
pub(crate) fn read(path: &Path) -> Option<String> {
    let mut bytes = fs::read_small(path, MAX_LEN).ok()?;
    let last = format!("\n{END}");
    let end = bytes
        .windows(last.len())
        .position(|part| part == last.as_bytes())?;
    bytes.truncate(end + last.len());
    String::from_utf8(bytes).ok()
}

/// Replaces a [`work_file`] in one step, for one who holds the eviction lock:
/// the temporary name is always the same. `text` ends as [`read`] expects.
///
/// The former file gets the temporary name, and is written over the next time: no block
/// of a file is freed by this, which a compile would wait for where the file system
/// tells the disk (ext4's `discard`).
///
/// # Errors
/// Of writing or renaming.
pub(crate) fn replace(root: &Path, path: &Path, text: &str, modes: Modes) -> std::io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = match fs::open_or_create(&aside, modes) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let _ = fs::make_dir(&root.join(LOCAL), modes);
            fs::open_or_create(&aside, modes)?
        }
        other => other?,
    };
    if file.metadata()?.len() > MAX_LEN / 2 {
        // Not ours, or soon too long to be read.
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())?;
    match fs::exchange(&aside, path) {
        Err(_) => fs::rename(&aside, path),
        done => done,
    }
}
