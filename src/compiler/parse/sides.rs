//! Files besides the product: which a line asks for, and how they are named.
//!
//! gcc names them all by one scheme, `DUMPDIR` + `DUMPBASE` with or without
//! its extension (gcc manual, "Overall Options", `-dumpbase`); clang by the
//! product, some by the source. From gcc 11/12 and clang 14/19 by experiment;
//! `installed_tests` compares with what the installed compilers write.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::line::Line;
use super::names;
use crate::compiler::command::{Dumps, Output, Overwrite, Product, Profile};
use crate::compiler::family::{Family, Language};
use crate::compiler::outputs::{self, When};

/// What the options for names and temporary files say.
#[derive(Default)]
pub(super) struct Sides<'a> {
    pub(super) save_temps: Option<SaveTemps>,
    /// `-dumpdir`, and whether a `-save-temps=` came after it.
    pub(super) dump_directory: Option<&'a OsStr>,
    pub(super) dump_directory_overruled: bool,
    pub(super) dump_base: Option<&'a OsStr>,
    pub(super) dump_base_extension: Option<&'a OsStr>,
    /// Dumps are asked for.
    pub(super) dumps: bool,
    pub(super) named_dumps: Vec<(&'a OsStr, Overwrite)>,
    /// `-save-stats`: whether it stands beside the product.
    pub(super) stats: Option<bool>,
    /// `-ftime-trace=`.
    pub(super) time_trace: Option<&'a OsStr>,
    /// Profile data by a name that is made from the product's.
    pub(super) profile: bool,
    pub(super) profile_directory: Option<&'a OsStr>,
    /// An assembler gets text in a file of its own.
    pub(super) via_file: bool,
    /// clang writes in place what it would else write aside.
    pub(super) in_place: bool,
}

/// `-save-temps`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SaveTemps {
    Plain,
    WorkingDirectory,
    BesideProduct,
}

/// How gcc begins the names of one compile's files.
struct GccNames {
    /// Of dumps: `out/x.c`.
    dump: Vec<u8>,
    /// Of everything else: `out/x`.
    other: Vec<u8>,
}

