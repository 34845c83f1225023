//! What is made ready for entries that are going to be stored, while there is time
//! for it: where many files were removed lately, to make one can take a third of a
//! millisecond.

use super::temp::WorkDir;
use super::{DiskStore, Shared, marker};
use crate::entry::BlobName;
use crate::hash::Key;
use crate::sys::fs;

/// What is there for the next puts.
#[derive(Default)]
pub(crate) struct Ready {
    works: Vec<WorkDir>,
    /// Whether what is stored now is compressed, if that was asked.
    compresses: Option<bool>,
}

impl DiskStore {
    /// [`crate::store::Store::expect_put`].
    pub(super) fn make_ready(&self, near: &Key, blobs: &[BlobName]) {
        let shared = &self.shared;
        // Where nothing is a store yet, nothing is made for what may not come.
        if shared.options.read_only || !marker::is_store(&shared.root) {
            return;
        }
        // A link takes a name that nothing has.
        let blobs = match shared.options.hard_link {
            true => &[],
            false => blobs,
        };
        let compresses = shared.compresses();
        {
            let mut ready = shared.ready();
            let ready = ready.get_or_insert_default();
            ready.compresses = Some(compresses);
            let spare = ready.works.first();
            let spare = spare.and_then(|made| WorkDir::spare(&shared.root, made));
            let work = spare.or_else(|| WorkDir::make(&shared.root, shared.modes).ok());
            ready
                .works
                .extend(work.map(|work| work.with_files(blobs, shared.modes)));
        }
        self.visit_shard(near);
    }

    /// [`crate::store::Store::expect_no_more`].
    pub(super) fn drop_ready(&self) {
        let shared = &self.shared;
        let left = shared.ready().take();
        if let Some(work) = left.into_iter().flat_map(|ready| ready.works).next() {
            work.keep(&shared.root);
        }
    }

    /// Makes the shard of `near` if it is missing, and reads it if the system has
    /// forgotten it: that is an access to the disk, or two, in the rename into it.
    fn visit_shard(&self, near: &Key) {
        let place = self.place(near);
        let shard = place.path.parent().unwrap_or(&self.dir);
        if fs::lstat(&place.path).is_err() && fs::lstat(shard).is_err() {
            // The put says what is wrong.
            let _ = self.shared.make_dirs_to(&place);
        }
    }
}

impl Shared {
    /// A work directory that has no files but those of `blobs`.
    pub(super) fn take_ready(&self, blobs: &[&BlobName]) -> Option<WorkDir> {
        let mut ready = self.ready();
        let works = &mut ready.as_mut()?.works;
        let fits = works.iter().position(|work| work.is_for(blobs))?;
        Some(works.swap_remove(fits))
    }

    /// Whether what is stored now is compressed.
    pub(super) fn compresses_now(&self) -> bool {
        let asked = self.ready().as_ref().and_then(|ready| ready.compresses);
        asked.unwrap_or_else(|| self.compresses())
    }
}
