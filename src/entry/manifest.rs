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
//!             conditions:u32 files:u32 directories:u32
//!             condition* file* directory*
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

use std::ffi::CStr;

use crate::hash::tokens::TokenDigest;
use crate::hash::{Digest, Key, KeyHasher};
use crate::sys::Stamp;
use crate::sys::clock::Nanos;
use crate::sys::codec::{Reader, Writer};

const MAGIC: &[u8; 8] = b"cacheman";
const VERSION: u32 = 3;

/// Variants kept in one manifest; the least recently added go.
pub const MAX_VARIANTS: usize = 24;

/// Above this size, which each hit reads and each miss writes, only the newest
/// [`MIN_VARIANTS`] are kept.
const MAX_BYTES: usize = 64 << 10;
const MIN_VARIANTS: usize = 6;

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
    counts: [u32; 3],
    body: &'a [u8],
    /// The variant with its length, for copying it.
    raw: &'a [u8],
}

/// Calls `f` with each part of a variant, in order: conditions, files,
/// directories. `false` from a callback stops the walk.
pub trait Visitor {
    fn condition(&mut self, kind: ConditionKind, digest: Digest) -> bool;
    fn file(&mut self, file: FileCheck<'_>) -> bool;
    fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool;
}

impl<'a> Variant<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Variant<'a>> {
        let whole = reader.rest();
        let length = reader.u32()? as usize;
        let mut body = Reader::new(reader.take(length)?);
        let result = Key(*body.array()?);
        let duration_ms = body.u32()?;
        let flags = body.u32()?;
        let skeleton = TokenDigest(*body.array()?);
        let counts = [body.u32()?, body.u32()?, body.u32()?];
        Some(Variant {
            result,
            duration_ms,
            flags,
            skeleton,
            counts,
            body: body.rest(),
            raw: whole.get(..4 + length)?,
        })
    }

    /// Shows all preconditions to `visitor`. `None`: the bytes make no sense.
    /// `Some(false)`: the visitor stopped.
    pub fn visit(&self, visitor: &mut impl Visitor) -> Option<bool> {
        let mut reader = Reader::new(self.body);
        for _ in 0..self.counts[0] {
            let kind = ConditionKind::from_raw(reader.u32()?)?;
            if !visitor.condition(kind, Digest(*reader.array()?)) {
                return Some(false);
            }
        }
        for _ in 0..self.counts[1] {
            let file = FileCheck {
                digest: Digest(*reader.array()?),
                tokens: TokenDigest(*reader.array()?),
                stamp: Stamp::decode(reader.array()?),
                path: reader.text()?,
            };
            if !visitor.file(file) {
                return Some(false);
            }
        }
        for _ in 0..self.counts[2] {
            let stamp = Stamp::decode(reader.array()?);
            let count = reader.u32()?;
            let path = reader.text()?;
            let names = reader;
            for _ in 0..count {
                Expectation::from_raw(reader.u8()?)?;
                reader.text()?;
            }
            let directory = DirectoryCheck {
                stamp,
                path,
                count,
                names,
            };
            if !visitor.directory(directory) {
                return Some(false);
            }
        }
        Some(true)
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
    Some((0..count).map_while(move |_| Variant::read(&mut reader)))
}

/// A variant to be written.
#[derive(Clone, Debug)]
pub struct NewVariant {
    pub result: Key,
    pub duration_ms: u32,
    pub flags: u32,
    pub skeleton: TokenDigest,
    pub conditions: Vec<(ConditionKind, Digest)>,
    pub files: Vec<NewFile>,
    pub directories: Vec<NewDirectory>,
}

/// See [`FileCheck`].
#[derive(Clone, Debug)]
pub struct NewFile {
    pub path: Vec<u8>,
    pub digest: Digest,
    pub tokens: TokenDigest,
    pub stamp: Stamp,
}

/// See [`DirectoryCheck`].
#[derive(Clone, Debug)]
pub struct NewDirectory {
    pub path: Vec<u8>,
    pub stamp: Stamp,
    pub names: Vec<(Expectation, Vec<u8>)>,
}

impl Visitor for NewVariant {
    fn condition(&mut self, kind: ConditionKind, digest: Digest) -> bool {
        self.conditions.push((kind, digest));
        true
    }
    fn file(&mut self, file: FileCheck<'_>) -> bool {
        self.files.push(NewFile {
            path: file.path.to_bytes().to_owned(),
            digest: file.digest,
            tokens: file.tokens,
            stamp: file.stamp,
        });
        true
    }
    fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool {
        let names = directory.names();
        self.directories.push(NewDirectory {
            path: directory.path.to_bytes().to_owned(),
            stamp: directory.stamp,
            names: names
                .map(|(expectation, name)| (expectation, name.to_bytes().to_owned()))
                .collect(),
        });
        true
    }
}

/// A variant as it lies in a manifest, taken out. `None`: it makes no sense.
pub fn to_new(variant: &Variant<'_>) -> Option<NewVariant> {
    let mut new = NewVariant {
        result: variant.result,
        duration_ms: variant.duration_ms,
        flags: variant.flags,
        skeleton: variant.skeleton,
        conditions: Vec::new(),
        files: Vec::new(),
        directories: Vec::new(),
    };
    (variant.visit(&mut new) == Some(true)).then_some(new)
}

/// A manifest of nothing but `variant`, as it is.
pub fn of_one(variant: &Variant<'_>) -> Vec<u8> {
    let mut out = Writer::new();
    out.bytes.reserve_exact(16 + variant.raw.len());
    out.raw(MAGIC);
    out.u32(VERSION);
    out.u32(1);
    out.raw(variant.raw);
    out.bytes
}

/// A manifest of `variants`, in this order, as another machine can use it: without
/// stamps, since another machine's could be equal by accident.
pub fn portable(variants: &[NewVariant]) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(MAGIC);
    out.u32(VERSION);
    out.u32(variants.len() as u32);
    for variant in variants {
        let mut variant = variant.clone();
        for file in &mut variant.files {
            file.stamp = Stamp::NONE;
        }
        for directory in &mut variant.directories {
            if directory.stamp != Stamp::NEVER {
                directory.stamp = Stamp::NONE;
            }
        }
        let encoded = variant.encode();
        out.u32(encoded.len() as u32);
        out.raw(&encoded);
    }
    out.bytes
}

