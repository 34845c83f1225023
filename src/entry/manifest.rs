//! The manifest: what the direct mode knows about one command and source.
//!
//! A manifest lists *variants*: results that this command has had, each with
//! everything that must be as it was for the result to stand. It is read where
//! it lies; nothing is allocated per dependency.
//!
//! ```text
//! manifest  = "cacheman" version:u32 count:u32 variant*
//! variant   = length:u32 (bytes that follow)
//!             result:[32] duration:u32 flags:u32 skeleton:[16]
//!             refers:u32 conditions:u32 files:u32 directories:u32
//!             condition* (refers = 0: file* directory*
//!                         refers = 1: once(file)* once(directory)*)
//! once(X)   = 0:u32 X, or where in the manifest the same X stands: u32
//! condition = kind:u32 digest:[32]
//! file      = digest:[32] tokens:[16] stamp:[40] path:text
//! directory = stamp:[40] names:u32 path:text name*
//! name      = expectation:u8 name:text
//! text      = length:u32 bytes NUL
//! ```
//!
//! Numbers are little endian; `duration` is in milliseconds; paths are as the
//! compiler spelled them, relative ones relative to its working directory.
//! `tokens` is [`TokenDigest::NONE`] where the result may depend on comments,
//! `skeleton` where it may depend on macros that nothing names.
//! Stamps say when the state was last verified on this machine; they may be
//! [`Stamp::NONE`].

mod write;

use std::ffi::CStr;

use crate::hash::tokens::TokenDigest;
use crate::hash::{Digest, Key, KeyHasher};
use crate::sys::Stamp;
use crate::sys::clock::Nanos;
use crate::sys::codec::Reader;

pub use write::{
    NewDirectory, NewFile, NewVariant, State, of_one, portable, to_new, with_states, with_variant,
};

const MAGIC: &[u8; 8] = b"cacheman";
const VERSION: u32 = 4;

/// The stored standard error is not empty.
pub const HAS_STDERR: u32 = 1;
/// The stored standard error was written in colour.
pub const COLORED: u32 = 2;

/// Something besides files and directories that must be as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ConditionKind {
    /// The working directory, because the product names it.
    Directory = 1,
    /// The base directory, because the product or its messages name it.
    BaseDirectory = 2,
    /// The text of the dependency file's target, because we could not write
    /// the file for another.
    DependencyTarget = 3,
    /// The local date, because of `__DATE__`.
    Date = 4,
    /// Modification times, because of `__TIMESTAMP__`.
    Timestamp = 5,
    /// Modification times ([`Times`]) of the variant's files, without those that
    /// options name: a precompiled header of clang holds and compares them. One
    /// that is used may also hold other times, if they are those of the files.
    HeldTimes = 6,
}

impl ConditionKind {
    fn from_raw(raw: u32) -> Option<ConditionKind> {
        use ConditionKind::*;
        [
            Directory,
            BaseDirectory,
            DependencyTarget,
            Date,
            Timestamp,
            HeldTimes,
        ]
        .into_iter()
        .find(|kind| *kind as u32 == raw)
    }
}

/// The digest of a [`ConditionKind::HeldTimes`].
pub struct Times(KeyHasher);

impl Default for Times {
    fn default() -> Times {
        Times(KeyHasher::new("times"))
    }
}

impl Times {
    /// A file, in the order of the variant, by its path as stored.
    pub fn add(&mut self, path: &[u8], modified: Nanos) {
        self.0.field("path", path);
        self.0.field("modified", &modified.to_le_bytes());
    }

    pub fn finish(self) -> Digest {
        Digest(self.0.finish().0)
    }
}

/// What a directory is expected to say about a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Expectation {
    /// Nothing of that name.
    Absent = 0,
    /// A directory, which an include passes over.
    Directory = 1,
    /// Something else than a directory.
    File = 2,
    /// Nothing about one name: the directory holds what it held. In the place of
    /// the name stands a digest of the names of all its entries.
    Listing = 3,
    /// The directory is the one that has this path: two names for one, of which
    /// compilers search the first only.
    Same = 4,
}

impl Expectation {
    fn from_raw(raw: u8) -> Option<Expectation> {
        match raw {
            0 => Some(Expectation::Absent),
            1 => Some(Expectation::Directory),
            2 => Some(Expectation::File),
            3 => Some(Expectation::Listing),
            4 => Some(Expectation::Same),
            _ => None,
        }
    }
}

/// A file whose content must be as it was.
#[derive(Clone, Copy, Debug)]
pub struct FileCheck<'a> {
    pub digest: Digest,
    /// What may stand in for the digest: the same tokens, other comments.
    pub tokens: TokenDigest,
    pub stamp: Stamp,
    pub path: &'a CStr,
}

/// A directory in which names must be as they were.
#[derive(Clone, Copy)]
pub struct DirectoryCheck<'a> {
    pub stamp: Stamp,
    pub path: &'a CStr,
    count: u32,
    names: Reader<'a>,
}

