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
    let own = own_identity();
    let usable = |candidate: &Path| {
        let Ok(found) = stat(candidate) else {
            return false;
        };
        is_regular(&found)
            && own != Some((found.st_dev, found.st_ino))
            && access(candidate, Access::EXEC_OK).is_ok()
    };
    let mut program = program;
    if program.as_bytes().contains(&b'/') {
        let candidate = Path::new(program);
        let is_own = stat(candidate).is_ok_and(|found| own == Some((found.st_dev, found.st_ino)));
        if !is_own {
            return usable(candidate).then(|| candidate.to_owned());
        }
        program = candidate.file_name()?;
    }
    search_path(path)
        .map(|dir| dir.join(program))
        .find(|candidate| usable(candidate))
}

/// Whether the first `program` that `execvp` would find is ourselves.
pub fn is_ourselves(program: &OsStr, path: Option<&OsStr>) -> bool {
    let own = own_identity();
    let found = |candidate: &Path| {
        let stat = stat(candidate).ok().filter(is_regular)?;
        access(candidate, Access::EXEC_OK).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    let first = if program.as_bytes().contains(&b'/') {
        found(Path::new(program))
    } else {
        search_path(path).find_map(|dir| found(&dir.join(program)))
    };
    first.is_some() && first == own
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
