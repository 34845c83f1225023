//! Writing manifests: what several variants depend on stands in them once.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::{
    ConditionKind, DirectoryCheck, Expectation, FileCheck, MAGIC, VERSION, Variant, Visitor,
    variants,
};
use crate::hash::tokens::TokenDigest;
use crate::hash::{Digest, Key};
use crate::sys::Stamp;
use crate::sys::codec::{Reader, Writer};

/// Variants kept in one manifest; the least recently added go.
pub const MAX_VARIANTS: u32 = 24;

/// Above this size, which each hit reads and each miss writes, only the newest
/// [`MIN_VARIANTS`] are kept.
const MAX_BYTES: usize = 64 << 10;
const MIN_VARIANTS: u32 = 6;

/// `condition`, in bytes.
const CONDITION_LEN: usize = 4 + 32;
/// Where in a `file` its stamp is.
const FILE_STAMP: usize = 32 + 16;

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
    let mut manifest = Manifest::begin(0);
    manifest.add(variant, None);
    manifest.finish()
}

/// A manifest of `variants`, in this order, as another machine can use it: without
/// stamps, since another machine's could be equal by accident.
pub fn portable(variants: &[NewVariant]) -> Vec<u8> {
    let alone: Vec<Vec<u8>> = variants
        .iter()
        .map(|variant| {
            let mut variant = variant.clone();
            for file in &mut variant.files {
                file.stamp = Stamp::NONE;
            }
            for directory in &mut variant.directories {
                if directory.stamp != Stamp::NEVER {
                    directory.stamp = Stamp::NONE;
                }
            }
            variant.alone()
        })
        .collect();
    let mut manifest = Manifest::begin(0);
    for variant in alone.iter().filter_map(|alone| only(alone)) {
        manifest.add(&variant, None);
    }
    manifest.finish()
}

/// The variant of a manifest of one.
fn only(manifest: &[u8]) -> Option<Variant<'_>> {
    variants(manifest)?.next()
}

impl NewVariant {
    /// A manifest of nothing else.
    fn alone(&self) -> Vec<u8> {
        let mut out = begin();
        let start = out.bytes.len();
        out.u32(0);
        let [duration, flags] = [self.duration_ms, self.flags];
        head(&mut out, &self.result, duration, flags, &self.skeleton);
        out.u32(0);
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
        set_length(&mut out.bytes, start);
        set_count(&mut out.bytes, 1);
        out.bytes
    }
}

/// The beginning of a manifest that has no variants yet.
fn begin() -> Writer {
    let mut out = Writer::new();
    out.raw(MAGIC);
    out.u32(VERSION);
    out.u32(0);
    out
}

fn set_count(manifest: &mut [u8], count: u32) {
    if let Some(place) = manifest.get_mut(12..16) {
        place.copy_from_slice(&count.to_le_bytes());
    }
}

/// What every variant has in front of its numbers.
fn head(out: &mut Writer, result: &Key, duration: u32, flags: u32, skeleton: &TokenDigest) {
    out.raw(&result.0);
    out.u32(duration);
    out.u32(flags);
    out.raw(&skeleton.0);
}

/// Sets the length of the variant that begins at `start` and ends here.
fn set_length(manifest: &mut [u8], start: usize) {
    let length = manifest.len().saturating_sub(start + 4) as u32;
    if let Some(place) = manifest.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// A manifest that is put together of variants of others.
struct Manifest<'a> {
    out: Writer,
    count: u32,
    /// Where files and directories stand, by their bytes.
    places: FxHashMap<Cow<'a, [u8]>, u32>,
}

impl<'a> Manifest<'a> {
    /// One without variants, for about `len` bytes.
    fn begin(len: usize) -> Manifest<'a> {
        let mut out = begin();
        out.bytes.reserve(len);
        Manifest {
            out,
            count: 0,
            places: FxHashMap::default(),
        }
    }

    fn len(&self) -> usize {
        self.out.bytes.len()
    }

    /// Adds a variant, brought up to `states` if there are any. `None`: it makes no
    /// sense, or the numbers do not fit, and it is left out.
    fn add(&mut self, variant: &Variant<'a>, states: Option<&[State]>) -> Option<()> {
        let start = self.len();
        let added = self.append(variant, states);
        match added {
            Some(()) => set_length(&mut self.out.bytes, start),
            None => self.cut(start),
        }
        added
    }

    /// Takes away what was added from `start` on.
    fn cut(&mut self, start: usize) {
        self.out.bytes.truncate(start);
        self.places.retain(|_, place| (*place as usize) < start);
    }

    fn append(&mut self, variant: &Variant<'a>, states: Option<&[State]>) -> Option<()> {
        let [conditions, files, directories] = variant.counts;
        let number = files as usize + directories as usize;
        if states.is_some_and(|states| states.len() != number) {
            return None;
        }
        let mut state = states.into_iter().flatten();
        let out = &mut self.out;
        // The length, once it is known.
        out.u32(0);
        let [duration, flags] = [variant.duration_ms, variant.flags];
        head(out, &variant.result, duration, flags, &variant.skeleton);
        out.u32(u32::from(self.count > 0));
        variant.counts.iter().for_each(|count| out.u32(*count));
        let mut reader = Reader::new(variant.body);
        out.raw(reader.take(conditions as usize * CONDITION_LEN)?);
        for _ in 0..files {
            let bytes = bytes_of(variant, &mut reader, FileCheck::read)?;
            self.put(with_state(bytes, FILE_STAMP, state.next())?);
        }
        for _ in 0..directories {
            let bytes = bytes_of(variant, &mut reader, DirectoryCheck::read)?;
            self.put(with_state(bytes, 0, state.next())?);
        }
        self.count += 1;
        Some(())
    }

    /// A file or a directory.
    fn put(&mut self, bytes: Cow<'a, [u8]>) {
        if self.count > 0 {
            if let Some(place) = self.places.get(&bytes) {
                return self.out.u32(*place);
            }
            self.out.u32(0);
        }
        let place = self.len() as u32;
        self.out.raw(&bytes);
        self.places.insert(bytes, place);
    }

    fn finish(mut self) -> Vec<u8> {
        set_count(&mut self.out.bytes, self.count);
        self.out.bytes
    }
}

