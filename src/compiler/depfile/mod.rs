//! Dependency files as make reads them, byte for byte as the compilers write
//! them.
//!
//! ```text
//! out/a\ b.o: src/m.c src/x$$y.h \      target, colon, names, lines broken
//!  src/long.h                            by the rule of the style
//! src/x$$y.h:                            with -MP an empty rule for every name
//! src/long.h:                            but the source
//! ```
//!
//! A cached dependency file must come out right for another `-o` or `-MT`, and
//! breaking lines depends on the target. So it is kept as a [`DepFile`] plus
//! the [`Style`] that reproduces the original bytes; [`detect`] answers only if
//! it does.

mod codec;

pub use codec::{decode, encode};

use super::family::Family;

/// How a compiler breaks lines and writes empty rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// gcc: up to 72 bytes, names counted as written, one space before the
    /// next line.
    Gcc,
    /// clang 19: up to 75 bytes, names counted without their escapes, two
    /// spaces before the next line.
    Clang,
    /// clang 14: the same, and an empty line before each empty rule.
    ClangBlank,
}

impl Style {
    /// The styles of a family, in the order in which [`detect`] tries them.
    /// A short file looks the same in every style, so the family must be known.
    pub fn of(family: Family) -> &'static [Style] {
        match family {
            Family::Gcc => &[Style::Gcc],
            Family::Clang => &[Style::Clang, Style::ClangBlank],
        }
    }
}

/// Empty rules, so that make does not stop at a header that is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phony {
    /// There are none.
    None,
    /// One for each name but the one at this index, the source (0, or higher
    /// where clang lists other inputs first).
    AllBut(usize),
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DepFile {
    /// All before the colon, as written, line breaks included.
    pub target: Vec<u8>,
    /// The names as written, with escapes; see [`unescape`].
    pub names: Vec<Vec<u8>>,
    pub phony: Phony,
}

impl DepFile {
    /// The names as the file system knows them.
    pub fn paths(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.names.iter().map(|name| unescape(name))
    }
}

/// Reads a dependency file: its rule, and the style that reproduces it byte
/// for byte. `None`: it was written in a way that is not known here.
pub fn detect(family: Family, bytes: &[u8]) -> Option<(Style, DepFile)> {
    let colon = bytes.windows(2).position(|w| w == b": " || w == b":\n")?;
    detect_for(family, bytes, bytes.get(..colon)?)
}

/// The same when the target is known, as it is to whoever parsed the command
/// line; `None` also if it is another.
pub fn detect_for(family: Family, bytes: &[u8], target: &[u8]) -> Option<(Style, DepFile)> {
    let after = bytes.strip_prefix(target)?.strip_prefix(b":")?;
    let (names, rules) = split_names(after)?;
    let phony = phony_of(&names, rules);
    let file = DepFile {
        target: target.to_vec(),
        names,
        phony,
    };
    let mut styles = Style::of(family).iter().copied();
    let style = styles.find(|&style| write(style, &file) == bytes)?;
    Some((style, file))
}

/// Splits what follows the colon into names and the bytes after the rule.
fn split_names(mut bytes: &[u8]) -> Option<(Vec<Vec<u8>>, &[u8])> {
    let mut names = Vec::new();
    loop {
        bytes = match bytes {
            [b'\n', rest @ ..] => return Some((names, rest)),
            [b' ', rest @ ..] => rest,
            [b'\\', b'\n', rest @ ..] => rest,
            [] => return None,
            _ => {
                let end = Some(name_end(bytes)).filter(|&end| end > 0)?;
                let (name, rest) = bytes.split_at_checked(end)?;
                names.push(name.to_vec());
                rest
            }
        };
    }
}

/// Length of the name at the start: up to a space that is not escaped or the
/// end of the line.
fn name_end(bytes: &[u8]) -> usize {
    let mut backslashes = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => return at,
            b' ' | b'\t' if backslashes % 2 == 0 => return at,
            b'\\' => backslashes += 1,
            _ => backslashes = 0,
        }
    }
    bytes.len()
}

/// Which name has no empty rule among `rules`, if there are rules at all. Only
/// a guess to be confirmed by writing.
fn phony_of(names: &[Vec<u8>], rules: &[u8]) -> Phony {
    if rules.is_empty() {
        return Phony::None;
    }
    let mut rules = rules.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    let differs = |name: &Vec<u8>| {
        let rule = rules.next().and_then(|line| line.strip_suffix(b":"));
        rule != Some(name.as_slice())
    };
    Phony::AllBut(names.iter().position(differs).unwrap_or(names.len()))
}

