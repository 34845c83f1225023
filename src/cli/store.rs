//! The store that a configuration describes.

use crate::config::Config;
use standin::{DiskOptions, DiskStore};

/// Opens the local store. This does no I/O.
///
/// # Errors
/// Those of the store.
pub fn open_store(config: &Config) -> crate::store::Result<DiskStore> {
    DiskStore::open(
        &config.dir,
        DiskOptions {
            max_size: config.max_size_bytes(),
            max_age: config.max_age,
            compression: config.compression,
            compression_level: config.compression_level,
            hard_link: config.hard_link,
            umask: config.umask,
            read_only: config.read_only,
        },
    )
}

/// Stands in for `store::disk` until the two are joined.
mod standin {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use crate::entry::{BlobName, Entry};
    use crate::hash::Key;
    use crate::store::{
        CleanOptions, Cleaned, Namespace, OpenEntry, Progress, Result, Store, Usage,
    };

    pub struct DiskOptions {
        pub max_size: Option<u64>,
        pub max_age: Option<Duration>,
        pub compression: bool,
        pub compression_level: i32,
        pub hard_link: bool,
        pub umask: Option<u32>,
        pub read_only: bool,
    }

    pub struct DiskStore(PathBuf);

    impl DiskStore {
        pub fn open(dir: impl Into<PathBuf>, _: DiskOptions) -> Result<DiskStore> {
            Ok(DiskStore(dir.into()))
        }
        pub fn usage_by_namespace(&self) -> Result<Vec<(String, Usage)>> {
            Ok(Vec::new())
        }
    }

    impl Store for DiskStore {
        fn get(&self, _: &Key, _: &BlobName) -> Result<Option<Vec<u8>>> {
            Ok(None)
        }
        fn put(&self, _: &Key, _: &BlobName, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn has(&self, _: &Key) -> Result<bool> {
            Ok(false)
        }
        fn get_entry(&self, _: &Key) -> Result<Option<Box<dyn OpenEntry>>> {
            Ok(None)
        }
        fn put_entry(&self, _: &Key, _: &Entry) -> Result<()> {
            Ok(())
        }
        fn remove(&self, _: &Key) -> Result<bool> {
            Ok(false)
        }
        fn stats(&self) -> Result<Usage> {
            Ok(Usage::default())
        }
        fn clean(&self, _: &CleanOptions, _: Progress<'_>) -> Result<Cleaned> {
            Ok(Cleaned::default())
        }
        fn dir(&self) -> Option<&Path> {
            Some(&self.0)
        }
        fn namespace(&self, _: &Namespace) -> Box<dyn Store> {
            Box::new(DiskStore(self.0.clone()))
        }
    }
}
