//! The local store in its two parts: results, and the manifests that name them.

use std::path::Path;

use super::disk::{DiskOptions, DiskStore};
use super::{Namespace, Result, Store};
use crate::entry::manifest::{self, NewVariant};
use crate::entry::{BlobName, Entry};
use crate::hash::Key;

/// Where results and manifests are kept.
pub struct Parts {
    pub results: Box<dyn Store>,
    pub manifests: Box<dyn Store>,
    /// The store that both are in.
    pub root: DiskStore,
}

impl Parts {
    /// Of the store in `directory`, below the user's namespace.
    ///
    /// # Errors
    /// Those of [`DiskStore::prepare`]: nothing has been written into a directory
    /// that is not ours.
    pub fn open(directory: &Path, options: DiskOptions, namespace: Option<&str>) -> Result<Parts> {
        let root = DiskStore::open(directory, options)?;
        root.prepare()?;
        Ok(Parts {
            results: part(&root, namespace, "compile"),
            manifests: part(&root, namespace, "manifest"),
            root,
        })
    }

    /// Stores a result, then names it in the manifest under `manifest`.
    ///
    /// # Errors
    /// As [`Store::put_entry`]; a result that no manifest names is of no use, and no harm.
    pub fn store(&self, manifest: &Key, entry: &Entry, variant: &NewVariant) -> Result<()> {
        self.results.put_entry(&variant.result, entry)?;
        self.add_variant(manifest, variant)
    }

    /// Adds a variant to the manifest under `manifest`.
    ///
    /// # Errors
    /// As [`Store::put_entry`].
    pub fn add_variant(&self, manifest: &Key, variant: &NewVariant) -> Result<()> {
        let old = self
            .manifests
            .get(manifest, &BlobName::MANIFEST)
            .unwrap_or(None);
        let new = manifest::with_variant(old.as_deref(), variant);
        self.manifests
            .put_entry(manifest, &Entry::of(BlobName::MANIFEST, new))
    }
}

/// The part of the store for results or manifests.
fn part(root: &DiskStore, namespace: Option<&str>, own: &str) -> Box<dyn Store> {
    let inner = |store: Box<dyn Store>, name: &str| match Namespace::new(name) {
        Ok(namespace) => store.namespace(&namespace),
        // The configuration has refused such a name before it came here.
        Err(_) => store,
    };
    let root: Box<dyn Store> = Box::new(root.clone());
    let user = match namespace {
        Some(name) => inner(root, name),
        None => root,
    };
    inner(user, own)
}
