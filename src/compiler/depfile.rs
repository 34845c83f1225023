//! Make dependency files, read and written byte for byte as compilers do.
//!
//! A stored dependency file has to come back for another target, with the
//! line breaks that the compiler would have made for it. So a file is taken
//! apart into names, and only if putting it together again in one of the known
//! [`Style`]s gives the very bytes that were read, it is understood.
//!
//! Rules: GNU make manual, "Rule Syntax"; the column rules are observed from
//! gcc 11 and 12 (a line is at most 72 columns) and clang 14 and 19 (75, with
//! room for a continuation; names are counted as they are before escaping).
//!
//! The stored form:
//!
//! ```text
//! blob = "cachedep" version:u32 writer:u8 phony:u8 blank:u8 main:u32 count:u32 name:text*
//! text = length:u32 bytes NUL
//! ```

use crate::sys::codec::{Reader, Writer as Codec};

const MAGIC: &[u8; 8] = b"cachedep";
const VERSION: u32 = 1;

/// Whose line breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    Gcc,
    Clang,
}

/// How a file is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    pub writer: Writer,
    /// Rules without prerequisites follow for all names but the main one (`-MP`).
    pub phony: bool,
    /// An empty line stands in front of each of those (older clang and gcc).
    pub blank: bool,
}

/// One rule, taken apart. All text is as it stands in the file, escaped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DepFile {
    /// What stands before the colon.
    pub target: Vec<u8>,
    /// The prerequisites.
    pub names: Vec<Vec<u8>>,
    /// Which of them is the main source: it has no phony rule.
    pub main: u32,
}

/// Takes `text` apart. `None`: it is not exactly what a known compiler writes.
pub fn detect(text: &[u8]) -> Option<(Style, DepFile)> {
    let (target, rest) = split_target(text)?;
    let (names, tail) = split_names(rest);
    let file = |main| DepFile {
        target: target.to_owned(),
        names: names.clone(),
        main,
    };
    let phony = !tail.is_empty();
    let main = if phony { main_name(&names, tail) } else { 0 };
    for writer in [Writer::Gcc, Writer::Clang] {
        for blank in [false, true] {
            let style = Style {
                writer,
                phony,
                blank,
            };
            let file = file(main);
            if write(&style, &file) == text {
                return Some((style, file));
            }
        }
    }
    None
}

