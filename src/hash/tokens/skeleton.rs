//! A whole translation unit without the macros that nothing in it names.
//!
//! The *skeleton* of a unit is a digest of all its tokens outside comments, each
//! at its place, except `#define` lines whose name stands nowhere else in the
//! unit: such a macro is never expanded, never asked for, and what it says cannot
//! reach the product. Two units with equal skeletons give equal products and
//! messages if neither has messages at all.
//!
//! Only what is beyond doubt is left out ([`define`]): names that no compiler
//! defines, that are defined once, that no `##` in the unit can make of other
//! words, with a body about which a preprocessor has nothing to say. The places
//! of directives count only where something can see them: between lines with
//! tokens, where `-Wmisleading-indentation` looks at the first column of each line.

use std::borrow::Cow;

use rustc_hash::FxHashSet;

use super::render::{COMMENT, INSIDE, NO_NEWLINE, Rendered};
use super::{Dialect, TokenDigest, comments, render};
use uses::Uses;

mod define;
mod uses;

pub use uses::Words;

/// Part of every digest: change it with the meaning of a digest.
const VERSION: &[u8] = b"skeleton 1";

/// One file of a unit.
#[derive(Clone, Copy)]
pub enum File<'a> {
    /// It may differ in what a skeleton leaves out. What [`super::read`] made of it in
    /// the same dialect saves reading it again.
    Changing(&'a [u8], Option<&'a Rendered>),
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
    let mut pages: Vec<Cow<'_, Rendered>> = Vec::new();
    // A file may be listed under two names.
    let mut seen = FxHashSet::default();
    for file in files {
        if let File::Changing(text, page) = *file
            && seen.insert(text)
        {
            pages.push(match page {
                Some(page) => Cow::Borrowed(page),
                None => Cow::Owned(render::render(text, &comments(text, dialect)?)),
            });
        }
    }
    let mut outlines: Vec<Vec<Line<'_>>> = pages.iter().map(|page| outline(page)).collect();
    keep_what_is_named(files, named, &mut outlines);
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION);
    for lines in &outlines {
        hash(&mut hasher, lines);
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    Some(TokenDigest(digest))
}

/// A short digest of what a skeleton always keeps of one file: the text of its lines
/// of code.
pub(super) fn code<const N: usize>(page: &Rendered) -> [u8; N] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION);
    for line in outline(page) {
        if line.kind == Kind::Code {
            hasher.update(line.text);
            hasher.update(b"\n");
        }
    }
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

/// Whether `text` may have a compiler look at macros that nothing expands.
fn sees_all_macros(text: &[u8]) -> bool {
    [&b"poison"[..], b"-Wunused-macros", b"restrict_expansion"]
        .iter()
        .any(|word| memchr::memmem::find(text, word).is_some())
}

/// What a line is to a skeleton.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    /// Tokens, or a directive that knows its place.
    Code,
    /// A directive; where it stands does not count.
    Directive,
    /// A macro that can be left out if nothing names it.
    Define(&'a [u8]),
    /// Only comments.
    Comment,
}

struct Line<'a> {
    number: usize,
    text: &'a [u8],
    kind: Kind<'a>,
}

/// The lines of one file that are not empty.
fn outline(page: &Rendered) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut depth = 0i64;
    let mut behind_ifndef = false;
    for (number, text) in page.lines() {
        let text = trimmed(text);
        if text.is_empty() {
            continue;
        }
        let mut kind = kind(text);
        match kind {
            Kind::Comment => {}
            Kind::Code => depth += parentheses(text),
            // clang looks at the first macro behind `#ifndef` (-Wheader-guard),
            // and both look at directives among a macro's arguments.
            Kind::Define(_) if depth != 0 || behind_ifndef => kind = Kind::Directive,
            _ => {}
        }
        if kind != Kind::Comment {
            behind_ifndef = directive_name(text) == Some(b"ifndef");
        }
        lines.push(Line { number, text, kind });
    }
    lines
}

