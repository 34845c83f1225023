//! Names in directories: what they are, and what they are expected to stay.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustc_hash::{FxBuildHasher, FxHashSet};
use rustix::fs::{AtFlags, CWD, statat};

use crate::entry::manifest::{Expectation, NewDirectory};
use crate::sys::Stamp;
use crate::sys::clock::Nanos;
use crate::sys::stamp::{is_directory, is_link};

/// By path, as it is written: to compare paths by their components takes longer than
/// to ask for one twice. Nobody chooses them to make a table slow.
pub(super) type Map<V> = HashMap<OsString, V, FxBuildHasher>;
pub(super) type Set = FxHashSet<OsString>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Absent,
    Directory,
    File,
    /// A link to nothing: it can come to life without its directory changing.
    Dangling,
}

/// Names in directories, each asked for once.
#[derive(Default)]
pub(super) struct Guard {
    pub(super) now: Nanos,
    pub(super) kinds: Map<Kind>,
    pub(super) names: Map<BTreeMap<Vec<u8>, Expectation>>,
    pub(super) stamps: Map<Stamp>,
    /// Names whose directories vouch for them: see [`Facts`].
    pub(super) vouched: Set,
    /// Names that are links: what they lead to changes without their directory. The
    /// file's own stamp, [`Stamp::NONE`] if it is none.
    pub(super) links: Map<Stamp>,
    /// Directories whose own stamp does not tell enough.
    pub(super) unstable: Set,
    pub(super) precompiled: BTreeSet<PathBuf>,
    pub(super) found: HashSet<PathBuf>,
    /// Something that came while the compiler ran: it may have looked before.
    pub(super) late: Option<PathBuf>,
    /// Names that were absent, in their directories, of which the compiler says
    /// nothing if they were there when it looked.
    pub(super) silent: Vec<(PathBuf, Vec<u8>)>,
    /// Precompiled headers that were absent, in their directories.
    pub(super) unmade: Vec<(PathBuf, Vec<u8>)>,
    /// Where the last name was found to be absent: directory and name.
    pub(super) missed: Option<(PathBuf, Vec<u8>)>,
}

impl Guard {
    pub(super) fn kind(&mut self, path: &Path) -> Kind {
        if let Some(kind) = self.kinds.get(path.as_os_str()) {
            return *kind;
        }
        let mut vouched = path
            .parent()
            .and_then(|directory| self.stamps.get(directory.as_os_str()))
            .is_some_and(|stamp| *stamp != Stamp::NONE);
        let found = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
        if let Ok(stat) = &found {
            // A directory's times move with its entries; one that was itself
            // moved here shows by its change time alone.
            let stamp = Stamp::of(stat);
            let renewed = is_directory(stat) && stamp.is_modified_since(self.now);
            if stamp.is_since(self.now) && !renewed {
                self.late = Some(path.to_owned());
                vouched = false;
            }
        }
        let kind = match found {
            Err(_) => Kind::Absent,
            Ok(stat) if is_directory(&stat) => Kind::Directory,
            Ok(stat) if !is_link(&stat) => Kind::File,
            Ok(_) => {
                vouched = false;
                self.follow_link(path)
            }
        };
        if vouched {
            self.vouched.insert(path.into());
        }
        self.kinds.insert(path.into(), kind);
        kind
    }

    /// What the link `path` leads to.
    fn follow_link(&mut self, path: &Path) -> Kind {
        let (kind, stamp) = match statat(CWD, path, AtFlags::empty()) {
            Err(_) => (Kind::Dangling, Stamp::NONE),
            Ok(stat) if is_directory(&stat) => (Kind::Directory, Stamp::NONE),
            Ok(stat) => (Kind::File, Stamp::of(&stat)),
        };
        if kind == Kind::File && stamp.is_since(self.now) {
            self.late = Some(path.to_owned());
        }
        self.links.insert(path.into(), stamp);
        kind
    }

