//! Results of other commands that may do: the same source at another path, or
//! with other macros on the command line.
//!
//! A command that has no manifest yet looks once for its *kin*: commands that
//! differ from it in these two things alone, with a source of the same name and
//! content. That costs a cold build one look-up that fails. What is found is used
//!
//! - at the same path, if all that the kin's result depended on is unchanged, and
//!   none of the macros that differ is named anywhere in these files;
//! - at another path, if preprocessing shows that the same contents are read in
//!   the same order, and neither the text nor the kin's product shows a path.

mod register;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use self::register::Register;
use super::comments::{Sources, Text, spoken};
use super::direct::{self, Lookup};
use super::hit::Served;
use super::terminal::Terminal;
use super::{Cached, key, preprocessed, record};
use crate::compiler::{Class, Command, Product};
use crate::entry::BlobName;
use crate::entry::manifest::{self, HAS_STDERR, Variant};
use crate::hash::scan::Asked;
use crate::hash::tokens::TokenDigest;
use crate::hash::tokens::skeleton::{self, File};
use crate::hash::{Digest, Key};
use crate::stats::Counter;
use crate::sys::clock;

/// Words in preprocessed text by which a path may reach the product unseen.
const PATHS: [&[u8]; 4] = [
    b"__builtin_FILE",
    b"__PRETTY_FUNCTION__",
    b"__FUNCSIG__",
    b"__builtin_unique_stable_name",
];

/// A command with a manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kin {
    pub manifest: Key,
    /// The source as spelled.
    pub source: PathBuf,
    /// See [`macros`].
    pub macros: Vec<Vec<u8>>,
}

/// The macro options of `command`: `DNAME=VALUE`, `UNAME`, and anything else
/// with its words behind a question mark.
fn macros(command: &Command) -> Vec<Vec<u8>> {
    let of_macros = command.args.iter().filter(|arg| arg.class == Class::Macro);
    of_macros
        .map(|arg| {
            let words: Vec<&[u8]> = arg.words.iter().map(|word| word.as_bytes()).collect();
            match words.as_slice() {
                [b"-D" | b"-U", value] => [&words[0][1..], value].concat(),
                [word] if word.len() > 2 && matches!(word.get(..2), Some(b"-D" | b"-U")) => {
                    word[1..].to_owned()
                }
                words => {
                    let mut text = b"?".to_vec();
                    for word in words {
                        text.extend(format!("{}:", word.len()).bytes());
                        text.extend_from_slice(word);
                    }
                    text
                }
            }
        })
        .collect()
}

/// The name in a macro option. `None`: it has no plain one.
fn name_of(option: &[u8]) -> Option<Vec<u8>> {
    let definition = option.strip_prefix(b"D").or(option.strip_prefix(b"U"))?;
    let mut line = b"#define ".to_vec();
    line.extend(
        definition
            .iter()
            .map(|b| if *b == b'=' { b' ' } else { *b }),
    );
    if line.iter().any(|b| matches!(b, b'\n' | b'\\')) {
        return None;
    }
    skeleton::plain_macro(&line).map(<[u8]>::to_owned)
}

/// The names of macros in which two lists of options differ. `None`: they
/// differ in something else.
fn difference(one: &[Vec<u8>], other: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let group = |options: &[Vec<u8>]| {
        let mut groups: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for option in options {
            let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            let length = option.iter().take_while(|b| is_word(b)).count();
            let name = match option.first() {
                Some(b'D' | b'U') => option.get(1..length).unwrap_or_default(),
                _ => b"?",
            };
            groups
                .entry(name.to_owned())
                .or_default()
                .push(option.clone());
        }
        groups
    };
    let (one, other) = (group(one), group(other));
    let mut names = Vec::new();
    for name in one.keys().chain(other.keys()) {
        if one.get(name) == other.get(name) {
            continue;
        }
        for options in one.get(name).into_iter().chain(other.get(name)) {
            // A second definition is warned about.
            let [option] = options.as_slice() else {
                return None;
            };
            names.push(name_of(option).filter(|found| found == name)?);
        }
    }
    names.sort();
    names.dedup();
    Some(names)
}

