//! The second stage: what each word says.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::forward::{self, Frontend};
use super::line::Line;
use super::record::{Kind, Word};
use crate::compiler::command::{Arg, Class, Input, Parsed, PassThrough, Reason};
use crate::compiler::family::{DriverName, Family, Language};
use crate::compiler::options::{Action, Dependency, Marks, Row, values};

/// Says what a recorded command line is.
pub fn resolve(
    family: Family,
    driver: DriverName,
    words: &[Word<'_>],
    used_response_file: bool,
    ignore_options: &[String],
) -> Parsed {
    let mut line = Line::new(family, driver.cxx, ignore_options);
    for word in words {
        line.take(word);
    }
    line.finish(used_response_file)
}

impl<'a> Line<'a> {
    fn take(&mut self, word: &Word<'a>) {
        let mut class = match &word.kind {
            Kind::File => self.file(word),
            Kind::Option(None) => self.unknown(word),
            Kind::Option(Some(row)) => {
                self.marks = self.marks.and(row.marks);
                self.option(row, word)
            }
        };
        if class != Class::Structural && self.is_ignored(word) {
            class = Class::Silent;
        }
        self.args.push(Arg {
            words: word.words.to_vec(),
            class,
        });
    }

    fn is_ignored(&self, word: &Word<'_>) -> bool {
        let Some(first) = word.words.first() else {
            return false;
        };
        let first = first.as_bytes();
        self.ignore_options
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => first.starts_with(prefix.as_bytes()),
                None => first == pattern.as_bytes(),
            })
    }

    fn file(&mut self, word: &Word<'a>) -> Class {
        let name = word.value();
        let language = match self.language {
            Some(language) => language,
            None => Language::of_file(name.as_bytes(), self.family, self.cxx),
        };
        self.sources.push((name, language));
        Class::Structural
    }

    fn option(&mut self, row: &'static Row, word: &Word<'a>) -> Class {
        let value = word.value();
        match row.action {
            Action::Key => Class::Key,
            Action::Macro => Class::Macro,
            Action::Search => Class::Search,
            Action::KeyAndSearch => Class::KeyAndSearch,
            Action::Silent => Class::Silent,
            Action::Unknown => self.unknown_value(word),
            Action::PrefixMap => prefix_map(value),
            Action::Compile => self.structural(|line| line.compile = true),
            Action::Assemble => self.structural(|line| line.assemble = true),
            Action::EndOfOptions => Class::Structural,
            Action::Language => self.language(value),
            Action::SyntaxOnly => self.key(|line| line.syntax_only = true),
            Action::EmitLlvm => {
                self.emit_llvm = true;
                Class::Key
            }
            Action::Output => {
                self.output = Some(value);
                Class::Silent
            }
            Action::Dependency(dependency) => self.dependency(dependency, value),
            Action::ForcedInclude => {
                self.forced_include(row.spelling, value);
                Class::Macro
            }
            Action::Input { optional } => self.input(value, row.spelling, optional, Class::Key),
            Action::Specs => self.input(value, row.spelling, true, Class::KeyAndSearch),
            Action::ProfileData => self.profile_data(row, value),
            Action::ProgramPrefix => self.program_prefix(value),
            Action::Plugin => self.plugin(row, word),
            Action::Remarks => self.remarks(word),
            Action::Beside(role) => self.role(role, None),
            Action::WriteFile(role) => self.role(role, Some(value)),
            Action::Debug(on) => self.key(|line| line.debug = on),
            Action::SplitDwarf(on) => self.key(|line| {
                line.split_dwarf = on;
                line.debug |= on;
            }),
            Action::IntegratedAssembler(on) => self.key(|line| line.integrated_assembler = on),
            Action::Color { explicit } => self.key(|line| line.explicit_color = explicit),
            Action::Architecture => self.key(|line| line.architectures += 1),
            Action::Feature => self.feature(word),
            Action::Machine => self.machine(word),
            Action::Warning => self.warning(value),
            Action::Preprocessor => self.preprocessor(word),
            Action::Assembler => self.known_or_blocked(word, forward::assembler(value.as_bytes())),
            Action::ForwardAssembler => {
                self.known_or_blocked(word, forward::assembler_word(value.as_bytes()))
            }
            Action::ForwardPreprocessor => match forward::preprocessor_word(value.as_bytes()) {
                Some(true) => Class::Macro,
                Some(false) => Class::Key,
                None => self.unsupported(word),
            },
            Action::ForwardFrontend => self.frontend(word),
            Action::Pass(reason) => self.blocked(reason, row, word),
        }
    }

    fn key(&mut self, change: impl FnOnce(&mut Self)) -> Class {
        change(self);
        Class::Key
    }

    fn structural(&mut self, change: impl FnOnce(&mut Self)) -> Class {
        change(self);
        Class::Structural
    }

    fn language(&mut self, value: &OsStr) -> Class {
        self.language = match value.as_bytes() {
            b"none" => None,
            name => Some(Language::named(name, self.family)),
        };
        Class::Structural
    }

    fn dependency(&mut self, dependency: Dependency, value: &'a OsStr) -> Class {
        let options = &mut self.dependency;
        match dependency {
            Dependency::All => options.all = true,
            Dependency::UserOnly => options.user_only = true,
            Dependency::File => options.file = Some(value),
            Dependency::Target => options.targets.push((false, value.to_owned())),
            Dependency::QuotedTarget => options.targets.push((true, value.to_owned())),
            Dependency::Phony => options.phony = true,
        }
        options.args.push(self.args.len());
        Class::Silent
    }

    /// A precompiled header beside an included one is used in its place. clang
    /// looks for it where the name leads from the working directory; gcc wherever
    /// it searches for the header.
    fn forced_include(&mut self, option: &str, value: &OsStr) {
        self.forced_includes.push(value.to_owned());
        if self.family == Family::Gcc {
            return;
        }
        for suffix in [".pch", ".gch"] {
            let mut name = value.to_owned();
            name.push(suffix);
            self.input(&name, option, true, Class::Macro);
        }
    }

    fn input(&mut self, path: &OsStr, option: &str, optional: bool, class: Class) -> Class {
        self.inputs.push(Input {
            path: path.into(),
            option: option.to_owned(),
            optional,
        });
        class
    }

    fn profile_data(&mut self, row: &Row, value: &OsStr) -> Class {
        if !value.is_empty() {
            self.input(value, row.spelling, true, Class::Key);
        }
        let default = Path::new(value).join("default.profdata");
        self.input(default.as_os_str(), row.spelling, true, Class::Key)
    }

    /// The compiler proper and the assembler below `-B` are used before the
    /// ones that belong to the compiler; the prefix counts with and without a
    /// slash after it.
    fn program_prefix(&mut self, value: &OsStr) -> Class {
        for program in ["as", "cc1", "cc1plus", "specs"] {
            for slash in ["", "/"] {
                let mut name = value.to_owned();
                name.push(slash);
                name.push(program);
                self.input(&name, "-B", true, Class::KeyAndSearch);
            }
        }
        Class::KeyAndSearch
    }

    /// A plugin named without a path is looked for in a directory of the
    /// compiler's own.
    fn plugin(&mut self, row: &Row, word: &Word<'a>) -> Class {
        let value = word.value();
        let bytes = value.as_bytes();
        if !bytes.contains(&b'/') && !bytes.ends_with(b".so") {
            return self.unsupported(word);
        }
        self.input(value, row.spelling, false, Class::Unknown)
    }

    /// `-fopt-info-vec=file` writes a file, unless it is a standard stream.
    fn remarks(&mut self, word: &Word<'a>) -> Class {
        match split_at_equals(word.value().as_bytes()).1 {
            None | Some(b"stderr" | b"stdout") => Class::Key,
            Some(_) => self.unsupported(word),
        }
    }

    fn role(&mut self, role: &'static str, path: Option<&'a OsStr>) -> Class {
        if path.is_some() || !self.roles.iter().any(|(r, _)| *r == role) {
            self.roles.push((role, path));
        }
        match path {
            // The name is the user's; the file's content does not depend on it.
            Some(_) => Class::Silent,
            None => Class::Key,
        }
    }

    fn feature(&mut self, word: &Word<'a>) -> Class {
        let (name, value) = split_at_equals(word.value().as_bytes());
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'_');
        match value {
            None if name.iter().all(plain) => Class::Key,
            Some(_) if values::is_plain(self.family, name) => Class::Key,
            _ => self.unknown_value(word),
        }
    }

    /// Target options take numbers and words; a path among them is looked at.
    fn machine(&mut self, word: &Word<'a>) -> Class {
        match split_at_equals(word.value().as_bytes()).1 {
            Some(b"native") => self.native = true,
            Some(value) if value.contains(&b'/') => return self.unknown_value(word),
            _ => {}
        }
        Class::KeyAndSearch
    }

    fn warning(&mut self, value: &OsStr) -> Class {
        let name = value.as_bytes();
        let name = name.strip_prefix(b"error=").unwrap_or(name);
        let harmless = name.starts_with(b"no-")
            || values::LAYOUT_FREE_WARNINGS
                .binary_search_by(|n| n.as_bytes().cmp(name))
                .is_ok();
        if !harmless {
            self.marks = self.marks.and(Marks::LAYOUT);
        }
        Class::Key
    }

    fn preprocessor(&mut self, word: &Word<'a>) -> Class {
        let Some(list) = forward::preprocessor(self.family, word.value().as_bytes()) else {
            return self.unsupported(word);
        };
        let options = &mut self.dependency;
        options.targets.extend(list.targets);
        options.phony |= list.phony;
        if let Some((user_only, file)) = list.dependencies {
            if self.family == Family::Clang {
                // The driver turns the word into -MD -MF file.
                options.all |= !user_only;
                options.user_only |= user_only;
                let comma = word.value().as_bytes().iter().position(|&b| b == b',');
                let file = comma.and_then(|at| word.value().as_bytes().get(at + 1..));
                options.file = file.map(OsStr::from_bytes);
            } else if options.preprocessor.replace((user_only, file)).is_some() {
                return self.unsupported(word);
            }
        }
        if list.macros {
            return Class::Macro;
        }
        self.dependency.args.push(self.args.len());
        Class::Silent
    }

    fn known_or_blocked(&mut self, word: &Word<'a>, marks: Option<Marks>) -> Class {
        match marks {
            Some(marks) => self.key(|line| line.marks = line.marks.and(marks)),
            None => self.unsupported(word),
        }
    }

    fn frontend(&mut self, word: &Word<'a>) -> Class {
        let value = word.value();
        match self.frontend.take() {
            None => match forward::frontend_word(value.as_bytes()) {
                Frontend::Key => {}
                Frontend::EmitPrecompiledHeader => self.emit_pch = true,
                Frontend::Other => return self.unsupported(word),
                takes_value => self.frontend = Some(takes_value),
            },
            Some(Frontend::PrecompiledHeader) => {
                return self.input(value, "-include-pch", false, Class::Key);
            }
            // Only the driver looks for a precompiled header beside it.
            Some(Frontend::ForcedInclude) => self.forced_includes.push(value.to_owned()),
            Some(Frontend::Llvm) => return self.unknown_value(word),
            Some(_) => {}
        }
        Class::Key
    }

    fn unknown(&mut self, word: &Word<'a>) -> Class {
        let first = word.words.first().map(|w| w.as_bytes()).unwrap_or_default();
        if first.starts_with(b"--") {
            // Long spellings can stand for anything, `-E` and `-o` included.
            return self.unsupported(word);
        }
        if let Some(value) = split_at_equals(first).1 {
            let option = word.text();
            self.input(OsStr::from_bytes(value), &option, true, Class::Unknown);
        }
        Class::Unknown
    }

    /// An option whose value may or may not name a file.
    fn unknown_value(&mut self, word: &Word<'a>) -> Class {
        let value = word.value().as_bytes();
        let file = split_at_equals(value).1.unwrap_or(value);
        let option = word.text();
        if !file.is_empty() {
            self.input(OsStr::from_bytes(file), &option, true, Class::Unknown);
        }
        Class::Unknown
    }

    fn unsupported(&mut self, word: &Word<'_>) -> Class {
        let detail = word.text();
        self.block(Reason::UnsupportedCompilerOption, detail);
        Class::Unknown
    }

    fn blocked(&mut self, reason: Reason, row: &Row, word: &Word<'_>) -> Class {
        self.blockers.no_link |= matches!(
            row.spelling,
            "--analyze" | "--precompile" | "-emit-" | "-extract-api" | "-verify-pch"
        );
        let detail = word.text();
        match reason {
            Reason::NoInputFile => {
                self.blockers.information.get_or_insert(detail);
            }
            Reason::CalledForPreprocessing => {
                self.blockers.preprocessing.get_or_insert(detail);
            }
            _ => self.block(reason, detail),
        }
        Class::Unknown
    }

    fn block(&mut self, reason: Reason, detail: String) {
        let other = &mut self.blockers.other;
        other.get_or_insert(PassThrough { reason, detail });
    }
}

fn prefix_map(value: &OsStr) -> Class {
    match split_at_equals(value.as_bytes()) {
        (old, Some(new)) => Class::PrefixMap {
            old: OsStr::from_bytes(old).to_owned(),
            new: OsStr::from_bytes(new).to_owned(),
        },
        _ => Class::Key,
    }
}

fn split_at_equals(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&b| b == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}
