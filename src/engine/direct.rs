//! The direct mode: which stored result still stands?
//!
//! Each dependency and each guarded directory is looked at once. A stamp that
//! did not move vouches for the content; where it moved, the digest decides,
//! from the inode table or by reading the file; where that differs, the digest of
//! its tokens, if the result does not depend on comments. What was verified that
//! way gets its new stamp and digest written into the manifest.

use std::ffi::{CStr, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};

use super::precompiled;
use crate::entry::manifest::{
    self, ConditionKind, DirectoryCheck, Expectation, FileCheck, State, Times, Variant, Visitor,
};
use crate::hash::tokens::{self, Dialect, TokenDigest};
use crate::hash::{Digest, InodeTable, KeyHasher};
use crate::sys::Stamp;
use crate::sys::clock::{self, Nanos};
use crate::sys::stamp::is_directory;

/// A variant whose preconditions all hold.
pub struct Match<'m> {
    pub variant: Variant<'m>,
    /// The manifest with fresh stamps, if any stamp moved.
    pub refreshed: Option<Vec<u8>>,
}

/// The answer of [`find`].
pub enum Lookup<'m> {
    Found(Match<'m>),
    /// Why the newest variant does not stand.
    Stale(String),
    /// The bytes are no manifest.
    Unreadable,
}

/// Looks for a variant of the manifest `bytes` that stands now. `condition`
/// says what a condition's digest is now; `accept` may refuse a variant by its
/// flags; `dialect` says how to read sources in which comments may differ, and
/// `named` whether an option names the file.
pub fn find<'m>(
    bytes: &'m [u8],
    table: &mut InodeTable,
    dialect: &dyn Fn() -> Option<Dialect>,
    condition: &mut dyn FnMut(ConditionKind) -> Option<Digest>,
    accept: &dyn Fn(&Variant<'m>) -> bool,
    named: &dyn Fn(&[u8]) -> bool,
) -> Lookup<'m> {
    let Some(variants) = manifest::variants(bytes) else {
        return Lookup::Unreadable;
    };
    let mut reason = None;
    let mut seen = Seen {
        dialect,
        tokens: Vec::new(),
    };
    for (index, variant) in variants.enumerate() {
        if !accept(&variant) {
            reason.get_or_insert_with(|| "its messages are for another kind of terminal".into());
            continue;
        }
        let mut checker = Checker {
            table,
            condition,
            seen: &mut seen,
            named,
            times: None,
            now: clock::coarse_now(),
            states: Vec::new(),
            moved: false,
            reason: None,
            variant,
        };
        match variant.visit(&mut checker) {
            Some(true) if checker.times_differ() => {
                reason.get_or_insert_with(|| "a file has another time".into());
            }
            Some(true) => {
                let refreshed = checker
                    .moved
                    .then(|| manifest::with_states(bytes, index, &checker.states))
                    .flatten();
                return Lookup::Found(Match { variant, refreshed });
            }
            Some(false) => {
                reason = reason.or(checker.reason);
            }
            None => return Lookup::Unreadable,
        }
    }
    Lookup::Stale(reason.unwrap_or_else(|| "it has no variant".into()))
}

/// Changed files whose tokens have been looked at.
struct Seen<'d> {
    dialect: &'d dyn Fn() -> Option<Dialect>,
    tokens: Vec<(Digest, TokenDigest)>,
}

impl Seen<'_> {
    /// The digest of the tokens of the file at `path`, whose content has `digest`.
    fn tokens(&mut self, path: &CStr, digest: Digest) -> Option<TokenDigest> {
        let dialect = (self.dialect)()?;
        let known = self.tokens.iter().find(|(known, _)| *known == digest);
        if let Some((_, tokens)) = known {
            return Some(*tokens);
        }
        let content = crate::hash::file::read(path)?;
        if Digest::of(&content.bytes) != digest {
            return None;
        }
        let tokens = tokens::digest(&content.bytes, dialect);
        self.tokens.push((digest, tokens));
        Some(tokens)
    }
}

struct Checker<'t, 'd, 'm> {
    variant: Variant<'m>,
    table: &'t mut InodeTable,
    condition: &'t mut dyn FnMut(ConditionKind) -> Option<Digest>,
    seen: &'t mut Seen<'d>,
    named: &'t dyn Fn(&[u8]) -> bool,
    /// The times so far and what they must come to, if they count.
    times: Option<(Times, Digest)>,
    now: Nanos,
    states: Vec<State>,
    moved: bool,
    reason: Option<String>,
}