impl NewVariant {
    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(&self.result.0);
        out.u32(self.duration_ms);
        out.u32(self.flags);
        out.raw(&self.skeleton.0);
        out.u32(self.conditions.len() as u32);
        out.u32(self.files.len() as u32);
        out.u32(self.directories.len() as u32);
        for (kind, digest) in &self.conditions {
            out.u32(*kind as u32);
            out.raw(&digest.0);
        }
        for file in &self.files {
            out.raw(&file.digest.0);
            out.raw(&file.tokens.0);
            out.raw(&file.stamp.encode());
            out.text(&file.path);
        }
        for directory in &self.directories {
            out.raw(&directory.stamp.encode());
            out.u32(directory.names.len() as u32);
            out.text(&directory.path);
            for (expectation, name) in &directory.names {
                out.u8(*expectation as u8);
                out.text(name);
            }
        }
        out.bytes
    }
}

/// A manifest with `new` in front of the variants of `old` (if that is one),
/// without those that lead to the same result under the same conditions.
pub fn with_variant(old: Option<&[u8]>, new: &NewVariant) -> Vec<u8> {
    let mut framed = Writer::new();
    let encoded = new.encode();
    framed.u32(encoded.len() as u32);
    framed.raw(&encoded);
    let new = framed.bytes;
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut size = new.len();
    let read = Variant::read(&mut Reader::new(&new));
    if let (Some(variants), Some(new)) = (old.and_then(variants), read) {
        for variant in variants.filter(|variant| !same_preconditions(variant, &new)) {
            size += variant.raw.len();
            let room = size <= MAX_BYTES || kept.len() + 1 < MIN_VARIANTS;
            if !room || kept.len() + 1 == MAX_VARIANTS {
                break;
            }
            kept.push(variant.raw);
        }
    }
    let mut out = Writer::new();
    out.bytes.reserve_exact(16 + size);
    out.raw(MAGIC);
    out.u32(VERSION);
    out.u32(kept.len() as u32 + 1);
    out.raw(&new);
    for variant in kept {
        out.raw(variant);
    }
    out.bytes
}

/// Whether two variants have the same conditions and files; what cannot be read is
/// not worth keeping.
fn same_preconditions(one: &Variant<'_>, other: &Variant<'_>) -> bool {
    let [conditions, files, _] = one.counts;
    if other.counts[..2] != [conditions, files] {
        return false;
    }
    let (mut one, mut other) = (Reader::new(one.body), Reader::new(other.body));
    let mut same = || {
        for _ in 0..conditions {
            if (one.u32()?, one.array::<32>()?) != (other.u32()?, other.array::<32>()?) {
                return Some(false);
            }
        }
        for _ in 0..files {
            let digests = (one.array::<32>()?, other.array::<32>()?);
            // Tokens and stamp.
            one.take(16 + 40)?;
            other.take(16 + 40)?;
            if digests.0 != digests.1 || one.text()? != other.text()? {
                return Some(false);
            }
        }
        Some(true)
    };
    same().unwrap_or(true)
}

/// How a file or directory was found to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    pub stamp: Stamp,
    /// The content that was accepted in place of the one that is written.
    pub content: Option<(Digest, TokenDigest)>,
}

/// The manifest `bytes` with variant number `index` brought up to `states`, in
/// the order of [`Variant::visit`]: files, then directories. `None` if the
/// numbers do not fit.
pub fn with_states(bytes: &[u8], index: usize, states: &[State]) -> Option<Vec<u8>> {
    /// Where the stamp in front of each path lies.
    struct Offsets<'m> {
        base: &'m [u8],
        found: Vec<usize>,
    }
    impl Offsets<'_> {
        /// `between` bytes stand between the stamp and the text's length.
        fn note(&mut self, path: &CStr, between: usize) {
            let text = path.as_ptr() as usize - self.base.as_ptr() as usize;
            self.found.push(text - 4 - between - Stamp::LEN);
        }
    }
    impl Visitor for Offsets<'_> {
        fn condition(&mut self, _: ConditionKind, _: Digest) -> bool {
            true
        }
        fn file(&mut self, file: FileCheck<'_>) -> bool {
            self.note(file.path, 0);
            true
        }
        fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool {
            self.note(directory.path, 4);
            true
        }
    }
    let variant = variants(bytes)?.nth(index)?;
    let mut offsets = Offsets {
        base: bytes,
        found: Vec::with_capacity(states.len()),
    };
    variant.visit(&mut offsets)?;
    if offsets.found.len() != states.len() {
        return None;
    }
    let mut out = bytes.to_owned();
    for (stamp, state) in offsets.found.iter().zip(states) {
        out.get_mut(*stamp..*stamp + Stamp::LEN)?
            .copy_from_slice(&state.stamp.encode());
        if let Some((digest, tokens)) = &state.content {
            // `digest:[32] tokens:[16] stamp:[40]`
            let at = stamp.checked_sub(48)?;
            out.get_mut(at..at + 32)?.copy_from_slice(&digest.0);
            out.get_mut(at + 32..at + 48)?.copy_from_slice(&tokens.0);
        }
    }
    Some(out)
}

#[cfg(test)]
#[path = "manifest_test.rs"]
mod tests;
