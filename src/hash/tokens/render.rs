//! A file's text with its comments blanked.

use std::ops::Range;

use super::lexer::{Kind, Span};

/// Stands for a comment's character where it must be seen that there is one.
pub const COMMENT: u8 = 0x01;
/// Before a newline: it is inside a comment.
pub const INSIDE: u8 = 0x02;
/// Last: the file does not end in a newline.
pub const NO_NEWLINE: u8 = 0x03;

/// The text without what its comments say: in front of tokens each comment keeps
/// its place and its blanks, in a line without tokens only its first column, and
/// behind the last token of a line nothing. The three bytes above are in no text
/// that was lexed, so the tokens and their places can be read back from it.
pub fn render(text: &[u8], spans: &[Span]) -> Rendered {
    let mut page = Page {
        out: Vec::with_capacity(text.len() + 16),
        line: 0,
        fixed: 0,
        breaks: Vec::new(),
    };
    let mut at = 0;
    for span in spans {
        page.plain(text.get(at..span.start).unwrap_or_default());
        let inside = text.get(span.start..span.end).unwrap_or_default();
        match span.kind {
            Kind::Comment => page.comment(inside),
            Kind::Kept => page.kept(inside),
        }
        at = span.end;
    }
    page.plain(text.get(at..).unwrap_or_default());
    if page.out.last().is_some_and(|b| *b != b'\n') || text.last().is_some_and(|b| *b != b'\n') {
        page.trim();
        page.out.push(NO_NEWLINE);
    }
    Rendered {
        text: page.out,
        breaks: page.breaks,
    }
}

/// A file without what its comments say.
pub struct Rendered {
    pub text: Vec<u8>,
    /// Behind the newline of every line that does not go on in the next, be it
    /// by a backslash, in a comment or in a raw string.
    pub breaks: Vec<usize>,
}

impl Rendered {
    /// Where the lines are, joined ones as one, each with its number. A line holds as
    /// many newlines as the file has there.
    pub fn lines(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut start = 0;
        let mut number = 1;
        let ends = self.breaks.iter().copied().chain([self.text.len()]);
        ends.map(move |end| {
            let line = self.text.get(start..end).unwrap_or_default();
            let here = (number, start..end);
            number += memchr::memchr_iter(b'\n', line).count();
            start = end;
            here
        })
    }
}

struct Page {
    out: Vec<u8>,
    /// Where the line begins.
    line: usize,
    /// Nothing before this is taken back.
    fixed: usize,
    breaks: Vec<usize>,
}

impl Page {
    fn plain(&mut self, mut text: &[u8]) {
        while let Some(newline) = memchr::memchr(b'\n', text) {
            let (line, rest) = text.split_at(newline);
            self.out.extend_from_slice(line);
            self.end_line(b"\n");
            let before = line.iter().rfind(|b| !matches!(b, b' ' | b'\t' | b'\r'));
            if before != Some(&b'\\') {
                self.breaks.push(self.out.len());
            }
            text = rest.get(1..).unwrap_or_default();
        }
        self.out.extend_from_slice(text);
    }

    fn comment(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                b'\n' => self.end_line(&[INSIDE, b'\n']),
                b' ' | b'\t' | b'\r' => self.out.push(*byte),
                _ => self.out.push(COMMENT),
            }
        }
    }

    fn kept(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
        self.fixed = self.out.len();
        if let Some(newline) = memchr::memrchr(b'\n', text) {
            self.line = self.out.len() - (text.len() - newline - 1);
        }
    }

    fn end_line(&mut self, end: &[u8]) {
        let carriage = self.out.len() > self.fixed && self.out.last() == Some(&b'\r');
        if carriage {
            self.out.pop();
        }
        self.trim();
        if carriage {
            self.out.push(b'\r');
        }
        self.out.extend_from_slice(end);
        self.line = self.out.len();
        self.fixed = self.line;
    }

    /// Takes back what no compiler sees at the end of a line.
    fn trim(&mut self) {
        let from = self.fixed.max(self.line);
        let tail = self.out.get(from..).unwrap_or_default();
        let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | &COMMENT);
        let keep = match tail.iter().rposition(|b| !is_blank(b)) {
            // A backslash at the end of a line joins lines.
            Some(last) if tail.get(last) == Some(&b'\\') => return,
            Some(last) => last + 1,
            None if from > self.line => 0,
            None => tail
                .iter()
                .position(|b| *b == COMMENT)
                .map_or(0, |at| at + 1),
        };
        self.out.truncate(from + keep);
    }
}
