//! Inputs that the compiler does not report: files that assembler reads
//! (`.incbin`, `.include`), files that are embedded, and the clock.
//!
//! Which files assembler text names, [`crate::hash::assembler`] says; inline
//! assembler that macros make is looked up by preprocessing once. A name is
//! looked for in a superset of the places where the assemblers look: what is
//! there counts by content, what is absent has to stay absent. So the order of
//! the places does not matter here.
//!
//! - GNU as: the working directory, then the directories of `-I`, which gcc and
//!   clang hand on, and those of `-Wa,-I`.
//! - clang: the working directory, then those of `-I`, `-iquote` and `-isystem`
//!   and the system's own.
//! - `#embed`: beside the file that asks, in the working directory, then those
//!   of `--embed-dir=`.

mod clock;
mod drivers;
mod hidden;
mod opaque;
pub mod quoted;

pub use hidden::behind_precompiled;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::before::option_directory;
use super::observe::{Dependency, data_file};
use super::record::{Refusal, refuse};
use super::{Cached, preprocessed};
use crate::compiler::environment::{self, EnvEffect};
use crate::compiler::search::SearchPaths;
use crate::compiler::{Class, Family, depfile};
use crate::hash::assembler::{self, Reads};
use crate::hash::scan::{Asked, Scan};
use crate::stats::Counter;
use crate::sys::Stamp;
use crate::sys::clock::Nanos;

/// What was found.
#[derive(Default)]
pub struct Unreported {
    /// Files that were read.
    pub files: Vec<Dependency>,
    /// Every name with every place where it is looked for.
    pub names: Vec<(PathBuf, PathBuf)>,
    /// The date counts.
    pub date: bool,
    /// The times of all files count.
    pub timestamps: bool,
}

/// Looks through `files`, what the compile is known to have read.
///
/// # Errors
/// Something is read in a way that is not followed, changed meanwhile, or is
/// the time of day.
pub fn find(
    cached: &mut Cached<'_>,
    files: &[Dependency],
    search: &SearchPaths,
    started: Nanos,
) -> Result<Unreported, Refusal> {
    let obscure = |file: &&Dependency| file.scan.as_ref().is_some_and(|scan| scan.obscure);
    if !cached.command.language.is_assembler()
        && let Some(file) = files.iter().find(obscure)
    {
        return not_followed(&file.path);
    }
    let names_one = |file: &&Dependency| file.scan.as_ref().is_some_and(|scan| scan.precompiled);
    if let Some(file) = files.iter().find(names_one) {
        let why = file.path.display().to_string();
        return refuse(Counter::CouldNotUsePrecompiledHeader, why);
    }
    let mut inquiry = Inquiry::new(cached, files, search, started);
    if inquiry.in_options(b"__has_include") || inquiry.in_options(b"__has_embed") {
        return refuse(
            Counter::UnsupportedCodeDirective,
            "an option asks for the existence of files",
        );
    }
    inquiry.offloading()?;
    inquiry.assembler()?;
    inquiry.embedded()?;
    inquiry.specs()?;
    inquiry.prefixes()?;
    inquiry.default_lists()?;
    inquiry.clock()?;
    Ok(inquiry.found)
}

fn not_followed<T>(path: &Path) -> Result<T, Refusal> {
    refuse(
        Counter::UnsupportedCodeDirective,
        format!(
            "{} reads files in a way that is not followed",
            path.display()
        ),
    )
}

/// Whether a variable names directories of headers.
fn is_search(name: &OsStr) -> bool {
    environment::classify(name.as_bytes()) == EnvEffect::KeyAndSearch
}

struct Inquiry<'i, 'c> {
    cached: &'i mut Cached<'c>,
    files: &'i [Dependency],
    search: &'i SearchPaths,
    started: Nanos,
    /// What macros of precompiled headers say.
    hidden: Vec<Scan>,
    found: Unreported,
    seen: HashSet<PathBuf>,
}