/// The target and what follows its colon, which a blank or the line's end follows.
fn split_target(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr_iter(b':', text)
        .find(|at| matches!(text.get(at + 1), Some(b' ' | b'\n')))?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The names of a rule, and what follows its line.
fn split_names(mut rest: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut names = Vec::new();
    let mut name: Vec<u8> = Vec::new();
    loop {
        match rest {
            [b'\\', b'\n', tail @ ..] => {
                finish(&mut names, &mut name);
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                name.extend_from_slice(&[b'\\', *escaped]);
                rest = tail;
            }
            [b' ' | b'\t', tail @ ..] => {
                finish(&mut names, &mut name);
                rest = tail;
            }
            [b'\n', tail @ ..] => {
                finish(&mut names, &mut name);
                return (names, tail);
            }
            [byte, tail @ ..] => {
                name.push(*byte);
                rest = tail;
            }
            [] => {
                finish(&mut names, &mut name);
                return (names, rest);
            }
        }
    }
}

fn finish(names: &mut Vec<Vec<u8>>, name: &mut Vec<u8>) {
    if !name.is_empty() {
        names.push(std::mem::take(name));
    }
}

/// The first name that has no phony rule in `tail`.
fn main_name(names: &[Vec<u8>], tail: &[u8]) -> u32 {
    let mut rules = tail.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let mut rule = rules.next();
    for (index, name) in names.iter().enumerate() {
        match rule.and_then(|rule| rule.strip_suffix(b":")) {
            Some(phony) if phony == name.as_slice() => rule = rules.next(),
            _ => return index as u32,
        }
    }
    0
}

/// Puts a file together.
pub fn write(style: &Style, file: &DepFile) -> Vec<u8> {
    let mut out = file.target.clone();
    let line = memchr::memrchr(b'\n', &out).map_or(0, |at| at + 1);
    let mut column = out.len() - line;
    out.push(b':');
    column += 1;
    for name in &file.names {
        match style.writer {
            Writer::Gcc => {
                if column + name.len() > 72 {
                    out.extend_from_slice(b" \\\n");
                    column = 0;
                }
                out.push(b' ');
                column += 1 + name.len();
            }
            Writer::Clang => {
                let length = unescape(name).len();
                if column + length + 3 > 75 {
                    out.extend_from_slice(b" \\\n ");
                    column = 2;
                }
                out.push(b' ');
                column += 1 + length;
            }
        }
        out.extend_from_slice(name);
    }
    out.push(b'\n');
    if style.phony {
        for (index, name) in file.names.iter().enumerate() {
            if index as u32 == file.main {
                continue;
            }
            if style.blank {
                out.push(b'\n');
            }
            out.extend_from_slice(name);
            out.extend_from_slice(b":\n");
        }
    }
    out
}

/// The file's name that `name` stands for: `\ ` is a blank, `\#` a number
/// sign, `$$` a dollar sign; backslashes in front of an escaped blank come in pairs.
pub fn unescape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'\\' => {
                let run = rest.iter().take_while(|b| **b == b'\\').count();
                let after = rest.get(run..).unwrap_or_default();
                match after.first() {
                    Some(b' ' | b'\t') => {
                        out.extend(std::iter::repeat_n(b'\\', run / 2));
                        out.extend(after.first());
                        rest = after.get(1..).unwrap_or_default();
                    }
                    Some(b'#') => {
                        out.extend(std::iter::repeat_n(b'\\', run - 1));
                        out.push(b'#');
                        rest = after.get(1..).unwrap_or_default();
                    }
                    _ => {
                        out.extend(std::iter::repeat_n(b'\\', run));
                        rest = after;
                    }
                }
            }
            b'$' if tail.first() == Some(&b'$') => {
                out.push(b'$');
                rest = tail.get(1..).unwrap_or_default();
            }
            byte => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// The same rule with only those names for which `keep` says so; the main
/// source stays.
pub fn without(file: &DepFile, keep: impl Fn(&[u8]) -> bool) -> DepFile {
    let mut names = Vec::new();
    let mut main = 0;
    for (index, name) in file.names.iter().enumerate() {
        let is_main = index as u32 == file.main;
        if is_main {
            main = names.len() as u32;
        }
        if is_main || keep(name) {
            names.push(name.clone());
        }
    }
    DepFile {
        target: file.target.clone(),
        names,
        main,
    }
}

/// The stored form, without the target: that is the caller's each time.
pub fn encode(style: &Style, file: &DepFile) -> Vec<u8> {
    let mut out = Codec::new();
    out.raw(MAGIC);
    out.u32(VERSION);
    out.u8(match style.writer {
        Writer::Gcc => 0,
        Writer::Clang => 1,
    });
    out.u8(u8::from(style.phony));
    out.u8(u8::from(style.blank));
    out.u32(file.main);
    out.u32(file.names.len() as u32);
    for name in &file.names {
        out.text(name);
    }
    out.bytes
}

/// The reverse of [`encode`]; the target is empty. `None`: not of that form.
pub fn decode(bytes: &[u8]) -> Option<(Style, DepFile)> {
    let mut reader = Reader::new(bytes);
    if reader.array::<8>()? != MAGIC || reader.u32()? != VERSION {
        return None;
    }
    let writer = match reader.u8()? {
        0 => Writer::Gcc,
        1 => Writer::Clang,
        _ => return None,
    };
    let phony = reader.u8()? != 0;
    let blank = reader.u8()? != 0;
    let main = reader.u32()?;
    let count = reader.u32()?;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(reader.text()?.to_bytes().to_owned());
    }
    let style = Style {
        writer,
        phony,
        blank,
    };
    let file = DepFile {
        target: Vec::new(),
        names,
        main,
    };
    Some((style, file))
}

#[cfg(test)]
#[path = "depfile_test.rs"]
mod tests;
