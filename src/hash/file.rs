//! Reading a file so that its digest and its stamp belong together.

use std::fs::File;
use std::io::Read;

use rustix::fs::{Mode, OFlags};

use super::{Digest, InodeTable};
use crate::sys::Stamp;
use crate::sys::clock::{self, Nanos};
use crate::sys::filesystem;
use crate::sys::stamp::{is_null, is_regular};

/// A file's content with what `stat` said before and after it was read.
pub struct FileContent {
    pub bytes: Vec<u8>,
    pub stamp: Stamp,
    /// Whether stamps can be relied on where the file lies.
    reliable: bool,
}

impl FileContent {
    /// The stamp if it vouches for the content; else [`Stamp::NONE`]. `now` is the
    /// coarse clock before the content was read.
    pub fn reliable_stamp(&self, now: Nanos) -> Stamp {
        match self.reliable {
            true => self.stamp.if_settled(now),
            false => Stamp::NONE,
        }
    }
}

/// Reads the whole of `path`. `None` if it cannot be read or changed meanwhile.
pub fn read(path: impl rustix::path::Arg) -> Option<FileContent> {
    let (file, before) = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(before.size).ok()?.checked_add(1)?);
    // `read_to_end` would ask for the size and the place in the file again.
    while bytes.len() < bytes.capacity() {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)) {
            Ok(0) => break,
            // Had it grown, its stamp would have moved.
            Ok(_) if bytes.len() as u64 == before.size => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    let after = Stamp::of(&rustix::fs::fstat(&file).ok()?);
    (before == after && after.size == bytes.len() as u64).then_some(FileContent {
        bytes,
        stamp: after,
        reliable: filesystem::is_reliable(&file, after.device),
    })
}

fn open(path: impl rustix::path::Arg) -> Option<(File, Stamp)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    // A fifo or device has no content that a digest could stand for; the null
    // device, which builds compile to try options, is as good as an empty file.
    let stat = rustix::fs::fstat(&file).ok()?;
    (is_regular(&stat) || is_null(&stat)).then(|| (file, Stamp::of(&stat)))
}

/// The digest of the content of `path`, from the table where its stamp is
/// known there, and the stamp to trust it by ([`Stamp::NONE`] when the file is
/// too young, or lies where stamps cannot be relied on). `None` if it cannot be read.
///
/// Memory is bounded however large the file is.
pub fn digest(table: &mut InodeTable, path: impl rustix::path::Arg) -> Option<(Digest, Stamp)> {
    digest_unless(table, path, None)
}

/// As [`digest`], for a file that was looked at a moment ago and had the stamp `found`:
/// one that is known is not opened.
pub fn digest_found(
    table: &mut InodeTable,
    path: impl rustix::path::Arg,
    found: &Stamp,
) -> Option<(Digest, Stamp)> {
    match table.get(found) {
        Some(digest) => Some((digest, *found)),
        None => digest_unless(table, path, Some(found)),
    }
}

/// Lengths in bytes of what is read at once; files in `/proc` say that they are empty.
const PAGE: u64 = 4 << 10;
const PIECE: u64 = 64 << 10;

/// As [`digest`]; the table has nothing for the stamp `unknown`.
fn digest_unless(
    table: &mut InodeTable,
    path: impl rustix::path::Arg,
    unknown: Option<&Stamp>,
) -> Option<(Digest, Stamp)> {
    let now: Nanos = clock::coarse_now();
    let (mut file, before) = open(path)?;
    if unknown != Some(&before)
        && let Some(digest) = table.get(&before)
    {
        return Some((digest, before));
    }
    let mut hasher = blake3::Hasher::new();
    // A small file takes few pages, each of which costs more than to read it.
    let mut buffer = vec![0; before.size.clamp(PAGE, PIECE) as usize];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hasher.update(buffer.get(..n)?),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
    }
    let digest = Digest(*hasher.finalize().as_bytes());
    let after = Stamp::of(&rustix::fs::fstat(&file).ok()?);
    if before != after {
        return None;
    }
    let stamp = after.if_reliable(now, &file);
    if stamp != Stamp::NONE {
        table.put(&stamp, &digest);
    }
    Some((digest, stamp))
}