impl<'i, 'c> Inquiry<'i, 'c> {
    fn new(
        cached: &'i mut Cached<'c>,
        files: &'i [Dependency],
        search: &'i SearchPaths,
        started: Nanos,
    ) -> Inquiry<'i, 'c> {
        Inquiry {
            cached,
            files,
            search,
            started,
            hidden: Vec::new(),
            found: Unreported::default(),
            seen: HashSet::new(),
        }
    }

    fn scans(&self) -> impl Iterator<Item = (&Path, &Scan)> {
        self.files
            .iter()
            .filter_map(|file| Some((file.path.as_path(), file.scan.as_ref()?)))
    }

    /// Whether a macro on the command line holds `word`.
    fn in_options(&self, word: &[u8]) -> bool {
        let macros = self.cached.command.args.iter();
        macros
            .filter(|arg| arg.class == Class::Macro)
            .flat_map(|arg| &arg.words)
            .any(|option| memchr::memmem::find(option.as_bytes(), word).is_some())
    }

    /// Preprocessing looked at the files again: were they still the same?
    fn check_unchanged(&self) -> Result<(), Refusal> {
        let stdin = self.cached.call.input.map(|_| &self.cached.command.source);
        let changed = |file: &&Dependency| {
            if Some(&file.path) == stdin {
                return false;
            }
            Stamp::of_path(&file.path).map_or(true, |stamp| {
                stamp.modified.max(stamp.changed) >= self.started
            })
        };
        // Standard input has been read for good.
        let read = usize::from(self.cached.call.input.is_some());
        match self.files.iter().skip(read).find(changed) {
            None => Ok(()),
            Some(file) => refuse(
                Counter::ModifiedInputFile,
                format!("{} is newer than the compile", file.path.display()),
            ),
        }
    }

    /// clang names code for other devices after the source's device and inode,
    /// which a copy or a checkout does not keep.
    fn offloading(&self) -> Result<(), Refusal> {
        let options = self.cached.command.args.iter().flat_map(|arg| &arg.words);
        let mut options = options.map(|word| word.as_bytes());
        let asked = options.any(|word| memchr::memmem::find(word, b"openmp").is_some());
        let offloads = self.scans().any(|(_, scan)| scan.offload);
        if self.cached.identity.family == Family::Clang && asked && offloads {
            return refuse(
                Counter::UnsupportedCodeDirective,
                "the product names the source's inode",
            );
        }
        Ok(())
    }

    // Assembler ----------------------------------------------------------

    fn assembler(&mut self) -> Result<(), Refusal> {
        if self.cached.sloppy_incbin {
            return Ok(());
        }
        let reads = self.assembler_reads()?;
        // Directives without a dot, parameters without a backslash.
        let other_syntax =
            |word: Vec<u8>| matches!(word.as_slice(), b"-M" | b"--mri" | b"--alternate");
        if self.assembler_words().any(other_syntax) {
            return not_followed(&self.cached.command.source);
        }
        if reads.is_empty() {
            return Ok(());
        }
        let places = self.assembler_places();
        let mut reads = reads;
        while !reads.is_empty() {
            if reads.unclear {
                return not_followed(&self.cached.command.source);
            }
            for name in std::mem::take(&mut reads.data) {
                self.required(&name, &places)?;
            }
            for name in std::mem::take(&mut reads.text) {
                for path in self.required(&name, &places)? {
                    let content = crate::hash::file::read(&path);
                    let Some(content) = content.filter(|c| !c.stamp.is_since(self.started)) else {
                        return not_followed(&path);
                    };
                    let more = assembler::of_assembler(&content.bytes);
                    reads.data.extend(more.data);
                    reads.text.extend(more.text);
                    reads.unclear |= more.unclear;
                }
            }
        }
        Ok(())
    }

