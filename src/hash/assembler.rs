//! What assembler text makes an assembler read: `.incbin` and `.include`.
//!
//! Neither compiler nor assembler reports these files unasked. The text that
//! counts is what the assembler sees: an assembler source, or the string
//! literals of a preprocessed source of the C family.
//!
//! More names are reported than are read (those in skipped branches count too),
//! never fewer: what cannot be told from the text is [`Reads::unclear`]. From
//! the manual of GNU as 2.40 (".incbin", ".include", ".macro", ".mri") and
//! LLVM's `AsmParser`, which takes the same; both ignore the case of directives.

/// The files that a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Behind `.incbin`.
    pub data: Vec<Vec<u8>>,
    /// Behind `.include`: their content is assembler text, too.
    pub text: Vec<Vec<u8>>,
    /// A file is named in a way that is not followed (by a macro's parameter).
    pub unclear: bool,
}

impl Reads {
    /// Whether nothing is read.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.text.is_empty() && !self.unclear
    }

    fn join(&mut self, other: Reads) {
        self.data.extend(other.data);
        self.text.extend(other.text);
        self.unclear |= other.unclear;
    }
}

/// Whether `text` could hold a directive that reads a file; cheap, and yes more
/// often than [`of_assembler`] finds one.
pub fn may_read(text: &[u8]) -> bool {
    memchr::memchr_iter(b'.', text).any(|at| {
        let before = text.get(..at).unwrap_or_default();
        let symbol = before.last().is_some_and(|b| is_symbol(*b) || *b == b'.');
        directive_at(text, at).is_some() && (!symbol || is_parameter(before))
    })
}

/// Whether `before` ends with a word behind a backslash: a macro's parameter,
/// or an escape that may stand for a blank.
fn is_parameter(before: &[u8]) -> bool {
    let word = before.iter().rposition(|b| !is_symbol(*b));
    word.and_then(|at| before.get(at)) == Some(&b'\\')
}

/// The length of the directive's name at the dot `at`, and whether it is `.include`.
fn directive_at(text: &[u8], at: usize) -> Option<(usize, bool)> {
    let rest = text.get(at + 1..)?;
    let name = rest.get(..6).map(<[u8]>::to_ascii_lowercase)?;
    let (length, include) = match name.as_slice() {
        b"incbin" => (6, false),
        b"includ" if matches!(rest.get(6), Some(b'e' | b'E')) => (7, true),
        _ => return None,
    };
    let longer = rest
        .get(length)
        .is_some_and(|b| is_symbol(*b) || *b == b'.');
    (!longer).then_some((1 + length, include))
}

fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// What an assembler source reads.
pub fn of_assembler(text: &[u8]) -> Reads {
    match without_comments(text) {
        Some(clean) => directives(&clean, false),
        None => directives(text, false),
    }
}

/// `text` without block comments and without lines that are comments on every
/// target (`#` first). `None`: its quotes do not match, so comments cannot be told.
fn without_comments(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut line_start = true;
    while let [byte, tail @ ..] = rest {
        match (byte, tail) {
            (b'#', _) if line_start => {
                // clang ends lines at carriage returns, too.
                rest = rest.get(memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())..)?;
                continue;
            }
            (b'/', [b'*', body @ ..]) => {
                let end = memchr::memmem::find(body, b"*/")?;
                out.push(b' ');
                rest = body.get(end + 2..)?;
                continue;
            }
            (b'"', _) => {
                let length = string_length(tail)?;
                out.extend_from_slice(rest.get(..length + 1)?);
                rest = tail.get(length..)?;
                continue;
            }
            // A character, which may be a quote: 'c, 'c', '\c.
            (b'\'', [b'\\', escaped, ..]) if *escaped != b'\n' => {
                out.extend_from_slice(&[b'\'', b'\\', *escaped]);
                rest = tail.get(2..)?;
                continue;
            }
            (b'\'', [b'"' | b'\'' | b'/' | b'#', ..]) => {
                out.extend_from_slice(rest.get(..2)?);
                rest = tail.get(1..)?;
                continue;
            }
            _ => {}
        }
        line_start = match byte {
            b'\n' => true,
            b' ' | b'\t' | b'\r' => line_start,
            _ => false,
        };
        out.push(*byte);
        rest = tail;
    }
    Some(out)
}

