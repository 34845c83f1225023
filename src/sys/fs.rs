//! Files and directories, as the disk store needs them: relative to an open
//! directory where a path would be walked again and again, with explicit modes
//! where a cache is shared, and with the few calls that `std` does not have
//! (exchange of two names, time stamps to the nanosecond, directory handles).

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps};

/// The modes that new files and directories get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Bits to leave out of 0666 and 0777, in place of the process's own
    /// umask; `None`: the process's umask decides.
    pub umask: Option<u32>,
}

impl Modes {
    fn of(self, full: u32) -> Mode {
        Mode::from_raw_mode(full & !self.umask.unwrap_or(0))
    }
}

/// The process's umask. To be called while no other thread makes files: there is no
/// way to look at it without setting it for a moment.
pub fn umask() -> u32 {
    let mask = rustix::process::umask(Mode::empty());
    rustix::process::umask(mask);
    mask.as_raw_mode()
}

/// What kind of thing a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else, symbolic links included.
    Other,
}

/// What `stat` says about a file, as far as it is needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device and inode: which file it is.
    pub id: (u64, u64),
    /// File, directory or other.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub owner: u32,
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change of content, nanoseconds since 1970.
    pub mtime: i128,
}

impl Stat {
    #[allow(
        clippy::unnecessary_cast,
        reason = "the field types of `stat` differ between architectures"
    )]
    fn from_raw(stat: &rustix::fs::Stat) -> Stat {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        };
        Stat {
            id: (stat.st_dev as u64, stat.st_ino as u64),
            kind,
            mode: stat.st_mode as u32 & 0o7777,
            owner: stat.st_uid,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: stat.st_mtime as i128 * 1_000_000_000 + stat.st_mtime_nsec as i128,
        }
    }
}

/// Flags of a handle that serves only to reach what is inside a directory.
#[cfg(target_os = "linux")]
const HANDLE: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const HANDLE: OFlags = OFlags::RDONLY;

/// A handle on a directory, for the `_at` functions below. It stays on the
/// same directory when that is renamed.
///
/// # Errors
/// Of `open`; `NotADirectory` also for a symbolic link in the last place.
pub fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = HANDLE | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// [`open_dir`] of a path that is relative to `dir`.
///
/// # Errors
/// Of `openat`.
pub fn open_dir_at(dir: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = HANDLE | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, path, flags, Mode::empty())?)
}

/// Opens `name` in `dir` for reading. Never follows a symbolic link.
///
/// # Errors
/// Of `openat`.
pub fn open_at(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<File> {
    // NONBLOCK: whatever was put in the place of a file, opening does not hang.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?.into())
}

/// Whether [`open_at`] failed because the name is a symbolic link.
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Creates `name` in `dir`, which must not exist, for reading and writing.
///
/// # Errors
/// Of `openat`.
pub fn create_at(dir: impl AsFd, name: &str, modes: Modes) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mode = modes.of(0o666);
    let file = File::from(rustix::fs::openat(dir, name, flags, mode)?);
    if modes.umask.is_some() {
        rustix::fs::fchmod(&file, mode)?;
    }
    Ok(file)
}

/// Opens `path` for reading and writing and creates it if need be; its content
/// is left alone.
///
/// # Errors
/// Of `open`.
pub fn open_or_create(path: &Path, modes: Modes) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => return Ok(fd.into()),
        Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let mode = modes.of(0o666);
    let file = File::from(rustix::fs::open(path, flags | OFlags::CREATE, mode)?);
    if modes.umask.is_some() {
        // Somebody else may have created it in between; then it is theirs.
        let _ = rustix::fs::fchmod(&file, mode);
    }
    Ok(file)
}

/// Opens `path` for reading.
///
/// # Errors
/// Of `open`.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens `path` for reading and writing.
///
/// # Errors
/// Of `open`.
pub fn open_rw(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// The content of a file that should be small; at most `max` bytes of it.
///
/// # Errors
/// Of opening and reading; `InvalidData` if it is longer.
pub fn read_small(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    read_open(&open(path)?, max)
}

/// The content of an open file that should be small; at most `max` bytes of it.
///
/// # Errors
/// Of reading; `InvalidData` if it is longer.
pub fn read_open(file: &File, max: u64) -> io::Result<Vec<u8>> {
    let most = usize::try_from(max.saturating_add(1)).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    let mut room = 4096.min(most);
    while bytes.len() < most {
        let before = bytes.len();
        bytes.resize(before + room, 0);
        let read = { file }.read(bytes.get_mut(before..).unwrap_or_default());
        let read = match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            read => read.map(Some),
        };
        bytes.truncate(before + read.as_ref().map_or(0, |n| n.unwrap_or(0)));
        match read? {
            // A short read of a regular file is its end.
            Some(read) if read < room => break,
            Some(_) => room = bytes.len().min(most - bytes.len()),
            None => {}
        }
    }
    match bytes.len() as u64 > max {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "too long")),
        false => Ok(bytes),
    }
}

