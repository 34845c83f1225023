//! Compiler families, what a driver's name says, and languages.

/// The option tables and the conventions that a compiler follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// GNU Compiler Collection.
    Gcc,
    /// LLVM's gcc-compatible driver.
    Clang,
}

impl Family {
    /// `gcc` or `clang`.
    pub fn name(self) -> &'static str {
        match self {
            Family::Gcc => "gcc",
            Family::Clang => "clang",
        }
    }
}

/// What a program's base name says about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DriverName {
    /// `None` for `cc` and `c++`, which may be either.
    pub family: Option<Family>,
    /// `g++`, `c++`, `clang++`: C sources are compiled as C++ when the name says so
    /// (g++ and clang++ treat `.c` as C++).
    pub cxx: bool,
}

/// The names without prefix and suffix.
const DRIVERS: [(&str, Option<Family>, bool); 6] = [
    ("gcc", Some(Family::Gcc), false),
    ("g++", Some(Family::Gcc), true),
    ("clang", Some(Family::Clang), false),
    ("clang++", Some(Family::Clang), true),
    ("cc", None, false),
    ("c++", None, true),
];

impl DriverName {
    /// Reads `cc`, `c++`, `gcc`, `g++`, `clang`, `clang++`, with a target
    /// prefix (`x86_64-linux-gnu-gcc`), a version suffix (`gcc-12`,
    /// `clang++-19`), or both. `None`: not the name of a compiler we know.
    pub fn parse(name: &str) -> Option<DriverName> {
        let name = without_version(name);
        for (driver, family, cxx) in DRIVERS {
            let Some(prefix) = name.strip_suffix(driver) else {
                continue;
            };
            if prefix.is_empty() || is_target_prefix(prefix) {
                return Some(DriverName { family, cxx });
            }
        }
        None
    }
}

/// Cuts `-12`, `-4.8` or `-19.1.7` off the end.
fn without_version(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((rest, version))
            if version.starts_with(|c: char| c.is_ascii_digit())
                && version.ends_with(|c: char| c.is_ascii_digit())
                && version.bytes().all(|b| b.is_ascii_digit() || b == b'.') =>
        {
            rest
        }
        _ => name,
    }
}

/// `x86_64-linux-gnu-`, `arm-none-eabi-`: words of letters, digits, `_` and
/// `.`, each followed by a dash, and at least two of them so that `foo-cc` of
/// some other tool is left alone. One word is enough for the names that
/// cross-compilers are known by (`avr-gcc`), and for the wrappers of the C
/// standard (`c99-gcc`).
fn is_target_prefix(prefix: &str) -> bool {
    let Some(words) = prefix.strip_suffix('-') else {
        return false;
    };
    let mut count = 0;
    for word in words.split('-') {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        if word.is_empty() || !word.bytes().all(plain) {
            return false;
        }
        count += 1;
    }
    count >= 2
        || matches!(
            words,
            "avr" | "msp430" | "m68k" | "c89" | "c99" | "nvptx" | "mingw32" | "djgpp"
        )
}

/// A language as `-x` spells it (`c`, `c++`, `cpp-output`, `assembler-with-cpp`, ...).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Language(pub &'static str);

/// Suffixes (after the last dot) and the languages they stand for, with the
/// families that know them. From gcc 12 and clang 14/19 by `-###`.
const SUFFIXES: &[(&str, &str, Known)] = &[
    ("C", "c++", Known::Both),
    ("C++", "c++", Known::Clang),
    ("CC", "c++", Known::Clang),
    ("CPP", "c++", Known::Both),
    ("CXX", "c++", Known::Clang),
    ("H", "c++-header", Known::Both),
    ("HPP", "c++-header", Known::Gcc),
    ("M", "objective-c++", Known::Both),
    ("S", "assembler-with-cpp", Known::Both),
    ("c", "c", Known::Both),
    ("c++", "c++", Known::Both),
    ("cc", "c++", Known::Both),
    ("cp", "c++", Known::Both),
    ("cpp", "c++", Known::Both),
    ("cxx", "c++", Known::Both),
    ("h", "c-header", Known::Both),
    ("h++", "c++-header", Known::Gcc),
    ("hh", "c++-header", Known::Both),
    ("hp", "c++-header", Known::Gcc),
    ("hpp", "c++-header", Known::Both),
    ("hxx", "c++-header", Known::Both),
    ("i", "cpp-output", Known::Both),
    ("ii", "c++-cpp-output", Known::Both),
    ("m", "objective-c", Known::Both),
    ("mi", "objective-c-cpp-output", Known::Both),
    ("mii", "objective-c++-cpp-output", Known::Both),
    ("mm", "objective-c++", Known::Both),
    ("s", "assembler", Known::Both),
    ("sx", "assembler-with-cpp", Known::Gcc),
    ("tcc", "c++-header", Known::Gcc),
];

/// What `-x` may name, with the families that know it. gcc spells the
/// preprocessed Objective-C++ `objective-c++-cpp-output`, as clang does.
const LANGUAGES: &[(&str, Known)] = &[
    ("assembler", Known::Both),
    ("assembler-with-cpp", Known::Both),
    ("c", Known::Both),
    ("c++", Known::Both),
    ("c++-cpp-output", Known::Both),
    ("c++-header", Known::Both),
    ("c-header", Known::Both),
    ("cpp-output", Known::Both),
    ("objective-c", Known::Both),
    ("objective-c++", Known::Both),
    ("objective-c++-cpp-output", Known::Both),
    ("objective-c++-header", Known::Both),
    ("objective-c-cpp-output", Known::Both),
    ("objective-c-header", Known::Both),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Both,
    Gcc,
    Clang,
}

impl Known {
    fn to(self, family: Family) -> bool {
        match self {
            Known::Both => true,
            Known::Gcc => family == Family::Gcc,
            Known::Clang => family == Family::Clang,
        }
    }
}

impl Language {
    /// The language of a file by its suffix, as `driver` takes it (g++ and
    /// clang++ take C for C++). `None`: not a source; the drivers hand such
    /// files to the linker.
    pub fn of_file(name: &[u8], family: Family, cxx: bool) -> Option<Language> {
        let base = name.rsplit(|&b| b == b'/').next().unwrap_or(name);
        let dot = base.iter().rposition(|&b| b == b'.')?;
        let suffix = base.get(dot + 1..)?;
        let language = SUFFIXES
            .iter()
            .find(|(s, _, known)| s.as_bytes() == suffix && known.to(family))
            .map(|(_, language, _)| *language)?;
        Some(Language(match language {
            "c" if cxx => "c++",
            "cpp-output" if cxx => "c++-cpp-output",
            "c-header" if cxx => "c++-header",
            other => other,
        }))
    }

    /// The language that `-x name` stands for; `None` if `family` has no such
    /// name, or it is one that is not cached and so not listed.
    pub fn named(name: &[u8], family: Family) -> Option<Language> {
        LANGUAGES
            .iter()
            .find(|(n, known)| n.as_bytes() == name && known.to(family))
            .map(|(n, _)| Language(n))
    }

    /// A header, which makes a precompiled header and not an object.
    pub fn is_header(self) -> bool {
        self.0.ends_with("-header")
    }

    /// Assembler, preprocessed or not.
    pub fn is_assembler(self) -> bool {
        self.0.starts_with("assembler")
    }

    /// Whether the compiler runs its preprocessor on such a source.
    pub fn is_preprocessed_by_compiler(self) -> bool {
        self.0 != "assembler" && !self.0.ends_with("cpp-output")
    }
}

#[cfg(test)]
mod tests;
