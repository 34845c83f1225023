//! The token digest: what a compiler sees of a C or C++ file beyond its comments.
//!
//! Two files with equal token digests have the same tokens at the same lines and
//! columns, with the same white space in front of them; what differs is what
//! stands inside comments. Where that cannot reach the product or a message, a
//! result for the one is a result for the other.
//!
//! What compilers *do* see of comments stays in the digest:
//!
//! - markers for `-Wimplicit-fallthrough` (every comment with `fall` in it; GCC
//!   manual, "Options to Request or Suppress Warnings");
//! - `/*` inside a comment and line comments that go on in the next line
//!   (`-Wcomment`), text that is not ASCII (`-Wbidi-chars`, `-Winvalid-utf8`);
//! - where a comment begins if tokens follow, and the column in which a line
//!   without tokens begins (`-Wmisleading-indentation` looks at both);
//! - whether the file ends in a newline (`-Wnewline-eof`), and how wide its widest
//!   line is, roughly: gcc gives up columns where lines are many and wide.
//!
//! A file whose comments cannot be told for sure (trigraphs, control characters,
//! things that do not end, tokens split over lines, `#include <a//b>`), or with
//! lines so wide that gcc has no columns for them, has the digest of its content,
//! which no other file shares.
//!
//! Which comments there are depends on the language in two places, raw strings
//! and digit separators. Where it is not known whether they are there, only what
//! is a comment either way is left out.

mod lexer;
mod render;
pub mod skeleton;

use lexer::{Kind, Span};
pub use skeleton::Outline;

use super::Digest;
use crate::sys::Stamp;

/// Digest of a file's tokens and their places: 16 bytes of BLAKE3, of which the
/// first four are of the lines of code alone ([`TokenDigest::may_share_skeleton`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenDigest(pub [u8; 16]);

impl TokenDigest {
    /// In a manifest: the file is only known by its content.
    pub const NONE: TokenDigest = TokenDigest([0; 16]);

    /// Whether units that differ in these two files may have one skeleton: `false`
    /// where lines of code differ, which no skeleton leaves out. Most edits.
    pub fn may_share_skeleton(&self, other: &TokenDigest) -> bool {
        self.0.first_chunk::<CODE>() == other.0.first_chunk::<CODE>()
    }
}

/// Part of every digest: change it with the meaning of a digest.
const VERSION: &[u8] = b"tokens 2";

/// How many bytes of a digest are of the lines of code.
const CODE: usize = 4;

/// Bits of the widest line's length: gcc's limit is 2^12 columns (`line-map.h`).
const MAX_WIDTH: u8 = 11;

/// Whether a language has something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Has {
    Yes,
    No,
    Unknown,
}

/// What the lexer has to know of the language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// `R"(...)"`.
    pub raw_strings: Has,
    /// `1'000`.
    pub digit_separators: Has,
}

impl Dialect {
    /// Any C or C++ in which `//` begins a comment.
    pub const ANY: Dialect = Dialect {
        raw_strings: Has::Unknown,
        digit_separators: Has::Unknown,
    };
}

/// The token digest of the file content `text`.
pub fn digest(text: &[u8], dialect: Dialect) -> TokenDigest {
    read(text, dialect).0
}

/// The token digest of the file content `text`, and the text as a skeleton reads it,
/// if it can be read.
pub fn read(text: &[u8], dialect: Dialect) -> (TokenDigest, Option<Outline>) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION);
    let mut code = [0; CODE];
    let page = comments(text, dialect).map(|spans| render::render(text, &spans));
    match &page {
        Some(page) => hasher.update(&[1, width_class(text)]).update(&page.text),
        None => hasher.update(&[0]).update(text),
    };
    let outline = page.map(Outline::of);
    if let Some(outline) = &outline {
        code = skeleton::code(outline);
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    if let Some(first) = digest.first_chunk_mut() {
        *first = code;
    }
    (TokenDigest(digest), outline)
}

/// Under what an inode table remembers the token digest of the content with
/// `digest`: no file has such a device.
pub fn place(digest: &Digest, dialect: Dialect) -> Stamp {
    let of = |range: std::ops::Range<usize>| {
        let part = digest.0.get(range).and_then(<[u8]>::first_chunk);
        part.copied().unwrap_or_default()
    };
    let language = dialect.raw_strings as u8 * 3 + dialect.digit_separators as u8;
    let version = VERSION.last().copied().unwrap_or_default();
    Stamp {
        device: u64::from_be_bytes([b't', b'o', b'k', b'e', b'n', b's', version, language]),
        inode: u64::from_le_bytes(of(0..8)),
        size: u64::from_le_bytes(of(8..16)),
        modified: i64::from_le_bytes(of(16..24)),
        changed: i64::from_le_bytes(of(24..32)),
    }
}