/// Behind an opening quote: the length up to and including the closing one on
/// the same line.
fn string_length(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match rest.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The directives in assembler text. In a `template` of inline assembler,
/// percent signs and braces stand for other text.
fn directives(text: &[u8], template: bool) -> Reads {
    let mut reads = Reads::default();
    for at in memchr::memchr_iter(b'.', text) {
        let before = text.get(..at).unwrap_or_default();
        if is_made_up(text.get(at + 1..).unwrap_or_default(), template)
            && !before.last().is_some_and(|b| is_symbol(*b))
        {
            reads.unclear = true;
        }
        let Some((length, include)) = directive_at(text, at) else {
            continue;
        };
        match before.last() {
            Some(b'.') => continue,
            Some(b) if is_symbol(*b) => {
                // `\a.include` may become a directive, `a.include` is a symbol.
                reads.unclear |= is_parameter(before);
                continue;
            }
            _ => {}
        }
        let rest = text
            .get(at + length..)
            .unwrap_or_default()
            .trim_ascii_start();
        match rest {
            // A symbol's definition or a label.
            [b'=' | b':', ..] => {}
            [b'"', name @ ..] => match plain_name(name, template) {
                Some(name) if include => reads.text.push(name.to_owned()),
                Some(name) => reads.data.push(name.to_owned()),
                None => reads.unclear = true,
            },
            _ => reads.unclear = true,
        }
    }
    let lower = text.to_ascii_lowercase();
    let holds = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
    // Directives without a dot; parameters without a backslash; and names put
    // together from parameters.
    let parts = || holds(b"inc") || holds(b"bin") || holds(b"lude");
    reads.unclear |= holds(b".mri")
        || (holds(b".altmacro") && parts())
        || (begins_with_joined_parameters(text) && parts());
    reads
}

/// Whether a dot's name begins like one of ours and goes on with a parameter.
fn is_made_up(rest: &[u8], template: bool) -> bool {
    let length = rest
        .iter()
        .position(|b| !is_symbol(*b))
        .unwrap_or(rest.len());
    let parameter = match rest.get(length) {
        Some(b'\\') => true,
        Some(b'%') => template && rest.get(length + 1) != Some(&b'%'),
        _ => false,
    };
    let begun = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
    parameter && (b"incbin".starts_with(&begun) || b"include".starts_with(&begun))
}

/// Whether a statement begins with a macro's parameter that something follows
/// at once: `\a\b "f"`.
fn begins_with_joined_parameters(text: &[u8]) -> bool {
    text.split(|b| matches!(b, b'\n' | b';')).any(|statement| {
        let Some(rest) = statement.trim_ascii_start().strip_prefix(b"\\") else {
            return false;
        };
        let name = rest.iter().position(|b| !is_symbol(*b));
        name.and_then(|at| rest.get(at))
            .is_some_and(|b| matches!(b, b'\\' | b'(' | b'.'))
    })
}

/// The name up to the closing quote, if it stands for itself.
fn plain_name(rest: &[u8], template: bool) -> Option<&[u8]> {
    let name = rest.get(..memchr::memchr2(b'"', b'\n', rest)?)?;
    let closed = rest.get(name.len()) == Some(&b'"');
    let odd = |b: &u8| match b {
        b'\\' | 0 => true,
        b'%' | b'{' | b'|' | b'}' => template,
        _ => false,
    };
    (closed && !name.is_empty() && !name.iter().any(odd)).then_some(name)
}

/// What the inline assembler of a preprocessed source reads: its string literals.
pub fn of_preprocessed(text: &[u8]) -> Reads {
    let mut literals = Literals { text, at: 0 };
    let mut reads = Reads::default();
    while literals.at < text.len() {
        literals.step(&mut reads);
    }
    reads
}

/// What stands where string literals may stand.
enum Strings {
    None,
    /// One has an escape that is not followed, or no end.
    Odd,
    Text(Vec<u8>),
}

/// A walk over the tokens of a preprocessed source.
struct Literals<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literals<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, reads: &mut Reads) {
        match self.rest() {
            [] => {}
            [b'#', ..] if self.at_marker() => self.skip_line(),
            [b'/', b'*' | b'/', ..] => self.skip_space(),
            [b'"', ..] => self.other_strings(reads),
            [b'\'', ..] => self.character(),
            [byte, ..] if is_symbol(*byte) => self.word(reads),
            _ => self.at += 1,
        }
    }

    /// Strings that are not a template: what they hold counts where it is
    /// clear (a section's name reaches the assembler as it is).
    fn other_strings(&mut self, reads: &mut Reads) {
        if let Strings::Text(text) = self.strings() {
            reads.join(Reads {
                unclear: false,
                ..directives(&text, true)
            });
        }
    }

    /// At a line marker: `# 12 "file"`. Pragmas are text as any other.
    fn at_marker(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let alone = before
            .get(line..)
            .unwrap_or_default()
            .trim_ascii()
            .is_empty();
        alone && matches!(self.rest(), [_, b' ', b'0'..=b'9', ..])
    }

    fn skip_line(&mut self) {
        self.at += memchr::memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
    }

    /// Blanks, comments and line markers.
    fn skip_space(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, ..] => self.at += 1,
                [b'/', b'/', ..] => self.skip_line(),
                [b'/', b'*', body @ ..] => {
                    let end = memchr::memmem::find(body, b"*/").map(|at| at + 2);
                    self.at += 2 + end.unwrap_or(body.len());
                }
                [b'#', ..] if self.at_marker() => self.skip_line(),
                _ => return,
            }
        }
    }

    fn character(&mut self) {
        self.at += 1;
        loop {
            match self.rest() {
                [b'\\', _, ..] => self.at += 2,
                [b'\'', ..] => {
                    self.at += 1;
                    return;
                }
                [] | [b'\n', ..] => return,
                _ => self.at += 1,
            }
        }
    }

    fn take_word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|b| !is_symbol(*b))
            .unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn word(&mut self, reads: &mut Reads) {
        let start = self.at;
        let number = self.rest().first().is_some_and(u8::is_ascii_digit);
        let word = self.take_word();
        match (word, self.rest().first()) {
            // A digit separator is no quote.
            (_, Some(b'\'')) if number => self.at += 1,
            (b"R" | b"LR" | b"uR" | b"UR" | b"u8R", Some(b'"')) => {
                self.at = start;
                self.other_strings(reads);
            }
            (b"asm" | b"__asm" | b"__asm__", _) => self.assembler(reads),
            _ => {}
        }
    }

    /// Behind `asm`: the template in parentheses.
    fn assembler(&mut self, reads: &mut Reads) {
        loop {
            self.skip_space();
            match self.rest().first() {
                Some(b'(') => break,
                Some(byte) if is_symbol(*byte) => match self.take_word() {
                    b"volatile" | b"__volatile__" | b"__volatile" | b"goto" | b"inline"
                    | b"__inline__" | b"__inline" => {}
                    _ => return,
                },
                _ => return,
            }
        }
        self.at += 1;
        self.skip_space();
        match self.strings() {
            Strings::Text(text) => {
                let clean = without_comments(&text);
                reads.join(directives(clean.as_ref().unwrap_or(&text), true));
            }
            Strings::Odd => reads.unclear = true,
            Strings::None => {}
        }
        self.skip_space();
        // Something else than literals makes the text.
        reads.unclear |= !matches!(self.rest().first(), Some(b')' | b':') | None);
    }

    /// Adjacent string literals here, decoded and joined.
    fn strings(&mut self) -> Strings {
        let mut text = None;
        let mut clear = true;
        loop {
            let back = self.at;
            let prefix = self.take_word();
            let raw = prefix.last() == Some(&b'R');
            let known = matches!(
                prefix,
                b"" | b"L" | b"u" | b"U" | b"u8" | b"R" | b"LR" | b"uR" | b"UR" | b"u8R"
            );
            if !known || self.rest().first() != Some(&b'"') {
                self.at = back;
                break;
            }
            let out = text.get_or_insert_with(Vec::new);
            self.at += 1;
            clear &= if raw { self.raw(out) } else { self.plain(out) };
            self.skip_space();
        }
        match text {
            None => Strings::None,
            Some(text) if clear => Strings::Text(text),
            Some(_) => Strings::Odd,
        }
    }

    /// Behind the quote of a raw string.
    fn raw(&mut self, out: &mut Vec<u8>) -> bool {
        let rest = self.rest();
        let Some(open) = rest.iter().take(17).position(|b| *b == b'(') else {
            return false;
        };
        let mut end = vec![b')'];
        end.extend_from_slice(rest.get(..open).unwrap_or_default());
        end.push(b'"');
        let body = rest.get(open + 1..).unwrap_or_default();
        let Some(length) = memchr::memmem::find(body, &end) else {
            self.at = self.text.len();
            return false;
        };
        out.extend_from_slice(body.get(..length).unwrap_or_default());
        self.at += open + 1 + length + end.len();
        true
    }

    /// Behind the quote of a string: decodes up to the closing one. Whether
    /// every escape was understood.
    fn plain(&mut self, out: &mut Vec<u8>) -> bool {
        let mut clear = true;
        loop {
            match self.rest() {
                [] | [b'\n', ..] => return false,
                [b'"', ..] => {
                    self.at += 1;
                    return clear;
                }
                [b'\\', tail @ ..] => {
                    let (byte, length) = escape(tail);
                    clear &= byte.is_some();
                    out.extend(byte);
                    self.at += 1 + length.max(1);
                }
                [byte, ..] => {
                    out.push(*byte);
                    self.at += 1;
                }
            }
        }
    }
}

