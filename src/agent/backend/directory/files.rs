//! What is done in the directory, on a thread that may wait.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Pulse;
use crate::agent::backend::{Body, Error, Failure, Listed, Put, Result, fault};
use crate::sys::fs::{self, Kind, Modes};
use crate::sys::unique;

const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This directory is a store of a compiler cache (`cache`); it may be deleted at any time.\n";
const FORMAT: &str = "cache-format";
const FORMAT_TEXT: &str = "cache-format shared 1\n";
/// What is being written is called so, and something random.
const NEW: &str = ".new-";
/// After this nobody is writing it any more.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes read or written at a time.
pub(super) const PIECE: usize = 256 << 10;

/// Where a name is below the root.
///
/// # Errors
///
/// [`Failure::Unsupported`] for names that lead out of it or look like one of the
/// files that are no objects.
pub(super) fn below(name: &str) -> Result<PathBuf> {
    let is_plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.contains(['\0', '\n', '\\'])
    };
    let is_ours = name == TAG || name == FORMAT;
    match name.split('/').all(is_plain) && !is_ours {
        true => Ok(PathBuf::from(name)),
        false => Err(Error::new(
            Failure::Unsupported,
            format!("{name:?} is no name of an object"),
        )),
    }
}

/// `Ok(None)` for what is not there.
pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

pub(super) fn of_file(path: &Path, error: &io::Error) -> Error {
    let text = format!("{}: {error}", path.display());
    Error::new(fault::of_file(error), text)
}

/// Makes sure that a directory is ours: it says so, or is empty and is made so, or
/// is not there and is made.
pub(super) fn claim(root: &Path, read_only: bool) -> Result<()> {
    if is_ours(root)? {
        return Ok(());
    }
    let names = match found(fs::list(root)) {
        Ok(names) => names,
        Err(error) => return Err(of_file(root, &error)),
    };
    if names.is_none() && fs::stat(root).is_ok() {
        return Err(Error::config(format!("{}: no directory", root.display())));
    }
    if read_only {
        let text = format!("{}: no store of `cache` is there", root.display());
        return Err(match names.is_some_and(|names| !names.is_empty()) {
            true => Error::config(text),
            false => Error::new(Failure::NoPlace, text),
        });
    }
    match names {
        None => {
            // The one directory only: with its parents something else is wrong, a
            // file system that is not mounted for instance.
            fs::make_dir(root, Modes::default()).or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(of_file(root, &error)),
            })?;
        }
        // Another machine may be at it: the tag comes first.
        Some(names) => {
            let strange = names
                .iter()
                .find(|(name, _)| name != TAG && name != "lost+found" && !is_new(name));
            if let Some((strange, _)) = strange {
                // Another machine may have made it ours since.
                if is_ours(root)? {
                    return Ok(());
                }
                return Err(Error::config(format!(
                    "{}: it has other files in it ({}) and no {FORMAT}; a store wants an empty \
                     or new directory",
                    root.display(),
                    strange.display(),
                )));
            }
        }
    }
    for (name, text) in [(TAG, TAG_TEXT), (FORMAT, FORMAT_TEXT)] {
        let body = Body::Bytes(Bytes::from_static(text.as_bytes()));
        place(root, Path::new(name), &body, true, &|| {})?;
    }
    Ok(())
}

/// Whether a directory says that it is ours.
///
/// # Errors
///
/// [`Failure::Config`] if it says that it is something else.
fn is_ours(root: &Path) -> Result<bool> {
    let format = root.join(FORMAT);
    match found(fs::read_text(&format, 1000)) {
        Ok(Some(text)) if text == FORMAT_TEXT => Ok(true),
        Ok(Some(_)) => {
            let text = format!(
                "{}: a cache of another kind or version; choose another directory",
                root.display()
            );
            Err(Error::config(text))
        }
        Ok(None) => Ok(false),
        Err(error) => Err(of_file(&format, &error)),
    }
}

fn is_new(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(NEW.as_bytes())
}

pub(super) fn read(
    path: &Path,
    sender: &mpsc::Sender<Bytes>,
    pulse: &Pulse,
) -> Result<Option<u64>> {
    let mut file = match found(fs::open(path)) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(error) => return Err(of_file(path, &error)),
    };
    let failed = |error: io::Error| of_file(path, &error);
    let len = fs::stat_fd(&file).map_err(failed)?.len;
    let mut left = len;
    while left > 0 {
        pulse.beat();
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let mut piece = vec![0; size];
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            let text = format!("{} of {len} bytes are there", len - left);
            return Err(Error::broken(&path.display().to_string(), text));
        }
        piece.truncate(read);
        left -= read as u64;
        pulse.held.store(true, Ordering::Relaxed);
        let taken = sender.blocking_send(piece.into());
        pulse.beat();
        pulse.held.store(false, Ordering::Relaxed);
        if taken.is_err() {
            // Nobody wants it any more.
            break;
        }
    }
    Ok(Some(len))
}

