//! Copies that share their blocks with the original (reflinks).

use std::fs::File;
use std::io;

/// Makes the empty file `to` a clone of `from`: same content, shared blocks.
///
/// # Errors
/// Whatever the system says; [`unsupported`] tells "this pair of files cannot
/// be cloned" from a real failure.
#[cfg(target_os = "linux")]
pub fn clone_file(from: &File, to: &File) -> io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(to, from)?)
}

/// Makes the empty file `to` a clone of `from`: not on this system.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
#[cfg(not(target_os = "linux"))]
pub fn clone_file(_from: &File, _to: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether `error` of [`clone_file`] means that these two files cannot be
/// cloned (another file system, or one that knows no clones) and a copy will do.
pub fn unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    if error.kind() == io::ErrorKind::Unsupported {
        return true;
    }
    let refused = [
        Errno::OPNOTSUPP,
        Errno::XDEV,
        Errno::INVAL,
        Errno::NOTTY,
        Errno::NOSYS,
        Errno::PERM,
        Errno::BADF,
        Errno::TXTBSY,
    ];
    refused
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