/// The room that a file takes in gcc's table of places, in columns.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Columns {
    /// As it is: a line takes a power of two, and so do those behind a wide one
    /// until a short one comes (`line-map.cc`, `linemap_line_start`).
    pub taken: u64,
    /// With any comments: each line as wide as the widest may get with the same
    /// digest.
    pub at_most: u64,
}

impl Columns {
    /// Those of two files.
    pub fn and(self, other: Columns) -> Columns {
        Columns {
            taken: self.taken.saturating_add(other.taken),
            at_most: self.at_most.saturating_add(other.at_most),
        }
    }
}

/// The room that the file content `text` takes.
pub fn columns(text: &[u8]) -> Columns {
    let mut bits = 7;
    let mut columns = Columns::default();
    let (mut lines, mut longest) = (0, 0);
    for length in line_lengths(text) {
        let width = length + 2;
        let fitting = (usize::BITS - width.leading_zeros()).max(7);
        if fitting > bits || (width <= 80 && bits >= 10) {
            bits = fitting;
        }
        columns.taken += 1 << bits;
        lines += 1;
        longest = longest.max(length);
    }
    columns.at_most = lines << class_of(longest);
    columns
}

/// The number of bits that the widest line's length takes, at least seven.
fn width_class(text: &[u8]) -> u8 {
    class_of(line_lengths(text).max().unwrap_or(0))
}

/// Bytes in each line, without its end; the last line may be empty.
fn line_lengths(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', text)
        .chain([text.len()])
        .map(move |end| end - std::mem::replace(&mut start, end + 1))
}

fn class_of(longest: usize) -> u8 {
    let bits = usize::BITS - longest.leading_zeros();
    u8::try_from(bits.max(7)).unwrap_or(u8::MAX)
}

/// What is kept of a file that does not change where comments do: enough for the
/// [skeleton](skeleton::skeleton) of a unit with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The file's size in bytes.
    pub size: u64,
    pub columns: Columns,
    /// See [`asks_for_comments`].
    pub asks_for_comments: bool,
    pub words: skeleton::Words,
}

impl Summary {
    /// That of the file content `text`.
    pub fn of(text: &[u8]) -> Summary {
        Summary {
            size: text.len() as u64,
            columns: columns(text),
            asks_for_comments: asks_for_comments(text),
            words: skeleton::Words::of(text),
        }
    }
}

/// Words in a source that have the compiler look at comments from there on.
const PRAGMAS: [&[u8]; 5] = [
    b"-Wdocumentation",
    b"-Weverything",
    b"-Wimplicit-fallthrough=1",
    b"-Wc90-c99-compat",
    b"-Wtraditional",
];

/// Whether a pragma in `text` may turn on a warning that reads comments.
pub fn asks_for_comments(text: &[u8]) -> bool {
    // Few files have any.
    if memchr::memmem::find(text, b"-W").is_none() {
        return false;
    }
    PRAGMAS.iter().any(|word| {
        memchr::memmem::find_iter(text, word).any(|at| {
            let line = memchr::memrchr(b'\n', text.get(..at).unwrap_or_default());
            let before = text.get(line.unwrap_or(0)..at).unwrap_or_default();
            memchr::memmem::find(before, b"ignored").is_none()
        })
    })
}

/// The comments that may be left out and the places that must stay as they
/// are, in order. `None`: that cannot be told.
fn comments(text: &[u8], dialect: Dialect) -> Option<Vec<Span>> {
    let ways = |has: Has| match has {
        Has::Yes => &[true][..],
        Has::No => &[false][..],
        Has::Unknown => &[true, false][..],
    };
    if width_class(text) > MAX_WIDTH {
        return None;
    }
    let mut agreed: Option<Vec<Span>> = None;
    for &raw_strings in ways(dialect.raw_strings) {
        for &digit_separators in ways(dialect.digit_separators) {
            let lexed = lexer::lex(text, raw_strings, digit_separators)?;
            agreed = Some(match agreed {
                None => lexed.spans,
                Some(agreed) => agree(agreed, lexed.spans),
            });
            if !lexed.ambiguous {
                return agreed;
            }
        }
    }
    agreed
}

/// What is a comment in both, and what has to stay in either.
fn agree(one: Vec<Span>, other: Vec<Span>) -> Vec<Span> {
    let is_comment = |span: &&Span| span.kind == Kind::Comment;
    let in_other: std::collections::HashSet<(usize, usize)> = other
        .iter()
        .filter(is_comment)
        .map(|span| (span.start, span.end))
        .collect();
    let both = one
        .iter()
        .filter(is_comment)
        .filter(|span| in_other.contains(&(span.start, span.end)));
    let kept = one.iter().chain(&other).filter(|span| !is_comment(span));
    let mut spans: Vec<Span> = both.chain(kept).copied().collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
