//! Files that gcc's messages quote under the name of a `#line` directive: it opens
//! what has that name, be it a source of this compile or not. clang quotes the
//! text that it has.
//!
//! A message stands behind the name and the line: `FILE:LINE:`, after
//! `In file included from ` too.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Unreported;
use crate::compiler::Family;
use crate::engine::Cached;
use crate::engine::observe::{Dependency, data_file};
use crate::engine::record::{Refusal, refuse};
use crate::stats::Counter;
use crate::sys::clock::Nanos;

/// More are not followed.
const MAX_NAMES: usize = 64;

/// Adds the files that `messages` may quote.
///
/// # Errors
/// There are too many, or one changed meanwhile.
pub fn add(
    cached: &mut Cached<'_>,
    files: &[Dependency],
    messages: &[&[u8]],
    started: Nanos,
    found: &mut Unreported,
) -> Result<(), Refusal> {
    let mut scans = files.iter().filter_map(|file| file.scan.as_ref());
    if cached.identity.family != Family::Gcc || !scans.any(|scan| scan.renumbers) {
        return Ok(());
    }
    let mut names: BTreeSet<&[u8]> = BTreeSet::new();
    for line in messages.iter().flat_map(|text| text.split(|b| *b == b'\n')) {
        let whole = name(line);
        names.extend(whole);
        names.extend(whole.and_then(included_from));
        if names.len() > MAX_NAMES {
            return refuse(
                Counter::UnsupportedCodeDirective,
                "messages name too many files",
            );
        }
    }
    for name in names {
        let path = Path::new(OsStr::from_bytes(name));
        if files.iter().any(|file| file.path == path) {
            continue;
        }
        found.names.push((PathBuf::new(), path.to_owned()));
        found.files.extend(data_file(cached, path, started)?);
    }
    Ok(())
}

/// What a line of a message has before the first `:LINE`. More than names of files
/// has that form.
fn name(line: &[u8]) -> Option<&[u8]> {
    let is_number = |at: &usize| line.get(at + 1).is_some_and(u8::is_ascii_digit);
    let end = memchr::memchr_iter(b':', line).find(is_number)?;
    let before = line.get(..end)?;
    // Colours end in `ESC [ K`, which starts no file's name.
    let start = memchr::memmem::rfind(before, b"\x1b[K").map_or(0, |at| at + 3);
    let name = before.get(start..)?;
    (!name.is_empty() && !name.contains(&0)).then_some(name)
}

fn included_from(name: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(name, b"from ")?;
    name.get(at + 5..).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{included_from, name};

    #[test]
    fn names_in_messages() {
        let found = |line: &'static str| name(line.as_bytes()).map(String::from_utf8_lossy);
        assert_eq!(found("gram.y:2:5: warning: x").unwrap(), "gram.y");
        assert_eq!(found("../a b/c.y:20: note").unwrap(), "../a b/c.y");
        let colored = "\x1b[01m\x1b[Kgram.y:2:5:\x1b[m\x1b[K \x1b[01;35m\x1b[Kwarning: ";
        assert_eq!(found(colored).unwrap(), "gram.y");
        for line in ["In file included from a.h:1,", "         from a.h:7:"] {
            let whole = name(line.as_bytes()).unwrap();
            assert_eq!(included_from(whole).unwrap(), b"a.h");
        }
        let colored = "In file included from \x1b[01m\x1b[Ka.h:1\x1b[m\x1b[K,";
        assert_eq!(found(colored).unwrap(), "a.h");
        assert_eq!(found("cc1: all warnings being treated as errors"), None);
    }
}
