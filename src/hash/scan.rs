//! The source scanner: what a file's text can make a compiler look at.
//!
//! One pass over C-family source that knows comments, strings, character
//! literals, raw strings and line splices, so that a word inside a comment
//! disables nothing. It reports more than a preprocessor would act on (inactive
//! branches are read too), never less.
//!
//! The lexical rules are those of C23 5.2.1 and C++23 (clause 5); where they differ
//! the scanner reports the union.

/// Scans `text`. Whether trigraphs are replaced depends on options, so that a
/// text with some is read both ways.
pub fn scan(text: &[u8]) -> Scan {
    scan_with(text, &[])
}

/// Scans `text`, in which the macros `existence` do what `__has_include` does.
pub fn scan_with(text: &[u8], existence: &[Vec<u8>]) -> Scan {
    // A byte-order mark is no text.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut found = scan_plain(text, existence);
    // clang ends lines at carriage returns, too, gcc takes them for blanks.
    if has_lone_return(text) {
        let lines: Vec<u8> = text
            .iter()
            .map(|b| if *b == b'\r' { b'\n' } else { *b })
            .collect();
        found.join(scan_plain(&lines, existence));
    }
    if memchr::memmem::find(text, b"??").is_some() {
        let replaced = trigraphs::replaced(text);
        if replaced != text {
            found.join(scan_plain(&replaced, existence));
        }
    }
    found
}

fn scan_plain(text: &[u8], existence: &[Vec<u8>]) -> Scan {
    let spliced;
    let text = if has_splice(text) {
        spliced = join_lines(text);
        &spliced
    } else {
        text
    };
    let mut scanner = Scanner {
        text,
        at: 0,
        line_start: true,
        context: Context::Text,
        existence,
        found: Scan::default(),
        seen: std::collections::HashSet::new(),
    };
    scanner.found.escape = memchr::memchr(0x1b, text).is_some();
    scanner.run();
    scanner.found
}

fn has_lone_return(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1) != Some(&b'\n'))
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Only white space and comments since the last newline.
    line_start: bool,
    context: Context<'a>,
    /// Macros that do what `__has_include` does.
    existence: &'a [Vec<u8>],
    found: Scan,
    seen: std::collections::HashSet<(&'a [u8], Style, Asked)>,
}

