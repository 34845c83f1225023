//! Where the comments of a file are.
//!
//! The rules are those of gcc 11 to 12 and clang 14 to 19 where they agree. Where
//! they do not, or where a place could be read in two ways, the lexer gives up:
//! a file without an answer is only known by its content.

/// What is to become of a span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A comment that compilers do not look into.
    Comment,
    /// Must stay as it is to the last blank.
    Kept,
}

/// Bytes `start..end` of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

/// The answer of [`lex`].
pub struct Lexed {
    /// In order, without overlaps.
    pub spans: Vec<Span>,
    /// Whether raw strings or digit separators could have made a difference.
    pub ambiguous: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Finds the comments of `text`. `None`: gave up.
pub fn lex(text: &[u8], raw_strings: bool, digit_separators: bool) -> Option<Lexed> {
    if !is_plain(text) {
        return None;
    }
    let mut lexer = Lexer {
        text,
        at: if text.starts_with(BYTE_ORDER_MARK) {
            3
        } else {
            0
        },
        raw_strings,
        digit_separators,
        line_start: true,
        directive: Directive::No,
        angle: false,
        found: Lexed {
            spans: Vec::new(),
            ambiguous: false,
        },
    };
    lexer.run()?;
    Some(lexer.found)
}

/// No trigraphs, and no control characters besides tabs, newlines (with a
/// carriage return or without) and form feeds at the start of a line.
fn is_plain(text: &[u8]) -> bool {
    let trigraph = memchr::memmem::find_iter(text, b"??")
        .any(|at| text.get(at + 2).is_some_and(|b| b"=/'()!<>-".contains(b)));
    let control = text.iter().enumerate().any(|(at, byte)| match byte {
        b'\t' | b'\n' | 0x20..=0x7e | 0x80.. => false,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        0x0c => at > 0 && text.get(at - 1) != Some(&b'\n'),
        _ => true,
    });
    !trigraph && !control
}

/// The kind of line that the lexer is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    No,
    /// Behind the `#`.
    Unnamed,
    /// `#define`.
    Define,
    /// `#error`, `#warning`: clang reads them without looking for comments.
    Message,
    Other,
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    raw_strings: bool,
    digit_separators: bool,
    /// Only blanks and comments since the line began.
    line_start: bool,
    directive: Directive,
    /// A `<` without its `>` in this line: a header's name, perhaps.
    angle: bool,
    found: Lexed,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// If the byte at `at` is a backslash that joins lines: the length up to and
/// including the newline. Compilers allow blanks between.
pub fn splice(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(b"\\")?;
    let blank = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'\r'))
        .count();
    (rest.get(blank) == Some(&b'\n')).then_some(blank + 2)
}

