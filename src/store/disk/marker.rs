//! What makes a directory a store of ours, and how it becomes one.
//!
//! Two files at the root. `CACHEDIR.TAG` tells backup programs to leave the
//! directory alone (the Cache Directory Tagging Specification: the first 43
//! bytes are the signature). `cache-format` is ours:
//!
//! ```text
//! cache-format 1
//! clone no
//! ```
//!
//! The first line carries the version. `clone yes` says that the file system
//! could clone files when the store was made, so that blobs are kept as they
//! are: a clone costs no space and no copying, a compressed blob both. Lines
//! with other words are for later versions and are skipped.
//!
//! Nothing is deleted in a directory without both files. Where the format file is
//! damaged or gone and the tag is ours to the letter, it is written anew with the
//! next entry: the entries carry their own versions.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use super::scan;
use super::temp::{self, WorkDir};
use super::usage::Ledger;
use crate::store::{Error, Result};
use crate::sys::fs::{self, Kind, Modes};

/// The tag's file name and content.
pub(crate) const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This directory is a compiler cache (`cache`); it may be deleted at any time.\n";
const SIGNATURE_LINE: usize = 43;

/// The format file's name.
pub(crate) const FORMAT: &str = "cache-format";
const FIRST_LINE: &str = "cache-format 1";
const FORMAT_WORD: &str = "cache-format ";

/// Names at the root that are ours before the first entry is: they do not make
/// a directory somebody else's.
const OWN: &[&str] = &[
    ".agent",
    ".tmp",
    ".journal",
    ".machine",
    ".usage",
    ".evict.lock",
    // A fresh file system of its own for the cache.
    "lost+found",
];

/// What `cache-format` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// The file system can clone files.
    pub clone: bool,
}

impl Format {
    pub(crate) fn encode(self) -> String {
        let clone = if self.clone { "yes" } else { "no" };
        format!("{FIRST_LINE}\nclone {clone}\n")
    }

    fn decode(text: &str) -> std::result::Result<Format, String> {
        let mut lines = text.lines();
        match lines.next() {
            Some(FIRST_LINE) => {}
            Some(other) if other.starts_with(FORMAT_WORD) => {
                return Err(format!("made by another version ({other:?})"));
            }
            _ => return Err(format!("its {FORMAT} file is damaged")),
        }
        Ok(Format {
            clone: lines.any(|line| line == "clone yes"),
        })
    }
}

/// What a directory is.
pub(crate) enum State {
    /// There is no such directory.
    Missing,
    /// It holds nothing, or nothing but work files of ours.
    Vacant,
    /// It is a store.
    Store(Format),
}

/// Looks at what `dir` is; writes nothing.
///
/// # Errors
/// [`Error::NotAStore`] for everybody else's directory, [`Error::Io`].
pub(crate) fn state(dir: &Path) -> Result<State> {
    if let Some(format) = read(dir)? {
        return match has_tag(dir) {
            true => Ok(State::Store(format)),
            false => Err(foreign(dir, format!("it has no valid {TAG}"))),
        };
    }
    match vacant(dir)? {
        None => Ok(State::Missing),
        Some(true) => Ok(State::Vacant),
        // Another process may have made it a store since we looked.
        Some(false) => match read(dir)? {
            Some(format) if has_tag(dir) => Ok(State::Store(format)),
            _ => Err(foreign(
                dir,
                format!("it is not empty and has no {TAG} and {FORMAT} of ours"),
            )),
        },
    }
}

/// Whether `dir` has a format file of ours that this version reads: enough to write
/// beside the entries. A tag that is missing is put back with the next entry.
pub(crate) fn is_store(dir: &Path) -> bool {
    let text = fs::read_text(&dir.join(FORMAT), 4096);
    text.is_ok_and(|text| Format::decode(&text).is_ok())
}

