//! The option tables: one row per option, and no other place that knows it.
//!
//! A row says how an option is spelled, how it takes its value, what it does
//! to the cache ([`Action`]), which properties it gives the compile ([`Marks`])
//! and one line for people. [`common`] holds what both families share,
//! [`gcc`] and [`clang`] their own; a family's row wins over a common one of
//! the same spelling. [`values`] lists the `-f<name>=` options whose value is
//! plain text.
//!
//! A word is looked up by the longest spelling that it starts with and whose
//! [`Value`] fits the rest. Facts were taken from the compilers themselves
//! (gcc 11 and 12, clang 14 and 19): `--help`, `-###` and comparing what they
//! write.

pub mod clang;
pub mod common;
pub mod gcc;
mod reference;
pub mod values;

pub use reference::reference_markdown;

use super::command::Reason;
use super::family::Family;

/// How an option takes its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// None: the word is the spelling.
    None,
    /// The rest of the word.
    Joined,
    /// The rest of the word, which may be empty.
    OptionalJoined,
    /// The next word.
    Separate,
    /// The rest of the word, or if that is empty the next word.
    JoinedOrSeparate,
}

impl Value {
    fn fits(self, rest_is_empty: bool) -> bool {
        match self {
            Value::None | Value::Separate => rest_is_empty,
            Value::Joined => !rest_is_empty,
            Value::OptionalJoined | Value::JoinedOrSeparate => true,
        }
    }
}