impl Checker<'_, '_, '_> {
    fn stale(&mut self, path: &CStr, what: &str) -> bool {
        self.reason = Some(format!("{} {what}", path.to_string_lossy()));
        false
    }

    fn keep(&mut self, old: Stamp, new: Stamp) -> bool {
        self.moved |= old != new;
        self.states.push(State {
            stamp: new,
            digest: None,
        });
        true
    }

    /// Whether `file`, whose content is another one, still has its tokens.
    fn same_tokens(&mut self, file: &FileCheck<'_>, digest: Digest, stamp: Stamp) -> bool {
        let same = file.tokens != TokenDigest::NONE
            && self.seen.tokens(file.path, digest) == Some(file.tokens);
        if same {
            self.moved = true;
            self.states.push(State {
                stamp,
                digest: Some(digest),
            });
        }
        same
    }

    fn note_time(&mut self, path: &CStr, stamp: &Stamp) {
        if let Some((times, _)) = &mut self.times
            && !(self.named)(path.to_bytes())
        {
            times.add(path.to_bytes(), stamp.modified);
        }
    }

    fn times_differ(&mut self) -> bool {
        self.times
            .take()
            .is_some_and(|(times, expected)| times.finish() != expected)
    }

    /// Asks a directory for each name. `None`: as expected.
    fn surprise(directory: &DirectoryCheck<'_>) -> Option<String> {
        let opened: Option<OwnedFd> = openat(
            rustix::fs::CWD,
            directory.path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok();
        for (expectation, name) in directory.names() {
            if expectation == Expectation::Listing {
                let path = Path::new(OsStr::from_bytes(directory.path.to_bytes()));
                let listing = precompiled::listing(path);
                if listing.is_none_or(|listing| listing.as_bytes() != name.to_bytes()) {
                    return Some(format!("{} holds other names", path.display()));
                }
                continue;
            }
            let found = match &opened {
                None => Expectation::Absent,
                Some(opened) => match statat(opened, name, AtFlags::empty()) {
                    Err(_) => Expectation::Absent,
                    Ok(stat) if is_directory(&stat) => Expectation::Directory,
                    Ok(_) => Expectation::File,
                },
            };
            if found != expectation {
                return Some(format!(
                    "{}/{}: was {expectation:?}, is {found:?}",
                    directory.path.to_string_lossy(),
                    name.to_string_lossy(),
                ));
            }
        }
        None
    }
}

/// What `__TIMESTAMP__` depends on: the modification times of `files`, in local
/// time and to the second, as it shows them. `None`: one cannot be told.
pub fn times<'f>(files: impl Iterator<Item = &'f CStr>) -> Option<Digest> {
    let zone = jiff::tz::TimeZone::system();
    let mut hasher = KeyHasher::new("timestamps");
    for file in files {
        let seconds = Stamp::of_path(file)
            .ok()?
            .modified
            .div_euclid(1_000_000_000);
        let time = jiff::Timestamp::from_second(seconds).ok()?;
        let local = time.to_zoned(zone.clone()).datetime();
        hasher.field("time", local.to_string().as_bytes());
    }
    Some(Digest(hasher.finish().0))
}

/// [`times`] of the files of a variant.
fn times_of(variant: &Variant<'_>) -> Option<Digest> {
    #[derive(Default)]
    struct Files(Vec<std::ffi::CString>);
    impl Visitor for Files {
        fn condition(&mut self, _: ConditionKind, _: Digest) -> bool {
            true
        }
        fn file(&mut self, file: FileCheck<'_>) -> bool {
            self.0.push(file.path.to_owned());
            true
        }
        fn directory(&mut self, _: DirectoryCheck<'_>) -> bool {
            false
        }
    }
    let mut files = Files::default();
    variant.visit(&mut files)?;
    times(files.0.iter().map(|file| file.as_c_str()))
}

impl Visitor for Checker<'_, '_, '_> {
    fn condition(&mut self, kind: ConditionKind, digest: Digest) -> bool {
        if kind == ConditionKind::HeldTimes {
            self.times = Some((Times::default(), digest));
            return true;
        }
        let now = match kind {
            ConditionKind::Timestamp => times_of(&self.variant),
            other => (self.condition)(other),
        };
        if now == Some(digest) {
            return true;
        }
        self.reason = Some(format!("{kind:?} differs"));
        false
    }

    fn file(&mut self, file: FileCheck<'_>) -> bool {
        let found = Stamp::of_path(file.path);
        if let Ok(stamp) = &found {
            self.note_time(file.path, stamp);
        }
        match found {
            Ok(stamp) if stamp == file.stamp => self.keep(stamp, stamp),
            Ok(stamp) if stamp.size == 0 && file.stamp.size != 0 => {
                self.stale(file.path, "is empty now")
            }
            Ok(_) => match crate::hash::file::digest(self.table, file.path) {
                Some((digest, stamp)) if digest == file.digest => self.keep(file.stamp, stamp),
                Some((digest, stamp)) if self.same_tokens(&file, digest, stamp) => true,
                Some(_) => self.stale(file.path, "changed"),
                None => self.stale(file.path, "cannot be read"),
            },
            Err(_) => self.stale(file.path, "is gone"),
        }
    }

    fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool {
        let stamp = match Stamp::of_path(directory.path) {
            Ok(stamp) if stamp == directory.stamp => return self.keep(stamp, stamp),
            Ok(stamp) => stamp.if_settled(self.now),
            Err(_) => Stamp::NONE,
        };
        if let Some(surprise) = Checker::surprise(&directory) {
            self.reason = Some(surprise);
            return false;
        }
        self.keep(directory.stamp, stamp)
    }
}
