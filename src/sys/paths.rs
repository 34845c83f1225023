//! Finding programs, and the working directory as compilers see it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, stat};

use super::stamp::is_regular;

/// Device and inode of our own executable, to recognise links to it.
fn own_identity() -> Option<(u64, u64)> {
    let stat = stat(c"/proc/self/exe").ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// Finds `program` as `execvp` would, but never ourselves: a link to our own
/// executable is passed over. A name with a slash is taken as it is, unless it
/// is such a link: then its base name is searched for.
pub fn find_program(program: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    find_behind_ourselves(program, path).map(|(found, _)| found)
}

/// The same, and whether a link to ourselves was passed over on the way.
pub fn find_behind_ourselves(program: &OsStr, path: Option<&OsStr>) -> Option<(PathBuf, bool)> {
    let own = own_identity();
    let masked = std::cell::Cell::new(false);
    let usable = |candidate: &Path| {
        let Ok(found) = stat(candidate) else {
            return false;
        };
        let is_own = own == Some((found.st_dev, found.st_ino));
        masked.set(masked.get() || is_own);
        is_regular(&found) && !is_own && access(candidate, Access::EXEC_OK).is_ok()
    };
    let mut name = program;
    if program.as_bytes().contains(&b'/') {
        let candidate = Path::new(program);
        if usable(candidate) {
            return Some((candidate.to_owned(), false));
        }
        if !masked.get() {
            return None;
        }
        name = candidate.file_name()?;
    }
    let found = search_path(path)
        .map(|dir| dir.join(name))
        .find(|candidate| usable(candidate))?;
    Some((found, masked.get()))
}

/// The directories of a `PATH` value; an empty one is the working directory.
pub fn search_path(path: Option<&OsStr>) -> impl Iterator<Item = PathBuf> + '_ {
    path.unwrap_or(OsStr::new("/bin:/usr/bin"))
        .as_bytes()
        .split(|b| *b == b':')
        .map(|dir| match dir {
            b"" => PathBuf::from("."),
            dir => PathBuf::from(OsStr::from_bytes(dir)),
        })
}

/// The working directory as gcc and clang record it in debug information:
/// `$PWD` if it is absolute and leads to the same directory, else what the
/// kernel says.
pub fn working_directory(pwd: Option<&OsStr>) -> Option<PathBuf> {
    if let Some(pwd) = pwd.filter(|pwd| pwd.as_bytes().starts_with(b"/")) {
        let (named, real) = (stat(pwd), stat(c"."));
        if let (Ok(named), Ok(real)) = (named, real)
            && (named.st_dev, named.st_ino) == (real.st_dev, real.st_ino)
        {
            return Some(PathBuf::from(pwd));
        }
    }
    let bytes = rustix::process::getcwd(Vec::new()).ok()?.into_bytes();
    Some(PathBuf::from(OsString::from_vec(bytes)))
}
