//! The pack: what remote stores keep as one object.
//!
//! A hit costs one request and a store costs one, so the manifest of a command and
//! the results that it names travel together; that they agree needs no order of
//! writing.
//!
//! ```text
//! pack   = "cachepck" version:u32 key:[32] manifest:bytes results:u32 result*
//! result = key:[32] blobs:u32 blob*
//! blob   = name:text content:bytes
//! bytes  = length:u64 that many bytes
//! text   = length:u32 bytes NUL
//! ```
//!
//! Numbers are little endian. `key` is the one that the pack is kept under: a pack
//! that is copied to another name is refused. Whether a pack is what its writer
//! wrote is the envelope's business (the agent's), not checked again here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::{Blob, BlobName, Entry};
use crate::hash::Key;
use crate::store::{Error, OpenEntry, Result};
use crate::sys::codec::{Reader, Writer};

const MAGIC: &[u8; 8] = b"cachepck";
const VERSION: u32 = 1;

/// So many bytes stand before the manifest.
pub const HEAD: usize = 8 + 4 + 32 + 8;

/// Results that travel together; the older ones go.
pub const MAX_RESULTS: usize = 8;

/// Above this size, in bytes, a pack holds the newest result only.
pub const MAX_BYTES: u64 = 4 << 20;

/// A pack that was read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pack {
    bytes: Arc<Vec<u8>>,
    manifest: Range<usize>,
    results: Vec<(Key, BTreeMap<BlobName, Range<usize>>)>,
}

impl Pack {
    /// Reads a pack that was kept under `key`. `None`: it is none, of another
    /// version, or of another key.
    pub fn read(bytes: impl Into<Arc<Vec<u8>>>, key: &Key) -> Option<Pack> {
        let bytes = bytes.into();
        let mut reader = Reader::new(&bytes);
        let known = reader.array::<8>()? == MAGIC && reader.u32()? == VERSION;
        if !known || reader.array::<32>()? != &key.0 {
            return None;
        }
        let length = bytes.len();
        let range = |reader: &mut Reader<'_>| {
            let size = usize::try_from(reader.u64()?).ok()?;
            let start = length - reader.rest().len();
            reader.take(size)?;
            Some(start..start + size)
        };
        let manifest = range(&mut reader)?;
        let mut results = Vec::new();
        for _ in 0..reader.u32()? {
            let key = Key(*reader.array()?);
            let mut blobs = BTreeMap::new();
            for _ in 0..reader.u32()? {
                let name = BlobName::new(reader.text()?.to_str().ok()?)?;
                blobs.insert(name, range(&mut reader)?);
            }
            results.push((key, blobs));
        }
        Some(Pack {
            bytes,
            manifest,
            results,
        })
    }

    /// The manifest of its results.
    pub fn manifest(&self) -> &[u8] {
        &self.bytes[self.manifest.clone()]
    }

    /// The result under `key`.
    pub fn result(&self, key: &Key) -> Option<PackedResult> {
        let index = self.results.iter().position(|(found, _)| found == key)?;
        Some(PackedResult {
            pack: self.clone(),
            index,
        })
    }

    /// Keys and sizes of its results, in bytes, newest first.
    pub fn results(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.results.iter().map(|(key, blobs)| {
            let size = blobs.values().map(|range| range.len() as u64).sum();
            (key, size)
        })
    }
}

/// Where the manifest ends in the pack that begins with `head` and was kept under `key`.
/// `None`: there is no such pack.
pub fn manifest_end(head: &[u8], key: &Key) -> Option<usize> {
    let mut reader = Reader::new(head);
    let known = reader.array::<8>()? == MAGIC && reader.u32()? == VERSION;
    let length = (known && reader.array::<32>()? == &key.0).then(|| reader.u64())??;
    usize::try_from(length).ok()?.checked_add(HEAD)
}

/// A result in a pack.
#[derive(Clone, Debug)]
pub struct PackedResult {
    pack: Pack,
    index: usize,
}

impl PackedResult {
    fn blobs(&self) -> &BTreeMap<BlobName, Range<usize>> {
        &self.pack.results[self.index].1
    }

    fn bytes(&self, name: &BlobName) -> Option<&[u8]> {
        let range = self.blobs().get(name)?;
        self.pack.bytes.get(range.clone())
    }

    /// As an entry for another store.
    pub fn to_entry(&self) -> Entry {
        let mut entry = Entry::default();
        for name in self.blobs().keys() {
            let bytes = self.bytes(name).unwrap_or_default();
            entry.insert(name.clone(), bytes.to_owned());
        }
        entry
    }
}

impl OpenEntry for PackedResult {
    fn names(&self) -> Vec<BlobName> {
        self.blobs().keys().cloned().collect()
    }

    fn len(&self, name: &BlobName) -> Option<u64> {
        self.blobs().get(name).map(|range| range.len() as u64)
    }

    fn read(&self, name: &BlobName) -> Result<Option<Vec<u8>>> {
        Ok(self.bytes(name).map(<[u8]>::to_owned))
    }

    fn copy_to(&self, name: &BlobName, mut file: &File) -> Result<bool> {
        let Some(bytes) = self.bytes(name) else {
            return Ok(false);
        };
        match file.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(source) => Err(Error::Target { source }),
        }
    }

    fn raw_path(&self, _: &BlobName) -> Option<PathBuf> {
        None
    }
}

