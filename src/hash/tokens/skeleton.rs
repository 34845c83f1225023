//! A whole translation unit without the macros that nothing in it names.
//!
//! The *skeleton* of a unit is a digest of all its tokens outside comments, each
//! at its place, except `#define` lines whose name stands nowhere else in the
//! unit: such a macro is never expanded, never asked for, and what it says cannot
//! reach the product. Two units with equal skeletons give equal products and
//! messages if neither has messages at all.
//!
//! Only what is beyond doubt is left out ([`define`]): names that no compiler
//! defines, that are defined once, that no `##` in the unit can make of other words
//! or of what compilers bring ([`uses`]), with a body about which a preprocessor has
//! nothing to say. The places of directives count only where something can see them:
//! between lines with tokens, where `-Wmisleading-indentation` looks at the first
//! column of each line.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::render::COMMENT;
use super::{Dialect, TokenDigest, comments, render};
use outline::{Kind, is_blank, is_word};
use uses::Uses;

mod define;
mod outline;
mod uses;

pub use outline::Outline;
pub use uses::Words;

/// Part of every digest: change it with the meaning of a digest.
const VERSION: &[u8] = b"skeleton 2";

/// Part of every digest of a file's code. No other words may stand here without
/// [`super::VERSION`] changing, too.
const CODE: &[u8] = b"skeleton 1";

/// One file of a unit.
#[derive(Clone, Copy)]
pub enum File<'a> {
    /// It may differ in what a skeleton leaves out. What [`super::read`] made of it in
    /// the same dialect saves reading it again.
    Changing(&'a [u8], Option<&'a Outline>),
    /// It is known to be the same: only the words in it count.
    Fixed(&'a Words),
}

impl File<'_> {
    /// Whether it may have a compiler look at macros that nothing expands.
    fn sees_all_macros(&self) -> bool {
        match self {
            File::Changing(text, _) => sees_all_macros(text),
            File::Fixed(words) => words.see_all_macros(),
        }
    }
}

