//! Which results stay right when only comments change?
//!
//! Compilers drop comments early, but not everywhere: some warnings read them,
//! some products hold the source or a checksum of it. [`dialect`] says for which
//! commands they cannot matter; [`Blind`] looks at what the sources say about it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Cached;
use super::observe::Dependency;
use crate::compiler::{Class, Command, Family, Product};
use crate::hash::scan::{Asked, Scan};
use crate::hash::tokens::{self, Dialect, Has, TokenDigest};

/// Files beside the product in which no comment shows.
const BLIND_ROLES: [&str; 4] = ["aux-info", "callgraph", "dwo", "stack-usage"];

/// Options, by what they begin with, that bring comments, the source's text or
/// its checksum into the product or a message, or that change what a comment is.
const SEEING: &[&str] = &[
    "--ansi",
    "--comments",
    "--coverage",
    "--save-temps",
    "--traditional",
    "-C",
    "-Wc90-c99-compat",
    "-Wdocumentation",
    "-Weverything",
    "-Wimplicit-fallthrough=1",
    "-Wleading-whitespace",
    "-Wtraditional",
    "-Wtrailing-whitespace",
    "-Xarch",
    "-Xclang",
    "-Xpreprocessor",
    "-ansi",
    "-coverage",
    "-d",
    "-fauto-profile",
    "-fbranch-probabilities",
    "-fcomment-block-commands",
    "-fcoverage",
    "-fcs-profile",
    "-fdebug-cpp",
    "-fdirectives-only",
    "-fdump",
    "-fembed",
    "-finput-charset",
    "-fmemory-profile",
    "-fms-",
    "-foptimization-record",
    "-fparse-all-comments",
    "-fplugin",
    "-fpreprocessed",
    "-fprofile",
    "-fretain-comments",
    "-fsave-optimization-record",
    "-ftest-coverage",
    "-ftime-trace",
    "-fverbose-asm",
    "-gcodeview",
    "-gembed-source",
    "-include-pch",
    "-save-temps",
    "-traditional",
];

/// Words in a source that have the compiler look at comments from there on.
const PRAGMAS: [&[u8]; 5] = [
    b"-Wdocumentation",
    b"-Weverything",
    b"-Wimplicit-fallthrough=1",
    b"-Wc90-c99-compat",
    b"-Wtraditional",
];

/// Room in gcc's table of places, in columns: with less than a quarter of it in
/// use, every token has its column (`line-map.h`: 2^30 places less a quarter,
/// 32 for each column).
const COLUMNS: u64 = 10_000_000;

/// How to read the sources of `command` where comments cannot reach its
/// result. `None`: they can.
pub fn dialect(family: Family, command: &Command) -> Option<Dialect> {
    let traits = &command.traits;
    let readable = matches!(
        command.language.0,
        "c" | "c++" | "objective-c" | "objective-c++"
    );
    let blind = readable
        && command.product != Product::PrecompiledHeader
        && !traits.no_preprocessing
        && !traits.has_unknown
        && command.inputs.iter().all(|input| input.optional)
        && command.dumps.is_none()
        && command
            .outputs
            .iter()
            .all(|output| BLIND_ROLES.contains(&output.role))
        && !(family == Family::Clang && traits.records_directory && has_checksums(command));
    if !blind || command.args.iter().any(|arg| sees(&arg.words, &arg.class)) {
        return None;
    }
    standard(command)
}

fn sees(words: &[OsString], class: &Class) -> bool {
    let first = words.first().map_or(&b""[..], |word| word.as_bytes());
    if *class == Class::Structural {
        return false;
    }
    if let Some(list) = first.strip_prefix(b"-Wp,") {
        let known = [&b"-M"[..], b"-D", b"-U"];
        return !known.iter().any(|option| list.starts_with(option));
    }
    if first.starts_with(b"-Wa,") || first == b"-Xassembler" {
        return first != b"-Wa,--noexecstack";
    }
    SEEING
        .iter()
        .any(|option| first.starts_with(option.as_bytes()))
}

/// Whether clang's debug information names files with their checksums, as it
/// does from DWARF 5 on, which is its default.
fn has_checksums(command: &Command) -> bool {
    let mut version = None;
    for arg in &command.args {
        let word = arg.words.first().map_or(&b""[..], |word| word.as_bytes());
        if let Some(number) = word.strip_prefix(b"-gdwarf-") {
            version = Some(number);
        }
    }
    !matches!(version, Some(b"2" | b"3" | b"4"))
}