impl<'a> DirectoryCheck<'a> {
    /// How many names there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether no name is asked for.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The names and what is expected of them.
    pub fn names(&self) -> impl Iterator<Item = (Expectation, &'a CStr)> + use<'a> {
        let mut names = self.names;
        (0..self.count).map_while(move |_| {
            let expectation = Expectation::from_raw(names.u8()?)?;
            Some((expectation, names.text()?))
        })
    }
}

/// One result and its preconditions, as it lies in the manifest.
#[derive(Clone, Copy)]
pub struct Variant<'a> {
    pub result: Key,
    /// What the compile took, in milliseconds.
    pub duration_ms: u32,
    /// [`HAS_STDERR`], [`COLORED`].
    pub flags: u32,
    /// What files with tokens may change to ([`crate::hash::tokens::skeleton`]).
    pub skeleton: TokenDigest,
    /// Whether what stands elsewhere in the manifest is not said again. The newest
    /// does not refer to others: a hit reads it from front to end.
    refers: bool,
    counts: [u32; 3],
    /// Its conditions and what follows them.
    body: &'a [u8],
    /// The manifest that it is in.
    whole: &'a [u8],
}

/// Calls `f` with each part of a variant, in order: conditions, files,
/// directories. `false` from a callback stops the walk.
pub trait Visitor {
    fn condition(&mut self, kind: ConditionKind, digest: Digest) -> bool;
    fn file(&mut self, file: FileCheck<'_>) -> bool;
    fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool;
}

impl<'a> Variant<'a> {
    fn read(reader: &mut Reader<'a>, whole: &'a [u8]) -> Option<Variant<'a>> {
        let length = reader.u32()? as usize;
        let mut body = Reader::new(reader.take(length)?);
        Some(Variant {
            result: Key(*body.array()?),
            duration_ms: body.u32()?,
            flags: body.u32()?,
            skeleton: TokenDigest(*body.array()?),
            refers: body.u32()? != 0,
            counts: [body.u32()?, body.u32()?, body.u32()?],
            body: body.rest(),
            whole,
        })
    }

    /// Shows all preconditions to `visitor`. `None`: the bytes make no sense.
    /// `Some(false)`: the visitor stopped.
    pub fn visit(&self, visitor: &mut impl Visitor) -> Option<bool> {
        match self.refers {
            // Called where it stands: what a hit does is put into one loop.
            true => self.walk::<true>(visitor as &mut dyn Visitor),
            false => self.walk::<false>(visitor),
        }
    }

    fn walk<const REFERS: bool>(&self, visitor: &mut (impl Visitor + ?Sized)) -> Option<bool> {
        let mut reader = Reader::new(self.body);
        for _ in 0..self.counts[0] {
            let kind = ConditionKind::from_raw(reader.u32()?)?;
            if !visitor.condition(kind, Digest(*reader.array()?)) {
                return Some(false);
            }
        }
        for _ in 0..self.counts[1] {
            let file = match REFERS {
                true => self.once(&mut reader, FileCheck::read)?,
                false => FileCheck::read(&mut reader)?,
            };
            if !visitor.file(file) {
                return Some(false);
            }
        }
        for _ in 0..self.counts[2] {
            let directory = match REFERS {
                true => self.once(&mut reader, DirectoryCheck::read)?,
                false => DirectoryCheck::read(&mut reader)?,
            };
            if !visitor.directory(directory) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// What `read` reads, here or where it stands.
    fn once<T>(
        &self,
        reader: &mut Reader<'a>,
        read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Option<T> {
        match reader.u32()? {
            0 => read(reader),
            place => read(&mut Reader::new(self.whole.get(place as usize..)?)),
        }
    }
}

impl<'a> FileCheck<'a> {
    #[inline(always)]
    fn read(reader: &mut Reader<'a>) -> Option<FileCheck<'a>> {
        Some(FileCheck {
            digest: Digest(*reader.array()?),
            tokens: TokenDigest(*reader.array()?),
            stamp: Stamp::decode(reader.array()?),
            path: reader.text()?,
        })
    }
}

impl<'a> DirectoryCheck<'a> {
    #[inline(always)]
    fn read(reader: &mut Reader<'a>) -> Option<DirectoryCheck<'a>> {
        let stamp = Stamp::decode(reader.array()?);
        let count = reader.u32()?;
        let path = reader.text()?;
        let names = *reader;
        for _ in 0..count {
            Expectation::from_raw(reader.u8()?)?;
            reader.text()?;
        }
        Some(DirectoryCheck {
            stamp,
            path,
            count,
            names,
        })
    }
}

/// The variants of a manifest, newest first. `None`: not a manifest, or of
/// another version.
pub fn variants(bytes: &[u8]) -> Option<impl Iterator<Item = Variant<'_>>> {
    let mut reader = Reader::new(bytes);
    if reader.array::<8>()? != MAGIC || reader.u32()? != VERSION {
        return None;
    }
    let count = reader.u32()?;
    Some((0..count).map_while(move |_| Variant::read(&mut reader, bytes)))
}

#[cfg(test)]
#[path = "manifest_test.rs"]
mod tests;
