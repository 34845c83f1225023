//! Options that the driver hands on: `-Wa,`, `-Wp,`, `-Xassembler`,
//! `-Xpreprocessor`, `-Xclang`. Only words that are known not to name files
//! are taken; any other makes the call pass through.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::compiler::family::Family;
use crate::compiler::options::{self, Action, Marks};

/// What `-Wa,...` comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct AssemblerList<'a> {
    pub marks: Marks,
    /// Files that the assembler writes, by role.
    pub files: Vec<(&'static str, &'a [u8])>,
    /// The last word lacks its value.
    pub incomplete: bool,
}

/// Reads the list of `-Wa,`; `None`: pass through.
pub fn assembler(list: &[u8]) -> Option<AssemblerList<'_>> {
    assembler_words(list.split(|&b| b == b','))
}

/// Reads options of the assembler, a word each; `None`: pass through.
pub fn assembler_words<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Option<AssemblerList<'a>> {
    let mut list = AssemblerList {
        marks: Marks::NONE,
        files: Vec::new(),
        incomplete: false,
    };
    while let Some(word) = words.next() {
        let takes_value = matches!(word, b"--defsym" | b"--debug-prefix-map" | b"--MD");
        if takes_value {
            let Some(value) = words.next().filter(|value| !value.is_empty()) else {
                list.incomplete = true;
                continue;
            };
            if word == b"--MD" {
                // It names the product, and often a temporary file.
                list.marks = list.marks.and(Marks::OUTPUT);
                list.files.push(("asm-dependencies", value));
            }
            continue;
        }
        list.marks = list.marks.and(assembler_word(word)?);
        if let Some(at) = listing(word) {
            let file = word.get(at..).unwrap_or_default();
            match file {
                b"" => {}
                _ => list.files.push(("listing", file.get(1..)?)),
            }
            if file == b"=" {
                return None;
            }
        }
    }
    Some(list)
}

/// Where the letters of a listing option end: `-a`, `-ahlms`, `-adhln=file`.
fn listing(word: &[u8]) -> Option<usize> {
    let letters = word.strip_prefix(b"-a")?;
    let count = letters
        .iter()
        .take_while(|b| b"cdghilmns".contains(b))
        .count();
    matches!(letters.get(count), None | Some(b'=')).then_some(count + 2)
}

/// One option of the assembler without a separate value: GNU as, and what
/// clang takes of it.
fn assembler_word(word: &[u8]) -> Option<Marks> {
    let text = std::str::from_utf8(word).ok()?;
    let debug = Marks::DIRECTORY.and(Marks::LAYOUT);
    const PLAIN: &[&str] = &[
        "--32",
        "--64",
        "--alternate",
        "--divide",
        "--execstack",
        "--fatal-warnings",
        "--gsframe",
        "--keep-locals",
        "--mri",
        "--no-pad-sections",
        "--no-warn",
        "--nocompress-debug-sections",
        "--noexecstack",
        "--reduce-memory-overheads",
        "--sectname-subst",
        "--strip-local-absolute",
        "--traditional-format",
        "--warn",
        "--x32",
        "-J",
        "-K",
        "-L",
        "-M",
        "-O",
        "-O0",
        "-O1",
        "-O2",
        "-Os",
        "-Qn",
        "-Qy",
        "-R",
        "-W",
        "-X",
        "-Z",
        "-f",
        "-k",
        "-n",
        "-no-pad-sections",
        "-nocpp",
        "-q",
        "-s",
        "-w",
    ];
    const PLAIN_VALUES: &[&str] = &[
        "--elf-stt-common=",
        "--gdwarf-cie-version=",
        "--generate-missing-build-notes=",
        "--hash-size=",
        "--listing-cont-lines=",
        "--listing-lhs-width2=",
        "--listing-lhs-width=",
        "--listing-rhs-width=",
        "--multibyte-handling=",
        "--size-check=",
    ];
    Some(match text {
        "--compress-debug-sections" => Marks::OPAQUE,
        "-g" | "--gen-debug" | "--gstabs" | "--gstabs+" => debug,
        _ if PLAIN.contains(&text) => Marks::NONE,
        _ if PLAIN_VALUES.iter().any(|option| text.starts_with(option)) => Marks::NONE,
        // GNU as takes its long options with one dash as well.
        _ if text.starts_with("--gdwarf-") || text.starts_with("-gdwarf-") => debug,
        _ if text.starts_with("--compress-debug-sections=") => Marks::OPAQUE,
        // Line numbers, and the name of the assembly.
        _ if listing(word).is_some() => Marks::LAYOUT.and(Marks::OUTPUT),
        // The target's own; `-march=native` is not one of the assembler's.
        _ if text.starts_with("-m") && !text.contains('/') => Marks::NONE,
        _ => return None,
    })
}

