//! Looking up a result and giving it back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::direct::{self, Lookup};
use super::restore::{self, Failure, Products};
use super::terminal::{Terminal, strip_color};
use super::{Cached, comments, key, preprocessed, record, sides};
use crate::compiler::search::SearchPaths;
use crate::compiler::{Class, Product, depfile};
use crate::entry::manifest::{
    self, COLORED, ConditionKind, FileCheck, HAS_STDERR, NewVariant, Variant, Visitor,
};
use crate::entry::{BlobName, Entry};
use crate::hash::{Digest, Key};
use crate::stats::Counter;
use crate::store::OpenEntry;
use crate::sys::Stamp;
use crate::sys::clock::{self, Nanos};
use crate::sys::process::write_stream;

/// The outcome of a look-up.
pub enum Served {
    /// Everything has been given back.
    Exit,
    /// Why not.
    Miss(String),
}

/// Stands for the base directory in a stored dependency file: a byte that make
/// cannot have in a name.
const BASE_MARK: u8 = 0x01;

impl Cached<'_> {
    /// The manifest of this command, if there is one that can be read.
    pub fn read_manifest(&mut self) -> Option<Vec<u8>> {
        match self
            .stores
            .manifests
            .get(&self.manifest, &BlobName::MANIFEST)
        {
            Ok(bytes) => bytes,
            Err(error) => {
                self.store_failed(&error);
                None
            }
        }
    }

    fn store_failed(&mut self, error: &crate::store::Error) {
        let counter = match error {
            crate::store::Error::Damaged { .. } => Counter::DamagedEntry,
            _ => Counter::StoreError,
        };
        self.tally.count_also(counter);
        self.tally.note(format_args!("store: {error}"));
    }

    /// The newest variant of the manifest `bytes` that stands.
    pub fn standing<'m>(&mut self, bytes: &'m [u8], terminal: &Terminal) -> Lookup<'m> {
        let target = self.command.dependencies.as_ref().map(|d| d.target.clone());
        let (here, base) = (self.working_directory, self.base_dir);
        let mut condition = |kind| match kind {
            ConditionKind::Directory => Some(Digest::of(here.as_os_str().as_bytes())),
            ConditionKind::BaseDirectory => {
                base.map(|base| Digest::of(base.as_os_str().as_bytes()))
            }
            ConditionKind::DependencyTarget => target.as_deref().map(Digest::of),
            ConditionKind::Date => Some(today()),
            // Asked of the variant's own files.
            ConditionKind::HeldTimes => None,
            ConditionKind::Timestamp => None,
        };
        let wants_color = terminal.wants_color(self.identity.family, self.command);
        let accept = |variant: &Variant<'_>| {
            variant.flags & HAS_STDERR == 0 || variant.flags & COLORED != 0 || !wants_color
        };
        let sources = comments::Sources::of(self);
        let named = super::precompiled::Named::of(self);
        let sources = Some(sources);
        let written = &self.command.output;
        direct::find(
            bytes,
            self.table,
            sources,
            &mut condition,
            &accept,
            &named,
            written,
        )
    }

    /// Serves the newest variant of the manifest `bytes` that stands.
    pub fn direct_hit(&mut self, bytes: &[u8], terminal: &Terminal) -> Served {
        let wants_color = terminal.wants_color(self.identity.family, self.command);
        let found = self.standing(bytes, terminal);
        let found = match found {
            Lookup::Found(found) => found,
            Lookup::Stale(why) => return Served::Miss(why),
            Lookup::Unreadable => return Served::Miss("the manifest is damaged".into()),
        };
        let variant = &found.variant;
        let strip = variant.flags & COLORED != 0 && !wants_color;
        if let Err(failure) = self.serve(&variant.result, strip) {
            return Served::Miss(failure);
        }
        let by = match found.by_stamps {
            true => "by stamps",
            false => "after another look",
        };
        self.tally
            .note(format_args!("direct hit, {by}: result {}", variant.result));
        self.tally
            .saved(Counter::DirectCacheHit, u64::from(variant.duration_ms));
        if found.is_worth_refreshing
            && !self.config.read_only
            && let Some(refreshed) = found.with_fresh_stamps(bytes)
        {
            // A newer manifest must not be lost to fresh stamps for an old one.
            let unchanged = self
                .stores
                .manifests
                .get(&self.manifest, &BlobName::MANIFEST);
            if matches!(unchanged, Ok(Some(now)) if now == bytes) {
                self.put_manifest(refreshed);
            }
        }
        Served::Exit
    }

    /// Preprocesses, and serves what the text leads to; else the key to store
    /// the result under.
    pub fn preprocessed_hit(
        &mut self,
        ingredients: &key::Ingredients<'_>,
    ) -> (Served, Option<Key>) {
        let newest = self.newest_input(None);
        if newest >= clock::coarse_now() {
            clock::wait_past(newest);
        }
        let started = clock::coarse_now();
        let Some(text) = preprocessed::preprocess(&self.call, self.command) else {
            return (Served::Miss("the text does not say enough".into()), None);
        };
        let key = key::preprocessed_key(ingredients, &text.bytes);
        let silent = match self.stores.results.get_entry(&key) {
            Ok(Some(entry)) => [BlobName::STDERR, BlobName::STDOUT]
                .iter()
                .all(|stream| entry.len(stream) == Some(0)),
            Ok(None) => return (Served::Miss("no result for this text".into()), Some(key)),
            Err(error) => {
                self.store_failed(&error);
                return (Served::Miss("the entry is damaged".into()), Some(key));
            }
        };
        if !silent {
            return (Served::Miss("the result has messages".into()), None);
        }
        let evidence = match record::evidence(self, &text.files, started) {
            Ok(evidence) => evidence,
            Err(refusal) => return (Served::Miss(refusal.why), None),
        };
        if let Err(failure) = self.serve(&key, false) {
            return (Served::Miss(failure), Some(key));
        }
        let duration = self.stored_duration(&key);
        self.tally
            .note(format_args!("preprocessed hit: result {key}"));
        self.tally.saved(Counter::PreprocessedCacheHit, duration);
        if !self.config.read_only {
            let duration = u32::try_from(duration).unwrap_or(u32::MAX);
            if let Err(refusal) = record::remember(self, key, evidence, duration, started) {
                self.tally
                    .note(format_args!("not remembered: {}", refusal.why));
            }
        }
        (Served::Exit, None)
    }

    fn stored_duration(&self, key: &Key) -> u64 {
        let metadata = self.stores.results.get(key, &BlobName::METADATA);
        metadata
            .ok()
            .flatten()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .and_then(|metadata| metadata.get("duration_ms")?.as_u64())
            .unwrap_or(0)
    }

    /// Gives back the result under `key`; or why that was not possible.
    pub fn serve(&mut self, key: &Key, strip: bool) -> Result<(), String> {
        let entry = match self.stores.results.get_entry(key) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Err(format!("result {key} is gone")),
            Err(error) => {
                self.store_failed(&error);
                return Err(error.to_string());
            }
        };
        match self.give_back(entry.as_ref(), strip) {
            Ok(()) => Ok(()),
            Err(failure) => {
                match &failure {
                    Failure::Store(error) => self.store_failed(error),
                    Failure::Missing(_) => {
                        self.tally.count_also(Counter::DamagedEntry);
                        let _ = self.stores.results.remove(key);
                    }
                    Failure::Write { .. } => {}
                }
                Err(failure.to_string())
            }
        }
    }

    /// As [`Cached::serve`], from an entry that is no store's.
    pub fn serve_entry(
        &mut self,
        entry: &dyn OpenEntry,
        variant: &Variant<'_>,
        terminal: &Terminal,
    ) -> Result<(), String> {
        let wants_color = terminal.wants_color(self.identity.family, self.command);
        let strip = variant.flags & COLORED != 0 && !wants_color;
        self.give_back(entry, strip)
            .map_err(|failure| failure.to_string())
    }

    /// Files first, messages last: what fails half-way leaves nothing said.
    fn give_back(&self, entry: &dyn OpenEntry, strip: bool) -> Result<(), Failure> {
        let blob = |name: BlobName| entry.read(&name)?.ok_or(Failure::Missing(name));
        if blob(BlobName::EXIT_CODE)? != b"0" {
            return Err(Failure::Missing(BlobName::EXIT_CODE));
        }
        let stdout = blob(BlobName::STDOUT)?;
        let mut stderr = blob(BlobName::STDERR)?;
        let command = self.command;
        let products = Products {
            entry,
            overwrite: command.overwrite,
            hard_link: self.config.hard_link,
        };
        if let Some(wanted) = &command.dependencies
            && let Some(stored) = entry.read(&BlobName::DEPENDENCIES)?
        {
            let text = self
                .dependency_text(&stored, &wanted.target)
                .ok_or(Failure::Missing(BlobName::DEPENDENCIES))?;
            restore::write(&wanted.path, &text)?;
        }
        sides::give_back(entry, command)?;
        if command.product != Product::Nothing {
            products.product(&command.output)?;
        }
        sides::add_back(entry, command)?;
        if strip {
            stderr = strip_color(&stderr);
        }
        if let Some(input) = self.call.input {
            input.finish();
        }
        write_stream(rustix::stdio::stdout(), &stdout);
        write_stream(rustix::stdio::stderr(), &stderr);
        Ok(())
    }

    /// The dependency file as stored.
    pub fn dependency_blob(&self, style: depfile::Style, mut file: depfile::DepFile) -> Vec<u8> {
        if let Some(base) = self.base_dir {
            let base = base.as_os_str().as_bytes();
            for name in &mut file.names {
                let rest = name
                    .strip_prefix(base)
                    .filter(|rest| rest.starts_with(b"/"));
                if let Some(rest) = rest {
                    let mut marked = vec![BASE_MARK];
                    marked.extend_from_slice(rest);
                    *name = marked;
                }
            }
        }
        // The target is the caller's, each time anew.
        file.target.clear();
        depfile::encode(&style, &file)
    }

    /// The dependency file as this call's compiler would write it.
    fn dependency_text(&self, stored: &[u8], target: &[u8]) -> Option<Vec<u8>> {
        let (style, mut file) = depfile::decode(stored)?;
        for name in &mut file.names {
            if let Some(rest) = name.strip_prefix(&[BASE_MARK]) {
                let mut real = self.base_dir?.as_os_str().as_bytes().to_owned();
                real.extend_from_slice(rest);
                *name = real;
            }
        }
        file.target = target.to_owned();
        Some(depfile::write(style, &file))
    }

    /// Where this command searches for headers.
    pub fn search_paths(&mut self) -> Option<SearchPaths> {
        if self.command.traits.no_preprocessing {
            return Some(SearchPaths::default());
        }
        let directory = self.local.map(|local| local.join("search"));
        super::search::search_paths(
            self.call.program,
            self.identity,
            self.command,
            self.working_directory,
            self.environment,
            directory.as_deref(),
            self.table,
        )
    }

    /// Files besides sources and headers that the result depends on, and
    /// whether they may be absent.
    pub fn other_inputs(&self) -> Vec<(PathBuf, bool)> {
        let named = self.command.inputs.iter();
        let mut inputs: Vec<(PathBuf, bool)> = named
            .map(|input| (input.path.clone(), input.optional))
            .collect();
        if let Some(profile) = &self.command.profile {
            inputs.push((sides::profile_path(profile, self.working_directory), true));
        }
        let extra = self.config.extra_files_to_hash.iter();
        inputs.extend(extra.map(|path| (path.clone(), false)));
        inputs
    }

    /// The latest time of any file that the compile is known to read: the source,
    /// headers that it names directly, and what the manifest lists. Of directories
    /// nothing is asked: their times move with every object in them, so that one that
    /// is not settled is what the guard always meets, and asks by names.
    pub fn newest_input(&self, manifest: Option<&[u8]>) -> Nanos {
        let mut newest = Newest(0);
        let source = &self.command.source;
        newest.look(source);
        let mut directories: Vec<&Path> = vec![source.parent().unwrap_or(Path::new(""))];
        for arg in &self.command.args {
            if arg.class != Class::Search {
                continue;
            }
            let first = arg.words.first().map_or(&b""[..], |word| word.as_bytes());
            let directory = match arg.words.get(1) {
                Some(second) => second.as_bytes(),
                None => first.strip_prefix(b"-I").unwrap_or_default(),
            };
            directories.push(Path::new(OsStr::from_bytes(directory)));
        }
        let content = crate::hash::file::read(source).map(|content| content.bytes);
        let input = self.call.input.map(|input| input.bytes.as_slice());
        if let Some(text) = input.or(content.as_deref()) {
            for lookup in crate::hash::scan::scan(text).lookups {
                let name = Path::new(OsStr::from_bytes(&lookup.name));
                for directory in &directories {
                    newest.look(&directory.join(name));
                }
            }
        }
        for name in &self.command.forced_includes {
            newest.look(Path::new(name));
        }
        let newest_variant = manifest.and_then(|bytes| manifest::variants(bytes)?.next());
        if let Some(variant) = newest_variant {
            variant.visit(&mut newest);
        }
        newest.0
    }

    /// Whether the working directory is in the key already.
    pub fn directory_in_key(&self) -> bool {
        let traits = &self.command.traits;
        let mapped = self
            .command
            .args
            .iter()
            .any(|arg| matches!(arg.class, Class::PrefixMap { .. }));
        ((traits.records_directory || traits.opaque_product) && self.hash_dir && !mapped)
            || traits.records_output
    }

    /// The digest of today's date, if it was the same at `started`: a compile
    /// across midnight shows either.
    pub fn date_since(&self, started: Nanos) -> Option<Digest> {
        let then = jiff::Timestamp::from_nanosecond(started.into()).ok()?;
        let then = then.to_zoned(jiff::tz::TimeZone::system()).date();
        (then == jiff::Zoned::now().date()).then(today)
    }

    /// Stores a result, then the manifest that names it.
    pub fn store_result(
        &mut self,
        entry: &Entry,
        variant: &NewVariant,
    ) -> crate::store::Result<()> {
        self.stores.store(&self.manifest, entry, variant)
    }

    /// Adds a variant to this command's manifest.
    pub fn store_manifest(&mut self, variant: &NewVariant) -> crate::store::Result<()> {
        self.stores.add_variant(&self.manifest, variant)
    }

    fn put_manifest(&mut self, bytes: Vec<u8>) {
        let entry = Entry::of(BlobName::MANIFEST, bytes);
        let put = self.stores.manifests.put_entry(&self.manifest, &entry);
        if let Err(error) = put {
            self.tally
                .note(format_args!("fresh stamps not kept: {error}"));
        }
    }
}

/// The digest of today's date, local time: what `__DATE__` depends on.
fn today() -> Digest {
    Digest::of(jiff::Zoned::now().date().to_string().as_bytes())
}

/// The latest of many files' times.
struct Newest(Nanos);

impl Newest {
    fn look(&mut self, path: &Path) {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        if let Ok(stamp) = Stamp::of_path(path) {
            let horizon = clock::coarse_now() + 2 * clock::tick();
            let time = stamp.modified.max(stamp.changed);
            // Waiting does not help against times in the far future.
            if time <= horizon {
                self.0 = self.0.max(time);
            }
        }
    }
}

impl Visitor for Newest {
    fn condition(&mut self, _: ConditionKind, _: Digest) -> bool {
        true
    }

    fn file(&mut self, file: FileCheck<'_>) -> bool {
        let path = Path::new(OsStr::from_bytes(file.path.to_bytes()));
        // One that was installed this moment costs no more than a result that is not
        // stored.
        let installed = ["/usr/include", "/usr/lib"];
        if !installed.iter().any(|place| path.starts_with(place)) {
            self.look(path);
        }
        true
    }

    fn directory(&mut self, _: manifest::DirectoryCheck<'_>) -> bool {
        false
    }
}
