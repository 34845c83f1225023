//! Entries: what a store keeps under one key.
//!
//! An entry is a small set of named blobs. The names are listed in
//! [`BlobName`]; a compile's further outputs use their role from the option
//! tables as name (`dwo`, `gcno`, ...).

pub mod manifest;

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The name of a blob in an entry: 1 to 64 characters out of `a-z`, `0-9`,
/// `_` and `-`, the first of them a letter. It is a file name in the disk
/// store.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BlobName(std::borrow::Cow<'static, str>);

impl BlobName {
    /// The object or assembly that the compile is about.
    pub const OUTPUT: BlobName = BlobName::constant("output");
    /// What the compiler wrote to standard output.
    pub const STDOUT: BlobName = BlobName::constant("stdout");
    /// What the compiler wrote to standard error.
    pub const STDERR: BlobName = BlobName::constant("stderr");
    /// The compiler's exit code, in ASCII decimal digits.
    pub const EXIT_CODE: BlobName = BlobName::constant("exit_code");
    /// JSON for people and tools; never read on the path of a direct hit.
    pub const METADATA: BlobName = BlobName::constant("metadata");
    /// The dependency list, in the form of [`crate::compiler::depfile`].
    pub const DEPENDENCIES: BlobName = BlobName::constant("dependencies");
    /// The direct mode's manifest.
    pub const MANIFEST: BlobName = BlobName::constant("manifest");

    const fn constant(name: &'static str) -> BlobName {
        BlobName(std::borrow::Cow::Borrowed(name))
    }

    /// A name from the tables or from a store; `None` if it breaks the rule above.
    pub fn new(name: &str) -> Option<BlobName> {
        let valid = (1..=64).contains(&name.len())
            && name.as_bytes()[0].is_ascii_lowercase()
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        valid.then(|| BlobName(name.to_owned().into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BlobName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The content of a blob on its way into a store.
#[derive(Clone, Debug)]
pub enum Blob {
    /// The bytes themselves.
    Bytes(Vec<u8>),
    /// A file whose content is the blob: large outputs are not held in memory.
    File(PathBuf),
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Blob {
        Blob::Bytes(bytes)
    }
}

/// An entry on its way into a store: blobs by name.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The blobs; a name occurs once.
    pub blobs: BTreeMap<BlobName, Blob>,
}

impl Entry {
    /// An entry of one blob.
    pub fn of(name: BlobName, blob: impl Into<Blob>) -> Entry {
        let mut entry = Entry::default();
        entry.insert(name, blob);
        entry
    }

    /// Adds or replaces a blob.
    pub fn insert(&mut self, name: BlobName, blob: impl Into<Blob>) {
        self.blobs.insert(name, blob.into());
    }
}
