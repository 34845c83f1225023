//! The inode table: content digests remembered by stamp.
//!
//! A header is read once per change on a machine, not once per compile. The
//! table is a plain file of fixed slots, read and written with `pread` and
//! `pwrite`: no lock, no mapping (a truncated mapping would kill the build).
//! Every slot carries a checksum, so that a torn or foreign slot is an absent
//! one.
//!
//! ```text
//! file   = bucket[32768]
//! bucket = slot[4]
//! slot   = stamp:[40] digest:[32] check:u64     (80 bytes; check = xxh3-64 of the rest)
//! ```

use std::fs::File;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Digest;
use crate::sys::Stamp;

const BUCKETS: u64 = 32_768;
const WAYS: usize = 4;
const SLOT: usize = 80;
const BUCKET: usize = WAYS * SLOT;
/// Part of every checksum: change it with the meaning of a slot or of [`Digest`].
const SEED: u64 = 0x6361_6368_6501;

/// A table of up to 131,072 files, made on first use.
pub struct InodeTable {
    path: PathBuf,
    file: Option<Option<File>>,
}

impl InodeTable {
    /// The table in the file `path`; nothing is opened before it is needed.
    pub fn new(path: PathBuf) -> InodeTable {
        InodeTable { path, file: None }
    }

    /// A table like this one for something else, in the file `name` beside it.
    pub fn beside(&self, name: &str) -> InodeTable {
        InodeTable::new(self.path.with_file_name(name))
    }

    fn file(&mut self) -> Option<&File> {
        let path = &self.path;
        self.file
            .get_or_insert_with(|| open(path, OFlags::RDWR).or_else(|| open(path, OFlags::RDONLY)))
            .as_ref()
    }

    /// The digest of the content that had `stamp`, if it is remembered.
    pub fn get(&mut self, stamp: &Stamp) -> Option<Digest> {
        let mut bucket = [0; BUCKET];
        self.read(stamp, &mut bucket)?;
        bucket
            .chunks_exact(SLOT)
            .filter_map(decode)
            .find(|(found, _)| found == stamp)
            .map(|(_, digest)| digest)
    }

    /// Remembers a digest. `stamp` must have been settled before the content
    /// was read. A failure is no failure: the next reader digests again.
    pub fn put(&mut self, stamp: &Stamp, digest: &Digest) {
        let mut bucket = [0; BUCKET];
        if self.read(stamp, &mut bucket).is_none() {
            self.create();
            bucket = [0; BUCKET];
        }
        let slots: Vec<_> = bucket.chunks_exact(SLOT).map(decode).collect();
        let same = slots.iter().position(|slot| {
            matches!(slot, Some((old, _)) if (old.device, old.inode) == (stamp.device, stamp.inode))
        });
        let free = || slots.iter().position(Option::is_none);
        let victim = same
            .or_else(free)
            .unwrap_or((stamp.changed as u64 >> 10) as usize % WAYS);
        let at = bucket_of(stamp) * BUCKET as u64 + (victim * SLOT) as u64;
        if let Some(file) = self.file() {
            let _ = rustix::io::pwrite(file, &encode(stamp, digest), at);
        }
    }

    /// [`InodeTable::put`] where it is not known yet.
    pub fn learn(&mut self, stamp: &Stamp, digest: &Digest) {
        if self.get(stamp) != Some(*digest) {
            self.put(stamp, digest);
        }
    }

    fn read(&mut self, stamp: &Stamp, bucket: &mut [u8; BUCKET]) -> Option<()> {
        let at = bucket_of(stamp) * BUCKET as u64;
        let file = self.file()?;
        // A short read leaves zeroes, which no checksum fits.
        rustix::io::pread(file, &mut bucket[..], at).ok()?;
        Some(())
    }

    fn create(&mut self) {
        if let Some(parent) = self.path.parent() {
            let _ = fs_err::create_dir_all(parent);
        }
        self.file = Some(open(&self.path, OFlags::RDWR | OFlags::CREATE));
    }
}