/// The dialect that the last `-std=` asks for. `None`: one in which `//` may be
/// no comment, or about whose comments compilers have something to say.
fn standard(command: &Command) -> Option<Dialect> {
    let mut name = None;
    for arg in &command.args {
        let word = arg.words.first().map_or(&b""[..], |word| word.as_bytes());
        if let Some(value) = word.strip_prefix(b"-std=") {
            name = Some(value.to_owned());
        } else if word.starts_with(b"--std") {
            return None;
        }
    }
    let cxx = command.language.0.ends_with("c++");
    let Some(name) = name else {
        return Some(match cxx {
            true => MODERN,
            false => Dialect::ANY,
        });
    };
    let name = String::from_utf8(name).ok()?;
    let old = ["89", "90", "199409"]
        .iter()
        .any(|year| name.ends_with(year));
    let year = name.strip_prefix("c++").or(name.strip_prefix("gnu++"));
    match year {
        Some("14" | "17" | "20" | "23" | "26" | "1y" | "1z" | "2a" | "2b" | "2c") => Some(MODERN),
        _ if old => None,
        _ => Some(Dialect::ANY),
    }
}

/// C++14 and later, which is the default of gcc 6 and clang 6 and later.
const MODERN: Dialect = Dialect {
    raw_strings: Has::Yes,
    digit_separators: Has::Yes,
};

/// Takes the token digests of what a compile read, while the sources allow it.
pub struct Blind {
    dialect: Option<Dialect>,
    family: Family,
    columns: u64,
}

impl Blind {
    pub fn new(cached: &Cached<'_>) -> Blind {
        Blind {
            dialect: dialect(cached.identity.family, cached.command),
            family: cached.identity.family,
            columns: 0,
        }
    }

    /// The token digest of one file. What lies below `/usr` changes with its
    /// package, and is not worth the time.
    pub fn tokens(&mut self, path: &Path, text: &[u8], scan: &Scan) -> TokenDigest {
        let Some(dialect) = self.dialect else {
            return TokenDigest::NONE;
        };
        self.columns = self.columns.saturating_add(tokens::columns(text));
        let too_many = self.family == Family::Gcc && self.columns > COLUMNS;
        let embeds = scan
            .lookups
            .iter()
            .any(|lookup| lookup.asked == Asked::Embed);
        let reads_text = scan.timestamp || embeds || scan.computed_embed || scan.assembler_file;
        if too_many || reads_text || asks_for_comments(text) {
            self.dialect = None;
            return TokenDigest::NONE;
        }
        match path.starts_with("/usr") {
            true => TokenDigest::NONE,
            false => tokens::digest(text, dialect),
        }
    }

    /// The last word, when all `files` are known.
    pub fn settle(self, files: &mut [Dependency]) {
        // A precompiled header or another file that is no text was read.
        let others = files.iter().any(|file| file.scan.is_none());
        if self.dialect.is_none() || others {
            for file in files {
                file.tokens = TokenDigest::NONE;
            }
            return;
        }
        if self.family == Family::Gcc {
            part_twins(files);
        }
    }
}

/// gcc takes files of one content and time for one (`#pragma once`, `#import`):
/// different files that an edit can make equal must not change.
fn part_twins(files: &mut [Dependency]) {
    let mut by_tokens: HashMap<TokenDigest, Vec<usize>> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        if file.tokens != TokenDigest::NONE {
            by_tokens.entry(file.tokens).or_default().push(index);
        }
    }
    for twins in by_tokens.values().filter(|twins| twins.len() > 1) {
        let real: HashSet<_> = twins
            .iter()
            .filter_map(|index| files.get(*index))
            .map(|file| fs_err::canonicalize(&file.path).ok())
            .collect();
        if real.len() > 1 {
            for index in twins {
                if let Some(file) = files.get_mut(*index) {
                    file.tokens = TokenDigest::NONE;
                }
            }
        }
    }
}

/// Whether a pragma in `text` may turn on a warning that reads comments.
fn asks_for_comments(text: &[u8]) -> bool {
    PRAGMAS.iter().any(|word| {
        memchr::memmem::find_iter(text, word).any(|at| {
            let line = memchr::memrchr(b'\n', text.get(..at).unwrap_or_default());
            let before = text.get(line.unwrap_or(0)..at).unwrap_or_default();
            memchr::memmem::find(before, b"ignored").is_none()
        })
    })
}
