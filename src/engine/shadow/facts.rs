//! What names in directories were while the compiler ran.
//!
//! The guard asks for hundreds of names after each compile. A thread that has
//! nothing else to do meanwhile asks first and keeps what a directory's stamp can
//! vouch for: a name that was asked for after the stamp was taken, in a directory
//! whose stamp is still the same, is what it was. What does not hold afterwards is
//! asked for once more.

use std::collections::HashSet;
use std::path::Path;

use super::{Kind, Map, or_here};
use crate::sys::Stamp;

/// Answers that may be used again.
#[derive(Default)]
pub struct Facts {
    pub(super) kinds: Map<Kind>,
    pub(super) stamps: Map<Stamp>,
    /// Of a header that is not read, only the name counts: none can have been taken
    /// for another ([`crate::engine::once`]).
    pub(super) by_name: bool,
}

impl Facts {
    /// What still holds now. `unmoved` are files whose own stamps are known not to
    /// have moved since: a directory does not tell when a file in it is changed, which
    /// matters where the compiler may have looked into it and kept silent.
    pub fn confirmed(mut self, unmoved: &HashSet<&Path>) -> Facts {
        self.stamps.retain(|path, stamp| {
            Stamp::of_path(or_here(Path::new(path))).is_ok_and(|now| now == *stamp)
        });
        let (stamps, by_name) = (&self.stamps, self.by_name);
        let vouched = |path: &Path| {
            path.parent()
                .is_some_and(|dir| stamps.contains_key(dir.as_os_str()))
        };
        self.kinds.retain(|path, kind| {
            vouched(Path::new(path))
                && match kind {
                    Kind::Absent => true,
                    Kind::Directory => stamps.contains_key(path),
                    Kind::File => by_name || unmoved.contains(Path::new(path)),
                    Kind::Dangling => false,
                }
        });
        self
    }
}
