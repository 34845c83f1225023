//! A command line as plain data.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::family::Language;

/// What parsing a command line comes to.
#[derive(Clone, Debug)]
pub enum Parsed {
    /// One source, one product: this may be cached.
    Compile(Box<Command>),
    /// Handed to the compiler untouched.
    PassThrough(PassThrough),
}

/// Why a call is not cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassThrough {
    pub reason: Reason,
    /// The option or file that decided it, for people (`-fmodules`); may be empty.
    pub detail: String,
}

/// The kinds of call that pass through; each has its statistics counter of the
/// same name (snake case).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No `-c`/`-S`: the driver would link.
    CalledForLink,
    /// `-E`, `-M`, `-MM`.
    CalledForPreprocessing,
    /// More than one source.
    MultipleSourceFiles,
    /// No source (`--version`, `-###`, `-print-...`, or nothing at all).
    NoInputFile,
    /// `-o -`, or source from standard input.
    OutputToStdout,
    /// The source is `-`, and is a terminal, or its language is not said.
    SourceFromStdin,
    /// A language that is not cached (Ada, Fortran, headers, ...).
    UnsupportedSourceLanguage,
    /// An option whose row says so (`-fmodules`, `-save-temps`, ...).
    UnsupportedCompilerOption,
    /// The command line makes no sense to us; the compiler will say.
    BadCompilerArguments,
    /// An environment variable that makes the compiler do things that are not cached.
    UnsupportedEnvironmentVariable,
}

impl Reason {
    /// The name of the statistics counter.
    pub fn name(self) -> &'static str {
        match self {
            Reason::CalledForLink => "called_for_link",
            Reason::CalledForPreprocessing => "called_for_preprocessing",
            Reason::MultipleSourceFiles => "multiple_source_files",
            Reason::NoInputFile => "no_input_file",
            Reason::OutputToStdout => "output_to_stdout",
            Reason::SourceFromStdin => "source_from_stdin",
            Reason::UnsupportedSourceLanguage => "unsupported_source_language",
            Reason::UnsupportedCompilerOption => "unsupported_compiler_option",
            Reason::BadCompilerArguments => "bad_compiler_arguments",
            Reason::UnsupportedEnvironmentVariable => "unsupported_environment_variable",
        }
    }
}

/// A compile that may be cached.
#[derive(Clone, Debug)]
pub struct Command {
    /// The language of the source (by `-x` or suffix), as `-x` spells it.
    pub language: Language,
    /// `-S` rather than `-c`.
    pub assembly: bool,
    /// What the compile makes.
    pub product: Product,
    /// The source as spelled.
    pub source: PathBuf,
    /// Where the product goes: `-o` as spelled, or the default name. Where there
    /// is no product, what files beside it are named after.
    pub output: PathBuf,
    /// Whether `-o` was given.
    pub output_given: bool,
    /// What the compiler does with a file that is in the product's place.
    pub overwrite: Overwrite,
    /// Every argument, response files expanded, in order, with what it means.
    pub args: Vec<Arg>,
    /// Whether a response file was expanded.
    pub used_response_file: bool,
    /// The dependency file the user asked for.
    pub dependencies: Option<Dependencies>,
    /// Files named by options whose content counts (`-include` is not one: it
    /// is searched for and shows up among the dependencies).
    pub inputs: Vec<Input>,
    /// `-include`/`-imacros` names in order, as spelled.
    pub forced_includes: Vec<OsString>,
    /// Files that the compile writes besides the product and the dependency file.
    pub outputs: Vec<Output>,
    /// Files whose names are known only when they are there.
    pub dumps: Option<Dumps>,
    /// The profile data of gcc, whose name is made from that of the product.
    pub profile: Option<Profile>,
    /// What else the options say.
    pub traits: Traits,
}

impl Command {
    /// Whether the source is standard input.
    pub fn reads_standard_input(&self) -> bool {
        self.source == Path::new("-")
    }
}

/// What a compile makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// An object, assembly or LLVM code.
    Code,
    /// A precompiled header.
    PrecompiledHeader,
    /// Nothing (`-fsyntax-only`, `-o /dev/null`): messages, and files beside a product.
    Nothing,
}

/// One argument (two words for an option with a separate value).
#[derive(Clone, Debug)]
pub struct Arg {
    pub words: Vec<OsString>,
    pub class: Class,
}

