//! The direct mode: which stored result still stands?
//!
//! Each dependency and each guarded directory is looked at once. A stamp that
//! did not move vouches for the content; where it moved, the digest decides,
//! from the inode table or by reading the file; where that differs, the digest of
//! its tokens, if the result does not depend on comments; and where these differ,
//! the whole unit's skeleton, if it does not depend on macros that nothing names.
//! Where much was verified that way, the new stamps and digests are written into the
//! manifest; a few files are looked up again by the next call.

mod texts;

use std::cell::OnceCell;
use std::ffi::CStr;
use std::path::Path;

pub use self::texts::texts;

use self::texts::text;
use super::comments::Sources;
use super::expected::{self, Confirmed, Names};
use super::precompiled;
use crate::entry::manifest::{
    self, ConditionKind, DirectoryCheck, FileCheck, State, Times, Variant, Visitor,
};
use crate::hash::tokens::{self, TokenDigest};
use crate::hash::{Digest, InodeTable, KeyHasher};
use crate::sys::Stamp;
use crate::sys::clock::{self, Nanos};

/// A variant whose preconditions all hold.
pub struct Match<'m> {
    pub variant: Variant<'m>,
    /// Every stamp was what it had been: nothing else was looked at.
    pub by_stamps: bool,
    /// Whether the next look-up gains by fresh stamps.
    pub is_worth_refreshing: bool,
    index: usize,
    states: Vec<State>,
}

impl Match<'_> {
    /// `bytes`, the manifest that was looked into, with the stamps and contents that
    /// were found.
    pub fn with_fresh_stamps(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        manifest::with_states(bytes, self.index, &self.states)
    }

    /// A manifest of this variant alone, with the stamps and contents that were found.
    pub fn alone(&self) -> Option<Vec<u8>> {
        manifest::with_states(&manifest::of_one(&self.variant), 0, &self.states)
    }
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
/// flags; `sources` reads sources that may differ in what compilers do not see,
/// and `precompiled` knows the precompiled headers that options name. `written` is
/// where the command puts its product: that directory's stamp moves each time.
pub fn find<'m>(
    bytes: &'m [u8],
    table: &mut InodeTable,
    sources: Option<Sources<'_>>,
    condition: &mut dyn FnMut(ConditionKind) -> Option<Digest>,
    accept: &dyn Fn(&Variant<'m>) -> bool,
    precompiled: &precompiled::Named<'_>,
    written: &Path,
) -> Lookup<'m> {
    let Some(variants) = manifest::variants(bytes) else {
        return Lookup::Unreadable;
    };
    let mut reason = None;
    let mut seen = Seen {
        sources,
        tokens: Vec::new(),
        units: MAX_UNITS,
        digests: Vec::new(),
        confirmed: None,
        target: OnceCell::new(),
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
            precompiled,
            times: None,
            now: clock::coarse_now(),
            has_skeleton: variant.skeleton != TokenDigest::NONE,
            states: Vec::new(),
            moved: 0,
            by_stamps: true,
            written,
            is_newest: index == 0,
            is_foreign: true,
            names_asked: 0,
            edited: None,
            reason: None,
            variant,
        };
        match variant.visit(&mut checker) {
            Some(true) if checker.times_differ() => {
                reason.get_or_insert_with(|| "a file has another time".into());
            }
            Some(true) if !checker.edits_stand(&variant) => {
                reason = reason.or(checker.reason);
            }
            Some(true) => {
                return Lookup::Found(Match {
                    variant,
                    by_stamps: checker.by_stamps,
                    is_worth_refreshing: checker.is_worth_refreshing(),
                    index,
                    states: checker.states,
                });
            }
            Some(false) => {
                reason = reason.or(checker.reason);
            }
            None => return Lookup::Unreadable,
        }
    }
    Lookup::Stale(reason.unwrap_or_else(|| "it has no variant".into()))
}

/// From this number on, files whose stamps moved are worth a new manifest. To look one
/// up again costs a few microseconds, a manifest some hundred.
const MANY_FILES: u32 = 8;

/// From this number on, names in directories that changed are worth a new manifest.
const MANY_NAMES: u32 = 256;

/// Changed files that are remembered from one variant to the next.
const MAX_DIGESTS: usize = 64;

/// Units that are read for one call: an edit of code is not worth more.
const MAX_UNITS: usize = 2;

/// A path, the stamp that was found there, and the content's digest with the stamp to
/// trust it by.
type Digested = (Vec<u8>, Stamp, Option<(Digest, Stamp)>);

/// Changed files whose tokens have been looked at.
struct Seen<'d> {
    sources: Option<Sources<'d>>,
    tokens: Vec<(Digest, TokenDigest)>,
    units: usize,
    /// Files whose stamp moved: each variant asks for the same.
    digests: Vec<Digested>,
    /// Opened where it is needed.
    confirmed: Option<Confirmed>,
    /// The directory that the product goes to.
    target: OnceCell<Option<Stamp>>,
}

