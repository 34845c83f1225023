//! The lines of one file, as a skeleton sees them.

use std::ops::Range;

use super::super::render::{COMMENT, INSIDE, NO_NEWLINE, Rendered};
use super::define;

/// The lines of a file that are not empty, joined ones as one.
#[derive(Clone)]
pub struct Outline {
    /// What comments say is not in it.
    text: Vec<u8>,
    lines: Vec<Mark>,
}

#[derive(Clone)]
struct Mark {
    number: usize,
    /// Where in the text it is.
    place: Range<usize>,
    kind: Kind,
}

/// What a line is to a skeleton.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Tokens, or a directive that knows its place.
    Code,
    /// A directive; where it stands does not count.
    Directive,
    /// A macro that can be left out if nothing names it.
    Define,
    /// Only comments.
    Comment,
}

pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a [u8],
    pub(super) kind: Kind,
}

impl Outline {
    /// That of a file.
    pub(in super::super) fn of(page: Rendered) -> Outline {
        let mut lines = Vec::new();
        let mut depth = 0i64;
        let mut behind_ifndef = false;
        for (number, place) in page.lines() {
            let text = trimmed(page.text.get(place.clone()).unwrap_or_default());
            if text.is_empty() {
                continue;
            }
            let mut kind = kind(text);
            match kind {
                Kind::Comment => {}
                Kind::Code => depth += parentheses(text),
                // clang looks at the first macro behind `#ifndef` (-Wheader-guard),
                // and both look at directives among a macro's arguments.
                Kind::Define if depth != 0 || behind_ifndef => kind = Kind::Directive,
                _ => {}
            }
            if kind != Kind::Comment {
                behind_ifndef = directive_name(text) == Some(b"ifndef");
            }
            lines.push(Mark {
                number,
                place: place.start..place.start + text.len(),
                kind,
            });
        }
        Outline {
            text: page.text,
            lines,
        }
    }

    /// The lines, in order.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.iter().map(|mark| Line {
            number: mark.number,
            text: self.text.get(mark.place.clone()).unwrap_or_default(),
            kind: mark.kind,
        })
    }

    /// The length of all lines together, and a little more.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether the file does not end in a newline.
    pub(super) fn is_unended(&self) -> bool {
        let last = self.lines().last();
        last.is_some_and(|line| line.text.ends_with(&[NO_NEWLINE]))
    }
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

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c | COMMENT | INSIDE)
}

fn kind(text: &[u8]) -> Kind {
    if text.iter().all(|b| is_blank(*b)) {
        return Kind::Comment;
    }
    let place_counts = memchr::memmem::find(text, b"__LINE__").is_some();
    match directive_name(text) {
        _ if place_counts => Kind::Code,
        Some(b"define") => match define::removable(text) {
            Some(_) => Kind::Define,
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

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}
