//! The second stage: what the words come to.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::forward::{self, Frontend};
use super::names;
use super::pass;
use super::record::{Kind, Word};
use crate::compiler::command::{
    Arg, Class, Command, Dependencies, Input, Output, Parsed, PassThrough, Reason, Traits,
};
use crate::compiler::depfile::{self, Style};
use crate::compiler::family::{DriverName, Family, Language};
use crate::compiler::options::{Action, Dependency, Marks, Row, values};
use crate::compiler::outputs::{self, When};

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

/// What is known of the line so far.
struct Line<'a> {
    family: Family,
    cxx: bool,
    ignore_options: &'a [String],
    args: Vec<Arg>,
    sources: Vec<(&'a OsStr, Option<Language>)>,
    /// The last `-x`: `None` by suffix, `Some(None)` a name that is not known.
    language: Option<Option<Language>>,
    compile: bool,
    assemble: bool,
    emit_llvm: bool,
    output: Option<&'a OsStr>,
    dependency: DependencyOptions<'a>,
    inputs: Vec<Input>,
    forced_includes: Vec<OsString>,
    roles: Vec<(&'static str, Option<&'a OsStr>)>,
    marks: Marks,
    debug: bool,
    split_dwarf: bool,
    native: bool,
    integrated_assembler: bool,
    explicit_color: bool,
    architectures: usize,
    /// What the next `-Xclang` word is to the one before.
    frontend: Option<Frontend>,
    blockers: Blockers,
}

/// The first reason of each kind not to cache, in order of precedence.
#[derive(Default)]
struct Blockers {
    information: Option<String>,
    preprocessing: Option<String>,
    /// Stops before linking, so that a missing `-c` says nothing.
    no_link: bool,
    other: Option<PassThrough>,
}

#[derive(Default)]
struct DependencyOptions<'a> {
    all: bool,
    user_only: bool,
    file: Option<&'a OsStr>,
    /// (quoted, target)
    targets: Vec<(bool, OsString)>,
    phony: bool,
    /// `-Wp,-MD,file` of gcc: (user headers only, file).
    preprocessor: Option<(bool, PathBuf)>,
    /// Indices of the arguments that only matter to the dependency file.
    args: Vec<usize>,
}