/// The bytes of what `read` reads next of `variant`, here or where they stand.
fn bytes_of<'a, T>(
    variant: &Variant<'a>,
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<&'a [u8]> {
    let bytes = |from: &mut Reader<'a>| {
        let all = from.rest();
        read(from)?;
        all.get(..all.len() - from.rest().len())
    };
    match variant.refers {
        true => variant.once(reader, bytes),
        false => bytes(reader),
    }
}

/// `bytes`, which have a stamp at `place`, brought up to `state`.
fn with_state<'a>(bytes: &'a [u8], place: usize, state: Option<&State>) -> Option<Cow<'a, [u8]>> {
    let Some(state) = state else {
        return Some(Cow::Borrowed(bytes));
    };
    let mut bytes = bytes.to_owned();
    let stamp = bytes.get_mut(place..place + Stamp::LEN)?;
    stamp.copy_from_slice(&state.stamp.encode());
    if let Some((digest, tokens)) = &state.content {
        let content = bytes.get_mut(..place)?;
        // A directory has none.
        let (old_digest, old_tokens) = content.split_at_mut_checked(digest.0.len())?;
        old_digest.copy_from_slice(&digest.0);
        old_tokens.copy_from_slice(&tokens.0);
    }
    Some(Cow::Owned(bytes))
}

/// A manifest with `new` in front of the variants of `old` (if that is one),
/// without those that lead to the same result under the same conditions.
pub fn with_variant(old: Option<&[u8]>, new: &NewVariant) -> Vec<u8> {
    let alone = new.alone();
    let Some(new) = only(&alone) else {
        return alone;
    };
    let mut manifest = Manifest::begin(alone.len().max(old.map_or(0, <[u8]>::len)));
    manifest.add(&new, None);
    let others = old.and_then(variants).into_iter().flatten();
    for variant in others.filter(|variant| !same_preconditions(variant, &new)) {
        let start = manifest.len();
        manifest.add(&variant, None);
        if manifest.len() > MAX_BYTES && manifest.count > MIN_VARIANTS {
            manifest.cut(start);
            manifest.count -= 1;
            break;
        }
        if manifest.count == MAX_VARIANTS {
            break;
        }
    }
    manifest.finish()
}

/// Whether two variants have the same conditions and files; what cannot be read is
/// not worth keeping.
fn same_preconditions(one: &Variant<'_>, other: &Variant<'_>) -> bool {
    let [conditions, files, _] = one.counts;
    if other.counts[..2] != [conditions, files] {
        return false;
    }
    let (mut ours, mut theirs) = (Reader::new(one.body), Reader::new(other.body));
    let mut same = || {
        let conditions = conditions as usize * CONDITION_LEN;
        if ours.take(conditions)? != theirs.take(conditions)? {
            return Some(false);
        }
        for _ in 0..files {
            let ours = bytes_of(one, &mut ours, FileCheck::read)?;
            let theirs = bytes_of(other, &mut theirs, FileCheck::read)?;
            // The path stands behind the stamp, the digest in front of all.
            let path = FILE_STAMP + Stamp::LEN;
            if ours.get(..32) != theirs.get(..32) || ours.get(path..) != theirs.get(path..) {
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
/// the order of [`Variant::visit`]: files, then directories. Other variants stay as
/// they are. `None` if the numbers do not fit.
pub fn with_states(bytes: &[u8], index: usize, states: &[State]) -> Option<Vec<u8>> {
    let mut manifest = Manifest::begin(bytes.len());
    let mut fits = None;
    for (number, variant) in variants(bytes)?.enumerate() {
        let states = (number == index).then_some(states);
        let added = manifest.add(&variant, states);
        if states.is_some() {
            fits = added;
        }
    }
    fits.map(|()| manifest.finish())
}
