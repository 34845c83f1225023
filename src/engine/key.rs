//! What names a result.
//!
//! Three domains that never meet: the *manifest* key (command and compiler),
//! the *direct* result key (manifest key and the digests of all dependencies)
//! and the *preprocessed* result key (compiler, options and preprocessed text).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::identity::Identity;
use crate::compiler::environment::{self, EnvEffect};
use crate::compiler::{Class, Command, Family, Product};
use crate::config::Environment;
use crate::entry::manifest::NewFile;
use crate::hash::{Digest, Key, KeyHasher};

/// Part of every key: change it when the meaning of a stored result changes.
const RESULT_VERSION: &[u8] = b"1";

/// All that a key is made of.
pub struct Ingredients<'a> {
    pub command: &'a Command,
    pub identity: &'a Identity,
    /// What stands for the compiler: its content, or what `compiler_check` says.
    pub compiler: Digest,
    /// The compiler's file.
    pub program: &'a Path,
    /// The driver's base name: a target prefix in it is an option.
    pub driver: &'a OsStr,
    /// The arguments as the caller wrote them, for products that record them.
    pub argv: &'a [std::ffi::OsString],
    /// What tells this processor from others, if the command depends on it.
    pub processor: Option<Vec<u8>>,
    /// The content of standard input, where it is the source.
    pub input: Option<Digest>,
    pub working_directory: &'a Path,
    /// Whether the working directory counts where the product records it.
    pub hash_dir: bool,
    pub base_dir: Option<&'a Path>,
    pub environment: &'a Environment,
    pub ignore_locale: bool,
    pub ignore_random_seed: bool,
}

/// The key of the manifest.
pub fn manifest_key(ingredients: &Ingredients<'_>) -> Key {
    let mut hasher = KeyHasher::new("manifest");
    ingredients.common(&mut hasher);
    ingredients.arguments(&mut hasher, true);
    hasher.finish()
}

/// The key of the record of commands that differ in macros or in the path of a
/// source with this `content` alone.
pub fn kin_key(ingredients: &Ingredients<'_>, content: &Digest) -> Key {
    let mut hasher = KeyHasher::new("kin");
    let name = ingredients.command.source.file_name().unwrap_or_default();
    ingredients.options(&mut hasher, name.as_bytes());
    let here = ingredients.working_directory.as_os_str();
    hasher.field("here", here.as_bytes());
    hasher.field("content", &content.0);
    let source = ingredients.command.source.as_os_str();
    for arg in &ingredients.command.args {
        if matches!(arg.class, Class::Silent | Class::Macro) {
            continue;
        }
        // Only the source's own name may differ; what stands before and behind
        // it does not (`-x c++` behind it is warned about).
        if arg.class == Class::Structural && arg.words.iter().all(|word| word == source) {
            hasher.field("source", b"");
            continue;
        }
        for word in &arg.words {
            hasher.field("arg", word.as_bytes());
        }
    }
    hasher.finish()
}

/// The key of a result found by preprocessing; `text` is the preprocessed source.
pub fn preprocessed_key(ingredients: &Ingredients<'_>, text: &[u8]) -> Key {
    let mut hasher = KeyHasher::new("preprocessed");
    ingredients.common(&mut hasher);
    ingredients.arguments(&mut hasher, false);
    hasher.field("text", &Digest::of(text).0);
    hasher.finish()
}

/// The key of a result found by its dependencies, in the shard of the manifest's: the
/// store is told of it before the dependencies are known.
pub fn direct_key(
    manifest: &Key,
    files: &[NewFile],
    conditions: &[(crate::entry::manifest::ConditionKind, Digest)],
) -> Key {
    let mut hasher = KeyHasher::new("direct");
    hasher.field("manifest", &manifest.0);
    for file in files {
        hasher.field("path", &file.path);
        hasher.field("digest", &file.digest.0);
    }
    for (kind, digest) in conditions {
        hasher.field(&format!("{kind:?}"), &digest.0);
    }
    hasher.finish().in_shard_of(manifest)
}

fn is_random_seed(word: Option<&std::ffi::OsString>) -> bool {
    word.is_some_and(|word| word.as_bytes().starts_with(b"-frandom-seed"))
}

/// Whether a variable only chooses the language of messages.
fn is_locale(name: &OsStr) -> bool {
    name == "LANG" || name == "LANGUAGE" || name.as_bytes().starts_with(b"LC_")
}