/// [`read_small`] of a file that should hold text.
///
/// # Errors
/// As [`read_small`]; `InvalidData` also if it is no UTF-8.
pub fn read_text(path: &Path, max: u64) -> io::Result<String> {
    String::from_utf8(read_small(path, max)?).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Makes one directory.
///
/// # Errors
/// Of `mkdir`; `AlreadyExists` if there is something of that name.
pub fn make_dir(path: &Path, modes: Modes) -> io::Result<()> {
    let mode = modes.of(0o777);
    rustix::fs::mkdir(path, mode)?;
    if modes.umask.is_some() {
        rustix::fs::chmod(path, mode)?;
    }
    Ok(())
}

/// Makes a directory and those above it that are missing; fine if it is there.
///
/// # Errors
/// Of `mkdir`.
pub fn make_dirs(path: &Path, modes: Modes) -> io::Result<()> {
    match make_dir(path, modes) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match stat(path)?.kind {
            Kind::Directory => Ok(()),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = path.parent().filter(|parent| *parent != path) else {
                return Err(error);
            };
            make_dirs(parent, modes)?;
            match make_dir(path, modes) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        }
        other => other,
    }
}

/// `stat` of a path, symbolic links followed.
///
/// # Errors
/// Of `stat`.
pub fn stat(path: &Path) -> io::Result<Stat> {
    Ok(Stat::from_raw(&rustix::fs::stat(path)?))
}

/// `stat` of a path, a symbolic link not followed.
///
/// # Errors
/// Of `lstat`.
pub fn lstat(path: &Path) -> io::Result<Stat> {
    Ok(Stat::from_raw(&rustix::fs::lstat(path)?))
}

/// `stat` of `name` in `dir`, a symbolic link not followed.
///
/// # Errors
/// Of `fstatat`.
pub fn stat_at(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Stat> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(Stat::from_raw(&stat))
}

/// `stat` of an open file or directory handle.
///
/// # Errors
/// Of `fstat`.
pub fn stat_fd(fd: impl AsFd) -> io::Result<Stat> {
    Ok(Stat::from_raw(&rustix::fs::fstat(fd)?))
}

/// The names in a directory and what they are, in no order, `.` and `..` left out.
///
/// # Errors
/// Of opening or reading the directory.
pub fn list(path: &Path) -> io::Result<Vec<(OsString, Kind)>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    list_fd(rustix::fs::open(path, flags, Mode::empty())?)
}

/// [`list`] of the directory `name` in `dir`, never through a symbolic link.
///
/// # Errors
/// Of opening or reading the directory.
pub fn list_at(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Vec<(OsString, Kind)>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    list_fd(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

fn list_fd(fd: OwnedFd) -> io::Result<Vec<(OsString, Kind)>> {
    let mut names = Vec::new();
    read_dir(fd, |dir, name, kind| {
        let kind = match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            // Not every file system says it here.
            FileType::Unknown => stat_at(dir, name).map_or(Kind::Other, |stat| stat.kind),
            _ => Kind::Other,
        };
        names.push((OsStr::from_bytes(name.to_bytes()).to_owned(), kind));
    })?;
    Ok(names)
}

/// The directory `name` in `dir`, and what is in it, in no order; links not followed.
///
/// # Errors
/// Of opening or reading the directory.
pub fn stat_all_at(
    dir: impl AsFd,
    name: impl rustix::path::Arg,
) -> io::Result<(Stat, Vec<(OsString, Stat)>)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    let whole = stat_fd(&fd)?;
    let mut inside = Vec::new();
    read_dir(fd, |dir, name, _| {
        // What went meanwhile is not there.
        if let Ok(stat) = stat_at(dir, name) {
            inside.push((OsStr::from_bytes(name.to_bytes()).to_owned(), stat));
        }
    })?;
    Ok((whole, inside))
}

/// Calls `see` with the directory and each name in it.
fn read_dir(fd: OwnedFd, mut see: impl FnMut(BorrowedFd, &CStr, FileType)) -> io::Result<()> {
    let mut dir = rustix::fs::Dir::new(fd)?;
    while let Some(item) = dir.read() {
        let item = item?;
        let name = item.file_name();
        if name != c"." && name != c".." {
            see(dir.fd()?, name, item.file_type());
        }
    }
    Ok(())
}

/// Gives `from` the name `to`, in place of a file or an empty directory there.
///
/// # Errors
/// Of `rename`; [`occupied`] recognises "there is something at `to`".
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::rename(from, to)?)
}

/// The working directory, to which a path is relative that is not given to
/// start elsewhere.
pub const HERE: std::os::fd::BorrowedFd<'static> = CWD;

/// [`rename`] of paths that are relative to `dir`.
///
/// # Errors
/// Of `renameat`.
pub fn rename_at(dir: impl AsFd, from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::renameat(&dir, from, &dir, to)?)
}

