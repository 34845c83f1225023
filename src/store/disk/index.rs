//! The index of an entry: what blobs it has and how they are stored.
//!
//! The file `index` beside the blobs, all numbers little-endian:
//!
//! ```text
//! offset  size
//!      0     8  "cacheidx"
//!      8     4  version: 1
//!     12     4  number of blobs
//!     16    32  the entry's key
//!     48        per blob, sorted by name:
//!            1    length n of the name
//!            n    the name
//!            1    encoding: 0 the bytes as they are, 1 one zstd frame
//!            8    length of the blob
//!            8    length of its file
//!           16    XXH3-128 of its file
//!    end    16  XXH3-128 of all bytes above
//! ```
//!
//! The key is in it so that an entry that strayed to another place - a
//! directory copied by hand, a confused file system - is not taken for the one
//! whose name it bears.

use xxhash_rust::xxh3::xxh3_128;

use crate::entry::BlobName;
use crate::hash::Key;

/// The name of the index among the files of an entry. No blob can be called
/// this in a way that matters: [`super::DiskStore`] refuses it.
pub(crate) const FILE: &str = "index";

const MAGIC: &[u8; 8] = b"cacheidx";
const VERSION: u32 = 1;
const HEAD: usize = 48;
const CHECK: usize = 16;

/// How the bytes of a blob lie in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Raw,
    /// As one zstd frame.
    Zstd,
}

/// One blob's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The blob's name, which is also its file's.
    pub name: BlobName,
    /// How its bytes lie in the file.
    pub encoding: Encoding,
    /// Length of the blob in bytes.
    pub raw_len: u64,
    /// Length of its file in bytes.
    pub stored_len: u64,
    /// XXH3-128 of the file's bytes.
    pub check: u128,
}

/// A parsed index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The entry's key.
    pub key: Key,
    /// The blobs, sorted by name, each name once.
    pub rows: Vec<Row>,
}

impl Index {
    /// The row of `name`, if there is one.
    pub fn row(&self, name: &BlobName) -> Option<&Row> {
        let at = self.rows.binary_search_by(|row| row.name.cmp(name));
        self.rows.get(at.ok()?)
    }

    /// The bytes of the index file. `rows` must be sorted.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + CHECK + self.rows.len() * 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(self.rows.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.key.0);
        for row in &self.rows {
            let name = row.name.as_str().as_bytes();
            bytes.push(name.len() as u8);
            bytes.extend_from_slice(name);
            bytes.push(match row.encoding {
                Encoding::Raw => 0,
                Encoding::Zstd => 1,
            });
            bytes.extend_from_slice(&row.raw_len.to_le_bytes());
            bytes.extend_from_slice(&row.stored_len.to_le_bytes());
            bytes.extend_from_slice(&row.check.to_le_bytes());
        }
        let check = xxh3_128(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads an index file's bytes.
    ///
    /// # Errors
    /// What is wrong with them, in a few words.
    pub fn decode(bytes: &[u8]) -> Result<Index, &'static str> {
        let split = bytes.len().checked_sub(CHECK).ok_or("index too short")?;
        let (body, check) = bytes.split_at(split);
        if xxh3_128(body).to_le_bytes() != check {
            return Err("index does not match its checksum");
        }
        let mut reader = Reader(body);
        if reader.array::<8>()? != *MAGIC {
            return Err("not an index");
        }
        if u32::from_le_bytes(reader.array()?) != VERSION {
            return Err("index of another version");
        }
        let count = u32::from_le_bytes(reader.array()?);
        let key = Key(reader.array()?);
        let mut rows: Vec<Row> = Vec::with_capacity(count.min(64) as usize);
        for _ in 0..count {
            let row = reader.row()?;
            if rows.last().is_some_and(|last| last.name >= row.name) {
                return Err("index out of order");
            }
            rows.push(row);
        }
        match reader.0 {
            [] => Ok(Index { key, rows }),
            _ => Err("index too long"),
        }
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (head, tail) = self.0.split_at_checked(len).ok_or("index cut short")?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "index cut short")
    }

    fn row(&mut self) -> Result<Row, &'static str> {
        let [len] = self.array::<1>()?;
        let name = std::str::from_utf8(self.take(len.into())?).map_err(|_| "bad blob name")?;
        let name = BlobName::new(name).ok_or("bad blob name")?;
        let encoding = match self.array::<1>()? {
            [0] => Encoding::Raw,
            [1] => Encoding::Zstd,
            _ => return Err("unknown encoding"),
        };
        let row = Row {
            name,
            encoding,
            raw_len: u64::from_le_bytes(self.array()?),
            stored_len: u64::from_le_bytes(self.array()?),
            check: u128::from_le_bytes(self.array()?),
        };
        match row.encoding {
            Encoding::Raw if row.raw_len != row.stored_len => Err("lengths disagree"),
            _ => Ok(row),
        }
    }
}
