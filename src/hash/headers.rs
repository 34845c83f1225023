//! What is known of headers: a header that stays as it is - a library's - is
//! scanned once on a machine, not once per compile.
//!
//! What a text says depends on nothing but the text, so that the digest of its
//! content is all that vouches for it. The headers of one directory are on one
//! *shelf*, a file in `.machine/headers`, since who needs one needs most: a compile
//! reads some shelves in place of all headers. Shelves are appended to without a
//! lock; a record that is torn or of another version is an unknown header, a shelf
//! that cannot be followed to its end is begun anew.
//!
//! ```text
//! shelf  = record*                 (a later record of a digest counts)
//! record = length:u32 check:u64 digest:[32] rest    (length: of digest and rest;
//!                                                    check = xxh3-64 of them)
//! rest   = size:u64 taken:u64 at_most:u64 flags:u8 words:u32 hash:u32* scan
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use rustix::fs::{Mode, OFlags};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Digest;
use super::scan::{self, Scan};
use super::tokens::skeleton::Words;
use super::tokens::{Columns, Summary};
use crate::sys::codec::{Reader, Writer};
use crate::sys::fs;

/// Part of every check: change it with the meaning of a record, which is also that
/// of a scan and of a summary.
pub(crate) const SEED: u64 = 0x6361_6368_6505;

/// A longer shelf is begun anew: it holds what no package has any more.
const LONGEST: u64 = 4 << 20;

/// What the text of a header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub scan: Scan,
    pub summary: Summary,
}

impl Header {
    /// That of the content `text`.
    pub fn of(text: &[u8]) -> Header {
        Header {
            scan: scan::scan(text),
            summary: Summary::of(text),
        }
    }
}

/// The known headers of a machine, shelf by shelf as they are asked for.
pub struct Headers {
    directory: Option<PathBuf>,
    shelves: FxHashMap<OsString, Shelf>,
}

#[derive(Default)]
struct Shelf {
    bytes: Vec<u8>,
    /// Where in `bytes` records are, without length and check.
    records: FxHashMap<Digest, Range<usize>>,
    /// Whether it has to be begun anew.
    broken: bool,
    new: Vec<u8>,
}

impl Headers {
    /// Those whose shelves are in `directory`; without one none is known.
    pub fn new(directory: Option<PathBuf>) -> Headers {
        Headers {
            directory,
            shelves: FxHashMap::default(),
        }
    }

    /// What the header at `path` says, whose content has `digest`, if it is known.
    pub fn get(&mut self, path: &Path, digest: &Digest) -> Option<Header> {
        self.shelf(path)?.get(digest)
    }

    /// Remembers a header. [`Headers::save`] writes it down.
    pub fn put(&mut self, path: &Path, digest: &Digest, header: &Header) {
        if let Some(shelf) = self.shelf(path) {
            shelf.new.extend(encode(digest, header));
        }
    }

    /// Writes down what is new. A failure is no failure: the next compile scans
    /// again.
    pub fn save(&mut self) {
        let Some(directory) = &self.directory else {
            return;
        };
        for (name, shelf) in &mut self.shelves {
            if !shelf.new.is_empty() {
                shelf.save(&place(directory, name));
            }
        }
    }

    fn shelf(&mut self, path: &Path) -> Option<&mut Shelf> {
        let directory = self.directory.as_ref()?;
        let name = path.parent().unwrap_or(Path::new("")).as_os_str();
        if !self.shelves.contains_key(name) {
            let shelf = Shelf::load(&place(directory, name));
            self.shelves.insert(name.to_owned(), shelf);
        }
        self.shelves.get_mut(name)
    }
}

/// Where the shelf of the directory `name` is.
fn place(shelves: &Path, name: &std::ffi::OsStr) -> PathBuf {
    let hash = xxhash_rust::xxh3::xxh3_128(name.as_encoded_bytes());
    shelves.join(format!("{hash:032x}"))
}

impl Shelf {
    fn load(path: &Path) -> Shelf {
        let bytes = match fs::read_small(path, LONGEST) {
            Ok(bytes) => bytes,
            Err(error) => {
                return Shelf {
                    broken: error.kind() != std::io::ErrorKind::NotFound,
                    ..Shelf::default()
                };
            }
        };
        let mut shelf = Shelf::default();
        let mut reader = Reader::new(&bytes);
        while !reader.rest().is_empty() {
            let Some(record) = next(&mut reader) else {
                shelf.broken = true;
                break;
            };
            let end = bytes.len() - reader.rest().len();
            if let Some(digest) = record.first_chunk() {
                let range = end - record.len()..end;
                shelf.records.insert(Digest(*digest), range);
            }
        }
        shelf.bytes = bytes;
        shelf
    }

    fn get(&self, digest: &Digest) -> Option<Header> {
        let range = self.records.get(digest)?;
        let check = self.bytes.get(range.start.checked_sub(8)?..range.start)?;
        let record = self.bytes.get(range.clone())?;
        let intact = u64::from_le_bytes(*check.first_chunk()?) == xxh3_64_with_seed(record, SEED);
        intact.then(|| decode(record)).flatten()
    }

    fn save(&mut self, path: &Path) {
        let new = std::mem::take(&mut self.new);
        if self.broken || self.bytes.len() as u64 + new.len() as u64 > LONGEST {
            let _ = fs::unlink(path);
        }
        let file = open(path).or_else(|| {
            fs_err::create_dir_all(path.parent()?).ok()?;
            open(path)
        });
        // One call: what others append stands before or behind it.
        let _ = file.map(|mut file| file.write_all(&new));
    }
}

fn open(path: &Path) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o666));
    file.ok().map(File::from)
}

/// The next record without its length and check.
fn next<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u32()? as usize;
    reader.u64()?;
    reader.take(length)
}

fn encode(digest: &Digest, header: &Header) -> Vec<u8> {
    let Header { scan, summary } = header;
    let mut out = Writer::new();
    out.raw(&digest.0);
    out.u64(summary.size);
    out.u64(summary.columns.taken);
    out.u64(summary.columns.at_most);
    let flags = [summary.asks_for_comments, summary.words.see_all_macros()];
    out.u8(u8::from(flags[0]) | u8::from(flags[1]) << 1);
    out.u32(summary.words.hashes().len() as u32);
    for hash in summary.words.hashes() {
        out.u32(*hash);
    }
    scan::record::encode(scan, &mut out);
    let mut record = Writer::new();
    record.u32(out.bytes.len() as u32);
    record.u64(xxh3_64_with_seed(&out.bytes, SEED));
    record.raw(&out.bytes);
    record.bytes
}

fn decode(record: &[u8]) -> Option<Header> {
    let mut reader = Reader::new(record);
    reader.array::<32>()?;
    let size = reader.u64()?;
    let columns = Columns {
        taken: reader.u64()?,
        at_most: reader.u64()?,
    };
    let flags = reader.u8()?;
    let count = reader.u32()? as usize;
    let hashes = reader.take(count.checked_mul(4)?)?;
    let hashes = hashes.chunks_exact(4);
    let hashes = hashes.map(|hash| {
        hash.first_chunk()
            .map_or(0, |hash| u32::from_le_bytes(*hash))
    });
    let words = Words::from_parts(hashes.collect(), flags & 2 != 0);
    let scan = scan::record::decode(&mut reader)?;
    reader.rest().is_empty().then_some(Header {
        scan,
        summary: Summary {
            size,
            columns,
            asks_for_comments: flags & 1 != 0,
            words,
        },
    })
}

#[cfg(test)]
#[path = "headers_test.rs"]
mod tests;