impl<'a> Line<'a> {
    fn new(family: Family, cxx: bool, ignore_options: &'a [String]) -> Line<'a> {
        Line {
            family,
            cxx,
            ignore_options,
            args: Vec::new(),
            sources: Vec::new(),
            language: None,
            compile: false,
            assemble: false,
            emit_llvm: false,
            output: None,
            dependency: DependencyOptions::default(),
            inputs: Vec::new(),
            forced_includes: Vec::new(),
            roles: Vec::new(),
            marks: Marks::NONE,
            debug: false,
            split_dwarf: false,
            native: false,
            integrated_assembler: family == Family::Clang,
            explicit_color: false,
            architectures: 0,
            frontend: None,
            blockers: Blockers::default(),
        }
    }

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

    /// A precompiled header beside an included one is used in its place.
    fn forced_include(&mut self, option: &str, value: &OsStr) {
        self.forced_includes.push(value.to_owned());
        for suffix in [".gch", ".pch"] {
            if suffix == ".gch" || self.family == Family::Clang {
                let mut name = value.to_owned();
                name.push(suffix);
                self.input(&name, option, true, Class::Macro);
            }
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
                Frontend::Other => return self.unsupported(word),
                takes_value => self.frontend = Some(takes_value),
            },
            Some(Frontend::PrecompiledHeader) => {
                return self.input(value, "-include-pch", false, Class::Key);
            }
            Some(Frontend::ForcedInclude) => self.forced_include("-include", value),
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
            "-fsyntax-only"
                | "--analyze"
                | "--precompile"
                | "-emit-"
                | "-extract-api"
                | "-verify-pch"
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

    fn finish(mut self, used_response_file: bool) -> Parsed {
        let (source, language) = match self.single_source() {
            Ok(source) => source,
            Err(pass) => return Parsed::PassThrough(pass),
        };
        let output = match self.output_name(source) {
            Ok(output) => output,
            Err(pass) => return Parsed::PassThrough(pass),
        };
        let dependencies = match self.dependencies(source, language, &output) {
            Ok(dependencies) => dependencies,
            Err(pass) => return Parsed::PassThrough(pass),
        };
        let outputs = self.outputs(source, language, &output);
        let default_beside = dependencies.is_some() && self.dependency.file.is_none();
        let beside = outputs
            .iter()
            .any(|o| outputs::role(o.role).is_some_and(|r| r.suffix.is_some()));
        let to_null = output == Path::new(NULL) && (default_beside || beside);
        let named = dependencies.iter().map(|d| &d.path);
        let named = named.chain(outputs.iter().map(|o| &o.path));
        if let Some(device) = std::iter::once(&output).chain(named).find(|p| is_stream(p)) {
            return pass(Reason::OutputToStdout, &device.to_string_lossy());
        }
        if to_null {
            return pass(Reason::OutputToStdout, NULL);
        }
        Parsed::Compile(Box::new(Command {
            language,
            assembly: self.assemble,
            source: source.into(),
            output,
            output_given: self.output.is_some(),
            traits: self.traits(language),
            args: self.args,
            used_response_file,
            dependencies,
            inputs: self.inputs,
            forced_includes: self.forced_includes,
            outputs,
        }))
    }

    /// The source, unless something says that this is no compile of one.
    fn single_source(&mut self) -> Result<(&'a OsStr, Language), PassThrough> {
        let fail = |reason, detail: String| Err(PassThrough { reason, detail });
        let text = |name: &OsStr| name.to_string_lossy().into_owned();
        if let Some(option) = self.blockers.information.take() {
            return fail(Reason::NoInputFile, option);
        }
        let Some(&(source, language)) = self.sources.first() else {
            return fail(Reason::NoInputFile, String::new());
        };
        if let Some(option) = self.blockers.preprocessing.take() {
            return fail(Reason::CalledForPreprocessing, option);
        }
        let header = |l: &Option<Language>| l.is_some_and(|l| !l.is_cached());
        let only_headers = self.sources.iter().all(|(_, l)| header(l));
        if !self.compile && !self.assemble && !self.blockers.no_link && !only_headers {
            return fail(Reason::CalledForLink, String::new());
        }
        if self.sources.iter().any(|(name, _)| *name == "-") {
            return fail(Reason::SourceFromStdin, String::new());
        }
        if let Some((name, _)) = self.sources.get(1) {
            return fail(Reason::MultipleSourceFiles, text(name));
        }
        if let Some(other) = self.blockers.other.take() {
            return Err(other);
        }
        if self.architectures > 1 {
            return fail(Reason::UnsupportedCompilerOption, "-arch".to_owned());
        }
        if self.frontend.is_some() {
            return fail(Reason::BadCompilerArguments, "-Xclang".to_owned());
        }
        match language.filter(|language| language.is_cached()) {
            Some(language) => Ok((source, language)),
            None => fail(Reason::UnsupportedSourceLanguage, text(source)),
        }
    }

    fn output_name(&self, source: &OsStr) -> Result<PathBuf, PassThrough> {
        let fail = |reason, detail: &str| {
            let detail = detail.to_owned();
            Err(PassThrough { reason, detail })
        };
        match self.output.map(OsStr::as_bytes) {
            Some(b"-") => fail(Reason::OutputToStdout, "-o -"),
            Some(name) if name.is_empty() || name.ends_with(b"/") => {
                fail(Reason::BadCompilerArguments, "-o")
            }
            Some(name) => Ok(PathBuf::from(OsStr::from_bytes(name))),
            None => {
                let suffix = match (self.assemble, self.emit_llvm) {
                    (true, false) => "s",
                    (true, true) => "ll",
                    (false, false) => "o",
                    (false, true) => "bc",
                };
                match names::default_output(source, suffix) {
                    Some(output) => Ok(output),
                    None => fail(Reason::BadCompilerArguments, &source.to_string_lossy()),
                }
            }
        }
    }

    /// The dependency file that will be written, if one will.
    fn dependencies(
        &mut self,
        source: &OsStr,
        language: Language,
        output: &Path,
    ) -> Result<Option<Dependencies>, PassThrough> {
        let options = &self.dependency;
        let driver = options.all || options.user_only;
        let wanted = driver || options.preprocessor.is_some();
        // clang says that -MD is not used beside -MMD, and both say something
        // or nothing about options that a call has no use for.
        let odd = self.family == Family::Clang && options.all && options.user_only;
        let written = wanted && language.is_preprocessed_by_compiler();
        if odd || !written {
            for &at in &options.args {
                if let Some(arg) = self.args.get_mut(at) {
                    arg.class = Class::Key;
                }
            }
        }
        if !written {
            return Ok(None);
        }
        let options = &self.dependency;
        let unclear = |detail: &str| {
            Err(PassThrough {
                reason: Reason::UnsupportedCompilerOption,
                detail: detail.to_owned(),
            })
        };
        if options.preprocessor.is_some() && (driver || options.file.is_some()) {
            return unclear("-Wp,-MD");
        }
        let user_only = match &options.preprocessor {
            Some((user_only, _)) => *user_only,
            None => options.user_only,
        };
        let path = match (&options.preprocessor, options.file) {
            (Some((_, file)), _) => file.clone(),
            (None, Some(file)) => PathBuf::from(file),
            (None, None) => names::default_dependency_file(output),
        };
        if path.as_os_str().is_empty() || path == Path::new("-") {
            return unclear("-MF");
        }
        let Some(target) = self.target(source) else {
            return unclear("-MT");
        };
        Ok(Some(Dependencies {
            user_only,
            path,
            target,
            phony: options.phony,
        }))
    }

    /// The targets as they stand in the file. `None`: they would make a file
    /// that cannot be told apart from another.
    fn target(&self, source: &OsStr) -> Option<Vec<u8>> {
        let options = &self.dependency;
        let style = *Style::of(self.family).first()?;
        if options.targets.is_empty() {
            if options.preprocessor.is_some() {
                // The preprocessor of gcc does not know the product's name.
                return names::default_target(self.family, source, None);
            }
            let target = names::default_target(self.family, source, self.output);
            return target.filter(|t| !t.contains(&b'\n'));
        }
        let mut targets = Vec::with_capacity(options.targets.len());
        let raw_first = self.family == Family::Gcc;
        let passes: &[Option<bool>] = if raw_first {
            &[Some(false), Some(true)]
        } else {
            &[None]
        };
        for only in passes {
            for (quoted, target) in &options.targets {
                if only.is_some_and(|only| only != *quoted) {
                    continue;
                }
                let bytes = names::simplified(self.family, target.as_bytes());
                if bytes.is_empty() || bytes.contains(&b'\n') {
                    return None;
                }
                targets.push(if *quoted {
                    depfile::quote(bytes)
                } else {
                    bytes.to_vec()
                });
            }
        }
        Some(depfile::join_targets(style, &targets))
    }

    fn outputs(&self, source: &OsStr, language: Language, output: &Path) -> Vec<Output> {
        let split = self.split_dwarf.then_some(("dwo", None));
        let mut outputs = Vec::new();
        for (role, path) in self.roles.iter().copied().chain(split) {
            let Some(row) = outputs::role(role) else {
                continue;
            };
            let happens = match row.when {
                When::Always => true,
                When::Objects => !self.assemble || self.family == Family::Clang,
                When::Compiled => !language.is_assembler(),
            };
            if !happens {
                continue;
            }
            let path = match (path, row.suffix) {
                (Some(path), _) => PathBuf::from(path),
                // Under -S clang names the file after the source.
                (None, Some(suffix)) if self.assemble && row.when == When::Objects => {
                    match names::default_output(source, suffix) {
                        Some(path) => path,
                        None => continue,
                    }
                }
                (None, Some(suffix)) => names::beside(self.family, output, suffix),
                (None, None) => continue,
            };
            // Of two names for one file, the compilers take the last.
            outputs.retain(|o: &Output| o.role != role);
            outputs.push(Output {
                role,
                optional: row.suffix.is_some(),
                path,
            });
        }
        outputs
    }

    fn traits(&self, language: Language) -> Traits {
        let marks = self.marks;
        Traits {
            records_directory: self.debug || marks.has(Marks::DIRECTORY),
            records_output: (self.split_dwarf && self.debug) || marks.has(Marks::OUTPUT),
            records_command: marks.has(Marks::COMMAND),
            depends_on_cpu: self.native,
            layout_matters: self.debug || marks.has(Marks::LAYOUT),
            opaque_product: marks.has(Marks::OPAQUE),
            has_unknown: self.args.iter().any(|arg| arg.class == Class::Unknown),
            explicit_color: self.explicit_color,
            no_preprocessing: !language.is_preprocessed_by_compiler(),
            runs_assembler: !self.assemble && !self.integrated_assembler,
        }
    }
}

const NULL: &str = "/dev/null";

/// Whether a file of this name is a terminal, a pipe or the like, which cannot
/// be replaced by a file; the null device can be left alone and is no such name.
fn is_stream(path: &Path) -> bool {
    let in_devices = path.parent().is_some_and(|dir| dir == Path::new("/dev"));
    let is_other_device = in_devices && path != Path::new(NULL);
    is_other_device || path.starts_with("/dev/fd") || path.starts_with("/proc")
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