/// What an option does to the key, and which files it reads and writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Part of every key.
    Key,
    /// [`Class::Macro`](super::Class::Macro).
    Macro,
    /// [`Class::Search`](super::Class::Search).
    Search,
    /// [`Class::KeyAndSearch`](super::Class::KeyAndSearch).
    KeyAndSearch,
    /// Does not reach the product.
    Silent,
    /// [`Class::CompileOnly`](super::Class::CompileOnly).
    CompileOnly,
    /// Part of the key; the miss is watched for undeclared files, and the
    /// value counts by content if it names a file.
    Unknown,
    /// `OLD=NEW`.
    PrefixMap,
    /// `-c`.
    Compile,
    /// `-S`.
    Assemble,
    /// `-fsyntax-only`: no product.
    SyntaxOnly,
    /// `-emit-llvm`: the default name ends in `.bc` or `.ll`.
    EmitLlvm,
    /// `-o`.
    Output,
    /// `-x`.
    Language,
    /// A dependency option.
    Dependency(Dependency),
    /// `-include`, `-imacros`.
    ForcedInclude,
    /// The value names a file whose content counts.
    Input { optional: bool },
    /// A file of this name, whose content counts.
    InputNamed(&'static str),
    /// `-specs=`: a file of driver options, which may change everything.
    Specs,
    /// `-fopt-info...`: what follows `=` names a file.
    Remarks,
    /// `-fdump-...`: dumps beside the product, or in the file after `=`.
    Dump,
    /// `-d` and letters.
    DumpLetters,
    /// One file whose name ends as those of dumps do.
    DumpFile,
    /// `-dumpdir`.
    DumpDirectory,
    /// `-dumpbase`.
    DumpBase,
    /// `-dumpbase-ext`.
    DumpBaseExtension,
    /// `-save-temps`, with the place after `=`.
    SaveTemps,
    /// `-save-stats`, with the place after `=`.
    SaveStats,
    /// `-ftime-trace=`: a file, or a directory for it.
    TimeTrace,
    /// `-fsave-optimization-record=`: the format.
    RecordFormat,
    /// Profile data of gcc, by the product's name, in the directory after `=`.
    ProfileByName,
    /// Where gcc looks for profile data, if it does.
    ProfileDirectory,
    /// Assembly goes through a file.
    ViaFile,
    /// Files are written in place.
    InPlace,
    /// Profile data: a file, or a directory with `default.profdata` in it.
    ProfileData,
    /// `-B`: programs below the prefix may be run.
    ProgramPrefix,
    /// A shared object that the compiler loads: its content counts, and what
    /// it does is not known.
    Plugin,
    /// Writes the file of this role beside the product.
    Beside(&'static str),
    /// Writes the file of this role, which the value names.
    WriteFile(&'static str),
    /// Turns debug information on or off; the last one counts.
    Debug(bool),
    /// Split debug information on or off; on also turns debug information on
    /// (older compilers do).
    SplitDwarf(bool),
    /// Colour of diagnostics: asked for or forbidden (`true`), or automatic.
    Color { explicit: bool },
    /// clang makes the object itself, or has `as` make it.
    IntegratedAssembler(bool),
    /// `-arch`: more than one makes several products.
    Architecture,
    /// Any other `-f...`.
    Feature,
    /// Any other `-m...`.
    Machine,
    /// Any other `-W...`.
    Warning,
    /// `-Wp,...`.
    Preprocessor,
    /// `-Wa,...`.
    Assembler,
    /// `-Xpreprocessor X`.
    ForwardPreprocessor,
    /// `-Xassembler X`.
    ForwardAssembler,
    /// `-mllvm X`.
    Llvm,
    /// `-Xclang X`.
    ForwardFrontend,
    /// `--`: what follows are files.
    EndOfOptions,
    /// The call is handed to the compiler, for this reason.
    Pass(Reason),
}

/// `-MD` and its kin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dependency {
    /// `-MD`.
    All,
    /// `-MMD`.
    UserOnly,
    /// `-MF`.
    File,
    /// `-MT`.
    Target,
    /// `-MQ`.
    QuotedTarget,
    /// `-MP`.
    Phony,
}

/// Properties that a row gives the compile, a set; see
/// [`Traits`](super::Traits) for their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Marks(pub u8);

impl Marks {
    pub const NONE: Marks = Marks(0);
    pub const DIRECTORY: Marks = Marks(1);
    pub const OUTPUT: Marks = Marks(2);
    pub const COMMAND: Marks = Marks(4);
    pub const LAYOUT: Marks = Marks(8);
    pub const OPAQUE: Marks = Marks(16);
    /// What the option does is not known in full: all of the above, and the
    /// compile is watched for files that no row declares.
    pub const ANYTHING: Marks = Marks(63);
    /// The compile is watched.
    pub const WATCHED: Marks = Marks(32);

    pub const fn and(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    pub fn has(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The word, or what it begins with, leading dashes included.
    pub spelling: &'static str,
    pub value: Value,
    pub action: Action,
    pub marks: Marks,
    /// One line for people.
    pub doc: &'static str,
}

impl Row {
    pub const fn with(mut self, marks: Marks) -> Row {
        self.marks = self.marks.and(marks);
        self
    }
}

/// A row without marks.
pub const fn row(spelling: &'static str, value: Value, action: Action, doc: &'static str) -> Row {
    Row {
        spelling,
        value,
        action,
        marks: Marks::NONE,
        doc,
    }
}

/// The rows of one family beyond the common ones.
pub fn rows(family: Family) -> &'static [Row] {
    match family {
        Family::Gcc => gcc::ROWS,
        Family::Clang => clang::ROWS,
    }
}

/// The row of an option word, or `None` if no row fits.
pub fn lookup(family: Family, word: &[u8]) -> Option<&'static Row> {
    let own = longest(rows(family), word);
    let common = longest(common::ROWS, word);
    match (own, common) {
        (Some(own), Some(common)) if common.spelling.len() > own.spelling.len() => Some(common),
        (Some(own), _) => Some(own),
        (None, common) => common,
    }
}

/// The row with the longest spelling that begins `word` and whose value fits.
///
/// In a sorted table every row that begins `word` sorts at or before it. The
/// greatest such row either fits, or what comes next can only begin the part
/// that it shares with `word`: two or three searches find the answer.
fn longest(table: &'static [Row], word: &[u8]) -> Option<&'static Row> {
    let mut limit = word;
    loop {
        let after = table.partition_point(|row| row.spelling.as_bytes() <= limit);
        let row = table.get(after.checked_sub(1)?)?;
        let spelling = row.spelling.as_bytes();
        let shared = shared_prefix(spelling, limit);
        if shared == spelling.len() {
            if row.value.fits(shared == word.len()) {
                return Some(row);
            }
            limit = limit.get(..shared.checked_sub(1)?)?;
        } else {
            limit = limit.get(..shared)?;
        }
        if limit.is_empty() {
            return None;
        }
    }
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
