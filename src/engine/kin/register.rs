//! Where commands are written down by the key of their kin: `.machine/kin`, a file for
//! each first byte of the key. Every miss adds a line, to a file that is there already;
//! an entry of the store would be a directory and two files.
//!
//! ```text
//! file = line*
//! line = length:u32 (bytes of what follows the check)
//!        check:u64  (xxh3-64 of them)
//!        key:[32] kin
//! kin  = manifest:[32] source:text macros:u32 text*
//! ```
//!
//! Lines are appended without a lock, each by one write. One that is cut short ends what
//! is read of its file; who adds the next writes the file anew, without it, and without
//! the older half where the file has become long. A line that gets lost by that is a
//! result that is not found at another path, no more.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use fs_err::OpenOptions;
use xxhash_rust::xxh3::xxh3_64;

use super::Kin;
use crate::hash::Key;
use crate::sys::codec::{Reader, Writer};
use crate::sys::fs;

/// Commands that are asked; the oldest are not.
const MAX_KIN: usize = 8;

/// A file that is longer loses its older half. A line has some 200 bytes.
const MAX_FILE: usize = 64 << 10;

/// A command with so many macros is not written down: it would push out all others.
const MAX_LINE: usize = MAX_FILE / 8;

/// The register of the commands of one cache directory.
pub struct Register {
    directory: PathBuf,
}

impl Register {
    /// That beside the records about this machine, which are in `local`.
    pub fn of(local: &Path) -> Register {
        Register {
            directory: local.join("kin"),
        }
    }

    fn file(&self, key: &Key) -> PathBuf {
        let hex = key.hex();
        self.directory.join(hex.get(..2).unwrap_or_default())
    }

    /// The commands under `key`, newest first.
    pub fn find(&self, key: &Key) -> Vec<Kin> {
        let bytes = read(&self.file(key));
        newest(lines(&bytes).map(|(_, line)| line), key)
    }

    /// Writes `own` down under `key`. What fails is no failure.
    pub fn add(&self, key: &Key, own: &Kin) {
        let _ = self.try_add(key, own);
    }

    fn try_add(&self, key: &Key, own: &Kin) -> io::Result<()> {
        let path = self.file(key);
        let bytes = read(&path);
        if newest(lines(&bytes).map(|(_, line)| line), key).contains(own) {
            return Ok(());
        }
        let whole = lines(&bytes).last().map_or(0, |(end, _)| end);
        let line = line(key, own);
        if line.len() > MAX_LINE {
            return Ok(());
        }
        let is_long = bytes.len() + line.len() > MAX_FILE;
        if is_long || whole < bytes.len() {
            let room = if is_long { MAX_FILE / 2 } else { whole };
            let ends = lines(&bytes).map(|(end, _)| end);
            let from = std::iter::once(0).chain(ends).find(|at| whole - at <= room);
            let kept = from.and_then(|from| bytes.get(from..whole));
            return self.replace(&path, &[kept.unwrap_or_default(), &line].concat());
        }
        let append = || {
            let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
            file.write_all(&line)
        };
        match append() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs_err::create_dir_all(&self.directory)?;
                append()
            }
            other => other,
        }
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }
}

/// The file at `path`; nothing if there is none, or if it is not ours.
fn read(path: &Path) -> Vec<u8> {
    fs::read_small(path, 4 * MAX_FILE as u64).unwrap_or_default()
}

/// The lines that are whole, each with where it ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        let length = reader.u32()? as usize;
        let check = reader.u64()?;
        let line = reader.take(length)?;
        (xxh3_64(line) == check).then(|| (bytes.len() - reader.rest().len(), line))
    })
}

/// The newest commands under `key` in `lines`, which are in the order in which they were
/// added.
fn newest<'a>(lines: impl Iterator<Item = &'a [u8]>, key: &Key) -> Vec<Kin> {
    let mut found: Vec<Kin> = Vec::new();
    for line in lines.filter_map(|line| line.strip_prefix(&key.0)) {
        let Some(kin) = decode(line) else {
            continue;
        };
        found.retain(|known| *known != kin);
        found.push(kin);
    }
    found.reverse();
    found.truncate(MAX_KIN);
    found
}

fn line(key: &Key, kin: &Kin) -> Vec<u8> {
    let mut content = Writer::new();
    content.raw(&key.0);
    content.raw(&kin.manifest.0);
    content.text(kin.source.as_os_str().as_bytes());
    content.u32(kin.macros.len() as u32);
    for option in &kin.macros {
        content.text(option);
    }
    let mut out = Writer::new();
    out.u32(content.bytes.len() as u32);
    out.u64(xxh3_64(&content.bytes));
    out.raw(&content.bytes);
    out.bytes
}

