//! How a dependency list is kept in a cache entry.
//!
//! ```text
//! offset size
//!      0    4  magic "dep1": the last byte is the version
//!      4    1  style: 0 gcc, 1 clang, 2 clang with empty lines
//!      5    4  empty rules: 0 none, n + 1 for all but name n
//!      9    4  length of the target, then the target
//!      .    4  number of names, then for each its length (4) and its bytes
//! ```
//!
//! Numbers are little-endian. Nothing follows the last name.

use super::{DepFile, Phony, Style};

const MAGIC: &[u8; 4] = b"dep1";

/// The bytes of the form above. Lists beyond 4 GiB do not exist.
pub fn encode(style: &Style, file: &DepFile) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(match style {
        Style::Gcc => 0,
        Style::Clang => 1,
        Style::ClangBlank => 2,
    });
    let number = |out: &mut Vec<u8>, n: usize| out.extend((n as u32).to_le_bytes());
    match file.phony {
        Phony::None => number(&mut out, 0),
        Phony::AllBut(at) => number(&mut out, at + 1),
    }
    number(&mut out, file.target.len());
    out.extend_from_slice(&file.target);
    number(&mut out, file.names.len());
    for name in &file.names {
        number(&mut out, name.len());
        out.extend_from_slice(name);
    }
    out
}

/// Reads what [`encode`] wrote; `None` if it is anything else.
pub fn decode(bytes: &[u8]) -> Option<(Style, DepFile)> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let (&style, after) = rest.split_first()?;
    rest = after;
    let style = match style {
        0 => Style::Gcc,
        1 => Style::Clang,
        2 => Style::ClangBlank,
        _ => return None,
    };
    let phony = match number(&mut rest)? {
        0 => Phony::None,
        n => Phony::AllBut(n - 1),
    };
    let target = string(&mut rest)?;
    let count = number(&mut rest)?;
    // A damaged count must not become a huge allocation.
    let mut names = Vec::with_capacity(count.min(rest.len() / 4));
    for _ in 0..count {
        names.push(string(&mut rest)?);
    }
    let file = DepFile {
        target,
        names,
        phony,
    };
    rest.is_empty().then_some((style, file))
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = number(rest)?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes.to_vec())
}
