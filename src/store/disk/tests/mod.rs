//! Tests of the disk store.

use std::path::{Path, PathBuf};

use super::*;
use crate::entry::Blob;

mod contract;
mod damage;
mod evicting;
mod formats;
mod large;
mod later;
mod layers;
mod mistakes;
mod places;
mod processes;
mod removing;
mod sharing;

/// A store in `dir`.
fn open(dir: &Path, options: DiskOptions) -> DiskStore {
    DiskStore::open(dir, options).expect("opening does nothing")
}

fn plain(dir: &Path) -> DiskStore {
    open(dir, DiskOptions::default())
}

fn namespace(name: &str) -> Namespace {
    Namespace::new(name).expect("a valid namespace")
}

fn name(text: &str) -> BlobName {
    BlobName::new(text).expect("a valid blob name")
}

fn key(n: u32) -> Key {
    let mut bytes = [0xab; 32];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    Key(bytes)
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut hash = 1_u64;
    let mut next = || {
        hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (hash >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// An entry with a raw, a compressed, a small and an empty blob.
fn entry() -> Entry {
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, noise(10_000));
    entry.insert(BlobName::DEPENDENCIES, b"include/x.h\n".repeat(1000));
    entry.insert(BlobName::STDERR, b"warning\n".to_vec());
    entry.insert(BlobName::STDOUT, Vec::new());
    entry
}

fn clean_all(store: &dyn Store) -> Result<Cleaned> {
    let limits = Limits {
        max_size: Some(0),
        max_age: None,
    };
    let options = CleanOptions {
        limits,
        ..CleanOptions::default()
    };
    store.clean(&options, &mut |_, _| ())
}

/// The directory of the one entry of `key` directly in the store at `dir`.
fn path_of(dir: &Path, key: &Key) -> PathBuf {
    scan::entry_path(dir, key)
}

/// What `.tmp` holds, and what is hidden in shards.
fn leftovers(dir: &Path) -> usize {
    let aside = fs::list(&dir.join(temp::DIR)).map_or(0, |names| names.len());
    aside + hidden(dir)
}

/// How many entries are hidden in shards.
fn hidden(dir: &Path) -> usize {
    let shards = scan::shards_below(dir, "").unwrap_or_default();
    let names = shards
        .iter()
        .map(|shard| scan::names_in(&shard.dir).expect("to list it"));
    names.map(|names| names.hidden.len()).sum()
}

/// Whether every blob of [`entry`] is there and right.
fn is_whole(store: &dyn Store, key: &Key) -> bool {
    let Some(open) = store.get_entry(key).expect("a working store") else {
        return false;
    };
    for (name, blob) in &entry().blobs {
        let Blob::Bytes(bytes) = blob else { continue };
        let got = open.read(name).expect("a working store");
        assert!(got.as_ref() == Some(bytes), "wrong bytes in {name}");
    }
    true
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}