fn decode(bytes: &[u8]) -> Option<Kin> {
    let mut reader = Reader::new(bytes);
    let manifest = Key(*reader.array()?);
    let source = PathBuf::from(OsStr::from_bytes(reader.text()?.to_bytes()));
    let mut macros = Vec::new();
    for _ in 0..reader.u32()? {
        macros.push(reader.text()?.to_bytes().to_owned());
    }
    Some(Kin {
        manifest,
        source,
        macros,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Digest;

    fn kin(number: u32) -> Kin {
        Kin {
            manifest: Key([1; 32]),
            source: format!("a/{number}.c").into(),
            macros: vec![b"DA=1".to_vec(), b"UB".to_vec()],
        }
    }

    fn register() -> (tempfile::TempDir, Register) {
        let dir = tempfile::tempdir().unwrap();
        let register = Register::of(dir.path());
        (dir, register)
    }

    #[test]
    fn the_newest_come_first_and_each_once() {
        let (_dir, register) = register();
        let key = Key([7; 32]);
        assert_eq!(register.find(&key), []);
        register.add(&key, &kin(1));
        register.add(&key, &kin(2));
        register.add(&key, &kin(1));
        assert_eq!(register.find(&key), [kin(2), kin(1)]);
        // Another key in the same file, and one in another.
        let mut near = key;
        near.0[31] = 0;
        register.add(&near, &kin(3));
        assert_eq!(register.find(&near), [kin(3)]);
        assert_eq!(register.find(&Key([8; 32])), []);
        for number in 10..30 {
            register.add(&key, &kin(number));
        }
        let found = register.find(&key);
        assert_eq!((found.len(), &found[0]), (MAX_KIN, &kin(29)));
        assert_eq!(register.find(&near), [kin(3)]);
    }

    #[test]
    fn a_line_that_was_cut_short_is_left_out() {
        let (_dir, register) = register();
        let key = Key([7; 32]);
        register.add(&key, &kin(1));
        let first = read(&register.file(&key));
        register.add(&key, &kin(2));
        let whole = read(&register.file(&key));
        for end in first.len()..whole.len() {
            fs_err::write(register.file(&key), &whole[..end]).unwrap();
            assert_eq!(register.find(&key), [kin(1)]);
            register.add(&key, &kin(3));
            assert_eq!(register.find(&key), [kin(3), kin(1)], "{end}");
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            fs_err::write(register.file(&key), &broken).unwrap();
            register.add(&key, &kin(3));
            assert_eq!(register.find(&key)[0], kin(3), "{at}");
        }
    }

    #[test]
    fn a_file_stays_short_and_keeps_the_newest() {
        let (_dir, register) = register();
        for number in 0..2000u32 {
            let mut key = Key([7; 32]);
            key.0[8..12].copy_from_slice(&number.to_le_bytes());
            register.add(&key, &kin(number));
            assert_eq!(register.find(&key), [kin(number)]);
        }
        let length = read(&register.file(&Key([7; 32]))).len();
        assert!((MAX_FILE / 4..=MAX_FILE).contains(&length), "{length}");
        let names = fs::list(&register.directory).unwrap();
        assert_eq!(names.len(), 1, "nothing else is left");
    }

    #[test]
    fn a_line_that_is_very_long_is_left_out() {
        let (_dir, register) = register();
        let key = Key([7; 32]);
        register.add(&key, &kin(1));
        let mut long = kin(2);
        long.macros = vec![vec![b'D'; 5 * MAX_FILE]];
        register.add(&key, &long);
        register.add(&key, &kin(3));
        assert_eq!(register.find(&key), [kin(3), kin(1)]);
    }

    #[test]
    fn what_fails_is_no_failure() {
        let (dir, register) = register();
        let key = Key([7; 32]);
        fs_err::write(dir.path().join("kin"), "no directory").unwrap();
        register.add(&key, &kin(1));
        assert_eq!(register.find(&key), []);
        fs_err::remove_file(dir.path().join("kin")).unwrap();
        fs_err::create_dir_all(register.file(&key)).unwrap();
        register.add(&key, &kin(1));
        assert_eq!(register.find(&key), []);
    }

    #[test]
    fn many_write_at_once() {
        let (_dir, register) = register();
        let key = Key([7; 32]);
        let (register, key) = (&register, &key);
        std::thread::scope(|scope| {
            for number in 0..MAX_KIN as u32 {
                scope.spawn(move || register.add(key, &kin(number)));
            }
        });
        // Who sees half a line may lose others'; what is there is whole.
        assert!(!register.find(key).is_empty());
        let bytes = read(&register.file(key));
        assert_eq!(lines(&bytes).last().map(|(end, _)| end), Some(bytes.len()));
    }

    #[test]
    fn the_format_is_pinned() {
        let bytes = line(&Key([2; 32]), &kin(1));
        assert_eq!(
            Digest::of(&bytes).to_string(),
            "c2b9c243a4a05ab89b97fedd6e1248aa7a926de690cafcee95c0a60b184fdb27"
        );
    }
}