impl Seen<'_> {
    /// The stamp of the file at `path`, which most variants fall at: the source.
    #[cold]
    fn stamp(&self, path: &CStr) -> Result<Stamp, rustix::io::Errno> {
        let mut known = self.digests.iter();
        match known.find(|(name, _, _)| name == path.to_bytes()) {
            Some((_, stamp, _)) => Ok(*stamp),
            None => Stamp::of_path(path),
        }
    }

    /// The digest of the file at `path`, which has the stamp `found`.
    fn digest(
        &mut self,
        table: &mut InodeTable,
        path: &CStr,
        found: &Stamp,
    ) -> Option<(Digest, Stamp)> {
        let mut known = self.digests.iter();
        if let Some((_, _, digest)) =
            known.find(|(name, stamp, _)| name == path.to_bytes() && stamp == found)
        {
            return *digest;
        }
        let digest = crate::hash::file::digest_found(table, path, found);
        if self.digests.len() < MAX_DIGESTS {
            self.digests
                .push((path.to_bytes().to_owned(), *found, digest));
        }
        digest
    }

    fn confirmed(&mut self, table: &InodeTable) -> &mut Confirmed {
        self.confirmed
            .get_or_insert_with(|| Confirmed::beside(table))
    }

    /// The digest of the tokens of the file at `path`, whose content has `digest`:
    /// each is read once on a machine.
    fn tokens(
        &mut self,
        table: &mut InodeTable,
        path: &CStr,
        digest: Digest,
    ) -> Option<TokenDigest> {
        let known = self.tokens.iter().find(|(known, _)| *known == digest);
        if let Some((_, tokens)) = known {
            return Some(*tokens);
        }
        let dialect = self.sources?.dialect()?;
        let place = tokens::place(&digest, dialect);
        let tokens = match table
            .get(&place)
            .and_then(|known| known.0.first_chunk().copied())
        {
            Some(known) => TokenDigest(known),
            None => {
                let tokens = tokens::digest(&text(path, digest)?, dialect);
                let mut padded = [0; 32];
                padded[..16].copy_from_slice(&tokens.0);
                table.put(&place, &Digest(padded));
                tokens
            }
        };
        self.tokens.push((digest, tokens));
        Some(tokens)
    }
}

struct Checker<'t, 'd, 'm> {
    variant: Variant<'m>,
    table: &'t mut InodeTable,
    condition: &'t mut dyn FnMut(ConditionKind) -> Option<Digest>,
    seen: &'t mut Seen<'d>,
    precompiled: &'t precompiled::Named<'t>,
    /// The times so far and what they must come to, if they count.
    times: Option<(Times, Digest)>,
    now: Nanos,
    has_skeleton: bool,
    states: Vec<State>,
    /// How many files have another stamp than the one that is written.
    moved: u32,
    by_stamps: bool,
    written: &'t Path,
    /// Nothing has been looked at for another variant.
    is_newest: bool,
    /// No file has a stamp: another machine wrote this.
    is_foreign: bool,
    /// How many names were asked for in directories whose stamp moved.
    names_asked: u32,
    /// The first file with other tokens: the unit's skeleton has to be looked at.
    edited: Option<String>,
    reason: Option<String>,
}