impl<'a> Lexer<'a> {
    /// The first place at or behind `at` that is no joint of lines.
    fn beyond_splices(&self, mut at: usize) -> usize {
        while let Some(length) = splice(self.text, at) {
            at += length;
        }
        at
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    fn has(&self, start: usize, end: usize, what: &[u8]) -> bool {
        memchr::memmem::find(self.slice(start, end), what).is_some()
    }

    /// The end of the line that `at` is in, joined lines included, without its
    /// newline.
    fn line_end(&self, at: usize) -> usize {
        let mut from = at;
        while let Some(length) = memchr::memchr(b'\n', self.slice(from, self.text.len())) {
            let newline = from + length;
            let joint = self
                .slice(at, newline)
                .iter()
                .rposition(|b| !matches!(b, b' ' | b'\t' | b'\r'))
                .is_some_and(|last| self.byte(at + last) == b'\\');
            if !joint {
                return newline - usize::from(newline > at && self.byte(newline - 1) == b'\r');
            }
            from = newline + 1;
        }
        self.text.len()
    }

    fn push(&mut self, start: usize, end: usize, kind: Kind) {
        self.found.spans.push(Span { start, end, kind });
    }

    fn run(&mut self) -> Option<()> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line_start = true;
                    self.directive = Directive::No;
                    self.angle = false;
                    continue;
                }
                b' ' | b'\t' | b'\r' | 0x0c => {
                    self.at += 1;
                    continue;
                }
                b'\\' => match splice(self.text, self.at) {
                    Some(length) => {
                        self.at += length;
                        continue;
                    }
                    None => self.at += 1,
                },
                b'/' => {
                    let next = self.beyond_splices(self.at + 1);
                    if matches!(self.byte(next), b'/' | b'*') {
                        self.comment(next)?;
                        continue;
                    }
                    self.at += 1;
                }
                b'"' | b'\'' => self.quoted(byte)?,
                b'#' if self.line_start => {
                    self.at += 1;
                    self.directive = Directive::Unnamed;
                }
                b'%' if self.line_start && self.byte(self.beyond_splices(self.at + 1)) == b':' => {
                    self.at = self.beyond_splices(self.at + 1) + 1;
                    self.directive = Directive::Unnamed;
                }
                b'<' | b'>' => {
                    self.angle = byte == b'<';
                    self.at += 1;
                }
                b'0'..=b'9' => self.number()?,
                b'.' if self.byte(self.beyond_splices(self.at + 1)).is_ascii_digit() => {
                    self.number()?
                }
                byte if is_word(byte) => self.word()?,
                _ => self.at += 1,
            }
            self.line_start = false;
        }
        Some(())
    }

    /// At a comment's slash; `second` is where its second character is.
    fn comment(&mut self, second: usize) -> Option<()> {
        let line = self.byte(second) == b'/';
        let may_be_name =
            self.angle && !matches!(self.directive, Directive::No | Directive::Define);
        if may_be_name {
            let end = self.line_end(self.at);
            if memchr::memchr(b'>', self.slice(self.at, end)).is_some() {
                return self.keep_line(end, line);
            }
        }
        let (end, joined) = match line {
            true => {
                let end = self.line_end(second + 1);
                (
                    end,
                    memchr::memchr(b'\n', self.slice(second, end)).is_some(),
                )
            }
            false => self.block_end(second + 1)?,
        };
        let lines = memchr::memchr(b'\n', self.slice(self.at, end)).is_some();
        if self.directive == Directive::Message && lines {
            return None;
        }
        let split = second != self.at + 1;
        let body = self.slice(second + 1, end);
        let kind = match split || joined || is_seen(body) {
            true => Kind::Kept,
            false => Kind::Comment,
        };
        self.push(self.at, end, kind);
        self.at = end;
        Some(())
    }

    /// `<a//b>` is a header's name, `A < B // C > D` is not: the line stays.
    fn keep_line(&mut self, end: usize, line: bool) -> Option<()> {
        let unclear = self.has(self.at, end, b"/*") || self.has(self.at, end, b"R\"");
        if !line || unclear {
            return None;
        }
        self.push(self.at, end, Kind::Kept);
        self.at = end;
        Some(())
    }

    /// Where the block comment with its text from `from` on ends, and whether
    /// lines are joined in it.
    fn block_end(&self, from: usize) -> Option<(usize, bool)> {
        let rest = self.slice(from, self.text.len());
        let end = from + memchr::memmem::find(rest, b"*/")? + 2;
        let mut joined = false;
        for at in memchr::memchr_iter(b'\\', self.slice(from, end)) {
            if splice(self.text, from + at).is_some() {
                // `*\` newline `/` would end it.
                if self.byte(from + at - 1) == b'*' {
                    return None;
                }
                joined = true;
            }
        }
        Some((end, joined))
    }

    /// A string or a character. In a line that it does not end in (an
    /// apostrophe in skipped text), everything stays up to the line's end.
    fn quoted(&mut self, quote: u8) -> Option<()> {
        let start = self.at;
        let mut at = start + 1;
        loop {
            match *self.text.get(at)? {
                b'\n' => {
                    let end = at - usize::from(self.byte(at - 1) == b'\r' && at - 1 > start);
                    let unclear = [&b"/*"[..], b"//", b"R\""]
                        .iter()
                        .any(|what| self.has(start, end, what));
                    if unclear {
                        return None;
                    }
                    self.push(start, end, Kind::Kept);
                    self.at = end;
                    return Some(());
                }
                b'\\' => match splice(self.text, at) {
                    Some(length) => at += length,
                    // In a header's name a backslash is a backslash.
                    None if !matches!(self.directive, Directive::No | Directive::Define) => {
                        return None;
                    }
                    None => {
                        let escaped = self.beyond_splices(at + 1);
                        at = escaped + usize::from(self.byte(escaped) != b'\n');
                    }
                },
                byte if byte == quote => {
                    self.at = at + 1;
                    return Some(());
                }
                _ => at += 1,
            }
        }
    }

    /// A preprocessing number.
    fn number(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            let byte = self.byte(self.at);
            let before = self.byte(self.at - 1);
            let sign = matches!(byte, b'+' | b'-') && matches!(before, b'e' | b'E' | b'p' | b'P');
            if byte == b'\'' && is_word(self.byte(self.beyond_splices(self.at + 1))) {
                self.found.ambiguous = true;
                if !self.digit_separators {
                    return Some(());
                }
            } else if splice(self.text, self.at).is_some() {
                // A number that goes on in the next line.
                let next = self.byte(self.beyond_splices(self.at));
                let over = matches!(next, b' ' | b'\t' | b'\r' | b'\n' | b')' | b',' | b';' | 0);
                return over.then_some(());
            } else if !(is_word(byte) || byte == b'.' || sign) {
                return Some(());
            }
            self.at += 1;
        }
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while is_word(self.byte(self.at)) {
            self.at += 1;
        }
        let word = self.slice(start, self.at);
        let next = self.beyond_splices(self.at);
        // A word that goes on in the next line.
        if next != self.at && is_word(self.byte(next)) {
            return None;
        }
        match word {
            _ if self.directive == Directive::Unnamed => {
                self.directive = match word {
                    b"define" => Directive::Define,
                    b"error" | b"warning" => Directive::Message,
                    _ => Directive::Other,
                };
            }
            b"import" if self.line_start => self.directive = Directive::Other,
            b"R" | b"LR" | b"uR" | b"UR" | b"u8R" if self.byte(next) == b'"' => {
                self.found.ambiguous = true;
                if self.raw_strings {
                    return self.raw_string(start, next);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// `R"delimiter(...)delimiter"`, whose quote is at `quote`.
    fn raw_string(&mut self, start: usize, quote: usize) -> Option<()> {
        let rest = self.slice(quote + 1, self.text.len());
        let open = rest.iter().take(17).position(|b| *b == b'(')?;
        let delimiter = rest.get(..open)?;
        if delimiter.iter().any(|b| b")\\\" \t\r\n\x0c".contains(b)) {
            return None;
        }
        let close = [b")", delimiter, b"\""].concat();
        let body = memchr::memmem::find(rest.get(open..)?, &close)? + open;
        let end = quote + 1 + body + close.len();
        if self.directive != Directive::No
            && memchr::memchr(b'\n', self.slice(start, end)).is_some()
        {
            return None;
        }
        self.push(start, end, Kind::Kept);
        self.at = end;
        Some(())
    }
}

/// Whether compilers look into a comment with the text `body`.
fn is_seen(body: &[u8]) -> bool {
    let nested = memchr::memmem::find(body, b"/*").is_some();
    let strange = body.iter().any(|b| !b.is_ascii() || *b == 0x0c);
    let marker = memchr::memchr2_iter(b'f', b'F', body).any(|at| {
        body.get(at..at + 4)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"fall"))
    });
    nested || strange || marker
}
