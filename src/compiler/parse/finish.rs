//! What a whole line comes to: a compile with its product, dependency file and
//! further files, or the reason why it is handed to the compiler.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::line::Line;
use super::{names, pass};
use crate::compiler::command::{
    Class, Command, Dependencies, Dumps, Output, Parsed, PassThrough, Product, Reason, Traits,
};
use crate::compiler::depfile::{self, Style};
use crate::compiler::family::{Family, Language};
use crate::compiler::options::Marks;
use crate::compiler::outputs;

impl<'a> Line<'a> {
    /// Decides, in order of precedence.
    pub(super) fn finish(mut self, used_response_file: bool) -> Parsed {
        let (source, language) = match self.single_source() {
            Ok(source) => source,
            Err(pass) => return Parsed::PassThrough(pass),
        };
        let output = match self.output_name(source, language) {
            Ok(output) => output,
            Err(pass) => return Parsed::PassThrough(pass),
        };
        // Files beside a precompiled header without a name of its own are named
        // as beside an object.
        let unnamed_header = language.is_header() && self.output.is_none();
        let beside = match unnamed_header.then(|| names::default_output(source, "o")) {
            Some(Some(object)) => object,
            _ => output.clone(),
        };
        let dependencies = match self.dependencies(source, language, &beside) {
            Ok(dependencies) => dependencies,
            Err(pass) => return Parsed::PassThrough(pass),
        };
        let outputs = self.outputs(source, language, &beside);
        let dumps = self.dumps(source, language);
        let product = self.product(language);
        let default_beside = dependencies.is_some() && self.dependency.file.is_none();
        let beside_product = outputs
            .iter()
            .any(|o| outputs::role(o.role).is_some_and(|r| r.suffix.is_some()));
        let beside_product = beside_product || dumps.is_some() || self.sides.save_temps.is_some();
        let to_null = output == Path::new(NULL) && (default_beside || beside_product);
        let named = dependencies.iter().map(|d| &d.path);
        let named = named.chain(written(&outputs, dumps.as_ref()));
        if let Some(device) = std::iter::once(&output).chain(named).find(|p| is_stream(p)) {
            return pass(Reason::OutputToStdout, &device.to_string_lossy());
        }
        if to_null {
            return pass(Reason::OutputToStdout, NULL);
        }
        if product != Product::Code
            && let Some(what) = self.side_without_code(&outputs)
        {
            return pass(Reason::UnsupportedCompilerOption, what);
        }
        // ... unless gcc takes the call for one that links.
        let linking = self.family == Family::Gcc && !self.compile && unnamed_header;
        if linking && (default_beside || beside_product) {
            return pass(Reason::UnsupportedSourceLanguage, &source.to_string_lossy());
        }
        let named = dependencies.iter().map(|d| &d.path);
        let named = named.chain(written(&outputs, dumps.as_ref()));
        let written: Vec<&Path> = std::iter::once(&output)
            .chain(named)
            .map(PathBuf::as_path)
            .filter(|path| *path != Path::new(NULL))
            .collect();
        if let Some(twice) = named_twice(Path::new(source), &written) {
            return pass(Reason::BadCompilerArguments, &twice.to_string_lossy());
        }
        let product = match output == Path::new(NULL) && product == Product::Code {
            true => Product::Nothing,
            false => product,
        };
        Parsed::Compile(Box::new(Command {
            language,
            assembly: self.assemble,
            product,
            source: source.into(),
            overwrite: self.product_overwrite(language, product),
            profile: self.profile(source, language),
            dumps,
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
        let header = |l: &Option<Language>| l.is_some_and(Language::is_header);
        let only_headers = self.sources.iter().all(|(_, l)| header(l));
        let stops = self.compile || self.assemble || self.syntax_only || self.blockers.no_link;
        if !stops && !only_headers {
            return fail(Reason::CalledForLink, String::new());
        }
        let unclear = |(name, language): &(&OsStr, Option<Language>)| {
            *name == "-" && (language.is_none() || header(language))
        };
        if self.sources.iter().any(unclear) {
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
        if self.assembler_word.is_some() {
            return fail(Reason::BadCompilerArguments, "-Xassembler".to_owned());
        }
        if self.frontend.is_some() {
            return fail(Reason::BadCompilerArguments, "-Xclang".to_owned());
        }
        if self.syntax_only && language.is_some_and(Language::is_assembler) {
            return fail(
                Reason::UnsupportedCompilerOption,
                "-fsyntax-only".to_owned(),
            );
        }
        // What becomes of a header under -S is one thing here and another there.
        let odd_header = (self.emit_pch || header(&language))
            && (self.assemble || self.emit_llvm)
            && !self.syntax_only;
        match language.filter(|_| !odd_header) {
            Some(language) => Ok((source, language)),
            None => fail(Reason::UnsupportedSourceLanguage, text(source)),
        }
    }

    fn product(&self, language: Language) -> Product {
        if self.syntax_only {
            Product::Nothing
        } else if self.emit_pch || language.is_header() {
            Product::PrecompiledHeader
        } else {
            Product::Code
        }
    }

    fn output_name(&self, source: &OsStr, language: Language) -> Result<PathBuf, PassThrough> {
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
            None if self.product(language) == Product::PrecompiledHeader => {
                if self.family == Family::Clang || self.emit_pch {
                    // Each version has a suffix of its own.
                    return fail(Reason::UnsupportedSourceLanguage, &source.to_string_lossy());
                }
                let mut name = source.to_owned();
                name.push(".gch");
                Ok(PathBuf::from(name))
            }
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

    fn traits(&self, language: Language) -> Traits {
        let marks = self.marks;
        let precompiles = self.product(language) == Product::PrecompiledHeader;
        // clang's records the directory, its own and that of its headers.
        let clang_header = precompiles && self.family == Family::Clang;
        Traits {
            records_directory: self.debug || marks.has(Marks::DIRECTORY),
            records_output: (self.split_dwarf && self.debug)
                || marks.has(Marks::OUTPUT)
                || clang_header,
            records_command: marks.has(Marks::COMMAND),
            depends_on_cpu: self.native,
            layout_matters: self.debug || precompiles || marks.has(Marks::LAYOUT),
            opaque_product: marks.has(Marks::OPAQUE),
            has_unknown: marks.has(Marks::WATCHED)
                || self.args.iter().any(|arg| arg.class == Class::Unknown),
            explicit_color: self.explicit_color,
            no_preprocessing: !language.is_preprocessed_by_compiler(),
            runs_assembler: !self.assemble && !self.integrated_assembler && !precompiles,
        }
    }
}

/// The files of `outputs` and those that dump options name.
fn written<'a>(
    outputs: &'a [Output],
    dumps: Option<&'a Dumps>,
) -> impl Iterator<Item = &'a PathBuf> {
    let named = dumps.into_iter().flat_map(|dumps| &dumps.named);
    let outputs = outputs.iter().map(|output| &output.path);
    outputs.chain(named.map(|(path, _)| path))
}

const NULL: &str = "/dev/null";

/// A file that is to be written and is the source, or is to be written twice:
/// compilers refuse some of that, and what is left of the rest is theirs to say.
fn named_twice<'p>(source: &'p Path, written: &[&'p Path]) -> Option<&'p Path> {
    // Equal but for `.` components, which `Path` compares as equal inside only.
    let plain = |path: &'p Path| path.strip_prefix(".").unwrap_or(path);
    written.iter().enumerate().find_map(|(index, path)| {
        let earlier = written.get(..index).unwrap_or_default();
        let mut others = std::iter::once(&source).chain(earlier);
        others
            .any(|other| plain(other) == plain(path))
            .then_some(*path)
    })
}

/// Whether a file of this name is a terminal, a pipe or the like, which cannot
/// be replaced by a file; the null device can be left alone and is no such name.
fn is_stream(path: &Path) -> bool {
    let in_devices = path.parent().is_some_and(|dir| dir == Path::new("/dev"));
    let is_other_device = in_devices && path != Path::new(NULL);
    is_other_device || path.starts_with("/dev/fd") || path.starts_with("/proc")
}