/// The skeleton of the unit made of `files`, in order. `named` are texts that
/// name macros too (the command line). `None`: there is something in it that makes
/// a macro count which nothing names, or that cannot be read.
pub fn skeleton(files: &[File<'_>], named: &[&[u8]], dialect: Dialect) -> Option<TokenDigest> {
    if files.iter().any(File::sees_all_macros) {
        return None;
    }
    let mut outlines: Vec<Cow<'_, Outline>> = Vec::new();
    // A file may be listed under two names.
    let mut seen = FxHashSet::default();
    for file in files {
        if let File::Changing(text, outline) = *file
            && seen.insert(text)
        {
            outlines.push(match outline {
                Some(outline) => Cow::Borrowed(outline),
                None => Cow::Owned(Outline::of(render::render(text, &comments(text, dialect)?))),
            });
        }
    }
    let uses = uses_in(files, named, &outlines);
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION);
    for outline in &outlines {
        hash(&mut hasher, outline, &uses);
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    Some(TokenDigest(digest))
}

/// A short digest of what a skeleton always keeps of one file: the text of its lines
/// of code.
pub(super) fn code<const N: usize>(outline: &Outline) -> [u8; N] {
    let mut lines = Vec::with_capacity(outline.len() + CODE.len());
    lines.extend(CODE);
    for line in outline.lines().filter(|line| line.kind == Kind::Code) {
        lines.extend(line.text);
        lines.push(b'\n');
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&lines);
    let mut digest = [0; N];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// The name of the macro that the line `text` (`#define NAME ...`) defines, if a
/// compiler does not notice it where nothing names it.
pub fn plain_macro(text: &[u8]) -> Option<&[u8]> {
    define::removable(text)
}

/// Whether none of the macros `names` is named in `files`, whole or in parts
/// that `##` may put together, and none of them makes unnamed macros count.
pub fn are_unnamed(names: &[Vec<u8>], files: &[File<'_>]) -> bool {
    let mut uses = Uses::default();
    for name in names {
        uses.add(name);
    }
    if !names.is_empty() {
        for file in files {
            match file {
                File::Changing(text, _) => uses.read(text),
                File::Fixed(words) => uses.read_words(words),
            }
        }
    }
    let unnamed = names.iter().all(|name| !uses.is_used(name));
    unnamed && !files.iter().any(File::sees_all_macros)
}

/// Whether the macros `names` stand nowhere in `files` and `named` but behind
/// `#define`, whole or in pieces that `##` may put together.
pub fn are_only_defined(
    names: &BTreeSet<&Vec<u8>>,
    files: &[File<'_>],
    named: &[&[u8]],
    dialect: Dialect,
) -> bool {
    let mut uses = Uses::default();
    for name in names {
        uses.add(name);
    }
    for text in named {
        uses.read(text);
    }
    for file in files {
        let text = match *file {
            File::Changing(text, _) => text,
            File::Fixed(words) => {
                uses.read_words(words);
                continue;
            }
        };
        let Some(spans) = comments(text, dialect) else {
            uses.read(text);
            continue;
        };
        for line in Outline::of(render::render(text, &spans)).lines() {
            match define::split(line.text) {
                Some((name, behind)) if names.iter().any(|known| *known == name) => {
                    uses.read(behind);
                }
                _ => uses.read(line.text),
            }
        }
    }
    names.iter().all(|name| !uses.is_used(name))
}

/// Whether `text` may have a compiler look at macros that nothing expands.
fn sees_all_macros(text: &[u8]) -> bool {
    [&b"poison"[..], b"-Wunused-macros", b"restrict_expansion"]
        .iter()
        .any(|word| memchr::memmem::find(text, word).is_some())
}

/// What of the macros that `outlines` define is named in the unit, or might be.
fn uses_in<'a>(files: &[File<'_>], named: &[&[u8]], outlines: &'a [Cow<'_, Outline>]) -> Uses<'a> {
    let mut uses = Uses::default();
    let lines = || outlines.iter().flat_map(|outline| outline.lines());
    for line in lines().filter(|line| line.kind == Kind::Define) {
        if let Some((name, _)) = define::split(line.text) {
            uses.add(name);
        }
    }
    if uses.is_empty() {
        return uses;
    }
    for file in files {
        if let File::Fixed(words) = file {
            uses.read_words(words);
        }
    }
    for text in named {
        uses.read(text);
    }
    for line in lines() {
        match (line.kind, define::split(line.text)) {
            (Kind::Define, Some((_, behind))) => uses.read(behind),
            (Kind::Comment, _) => {}
            _ => uses.read(line.text),
        }
    }
    uses
}

/// Adds the lines of one file.
fn hash(hasher: &mut blake3::Hasher, outline: &Outline, uses: &Uses<'_>) {
    // At once: a hasher takes longer for what comes in small pieces.
    let mut fields = Vec::with_capacity(2 * outline.len());
    let mut field = |kind: u8, number: usize, text: &[u8]| {
        fields.push(kind);
        fields.extend((number as u64).to_le_bytes());
        fields.extend((text.len() as u64).to_le_bytes());
        fields.extend(text);
    };
    // Lines without tokens behind the last line with some, by number and indent.
    let mut between: Vec<(usize, &[u8])> = Vec::new();
    let mut code = false;
    for line in outline.lines() {
        match line.kind {
            Kind::Code => {
                for (number, indent) in between.drain(..).filter(|_| code) {
                    field(b'b', number, indent);
                }
                field(b'c', line.number, line.text);
                code = true;
            }
            Kind::Comment => between.push((line.number, line.text)),
            Kind::Directive | Kind::Define => {
                let name = define::split(line.text).filter(|_| line.kind == Kind::Define);
                if name.is_none_or(|(name, _)| uses.is_used(name)) {
                    field(b'd', 0, line.text);
                }
                between.push((line.number, indent(line.text)));
            }
        }
    }
    field(b'e', usize::from(outline.is_unended()), b"");
    hasher.update(&fields);
}

fn indent(text: &[u8]) -> &[u8] {
    let length = text.iter().position(|b| !matches!(b, b' ' | b'\t'));
    text.get(..length.unwrap_or(0)).unwrap_or_default()
}
