//! Whether the tables know every option of the installed compilers that
//! reads or writes a file, by what the compilers say of themselves.

use std::process::Command as Process;

use super::options::{self, Action, values};
use super::parse::forward::{self, Frontend};
use super::{DriverName, Family};

/// What `program` prints about its options, or nothing if it is not installed.
fn help(program: &str, args: &[&str]) -> String {
    match Process::new(program).args(args).env("LC_ALL", "C").output() {
        Ok(finished) => String::from_utf8_lossy(&finished.stdout).into_owned(),
        Err(_) => {
            crate::skip::skip(&format!("{program} is not installed"));
            String::new()
        }
    }
}

/// One option as a help page has it.
struct Listed {
    /// With its dashes, up to and with `=`; without its value.
    option: String,
    /// What follows the name: `=<file>`, ` FILE`, or nothing.
    value: String,
    text: String,
}

/// The options of a page: lines that begin with blanks and a dash; the lines
/// below them, further to the right, go on with the description.
fn listed(page: &str) -> Vec<Listed> {
    let mut found: Vec<Listed> = Vec::new();
    for line in page.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if !(1..=4).contains(&indent) || !text.starts_with('-') {
            if let Some(last) = found.last_mut()
                && indent > 4
            {
                last.text.push(' ');
                last.text.push_str(text);
            }
            continue;
        }
        // Two blanks, or a tab, part the option from its description.
        let end = text.find("  ").or_else(|| text.find('\t'));
        let (head, rest) = text.split_at(end.unwrap_or(text.len()));
        // gcc leaves but one blank after long names.
        let name = head.find([' ', '<', '[', '{', ',']).unwrap_or(head.len());
        let name = head.find('=').map_or(name, |at| name.min(at + 1));
        found.push(Listed {
            option: head[..name].to_owned(),
            value: head[name..].to_owned(),
            text: rest.trim().to_owned(),
        });
    }
    found
}

impl Listed {
    fn takes_value(&self) -> bool {
        self.option.ends_with('=') || !self.value.is_empty()
    }

    /// The help speaks of a file or a directory as the option's value, or of
    /// something that is written.
    fn concerns_files(&self) -> bool {
        let value = self.value.to_lowercase();
        let text = self.text.to_lowercase();
        let named = ["file", "path", "dir", "prefix"];
        let reads = self.takes_value()
            && (named.iter().any(|word| value.contains(word))
                || ["file", "path", "director", "prefix"]
                    .iter()
                    .any(|word| text.contains(word)));
        let written = [
            "dump", "write", "save", "record", "emit", "output", " into ",
        ];
        let writes = written.iter().any(|word| text.contains(word))
            && ["file", "disk", "dump", "record"]
                .iter()
                .any(|word| text.contains(word));
        reads || writes || self.option.contains("dump")
    }
}

/// Options that the drivers list.
fn driver_options() -> Vec<(Family, Listed)> {
    let mut found = Vec::new();
    for compiler in ["gcc-11", "gcc-12", "clang-14", "clang-19"] {
        let family = DriverName::parse(compiler).unwrap().family.unwrap();
        let pages: &[&[&str]] = match family {
            Family::Gcc => &[
                &["--help"],
                &["--help=common,optimizers,params,target,warnings"],
                &["--help=c,c++,objc,objc++"],
                &["--help=joined"],
                &["--help=separate"],
                &["--help=undocumented"],
            ],
            Family::Clang => &[&["--help-hidden"]],
        };
        for page in pages {
            let page = listed(&help(compiler, page));
            found.extend(page.into_iter().map(|option| (family, option)));
        }
    }
    found.sort_by(|a, b| a.1.option.cmp(&b.1.option));
    found.dedup_by(|a, b| a.0 == b.0 && a.1.option == b.1.option && a.1.text == b.1.text);
    found
}

/// Speak of files in their help, and neither read nor write one beyond what
/// every compile does.
const HARMLESS: &[&str] = &[
    // Of D, Fortran, Go and OpenCL.
    "-Hd",
    "-Hf",
    "-J",
    "-Xf",
    "-cl-ext=",
    "-fgo-dump-",
    // Stands for many; each is looked at.
    "-fdump-",
    // Only with -E: else an error.
    "-fkeep-system-includes",
    "-fminimize-whitespace",
    // Words and numbers.
    "-Wundef-prefix=",
    "-fanalyzer-verbosity=",
    "-fbinutils-version=",
    "-fdiagnostics-hotness-threshold=",
    "-fdiagnostics-misexpect-tolerance=",
    "-fdiagnostics-path-format=",
    "-fprofile-function-groups=",
    "-fprofile-selected-function-group=",
    "-fsanitize-undefined-strip-path-components=",
    "-fuse-cuid=",
    "-mfentry-section=",
    "-mframe-chain=",
    "-mindirect-jump=",
    "-mpad-max-prefix-size=",
    // What the object is like.
    "-fdebug-info-for-profiling",
    "-fopenmp-implicit-rpath",
    "-mignore-xcoff-visibility",
    "-mincremental-linker-compatible",
    "-mno-incremental-linker-compatible",
    // Modules, which pass through by other options.
    "-fno-modules-check-relocated",
    // On standard output.
    "-fdump-record-layouts",
    "-fdump-record-layouts-canonical",
    "-fdump-record-layouts-complete",
    "-fdump-record-layouts-simple",
    "-fdump-vtable-layouts",
];

