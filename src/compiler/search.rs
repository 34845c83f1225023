//! What a compiler says about itself and its search path (`-E -v`).
//!
//! The text is the one that gcc ("Options Controlling the Kind of Output",
//! `-v`) and clang print to standard error in the C locale.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Class, Command, Family};

/// The directories in which headers are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPaths {
    /// For quoted names only, after the directory of the file that asks.
    pub quote: Vec<PathBuf>,
    /// For all names.
    pub angle: Vec<PathBuf>,
    /// Directories that would be searched if they existed; their place in the
    /// order is not known.
    pub absent: Vec<PathBuf>,
}

impl SearchPaths {
    /// Reads the lists. `None` if they are not there, or hold something that
    /// we do not follow (frameworks, header maps).
    pub fn parse(text: &str) -> Option<SearchPaths> {
        enum Part {
            Before,
            Quote,
            Angle,
        }
        let mut paths = SearchPaths::default();
        let mut part = Part::Before;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("ignoring nonexistent directory \"") {
                paths.absent.push(rest.strip_suffix('"')?.into());
                continue;
            }
            match (line, &part) {
                ("#include \"...\" search starts here:", _) => part = Part::Quote,
                ("#include <...> search starts here:", _) => part = Part::Angle,
                ("End of search list.", _) => return Some(paths),
                (_, Part::Before) => {}
                (line, _) if line.ends_with(')') => return None,
                (line, Part::Quote) => paths.quote.push(line.strip_prefix(' ')?.into()),
                (line, Part::Angle) => paths.angle.push(line.strip_prefix(' ')?.into()),
            }
        }
        None
    }
}

/// What a compiler says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub family: Family,
    /// The program that compiles (`cc1`, or clang's own file).
    pub cc1: Option<PathBuf>,
    /// The line with its name and version.
    pub version: String,
    /// The target triple.
    pub target: String,
    /// Configuration that it read: specs, `clang.cfg`.
    pub files: Vec<PathBuf>,
}

impl Probe {
    /// Reads what `-v` printed. `None`: neither gcc nor clang.
    pub fn parse(text: &str) -> Option<Probe> {
        let mut probe = Probe {
            family: Family::Gcc,
            cc1: None,
            version: String::new(),
            target: String::new(),
            files: Vec::new(),
        };
        for line in text.lines() {
            if line.contains("clang version ") && probe.version.is_empty() {
                probe.family = Family::Clang;
                probe.version = line.trim().to_owned();
            } else if line.starts_with("gcc version ") && probe.version.is_empty() {
                probe.version = line.trim().to_owned();
            } else if let Some(target) = line.strip_prefix("Target: ") {
                probe.target = target.trim().to_owned();
            } else if let Some(file) = line.strip_prefix("Configuration file: ") {
                probe.files.push(file.trim().into());
            } else if let Some(file) = line.strip_prefix("Reading specs from ") {
                probe.files.push(file.trim().into());
            } else if probe.cc1.is_none() && line.starts_with(' ') {
                probe.cc1 = compiler_proper(line);
            }
        }
        (!probe.version.is_empty()).then_some(probe)
    }
}

/// The program in a line that starts the compiler proper:
/// ` /usr/lib/gcc/.../cc1 -E ...` or ` "/usr/lib/llvm-14/bin/clang" -cc1 ...`.
fn compiler_proper(line: &str) -> Option<PathBuf> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix('"') {
        let (program, rest) = rest.split_once('"')?;
        return rest.starts_with(" -cc1 ").then(|| program.into());
    }
    let program = line.split(' ').next()?;
    let is_cc1 = program.ends_with("/cc1") || program.ends_with("/cc1plus");
    is_cc1.then(|| program.into())
}

/// The arguments of `command` that decide where headers are searched.
pub fn probe_args(command: &Command) -> Vec<OsString> {
    command
        .args
        .iter()
        .filter(|arg| matches!(arg.class, Class::Search | Class::KeyAndSearch))
        .flat_map(|arg| arg.words.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCC: &str = "Using built-in specs.\nCOLLECT_GCC=gcc\nTarget: x86_64-linux-gnu\n\
        gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) \n\
        COLLECT_GCC_OPTIONS='-E' '-v'\n \
        /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -E -quiet -v /dev/null\n\
        ignoring nonexistent directory \"/usr/local/include/x86_64-linux-gnu\"\n\
        ignoring duplicate directory \"/usr/include\"\n\
        #include \"...\" search starts here:\n q\n\
        #include <...> search starts here:\n .\n /usr/include\nEnd of search list.\n";

    #[test]
    fn gcc() {
        let paths = SearchPaths::parse(GCC).unwrap();
        assert_eq!(paths.quote, [PathBuf::from("q")]);
        assert_eq!(paths.angle, [PathBuf::from("."), "/usr/include".into()]);
        assert_eq!(
            paths.absent,
            [PathBuf::from("/usr/local/include/x86_64-linux-gnu")]
        );
        let probe = Probe::parse(GCC).unwrap();
        assert_eq!(probe.family, Family::Gcc);
        assert_eq!(
            probe.cc1,
            Some("/usr/lib/gcc/x86_64-linux-gnu/12/cc1".into())
        );
        assert_eq!(probe.target, "x86_64-linux-gnu");
    }

    #[test]
    fn clang() {
        let text = "Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu\n\
            Configuration file: /etc/clang.cfg\n \
            \"/usr/lib/llvm-14/bin/clang\" -cc1 -triple x86_64\n";
        let probe = Probe::parse(text).unwrap();
        assert_eq!(probe.family, Family::Clang);
        assert_eq!(probe.cc1, Some("/usr/lib/llvm-14/bin/clang".into()));
        assert_eq!(probe.files, [PathBuf::from("/etc/clang.cfg")]);
        assert!(SearchPaths::parse(text).is_none());
    }

    #[test]
    fn neither() {
        assert!(Probe::parse("rm: missing operand\n").is_none());
        assert!(SearchPaths::parse("#include <...> search starts here:\n /f (framework directory)\nEnd of search list.\n").is_none());
    }
}
