//! The labelled, length-prefixed key hasher.

use sha2::{Digest as _, Sha256};

/// The name of an entry in a store: 32 bytes, opaque to the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        // A `String` takes everything.
        let _ = super::write_hex(&self.0, &mut text);
        text
    }

    /// This key with the first byte of `other`, so that both entries are in one shard of
    /// a disk store: who knows `other` can look where this one will be before it is known.
    pub fn in_shard_of(mut self, other: &Key) -> Key {
        self.0[0] = other.0[0];
        self
    }

    /// The key that [`Key::hex`] prints as `text`; `None` if `text` is not
    /// exactly 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Key> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Key(bytes))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::write_hex(&self.0, f)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::write_hex(&self.0, f)
    }
}

/// SHA-256 over labelled fields.
///
/// Each field enters the hash as `label length (u32 LE), label, value length
/// (u64 LE), value`, so that no two different lists of fields hash the same
/// bytes. The domain is the first field: keys of different domains never meet.
pub struct KeyHasher {
    state: Sha256,
    log: Option<Vec<(String, Vec<u8>)>>,
}

impl KeyHasher {
    /// A hasher for keys of `domain` (for example `manifest`).
    pub fn new(domain: &str) -> KeyHasher {
        let mut hasher = KeyHasher {
            state: Sha256::new(),
            log: None,
        };
        hasher.field("domain", domain.as_bytes());
        hasher
    }

    /// The same, but remembers every field for [`KeyHasher::fields`].
    pub fn recording(domain: &str) -> KeyHasher {
        let mut hasher = KeyHasher {
            state: Sha256::new(),
            log: Some(Vec::new()),
        };
        hasher.field("domain", domain.as_bytes());
        hasher
    }

    /// Adds one field.
    pub fn field(&mut self, label: &str, value: &[u8]) {
        self.state.update((label.len() as u32).to_le_bytes());
        self.state.update(label.as_bytes());
        self.state.update((value.len() as u64).to_le_bytes());
        self.state.update(value);
        if let Some(log) = &mut self.log {
            log.push((label.to_owned(), value.to_owned()));
        }
    }

    /// The fields so far, in order, if this hasher records them.
    pub fn fields(&self) -> &[(String, Vec<u8>)] {
        self.log.as_deref().unwrap_or_default()
    }

    /// The key of the fields so far.
    pub fn finish(self) -> Key {
        Key(self.state.finalize().into())
    }
}
