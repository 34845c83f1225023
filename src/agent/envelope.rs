//! The envelope: what a pack is in while it lies on a server.
//!
//! ```text
//! object = "cacheobj" version:u32 key:[32] raw:u64 stored:u64 digest:[32]
//!          proof:u8 by:[96] check:[8] content
//! ```
//!
//! Little endian. `content` is the pack compressed by zstd, `stored` bytes that become
//! `raw`: a frame to the end of its manifest and one of the rest, so that the manifest
//! can be had first and each of the two in one go; `digest` is its BLAKE3. `by` proves
//! who wrote all of that: nothing (`proof` 0), an HMAC-SHA256 (1, 32 bytes and zeros),
//! or an Ed25519 public key and
//! its signature (2), each over the head with `by` and `check` all zeros. `check` is
//! the beginning of the BLAKE3 of the head before it: with it any other byte is noticed,
//! also in a proof that nobody here can check. Nothing of an object is used before its
//! head is believed, nothing of its content before the digest fits.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::stores::Trust;
use crate::hash::Key;
use crate::store::remote::pack;

const MAGIC: &[u8; 8] = b"cacheobj";
const VERSION: u32 = 1;
const HEAD: usize = CHECK + 8;
const PROOF: usize = 8 + 4 + 32 + 8 + 8 + 32;
const CHECK: usize = PROOF + 1 + 96;

/// Objects are written once and read by many.
const LEVEL: i32 = 3;

/// Why an object is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not what was written: cut off, altered, of another key or version.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Not written by whom `verify` asks for.
    #[error("not trusted: {0}")]
    Untrusted(&'static str),
    /// Ours to read or write it failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// [`Trust`] with its keys.
pub enum Keys {
    None,
    Hmac(Vec<u8>),
    Ed25519 {
        believed: Vec<VerifyingKey>,
        own: Option<Box<SigningKey>>,
    },
}

impl Keys {
    /// Reads the keys' files.
    ///
    /// # Errors
    /// In words, without the keys.
    pub fn read(trust: &Trust) -> Result<Keys, String> {
        match trust {
            Trust::Checksum => Ok(Keys::None),
            Trust::Hmac { key_file } => {
                let key = bytes_of(key_file)?;
                match key.len() {
                    0..16 => Err(format!(
                        "{}: a key has 16 bytes or more",
                        key_file.display()
                    )),
                    _ => Ok(Keys::Hmac(key)),
                }
            }
            Trust::Ed25519 {
                public_keys,
                signing_key_file,
            } => {
                let believed = public_keys.iter().map(|text| {
                    let bytes = STANDARD.decode(text.trim()).ok();
                    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                    bytes
                        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
                        .ok_or_else(|| format!("public_keys: {text:?} is not 32 bytes in base64"))
                });
                let own = signing_key_file.as_deref().map(|file| {
                    let text = bytes_of(file)?;
                    let bytes = STANDARD.decode(text.trim_ascii()).ok();
                    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                    bytes
                        .map(|bytes| Box::new(SigningKey::from_bytes(&bytes)))
                        .ok_or_else(|| format!("{}: not 32 bytes in base64", file.display()))
                });
                Ok(Keys::Ed25519 {
                    believed: believed.collect::<Result<_, _>>()?,
                    own: own.transpose()?,
                })
            }
        }
    }

    /// Whether what is written would be believed.
    pub fn can_write(&self) -> bool {
        !matches!(self, Keys::Ed25519 { own: None, .. })
    }

    fn prove(&self, head: &mut [u8; HEAD]) {
        match self {
            Keys::None => {}
            Keys::Hmac(key) => {
                head[PROOF] = 1;
                if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
                    mac.update(head);
                    head[PROOF + 1..PROOF + 33].copy_from_slice(&mac.finalize().into_bytes());
                }
            }
            Keys::Ed25519 { own, .. } => {
                let Some(own) = own else { return };
                head[PROOF] = 2;
                let signature = own.sign(head);
                head[PROOF + 1..PROOF + 33].copy_from_slice(own.verifying_key().as_bytes());
                head[PROOF + 33..CHECK].copy_from_slice(&signature.to_bytes());
            }
        }
    }

    fn check(&self, head: &[u8; HEAD]) -> Result<(), Unusable> {
        let mut bare = *head;
        bare[PROOF + 1..].fill(0);
        let by = &head[PROOF + 1..CHECK];
        match self {
            Keys::None => Ok(()),
            Keys::Hmac(key) => {
                let mac = Hmac::<Sha256>::new_from_slice(key).ok();
                let fits = head[PROOF] == 1
                    && by[32..].iter().all(|byte| *byte == 0)
                    && mac.is_some_and(|mut mac| {
                        mac.update(&bare);
                        mac.verify_slice(&by[..32]).is_ok()
                    });
                match fits {
                    true => Ok(()),
                    false => Err(Unusable::Untrusted("its HMAC is not of our key")),
                }
            }
            Keys::Ed25519 { believed, .. } => {
                let (key, signature) = by.split_at(32);
                let key = believed.iter().find(|believed| believed.as_bytes() == key);
                let signature = Signature::from_slice(signature).ok();
                let fits = head[PROOF] == 2
                    && key.zip(signature).is_some_and(|(key, signature)| {
                        key.verify_strict(&bare, &signature).is_ok()
                    });
                match fits {
                    true => Ok(()),
                    false => Err(Unusable::Untrusted(
                        "it is not signed by a key of public_keys",
                    )),
                }
            }
        }
    }
}

