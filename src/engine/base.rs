//! The base directory: one cache for several checkouts.
//!
//! Paths below `base_dir` enter keys and manifests relative to the working
//! directory, so that a second checkout finds what the first one stored. The
//! compiler itself always sees the paths as they were written: its messages
//! and dependency files name real files. A product in which the base directory
//! can be seen is kept for that checkout alone
//! ([`crate::entry::manifest::ConditionKind::BaseDirectory`]).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `word` with the first occurrence of `base` that is a whole path prefix
/// replaced by the way to it from `here`. The word may be a path or an option
/// with a path in it (`-I/base/include`).
pub fn relative(word: &[u8], base: &Path, here: &Path) -> Vec<u8> {
    let base_bytes = base.as_os_str().as_bytes();
    if base_bytes.len() < 2 {
        return word.to_owned();
    }
    let Some(at) = memchr::memmem::find(word, base_bytes) else {
        return word.to_owned();
    };
    let end = at + base_bytes.len();
    let whole = matches!(word.get(end), None | Some(b'/'));
    let Some(way) = way_up(base, here).filter(|_| whole) else {
        return word.to_owned();
    };
    let mut out = word.get(..at).unwrap_or_default().to_owned();
    out.extend_from_slice(b"\0base:");
    out.extend_from_slice(&way);
    out.extend_from_slice(word.get(end..).unwrap_or_default());
    out
}

/// A path below `base`, as stored: `None` if it is not below it.
pub fn path_to_stored(path: &[u8], base: &Path, here: &Path) -> Option<Vec<u8>> {
    let base_bytes = base.as_os_str().as_bytes();
    let rest = path.strip_prefix(base_bytes)?;
    let below = rest.is_empty() || rest.starts_with(b"/");
    if base_bytes.len() < 2 || !below {
        return None;
    }
    let mut out = way_up(base, here)?;
    out.extend_from_slice(rest);
    Some(out)
}

/// From `here`, which must be `base` or below it, up to `base`: `.`, `..`, `../..`.
fn way_up(base: &Path, here: &Path) -> Option<Vec<u8>> {
    let depth = here.strip_prefix(base).ok()?.components().count();
    let mut way = Vec::new();
    for _ in 0..depth {
        if !way.is_empty() {
            way.push(b'/');
        }
        way.extend_from_slice(b"..");
    }
    if way.is_empty() {
        way.push(b'.');
    }
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_below_the_base() {
        let relative = |word: &str, here: &str| {
            String::from_utf8(relative(
                word.as_bytes(),
                Path::new("/w/a"),
                Path::new(here),
            ))
            .unwrap()
            .replace('\0', "!")
        };
        assert_eq!(
            relative("-I/w/a/include", "/w/a/build"),
            "-I!base:../include"
        );
        assert_eq!(relative("/w/a/x.c", "/w/a"), "!base:./x.c");
        assert_eq!(relative("/w/ab/x.c", "/w/a"), "/w/ab/x.c");
        assert_eq!(relative("/w/a/x.c", "/other"), "/w/a/x.c");
        assert_eq!(relative("/w/a", "/w/a/b/c"), "!base:../..");
    }
}