/// Without the newline and what marks the end of the file.
fn trimmed(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// How many more parentheses `text` opens than it closes, literals aside. Where
/// literals are not what they seem, a number that nothing makes up for.
fn parentheses(text: &[u8]) -> i64 {
    const LOST: i64 = 1 << 40;
    if memchr::memmem::find(text, b"R\"").is_some() {
        return LOST;
    }
    let mut depth = 0;
    let mut before = b' ';
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'"' | b'\'' if byte == b'"' || !before.is_ascii_digit() => loop {
                match bytes.next() {
                    Some(b'\\') => drop(bytes.next()),
                    Some(other) if *other == byte => break,
                    Some(_) => {}
                    None => return LOST,
                }
            },
            _ => {}
        }
        before = byte;
    }
    depth
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c | COMMENT | INSIDE)
}

fn kind(text: &[u8]) -> Kind<'_> {
    if text.iter().all(|b| is_blank(*b)) {
        return Kind::Comment;
    }
    let place_counts = memchr::memmem::find(text, b"__LINE__").is_some();
    match directive_name(text) {
        _ if place_counts => Kind::Code,
        Some(b"define") => match define::removable(text) {
            Some(name) => Kind::Define(name),
            None => Kind::Directive,
        },
        Some(
            b"if" | b"ifdef" | b"ifndef" | b"elif" | b"elifdef" | b"elifndef" | b"else" | b"endif"
            | b"undef" | b"include" | b"include_next" | b"import",
        ) => Kind::Directive,
        _ => Kind::Code,
    }
}

/// The word behind `#` at the start of `text`.
fn directive_name(text: &[u8]) -> Option<&[u8]> {
    let start = text.iter().position(|b| !is_blank(*b))?;
    let rest = text.get(start..)?.strip_prefix(b"#")?;
    let start = rest.iter().position(|b| !is_blank(*b))?;
    let rest = rest.get(start..)?;
    let length = rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
    rest.get(..length)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Makes a plain directive of every macro that something names, or that
/// something might.
fn keep_what_is_named<'a>(files: &[File<'_>], named: &[&[u8]], outlines: &mut [Vec<Line<'a>>]) {
    let mut uses = Uses::default();
    for line in outlines.iter().flatten() {
        if let Kind::Define(name) = line.kind {
            uses.add(name);
        }
    }
    if uses.is_empty() {
        return;
    }
    for file in files {
        if let File::Fixed(words) = file {
            uses.read_words(words);
        }
    }
    for text in named {
        uses.read(text);
    }
    for line in outlines.iter().flatten() {
        match line.kind {
            Kind::Define(name) => uses.read(define::behind(line.text, name)),
            Kind::Comment => {}
            Kind::Code | Kind::Directive => uses.read(line.text),
        }
    }
    for line in outlines.iter_mut().flatten() {
        if let Kind::Define(name) = line.kind
            && uses.is_used(name)
        {
            line.kind = Kind::Directive;
        }
    }
}

/// Adds the lines of one file.
fn hash(hasher: &mut blake3::Hasher, lines: &[Line<'_>]) {
    let mut field = |kind: u8, number: usize, text: &[u8]| {
        hasher.update(&[kind]);
        hasher.update(&(number as u64).to_le_bytes());
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    // Lines without tokens behind the last line with some, by number and indent.
    let mut between: Vec<(usize, &[u8])> = Vec::new();
    let mut code = false;
    for line in lines {
        match line.kind {
            Kind::Code => {
                for (number, indent) in between.drain(..).filter(|_| code) {
                    field(b'b', number, indent);
                }
                field(b'c', line.number, line.text);
                code = true;
            }
            Kind::Comment => between.push((line.number, line.text)),
            Kind::Directive => {
                field(b'd', 0, line.text);
                between.push((line.number, indent(line.text)));
            }
            Kind::Define(_) => between.push((line.number, indent(line.text))),
        }
    }
    let unended = lines
        .last()
        .is_some_and(|line| line.text.ends_with(&[NO_NEWLINE]));
    field(b'e', usize::from(unended), b"");
}

fn indent(text: &[u8]) -> &[u8] {
    let length = text.iter().position(|b| !matches!(b, b' ' | b'\t'));
    text.get(..length.unwrap_or(0)).unwrap_or_default()
}