fn check_of(head: &[u8; HEAD]) -> [u8; 8] {
    let digest = blake3::hash(&head[..CHECK]);
    std::array::from_fn(|index| digest.as_bytes()[index])
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, String> {
    fs_err::read(file).map_err(|error| error.to_string())
}

/// Puts the pack of `raw` bytes into an envelope.
///
/// # Errors
/// Those of reading and writing.
pub fn seal(
    mut pack: impl Read,
    raw: u64,
    key: &Key,
    keys: &Keys,
    out: &mut (impl Write + Seek),
) -> io::Result<()> {
    out.write_all(&[0; HEAD])?;
    let mut hashing = Hashing {
        inner: &mut *out,
        hasher: blake3::Hasher::new(),
        bytes: 0,
    };
    let mut start = Vec::new();
    pack.by_ref()
        .take(pack::HEAD as u64)
        .read_to_end(&mut start)?;
    let manifest = pack::manifest_end(&start, key).map_or(raw, |end| raw.min(end as u64));
    let mut pack = io::Cursor::new(start).chain(pack);
    for length in [manifest, raw - manifest] {
        if length > 0 || raw == 0 {
            let mut encoder = zstd::Encoder::new(&mut hashing, LEVEL)?;
            encoder.set_pledged_src_size(Some(length))?;
            // One that ends early is an error.
            io::copy(&mut pack.by_ref().take(length), &mut encoder)?;
            encoder.finish()?;
        }
    }
    if io::copy(&mut pack, &mut io::sink())? > 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (digest, stored) = (hashing.hasher.finalize(), hashing.bytes);
    let mut head = [0; HEAD];
    let mut rest = &mut head[..];
    rest.write_all(MAGIC)?;
    rest.write_all(&VERSION.to_le_bytes())?;
    rest.write_all(&key.0)?;
    rest.write_all(&raw.to_le_bytes())?;
    rest.write_all(&stored.to_le_bytes())?;
    rest.write_all(digest.as_bytes())?;
    keys.prove(&mut head);
    let check = check_of(&head);
    head[CHECK..].copy_from_slice(&check);
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&head)?;
    out.flush()
}

struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Checking<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Checking<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}

/// The length of the pack in an object, by its head: not to be believed yet.
pub fn announced(object: &mut impl Read) -> Option<u64> {
    let mut head = [0; HEAD];
    object.read_exact(&mut head).ok()?;
    Some(u64::from_le_bytes(*head[44..].first_chunk()?))
}