/// The bytes that a compiler of this style writes.
pub fn write(style: Style, file: &DepFile) -> Vec<u8> {
    let length: usize = file.names.iter().map(|n| n.len() + 4).sum();
    let mut out = Vec::with_capacity(file.target.len() + 2 * length + 2);
    out.extend_from_slice(&file.target);
    out.push(b':');
    let last_line = file.target.rsplit(|&b| b == b'\n').next();
    let mut column = last_line.map_or(0, <[u8]>::len) + 1;
    for name in &file.names {
        column = match style {
            Style::Gcc => {
                if column + name.len() > GCC_COLUMNS {
                    out.extend_from_slice(b" \\\n");
                    column = 0;
                }
                column + 1 + name.len()
            }
            Style::Clang | Style::ClangBlank => {
                let length = unescape(name).len();
                if column + length + 3 > CLANG_COLUMNS {
                    out.extend_from_slice(b" \\\n ");
                    column = 2;
                }
                column + 1 + length
            }
        };
        out.push(b' ');
        out.extend_from_slice(name);
    }
    out.push(b'\n');
    if let Phony::AllBut(source) = file.phony {
        for (at, name) in file.names.iter().enumerate() {
            if at == source {
                continue;
            }
            if style == Style::ClangBlank {
                out.push(b'\n');
            }
            out.extend_from_slice(name);
            out.extend_from_slice(b":\n");
        }
    }
    out
}

const GCC_COLUMNS: usize = 72;
const CLANG_COLUMNS: usize = 75;

/// The same rule for another target, as `style` writes it.
pub fn retarget(style: Style, file: &DepFile, target: &[u8]) -> Vec<u8> {
    let file = DepFile {
        target: target.to_vec(),
        ..file.clone()
    };
    write(style, &file)
}

/// The targets of a rule (each as written) on their line or lines.
pub fn join_targets(style: Style, targets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    for target in targets {
        if column > 0 {
            match style {
                Style::Gcc => {
                    if column + target.len() > GCC_COLUMNS {
                        out.extend_from_slice(b" \\\n");
                        column = 0;
                    }
                    out.push(b' ');
                    column += 1;
                }
                Style::Clang | Style::ClangBlank => {
                    if column + target.len() + 2 > CLANG_COLUMNS {
                        out.extend_from_slice(b" \\\n  ");
                        column = 2;
                    } else {
                        out.push(b' ');
                        column += 1;
                    }
                }
            }
        }
        out.extend_from_slice(target);
        column += target.len();
    }
    out
}

/// The rule with empty rules, or without. `None` if they are wanted, the file
/// had none, and so it is not known how the compiler would write them: ask
/// for them (`-MP`) in every run whose file is kept, and drop them when they
/// are not wanted.
pub fn with_phony(file: &DepFile, wanted: bool) -> Option<DepFile> {
    let phony = match (wanted, file.phony) {
        (false, _) => Phony::None,
        (true, Phony::None) if file.names.len() > 1 => return None,
        (true, known) => known,
    };
    Some(DepFile {
        phony,
        ..file.clone()
    })
}

/// The rule with only those names that `keep` (given the name without
/// escapes) wants; the source stays in any case.
pub fn without(file: &DepFile, keep: impl Fn(&[u8]) -> bool) -> DepFile {
    let source = match file.phony {
        Phony::AllBut(at) => at,
        Phony::None => 0,
    };
    let mut names = Vec::new();
    let mut phony = file.phony;
    for (at, name) in file.names.iter().enumerate() {
        if at == source && phony != Phony::None {
            phony = Phony::AllBut(names.len());
        }
        if at == source || keep(&unescape(name)) {
            names.push(name.clone());
        }
    }
    DepFile {
        target: file.target.clone(),
        names,
        phony,
    }
}

/// A file name without make's escapes: `a\ b` is `a b`, `\#` is `#`, `$$` is
/// `$`; backslashes before a blank are doubled in the file.
pub fn unescape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.iter().copied().peekable();
    let mut backslashes = 0usize;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                backslashes += 1;
                continue;
            }
            b' ' | b'\t' => out.extend(std::iter::repeat_n(b'\\', backslashes / 2)),
            b'#' => out.extend(std::iter::repeat_n(b'\\', backslashes.saturating_sub(1))),
            _ => out.extend(std::iter::repeat_n(b'\\', backslashes)),
        }
        backslashes = 0;
        out.push(byte);
        if byte == b'$' && bytes.peek() == Some(&b'$') {
            bytes.next();
        }
    }
    out.extend(std::iter::repeat_n(b'\\', backslashes));
    out
}

/// A name with make's escapes, as both families write names and `-MQ`.
pub fn quote(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 8);
    let mut backslashes = 0usize;
    for &byte in name {
        match byte {
            b' ' | b'\t' => out.extend(std::iter::repeat_n(b'\\', backslashes + 1)),
            b'#' => out.push(b'\\'),
            b'$' => out.push(b'$'),
            _ => {}
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests;
