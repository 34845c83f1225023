//! Options that the driver hands on: `-Wa,`, `-Wp,`, `-Xassembler`,
//! `-Xpreprocessor`, `-Xclang`. Only words that are known not to name files
//! are taken; any other makes the call pass through.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::compiler::family::Family;
use crate::compiler::options::{self, Action, Marks};

/// What `-Wa,...` comes to; `None`: pass through.
pub fn assembler(list: &[u8]) -> Option<Marks> {
    let mut marks = Marks::NONE;
    let mut words = list.split(|&b| b == b',');
    while let Some(word) = words.next() {
        if matches!(word, b"--defsym" | b"--debug-prefix-map") {
            words.next()?;
            continue;
        }
        marks = marks.and(assembler_word(word)?);
    }
    Some(marks)
}

/// One option of the assembler: GNU as, and what clang takes of it.
pub fn assembler_word(word: &[u8]) -> Option<Marks> {
    let text = std::str::from_utf8(word).ok()?;
    let debug = Marks::DIRECTORY.and(Marks::LAYOUT);
    Some(match text {
        "--noexecstack"
        | "--execstack"
        | "--32"
        | "--64"
        | "--x32"
        | "-W"
        | "--no-warn"
        | "--warn"
        | "--fatal-warnings"
        | "-L"
        | "--keep-locals"
        | "-R"
        | "-k"
        | "--strip-local-absolute"
        | "--reduce-memory-overheads"
        | "--divide"
        | "-n"
        | "--nocompress-debug-sections"
        | "--no-pad-sections" => Marks::NONE,
        "--compress-debug-sections" => Marks::OPAQUE,
        "-g" | "--gen-debug" | "--gstabs" | "--gstabs+" => debug,
        _ if text.starts_with("--gdwarf-") => debug,
        _ if text.starts_with("--compress-debug-sections=") => Marks::OPAQUE,
        _ if text.starts_with("--elf-stt-common=")
            || text.starts_with("--generate-missing-build-notes=")
            || text.starts_with("--size-check=")
            || text.starts_with("--hash-size=") =>
        {
            Marks::NONE
        }
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
}

/// Reads the list of `-Wp,`; `None`: pass through.
///
/// gcc splits it and gives the words to the preprocessor. clang takes
/// `-MD,file` and `-MMD,file` for itself when the list holds nothing else, and
/// gives any other list to its frontend, where dependency options mean
/// something different.
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
            _ if is_macro(word) => result.macros = true,
            _ => return None,
        }
    }
    Some(result)
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

/// Looks up an option of `clang -cc1`.
pub fn frontend_word(word: &[u8]) -> Frontend {
    match word {
        b"-include-pch" => Frontend::PrecompiledHeader,
        b"-include" => Frontend::ForcedInclude,
        b"-emit-pch" => Frontend::EmitPrecompiledHeader,
        b"-mllvm" => Frontend::Llvm,
        b"-target-feature"
        | b"-target-cpu"
        | b"-target-abi"
        | b"-mrelocation-model"
        | b"-fdebug-compilation-dir"
        | b"-tune-cpu" => Frontend::Text,
        b"-disable-O0-optnone"
        | b"-disable-llvm-passes"
        | b"-disable-llvm-optzns"
        | b"-disable-lifetime-markers"
        | b"-opaque-pointers"
        | b"-no-opaque-pointers"
        | b"-munwind-tables"
        | b"-mconstructor-aliases"
        | b"-menable-no-infs" => Frontend::Key,
        _ if word.starts_with(b"-Wno-") => Frontend::Key,
        _ if word.starts_with(b"-f") && !word.contains(&b'=') => {
            let row = options::lookup(Family::Clang, word);
            match row.map(|row| row.action) {
                Some(Action::Feature | Action::Key) => Frontend::Key,
                _ => Frontend::Other,
            }
        }
        _ => Frontend::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembler_lists() {
        assert_eq!(assembler(b"--noexecstack"), Some(Marks::NONE));
        assert_eq!(assembler(b"--noexecstack,-mbig-obj"), Some(Marks::NONE));
        assert_eq!(assembler(b"--defsym,a=1,-W"), Some(Marks::NONE));
        assert!(assembler(b"-g").unwrap().has(Marks::DIRECTORY));
        for list in [
            &b"-a"[..],
            b"-ahlms=x",
            b"--MD,x",
            b"-I,x",
            b"-o,x",
            b"",
            b"-W,-a=x",
            b"@x",
        ] {
            assert_eq!(assembler(list), None);
        }
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
        assert_eq!(gcc("-D,X"), None);
    }
}
