//! Giving back what a compile gave, the way the compiler does it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, statat};

use crate::compiler::Overwrite;
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

/// Looks at `path`, where a file goes that the compiler treats as `overwrite` says.
pub fn existing(path: &Path, overwrite: Overwrite) -> Existing {
    let Ok(stat) = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) else {
        return Existing::Nothing;
    };
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let writable = stat.st_mode & 0o200 != 0;
    let shared = stat.st_nlink != 1 && overwrite == Overwrite::Truncated;
    match stat {
        _ if !regular || !writable || shared => Existing::Special,
        Stat { st_size: 0, .. } => Existing::Empty,
        _ => Existing::File,
    }
}

/// Makes way for a new file where the compiler does.
fn make_way(path: &Path, overwrite: Overwrite, existing: Existing) -> Result<(), Failure> {
    let goes = match overwrite {
        Overwrite::Replaced => matches!(existing, Existing::File | Existing::Empty),
        Overwrite::ReplacedUnlessEmpty => existing == Existing::File,
        Overwrite::Truncated | Overwrite::Appended | Overwrite::Unclear => false,
    };
    match goes {
        true => rustix::fs::unlink(path).map_err(|error| failure(path, error.into())),
        false => Ok(()),
    }
}

/// How products are written.
pub struct Products<'a> {
    pub entry: &'a dyn OpenEntry,
    pub overwrite: Overwrite,
    pub hard_link: bool,
}

impl Products<'_> {
    /// Writes the object or assembly to `path`.
    pub fn product(&self, path: &Path) -> Result<(), Failure> {
        let existing = existing(path, self.overwrite);
        make_way(path, self.overwrite, existing)?;
        let new = self.overwrite != Overwrite::Truncated;
        if self.hard_link && new && existing != Existing::Special && self.link(path)? {
            return Ok(());
        }
        fill(self.entry, &BlobName::OUTPUT, path)
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
}

/// Writes a blob to `path`, treating a file there as the compiler does.
pub fn copy(
    entry: &dyn OpenEntry,
    name: &BlobName,
    path: &Path,
    overwrite: Overwrite,
) -> Result<(), Failure> {
    prepare(path, overwrite)?;
    fill(entry, name, path)
}

/// Writes `bytes` to `path`, treating a file there as the compiler does.
pub fn write_over(path: &Path, overwrite: Overwrite, bytes: &[u8]) -> Result<(), Failure> {
    prepare(path, overwrite)?;
    if overwrite != Overwrite::Appended {
        return write(path, bytes);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let mut file = open(path, flags)?;
    file.write_all(bytes).map_err(|error| failure(path, error))
}

/// Makes `path` ready for a file that is written in place or made.
fn prepare(path: &Path, overwrite: Overwrite) -> Result<(), Failure> {
    let existing = existing(path, overwrite);
    match overwrite {
        Overwrite::Truncated | Overwrite::Appended => Ok(()),
        _ if existing == Existing::Nothing => Ok(()),
        _ if existing == Existing::Special => Err(occupied(path)),
        Overwrite::Unclear if !is_as_new(path) => Err(occupied(path)),
        _ => make_way(path, overwrite, existing),
    }
}

/// Whether the file at `path` is such that nobody can tell whether it was
/// written into or made anew.
fn is_as_new(path: &Path) -> bool {
    let umask = crate::sys::fs::umask();
    statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| stat.st_nlink == 1 && stat.st_mode & 0o7777 == 0o666 & !umask)
}

fn occupied(path: &Path) -> Failure {
    failure(path, std::io::ErrorKind::AlreadyExists.into())
}

/// Writes a blob into the file `path`, made if need be.
fn fill(entry: &dyn OpenEntry, name: &BlobName, path: &Path) -> Result<(), Failure> {
    let file = create(path)?;
    match entry.copy_to(name, &file) {
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

/// Writes `bytes` into the file `path`, made if need be, as compilers write
/// their dependency files.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // What stands there is written over, and only then cut off: to give its blocks back
    // and take others is the slowest step of a hit where the disk hears of free blocks.
    let mut file = open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC)?;
    let fail = |error| failure(path, error);
    file.write_all(bytes).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    let length = bytes.len() as u64;
    // To write nothing leaves the old time.
    match metadata.is_file() && (metadata.len() != length || length == 0) {
        true => file.set_len(length).map_err(fail),
        false => Ok(()),
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    open(path, flags)
}

fn open(path: &Path, flags: OFlags) -> Result<File, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn what_is_written_over_is_the_same_file_with_the_new_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("unit.d");
        for new in [
            &b"some text"[..],
            b"shorter",
            b"a longer text than before",
            b"",
        ] {
            let before = fs_err::metadata(&path).ok();
            write(&path, new).unwrap();
            assert_eq!(fs_err::read(&path).unwrap(), new);
            let after = fs_err::metadata(&path).unwrap();
            assert!(before.is_none_or(|before| before.ino() == after.ino()));
        }
        // Also where nothing is written there, it was written now.
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(long_ago).unwrap();
        write(&path, b"").unwrap();
        assert_ne!(file.metadata().unwrap().modified().unwrap(), long_ago);
        write(Path::new("/dev/null"), b"text").unwrap();
    }
}