/// Takes the pack out of an object of `length` bytes. After an error, what `out` got
/// is worth nothing.
///
/// # Errors
/// Why the object is not to be used.
pub fn open(
    mut object: impl Read,
    length: u64,
    key: &Key,
    keys: &Keys,
    out: &mut impl Write,
) -> Result<(), Unusable> {
    let mut head = [0; HEAD];
    object
        .read_exact(&mut head)
        .map_err(|_| Unusable::Damaged("shorter than its head"))?;
    let (raw, stored) = believed(&head, length, key, keys)?;
    let mut checking = Checking {
        inner: object.take(stored),
        hasher: blake3::Hasher::new(),
    };
    let unpacked = zstd::Decoder::new(&mut checking)
        .and_then(|decoder| io::copy(&mut decoder.take(raw.saturating_add(1)), out));
    // What zstd did not want to read counts too.
    let drained = io::copy(&mut checking, &mut io::sink());
    let fits = checking.hasher.finalize().as_bytes()[..] == head[60..92];
    match (unpacked, drained) {
        (Ok(bytes), Ok(_)) if fits && bytes == raw => Ok(()),
        (Err(error), _) if fits => Err(error.into()),
        _ => Err(Unusable::Damaged("its content is not what was written")),
    }
}

/// As [`open`], of an object in memory whose pack has up to `most` bytes: it is believed,
/// and [`content`] is what was written. The pack's length; `Ok(None)`: it has more.
///
/// # Errors
/// As [`open`].
pub fn check(
    object: &[u8],
    key: &Key,
    keys: &Keys,
    most: usize,
) -> Result<Option<usize>, Unusable> {
    let head = object
        .first_chunk::<HEAD>()
        .ok_or(Unusable::Damaged("shorter than its head"))?;
    let (raw, _) = believed(head, object.len() as u64, key, keys)?;
    let Some(raw) = usize::try_from(raw).ok().filter(|raw| *raw <= most) else {
        return Ok(None);
    };
    match blake3::hash(content(object)).as_bytes()[..] == head[60..92] {
        true => Ok(Some(raw)),
        false => Err(Unusable::Damaged("its content is not what was written")),
    }
}

/// What an object holds: the pack, compressed by zstd.
pub fn content(object: &[u8]) -> &[u8] {
    object.get(HEAD..).unwrap_or_default()
}

