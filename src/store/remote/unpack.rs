//! Unpacking while the manifest is looked at.
//!
//! A pack begins with its manifest. Whether that stands is a question of hundreds of
//! files; meanwhile another thread unpacks the results behind it.

use std::io::{self, Cursor, Read};
use std::thread::JoinHandle;

use super::pack::{self, Pack};
use crate::hash::Key;

/// Smaller packs, in bytes, are unpacked sooner than a thread has been started.
const SMALL: usize = 128 << 10;

/// A pack as it came.
#[derive(Debug)]
pub enum Packed {
    /// All of it.
    Plain(Vec<u8>),
    /// One zstd frame, and how many bytes are in it.
    Compressed(Vec<u8>, usize),
}

/// A pack whose results may still be on their way.
pub struct Unpacking {
    /// The manifest of its results.
    pub manifest: Vec<u8>,
    pub results: Results,
}

/// What comes behind the manifest.
pub enum Results {
    Here(Pack),
    Coming(JoinHandle<Option<Pack>>),
}

impl Results {
    /// The whole pack, once it is there. `None`: it is none.
    pub fn wait(self) -> Option<Pack> {
        match self {
            Results::Here(pack) => Some(pack),
            Results::Coming(thread) => thread.join().ok().flatten(),
        }
    }
}

impl Packed {
    /// Unpacks the pack that was kept under `key`. `None`: it is none.
    pub fn unpack(self, key: &Key) -> Option<Unpacking> {
        let bytes = match self {
            Packed::Plain(bytes) => bytes,
            Packed::Compressed(frame, length) if length < SMALL => {
                zstd::bulk::decompress(&frame, length).ok()?
            }
            Packed::Compressed(frame, length) => return begin(frame, length, key),
        };
        let pack = Pack::read(bytes, key)?;
        Some(Unpacking {
            manifest: pack.manifest().to_owned(),
            results: Results::Here(pack),
        })
    }
}

fn begin(frame: Vec<u8>, length: usize, key: &Key) -> Option<Unpacking> {
    let mut rest = zstd::stream::read::Decoder::with_buffer(Cursor::new(frame)).ok()?;
    let mut bytes = Vec::with_capacity(length + 1);
    read_up_to(&mut rest, pack::HEAD, &mut bytes).ok()?;
    let end = pack::manifest_end(&bytes, key).filter(|end| *end <= length)?;
    read_up_to(&mut rest, end, &mut bytes).ok()?;
    let manifest = bytes.get(pack::HEAD..end)?.to_owned();
    let key = *key;
    let thread = std::thread::Builder::new().spawn(move || {
        // One more byte than there may be shows that there are more.
        read_up_to(&mut rest, length + 1, &mut bytes).ok()?;
        let whole = bytes.len() == length;
        whole.then(|| Pack::read(bytes, &key)).flatten()
    });
    // Without a thread the call compiles.
    let results = Results::Coming(thread.ok()?);
    Some(Unpacking { manifest, results })
}

/// Appends to `bytes` until there are `end` of them, or no more.
fn read_up_to(from: &mut impl Read, end: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let more = end.saturating_sub(bytes.len()) as u64;
    from.take(more).read_to_end(bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{BlobName, Entry};

    const KEY: Key = Key([7; 32]);

    /// A pack with a manifest and an output of these sizes.
    fn packed(manifest: usize, output: usize) -> Vec<u8> {
        let mut random = vec![0; output];
        blake3::Hasher::new().finalize_xof().fill(&mut random);
        let entry = Entry::of(BlobName::OUTPUT, random);
        let mut bytes = Vec::new();
        let result = (&Key([1; 32]), &entry);
        pack::write(&mut bytes, &KEY, result, None, &|_| vec![9; manifest]).unwrap();
        bytes
    }

    fn frame(bytes: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(bytes, 1).unwrap()
    }

    #[test]
    fn the_manifest_comes_first_and_the_results_behind_it() {
        for (manifest, output) in [
            (0, 0),
            (3, 10),
            (5000, 200_000),
            (400_000, 1),
            (70_000, 900_000),
        ] {
            let bytes = packed(manifest, output);
            let ways = [
                Packed::Plain(bytes.clone()),
                Packed::Compressed(frame(&bytes), bytes.len()),
            ];
            for way in ways {
                let unpacking = way.unpack(&KEY).unwrap();
                assert_eq!(unpacking.manifest, vec![9; manifest]);
                let pack = unpacking.results.wait().unwrap();
                assert_eq!(pack.manifest(), vec![9; manifest]);
                assert!(pack.result(&Key([1; 32])).is_some());
            }
        }
    }

    #[test]
    fn what_is_no_pack_is_none() {
        let bytes = packed(100, 300_000);
        let length = bytes.len();
        let whole = |packed: Packed, key| packed.unpack(key).and_then(|found| found.results.wait());
        let compressed = |bytes: &[u8], length| Packed::Compressed(frame(bytes), length);
        assert!(whole(compressed(&bytes, length), &KEY).is_some());
        assert!(whole(compressed(&bytes, length), &Key([8; 32])).is_none());
        assert!(whole(compressed(&bytes, length - 1), &KEY).is_none());
        assert!(whole(compressed(&bytes, length + 1), &KEY).is_none());
        assert!(whole(compressed(&bytes[..length - 1], length - 1), &KEY).is_none());
        assert!(whole(compressed(&bytes[..120], length), &KEY).is_none());
        assert!(whole(Packed::Plain(bytes[..120].to_vec()), &KEY).is_none());
        let cut = frame(&bytes)[..1000].to_vec();
        assert!(whole(Packed::Compressed(cut, length), &KEY).is_none());
        let nonsense = Packed::Compressed(vec![1; 1000], length);
        assert!(whole(nonsense, &KEY).is_none());
        // A manifest that says it is longer than everything.
        let mut long = bytes;
        long[44..52].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(whole(compressed(&long, length), &KEY).is_none());
    }
}
