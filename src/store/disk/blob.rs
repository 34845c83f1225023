//! Blobs on their way into files and back.
//!
//! A blob's file holds either its bytes as they are or one plain zstd frame,
//! so that `cat` and `zstdcat` show it; what it is stands in the index.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use super::index::{Encoding, Row};
use super::read;
use super::temp::Made;
use crate::entry::{Blob, BlobName};
use crate::sys::clone;
use crate::sys::fs::{self, Kind, Modes};

/// What a file takes on a disk is a multiple of this.
const BLOCK: u64 = 4096;
/// Up to this length a file is read whole; longer ones go through in pieces.
const WHOLE: u64 = 4 << 20;
/// Length of a piece: one that stays in the processor's cache.
const PIECE: usize = 64 << 10;

/// Contents that nearly every entry has, and the path of a file of each in the store.
/// What they are in an entry, its index says; nobody reads them there.
const COMMON: [(&[u8], &str); 2] = [
    (b"", ".machine/blob-empty"),
    (read::SUCCESS, ".machine/blob-success"),
];

/// How blobs are to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Clone files instead of copying them.
    pub clone: bool,
    /// Hard-link files instead of copying them.
    pub hard_link: bool,
    /// Compress at this level what gets smaller by it.
    pub compress: Option<i32>,
    /// Modes of new files.
    pub modes: Modes,
}

/// Writes the blobs of one entry into one directory.
pub(crate) struct Writer<'a> {
    dir: &'a OwnedFd,
    root: &'a Path,
    how: How,
    /// Files that are there already.
    made: Made,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl<'a> Writer<'a> {
    /// For entries of the store at `root`; `made` are empty files in `dir`.
    pub(crate) fn new(dir: &'a OwnedFd, root: &'a Path, how: How, made: Made) -> Writer<'a> {
        Writer {
            dir,
            root,
            how,
            made,
            compressor: None,
        }
    }

    /// The directory that the files go to.
    pub(crate) fn dir(&self) -> &'a OwnedFd {
        self.dir
    }

    /// Writes one blob into a new file called `name`.
    ///
    /// # Errors
    /// Of reading the source or writing the file.
    pub(crate) fn write(&mut self, name: &BlobName, blob: &Blob) -> io::Result<Row> {
        match blob {
            Blob::Bytes(bytes) => self.write_bytes(name, bytes),
            Blob::File(path) => self.write_file(name, path),
        }
    }

    /// As [`Writer::write`], for bytes.
    pub(crate) fn write_bytes(&mut self, name: &BlobName, bytes: &[u8]) -> io::Result<Row> {
        if let Some((_, common)) = COMMON.iter().find(|(content, _)| *content == bytes)
            && !self.is_made(name)
        {
            return self.write_common(name, bytes, common);
        }
        let packed = self.pack(bytes)?;
        let encoding = match packed {
            Some(_) => Encoding::Zstd,
            None => Encoding::Raw,
        };
        let stored = packed.as_deref().unwrap_or(bytes);
        let mut file = self.create(name.as_str())?;
        if !stored.is_empty() {
            file.write_all(stored)?;
        }
        Ok(Row {
            name: name.clone(),
            encoding,
            raw_len: bytes.len() as u64,
            stored_len: stored.len() as u64,
            check: xxh3_128(stored),
        })
    }

    /// The one file of that content under another name: making a file costs more
    /// than all else about it, most where many were removed lately. What is not
    /// there, not ours or has too many names already is made anew.
    fn write_common(&mut self, name: &BlobName, bytes: &[u8], common: &str) -> io::Result<Row> {
        let common = self.root.join(common);
        if fs::link_into(&common, self.dir, name.as_str()).is_err() {
            let mut file = self.create(name.as_str())?;
            file.write_all(bytes)?;
            let _ = fs::unlink(&common);
            let _ = fs::link_out(self.dir, name.as_str(), &common);
        }
        Ok(Row {
            name: name.clone(),
            encoding: Encoding::Raw,
            raw_len: bytes.len() as u64,
            stored_len: bytes.len() as u64,
            check: xxh3_128(bytes),
        })
    }

    /// `bytes` as a zstd frame, if that is wanted and saves a tenth and a block.
    fn pack(&mut self, bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Some(level) = self.how.compress else {
            return Ok(None);
        };
        if (bytes.len() as u64) <= BLOCK {
            return Ok(None);
        }
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(level)?),
        };
        let packed = compressor.compress(bytes)?;
        let blocks = |len: usize| (len as u64).div_ceil(BLOCK);
        let worth = packed.len() <= bytes.len() - bytes.len() / 10
            && blocks(packed.len()) < blocks(bytes.len());
        Ok(worth.then_some(packed))
    }

    fn write_file(&mut self, name: &BlobName, path: &Path) -> io::Result<Row> {
        let mut source = fs::open(path)?;
        let stat = fs::stat_fd(&source)?;
        if stat.kind != Kind::File {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        if self.how.clone {
            let file = self.create(name.as_str())?;
            match clone::clone_file(&source, &file) {
                Ok(()) => return row_of_raw(name, &file),
                Err(error) if clone::unsupported(&error) => fs::unlink_at(self.dir, name.as_str())?,
                Err(error) => return Err(error),
            }
        }
        if self.how.hard_link
            && self.readable_to_all(stat.mode)
            && fs::link_into(path, self.dir, name.as_str()).is_ok()
        {
            return row_of_raw(name, &fs::open_at(self.dir, name.as_str())?);
        }
        if stat.len <= WHOLE {
            let mut bytes = Vec::with_capacity(stat.len as usize + 1);
            source.read_to_end(&mut bytes)?;
            return self.write_bytes(name, &bytes);
        }
        self.write_pieces(name, &mut source)
    }

    /// Whether whoever may read a file of ours may read one of this mode.
    fn readable_to_all(&self, mode: u32) -> bool {
        let Some(umask) = self.how.modes.umask else {
            return true;
        };
        let wanted = 0o444 & !umask;
        mode & wanted == wanted
    }

    /// A long file, in pieces. Whether it is compressed is decided by the first
    /// of them: a second pass over the source would cost more than it saves.
    fn write_pieces(&mut self, name: &BlobName, source: &mut File) -> io::Result<Row> {
        let mut first = Vec::with_capacity(PIECE);
        source.take(PIECE as u64).read_to_end(&mut first)?;
        let level = match self.pack(&first)? {
            Some(_) => self.how.compress,
            None => None,
        };
        let mut source = first.as_slice().chain(source);
        let mut out = Hashing::new(self.create(name.as_str())?);
        let raw_len = match level {
            Some(level) => {
                let mut encoder = zstd::stream::write::Encoder::new(&mut out, level)?;
                let len = pump(&mut source, &mut encoder)?;
                encoder.finish()?;
                len
            }
            None => pump(&mut source, &mut out)?,
        };
        Ok(Row {
            name: name.clone(),
            encoding: match level {
                Some(_) => Encoding::Zstd,
                None => Encoding::Raw,
            },
            raw_len,
            stored_len: out.len,
            check: out.state.digest128(),
        })
    }

    /// An empty file called `name`.
    ///
    /// # Errors
    /// That it cannot be made.
    pub(crate) fn create(&mut self, name: &str) -> io::Result<File> {
        match self.made.iter().position(|(made, _)| made == name) {
            Some(at) => Ok(self.made.swap_remove(at).1),
            None => fs::create_at(self.dir, name, self.how.modes),
        }
    }

    fn is_made(&self, name: &BlobName) -> bool {
        self.made.iter().any(|(made, _)| made == name.as_str())
    }
}