impl Checker<'_, '_, '_> {
    fn stale(&mut self, path: &CStr, what: &str) -> bool {
        self.reason = Some(format!("{} {what}", path.to_string_lossy()));
        false
    }

    /// Whether the next look-up would gain more by fresh stamps than writing them
    /// costs now. A file's digest and that of its tokens are remembered for the machine,
    /// names in a directory are asked for in no time; only a whole unit that was read is
    /// not to be read again.
    fn is_worth_refreshing(&self) -> bool {
        self.moved >= MANY_FILES || self.names_asked >= MANY_NAMES
    }

    fn keep(&mut self, old: Stamp, new: Stamp) -> bool {
        self.moved += u32::from(old != new);
        self.keep_anyway(new)
    }

    fn keep_anyway(&mut self, new: Stamp) -> bool {
        self.states.push(State {
            stamp: new,
            content: None,
        });
        true
    }

    /// Whether `file`, whose content is another one, may still be as good; if its
    /// tokens differ, [`Checker::edits_stand`] has the last word.
    fn may_stand(&mut self, file: &FileCheck<'_>, digest: Digest, stamp: Stamp) -> bool {
        if file.tokens == TokenDigest::NONE {
            return false;
        }
        let is_named = self.precompiled.has(file.path.to_bytes());
        let tokens = match is_named {
            true => self.precompiled.recipe(&digest),
            false => self.seen.tokens(self.table, file.path, digest),
        };
        let Some(tokens) = tokens else {
            return false;
        };
        if tokens != file.tokens {
            let hopeless = is_named || !tokens.may_share_skeleton(&file.tokens);
            if hopeless || !self.has_skeleton || self.seen.units == 0 {
                return false;
            }
            self.edited
                .get_or_insert_with(|| file.path.to_string_lossy().into_owned());
        }
        self.moved += 1;
        self.states.push(State {
            stamp,
            content: Some((digest, tokens)),
        });
        true
    }

    /// Whether files with other tokens differ only in macros that nothing names.
    fn edits_stand(&mut self, variant: &Variant<'_>) -> bool {
        let Some(edited) = self.edited.take() else {
            return true;
        };
        self.seen.units -= 1;
        let same = self.seen.sources.is_some_and(|sources| {
            let texts = texts(variant, &self.states, sources);
            let skeleton = texts.and_then(|texts| sources.skeleton(&texts));
            skeleton == Some(variant.skeleton)
        });
        match same {
            // All of the unit was read: once is enough.
            true => self.moved = MANY_FILES,
            false => self.reason = Some(format!("{edited} changed")),
        }
        same
    }

    /// Whether the directory with this stamp is where the product goes.
    fn writes_to(&self, stamp: &Stamp) -> bool {
        let target = self.seen.target.get_or_init(|| {
            let here = Path::new(".");
            let parent = self.written.parent().filter(|p| !p.as_os_str().is_empty());
            Stamp::of_path(parent.unwrap_or(here)).ok()
        });
        target.is_some_and(|target| target.is_same_file(stamp))
    }

    fn note_time(&mut self, path: &CStr, stamp: &Stamp) {
        if let Some((times, _)) = &mut self.times
            && !self.precompiled.has(path.to_bytes())
        {
            times.add(path.to_bytes(), stamp.modified);
        }
    }

    fn times_differ(&mut self) -> bool {
        self.times.take().is_some_and(|(times, expected)| {
            times.finish() != expected && !self.precompiled.times_agree()
        })
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

    // A hit does little else: see the instruction counts.
    #[inline(always)]
    fn file(&mut self, file: FileCheck<'_>) -> bool {
        let found = match self.is_newest {
            true => Stamp::of_path(file.path),
            false => self.seen.stamp(file.path),
        };
        if let Ok(stamp) = &found {
            self.note_time(file.path, stamp);
        }
        match found {
            Ok(stamp) if stamp == file.stamp => {
                self.is_foreign = false;
                self.keep(stamp, stamp)
            }
            Ok(stamp) if stamp.size == 0 && file.stamp.size != 0 => {
                self.stale(file.path, "is empty now")
            }
            Ok(stamp) => {
                self.by_stamps = false;
                self.is_foreign &= file.stamp == Stamp::NONE;
                match self.seen.digest(self.table, file.path, &stamp) {
                    Some((digest, stamp)) if digest == file.digest => self.keep(file.stamp, stamp),
                    Some((digest, stamp)) if self.may_stand(&file, digest, stamp) => true,
                    Some(_) => self.stale(file.path, "changed"),
                    None => self.stale(file.path, "cannot be read"),
                }
            }
            Err(_) => self.stale(file.path, "is gone"),
        }
    }

    fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool {
        let stamp = match Stamp::of_path(directory.path) {
            Ok(stamp) if stamp == directory.stamp => return self.keep(stamp, stamp),
            _ if directory.stamp == Stamp::NEVER => Stamp::NEVER,
            Ok(stamp) => stamp.if_reliable_at(self.now, directory.path),
            Err(_) => Stamp::NONE,
        };
        self.by_stamps = false;
        let worth = self.is_foreign && expected::is_worth_remembering(&directory, &stamp);
        let digest = worth.then(|| expected::digest(&directory, &stamp));
        if let Some(digest) = &digest
            && self.seen.confirmed(self.table).has(digest)
        {
            return self.keep_anyway(stamp);
        }
        let names = match expected::ask(&directory) {
            Ok(names) => names,
            Err(surprise) => {
                self.reason = Some(surprise);
                return false;
            }
        };
        // What a link leads to changes elsewhere.
        let stamp = match names {
            Names::Own => stamp,
            Names::Linked => Stamp::NEVER,
        };
        if let Some(digest) = digest
            && names == Names::Own
            && !self.writes_to(&stamp)
        {
            self.seen.confirmed(self.table).remember(&digest);
        }
        let moved = stamp != Stamp::NONE && stamp != directory.stamp;
        if moved && !self.writes_to(&stamp) {
            self.names_asked = self.names_asked.saturating_add(directory.len());
        }
        self.keep_anyway(stamp)
    }
}
