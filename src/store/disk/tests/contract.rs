//! The contract that every store keeps, on all kinds of disk stores.

use super::*;
use crate::store::conformance;

/// Runs the suite on stores that `make` makes in fresh directories.
fn conforms(make: impl Fn(&Path, Limits) -> DiskStore) {
    let dirs = tempfile::tempdir().expect("a temporary directory");
    let count = std::cell::Cell::new(0);
    conformance::run(&|limits| {
        count.set(count.get() + 1);
        Box::new(make(&dirs.path().join(count.get().to_string()), limits))
    });
}

fn limited(limits: Limits) -> DiskOptions {
    DiskOptions {
        max_size: limits.max_size,
        max_age: limits.max_age,
        ..DiskOptions::default()
    }
}

#[test]
fn a_disk_store_keeps_it() {
    conforms(|dir, limits| open(dir, limited(limits)));
}

#[test]
fn a_namespace_keeps_it() {
    conforms(|dir, limits| {
        let root = open(dir, DiskOptions::default());
        root.namespace_with(&namespace("project"), Limits::default())
            .namespace_with(&namespace("compile"), limits)
    });
}

#[test]
fn a_shared_store_without_compression_keeps_it() {
    conforms(|dir, limits| {
        let options = DiskOptions {
            compression: Compress::Never,
            umask: Some(0o002),
            hard_link: true,
            ..limited(limits)
        };
        open(dir, options)
    });
}