/// The row of a file that holds a blob as it is.
fn row_of_raw(name: &BlobName, file: &File) -> io::Result<Row> {
    let mut sum = Hashing::new(io::sink());
    let len = pump(&mut { file }, &mut sum)?;
    Ok(Row {
        name: name.clone(),
        encoding: Encoding::Raw,
        raw_len: len,
        stored_len: len,
        check: sum.state.digest128(),
    })
}

/// Why a blob could not be read.
pub(crate) enum Fault {
    /// Its file is not what the index says.
    Damaged(&'static str),
    /// Its file could not be read.
    Read(io::Error),
    /// What it was to be written to failed.
    Write(io::Error),
}

type Outcome<T> = Result<T, Fault>;

/// A blob's bytes out of its open file.
pub(crate) fn read(row: &Row, file: &File) -> Outcome<Vec<u8>> {
    let stored = read_stored(row, file)?;
    match row.encoding {
        Encoding::Raw => Ok(stored),
        Encoding::Zstd => unpack(row, &stored),
    }
}

/// Writes a blob out of its open file to `to`, an empty file; `try_clone` says
/// whether cloning is worth a try and is cleared when it is not.
pub(crate) fn copy(row: &Row, file: &File, to: &File, try_clone: &mut bool) -> Outcome<()> {
    if row.encoding == Encoding::Raw && *try_clone && row.stored_len >= 4096 {
        match clone::clone_file(file, to) {
            Ok(()) => return verify(row, file),
            Err(error) if clone::unsupported(&error) => *try_clone = false,
            // Whatever it is, a copy will meet it too, and tell on which side.
            Err(_) => {}
        }
    }
    let whole = match row.encoding {
        Encoding::Raw => row.stored_len <= PIECE as u64,
        Encoding::Zstd => row.stored_len <= WHOLE && row.raw_len <= 4 * WHOLE,
    };
    if whole {
        let bytes = read(row, file)?;
        return { to }.write_all(&bytes).map_err(Fault::Write);
    }
    copy_pieces(row, file, to)
}

/// Reads all of a blob's file and checks it against the index.
fn read_stored(row: &Row, mut file: &File) -> Outcome<Vec<u8>> {
    // One byte more than there should be, so that one read tells the length.
    let wanted = usize::try_from(row.stored_len)
        .ok()
        .and_then(|len| len.checked_add(1))
        .ok_or(Fault::Damaged("blob too large"))?;
    // The length in the index is vouched for by its checksum, but memory for
    // it is asked for only once the file is known to have it.
    if row.stored_len > WHOLE {
        let stat = fs::stat_fd(file).map_err(Fault::Read)?;
        if stat.len != row.stored_len {
            return Err(Fault::Damaged("blob of another length"));
        }
    }
    let mut bytes = vec![0; wanted];
    let mut len = 0;
    while let Some(rest) = bytes.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Read(error)),
        }
        if len + 1 == wanted {
            // A short read of a regular file is its end.
            break;
        }
    }
    bytes.truncate(len);
    if len as u64 != row.stored_len {
        return Err(Fault::Damaged("blob of another length"));
    }
    match xxh3_128(&bytes) == row.check {
        true => Ok(bytes),
        false => Err(Fault::Damaged("blob does not match its checksum")),
    }
}

