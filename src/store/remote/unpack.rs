//! Unpacking while the manifest is looked at.
//!
//! A pack begins with its manifest. Whether that stands is a question of hundreds of
//! files; meanwhile another thread unpacks the results behind it.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use zstd::bulk::Decompressor;
use zstd::zstd_safe::find_frame_compressed_size;

use super::pack::{self, Pack};
use crate::hash::Key;
use crate::sys::processor::Seat;

/// Smaller packs, in bytes, are unpacked sooner than handed over.
const SMALL: usize = 64 << 10;

/// A pack as it came.
#[derive(Debug)]
pub enum Packed {
    /// All of it.
    Plain(Vec<u8>),
    /// Frames of zstd, the first of which has the manifest, and how many bytes are in all
    /// of them.
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

/// The frames, and how many bytes are in them.
type Work = (Arc<Vec<u8>>, usize, Key);

/// A thread that waits for a pack to unpack. Started while a server is asked, when that
/// costs no time.
#[derive(Debug)]
pub struct Unpacker(Option<Helper>);

#[derive(Debug)]
struct Helper {
    work: Sender<Work>,
    seat: Receiver<Seat>,
    thread: JoinHandle<Option<Pack>>,
}

impl Unpacker {
    pub fn start() -> Unpacker {
        let (work, coming) = mpsc::channel::<Work>();
        let (sitting, seat) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            let own = Seat::own();
            own.and_then(|own| sitting.send(own).ok());
            let mut decompressor = Decompressor::new().ok()?;
            let (frames, length, key) = coming.recv().ok()?;
            own.inspect(Seat::release);
            whole(&mut decompressor, &frames, length, &key)
        });
        Unpacker(thread.ok().map(|thread| Helper { work, seat, thread }))
    }

    /// Unpacks the pack that was kept under `key`. `None`: it is none.
    pub fn unpack(self, packed: Packed, key: &Key) -> Option<Unpacking> {
        let (frames, length) = match packed {
            Packed::Plain(bytes) => return Some(here(Pack::read(bytes, key)?)),
            Packed::Compressed(frames, length) => (frames, length),
        };
        let mut decompressor = Decompressor::new().ok()?;
        let first = find_frame_compressed_size(&frames).ok()?;
        let helper = match self.0 {
            Some(helper) if length >= SMALL && first < frames.len() => helper,
            _ => return Some(here(whole(&mut decompressor, &frames, length, key)?)),
        };
        let frames = Arc::new(frames);
        if let Ok(seat) = helper.seat.try_recv() {
            seat.keep_off_mine();
        }
        helper.work.send((frames.clone(), length, *key)).ok()?;
        // The other thread does that too: sooner done than to put the two together.
        let manifest = decompressor.decompress(frames.get(..first)?, length);
        let mut manifest = manifest.ok()?;
        manifest.truncate(pack::manifest_end(&manifest, key)?);
        manifest.drain(..pack::HEAD);
        Some(Unpacking {
            manifest,
            results: Results::Coming(helper.thread),
        })
    }
}

fn here(pack: Pack) -> Unpacking {
    Unpacking {
        manifest: pack.manifest().to_owned(),
        results: Results::Here(pack),
    }
}

/// The pack of `length` bytes that is in `frames`.
fn whole(
    decompressor: &mut Decompressor<'_>,
    frames: &[u8],
    length: usize,
    key: &Key,
) -> Option<Pack> {
    let bytes = decompressor.decompress(frames, length).ok()?;
    (bytes.len() == length).then(|| Pack::read(bytes, key))?
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

    /// As they are written: one that ends with the manifest, one of the rest.
    fn frames(bytes: &[u8]) -> Vec<u8> {
        let (manifest, rest) = bytes.split_at(pack::manifest_end(bytes, &KEY).unwrap());
        [frame(manifest), frame(rest)].concat()
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
                Packed::Compressed(frames(&bytes), bytes.len()),
            ];
            for way in ways {
                let unpacking = Unpacker::start().unpack(way, &KEY).unwrap();
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
        let whole = |packed: Packed, key| {
            let found = Unpacker::start().unpack(packed, key);
            found.and_then(|found| found.results.wait())
        };
        for compress in [frame, frames] {
            let compressed = |bytes: &[u8], length| Packed::Compressed(compress(bytes), length);
            assert!(whole(compressed(&bytes, length), &KEY).is_some());
            assert!(whole(compressed(&bytes, length), &Key([8; 32])).is_none());
            assert!(whole(compressed(&bytes, length - 1), &KEY).is_none());
            assert!(whole(compressed(&bytes, length + 1), &KEY).is_none());
            assert!(whole(compressed(&bytes[..length - 1], length - 1), &KEY).is_none());
            assert!(whole(compressed(&bytes[..180], length), &KEY).is_none());
        }
        let three = [frames(&bytes), frame(b"more")].concat();
        assert!(whole(Packed::Compressed(three, length), &KEY).is_none());
        let parts = frames(&bytes);
        let first = find_frame_compressed_size(&parts).unwrap();
        assert!(whole(Packed::Compressed(parts[..first].to_vec(), length), &KEY).is_none());
        assert!(whole(Packed::Plain(bytes[..120].to_vec()), &KEY).is_none());
        let cut = frame(&bytes)[..1000].to_vec();
        assert!(whole(Packed::Compressed(cut, length), &KEY).is_none());
        let nonsense = Packed::Compressed(vec![1; 1000], length);
        assert!(whole(nonsense, &KEY).is_none());
        // A manifest that says it is longer than everything.
        let mut long = bytes;
        long[44..52].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(whole(Packed::Compressed(frame(&long), length), &KEY).is_none());
    }
}