/// Whether this user may write what is at `path`, relative to `dir`; for a directory: add
/// and remove names.
///
/// # Errors
/// That there is nothing, or that he may not.
pub fn writable_at(dir: impl AsFd, path: &Path) -> io::Result<()> {
    Ok(rustix::fs::accessat(
        dir,
        path,
        Access::WRITE_OK,
        AtFlags::empty(),
    )?)
}

/// Whether [`rename`] of a directory failed because the new name is taken.
pub fn occupied(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(
        error.kind(),
        AlreadyExists | DirectoryNotEmpty | NotADirectory
    )
}

/// Swaps two names in one step: no moment passes in which either is missing.
///
/// # Errors
/// Of `renameat2`; `Unsupported` or `InvalidInput` where the kernel or the
/// file system cannot do it.
#[cfg(target_os = "linux")]
pub fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    let flags = rustix::fs::RenameFlags::EXCHANGE;
    match rustix::fs::renameat_with(CWD, a, CWD, b, flags) {
        Err(rustix::io::Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
        other => Ok(other?),
    }
}

/// Swaps two names in one step: not on this system.
///
/// # Errors
/// Always `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A second name for the file `from`: `name` in `dir`.
///
/// # Errors
/// Of `linkat`, for example across file systems.
pub fn link_into(from: &Path, dir: impl AsFd, name: &str) -> io::Result<()> {
    Ok(rustix::fs::linkat(
        CWD,
        from,
        dir,
        name,
        AtFlags::SYMLINK_FOLLOW,
    )?)
}

/// The path `to` as a second name for the file `name` in `dir`.
///
/// # Errors
/// Of `link`.
pub fn link_out(dir: impl AsFd, name: &str, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::linkat(dir, name, CWD, to, AtFlags::empty())?)
}

/// A second name in `to` for the file `name` in `from`.
///
/// # Errors
/// Of `linkat`.
pub fn link_at(from: impl AsFd, to: impl AsFd, name: &str) -> io::Result<()> {
    Ok(rustix::fs::linkat(from, name, to, name, AtFlags::empty())?)
}

/// Removes a file.
///
/// # Errors
/// Of `unlink`.
pub fn unlink(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::unlink(path)?)
}

/// Removes `name`, not a directory, from `dir`.
///
/// # Errors
/// Of `unlinkat`.
pub fn unlink_at(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?)
}

/// Removes an empty directory.
///
/// # Errors
/// Of `rmdir`.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::rmdir(path)?)
}

/// Removes the empty directory `name` in `dir`.
///
/// # Errors
/// Of `unlinkat`.
pub fn remove_dir_at(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}

/// Removes a file or a directory with all that is in it, as far as possible;
/// never through a symbolic link. What cannot be removed stays: those who call
/// this have already made it invisible and will sweep again.
pub fn remove_all(path: &Path) {
    remove_all_at(HERE, path);
}

/// [`remove_all`] of a path that is relative to `dir`.
pub fn remove_all_at(dir: impl AsFd, path: &Path) {
    if unlink_at(&dir, path).is_ok() {
        return;
    }
    // A directory is listed before it is judged: `unlink` of a directory says
    // EISDIR or EPERM, depending on the system.
    for (name, kind) in list_at(&dir, path).unwrap_or_default() {
        let inner = path.join(name);
        if kind == Kind::Directory || unlink_at(&dir, &inner).is_err() {
            remove_all_at(dir.as_fd(), &inner);
        }
    }
    let _ = remove_dir_at(&dir, path);
}

/// Now, in nanoseconds since 1970.
pub fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i128::try_from(since.unwrap_or(Duration::ZERO).as_nanos()).unwrap_or(i128::MAX)
}

/// Sets both times of an open file to now, to the nanosecond where the file
/// system keeps them: the kernel's own "now" is only as fine as its tick.
///
/// # Errors
/// Of `utimensat`: `PermissionDenied`, `ReadOnlyFilesystem`.
pub fn touch(file: &File) -> io::Result<()> {
    let now = now();
    match set_times(file, now) {
        // Only the owner may set a certain time; who may write may say "now".
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => {
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: rustix::fs::UTIME_NOW,
            };
            set_timespec(file, now)
        }
        other => other,
    }
}

/// Sets both times of an open file to `time`, nanoseconds since 1970.
///
/// # Errors
/// Of `utimensat`.
pub fn set_times(file: &File, time: i128) -> io::Result<()> {
    let second = 1_000_000_000;
    let time = Timespec {
        tv_sec: i64::try_from(time.div_euclid(second)).unwrap_or(0),
        tv_nsec: time.rem_euclid(second).try_into().unwrap_or(0),
    };
    set_timespec(file, time)
}

fn set_timespec(file: &File, time: Timespec) -> io::Result<()> {
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::futimens(file, &times)?)
}

/// An absolute form of `path`, without looking at the file system.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