fn unpack(row: &Row, stored: &[u8]) -> Outcome<Vec<u8>> {
    let wrong = Fault::Damaged("blob does not decompress to its length");
    let Ok(len) = usize::try_from(row.raw_len) else {
        return Err(wrong);
    };
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(len).is_err() {
        return Err(Fault::Read(io::ErrorKind::OutOfMemory.into()));
    }
    let unpacked = zstd::bulk::Decompressor::new()
        .and_then(|mut unpacker| unpacker.decompress_to_buffer(stored, &mut bytes));
    match unpacked {
        Ok(got) if got == len => Ok(bytes),
        _ => Err(wrong),
    }
}

/// Checks a blob's file against the index without keeping it.
fn verify(row: &Row, file: &File) -> Outcome<()> {
    let mut source = Hashing::new(file);
    pump(&mut source, &mut io::sink()).map_err(Fault::Read)?;
    source.judge(row)
}

fn copy_pieces(row: &Row, file: &File, to: &File) -> Outcome<()> {
    let mut source = Hashing::new(file);
    let written = match row.encoding {
        Encoding::Raw => pump_apart(&mut source, to)?,
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(&mut source).map_err(Fault::Read)?;
            let written = pump_apart(&mut decoder.single_frame(), to);
            // The rest of the file, if any, belongs under the checksum too.
            pump(&mut source, &mut io::sink()).map_err(Fault::Read)?;
            match written {
                // An error of the decoder is one of the data: say so below,
                // where the checksum speaks first.
                Err(Fault::Read(_)) => u64::MAX,
                other => other?,
            }
        }
    };
    source.judge(row)?;
    match written == row.raw_len {
        true => Ok(()),
        false => Err(Fault::Damaged("blob does not decompress to its length")),
    }
}

/// Copies all of `from` to `to`; the number of bytes.
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    match pump_apart(from, to) {
        Ok(len) => Ok(len),
        Err(Fault::Read(error) | Fault::Write(error)) => Err(error),
        Err(Fault::Damaged(what)) => Err(io::Error::other(what)),
    }
}

/// As [`pump`], with errors of the two sides told apart.
fn pump_apart(from: &mut impl Read, mut to: impl Write) -> Outcome<u64> {
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        let len = match from.read(&mut piece) {
            Ok(0) => return Ok(total),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Read(error)),
        };
        let bytes = piece.get(..len).unwrap_or_default();
        to.write_all(bytes).map_err(Fault::Write)?;
        total += len as u64;
    }
}

/// Passes bytes through and keeps their checksum and number.
struct Hashing<T> {
    inner: T,
    state: Xxh3Default,
    len: u64,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Hashing<T> {
        Hashing {
            inner,
            state: Xxh3Default::new(),
            len: 0,
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.len += bytes.len() as u64;
    }

    fn judge(&self, row: &Row) -> Outcome<()> {
        if self.len != row.stored_len {
            return Err(Fault::Damaged("blob of another length"));
        }
        match self.state.digest128() == row.check {
            true => Ok(()),
            false => Err(Fault::Damaged("blob does not match its checksum")),
        }
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.note(buffer.get(..len).unwrap_or_default());
        Ok(len)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.note(bytes.get(..len).unwrap_or_default());
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
