//! The second stage: what each word says.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::forward::{self, Frontend};
use super::line::Line;
use super::record::{Kind, Word};
use super::sides::{SaveTemps, Sides};
use crate::compiler::command::{Arg, Class, Input, Overwrite, Parsed, PassThrough, Reason};
use crate::compiler::family::{DriverName, Family, Language};
use crate::compiler::options::{Action, Dependency, Marks, Row, values};
use crate::compiler::outputs;

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
            Action::CompileOnly => Class::CompileOnly,
            Action::Unknown => self.unknown_value(word),
            Action::Llvm => self.llvm(word),
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
            Action::InputNamed(name) => self.input(name.as_ref(), row.spelling, false, Class::Key),
            Action::Specs => self.input(value, row.spelling, true, Class::KeyAndSearch),
            Action::ProfileData => self.profile_data(row, value),
            Action::ProgramPrefix => self.program_prefix(value),
            Action::Plugin => self.plugin(row, word),
            Action::Remarks => self.remarks(word),
            Action::Dump => self.dump(word),
            Action::DumpLetters => self.dump_letters(word),
            Action::DumpFile => self.side(|sides| sides.dumps = true),
            Action::DumpDirectory => self.side(|sides| {
                sides.dump_directory = Some(value);
                sides.dump_directory_overruled = false;
            }),
            Action::DumpBase if value.is_empty() => self.unsupported(word),
            Action::DumpBase => self.side(|sides| sides.dump_base = Some(value)),
            Action::DumpBaseExtension => self.side(|sides| sides.dump_base_extension = Some(value)),
            Action::SaveTemps => self.save_temps(word),
            Action::SaveStats => match value.as_bytes() {
                b"" | b"=cwd" => self.side(|sides| sides.stats = Some(false)),
                b"=obj" => self.side(|sides| sides.stats = Some(true)),
                _ => self.unsupported(word),
            },
            Action::TimeTrace => self.side(|sides| sides.time_trace = Some(value)),
            Action::RecordFormat => match value.as_bytes() {
                b"yaml" => self.role("opt-record-yaml", None),
                b"bitstream" => self.role("opt-record-bitstream", None),
                _ => self.unsupported(word),
            },
            Action::ProfileByName => self.profile_by_name(word),
            Action::ProfileDirectory => self.key(|line| {
                line.sides.profile_directory = Some(value);
            }),
            Action::InPlace => self.key(|line| line.sides.in_place = true),
            Action::ViaFile => self.key(|line| line.sides.via_file = true),
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
            Action::Assembler => self.assembler(word, forward::assembler(value.as_bytes())),
            Action::ForwardAssembler => {
                let words = self
                    .assembler_word
                    .take()
                    .into_iter()
                    .chain([value.as_bytes()]);
                match forward::assembler_words(words) {
                    Some(list) if list.incomplete => {
                        self.assembler_word = Some(value.as_bytes());
                        Class::Key
                    }
                    list => self.assembler(word, list),
                }
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

    /// `-fopt-info-vec=file` writes a file, unless it is a standard stream. Of
    /// several files gcc takes one, and says so.
    fn remarks(&mut self, word: &Word<'a>) -> Class {
        const ROLE: &str = "opt-info";
        let (_, file) = split_at_equals(word.value().as_bytes());
        let Some(file) = file else {
            return Class::Key;
        };
        let another = self.roles.iter().any(|(role, _)| *role == ROLE);
        match file {
            b"stderr" | b"stdout" => Class::Key,
            b"" | b"-" => self.unsupported(word),
            _ if another => self.unsupported(word),
            _ => {
                self.roles.push((ROLE, Some(OsStr::from_bytes(file))));
                Class::CompileOnly
            }
        }
    }

    fn side(&mut self, change: impl FnOnce(&mut Sides<'a>)) -> Class {
        change(&mut self.sides);
        Class::CompileOnly
    }

    /// `-fdump-tree-gimple-lineno=file`, and what is spelled like it.
    fn dump(&mut self, word: &Word<'a>) -> Class {
        let (name, file) = split_at_equals(word.value().as_bytes());
        let passes = [&b"tree-"[..], b"rtl-", b"ipa-", b"lang-"];
        let pass = passes.iter().find_map(|kind| name.strip_prefix(*kind));
        let is_set = pass.is_some()
            || name.starts_with(b"statistics")
            || name.starts_with(b"analyzer")
            || matches!(name, b"debug" | b"earlydebug" | b"final-insns");
        match (name, file) {
            (b"passes" | b"internal-locations", None) => Class::Key,
            (_, Some(b"stderr" | b"stdout" | b"-")) if pass.is_some() => Class::Key,
            (b"final-insns", Some(b".")) => self.side(|sides| sides.dumps = true),
            (_, Some(b"")) => self.unsupported(word),
            (_, None) if is_set => self.side(|sides| sides.dumps = true),
            (_, Some(file)) if pass.is_some() || name == b"final-insns" => {
                // All passes into one file: each adds to it, the first one too.
                let all = pass.is_some_and(|p| p == b"all" || p.starts_with(b"all-"));
                let overwrite = match all {
                    true => Overwrite::Appended,
                    false => Overwrite::Truncated,
                };
                let file = (OsStr::from_bytes(file), overwrite);
                let known =
                    |(path, other): &(&OsStr, Overwrite)| *path == file.0 && *other != file.1;
                if self.sides.named_dumps.iter().any(known) {
                    return self.unsupported(word);
                }
                self.side(|sides| {
                    sides.dumps = true;
                    sides.named_dumps.push(file);
                })
            }
            _ => self.unsupported(word),
        }
    }

    fn dump_letters(&mut self, word: &Word<'a>) -> Class {
        let letters = word.value().as_bytes();
        let known = |b: &u8| b"apPADHIMNUx".contains(b);
        if letters.is_empty() || !letters.iter().all(known) {
            return self.unsupported(word);
        }
        self.side(|sides| sides.dumps |= letters.contains(&b'a'))
    }

    fn save_temps(&mut self, word: &Word<'a>) -> Class {
        let sides = &mut self.sides;
        let gcc = self.family == Family::Gcc;
        match word.value().as_bytes() {
            b"" if gcc => {
                sides.save_temps.get_or_insert(SaveTemps::Plain);
            }
            b"" => sides.save_temps = Some(SaveTemps::WorkingDirectory),
            b"=cwd" => {
                sides.save_temps = Some(SaveTemps::WorkingDirectory);
                sides.dump_directory_overruled = true;
            }
            b"=obj" => {
                sides.save_temps = Some(SaveTemps::BesideProduct);
                sides.dump_directory_overruled = true;
            }
            _ => return self.unsupported(word),
        }
        Class::CompileOnly
    }

    fn profile_by_name(&mut self, word: &Word<'a>) -> Class {
        self.sides.profile = true;
        match split_at_equals(word.value().as_bytes()) {
            (b"", None) => {}
            (b"", Some(directory)) if !directory.is_empty() => {
                self.sides.profile_directory = Some(OsStr::from_bytes(directory));
            }
            _ => return self.unsupported(word),
        }
        Class::Key
    }

    fn role(&mut self, role: &'static str, path: Option<&'a OsStr>) -> Class {
        if path.is_some() || !self.roles.iter().any(|(r, _)| *r == role) {
            self.roles.push((role, path));
        }
        match path {
            Some(_) if outputs::name_is_free(role) => Class::Silent,
            _ => Class::CompileOnly,
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
        for name in &list.forced_includes {
            self.forced_include("-Wp,-include", name);
        }
        if list.warnings {
            // They count in every key, with the macros beside them.
            self.marks = self.marks.and(Marks::LAYOUT);
            return Class::Key;
        }
        if list.macros {
            return Class::Macro;
        }
        self.dependency.args.push(self.args.len());
        Class::Silent
    }

    fn assembler(&mut self, word: &Word<'a>, list: Option<forward::AssemblerList<'a>>) -> Class {
        let Some(list) = list.filter(|list| !list.incomplete) else {
            return self.unsupported(word);
        };
        self.marks = self.marks.and(list.marks);
        for (role, file) in list.files {
            self.roles.push((role, Some(OsStr::from_bytes(file))));
        }
        Class::Key
    }

    fn frontend(&mut self, word: &Word<'a>) -> Class {
        let value = word.value();
        match self.frontend.take() {
            None => match forward::frontend_word(value.as_bytes()) {
                Frontend::Key => {}
                Frontend::EmitPrecompiledHeader => self.emit_pch = true,
                Frontend::Macro => return Class::Macro,
                Frontend::Warning => {
                    let name = value.as_bytes().get(2..).unwrap_or_default();
                    return self.warning(OsStr::from_bytes(name));
                }
                Frontend::Debug => self.debug = true,
                Frontend::Other => return self.unsupported(word),
                takes_value => self.frontend = Some(takes_value),
            },
            Some(Frontend::PrecompiledHeader) => {
                return self.input(value, "-include-pch", false, Class::Key);
            }
            // Only the driver looks for a precompiled header beside it.
            Some(Frontend::ForcedInclude) => self.forced_includes.push(value.to_owned()),
            Some(Frontend::Llvm) => return self.llvm(word),
            Some(_) => {}
        }
        Class::Key
    }

    /// An option for LLVM: a value may be a file, one that is written included.
    fn llvm(&mut self, word: &Word<'a>) -> Class {
        match forward::measures(word.value().as_bytes()) {
            true => self.unsupported(word),
            false => self.unknown_value(word),
        }
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
