//! Giving back what a compile gave, the way the compiler does it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, statat};

use crate::compiler::{Command, Family};
use crate::entry::BlobName;
use crate::store::OpenEntry;

/// Why a result could not be given back; the compiler has to run.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the entry lacks {0}")]
    Missing(BlobName),
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("{path}: {source}")]
    Write {
        path: String,
        source: std::io::Error,
    },
}

/// What stands at an output path before the compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    Nothing,
    /// A regular file with nothing in it.
    Empty,
    /// A regular file.
    File,
    /// Something that only the compiler itself knows how to treat: a link, a
    /// device, a directory, a file that may not be written.
    Special,
}

/// Looks at `path`, where a product goes. `replaced` says whether the compiler
/// replaces a file there (rather than writing into it).
pub fn existing(path: &Path, replaced: bool) -> Existing {
    let Ok(stat) = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) else {
        return Existing::Nothing;
    };
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let writable = stat.st_mode & 0o200 != 0;
    let shared = stat.st_nlink != 1 && !replaced;
    match stat {
        _ if !regular || !writable || shared => Existing::Special,
        Stat { st_size: 0, .. } => Existing::Empty,
        _ => Existing::File,
    }
}

/// What becomes of a regular file where a product goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writing {
    /// It is written into, and keeps its mode: gcc's own products, clang's
    /// assembler.
    InPlace,
    /// A new file takes its place: clang.
    Replaced,
    /// A new file takes its place, but one with nothing in it is written into:
    /// the assembler `as`.
    ReplacedUnlessEmpty,
}

/// How the compiler of `family` writes the product of `command`.
pub fn writing(family: Family, command: &Command) -> Writing {
    let object = !command.is_written_in_place();
    match family {
        _ if command.traits.runs_assembler && object => Writing::ReplacedUnlessEmpty,
        // With -S, assembler is only preprocessed.
        Family::Clang if command.assembly || !command.language.is_assembler() => Writing::Replaced,
        _ => Writing::InPlace,
    }
}

/// Whether the compiler of `family` replaces an existing product (rather than
/// writing into it).
pub fn replaces(family: Family, command: &Command) -> bool {
    writing(family, command) != Writing::InPlace
}

/// How products are written.
pub struct Products<'a> {
    pub entry: &'a dyn OpenEntry,
    pub family: Family,
    pub command: &'a Command,
    pub hard_link: bool,
}

impl Products<'_> {
    /// Writes the object or assembly to `path`.
    pub fn product(&self, path: &Path) -> Result<(), Failure> {
        let writing = writing(self.family, self.command);
        let replaced = writing != Writing::InPlace;
        let existing = existing(path, replaced);
        if replaced
            && (existing == Existing::File
                || (existing == Existing::Empty && writing == Writing::Replaced))
        {
            rustix::fs::unlink(path).map_err(|error| failure(path, error.into()))?;
        }
        if self.hard_link && replaced && existing != Existing::Special && self.link(path)? {
            return Ok(());
        }
        self.copy(&BlobName::OUTPUT, path)
    }

    /// Gives the stored file a second name. `false`: not possible here.
    fn link(&self, path: &Path) -> Result<bool, Failure> {
        let Some(stored) = self.entry.raw_path(&BlobName::OUTPUT) else {
            return Ok(false);
        };
        // A linked file can be changed by its user: look before it is shared again.
        if self.entry.read(&BlobName::OUTPUT)?.is_none() {
            return Err(Failure::Missing(BlobName::OUTPUT));
        }
        let _ = rustix::fs::unlink(path);
        Ok(rustix::fs::link(&stored, path).is_ok())
    }

    /// Writes a blob into the file `path`, made if need be.
    pub fn copy(&self, name: &BlobName, path: &Path) -> Result<(), Failure> {
        let file = create(path)?;
        match self.entry.copy_to(name, &file) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let _ = rustix::fs::unlink(path);
                Err(Failure::Missing(name.clone()))
            }
            Err(error) => {
                let _ = rustix::fs::unlink(path);
                Err(error.into())
            }
        }
    }
}

/// Writes `bytes` into the file `path`, made if need be, as compilers write
/// their dependency files.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(|error| failure(path, error))
}

fn create(path: &Path) -> Result<File, Failure> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    rustix::fs::open(path, flags, mode)
        .map(File::from)
        .map_err(|error| failure(path, error.into()))
}

fn failure(path: &Path, source: std::io::Error) -> Failure {
    Failure::Write {
        path: path.display().to_string(),
        source,
    }
}
