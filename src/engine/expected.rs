//! Whether directories say about names what is expected of them.
//!
//! A manifest that another machine wrote has no stamps of this one, so that each hit from
//! a remote store asks for every name that must not be there: ten times as many as there
//! are headers. What was found is remembered by the directory's stamp, which vouches for
//! its names as it does in a manifest of our own.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, openat, stat, statat};

use super::precompiled;
use crate::entry::manifest::{DirectoryCheck, Expectation};
use crate::hash::{Digest, InodeTable};
use crate::sys::Stamp;
use crate::sys::stamp::{is_directory, is_link};

/// Fewer names are asked for by their paths.
const FEW: u32 = 3;

/// Fewer names are asked for as fast as they are looked up.
const MANY: u32 = 4;

/// Part of every digest: change it with the meaning of [`Expectation`] or of [`ask`].
const VERSION: &[u8; 8] = b"names\0\0\x01";

/// What the names that are there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// The directory's own: its stamp vouches for them.
    Own,
    /// One is a link: its target comes and goes without the directory's knowing.
    Linked,
}

/// Asks a directory for each name. `Err`: what is not as expected.
pub fn ask(directory: &DirectoryCheck<'_>) -> Result<Names, String> {
    let opened = match directory.len() {
        // Sooner found from the root than by way of an open directory.
        ..FEW => None,
        _ => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            openat(CWD, directory.path, flags, Mode::empty()).ok()
        }
    };
    let look = |name: &CStr, flags: AtFlags| match &opened {
        Some(opened) => statat(opened, name, flags),
        None => {
            let path = [directory.path.to_bytes(), b"/", name.to_bytes()].concat();
            statat(CWD, path, flags)
        }
    };
    let mut names = Names::Own;
    for (expectation, name) in directory.names() {
        if expectation == Expectation::Listing {
            let path = Path::new(OsStr::from_bytes(directory.path.to_bytes()));
            let listing = precompiled::listing(path);
            if listing.is_none_or(|listing| listing.as_bytes() != name.to_bytes()) {
                return Err(format!("{} holds other names", path.display()));
            }
            continue;
        }
        if expectation == Expectation::Same {
            let id = |stat: Stat| (stat.st_dev, stat.st_ino);
            let found = stat(directory.path).map(id);
            if found.is_err() || found != stat(name).map(id) {
                return Err(format!(
                    "{} is not {} any more",
                    directory.path.to_string_lossy(),
                    name.to_string_lossy()
                ));
            }
            continue;
        }
        let mut found = look(name, AtFlags::SYMLINK_NOFOLLOW);
        if found.as_ref().is_ok_and(is_link) {
            names = Names::Linked;
            found = look(name, AtFlags::empty());
        }
        let found = match found {
            Err(_) => Expectation::Absent,
            Ok(stat) if is_directory(&stat) => Expectation::Directory,
            Ok(_) => Expectation::File,
        };
        if found != expectation {
            return Err(format!(
                "{}/{}: was {expectation:?}, is {found:?}",
                directory.path.to_string_lossy(),
                name.to_string_lossy(),
            ));
        }
    }
    Ok(names)
}

/// Whether the answer is worth being remembered for the directory, which has `stamp` if
/// that can be relied on.
pub fn is_worth_remembering(directory: &DirectoryCheck<'_>, stamp: &Stamp) -> bool {
    let mut names = directory.names();
    ![Stamp::NONE, Stamp::NEVER].contains(stamp)
        && directory.len() >= MANY
        // That two directories are one is about another path as well.
        && names.all(|(expectation, _)| expectation != Expectation::Same)
}

/// Of a directory's stamp and what is expected of it.
pub fn digest(directory: &DirectoryCheck<'_>, stamp: &Stamp) -> Digest {
    let mut text = VERSION.to_vec();
    text.extend_from_slice(&stamp.encode());
    for (expectation, name) in directory.names() {
        text.push(expectation as u8);
        text.extend_from_slice(name.to_bytes_with_nul());
    }
    Digest::of(&text)
}

/// Directories that were as expected, by [`digest`]: a table of digests of digests, in a
/// file of its own, so that headers are not pushed out of theirs.
pub struct Confirmed(InodeTable);

impl Confirmed {
    /// The one that belongs to `table`.
    pub fn beside(table: &InodeTable) -> Confirmed {
        Confirmed(table.beside("names"))
    }

    /// Whether the directory was as expected.
    pub fn has(&mut self, digest: &Digest) -> bool {
        self.0.get(&place(digest)).as_ref() == Some(digest)
    }

    /// It was: the stamp was settled before the names were asked for.
    pub fn remember(&mut self, digest: &Digest) {
        self.0.put(&place(digest), digest);
    }
}

/// No file has such a device.
fn place(digest: &Digest) -> Stamp {
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| digest.0[at + index]));
    Stamp {
        device: u64::from_be_bytes(*VERSION),
        inode: word(0),
        size: word(8),
        modified: word(16) as i64,
        changed: word(24) as i64,
    }
}
