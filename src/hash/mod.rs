//! Digests and keys.
//!
//! A [`Digest`] says what bytes are (BLAKE3 of a file's content); a [`Key`]
//! names an entry in a store (SHA-256 over labelled fields). They are separate
//! types so that one cannot be taken for the other.

pub mod assembler;
pub mod file;
pub mod headers;
mod inodes;
mod key;
pub mod scan;
pub mod tokens;

pub use inodes::InodeTable;
pub use key::{Key, KeyHasher};

/// BLAKE3 digest of some content, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_hex(&self.0, f)
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_hex(&self.0, f)
    }
}

fn write_hex(bytes: &[u8], f: &mut impl std::fmt::Write) -> std::fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    for byte in bytes {
        f.write_char(digit(byte >> 4))?;
        f.write_char(digit(*byte))?;
    }
    Ok(())
}
