//! Dumps: files of which only the beginning of their names is known before
//! they are there. All of one compile are kept in one blob.
//!
//! ```text
//! offset size
//!      0    4  magic "set1": the last byte is the version
//!      4    4  number of files, then for each:
//!      .    1    kind: 0 named by its ending, 1 named by the command line
//!      .    4    kind 0: length of the ending, then the ending (`005t.original`)
//!                kind 1: position in the command line's list of named dumps
//!      .    8    length of the content, then the content
//! ```
//!
//! Numbers are little-endian. Nothing follows the last file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::compiler::{Dumps, Overwrite, outputs};
use crate::sys::codec::{Reader, Writer};

const MAGIC: &[u8; 4] = b"set1";

/// Which file it is, whatever this call's names are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By what follows the prefix and a dot.
    Ending(Vec<u8>),
    /// By its position among [`Dumps::named`].
    Named(u32),
}

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: Name,
    pub content: Vec<u8>,
}

/// The bytes of the form above.
pub fn encode(files: &[File]) -> Vec<u8> {
    let mut out = Writer::new();
    out.raw(MAGIC);
    out.u32(files.len() as u32);
    for file in files {
        match &file.name {
            Name::Ending(ending) => {
                out.u8(0);
                out.u32(ending.len() as u32);
                out.raw(ending);
            }
            Name::Named(position) => {
                out.u8(1);
                out.u32(*position);
            }
        }
        out.u64(file.content.len() as u64);
        out.raw(&file.content);
    }
    out.bytes
}

/// Reads what [`encode`] wrote; `None` if it is anything else.
pub fn decode(bytes: &[u8]) -> Option<Vec<File>> {
    let mut reader = Reader::new(bytes);
    if reader.array::<4>()? != MAGIC {
        return None;
    }
    let mut files = Vec::new();
    for _ in 0..reader.u32()? {
        let name = match reader.u8()? {
            0 => {
                let length = usize::try_from(reader.u32()?).ok()?;
                let ending = reader.take(length)?;
                if !outputs::is_dump(ending) {
                    return None;
                }
                Name::Ending(ending.to_vec())
            }
            1 => Name::Named(reader.u32()?),
            _ => return None,
        };
        let length = usize::try_from(reader.u64()?).ok()?;
        files.push(File {
            name,
            content: reader.take(length)?.to_vec(),
        });
    }
    reader.rest().is_empty().then_some(files)
}

/// The path of a file of the set for the call that asks for `dumps`, and what
/// the compiler does with one that is there.
pub fn path(dumps: &Dumps, name: &Name) -> Option<(PathBuf, Overwrite)> {
    match name {
        Name::Ending(ending) => {
            let mut path = dumps.prefix.as_os_str().as_bytes().to_vec();
            path.push(b'.');
            path.extend_from_slice(ending);
            Some((OsString::from_vec(path).into(), Overwrite::Truncated))
        }
        Name::Named(position) => {
            let position = usize::try_from(*position).ok()?;
            dumps.named.get(position).cloned()
        }
    }
}

/// The endings of all files that begin as dumps do and for which `written`
/// holds; or the one that does not end as a dump.
pub fn endings(
    dumps: &Dumps,
    written: impl Fn(&Path) -> bool,
    declared: &[&Path],
) -> Result<Vec<Vec<u8>>, PathBuf> {
    let prefix = dumps.prefix.as_os_str().as_bytes();
    let slash = prefix.iter().rposition(|&b| b == b'/');
    let (directory, base) = prefix.split_at(slash.map_or(0, |at| at + 1));
    let place = match directory {
        b"" => Path::new("."),
        _ => Path::new(OsStr::from_bytes(directory)),
    };
    let mut found = Vec::new();
    let listing = fs_err::read_dir(place).into_iter().flatten().flatten();
    for entry in listing {
        let name = entry.file_name();
        let rest = name.as_bytes().strip_prefix(base);
        let Some(ending) = rest.and_then(|rest| rest.strip_prefix(b".")) else {
            continue;
        };
        let path = PathBuf::from(OsString::from_vec([directory, name.as_bytes()].concat()));
        if declared.iter().any(|known| same(known, &path)) || !written(&path) {
            continue;
        }
        if !outputs::is_dump(ending) {
            return Err(path);
        }
        found.push(ending.to_vec());
    }
    found.sort();
    Ok(found)
}

/// A file written in one of `places` whose name looks like a dump's.
pub fn elsewhere(places: &[&Path], written: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    for place in places {
        let listed = match place.as_os_str().is_empty() {
            true => Path::new("."),
            false => place,
        };
        for entry in fs_err::read_dir(listed).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.as_bytes();
            let mut dots = memchr::memchr_iter(b'.', name);
            let looks = dots.any(|dot| {
                let ending = name.get(dot + 1..).unwrap_or_default();
                ending.first().is_some_and(u8::is_ascii_digit) && outputs::is_dump(ending)
            });
            let path = place.join(entry.file_name());
            if looks && written(&path) {
                return Some(path);
            }
        }
    }
    None
}

fn same(a: &Path, b: &Path) -> bool {
    let plain = |path: &'_ Path| path.strip_prefix(".").unwrap_or(path).to_owned();
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(ending: &str, content: &str) -> File {
        File {
            name: Name::Ending(ending.into()),
            content: content.into(),
        }
    }

    #[test]
    fn bytes_are_pinned() {
        let named = File {
            name: Name::Named(2),
            content: b"yz".to_vec(),
        };
        let files = [file("005t.original", "x"), named];
        let bytes = encode(&files);
        let expected = b"set1\x02\0\0\0\
            \0\x0d\0\0\x00005t.original\x01\0\0\0\0\0\0\0x\
            \x01\x02\0\0\0\x02\0\0\0\0\0\0\0yz";
        assert_eq!(bytes, expected);
        assert_eq!(decode(&bytes).unwrap(), files);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None);
        }
    }

    #[test]
    fn names_lead_nowhere_else() {
        for ending in ["", "../x", "005t.a/../../x", "o"] {
            assert_eq!(decode(&encode(&[file(ending, "")])), None);
        }
    }

    #[test]
    fn only_what_is_a_dump_and_written_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(dir.path().join(name), "").unwrap();
        for name in [
            "x.c.005t.original",
            "x.c.253r.expand",
            "x.c.o",
            "xx.c.005t.original",
            "x.cc.005t.original",
            "x.c.006t.old",
        ] {
            write(name);
        }
        let dumps = Dumps {
            prefix: dir.path().join("x.c"),
            named: Vec::new(),
        };
        let product = dir.path().join("x.c.o");
        let new = |path: &Path| !path.ends_with("x.c.006t.old");
        let found = endings(&dumps, new, &[&product]).unwrap();
        assert_eq!(found, [b"005t.original".to_vec(), b"253r.expand".to_vec()]);
        assert_eq!(endings(&dumps, new, &[]), Err(product));
    }

    proptest! {
        #[test]
        fn nothing_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend_from_slice(&bytes);
            let _ = decode(&with_magic);
        }
    }
}
