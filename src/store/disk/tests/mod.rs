//! Tests of the disk store.

use std::path::Path;

use super::*;

mod contract;

/// A store in `dir`.
fn open(dir: &Path, options: DiskOptions) -> DiskStore {
    DiskStore::open(dir, options).expect("opening does nothing")
}

fn namespace(name: &str) -> Namespace {
    Namespace::new(name).expect("a valid namespace")
}