/// What an argument means for the key and for the helper calls of the compiler
/// (search path probe, preprocessor).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Counts in every key.
    Key,
    /// A macro definition or the like: counts in the direct key; for the
    /// preprocessed key its effect is in the preprocessed text.
    Macro,
    /// Changes where headers are found (`-I`, `--sysroot`, ...): as `Macro`,
    /// and is given to the search path probe.
    Search,
    /// Counts in every key and is given to the search path probe, since it can
    /// change the built-in directories (`-m32`, `-std=`, `--target=`, `-stdlib=`, `-pthread`).
    KeyAndSearch,
    /// Counts in every key, and is left out of runs of our own: it makes the
    /// compiler write files, or changes what a preprocessor prints.
    CompileOnly,
    /// Does not change the product: output names, dependency options. Not in a key.
    Silent,
    /// `-f*-prefix-map=OLD=NEW`: counts with OLD taken relative to the working directory.
    PrefixMap { old: OsString, new: OsString },
    /// The source, `-c`, `-S`, `-x LANG`: their meaning has a field of its own in the key.
    Structural,
    /// No row in the tables: counts, and the miss is watched for undeclared files.
    Unknown,
}

/// A file named by an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// As spelled.
    pub path: PathBuf,
    /// The option that names it, for explanations.
    pub option: String,
    /// Whether the compile goes on without it (an unknown option's value that
    /// may or may not be a file). That it is absent counts then.
    pub optional: bool,
}

/// A file that the compile writes besides its product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The role: a blob name (`dwo`, `gcno`, `su`, ...).
    pub role: &'static str,
    /// As the compiler would name it, relative to the working directory or absolute.
    pub path: PathBuf,
    /// Whether a compile without it is still a success (`-gsplit-dwarf -g0`).
    pub optional: bool,
    /// What the compiler does with a file that is there already.
    pub overwrite: Overwrite,
}

/// What a compiler does with a file that stands where it writes one. By
/// `strace` of gcc 11/12, clang 14/19 and binutils 2.40.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Opened and truncated: its mode, its other names and what a symbolic
    /// link leads to stay.
    Truncated,
    /// Removed, and a new file made.
    Replaced,
    /// As `Replaced`, but one with nothing in it is written into (GNU as and
    /// objcopy).
    ReplacedUnlessEmpty,
    /// What is written comes after what is there.
    Appended,
    /// Truncated or replaced, depending on the compiler's version.
    Unclear,
}

/// Dumps: files of which the command line says only how their names begin
/// (`x.c.005t.original`), and those that options name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dumps {
    /// The names up to the dot before the suffix: `out/x.c`.
    pub prefix: PathBuf,
    /// Files that options name; none need be written.
    pub named: Vec<(PathBuf, Overwrite)>,
}

/// Where gcc looks for profile data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `-fprofile-use=DIR`, `-fprofile-dir=DIR`: the last of them.
    pub directory: Option<OsString>,
    /// The name without `.gcda`, relative to the working directory or absolute.
    pub name: OsString,
}

/// The dependency file the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependencies {
    /// `-MMD`: system headers left out.
    pub user_only: bool,
    /// Where it goes: `-MF`, or the compiler's default name for this call.
    pub path: PathBuf,
    /// The rule's target as it stands in the file, before the colon: all
    /// `-MT`/`-MQ` in order or the compiler's default, quoted as the compiler does.
    pub target: Vec<u8>,
    /// `-MP`.
    pub phony: bool,
}

/// Properties of a compile that options bring, each with what it does to the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// The product names the working directory (`-g`, `--coverage`): it counts.
    pub records_directory: bool,
    /// The product names its own file or files beside it (`-gsplit-dwarf`,
    /// `--coverage`): the output path counts.
    pub records_output: bool,
    /// The product holds the command line (`-grecord-command-line` with clang):
    /// the argument list counts as it is.
    pub records_command: bool,
    /// `-march=native` and kin: the processor counts.
    pub depends_on_cpu: bool,
    /// Debug information, warnings or instrumentation that depend on comments,
    /// columns or white space: the preprocessed text says too little, so the
    /// preprocessor mode is not used.
    pub layout_matters: bool,
    /// Paths in the product cannot be found by looking for their bytes (LTO
    /// byte code, compressed debug sections).
    pub opaque_product: bool,
    /// At least one argument is [`Class::Unknown`].
    pub has_unknown: bool,
    /// `-fdiagnostics-color=...`, `-fcolor-diagnostics` and kin were given.
    pub explicit_color: bool,
    /// Assembler source that is not preprocessed, or already preprocessed text.
    pub no_preprocessing: bool,
    /// A program `as` makes the object (gcc; clang with `-fno-integrated-as`):
    /// its identity counts besides the compiler's.
    pub runs_assembler: bool,
}