/// Makes `dir` a store if it is not one, and says of what format it is. Any
/// number of processes may do so at once.
///
/// # Errors
/// As [`state`], and [`Error::Io`] when it cannot be written.
pub(crate) fn ensure(dir: &Path, modes: Modes, ledger: &Ledger) -> Result<Format> {
    if let Some(format) = read(dir)? {
        if !has_tag(dir) {
            temp::make_root(dir, modes)?;
            write(dir, modes, TAG, TAG_TEXT)?;
        }
        return Ok(format);
    }
    let mut orphaned = false;
    match state(dir) {
        Ok(State::Store(format)) => return Ok(format),
        Ok(State::Missing) => fs::make_dirs(dir, modes).map_err(|e| Error::io(dir, e))?,
        Ok(State::Vacant) => {}
        // An `rm -rf` in the middle of a build can take the marker and leave
        // an entry that was stored behind its back.
        Err(Error::NotAStore { .. })
            if read(dir)?.is_none() && (only_entries(dir) || has_own_tag(dir)) =>
        {
            orphaned = true;
        }
        Err(error) => return Err(error),
    }
    temp::make_root(dir, modes)?;
    // Before the format file: nobody stores anything that it would miss.
    match orphaned {
        true => ledger.forget(),
        false => ledger.begin_store(|| matches!(read(dir), Ok(None))),
    }
    let format = Format {
        clone: can_clone(dir, modes),
    };
    write(dir, modes, TAG, TAG_TEXT)?;
    write(dir, modes, FORMAT, &format.encode())?;
    Ok(format)
}

/// The format file, `None` if there is none (or no directory at all), or a
/// damaged one beside a tag of ours.
fn read(dir: &Path) -> Result<Option<Format>> {
    let path = dir.join(FORMAT);
    let damaged = || match has_own_tag(dir) {
        true => Ok(None),
        false => Err(foreign(dir, format!("its {FORMAT} file is damaged"))),
    };
    match fs::read_text(&path, 4096) {
        Ok(text) if !text.starts_with(FORMAT_WORD) => damaged(),
        Ok(text) => Format::decode(&text)
            .map(Some)
            .map_err(|why| foreign(dir, why)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => damaged(),
        Err(error) => Err(Error::io(&path, error)),
    }
}

fn has_tag(dir: &Path) -> bool {
    let text = fs::read_text(&dir.join(TAG), 4096);
    text.is_ok_and(|text| text.get(..SIGNATURE_LINE) == TAG_TEXT.get(..SIGNATURE_LINE))
}

/// Whether the tag is the one that we write: no other program's is.
fn has_own_tag(dir: &Path) -> bool {
    fs::read_text(&dir.join(TAG), 4096).is_ok_and(|text| text == TAG_TEXT)
}

/// Whether `dir` holds nothing but our own work files; `None` without a directory.
fn vacant(dir: &Path) -> Result<Option<bool>> {
    let names = match fs::list(dir) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(dir, error)),
    };
    Ok(Some(
        names.iter().all(|(name, kind)| is_own(dir, name, *kind)),
    ))
}

/// Whether `name` in `dir` is a work file of ours.
fn is_own(dir: &Path, name: &OsStr, kind: Kind) -> bool {
    if name == TAG {
        // The tag is written before the format: we may have been cut off in
        // between. Other programs tag their caches too; theirs differ.
        return kind == Kind::File && has_own_tag(dir);
    }
    OWN.iter().any(|own| name == *own)
}

/// Whether `dir` holds nothing but our own work files and entries of ours in
/// their places. Others shard by digest too (registries of container images
/// do, to the letter), so that the indexes have to be right.
fn only_entries(dir: &Path) -> bool {
    let Ok(names) = fs::list(dir) else {
        return false;
    };
    names.iter().all(|(name, kind)| {
        let inside = |name: &str| *kind == Kind::Directory && scan::is_ours(dir, name);
        is_own(dir, name, *kind) || name.to_str().is_some_and(inside)
    })
}

fn foreign(dir: &Path, why: String) -> Error {
    Error::NotAStore {
        path: dir.to_owned(),
        why,
    }
}

/// Writes a small file at the root, whole or not at all.
fn write(dir: &Path, modes: Modes, name: &str, text: &str) -> Result<()> {
    let work = WorkDir::make(dir, modes)?;
    let path = work.path().join(name);
    let written = fs::create_at(work.handle(), name, modes)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&path, &dir.join(name)));
    written.map_err(|error| Error::io(&dir.join(name), error))
}

/// Tries whether files in `dir` can be cloned. Any doubt means no.
fn can_clone(dir: &Path, modes: Modes) -> bool {
    let probe = || -> Result<bool> {
        let work = WorkDir::make(dir, modes)?;
        let make = |name| fs::create_at(work.handle(), name, modes);
        let files = make("from").and_then(|from| Ok((from, make("to")?)));
        let (mut from, to) = files.map_err(|error| Error::io(work.path(), error))?;
        let cloned = from
            .write_all(&[0x5a; 8192])
            .and_then(|()| crate::sys::clone::clone_file(&from, &to));
        Ok(cloned.is_ok())
    };
    probe().unwrap_or(false)
}