/// Whether only a wildcard knows the option: then nobody has looked at it.
fn by_wildcard(family: Family, listed: &Listed) -> bool {
    let option = listed.option.as_str();
    let word = match option.ends_with('=') {
        true => format!("{option}x"),
        false => option.to_owned(),
    };
    match options::lookup(family, word.as_bytes()).map(|row| row.action) {
        // Long spellings without a row pass through.
        None => !option.starts_with("--"),
        Some(Action::Feature) => {
            let name = option.trim_start_matches("-f").trim_end_matches('=');
            // A value that is not known to be plain is looked at as a file,
            // and the compile is watched; a word without a value is not.
            !option.ends_with('=') || values::is_plain(family, name.as_bytes())
        }
        Some(Action::Machine | Action::Warning) => true,
        Some(_) => false,
    }
}

#[test]
fn options_that_concern_files_have_rows() {
    let mut missing = Vec::new();
    for (family, listed) in driver_options() {
        let option = listed.option.as_str();
        if listed.concerns_files() && by_wildcard(family, &listed) && !HARMLESS.contains(&option) {
            missing.push(format!(
                "{family:?} {option}{}: {}",
                listed.value, listed.text
            ));
        }
    }
    assert!(missing.is_empty(), "no row:\n{}", missing.join("\n"));
}

/// Options of the assembler that name a file: each passes through, or the file
/// is declared.
#[test]
fn options_of_the_assembler_that_name_files_are_known() {
    for program in ["as", "aarch64-linux-gnu-as"] {
        for listed in listed(&help(program, &["--help"])) {
            let value = listed.value.trim_start_matches(['=', ' ', '[']);
            if !["FILE", "DIR", "OBJFILE"]
                .iter()
                .any(|word| value.starts_with(word))
            {
                continue;
            }
            let option = listed.option.trim_end_matches('=');
            for word in [
                format!("{option},x"),
                format!("{option}=x"),
                format!("{option}x"),
            ] {
                let list = forward::assembler(word.as_bytes());
                let known = list.is_none_or(|list| !list.files.is_empty());
                assert!(known, "{program} {word}");
            }
        }
    }
}

/// Each option of the frontend that is taken is one, and takes a value as we say.
#[test]
fn options_of_the_frontend_that_are_taken_exist() {
    let pages: Vec<Listed> = ["clang-14", "clang-19"]
        .iter()
        .flat_map(|compiler| listed(&help(compiler, &["-cc1", "--help"])))
        .collect();
    if pages.is_empty() {
        return;
    }
    // Not in any list, but there.
    let unlisted = [
        "-O0",
        "-O1",
        "-O2",
        "-O3",
        "-Os",
        "-Oz",
        "-disable-llvm-optzns",
        "-debugger-tuning=",
        "-dwarf-version=",
        "-fdebug-compilation-dir",
        "-opaque-pointers",
    ];
    let missing = |known: &[&'static str], value: bool| -> Vec<&'static str> {
        let is = |option: &&&str| {
            pages
                .iter()
                .any(|l| l.option == **option && l.takes_value() == value)
        };
        let missing = known
            .iter()
            .filter(|option| !is(option) && !unlisted.contains(option));
        missing.copied().collect()
    };
    assert_eq!(missing(forward::FRONTEND_KEYS, false), Vec::<&str>::new());
    assert_eq!(missing(forward::FRONTEND_TEXTS, true), Vec::<&str>::new());
    assert_eq!(missing(forward::FRONTEND_VALUES, true), Vec::<&str>::new());
}

/// Options of clang's frontend that name a file: none is taken for plain.
#[test]
fn options_of_the_frontend_that_name_files_are_known() {
    let mut taken = Vec::new();
    for compiler in ["clang-14", "clang-19"] {
        for listed in listed(&help(compiler, &["-cc1", "--help"])) {
            if !listed.concerns_files() || HARMLESS.contains(&listed.option.as_str()) {
                continue;
            }
            let word = match listed.option.ends_with('=') {
                true => format!("{}x", listed.option),
                false => listed.option.clone(),
            };
            if matches!(
                forward::frontend_word(word.as_bytes()),
                Frontend::Key | Frontend::Text
            ) {
                taken.push(format!(
                    "{compiler} {}{}: {}",
                    listed.option, listed.value, listed.text
                ));
            }
        }
    }
    assert!(taken.is_empty(), "taken:\n{}", taken.join("\n"));
}