    /// What the text that the assembler gets says.
    fn assembler_reads(&self) -> Result<Reads, Refusal> {
        let command = self.cached.command;
        let plain = command.traits.no_preprocessing;
        if command.language.is_assembler() {
            let text = self.text(plain)?;
            return Ok(assembler::of_assembler(&text));
        }
        // gcc passes the text on, and nobody reads it.
        if command.assembly && self.cached.identity.family == Family::Gcc {
            return Ok(Reads::default());
        }
        let own = self.own_places();
        // The system's headers name no data files in assembler.
        let is_own = |path: &Path| own.iter().any(|place| path.starts_with(place));
        let asks = |(path, scan): (&Path, &Scan)| {
            scan.assembler_file || (scan.opaque_assembler && !is_own(path))
        };
        let hidden = self.in_options(b"asm") || self.in_options(b"incbin");
        if !hidden && !self.scans().any(asks) {
            let others = self.scans().filter(|(path, _)| !is_own(path));
            let macros = others.flat_map(|(_, scan)| &scan.opaque_macros);
            if !opaque::may_be_called(self.cached, self.files, macros.collect()) {
                return Ok(Reads::default());
            }
        }
        let text = self.text(plain)?;
        Ok(assembler::of_preprocessed(&text))
    }

    /// The directories that the compiler searches by itself.
    fn own_places(&self) -> Vec<&PathBuf> {
        let named: HashSet<PathBuf> = self.named_places().collect();
        let own = |place: &&PathBuf| place.is_absolute() && !named.contains(*place);
        // `CPATH` and its kin, which nothing tells from those.
        let mut variables = self.cached.environment.iter();
        match variables.any(|(name, _)| name.as_bytes().ends_with(b"PATH") && is_search(name)) {
            true => Vec::new(),
            false => self.search.angle.iter().filter(own).collect(),
        }
    }

    /// The directories of the command line.
    fn named_places(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let args = self.cached.command.args.iter();
        args.filter(|arg| arg.class == Class::Search)
            .filter_map(|arg| option_directory(&arg.words))
            .map(Path::to_owned)
    }

    /// The source as it is, or preprocessed.
    fn text(&self, plain: bool) -> Result<Vec<u8>, Refusal> {
        let command = self.cached.command;
        let text = match plain {
            true => match self.cached.call.input {
                Some(input) => Some(input.bytes.clone()),
                None => crate::hash::file::read(&command.source).map(|content| content.bytes),
            },
            false => preprocessed::expand(&self.cached.call, command),
        };
        self.check_unchanged()?;
        match text {
            Some(text) => Ok(text),
            None => not_followed(&command.source),
        }
    }

    /// What `-Wa,` and `-Xassembler` hand on; `-I` and its value as one word.
    fn assembler_words(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut words: Vec<Vec<u8>> = Vec::new();
        for arg in &self.cached.command.args {
            let list: Vec<&[u8]> = match arg.words.as_slice() {
                [word] => match word.as_bytes().strip_prefix(b"-Wa,") {
                    Some(list) => list.split(|b| *b == b',').collect(),
                    None => continue,
                },
                [option, word] if option == "-Xassembler" => vec![word.as_bytes()],
                _ => continue,
            };
            for word in list {
                match words.last_mut() {
                    Some(last) if last == b"-I" => last.extend_from_slice(word),
                    _ => words.push(word.to_owned()),
                }
            }
        }
        words.into_iter()
    }