/// What `-Wp,...` comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PreprocessorList {
    /// `-MD,file` or `-MMD,file`: (user headers only, file).
    pub dependencies: Option<(bool, PathBuf)>,
    /// `-MT,x` and `-MQ,x`: (quoted, target).
    pub targets: Vec<(bool, OsString)>,
    /// `-MP`.
    pub phony: bool,
    /// There are other words, and they count as macros do.
    pub macros: bool,
    /// `-include,x` and `-imacros,x`.
    pub forced_includes: Vec<OsString>,
    /// There are warnings.
    pub warnings: bool,
}

/// Reads the list of `-Wp,`; `None`: pass through.
///
/// gcc splits it and gives the words to the preprocessor. clang takes
/// `-MD,file` and `-MMD,file` for itself when the list holds nothing else, and
/// gives any other list to its frontend, where dependency options mean
/// something different. Header directories pass through: what tells the
/// user's from the system's does not see them here.
pub fn preprocessor(family: Family, list: &[u8]) -> Option<PreprocessorList> {
    let mut result = PreprocessorList::default();
    let mut words = list.split(|&b| b == b',');
    let os = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let count = list.split(|&b| b == b',').count();
    while let Some(word) = words.next() {
        match word {
            b"-MD" | b"-MMD" => {
                if result.dependencies.is_some() || (family == Family::Clang && count != 2) {
                    return None;
                }
                let file = words.next().filter(|f| !f.is_empty())?;
                result.dependencies = Some((word == b"-MMD", os(file).into()));
            }
            b"-MT" | b"-MQ" if family == Family::Gcc => {
                let target = words.next()?;
                result.targets.push((word == b"-MQ", os(target)));
            }
            b"-MP" if family == Family::Gcc => result.phony = true,
            b"-D" | b"-U" => {
                words.next().filter(|name| !name.is_empty())?;
                result.macros = true;
            }
            b"-include" | b"-imacros" => {
                let file = words.next().filter(|f| !f.is_empty())?;
                result.forced_includes.push(os(file));
                result.macros = true;
            }
            b"-w" => result.macros = true,
            _ if is_macro(word) => result.macros = true,
            _ if word.starts_with(b"-W") && !word.starts_with(b"-Wp") => {
                result.macros = true;
                result.warnings = true;
            }
            _ => return None,
        }
    }
    Some(result)
}

/// The list of `-Wp,` with `-MD` in place of `-MMD`: all headers, not only the
/// user's.
pub fn with_all_headers(list: &[u8]) -> Vec<u8> {
    let mut words = list_words(list);
    for word in &mut words {
        if let Some(first) = word.first_mut()
            && *first == b"-MMD"
        {
            *first = b"-MD";
        }
    }
    words.concat().join(&b',')
}

/// The list of `-Wp,` without what is about dependency files; may be empty.
pub fn without_dependencies(list: &[u8]) -> Vec<u8> {
    let mut words = list_words(list);
    words.retain(|word| !word.first().is_some_and(|first| first.starts_with(b"-M")));
    words.concat().join(&b',')
}