/// The lengths of the pack and of its compressed form, by the head of an object that has
/// `length` bytes.
fn believed(
    head: &[u8; HEAD],
    length: u64,
    key: &Key,
    keys: &Keys,
) -> Result<(u64, u64), Unusable> {
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| head[at + index]));
    if &head[..8] != MAGIC || head[8..12] != VERSION.to_le_bytes() {
        return Err(Unusable::Damaged("not an object of this version"));
    }
    if head[CHECK..] != check_of(head) {
        return Err(Unusable::Damaged("its head is not what was written"));
    }
    if head[12..44] != key.0 {
        return Err(Unusable::Damaged("it was stored under another key"));
    }
    keys.check(head)?;
    let (raw, stored) = (number(44), number(52));
    if stored != length.saturating_sub(HEAD as u64) {
        return Err(Unusable::Damaged("cut off, or longer than it was"));
    }
    Ok((raw, stored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{BlobName, Entry};
    use std::io::Cursor;

    const KEY: Key = Key([9; 32]);
    const TEXT: &[u8] = b"a pack a pack a pack a pack";

    fn sealed(keys: &Keys) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        seal(TEXT, TEXT.len() as u64, &KEY, keys, &mut out).unwrap();
        out.into_inner()
    }

    fn opened(object: &[u8], keys: &Keys) -> Result<Vec<u8>, Unusable> {
        let mut out = Vec::new();
        open(object, object.len() as u64, &KEY, keys, &mut out).map(|()| out)
    }

    /// Alters a byte of the head as somebody does who knows how it is checked.
    fn forged(keys: &Keys, at: usize) -> Vec<u8> {
        let mut object = sealed(keys);
        object[at] ^= 1;
        let mut head: [u8; HEAD] = *object.first_chunk().unwrap();
        let check = check_of(&head);
        head[CHECK..].copy_from_slice(&check);
        object[..HEAD].copy_from_slice(&head);
        object
    }

    #[test]
    fn who_has_no_key_cannot_alter_a_head() {
        for keys in [Keys::Hmac(vec![1; 32]), pair(1, &[1])] {
            for at in 0..CHECK {
                assert!(opened(&forged(&keys, at), &keys).is_err(), "byte {at}");
            }
        }
        // What a checksum protects everybody can make anew, but not for another key.
        for at in 0..PROOF {
            assert!(opened(&forged(&Keys::None, at), &Keys::None).is_err());
        }
    }

    fn pair(own: u8, believed: &[u8]) -> Keys {
        let key = |seed: u8| SigningKey::from_bytes(&[seed; 32]);
        Keys::Ed25519 {
            believed: believed
                .iter()
                .map(|seed| key(*seed).verifying_key())
                .collect(),
            own: Some(Box::new(key(own))),
        }
    }

    #[test]
    fn comes_out_as_it_went_in() {
        for keys in [Keys::None, Keys::Hmac(vec![1; 32]), pair(1, &[1])] {
            assert_eq!(opened(&sealed(&keys), &keys).unwrap(), TEXT);
            assert_eq!(announced(&mut &sealed(&keys)[..]), Some(TEXT.len() as u64));
        }
    }

    #[test]
    fn a_pack_has_two_frames_and_its_whole_length() {
        let mut pack = Vec::new();
        let entry = Entry::of(BlobName::OUTPUT, vec![3; 5000]);
        let result = (&Key([1; 32]), &entry);
        pack::write(&mut pack, &KEY, result, None, &|_| vec![7; 300]).unwrap();
        let length = pack.len() as u64;
        let mut out = Cursor::new(Vec::new());
        seal(&pack[..], length, &KEY, &Keys::None, &mut out).unwrap();
        let object = out.into_inner();
        assert_eq!(opened(&object, &Keys::None).unwrap(), pack);
        let first = zstd::zstd_safe::find_frame_compressed_size(content(&object)).unwrap();
        let manifest = zstd::bulk::decompress(&content(&object)[..first], pack.len()).unwrap();
        assert_eq!(manifest, pack[..pack::HEAD + 300]);
        for wrong in [0, 20, 200, length - 1, length + 1] {
            let mut out = Cursor::new(Vec::new());
            assert!(seal(&pack[..], wrong, &KEY, &Keys::None, &mut out).is_err());
        }
    }

    #[test]
    fn any_changed_byte_and_any_length_is_noticed() {
        for keys in [Keys::None, Keys::Hmac(vec![1; 32]), pair(1, &[1])] {
            let whole = sealed(&keys);
            for at in 0..whole.len() {
                let mut other = whole.clone();
                other[at] ^= 1;
                assert!(opened(&other, &keys).is_err(), "byte {at}");
                // Who wrote it does not matter if nobody asks, and still is noticed.
                assert!(opened(&other, &Keys::None).is_err(), "byte {at}");
                assert!(opened(&whole[..at], &keys).is_err());
            }
            let mut longer = whole.clone();
            longer.push(0);
            assert!(opened(&longer, &keys).is_err());
        }
    }

    #[test]
    fn another_key_is_not_it() {
        let mut out = Vec::new();
        let object = sealed(&Keys::None);
        let length = object.len() as u64;
        let other = open(&object[..], length, &Key([8; 32]), &Keys::None, &mut out);
        assert!(matches!(other, Err(Unusable::Damaged(_))));
    }

    #[test]
    fn who_is_not_known_is_not_believed() {
        let wants = Keys::Hmac(vec![1; 32]);
        for writer in [Keys::None, Keys::Hmac(vec![2; 32]), pair(1, &[1])] {
            let found = opened(&sealed(&writer), &wants);
            assert!(matches!(found, Err(Unusable::Untrusted(_))));
        }
        let wants = pair(1, &[1, 3]);
        for writer in [Keys::None, Keys::Hmac(vec![1; 32]), pair(2, &[2])] {
            let found = opened(&sealed(&writer), &wants);
            assert!(matches!(found, Err(Unusable::Untrusted(_))));
        }
        assert!(opened(&sealed(&pair(3, &[])), &wants).is_ok());
    }
}
