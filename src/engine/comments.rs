//! Which results stay right when only comments change, or macros that nothing
//! names?
//!
//! Compilers drop both early, but not everywhere: some warnings read comments or
//! count macros, some products hold the source or a checksum of it. [`Sources`]
//! says for which commands they cannot matter; [`Blind`] looks at what the sources
//! say about it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustc_hash::FxHashSet;

use super::Cached;
use super::observe::Dependency;
use crate::compiler::{Class, Command, Family, Product};
use crate::hash::Digest;
use crate::hash::headers::{Header, Headers};
use crate::hash::scan::{Asked, Lookup, Scan};
use crate::hash::tokens::skeleton::{self, File};
use crate::hash::tokens::{self, Columns, Dialect, Has, Outline, Summary, TokenDigest};
use crate::sys::Stamp;

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

/// Room in gcc's table of places, in columns (`line-map.h`: 0x50000000 places, 32
/// for each column): every token has its column until that is used up, however
/// often files are included, if a third of it is enough for all of them once.
const COLUMNS: u64 = 0x5000_0000 / 32;

/// Whether columns may run out, now or with other comments.
fn run_out(columns: Columns) -> bool {
    columns.taken > COLUMNS / 3 || columns.at_most > COLUMNS
}

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

/// Options, by what they begin with, that leave the name of a quoted file out of a
/// message or write it in another way.
const NAMELESS: [&str; 5] = [
    // Its paths lead through other files.
    "-fanalyzer",
    "-fdiagnostics-format",
    "-fdiagnostics-path",
    "-fno-show-source-location",
    "-fdiagnostics-set-output",
];

/// Messages, which may quote lines of the sources. What a message quotes, it names
/// the file of: the last component of its path stands somewhere in the text.
pub struct Quotes<'m> {
    messages: &'m [&'m [u8]],
    /// Any file may be quoted.
    any: bool,
}

impl<'m> Quotes<'m> {
    /// What the compiler said when it ran `command`.
    pub fn of(command: &Command, messages: &'m [&'m [u8]]) -> Quotes<'m> {
        let mut options = command.args.iter().flat_map(|arg| &arg.words);
        let any = options.any(|word| {
            let word = word.as_bytes();
            NAMELESS.iter().any(|o| word.starts_with(o.as_bytes()))
        });
        Quotes { messages, any }
    }

    /// Whether they may quote `file`.
    pub fn may_be_of(&self, file: &Path) -> bool {
        let name = file.file_name().map_or(&b""[..], |name| name.as_bytes());
        // Others may be written with escapes.
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-+".contains(b);
        let is_named = |text: &&[u8]| memchr::memmem::find(text, name).is_some();
        self.any || !name.iter().all(is_plain) || self.messages.iter().any(is_named)
    }
}

/// Options, by what they begin with, that make macros count which nothing names.
const COUNTING: [&str; 3] = ["-Wunused-macros", "-fdebug-macro", "-fmacro-debug"];

/// A source with all its headers is read as one up to this size.
const MAX_UNIT: u64 = 16 << 20;

/// One file of a unit.
pub enum Text {
    /// The content of one in which comments and macros may change, and what was made
    /// of it for its digest.
    Changing(Vec<u8>, Option<Outline>),
    /// What is kept of one that stays as it is.
    Fixed(Summary),
}

impl Text {
    fn size(&self) -> u64 {
        match self {
            Text::Changing(bytes, _) => bytes.len() as u64,
            Text::Fixed(summary) => summary.size,
        }
    }

    fn columns(&self) -> Columns {
        match self {
            Text::Changing(bytes, _) => tokens::columns(bytes),
            Text::Fixed(summary) => summary.columns,
        }
    }

    /// As the skeleton reads it.
    pub fn file(&self) -> File<'_> {
        match self {
            Text::Changing(bytes, outline) => File::Changing(bytes, outline.as_ref()),
            Text::Fixed(summary) => File::Fixed(&summary.words),
        }
    }
}

/// Whether the file at `path` is taken to stay as it is: what lies below `/usr`
/// changes with its package.
pub fn is_fixed(path: &Path) -> bool {
    path.starts_with("/usr")
}

/// What a command's compiler sees of sources.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    family: Family,
    command: &'a Command,
    /// Where records about this machine are kept.
    local: Option<&'a Path>,
}

impl<'a> Sources<'a> {
    pub fn of(cached: &Cached<'a>) -> Sources<'a> {
        Sources {
            family: cached.identity.family,
            command: cached.command,
            local: cached.local,
        }
    }
}

impl Sources<'_> {
    /// What is known of headers on this machine.
    pub fn headers(&self) -> Headers {
        Headers::new(self.local.map(|local| local.join("headers")))
    }

    /// How to read the tokens of a source, if comments cannot reach the result.
    pub fn dialect(&self) -> Option<Dialect> {
        dialect(self.family, self.command)
    }

    /// Whether neither comments nor macros that nothing names can reach the result.
    pub fn is_blind(&self) -> bool {
        let command = self.command;
        let mut options = command.args.iter().flat_map(|arg| &arg.words);
        let counted = options.any(|word| {
            let word = word.as_bytes();
            // `-g3`, `-ggdb3`: macros in debug information.
            word.starts_with(b"-g") && word.ends_with(b"3")
                || COUNTING
                    .iter()
                    .any(|option| word.starts_with(option.as_bytes()))
        });
        let readable = matches!(command.language.0, "c" | "c++");
        readable && !counted && dialect(self.family, command).is_some()
    }