impl Cached<'_> {
    /// The key of the record of this command's kin. `None`: it has none.
    pub fn kin_key(&mut self, ingredients: &key::Ingredients<'_>) -> Option<Key> {
        let command = self.command;
        let of_its_own = command.reads_standard_input()
            || command.product != Product::Code
            || command.traits.records_command
            || !Sources::of(self).is_blind();
        if of_its_own {
            return None;
        }
        let (content, _) = crate::hash::file::digest(self.table, &command.source)?;
        Some(key::kin_key(ingredients, &content))
    }

    /// Adds this command to its kin, which have the key `key`. It may be there before
    /// its manifest: who follows it finds nothing then.
    pub fn join_kin(&self, key: &Key) {
        let own = Kin {
            manifest: self.manifest,
            source: self.command.source.clone(),
            macros: macros(self.command),
        };
        if let Some(local) = self.local {
            Register::of(local).add(key, &own);
        }
    }

    /// Serves a result of this command's kin, if one will do.
    pub fn kin_hit(&mut self, key: &Key, terminal: &Terminal) -> Served {
        let register = self.local.map(Register::of);
        let list = register.map(|register| register.find(key));
        let own = macros(self.command);
        let mut why = "no kin will do".to_owned();
        for kin in list.unwrap_or_default() {
            let Ok(Some(bytes)) = self
                .stores
                .manifests
                .get(&kin.manifest, &BlobName::MANIFEST)
            else {
                continue;
            };
            let served = match kin.source == self.command.source {
                true => self.hit_at_same_place(&kin, &own, &bytes, terminal),
                false if kin.macros == own => self.hit_at_other_place(&kin, &bytes),
                false => continue,
            };
            match served {
                Served::Exit => return Served::Exit,
                Served::Miss(reason) => why = reason,
            }
        }
        Served::Miss(why)
    }

    /// The kin has other macros on the command line.
    fn hit_at_same_place(
        &mut self,
        kin: &Kin,
        own: &[Vec<u8>],
        bytes: &[u8],
        terminal: &Terminal,
    ) -> Served {
        let Some(names) = difference(own, &kin.macros) else {
            return Served::Miss("kin: other options".into());
        };
        let found = match self.standing(bytes, terminal) {
            Lookup::Found(found) if is_silent(&found.variant) => found.variant,
            Lookup::Stale(why) => return Served::Miss(format!("kin: {why}")),
            _ => return Served::Miss("kin: the result depends on all it saw".into()),
        };
        let Some(texts) = direct::texts(&found, &[], Sources::of(self)) else {
            return Served::Miss("kin: a file changed meanwhile".into());
        };
        let named = own.iter().chain(&kin.macros);
        let named = named.filter(|option| !name_of(option).is_some_and(|n| names.contains(&n)));
        let named = named.flat_map(|option| spoken(option).chain(option.get(1..)));
        let in_files = texts.iter().map(Text::file);
        let others: Vec<File<'_>> = in_files
            .chain(named.map(|text| File::Changing(text, None)))
            .collect();
        if !skeleton::are_unnamed(&names, &others) {
            return Served::Miss("kin: a macro that differs is named".into());
        }
        if let Err(failure) = self.serve(&found.result, false) {
            return Served::Miss(failure);
        }
        self.tally
            .note(format_args!("direct hit: result {} of kin", found.result));
        self.tally
            .saved(Counter::DirectCacheHit, u64::from(found.duration_ms));
        self.adopt(&found, &texts);
        Served::Exit
    }

    /// Takes a variant of the kin's manifest into this command's own.
    fn adopt(&mut self, variant: &Variant<'_>, texts: &[Text]) {
        if self.config.read_only {
            return;
        }
        let Some(mut new) = manifest::to_new(variant) else {
            return;
        };
        new.skeleton = Sources::of(self)
            .skeleton(texts)
            .unwrap_or(TokenDigest::NONE);
        if let Err(error) = self.store_manifest(&new) {
            self.tally.note(format_args!("not remembered: {error}"));
        }
    }

    /// The kin's source is at another path.
    fn hit_at_other_place(&mut self, kin: &Kin, bytes: &[u8]) -> Served {
        let traits = &self.command.traits;
        let shows_path = traits.records_directory
            || traits.records_output
            || traits.opaque_product
            || !self.command.outputs.is_empty()
            || self.command.dependencies.is_some()
            || self.config.depend_mode
            || has_unique_names(self.command);
        if shows_path {
            return Served::Miss("kin: the path shows".into());
        }
        let newest = self.newest_input(None);
        if newest >= clock::coarse_now() {
            clock::wait_past(newest);
        }
        let started = clock::coarse_now();
        let Some(text) = preprocessed::preprocess(&self.call, self.command) else {
            return Served::Miss("kin: the text does not say enough".into());
        };
        let evidence = match record::evidence(self, &text.files, started) {
            Ok(evidence) => evidence,
            Err(refusal) => return Served::Miss(format!("kin: {}", refusal.why)),
        };
        let own = evidence.contents();
        let beside = |asked| matches!(asked, Asked::Exists | Asked::Next | Asked::ExistsAnywhere);
        if evidence.asks(&|lookup| beside(lookup.asked) && lookup.is_quoted()) {
            return Served::Miss("kin: a source asks what is beside it".into());
        }
        let Some((result, duration, theirs)) = same_contents(bytes, &own) else {
            return Served::Miss("kin: it read something else".into());
        };
        let mine: Vec<&Path> = own.iter().map(|(path, _)| *path).collect();
        let moved: Vec<(&Path, &Path)> = mine
            .iter()
            .zip(&theirs)
            .filter(|(mine, theirs)| **mine != theirs.as_path())
            .map(|(mine, theirs)| (*mine, theirs.as_path()))
            .collect();
        let in_text = PATHS.iter().any(|word| text.holds(word))
            || moved
                .iter()
                .any(|(mine, _)| text.holds(mine.as_os_str().as_bytes()));
        if in_text || !moved.iter().any(|(_, theirs)| *theirs == kin.source) {
            return Served::Miss("kin: the path shows".into());
        }
        if self.product_shows(&result, &moved) {
            return Served::Miss("kin: the product shows the path".into());
        }
        if let Err(failure) = self.serve(&result, false) {
            return Served::Miss(failure);
        }
        self.tally
            .note(format_args!("preprocessed hit: result {result} of kin"));
        self.tally
            .saved(Counter::PreprocessedCacheHit, u64::from(duration));
        if !self.config.read_only
            && let Err(refusal) = record::remember(self, result, evidence, duration, started)
        {
            self.tally
                .note(format_args!("not remembered: {}", refusal.why));
        }
        Served::Exit
    }

    /// Whether the kin's product holds a path that is another here.
    fn product_shows(&self, result: &Key, moved: &[(&Path, &Path)]) -> bool {
        let Ok(Some(product)) = self.stores.results.get(result, &BlobName::OUTPUT) else {
            return true;
        };
        moved.iter().any(|(_, theirs)| {
            let path = theirs.as_os_str().as_bytes();
            memchr::memmem::find(&product, path).is_some()
        })
    }
}