impl Ingredients<'_> {
    fn common(&self, hasher: &mut KeyHasher) {
        self.options(hasher, &self.relative(self.command.source.as_os_str()));
    }

    /// What all keys have in common, for a source that is known as `source`.
    fn options(&self, hasher: &mut KeyHasher, source: &[u8]) {
        let command = self.command;
        hasher.field("version", RESULT_VERSION);
        hasher.field("compiler", &self.compiler.0);
        hasher.field("driver", self.driver.as_bytes());
        hasher.field(
            "family",
            match self.identity.family {
                Family::Gcc => b"gcc",
                Family::Clang => b"clang",
            },
        );
        hasher.field("language", command.language.0.as_bytes());
        hasher.field("assembly", &[u8::from(command.assembly)]);
        hasher.field("source", source);
        if let Some(input) = &self.input {
            hasher.field("input", &input.0);
        }
        if command.product == Product::Nothing {
            hasher.field("product", b"nothing");
        }
        if let Some(dependencies) = &command.dependencies {
            let kind = [
                u8::from(dependencies.user_only),
                u8::from(dependencies.phony),
                // Nothing is kept of a file that goes nowhere.
                u8::from(dependencies.path == Path::new("/dev/null")),
            ];
            hasher.field("dependencies", &kind);
        }
        for output in &command.outputs {
            hasher.field("role", output.role.as_bytes());
        }
        if let Some(dumps) = &command.dumps {
            hasher.field("dumps", &dumps.named.len().to_le_bytes());
        }
        let traits = &command.traits;
        if (traits.records_directory || traits.opaque_product) && self.hash_dir {
            hasher.field("directory", &self.recorded_directory());
        }
        if traits.records_output {
            hasher.field("output", command.output.as_os_str().as_bytes());
            hasher.field("directory", self.working_directory.as_os_str().as_bytes());
        }
        if traits.records_command {
            // clang records where it stands itself.
            hasher.field("program", self.program.as_os_str().as_bytes());
            for arg in self.argv {
                hasher.field("argv", arg.as_bytes());
            }
        }
        if traits.depends_on_cpu
            && let Some(processor) = &self.processor
        {
            hasher.field("cpu", processor);
        }
        self.variables(hasher);
    }

    fn arguments(&self, hasher: &mut KeyHasher, direct: bool) {
        for arg in &self.command.args {
            let label = match &arg.class {
                Class::Silent => continue,
                Class::Macro | Class::Search if !direct => continue,
                _ if self.ignore_random_seed && is_random_seed(arg.words.first()) => continue,
                Class::PrefixMap { old, new } => {
                    let option = arg.words.first().map_or(&b""[..], |word| word.as_bytes());
                    let end = option.iter().position(|b| *b == b'=');
                    hasher.field("map", option.get(..end.unwrap_or(0)).unwrap_or_default());
                    hasher.field("map-old", &self.map_origin(old));
                    hasher.field("map-new", new.as_bytes());
                    continue;
                }
                _ => "arg",
            };
            for word in &arg.words {
                hasher.field(label, &self.relative(word));
            }
        }
    }

    /// The environment variables that count.
    fn variables(&self, hasher: &mut KeyHasher) {
        let mut counted: Vec<_> = self
            .environment
            .iter()
            .filter(|(name, _)| match environment::classify(name.as_bytes()) {
                EnvEffect::Key => !(self.ignore_locale && is_locale(name)),
                EnvEffect::KeyAndSearch => true,
                EnvEffect::PassThrough | EnvEffect::Ignored => false,
            })
            .collect();
        counted.sort();
        for (name, value) in counted {
            hasher.field("variable", name.as_bytes());
            hasher.field("value", value.as_bytes());
        }
    }

    /// The origin of a prefix map: where it is the working directory or above
    /// it, how far above is all that counts.
    fn map_origin(&self, old: &OsStr) -> Vec<u8> {
        let old_path = Path::new(old);
        match self.working_directory.strip_prefix(old_path) {
            Ok(rest) if old_path.is_absolute() && old_path.components().count() > 1 => {
                let mut text = b"\0above:".to_vec();
                text.extend_from_slice(rest.as_os_str().as_bytes());
                // A trailing slash is part of what is replaced.
                if old.as_bytes().ends_with(b"/") {
                    text.push(0);
                }
                text
            }
            _ => self.relative(old),
        }
    }

    /// The working directory as the product will show it, after prefix maps.
    fn recorded_directory(&self) -> Vec<u8> {
        let real = self.working_directory.as_os_str().as_bytes();
        // The last map that fits wins, in both families.
        for arg in self.command.args.iter().rev() {
            let Class::PrefixMap { old, new } = &arg.class else {
                continue;
            };
            let option = arg.words.first().map_or(&b""[..], |word| word.as_bytes());
            if option.starts_with(b"-fmacro-") || option.starts_with(b"-fprofile-") {
                continue;
            }
            if let Some(rest) = real.strip_prefix(old.as_bytes()) {
                let mut mapped = b"\0mapped:".to_vec();
                mapped.extend_from_slice(new.as_bytes());
                mapped.extend_from_slice(rest);
                return mapped;
            }
        }
        real.to_owned()
    }

    /// `word` with the base directory, where it occurs at the start of a path,
    /// replaced by the way to it from the working directory.
    fn relative(&self, word: &OsStr) -> Vec<u8> {
        let bytes = word.as_bytes();
        match self.base_dir {
            Some(base) => super::base::relative(bytes, base, self.working_directory),
            None => bytes.to_owned(),
        }
    }
}

#[cfg(test)]
#[path = "key_test.rs"]
mod tests;