fn open(path: &std::path::Path, flags: OFlags) -> Option<File> {
    let mode = Mode::from_raw_mode(0o666);
    rustix::fs::open(path, flags | OFlags::CLOEXEC, mode)
        .ok()
        .map(File::from)
}

fn bucket_of(stamp: &Stamp) -> u64 {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&stamp.device.to_le_bytes());
    id[8..].copy_from_slice(&stamp.inode.to_le_bytes());
    xxh3_64_with_seed(&id, SEED) % BUCKETS
}

fn encode(stamp: &Stamp, digest: &Digest) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..40].copy_from_slice(&stamp.encode());
    slot[40..72].copy_from_slice(&digest.0);
    let check = xxh3_64_with_seed(&slot[..72], SEED);
    slot[72..].copy_from_slice(&check.to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(Stamp, Digest)> {
    let (stamp, rest) = slot.split_first_chunk::<{ Stamp::LEN }>()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let check = u64::from_le_bytes(*rest.first_chunk()?);
    if check != xxh3_64_with_seed(slot.get(..72)?, SEED) {
        return None;
    }
    Some((Stamp::decode(stamp), Digest(*digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(inode: u64, changed: i64) -> Stamp {
        Stamp {
            device: 7,
            inode,
            size: 100,
            modified: 5,
            changed,
        }
    }

    #[test]
    fn remembers_by_the_whole_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/inodes");
        let mut table = InodeTable::new(path.clone());
        assert_eq!(table.get(&stamp(1, 1)), None);
        table.put(&stamp(1, 1), &Digest([1; 32]));
        table.put(&stamp(2, 1), &Digest([2; 32]));
        assert_eq!(table.get(&stamp(1, 1)), Some(Digest([1; 32])));
        assert_eq!(table.get(&stamp(1, 2)), None);
        table.put(&stamp(1, 2), &Digest([3; 32]));
        let mut again = InodeTable::new(path);
        assert_eq!(again.get(&stamp(1, 1)), None);
        assert_eq!(again.get(&stamp(1, 2)), Some(Digest([3; 32])));
        assert_eq!(again.get(&stamp(2, 1)), Some(Digest([2; 32])));
    }

    #[test]
    fn damage_is_absence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inodes");
        let mut table = InodeTable::new(path.clone());
        table.put(&stamp(1, 1), &Digest([1; 32]));
        let mut bytes = fs_err::read(&path).unwrap();
        let at = bytes.len() - 20;
        bytes[at] ^= 1;
        fs_err::write(&path, &bytes).unwrap();
        assert_eq!(table.get(&stamp(1, 1)), None);
        fs_err::write(&path, b"short").unwrap();
        assert_eq!(table.get(&stamp(1, 1)), None);
        table.put(&stamp(1, 1), &Digest([4; 32]));
        assert_eq!(table.get(&stamp(1, 1)), Some(Digest([4; 32])));
    }

    #[test]
    fn more_files_than_slots_push_each_other_out_but_never_lie() {
        let dir = tempfile::tempdir().unwrap();
        let mut table = InodeTable::new(dir.path().join("inodes"));
        for inode in 0..2000u64 {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&inode.to_le_bytes());
            table.put(&stamp(inode, inode as i64), &Digest(digest));
        }
        for inode in 0..2000u64 {
            if let Some(digest) = table.get(&stamp(inode, inode as i64)) {
                assert_eq!(digest.0[..8], inode.to_le_bytes());
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        /// A table of any bytes knows nothing, and takes what it is told.
        #[test]
        fn any_bytes_are_an_empty_table(bytes in proptest::collection::vec(0u8.., 0..4000), inode: u64) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("inodes");
            fs_err::write(&path, bytes.repeat(20)).unwrap();
            let mut table = InodeTable::new(path);
            let stamp = stamp(inode, 1);
            proptest::prop_assert_eq!(table.get(&stamp), None);
            table.put(&stamp, &Digest([7; 32]));
            proptest::prop_assert_eq!(table.get(&stamp), Some(Digest([7; 32])));
        }
    }
}