/// Writes the pack under `key`: `newest` under its key, then as many of the results
/// of `older` as there is room for. `manifest` makes the manifest for the results
/// with these keys.
///
/// # Errors
/// What reading a blob's file or writing to `out` gives.
pub fn write(
    out: &mut dyn Write,
    key: &Key,
    newest: (&Key, &Entry),
    older: Option<&Pack>,
    manifest: &dyn Fn(&[Key]) -> Vec<u8>,
) -> std::io::Result<()> {
    let mut size = newest.1.blobs.values().map(length).sum::<u64>();
    let mut keys = vec![*newest.0];
    let mut kept = Vec::new();
    if let Some(older) = older {
        for (index, (key, bytes)) in older.results().enumerate() {
            size += bytes;
            if size > MAX_BYTES || keys.len() == MAX_RESULTS {
                break;
            }
            if !keys.contains(key) {
                keys.push(*key);
                kept.push(index);
            }
        }
    }
    let manifest = manifest(&keys);
    let mut head = Writer::new();
    head.raw(MAGIC);
    head.u32(VERSION);
    head.raw(&key.0);
    head.u64(manifest.len() as u64);
    head.raw(&manifest);
    head.u32(keys.len() as u32);
    out.write_all(&head.bytes)?;
    write_new(out, newest.0, newest.1)?;
    for index in kept {
        let Some(older) = older else { break };
        let (key, blobs) = &older.results[index];
        let mut head = Writer::new();
        head.raw(&key.0);
        head.u32(blobs.len() as u32);
        out.write_all(&head.bytes)?;
        for (name, range) in blobs {
            let content = older.bytes.get(range.clone()).unwrap_or_default();
            write_name(out, name, content.len() as u64)?;
            out.write_all(content)?;
        }
    }
    Ok(())
}

fn write_new(out: &mut dyn Write, key: &Key, entry: &Entry) -> std::io::Result<()> {
    let mut head = Writer::new();
    head.raw(&key.0);
    head.u32(entry.blobs.len() as u32);
    out.write_all(&head.bytes)?;
    for (name, blob) in &entry.blobs {
        match blob {
            Blob::Bytes(bytes) => {
                write_name(out, name, bytes.len() as u64)?;
                out.write_all(bytes)?;
            }
            Blob::File(path) => copy(out, name, path)?,
        }
    }
    Ok(())
}

/// The file may be written to meanwhile: as many bytes as were announced, or an error.
fn copy(out: &mut dyn Write, name: &BlobName, path: &Path) -> std::io::Result<()> {
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    write_name(out, name, length)?;
    let copied = std::io::copy(&mut std::io::Read::take(&mut file, length), out)?;
    match copied == length {
        true => Ok(()),
        false => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

fn write_name(out: &mut dyn Write, name: &BlobName, length: u64) -> std::io::Result<()> {
    let mut head = Writer::new();
    head.text(name.as_str().as_bytes());
    head.u64(length);
    out.write_all(&head.bytes)
}

fn length(blob: &Blob) -> u64 {
    match blob {
        Blob::Bytes(bytes) => bytes.len() as u64,
        Blob::File(path) => fs_err::metadata(path).map_or(u64::MAX >> 8, |m| m.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(output: &[u8]) -> Entry {
        let mut entry = Entry::of(BlobName::OUTPUT, output.to_owned());
        entry.insert(BlobName::EXIT_CODE, b"0".to_vec());
        entry
    }

    fn packed(result: Key, content: &[u8], older: Option<&Pack>) -> Pack {
        let key = Key([7; 32]);
        let mut bytes = Vec::new();
        let names = |keys: &[Key]| keys.iter().map(|key| key.0[0]).collect();
        write(&mut bytes, &key, (&result, &entry(content)), older, &names).unwrap();
        assert!(Pack::read(bytes.clone(), &Key([8; 32])).is_none());
        Pack::read(bytes, &key).unwrap()
    }

    #[test]
    fn results_of_one_command_travel_together_newest_first() {
        let first = packed(Key([1; 32]), b"one", None);
        let both = packed(Key([2; 32]), b"two", Some(&first));
        assert_eq!(both.manifest(), [2, 1]);
        let read = |pack: &Pack, key| {
            let result = pack.result(&Key([key; 32])).unwrap();
            result.read(&BlobName::OUTPUT).unwrap().unwrap()
        };
        assert_eq!(
            (read(&both, 1), read(&both, 2)),
            (b"one".into(), b"two".into())
        );
        let again = packed(Key([1; 32]), b"one", Some(&both));
        assert_eq!(again.manifest(), [1, 2]);
        assert!(again.result(&Key([3; 32])).is_none());
    }

    #[test]
    fn what_is_too_much_stays_behind() {
        let large = vec![1; usize::try_from(MAX_BYTES).unwrap()];
        let first = packed(Key([1; 32]), b"one", None);
        assert_eq!(packed(Key([2; 32]), &large, Some(&first)).manifest(), [2]);
        let mut pack = first;
        for number in 2..20 {
            pack = packed(Key([number; 32]), b"x", Some(&pack));
        }
        assert_eq!(pack.results().count(), MAX_RESULTS);
        assert_eq!(pack.manifest()[0], 19);
    }

    #[test]
    fn a_pack_that_ends_early_is_none() {
        let key = Key([7; 32]);
        let pack = packed(Key([1; 32]), b"one", None);
        for end in 0..pack.bytes.len() {
            assert!(Pack::read(pack.bytes[..end].to_vec(), &key).is_none());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_panic(bytes: Vec<u8>, at in 44usize..120, byte: u8) {
            let key = Key([7; 32]);
            let mut whole = packed(Key([1; 32]), b"one", None).bytes.to_vec();
            if let Some(place) = whole.get_mut(at) {
                *place = byte;
            }
            for bytes in [bytes, whole] {
                if let Some(pack) = Pack::read(bytes, &key) {
                    for (key, _) in pack.results() {
                        let _ = pack.result(key).unwrap().to_entry();
                    }
                }
            }
        }
    }
}