/// What the line belongs to.
#[derive(Clone, Copy)]
enum Context<'a> {
    /// No directive.
    Text,
    /// A directive whose operands count where they stand.
    Directive,
    /// The definition of the macro of this name.
    Define(&'a [u8]),
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.line_start = true;
                    self.context = Context::Text;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'/' if matches!(self.peek(1), b'/' | b'*') => self.comment(),
                b'#' if self.line_start => {
                    self.at += 1;
                    self.directive();
                }
                b'%' if self.line_start && self.peek(1) == b':' => {
                    self.at += 2;
                    self.directive();
                }
                _ => {
                    self.line_start = false;
                    self.token(byte);
                }
            }
        }
    }

    /// At a comment's slash. A line comment stops in front of its newline.
    fn comment(&mut self) {
        let body = &self.text[self.at + 2..];
        let length = if self.peek(1) == b'/' {
            memchr::memchr(b'\n', body).unwrap_or(body.len())
        } else {
            memchr::memmem::find(body, b"*/").map_or(body.len(), |at| at + 2)
        };
        self.at += 2 + length;
    }

    /// One token that is no comment, white space or newline.
    fn token(&mut self, byte: u8) {
        match byte {
            b'"' => {
                let text = self.quoted(b'"');
                self.look_for_assembler(text);
                // In a `_Pragma`, perhaps.
                self.found.once |= text == b"once";
                self.found.offload |=
                    text.starts_with(b"omp") && memchr::memmem::find(text, b"target").is_some();
            }
            b'\'' => {
                self.quoted(b'\'');
            }
            b'0'..=b'9' => self.number(),
            b'.' => {
                self.found.assembler_file |= reads_assembler_file(self.text, self.at);
                self.at += 1;
            }
            byte if is_word(byte) => self.word(),
            _ => self.at += 1,
        }
    }

    /// Looks at what a string holds.
    fn look_for_assembler(&mut self, text: &[u8]) {
        self.found.assembler_file |= super::assembler::may_read(text);
    }

    /// A string or character literal; unterminated ones end with their line, as
    /// apostrophes in skipped text do. Returns what stands between the quotes.
    fn quoted(&mut self, quote: u8) -> &'a [u8] {
        let start = self.at + 1;
        let mut at = start;
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\\' if self.text.get(at + 1) != Some(&b'\n') => at += 2,
                b'\n' => break,
                byte if byte == quote => {
                    self.at = at + 1;
                    return &self.text[start..at];
                }
                _ => at += 1,
            }
        }
        let end = at.min(self.text.len());
        self.at = end;
        &self.text[start.min(end)..end]
    }

    /// A preprocessing number, with C++'s digit separators.
    fn number(&mut self) {
        while is_word(self.peek(0))
            || self.peek(0) == b'.'
            || (self.peek(0) == b'\'' && is_word(self.peek(1)))
            || (matches!(self.peek(0), b'+' | b'-')
                && matches!(self.text[self.at - 1], b'e' | b'E' | b'p' | b'P'))
        {
            self.at += 1;
            if self.at >= self.text.len() {
                break;
            }
        }
    }

    fn take_word(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn word(&mut self) {
        let word = self.take_word();
        match word {
            b"__TIME__" => self.found.time = true,
            b"__DATE__" => self.found.date = true,
            b"__TIMESTAMP__" => self.found.timestamp = true,
            b"__has_include" => self.has_include(Asked::Exists),
            b"__has_include_next" => self.has_include(Asked::Next),
            b"__has_embed" => self.has_include(Asked::HasEmbed),
            word if self.existence.iter().any(|name| name == word) => {
                self.has_include(Asked::Exists);
            }
            b"defined" => self.skip_operand(),
            b"asm" | b"__asm" | b"__asm__" => self.assembler(),
            b"_Pragma" | b"GCC" => self.found.obscure |= self.names_dependency(),
            b"R" | b"LR" | b"uR" | b"UR" | b"u8R" if self.peek(0) == b'"' => self.raw_string(),
            // gettext's: behind a name that ends in it, a parenthesis cannot stand.
            b"_" if self.is_called() => {}
            _ => self.found.clock_pieces.note(word),
        }
    }

    /// Whether a parenthesis is what comes next on this line.
    fn is_called(&self) -> bool {
        let rest = self.rest();
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        rest.iter().find(|byte| !blank(byte)) == Some(&b'(')
    }

    /// Behind `_Pragma` or `GCC`: whether this is the pragma that looks at the
    /// time of a file.
    fn names_dependency(&self) -> bool {
        let rest = self.rest();
        let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        memchr::memmem::find(&rest[..line], b"dependency").is_some()
    }

    /// Behind `asm`: looks ahead whether its text is all string literals.
    fn assembler(&mut self) {
        let back = self.at;
        match self.assembler_text() {
            Some(text) => self.look_for_assembler(&text),
            None => match self.context {
                Context::Define(name) => {
                    let name = name.to_owned();
                    if !self.found.opaque_macros.contains(&name) {
                        self.found.opaque_macros.push(name);
                    }
                }
                Context::Text | Context::Directive => self.found.opaque_assembler = true,
            },
        }
        self.at = back;
    }

    /// The string literals behind `asm (`, joined; `None` if something else
    /// stands among them. The dialect without parentheses names no files.
    fn assembler_text(&mut self) -> Option<Vec<u8>> {
        loop {
            // `#define A asm` hides what follows.
            self.skip_blank();
            if matches!(self.rest(), [] | [b'\n', ..] | [b'/', b'/', ..]) {
                return None;
            }
            self.skip_space();
            match self.peek(0) {
                byte if is_word(byte) => match self.take_word() {
                    b"volatile" | b"__volatile__" | b"__volatile" | b"goto" | b"inline"
                    | b"__inline__" | b"__inline" => {}
                    _ => return Some(Vec::new()),
                },
                b'(' => break,
                _ => return Some(Vec::new()),
            }
        }
        self.at += 1;
        let mut text = Vec::new();
        loop {
            self.skip_space();
            match self.peek(0) {
                b'"' => {
                    let part = self.quoted(b'"');
                    // An escape may hide a directive: preprocessing decodes it.
                    if has_number_escape(part) {
                        return None;
                    }
                    text.extend_from_slice(part);
                }
                b')' | b':' => return Some(text),
                _ => return None,
            }
        }
    }

    /// Blanks, newlines and comments.
    fn skip_space(&mut self) {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => self.at += 1,
                b'/' if matches!(self.peek(1), b'/' | b'*') => self.comment(),
                _ => return,
            }
        }
    }

    /// At the quote of `R"delimiter(...)delimiter"`.
    fn raw_string(&mut self) {
        let rest = &self.text[self.at + 1..];
        let Some(open) = rest.iter().take(17).position(|b| *b == b'(') else {
            return;
        };
        let mut end = Vec::with_capacity(open + 2);
        end.push(b')');
        end.extend_from_slice(&rest[..open]);
        end.push(b'"');
        // Not a raw string in this language after all: its first line may be
        // an ordinary string, so what follows must not be skipped blindly.
        match memchr::memmem::find(&rest[open..], &end) {
            Some(length) => {
                let body = &rest[open..open + length];
                self.look_for_assembler(body);
                // In C89 the text is ordinary tokens: look for the words all the same.
                for (word, flag) in [
                    (&b"__TIME__"[..], &mut self.found.time),
                    (b"__DATE__", &mut self.found.date),
                    (b"__TIMESTAMP__", &mut self.found.timestamp),
                ] {
                    *flag |= memchr::memmem::find(body, word).is_some();
                }
                self.at += 1 + open + length + end.len();
            }
            None => self.found.obscure = true,
        }
        if matches!(self.text.get(self.at), Some(b'"')) && self.found.obscure {
            self.quoted(b'"');
        }
    }

    /// Blanks and block comments on this line.
    fn skip_blank(&mut self) {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'/' if self.peek(1) == b'*' => self.comment(),
                _ => return,
            }
        }
    }

    /// `"name"` or `<name>` here, if there is one.
    fn header_name(&mut self) -> Option<(&'a [u8], Style)> {
        let (close, style) = match self.peek(0) {
            b'"' => (b'"', Style::Quote),
            b'<' => (b'>', Style::Angle),
            _ => return None,
        };
        let rest = self.text.get(self.at + 1..)?;
        let end = memchr::memchr2(close, b'\n', rest)?;
        if rest[end] != close {
            return None;
        }
        self.at += end + 2;
        Some((&rest[..end], style))
    }

    fn note(&mut self, name: &'a [u8], style: Style, asked: Asked) {
        if !name.is_empty() && !name.contains(&0) && self.seen.insert((name, style, asked)) {
            self.found.lookups.push(Lookup {
                name: name.to_owned(),
                style,
                asked,
            });
        }
    }

    /// A header's name, or what makes one.
    fn lookup(&mut self, asked: Asked) {
        match self.header_name() {
            Some((name, style)) => self.note(name, style, asked),
            None if asked == Asked::Embed => self.found.computed_embed = true,
            None => self.found.computed = true,
        }
    }

    /// After the `#` of a directive.
    fn directive(&mut self) {
        self.line_start = false;
        self.context = Context::Directive;
        self.skip_blank();
        let name = self.take_word();
        match name {
            b"include" => self.include(Asked::Include),
            b"import" => {
                self.found.once = true;
                self.found.imports = true;
                self.include(Asked::Include);
            }
            b"include_next" => self.include(Asked::Next),
            b"embed" => self.include(Asked::Embed),
            b"define" => self.define(),
            b"pragma" => self.pragma(),
            b"line" => self.found.renumbers = true,
            marker if marker.first().is_some_and(u8::is_ascii_digit) => {
                self.found.renumbers = true;
            }
            b"ifdef" | b"ifndef" | b"elifdef" | b"elifndef" | b"undef" => self.skip_operand(),
            _ => {}
        }
    }

    fn include(&mut self, asked: Asked) {
        self.skip_blank();
        self.lookup(asked);
    }

    /// A macro's body may name a header: `#define CONFIG "config.h"`, `<a/b.h>`.
    fn define(&mut self) {
        let rest = &self.text[self.at..];
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..length];
        for (open, close, style) in [(b'"', b'"', Style::Quote), (b'<', b'>', Style::Angle)] {
            let mut from = 0;
            while let Some(start) = memchr::memchr(open, &line[from..]).map(|at| from + at + 1) {
                let Some(end) = memchr::memchr(close, &line[start..]).map(|at| start + at) else {
                    break;
                };
                let name = &line[start..end];
                if looks_like_header(name) {
                    self.note(name, style, Asked::Macro);
                }
                from = end + 1;
            }
        }
        // The name that is being defined is not a use of it.
        self.skip_blank();
        self.context = Context::Define(self.take_word());
    }

    fn pragma(&mut self) {
        self.skip_blank();
        match self.take_word() {
            b"once" => self.found.once = true,
            b"omp" => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let line = rest.get(..end).unwrap_or_default();
                self.found.offload |= memchr::memmem::find(line, b"target").is_some();
            }
            b"GCC" | b"clang" => {
                self.skip_blank();
                match self.take_word() {
                    b"system_header" => self.found.system_header = true,
                    // `#pragma GCC dependency "file"` compares times.
                    b"dependency" => self.found.obscure = true,
                    b"pch_preprocess" => self.found.precompiled = true,
                    b"module" => self.found.obscure = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Whether the dot `at` begins `.incbin` or `.include`: not a member
/// (`a.include`, `.include = 1`).
fn reads_assembler_file(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(40)).unwrap_or_default();
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let escaped = at.checked_sub(2).and_then(|at| text.get(at)) == Some(&b'\\');
    let member =
        before.is_some_and(|b| (is_word(b) && !escaped) || matches!(b, b')' | b']' | b'.'));
    let name = rest.get(1..).unwrap_or_default();
    let length = name.iter().position(|b| !is_word(*b)).unwrap_or(name.len());
    let after = name.get(length..).unwrap_or_default();
    let assigned = after.trim_ascii_start().first() == Some(&b'=');
    !member && !assigned && super::assembler::may_read(rest.get(..length + 2).unwrap_or(rest))
}

/// Whether a string has an escape that stands for any byte.
fn has_number_escape(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', text).any(|at| {
        matches!(
            text.get(at + 1),
            Some(b'0'..=b'7' | b'x' | b'u' | b'U' | b'N' | b'o')
        )
    })
}

/// Whether a string in a macro can be a header's name: short, no blanks or quotes.
fn looks_like_header(name: &[u8]) -> bool {
    (1..=255).contains(&name.len())
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'+'))
}

pub(crate) mod clock;
mod existence;
mod found;
pub(crate) mod record;
mod splices;
mod trigraphs;

pub use found::{Asked, Lookup, Scan, Style};
use splices::{has_splice, join_lines};

#[cfg(test)]
#[path = "scan_test.rs"]
mod tests;