    /// The skeleton of a unit, if macros that nothing names cannot reach the
    /// result.
    pub fn skeleton(&self, unit: &[Text]) -> Option<TokenDigest> {
        let dialect = dialect(self.family, self.command)?;
        let command = self.command;
        let size: u64 = unit.iter().map(Text::size).sum();
        if !self.is_blind() || size > MAX_UNIT {
            return None;
        }
        if self.family == Family::Gcc {
            // See `part_twins`; and columns must not run out.
            let mut seen = FxHashSet::default();
            let twins = unit
                .iter()
                .any(|file| matches!(file, Text::Changing(bytes, _) if !seen.insert(bytes)));
            let columns = unit.iter().map(Text::columns);
            if twins || run_out(columns.fold(Columns::default(), Columns::and)) {
                return None;
            }
        }
        let files: Vec<File<'_>> = unit.iter().map(Text::file).collect();
        let options = command.args.iter().flat_map(|arg| &arg.words);
        let named: Vec<&[u8]> = options.flat_map(|word| spoken(word.as_bytes())).collect();
        skeleton::skeleton(&files, &named, dialect)
    }
}

/// What an option says, with and without the letters in front: `-DNAME`,
/// `-Wp,-DNAME`.
pub fn spoken(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    let letters = memchr::memchr_iter(b'-', word).map(|at| at + 2);
    let behind = letters.filter_map(|at| word.get(at..));
    std::iter::once(word).chain(behind)
}

/// Whether `product` holds debug information that the command did not ask for, or
/// the like: options that a wrapper of the compiler adds are not known.
pub fn is_unexpected(product: &[u8]) -> bool {
    [&b".debug_"[..], b"__llvm_cov", b"__llvm_prf", b".gcda"]
        .iter()
        .any(|word| memchr::memmem::find(product, word).is_some())
}

/// Takes the digests of what a compile read, while the sources allow it.
pub struct Blind<'a> {
    sources: Sources<'a>,
    dialect: Option<Dialect>,
    columns: Columns,
    texts: Vec<Text>,
    headers: Headers,
}

impl<'a> Blind<'a> {
    pub fn new(cached: &Cached<'a>) -> Blind<'a> {
        let sources = Sources::of(cached);
        Blind {
            dialect: dialect(sources.family, sources.command),
            sources,
            columns: Columns::default(),
            texts: Vec::new(),
            headers: sources.headers(),
        }
    }

    /// The source at `path`, which says `text`; `stamp` vouches for that.
    pub fn read(&mut self, path: &Path, text: Vec<u8>, stamp: Stamp) -> Dependency {
        let digest = Digest::of(&text);
        let (text, scan) = match is_fixed(path) {
            true => {
                let header = Header::of(&text);
                self.headers.put(path, &digest, &header);
                (Text::Fixed(header.summary), header.scan)
            }
            false => {
                let scan = crate::hash::scan::scan(&text);
                (Text::Changing(text, None), scan)
            }
        };
        self.add(path, digest, stamp, text, scan)
    }

    /// The source at `path`, whose content has `digest`, if what it says is known.
    pub fn recall(&mut self, path: &Path, digest: Digest, stamp: Stamp) -> Option<Dependency> {
        let header = self.headers.get(path, &digest)?;
        let text = Text::Fixed(header.summary);
        Some(self.add(path, digest, stamp, text, header.scan))
    }

    fn add(
        &mut self,
        path: &Path,
        digest: Digest,
        stamp: Stamp,
        text: Text,
        scan: Scan,
    ) -> Dependency {
        Dependency {
            path: path.to_owned(),
            digest,
            tokens: self.tokens(text, &scan),
            stamp,
            scan: Some(scan),
        }
    }

    /// The token digest of one file.
    fn tokens(&mut self, text: Text, scan: &Scan) -> TokenDigest {
        let Some(dialect) = self.dialect else {
            return TokenDigest::NONE;
        };
        self.columns = self.columns.and(text.columns());
        let too_many = self.sources.family == Family::Gcc && run_out(self.columns);
        let embeds = scan.computed_embed || scan.lookups.iter().any(is_embed);
        let reads_text = scan.timestamp || scan.assembler_file || embeds;
        let asks_for_comments = match &text {
            Text::Changing(bytes, _) => tokens::asks_for_comments(bytes),
            Text::Fixed(summary) => summary.asks_for_comments,
        };
        if too_many || reads_text || asks_for_comments {
            self.dialect = None;
            return TokenDigest::NONE;
        }
        let mut text = text;
        let digest = match &mut text {
            Text::Changing(bytes, outline) => {
                let (digest, read) = tokens::read(bytes, dialect);
                *outline = read;
                digest
            }
            Text::Fixed(_) => TokenDigest::NONE,
        };
        self.texts.push(text);
        digest
    }

    /// The last word, when all `files` are known: the skeleton of the unit.
    pub fn settle(mut self, files: &mut [Dependency]) -> TokenDigest {
        self.headers.save();
        // A precompiled header or another file that is no text was read.
        let others = files.iter().any(|file| file.scan.is_none());
        if self.dialect.is_none() || others {
            for file in files {
                file.tokens = TokenDigest::NONE;
            }
            return TokenDigest::NONE;
        }
        if self.sources.family == Family::Gcc {
            part_twins(files);
        }
        // A path that is listed twice is in the manifest once.
        let mut seen = HashSet::new();
        let unit: Vec<Text> = files
            .iter()
            .zip(self.texts)
            .filter(|(file, _)| seen.insert(&file.path))
            .map(|(file, text)| match text {
                // A twin stays as it is, too.
                Text::Changing(bytes, _) if file.tokens == TokenDigest::NONE => {
                    Text::Fixed(Summary::of(&bytes))
                }
                text => text,
            })
            .collect();
        self.sources.skeleton(&unit).unwrap_or(TokenDigest::NONE)
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

fn is_embed(lookup: &Lookup) -> bool {
    matches!(lookup.asked, Asked::Embed | Asked::HasEmbed)
}