/// The options in a list that [`preprocessor`] has taken, with their values.
fn list_words(list: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut words = Vec::new();
    let mut rest = list.split(|&b| b == b',');
    while let Some(word) = rest.next() {
        let takes_value = matches!(word, b"-MD" | b"-MMD" | b"-MT" | b"-MQ");
        let value = takes_value.then(|| rest.next()).flatten();
        words.push(std::iter::once(word).chain(value).collect());
    }
    words
}

/// `-DX...` and `-UX`, joined.
fn is_macro(word: &[u8]) -> bool {
    word.len() > 2 && (word.starts_with(b"-D") || word.starts_with(b"-U"))
}

/// Whether `-Xpreprocessor word` is known: macros, and `-fopenmp`, which is
/// how it is asked for where the driver refuses it.
pub fn preprocessor_word(word: &[u8]) -> Option<bool> {
    match word {
        b"-fopenmp" => Some(false),
        _ if is_macro(word) => Some(true),
        _ => None,
    }
}

/// What `-Xclang word` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frontend {
    /// Counts.
    Key,
    /// Counts as a macro does.
    Macro,
    /// A warning.
    Warning,
    /// Debug information.
    Debug,
    /// Counts, and the next `-Xclang` word is its plain value.
    Text,
    /// The next word is an option for LLVM.
    Llvm,
    /// The next word is a precompiled header.
    PrecompiledHeader,
    /// The next word is a header before the source.
    ForcedInclude,
    /// The product is a precompiled header. Counts.
    EmitPrecompiledHeader,
    /// Not known: pass through.
    Other,
}

/// Options of `clang -cc1` that count and do nothing else. Sorted.
pub const FRONTEND_KEYS: &[&str] = &[
    "-O0",
    "-O1",
    "-O2",
    "-O3",
    "-Os",
    "-Oz",
    "-cfguard",
    "-disable-O0-optnone",
    "-disable-lifetime-markers",
    "-disable-llvm-optzns",
    "-disable-llvm-passes",
    "-disable-llvm-verifier",
    "-ehcontguard",
    "-flto-visibility-public-std",
    "-mconstructor-aliases",
    "-menable-no-infs",
    "-menable-no-nans",
    "-mms-bitfields",
    "-no-implicit-float",
    "-no-struct-path-tbaa",
    "-opaque-pointers",
    "-pic-is-pie",
    "-relaxed-aliasing",
    "-vectorize-loops",
    "-vectorize-slp",
];

/// Beginnings of such options with a plain value. Sorted.
pub const FRONTEND_VALUES: &[&str] = &[
    "-debugger-tuning=",
    "-dwarf-version=",
    "-fcf-protection=",
    "-mcmodel=",
    "-mframe-pointer=",
    "-mprefer-vector-width=",
    "-std=",
];

/// Such options whose plain value is the next word. Sorted.
pub const FRONTEND_TEXTS: &[&str] = &[
    "-fdebug-compilation-dir",
    "-mrelocation-model",
    "-pic-level",
    "-target-abi",
    "-target-cpu",
    "-target-feature",
    "-tune-cpu",
];

/// Name files in the next word.
const FRONTEND_FILES: &[&str] = &["-fcuda-include-gpubinary", "-fopenmp-host-ir-file-path"];

/// Looks up an option of `clang -cc1`.
pub fn frontend_word(word: &[u8]) -> Frontend {
    let is_in = |list: &[&str]| list.iter().any(|known| known.as_bytes() == word);
    match word {
        b"-include-pch" => Frontend::PrecompiledHeader,
        b"-include" => Frontend::ForcedInclude,
        b"-emit-pch" => Frontend::EmitPrecompiledHeader,
        b"-mllvm" => Frontend::Llvm,
        _ if is_in(FRONTEND_KEYS) => Frontend::Key,
        _ if is_in(FRONTEND_TEXTS) => Frontend::Text,
        _ if is_in(FRONTEND_FILES) => Frontend::Other,
        _ if is_macro(word) => Frontend::Macro,
        _ if FRONTEND_VALUES
            .iter()
            .any(|known| word.starts_with(known.as_bytes())) =>
        {
            Frontend::Key
        }
        _ if word.starts_with(b"-debug-info-kind=") => Frontend::Debug,
        _ if word.starts_with(b"-Wno-") => Frontend::Key,
        _ if word.starts_with(b"-W") => Frontend::Warning,
        _ if word.starts_with(b"-f") && !word.contains(&b'=') => {
            let row = options::lookup(Family::Clang, word);
            match row.map(|row| (row.action, row.marks)) {
                Some((Action::Feature | Action::Key, Marks::NONE)) => Frontend::Key,
                _ => Frontend::Other,
            }
        }
        _ => Frontend::Other,
    }
}