    /// The stamp of a directory, taken before the first name in it is asked for.
    pub(super) fn stamp(&mut self, directory: &Path) {
        if !self.stamps.contains_key(directory.as_os_str()) {
            let place = or_here(directory);
            let stamp = Stamp::of_path(place).unwrap_or(Stamp::NONE);
            self.stamps
                .insert(directory.into(), stamp.if_reliable_at(self.now, place));
        }
    }

    pub(super) fn expect(&mut self, directory: &Path, name: &[u8], expectation: Expectation) {
        self.stamp(directory);
        let absent = expectation == Expectation::Absent;
        self.missed = absent.then(|| (directory.to_owned(), name.to_owned()));
        let whole = directory.join(OsStr::from_bytes(name));
        if self.links.contains_key(whole.as_os_str()) {
            self.unstable.insert(directory.into());
        }
        self.names
            .entry(directory.into())
            .or_default()
            .insert(name.to_owned(), expectation);
    }

    /// Walks `relative` below `directory` and records the first component that
    /// is not there. The kind of the whole, seen from an include.
    pub(super) fn expect_path(&mut self, directory: &Path, relative: &Path) -> Kind {
        let mut at = directory.to_owned();
        let base = if directory.as_os_str().is_empty() {
            Kind::Directory
        } else {
            self.kind(directory)
        };
        if base != Kind::Directory {
            // The directory itself: everything in it is absent while it is.
            let parent = directory.parent().unwrap_or(Path::new(""));
            if let Some(name) = directory.file_name() {
                let name = name.as_bytes().to_owned();
                self.expect(parent, &name, Expectation::Absent);
            }
            return Kind::Absent;
        }
        let mut components = relative.components().peekable();
        while let Some(component) = components.next() {
            let name = component.as_os_str();
            let next = match component {
                Component::RootDir | Component::Prefix(_) => PathBuf::from("/"),
                _ => at.join(name),
            };
            if matches!(component, Component::Normal(_)) {
                self.stamp(&at);
            }
            let kind = self.kind(&next);
            let last = components.peek().is_none();
            match kind {
                Kind::Absent | Kind::Dangling => {
                    self.expect(&at, name.as_bytes(), Expectation::Absent);
                    return Kind::Absent;
                }
                Kind::File if !last => {
                    self.expect(&at, name.as_bytes(), Expectation::File);
                    return Kind::Absent;
                }
                Kind::Directory if last => {
                    self.expect(&at, name.as_bytes(), Expectation::Directory);
                    return Kind::Absent;
                }
                Kind::File => return Kind::File,
                Kind::Directory => at = next,
            }
        }
        Kind::Directory
    }

    /// All that is in a directory counts.
    pub(super) fn listing(&mut self, directory: &Path) {
        let changed = Stamp::of_path(directory).map_or(true, |stamp| stamp.is_since(self.now));
        self.stamp(directory);
        let Some(listing) = super::super::precompiled::listing(directory).filter(|_| !changed)
        else {
            self.late = Some(directory.to_owned());
            return;
        };
        self.expect(directory, listing.as_bytes(), Expectation::Listing);
        let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if self.kind(&path) == Kind::File {
                self.precompiled.insert(path);
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<NewDirectory> {
        let mut names: Vec<_> = self.names.into_iter().collect();
        names.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        names
            .into_iter()
            .map(|(path, names)| {
                let stamp = match self.unstable.contains(&path) {
                    true => Stamp::NEVER,
                    false => self.stamps.remove(&path).unwrap_or(Stamp::NONE),
                };
                NewDirectory {
                    stamp,
                    path: or_here(Path::new(&path)).as_os_str().as_bytes().to_owned(),
                    names: names
                        .into_iter()
                        .map(|(name, expectation)| (expectation, name))
                        .collect(),
                }
            })
            .collect()
    }
}

/// The empty path means the working directory.
pub(super) fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}
