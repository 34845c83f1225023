//! `#define` lines about which a preprocessor has nothing to say.

use super::{is_blank, is_word};

/// Names without a leading underscore that compilers define for some target or
/// language, in upper case.
const PREDEFINED: [&[u8]; 12] = [
    b"AIX",
    b"AMIGA",
    b"IBAction",
    b"IBOutlet",
    b"M68000",
    b"MIPSEB",
    b"MIPSEL",
    b"PPC",
    b"R3000",
    b"R4000",
    b"WIN32",
    b"WINNT",
];

/// The name of the macro that the line `text` defines, if leaving the line out
/// cannot be noticed where nothing names the macro.
pub fn removable(text: &[u8]) -> Option<&[u8]> {
    let (name, rest) = split(text)?;
    let plain = name.first()?.is_ascii_alphabetic()
        && name.is_ascii()
        && !name.contains(&b'$')
        && name.iter().any(u8::is_ascii_uppercase)
        && !PREDEFINED.contains(&name);
    let body = match rest.first() {
        None => rest,
        Some(b'(') => parameters(rest)?,
        Some(byte) if is_blank(*byte) => rest,
        Some(_) => return None,
    };
    (plain && is_harmless(body)).then_some(name)
}

/// Name and rest of `# define name rest`.
pub fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = skip(text).strip_prefix(b"#")?;
    let rest = skip(rest).strip_prefix(b"define")?;
    let word = skip(rest);
    if word.len() == rest.len() {
        return None;
    }
    let length = word.iter().position(|b| !is_word(*b)).unwrap_or(word.len());
    Some(word.split_at(length))
}

/// Behind the blanks at the start of `text`. A joint of lines is none.
fn skip(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !is_blank(*b));
    text.get(start.unwrap_or(text.len())..).unwrap_or_default()
}

/// Behind `(a, b)`, if that is a plain list of different names.
fn parameters(text: &[u8]) -> Option<&[u8]> {
    let close = memchr::memchr(b')', text)?;
    let list = text.get(1..close)?;
    let mut seen: Vec<&[u8]> = Vec::new();
    let empty = list.iter().all(|b| *b == b' ');
    for name in list.split(|b| *b == b',').filter(|_| !empty) {
        let name = name.trim_ascii();
        let plain = name.first()?.is_ascii_alphabetic()
            && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if !plain || seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    text.get(close + 1..)
}

/// Whether `body` is made of plain words, numbers, strings and punctuation, over
/// one or several lines.
fn is_harmless(body: &[u8]) -> bool {
    let mut rest = body;
    let mut word_before = false;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' | b'\'' => {
                // `R"`, `1'000`, `L'a'` are not worth telling apart.
                let Some(after) = (!word_before).then(|| quoted(byte, behind)).flatten() else {
                    return false;
                };
                // `"a"b` is a literal with a suffix.
                if after.first().is_some_and(|b| is_word(*b)) {
                    return false;
                }
                rest = after;
                word_before = false;
            }
            b'\\' => {
                let blank = behind
                    .iter()
                    .position(|b| !matches!(b, b' ' | b'\t' | b'\r'));
                let Some(after) = blank.and_then(|at| behind.get(at..)) else {
                    return false;
                };
                let Some(after) = after.strip_prefix(b"\n") else {
                    return false;
                };
                rest = after;
                word_before = false;
            }
            b'%' if behind.first() == Some(&b':') => return false,
            b'#' | b'@' | b'$' | b'`' => return false,
            byte if is_word(byte) => {
                let length = behind
                    .iter()
                    .position(|b| !is_word(*b))
                    .unwrap_or(behind.len());
                let word = rest_of(body, rest.len() + 1, length + 1);
                if !is_plain_word(word) {
                    return false;
                }
                rest = behind.get(length..).unwrap_or_default();
                word_before = true;
            }
            b' ' | b'\t' | b'\r' | super::COMMENT | b'!'..=b'~' => word_before = false,
            // Comments over several lines, form feeds, the end of the file.
            _ => return false,
        }
    }
    true
}

/// The `length` bytes of `text` that begin `left` bytes before its end.
fn rest_of(text: &[u8], left: usize, length: usize) -> &[u8] {
    let start = text.len().saturating_sub(left);
    text.get(start..start + length).unwrap_or_default()
}

fn is_plain_word(word: &[u8]) -> bool {
    let special = [&b"__VA_"[..], b"__has", b"_Pragma", b"defined"];
    word.is_ascii()
        && !word.contains(&b'$')
        && !special.iter().any(|prefix| word.starts_with(prefix))
}

/// Behind the literal whose quote `quote` has been read; one that is not empty.
fn quoted(quote: u8, text: &[u8]) -> Option<&[u8]> {
    if quote == b'\'' && text.first() == Some(&b'\'') {
        return None;
    }
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => match bytes.next()?.1 {
                b'\n' | b' ' | b'\t' | b'\r' => return None,
                _ => {}
            },
            byte if *byte == quote => return text.get(at + 1..),
            b' '..=b'~' => {}
            _ => return None,
        }
    }
    None
}
