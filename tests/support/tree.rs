//! A directory's content as a value: to compare, and to go back to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    Directory { mode: u32 },
    File { mode: u32, bytes: Vec<u8> },
    Link(PathBuf),
    Other,
}

/// Every path below a directory, relative to it.
#[derive(Clone, Default)]
pub struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
    /// Inode and modification time of each file: what [`Tree::restore`] leaves
    /// alone and sets back. Not part of a comparison.
    stamps: BTreeMap<PathBuf, (u64, SystemTime)>,
}

impl Tree {
    pub fn capture(root: &Path) -> Tree {
        let mut tree = Tree::default();
        tree.add(root, Path::new(""));
        tree
    }

    fn add(&mut self, root: &Path, below: &Path) {
        let Ok(listing) = fs::read_dir(root.join(below)) else {
            return;
        };
        for item in listing {
            let name = below.join(item.unwrap().file_name());
            let path = root.join(&name);
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode() & 0o7777;
            let node = if metadata.is_dir() {
                self.add(root, &name);
                Node::Directory { mode }
            } else if metadata.is_symlink() {
                Node::Link(fs::read_link(&path).unwrap())
            } else if metadata.is_file() {
                let stamp = (metadata.ino(), metadata.modified().unwrap());
                self.stamps.insert(name.clone(), stamp);
                let bytes = fs::read(&path).unwrap();
                Node::File { mode, bytes }
            } else {
                Node::Other
            };
            self.nodes.insert(name, node);
        }
    }

    /// Makes `root` what it was when captured. Files that did not change keep
    /// their inode; changed ones are written again with their old time.
    pub fn restore(&self, root: &Path) {
        let now = Tree::capture(root);
        for (name, node) in now.nodes.iter().rev() {
            if self.nodes.get(name) == Some(node) && self.stamps.get(name) == now.stamps.get(name) {
                continue;
            }
            let path = root.join(name);
            match node {
                Node::Directory { .. } if self.nodes.contains_key(name) => {}
                Node::Directory { .. } => fs::remove_dir(path).unwrap(),
                _ => fs::remove_file(path).unwrap(),
            }
        }
        for (name, node) in &self.nodes {
            let path = root.join(name);
            if path.symlink_metadata().is_ok() {
                continue;
            }
            match node {
                Node::Directory { mode } => {
                    fs::create_dir(&path).unwrap();
                    set_mode(&path, *mode);
                }
                Node::Link(target) => std::os::unix::fs::symlink(target, &path).unwrap(),
                Node::File { mode, bytes } => {
                    if let Some(other) = self.other_name(root, name) {
                        fs::hard_link(other, &path).unwrap();
                        continue;
                    }
                    fs::write(&path, bytes).unwrap();
                    set_mode(&path, *mode);
                    let file = fs::File::open(&path).unwrap();
                    file.set_modified(self.stamps[name].1).unwrap();
                }
                Node::Other => panic!("cannot bring back {}", path.display()),
            }
        }
    }

    /// Another name that the file had when captured, and that is there.
    fn other_name(&self, root: &Path, name: &Path) -> Option<PathBuf> {
        let inode = self.stamps[name].0;
        let same = |(other, stamp): &(&PathBuf, &(u64, SystemTime))| {
            other.as_path() != name && stamp.0 == inode
        };
        self.stamps
            .iter()
            .filter(same)
            .map(|(other, _)| root.join(other))
            .find(|other| other.exists())
    }

    /// What differs, one path a line, for the message of a failed test; empty if equal.
    pub fn differences(&self, other: &Tree) -> String {
        let mut text = String::new();
        for name in self.nodes.keys().chain(other.nodes.keys()) {
            let (a, b) = (self.nodes.get(name), other.nodes.get(name));
            // gcc's precompiled headers differ from run to run.
            let varies = name.extension().is_some_and(|e| e == "gch");
            if varies && a.is_some() && b.is_some() {
                continue;
            }
            let line = match (a, b) {
                (None, Some(b)) if a != Some(b) => format!("only with the cache: {}", describe(b)),
                (Some(a), None) => format!("only without the cache: {}", describe(a)),
                (Some(a), Some(b)) if a != b => format!("{} <> {}", describe(a), describe(b)),
                _ => continue,
            };
            let line = format!("  {}: {line}\n", name.display());
            if !text.contains(&line) {
                text.push_str(&line);
            }
        }
        text
    }

    /// Forgets the content of files for which `varies` holds: that they are
    /// there, and their mode, is all that is left to compare.
    pub fn forget(&mut self, varies: impl Fn(&Path) -> bool) {
        for (name, node) in &mut self.nodes {
            if let Node::File { bytes, .. } = node
                && varies(name)
            {
                *bytes = format!("{}", bytes.is_empty()).into_bytes();
            }
        }
    }

    /// As [`Tree::differences`], without the files whose content is not the same
    /// here and in one of `others` either: what varies by itself. Their names and
    /// modes are still compared.
    pub fn differences_beyond(&self, other: &Tree, others: &[&Tree]) -> String {
        let mut mine = self.clone();
        let mut theirs = other.clone();
        let same_names = |o: &&Tree| o.nodes.keys().eq(self.nodes.keys());
        if !others.iter().all(same_names) {
            // Some names are made up anew in each run.
            let stays = |name: &Path| others.iter().all(|o| o.nodes.contains_key(name));
            mine.nodes.retain(|name, _| stays(name));
            theirs.nodes.retain(|name, _| mine.nodes.contains_key(name));
        }
        for (name, node) in &self.nodes {
            let varies = others.iter().any(|o| o.nodes.get(name) != Some(node));
            if varies {
                for tree in [&mut mine, &mut theirs] {
                    if let Some(Node::File { bytes, .. }) = tree.nodes.get_mut(name) {
                        bytes.clear();
                    }
                }
            }
        }
        mine.differences(&theirs)
    }

    /// The files whose name ends in one of `suffixes`, with their bytes.
    pub fn files<'a>(&'a self, suffixes: &'a [&str]) -> impl Iterator<Item = (&'a Path, &'a [u8])> {
        self.nodes.iter().filter_map(|(name, node)| match node {
            Node::File { bytes, .. } => {
                let wanted = suffixes
                    .iter()
                    .any(|s| name.as_os_str().as_encoded_bytes().ends_with(s.as_bytes()));
                wanted.then_some((name.as_path(), bytes.as_slice()))
            }
            _ => None,
        })
    }

    /// Only the files whose name ends in one of `suffixes`, without their modes.
    pub fn only(&self, suffixes: &[&str]) -> Tree {
        let nodes = self
            .files(suffixes)
            .map(|(name, bytes)| {
                let bytes = bytes.to_owned();
                (name.to_owned(), Node::File { mode: 0, bytes })
            })
            .collect();
        Tree {
            nodes,
            stamps: BTreeMap::new(),
        }
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn describe(node: &Node) -> String {
    match node {
        Node::Directory { mode } => format!("directory, mode {mode:o}"),
        Node::Link(target) => format!("link to {}", target.display()),
        Node::Other => "special file".into(),
        Node::File { mode, bytes } => {
            let shown = match std::str::from_utf8(bytes) {
                Ok(text) if text.len() < 2000 => format!("{text:?}"),
                _ => format!("digest {}", blake3::hash(bytes)),
            };
            format!("{} bytes, mode {mode:o}, {shown}", bytes.len())
        }
    }
}