impl<'a> Line<'a> {
    /// A file or a choice of names that is only followed where code is made.
    pub(super) fn side_without_code(&self, outputs: &[Output]) -> Option<&'static str> {
        const KNOWN: [&str; 6] = [
            "aux-info",
            "callgraph",
            "diagnostics",
            "dwo",
            "gcno",
            "stack-usage",
        ];
        let sides = &self.sides;
        if sides.save_temps.is_some() {
            return Some("-save-temps");
        }
        if sides.dumps {
            return Some("-fdump-");
        }
        if sides.dump_directory.is_some()
            || sides.dump_base.is_some()
            || sides.dump_base_extension.is_some()
        {
            return Some("-dumpbase");
        }
        let mut roles = outputs.iter().map(|output| output.role);
        roles.find(|role| !KNOWN.contains(role))
    }

    /// What the compiler does with a file in the product's place.
    pub(super) fn product_overwrite(&self, language: Language, product: Product) -> Overwrite {
        if self.family == Family::Gcc {
            return match self.assemble || product == Product::PrecompiledHeader {
                true => Overwrite::Truncated,
                false => Overwrite::ReplacedUnlessEmpty,
            };
        }
        let aside = match self.sides.in_place {
            true => Overwrite::Truncated,
            false => Overwrite::Replaced,
        };
        let code = product == Product::Code;
        if !code || self.assemble || (self.emit_llvm && !language.is_assembler()) {
            return aside;
        }
        let own_pass =
            language.is_assembler() || self.sides.save_temps.is_some() || self.sides.via_file;
        match self.integrated_assembler {
            false => Overwrite::ReplacedUnlessEmpty,
            // clang's assembler, where it is a pass of its own, is plain.
            true if own_pass => Overwrite::Truncated,
            true => aside,
        }
    }

    /// The declared files besides the product and the dependency file.
    pub(super) fn outputs(&self, source: &OsStr, language: Language, output: &Path) -> Vec<Output> {
        let mut outputs = Vec::new();
        let split = self.split_dwarf.then_some(("dwo", None));
        for (role, path) in self.roles.iter().copied().chain(split) {
            let path = match path {
                Some(path) => PathBuf::from(path),
                None => match self.beside(role, source, output) {
                    Some(path) => path,
                    None => continue,
                },
            };
            self.declare(&mut outputs, role, path, language);
        }
        for (role, path) in self.temporary_files(source, language, output) {
            self.declare(&mut outputs, role, path, language);
        }
        if let Some(value) = self.sides.time_trace {
            // A directory gets a file in it; which it is shows when it is there.
            let inside = Path::new(value).join(names::base_name(output.as_os_str()));
            let inside = names::beside(self.family, &inside, "json");
            self.declare(&mut outputs, "time-trace-file", value.into(), language);
            self.declare(&mut outputs, outputs::INSIDE, inside, language);
        }
        outputs
    }

    fn declare(
        &self,
        outputs: &mut Vec<Output>,
        role: &'static str,
        path: PathBuf,
        language: Language,
    ) {
        let Some(row) = outputs::role(role) else {
            return;
        };
        let happens = match row.when {
            When::Always => true,
            When::Objects => !self.assemble || self.family == Family::Clang,
            When::Compiled => !language.is_assembler(),
            When::Assembled => !self.assemble,
        };
        if !happens {
            return;
        }
        let overwrite = match outputs::overwrite(role, self.family) {
            Overwrite::Replaced if self.sides.in_place && role != "diagnostics" => {
                Overwrite::Truncated
            }
            overwrite => overwrite,
        };
        // Of two names for one file, the compilers take the last.
        outputs.retain(|o: &Output| o.role != role);
        outputs.push(Output {
            role,
            optional: row.optional,
            path,
            overwrite,
        });
    }

    /// The file of `role` that stands beside the product.
    fn beside(&self, role: &str, source: &OsStr, output: &Path) -> Option<PathBuf> {
        let row = outputs::role(role)?;
        let suffix = row.suffix?;
        if self.family == Family::Gcc {
            let mut name = self.gcc_names(source).other;
            name.push(b'.');
            name.extend_from_slice(suffix.as_bytes());
            return Some(OsString::from_vec(name).into());
        }
        // Under -S clang names this one after the source.
        if self.assemble && row.when == When::Objects {
            return names::default_output(source, suffix);
        }
        Some(names::beside(self.family, output, suffix))
    }

    /// `-save-temps` and `-save-stats`.
    fn temporary_files(
        &self,
        source: &OsStr,
        language: Language,
        output: &Path,
    ) -> Vec<(&'static str, PathBuf)> {
        let mut wanted: Vec<(&'static str, &str)> = Vec::new();
        let mut beside_product = self.sides.save_temps == Some(SaveTemps::BesideProduct);
        if self.sides.save_temps.is_some() {
            if let Some(suffix) = preprocessed_suffix(language) {
                wanted.push(("temps-preprocessed", suffix));
            }
            if !self.assemble {
                wanted.push(("temps-assembly", "s"));
            }
            if self.family == Family::Clang {
                let suffix = if self.emit_llvm { "tmp.bc" } else { "bc" };
                wanted.push(("temps-bitcode", suffix));
            }
        }
        if let Some(beside) = self.sides.stats {
            wanted.push(("stats", "stats"));
            beside_product = beside;
        }
        let stem = match self.family {
            Family::Gcc => self.gcc_names(source).other,
            Family::Clang => {
                let directory = match beside_product {
                    true => directory_of(output.as_os_str()),
                    false => b"",
                };
                let Some(name) = names::default_output(source, "") else {
                    return Vec::new();
                };
                // `default_output` ends in a dot.
                let name = name.as_os_str().as_bytes();
                let name = name.strip_suffix(b".").unwrap_or(name);
                [directory, name].concat()
            }
        };
        let path = |suffix: &str| {
            let mut name = stem.clone();
            name.push(b'.');
            name.extend_from_slice(suffix.as_bytes());
            PathBuf::from(OsString::from_vec(name))
        };
        wanted
            .into_iter()
            .map(|(role, suffix)| (role, path(suffix)))
            .collect()
    }

    pub(super) fn dumps(&self, source: &OsStr, language: Language) -> Option<Dumps> {
        if !self.sides.dumps || language.is_assembler() {
            return None;
        }
        let mut named: Vec<(PathBuf, Overwrite)> = Vec::new();
        for (path, overwrite) in &self.sides.named_dumps {
            if !named.iter().any(|(other, _)| other == path) {
                named.push((path.into(), *overwrite));
            }
        }
        Some(Dumps {
            prefix: OsString::from_vec(self.gcc_names(source).dump).into(),
            named,
        })
    }

    pub(super) fn profile(&self, source: &OsStr, language: Language) -> Option<Profile> {
        if !self.sides.profile || language.is_assembler() {
            return None;
        }
        Some(Profile {
            directory: self.sides.profile_directory.map(OsStr::to_owned),
            name: OsString::from_vec(self.gcc_names(source).other),
        })
    }

    fn gcc_names(&self, source: &OsStr) -> GccNames {
        let sides = &self.sides;
        let explicit = sides
            .dump_directory
            .filter(|_| !sides.dump_directory_overruled);
        let in_product_directory = sides.save_temps != Some(SaveTemps::WorkingDirectory);
        let mut directory = match (explicit, self.output) {
            (Some(directory), _) => directory.as_bytes(),
            (None, Some(output)) if in_product_directory => directory_of(output),
            _ => b"",
        };
        let input = names::base_name(source).as_bytes();
        let (input_stem, input_suffix) = input.split_at(names::suffix_at(input, false));
        let (stem, suffix) = match (sides.dump_base, self.output) {
            (Some(base), _) => {
                let base = base.as_bytes();
                if base.contains(&b'/') {
                    directory = b"";
                }
                let extension = sides.dump_base_extension.map(OsStr::as_bytes);
                let stem = extension.and_then(|ext| base.strip_suffix(ext));
                let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or(base);
                base.split_at(stem.len())
            }
            (None, Some(output)) => {
                let name = names::base_name(output).as_bytes();
                let (stem, _) = name.split_at(names::suffix_at(name, false));
                (stem, input_suffix)
            }
            (None, None) => (input_stem, input_suffix),
        };
        GccNames {
            dump: [directory, stem, suffix].concat(),
            other: [directory, stem].concat(),
        }
    }
}

/// The directory in front of a name, its slash included.
fn directory_of(path: &OsStr) -> &[u8] {
    let bytes = path.as_bytes();
    let end = bytes
        .iter()
        .rposition(|&b| b == b'/')
        .map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The suffix of the preprocessed source; `None` if it is preprocessed already.
fn preprocessed_suffix(language: Language) -> Option<&'static str> {
    Some(match language.0 {
        "c" => "i",
        "c++" => "ii",
        "objective-c" => "mi",
        "objective-c++" => "mii",
        "assembler-with-cpp" => "s",
        _ => return None,
    })
}
