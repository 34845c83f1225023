//! What hides behind a precompiled header of gcc: the macros that it holds. The
//! header's text need not be there any more, or be another, so that gcc itself is
//! asked for them (`-dM -fpch-preprocess`).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Inquiry;
use crate::compiler::search::SearchPaths;
use crate::compiler::{Class, Family};
use crate::engine::observe::Dependency;
use crate::engine::record::{Refusal, refuse};
use crate::engine::{Cached, preprocessed, side};
use crate::hash::scan::{self, Asked, Lookup, Scan};
use crate::hash::{KeyHasher, headers};
use crate::stats::Counter;
use crate::sys::clock::Nanos;
use crate::sys::codec::{Reader, Writer};

/// What precompiled headers bring into a compile.
#[derive(Default)]
pub struct Hidden {
    /// What their macros say, header by header.
    pub scans: Vec<Scan>,
    /// The date counts.
    pub date: bool,
    /// The times of all files count.
    pub timestamps: bool,
}

/// What the macros in `headers`, any of which gcc may have used, make of `files`.
///
/// # Errors
/// As [`super::find`].
pub fn behind_precompiled(
    cached: &mut Cached<'_>,
    files: &[Dependency],
    headers: &BTreeSet<PathBuf>,
    search: &SearchPaths,
    started: Nanos,
) -> Result<Hidden, Refusal> {
    if cached.identity.family != Family::Gcc {
        // clang reports the headers in one, and reads them.
        return Ok(Hidden::default());
    }
    let mut inquiry = Inquiry::new(cached, files, search, started);
    let names: BTreeSet<PathBuf> = headers.iter().filter_map(|path| name_of(path)).collect();
    for name in &names {
        match inquiry.known_macros(name, headers).filter(is_followed) {
            Some(scan) => inquiry.hidden.push(scan),
            None => {
                let why = format!("what the macros in {}.gch do is not known", name.display());
                return refuse(Counter::CouldNotUsePrecompiledHeader, why);
            }
        }
    }
    inquiry.check_macros_stay()?;
    inquiry.check_unchanged()?;
    inquiry.clock()?;
    Ok(Hidden {
        scans: inquiry.hidden,
        date: inquiry.found.date,
        timestamps: inquiry.found.timestamps,
    })
}

/// Whether all that macros do can be told from their text.
fn is_followed(scan: &Scan) -> bool {
    let embeds = |lookup: &Lookup| matches!(lookup.asked, Asked::HasEmbed | Asked::Embed);
    !scan.obscure && !scan.computed_existence && !scan.lookups.iter().any(embeds)
}

/// The name by which a source asks for what became `x.h.gch` or `x.h.gch/any`.
fn name_of(precompiled: &Path) -> Option<PathBuf> {
    let names = precompiled.ancestors().take(2);
    let mut names = names.filter_map(|path| path.as_os_str().as_bytes().strip_suffix(b".gch"));
    names
        .next()
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
}

impl Inquiry<'_, '_> {
    /// What the macros in the precompiled header of `name` say. gcc is asked once for
    /// one content and command line, where nothing stands before it.
    fn known_macros(&mut self, name: &Path, headers: &BTreeSet<PathBuf>) -> Option<Scan> {
        let options = self.options();
        let record = self.record_of(name, headers, &options);
        let known = record.as_deref().and_then(side::load);
        if let Some(scan) = known.and_then(|bytes| scan::record::decode(&mut Reader::new(&bytes))) {
            return Some(scan);
        }
        let scan = scan::scan(&self.macros_of(name, &options)?);
        // It may have been replaced meanwhile.
        if let Some(record) = &record
            && self.record_of(name, headers, &options).as_ref() == Some(record)
        {
            let mut out = Writer::new();
            scan::record::encode(&scan, &mut out);
            side::save(record, &out.bytes);
        }
        Some(scan)
    }

    /// Where that is remembered.
    fn record_of(
        &mut self,
        name: &Path,
        found: &BTreeSet<PathBuf>,
        options: &[OsString],
    ) -> Option<PathBuf> {
        let local = self.cached.local?;
        let command = self.cached.command;
        let first = match command.forced_includes.as_slice() {
            [] => true,
            [forced] => name.ends_with(forced),
            _ => false,
        };
        if !first || options.iter().any(|word| word == "-imacros") {
            return None;
        }
        let mut hasher = KeyHasher::new("macros");
        hasher.field("meaning", &headers::SEED.to_le_bytes());
        hasher.field("compiler", &self.cached.identity.digest.0);
        hasher.field("language", command.language.0.as_bytes());
        hasher.field("name", name.as_os_str().as_bytes());
        for option in options {
            hasher.field("option", option.as_bytes());
        }
        let named = |path: &&PathBuf| name_of(path).as_deref() == Some(name);
        for path in found.iter().filter(named) {
            let (digest, _) = crate::hash::file::digest(self.cached.table, path)?;
            hasher.field("file", &digest.0);
        }
        let name = hasher.finish().hex();
        Some(local.join("macros").join(name.get(..32).unwrap_or(&name)))
    }

    /// The command's options, without its source.
    fn options(&self) -> Vec<OsString> {
        let command = self.cached.command;
        let is_source = |word: &OsString| word == command.source.as_os_str() || word == "-";
        preprocessed::arguments_of(command, |arg| {
            arg.class != Class::Structural || !arg.words.iter().all(is_source)
        })
    }

    /// The definitions of the macros in the precompiled header of `name`. `None`: gcc
    /// does not say.
    fn macros_of(&self, name: &Path, options: &[OsString]) -> Option<Vec<u8>> {
        let ask = |including: &[&OsStr]| {
            let mut args = options.to_vec();
            args.extend(including.iter().map(OsString::from));
            let last = [
                "-w",
                "-E",
                "-dM",
                "-fpch-preprocess",
                "-x",
                self.cached.command.language.0,
            ];
            args.extend(last.map(OsString::from));
            args.push("/dev/null".into());
            let answer = self.cached.call.ask(&args).ok()?;
            answer.status.success().then_some(answer.stdout)
        };
        let including = [OsStr::new("-include"), name.as_os_str()];
        // An option may have included it already, and its text be gone.
        let forced = || {
            options
                .iter()
                .any(|word| word.as_bytes().starts_with(b"-include"))
        };
        ask(&including).or_else(|| ask(&[]).filter(|_| forced()))
    }

    /// A macro that was put aside (`#pragma push_macro`) is not among the definitions.
    fn check_macros_stay(&self) -> Result<(), Refusal> {
        for file in self.files.iter().filter(|file| file.scan.is_some()) {
            let text = match self.cached.call.input {
                Some(input) if file.path == self.cached.command.source => Some(input.bytes.clone()),
                _ => crate::hash::file::read(&file.path).map(|content| content.bytes),
            };
            let brings_back = |text: Vec<u8>| memchr::memmem::find(&text, b"pop_macro").is_some();
            if text.is_none_or(brings_back) {
                return super::not_followed(&file.path);
            }
        }
        Ok(())
    }
}
