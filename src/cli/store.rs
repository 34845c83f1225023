//! The store that a configuration describes.

use crate::config::Config;
use crate::engine::disk_options;
use crate::store::disk::DiskStore;

/// Opens the local store. This does no I/O.
///
/// # Errors
/// Those of the store.
pub fn open_store(config: &Config) -> crate::store::Result<DiskStore> {
    DiskStore::open(&config.dir, disk_options(config))
}