/// Whether names in the product are made from the source's path.
fn has_unique_names(command: &Command) -> bool {
    let mut words = command.args.iter().flat_map(|arg| &arg.words);
    words.any(|word| {
        let word = word.as_bytes();
        word.starts_with(b"-funique") || word.starts_with(b"-fuse-cuid")
    })
}

fn is_silent(variant: &Variant<'_>) -> bool {
    variant.flags & HAS_STDERR == 0 && variant.skeleton != TokenDigest::NONE
}

/// The variant that read the same contents as `own`, file by file, under no
/// conditions: its result, its duration and its paths.
fn same_contents(bytes: &[u8], own: &[(&Path, Digest)]) -> Option<(Key, u32, Vec<PathBuf>)> {
    manifest::variants(bytes)?
        .filter(is_silent)
        .find_map(|variant| {
            let theirs = manifest::to_new(&variant).filter(|new| new.conditions.is_empty())?;
            let same = theirs.files.len() == own.len()
                && theirs
                    .files
                    .iter()
                    .zip(own)
                    .all(|(theirs, (_, digest))| theirs.digest == *digest);
            let path = |file: &manifest::NewFile| PathBuf::from(OsStr::from_bytes(&file.path));
            let paths = theirs.files.iter().map(path).collect();
            same.then_some((variant.result, variant.duration_ms, paths))
        })
}

#[cfg(test)]
mod tests {
    fn options(words: &[&str]) -> Vec<Vec<u8>> {
        words
            .iter()
            .map(|word| word.as_bytes().to_owned())
            .collect()
    }

    #[test]
    fn macros_that_differ() {
        let difference = |one: &[&str], other: &[&str]| {
            let names = super::difference(&options(one), &options(other))?;
            let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
            Some(names.into_iter().map(text).collect::<Vec<_>>())
        };
        let names = |list: &[&str]| Some(list.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(difference(&["DA=1"], &["DA=1"]), names(&[]));
        assert_eq!(
            difference(&["DAB=1", "DC"], &["DC", "DAB=2"]),
            names(&["AB"])
        );
        assert_eq!(difference(&["DAB"], &["UAB"]), names(&["AB"]));
        assert_eq!(difference(&["DAB", "DAB=2"], &["DAB"]), None);
        assert_eq!(difference(&["DAB(x)=x"], &[]), names(&["AB"]));
        assert_eq!(difference(&["D_AB"], &[]), None);
        assert_eq!(difference(&["DAB=#"], &[]), None);
        assert_eq!(difference(&["?3:abc"], &[]), None);
        assert_eq!(difference(&["DAB=\\\n"], &[]), None);
    }
}