    fn assembler_places(&self) -> Vec<PathBuf> {
        let mut places = vec![PathBuf::new()];
        places.extend(self.named_places());
        places.extend(self.assembler_words().filter_map(|word| {
            let rest = word.strip_prefix(b"-I")?;
            (!rest.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(rest)))
        }));
        places.extend(self.search.quote.iter().chain(&self.search.angle).cloned());
        let mut seen = HashSet::new();
        places.retain(|place| seen.insert(place.clone()));
        places
    }

    /// Files of that name, of which there must be one.
    fn required(&mut self, name: &[u8], places: &[PathBuf]) -> Result<Vec<PathBuf>, Refusal> {
        let found = self.look_for(name, places)?;
        if found.is_empty() {
            return refuse(
                Counter::UnsupportedCodeDirective,
                format!("{} is not found", String::from_utf8_lossy(name)),
            );
        }
        Ok(found)
    }

    /// Every file of that name in `places`; all of them count.
    fn look_for(&mut self, name: &[u8], places: &[PathBuf]) -> Result<Vec<PathBuf>, Refusal> {
        let name = Path::new(OsStr::from_bytes(name));
        let mut found = Vec::new();
        for place in places {
            let path = place.join(name);
            if self.seen.insert(path.clone()) {
                self.found.names.push((place.clone(), name.to_owned()));
                match data_file(self.cached, &path, self.started)? {
                    Some(file) => self.found.files.push(file),
                    None => continue,
                }
                found.push(path);
            } else if self.found.files.iter().any(|file| file.path == path) {
                found.push(path);
            }
        }
        Ok(found)
    }

    // Embedded files -----------------------------------------------------

    fn embedded(&mut self) -> Result<(), Refusal> {
        if self.cached.command.traits.no_preprocessing {
            return Ok(());
        }
        let mut asked: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        let mut computing = Vec::new();
        for (path, scan) in self.scans() {
            let beside = path.parent().unwrap_or(Path::new("")).to_owned();
            for lookup in &scan.lookups {
                match lookup.asked {
                    Asked::Embed => asked.push((beside.clone(), lookup.name.clone())),
                    // In a macro, whoever uses it may be the one who asks.
                    Asked::HasEmbed => {
                        let parents = self.files.iter().filter_map(|file| file.path.parent());
                        let parents: HashSet<&Path> = parents.collect();
                        let name = &lookup.name;
                        asked.extend(parents.iter().map(|p| (p.to_path_buf(), name.clone())));
                    }
                    _ => {}
                }
            }
            if scan.computed_embed {
                computing.push(beside);
            }
        }
        for (beside, name) in asked {
            let places = self.embed_places(&beside);
            self.look_for(&name, &places)?;
        }
        if !computing.is_empty() {
            self.computed_embeds(&computing)?;
        }
        Ok(())
    }

    fn embed_places(&self, beside: &Path) -> Vec<PathBuf> {
        let mut places = vec![beside.to_owned(), PathBuf::new()];
        for arg in &self.cached.command.args {
            let joined = arg.words.first().map(|word| word.as_bytes());
            if let Some(place) = joined.and_then(|word| word.strip_prefix(b"--embed-dir=")) {
                places.push(PathBuf::from(OsStr::from_bytes(place)));
            }
        }
        places
    }

    /// `#embed MACRO`: the compiler lists the files among the dependencies,
    /// where it is asked to (`-M`).
    fn computed_embeds(&mut self, computing: &[PathBuf]) -> Result<(), Refusal> {
        let source = &self.cached.command.source;
        let answer =
            preprocessed::expand_with(&self.cached.call, self.cached.command, &[], &["-M"]);
        self.check_unchanged()?;
        let family = self.cached.identity.family;
        let listed = answer.and_then(|answer| depfile::detect(family, &answer.stdout));
        let Some((_, listed)) = listed else {
            return not_followed(source);
        };
        let known: HashSet<&Path> = self.files.iter().map(|file| file.path.as_path()).collect();
        let listed = listed
            .paths()
            .map(|path| PathBuf::from(OsStr::from_bytes(&path)));
        let new: Vec<PathBuf> = listed
            .filter(|path| !known.contains(path.as_path()))
            .collect();
        for path in new {
            for beside in computing {
                let places = self.embed_places(beside);
                for place in &places {
                    if let Ok(name) = path.strip_prefix(place) {
                        self.look_for(name.as_os_str().as_bytes(), &places)?;
                    }
                }
            }
            if !self.seen.contains(&path) {
                return not_followed(&path);
            }
        }
        Ok(())
    }
}