pub(super) fn write(
    root: &Path,
    path: &Path,
    body: &Body,
    if_absent: bool,
    pulse: &Pulse,
) -> Result<Put> {
    let beat = || pulse.beat();
    match place(root, path, body, if_absent, &beat) {
        Err(error) if error.failure == Failure::NoPlace => {
            // Its directory. Or the file system was unmounted: not a tree in its place.
            claim(root, false)?;
            let parent = root.join(path);
            let parent = parent.parent().unwrap_or(root);
            fs::make_dirs(parent, Modes::default()).map_err(|error| of_file(parent, &error))?;
            place(root, path, body, if_absent, &beat)
        }
        other => other,
    }
}

/// Writes aside and renames.
fn place(root: &Path, path: &Path, body: &Body, if_absent: bool, beat: &dyn Fn()) -> Result<Put> {
    let path = root.join(path);
    if if_absent && fs::lstat(&path).is_ok() {
        return Ok(Put::Exists);
    }
    let directory = path.parent().unwrap_or(root);
    let handle = fs::open_dir(directory).map_err(|error| of_file(directory, &error))?;
    let aside = format!("{NEW}{:016x}", unique::random());
    let aside_path = directory.join(&aside);
    let failed = |error: io::Error| of_file(&aside_path, &error);
    let file = fs::create_at(&handle, &aside, Modes::default()).map_err(failed)?;
    let swap = || -> Result<Put> {
        fill(&file, body, beat)?;
        // Where the server is another machine, it may only now say that it is full.
        file.sync_data().map_err(failed)?;
        beat();
        if !if_absent {
            fs::rename(&aside_path, &path).map_err(failed)?;
            return Ok(Put::Done);
        }
        match fs_err::hard_link(&aside_path, &path) {
            Ok(()) => Ok(Put::Done),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Exists),
            Err(error) => match fs::lstat(&path) {
                Ok(_) => Ok(Put::Exists),
                // No hard links here: two writers at the same moment are no harm, the
                // objects are as good as each other.
                Err(_) if has_no_links(&error) => {
                    fs::rename(&aside_path, &path).map_err(failed)?;
                    Ok(Put::Done)
                }
                Err(_) => Err(of_file(&path, &error)),
            },
        }
    };
    let put = swap();
    if if_absent || put.is_err() {
        let _ = fs::unlink_at(&handle, aside.as_str());
    }
    put
}

fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::TooManyLinks
    )
}

fn fill(mut file: &File, body: &Body, beat: &dyn Fn()) -> Result<()> {
    let failed = |error: io::Error| Error::new(fault::of_file(&error), error.to_string());
    match body {
        Body::Bytes(bytes) => {
            for piece in bytes.chunks(PIECE) {
                file.write_all(piece).map_err(failed)?;
                beat();
            }
        }
        Body::File(path, len) => {
            let unreadable = |error: io::Error| Error::broken(&path.display().to_string(), error);
            let mut source = fs::open(path).map_err(unreadable)?;
            let mut left = *len;
            let mut piece = vec![0; PIECE];
            while left > 0 {
                let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                source.read_exact(&mut piece[..size]).map_err(unreadable)?;
                file.write_all(&piece[..size]).map_err(failed)?;
                left -= size as u64;
                beat();
            }
        }
    }
    Ok(())
}

/// The objects and the directories in a directory. With `sweep`, what was never
/// finished goes.
pub(super) fn look_into(
    path: &Path,
    name: &str,
    sweep: bool,
    pulse: &Pulse,
) -> Result<(Vec<Listed>, Vec<String>)> {
    let (mut objects, mut directories) = (Vec::new(), Vec::new());
    let names = match found(fs::list(path)) {
        Ok(Some(names)) => names,
        Ok(None) => return Ok((objects, directories)),
        Err(error) => return Err(of_file(path, &error)),
    };
    for (item, kind) in names {
        pulse.beat();
        let Some(text) = item.to_str() else { continue };
        let full = match name {
            "" => text.to_owned(),
            name => format!("{name}/{text}"),
        };
        let is_object = below(&full).is_ok();
        if kind == Kind::Directory && is_object && text != "lost+found" {
            directories.push(full);
            continue;
        }
        // It may be gone by now.
        let Ok(stat) = fs::lstat(&path.join(&item)) else {
            continue;
        };
        let nanos = u64::try_from(stat.mtime).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        if stat.kind == Kind::File && is_object {
            objects.push(Listed {
                name: full,
                size: stat.len,
                modified: Some(modified),
            });
        } else if sweep && is_new(&item) {
            let age = SystemTime::now().duration_since(modified);
            if age.is_ok_and(|age| age > ABANDONED) {
                let _ = fs::unlink(&path.join(&item));
            }
        }
    }
    Ok((objects, directories))
}