/// Whether an option for LLVM prints or writes how long something took or how
/// often it happened.
pub fn measures(option: &[u8]) -> bool {
    let name = option.strip_prefix(b"-").unwrap_or(option);
    let name = name.strip_prefix(b"-").unwrap_or(name);
    [
        &b"time-"[..],
        b"stats",
        b"track-memory",
        b"info-output-file",
        b"sort-timers",
    ]
    .iter()
    .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembler_lists() {
        let marks = |list: &'static str| assembler(list.as_bytes()).map(|list| list.marks);
        assert_eq!(marks("--noexecstack"), Some(Marks::NONE));
        assert_eq!(marks("--noexecstack,-mbig-obj"), Some(Marks::NONE));
        assert_eq!(marks("--defsym,a=1,-W"), Some(Marks::NONE));
        assert!(marks("-g").unwrap().has(Marks::DIRECTORY));
        for list in [
            "-I,x",
            "-o,x",
            "",
            "@x",
            "-a=",
            "-axx",
            "--statistics",
            "-al,-Ix",
        ] {
            assert_eq!(marks(list), None, "{list}");
        }
        assert!(assembler(b"--MD").unwrap().incomplete);
        let files = |list: &'static str| assembler(list.as_bytes()).unwrap().files;
        assert_eq!(files("-ahlms=x"), [("listing", &b"x"[..])]);
        assert_eq!(files("-adhln"), []);
        assert_eq!(files("--MD,x,-W"), [("asm-dependencies", &b"x"[..])]);
    }

    #[test]
    fn lists_for_our_own_calls() {
        let all = |list: &str| String::from_utf8(with_all_headers(list.as_bytes())).unwrap();
        assert_eq!(all("-MT,-MMD,-MMD,x.d,-DX"), "-MT,-MMD,-MD,x.d,-DX");
        assert_eq!(all("-MMD,-MMD"), "-MD,-MMD");
        let rest = |list: &str| String::from_utf8(without_dependencies(list.as_bytes())).unwrap();
        assert_eq!(rest("-DX,-MD,-DY,-MP,-UZ"), "-DX,-UZ");
        assert_eq!(rest("-MMD,x.d,-MT,y"), "");
    }

    #[test]
    fn preprocessor_lists() {
        let gcc = |list: &str| preprocessor(Family::Gcc, list.as_bytes());
        let clang = |list: &str| preprocessor(Family::Clang, list.as_bytes());
        let dep = |user| Some((user, PathBuf::from("x.d")));
        assert_eq!(gcc("-MD,x.d").unwrap().dependencies, dep(false));
        assert_eq!(clang("-MMD,x.d").unwrap().dependencies, dep(true));
        assert_eq!(
            gcc("-MMD,x.d,-MT,y").unwrap().targets,
            [(false, "y".into())]
        );
        assert_eq!(clang("-MMD,x.d,-MT,y"), None);
        assert_eq!(clang("-MMD"), None);
        assert_eq!(gcc("-MMD"), None);
        assert!(gcc("-DA=1,-UB").unwrap().macros);
        assert_eq!(gcc("-I,x"), None);
        assert!(gcc("-D,X").unwrap().macros);
        assert_eq!(gcc("-D"), None);
        assert_eq!(gcc("-include,x.h").unwrap().forced_includes, ["x.h"]);
    }
}