/// The byte that an escape stands for (`None`: not a simple one) and the length
/// behind its backslash. C23 6.4.4.4.
fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    let number = |digits: &[u8], radix: u32| {
        let text = std::str::from_utf8(digits).ok()?;
        u8::try_from(u32::from_str_radix(text, radix).ok()?).ok()
    };
    let count = |digits: &[u8], limit: usize, ok: fn(&u8) -> bool| {
        digits.iter().take(limit).take_while(|b| ok(b)).count()
    };
    match rest {
        [b'n', ..] => (Some(b'\n'), 1),
        [b't', ..] => (Some(b'\t'), 1),
        [b'r', ..] => (Some(b'\r'), 1),
        [b'a', ..] => (Some(7), 1),
        [b'b', ..] => (Some(8), 1),
        [b'v', ..] => (Some(11), 1),
        [b'f', ..] => (Some(12), 1),
        [b'e' | b'E', ..] => (Some(27), 1),
        [byte @ (b'"' | b'\'' | b'\\' | b'?' | b'%'), ..] => (Some(*byte), 1),
        [b'0'..=b'7', ..] => {
            let length = count(rest, 3, |b| matches!(b, b'0'..=b'7'));
            (number(rest.get(..length).unwrap_or_default(), 8), length)
        }
        [b'x', digits @ ..] => {
            let length = count(digits, 16, u8::is_ascii_hexdigit);
            let digits = digits.get(..length).unwrap_or_default();
            (number(digits, 16), length + 1)
        }
        _ => (None, 1),
    }
}

#[cfg(test)]
#[path = "assembler_test.rs"]
mod tests;
