//! The ledger: how much the store holds, without counting it.
//!
//! The file `.usage` at the root, text:
//!
//! ```text
//! usage 1 complete <when the last scan began, nanoseconds since 1970, 20 columns>
//! <entries, 12 columns> <bytes, 20 columns> <namespace path, "." for the root's own>
//! ...
//! check <XXH3-64 of the lines above, 16 hex digits>
//! ```
//!
//! The columns are of fixed width so that an update writes the same length
//! again, in one write, under a lock held for those few microseconds. The
//! first line says `counting` instead of `complete` while the numbers are only
//! what changed since somebody began to count, after the ledger was lost.
//!
//! The ledger should rather be too high than too low: a limit that is not
//! enforced would never be noticed, an eviction too early sees the truth in its
//! scan. (A process killed at the wrong moment can still leave it too low by
//! the entry at hand, until the next scan counts anew.)
//! So what is stored is charged before it appears, what is removed is credited
//! after it is gone, and a process that is killed in between leaves a charge.
//! If a scan begins in between - the time in the first line tells - the entry
//! may have appeared behind its back: it is charged again, and what was
//! removed is not credited.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::lock::patiently;
use crate::store::Usage;
use crate::sys::fs::{self, Modes};

/// The ledger's file name.
pub(crate) const FILE: &str = ".usage";

/// A ledger longer than this is not ours.
const MAX_LEN: u64 = 16 << 20;

/// Usage by namespace path; the root's own entries are under `""`.
pub(crate) type Totals = BTreeMap<String, Usage>;

/// The ledger's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// The numbers are all there is, not only changes.
    pub complete: bool,
    /// When the last scan began, or the ledger itself.
    pub epoch: i128,
    pub totals: Totals,
}

/// Whether `path` is the namespace `scope` or inside of it.
pub(crate) fn within(path: &str, scope: &str) -> bool {
    match path.strip_prefix(scope) {
        Some(rest) => scope.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

impl Book {
    /// The sum over `scope` and the namespaces inside of it.
    pub(crate) fn sum(&self, scope: &str) -> Usage {
        let inside = self.totals.iter().filter(|(path, _)| within(path, scope));
        inside.fold(Usage::default(), |sum, (_, usage)| Usage {
            entries: sum.entries.saturating_add(usage.entries),
            bytes: sum.bytes.saturating_add(usage.bytes),
        })
    }

    fn charge(&mut self, path: &str, charge: Usage) {
        let usage = self.totals.entry(path.to_owned()).or_default();
        usage.entries = usage.entries.saturating_add(charge.entries);
        usage.bytes = usage.bytes.saturating_add(charge.bytes);
    }

    fn credit(&mut self, path: &str, credit: Usage) {
        if let Some(usage) = self.totals.get_mut(path) {
            usage.entries = usage.entries.saturating_sub(credit.entries);
            usage.bytes = usage.bytes.saturating_sub(credit.bytes);
        }
    }

    /// Puts what a scan of `scope` found in the place of its numbers, plus what
    /// was stored since `before` was read. That may count an entry twice which
    /// was stored during the scan: too high, never too low.
    fn rebase(&mut self, scope: &str, before: &Book, found: &Totals) {
        let now = std::mem::take(&mut self.totals);
        let mut totals = found.clone();
        for (path, usage) in now {
            if !within(&path, scope) {
                totals.insert(path, usage);
                continue;
            }
            let then = before.totals.get(&path).copied().unwrap_or_default();
            let total = totals.entry(path).or_default();
            total.entries += usage.entries.saturating_sub(then.entries);
            total.bytes += usage.bytes.saturating_sub(then.bytes);
        }
        totals.retain(|_, usage| *usage != Usage::default());
        self.totals = totals;
        self.complete |= scope.is_empty();
    }

    pub(crate) fn encode(&self) -> String {
        use std::fmt::Write as _;
        let state = if self.complete {
            "complete"
        } else {
            "counting"
        };
        let mut text = format!("usage 1 {state} {:20}\n", self.epoch);
        for (path, Usage { entries, bytes }) in &self.totals {
            let path = if path.is_empty() { "." } else { path };
            let _ = writeln!(text, "{entries:12} {bytes:20} {path}");
        }
        let check = xxh3_64(text.as_bytes());
        let _ = writeln!(text, "check {check:016x}");
        text
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Book> {
        let text = std::str::from_utf8(bytes).ok()?;
        let end = text.rfind("check ")?;
        let (body, check) = text.split_at_checked(end)?;
        if check != format!("check {:016x}\n", xxh3_64(body.as_bytes())) {
            return None;
        }
        let mut lines = body.lines();
        let mut words = lines.next()?.split_ascii_whitespace();
        let complete = match (words.next()?, words.next()?, words.next()?) {
            ("usage", "1", "complete") => true,
            ("usage", "1", "counting") => false,
            _ => return None,
        };
        let epoch = words.next()?.parse().ok()?;
        let mut totals = Totals::new();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            let entries = words.next()?.parse().ok()?;
            let bytes = words.next()?.parse().ok()?;
            let path = match words.next()? {
                "." => "",
                path => path,
            };
            totals.insert(path.to_owned(), Usage { entries, bytes });
        }
        Some(Book {
            complete,
            epoch,
            totals,
        })
    }
}

/// The ledger of the store at a root.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    modes: Modes,
}

impl Ledger {
    pub(crate) fn new(root: &Path, modes: Modes) -> Ledger {
        Ledger {
            path: root.join(FILE),
            modes,
        }
    }

    /// The content; `None` if there is none that can be relied on.
    pub(crate) fn read(&self) -> Option<Book> {
        let file = fs::open(&self.path).ok()?;
        // A write by somebody else may be seen half done: then ask again,
        // with the lock that keeps writers out.
        read_book(&file).or_else(|| {
            patiently(|| file.try_lock_shared()).ok()?;
            read_book(&file)
        })
    }

    /// Charges `path` for an entry that is about to appear. The content after
    /// it, `None` if the ledger cannot be relied on; both for [`Ledger::settle`].
    pub(crate) fn charge(&self, path: &str, charge: Usage) -> Option<Book> {
        self.update(|book| book.charge(path, charge)).ok()
    }

    /// To be called when the entry that `charged` was for has appeared in
    /// `path`, and what it `replaced` is gone. The content after it.
    pub(crate) fn settle(
        &self,
        path: &str,
        charge: Usage,
        charged: Option<Book>,
        replaced: Option<Usage>,
    ) -> Option<Book> {
        let epoch = charged?.epoch;
        if replaced.is_none() {
            let book = self.read();
            if book.as_ref().is_some_and(|book| book.epoch == epoch) {
                return book;
            }
        }
        self.update(|book| match replaced {
            Some(old) if book.epoch == epoch => book.credit(path, old),
            None if book.epoch == epoch => {}
            _ => book.charge(path, charge),
        })
        .ok()
    }

    /// When the last scan began, for [`Ledger::credit`]: to be asked before an
    /// entry is removed.
    pub(crate) fn epoch(&self) -> Option<i128> {
        Some(self.read()?.epoch)
    }

    /// Credits `path` for an entry that is gone, unless something has been
    /// scanned since `epoch`.
    pub(crate) fn credit(&self, path: &str, epoch: Option<i128>, usage: Usage) {
        let _ = self.update(|book| {
            if Some(book.epoch) == epoch {
                book.credit(path, usage);
            }
        });
    }

    /// Credits for entries that are gone, for one who keeps others from scanning.
    pub(crate) fn credit_all(&self, gone: &[(String, Usage)]) {
        let _ = self.update(|book| {
            for (path, usage) in gone {
                book.credit(path, *usage);
            }
        });
    }

    /// To be called before a scan: the content as it is now. If there is none,
    /// one that counts changes begins.
    pub(crate) fn begin_scan(&self) -> Book {
        self.update(|book| book.epoch = fs::now().max(book.epoch + 1))
            .unwrap_or_default()
    }

    /// To be called before a count that takes its time: from here on the content
    /// is what changes, and nothing else.
    pub(crate) fn begin_count(&self) -> Book {
        self.update(|book| {
            *book = Book {
                epoch: fs::now().max(book.epoch + 1),
                ..Book::default()
            }
        })
        .unwrap_or_default()
    }

    /// To be called after a scan of the namespace `scope` that found `found`:
    /// see [`Book::rebase`].
    pub(crate) fn end_scan(&self, scope: &str, before: &Book, found: &Totals) -> Option<Book> {
        self.update(|book| book.rebase(scope, before, found)).ok()
    }

    /// Throws the ledger away: the next who needs to know counts.
    pub(crate) fn forget(&self) {
        let _ = fs::unlink(&self.path);
    }

    /// Begins an empty, complete ledger for a new store, as which `is_new` must
    /// still know it. One that is left from entries that are gone is thrown
    /// away, and with it the certainty that nobody has stored anything yet: the
    /// next who needs to know counts.
    pub(crate) fn begin_store(&self, is_new: impl Fn() -> bool) {
        let _ = self.locked(|file, book| match book {
            Some(book) if book.totals.is_empty() || !is_new() => Ok(()),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
            // Others may be past this point and have lost what they entered.
            None if !is_new() => Ok(()),
            None => write_book(file, &empty(true)),
        });
    }

    fn update(&self, change: impl FnOnce(&mut Book)) -> io::Result<Book> {
        self.locked(|file, book| {
            let old = book;
            let mut book = old.clone().unwrap_or_else(|| empty(false));
            change(&mut book);
            if old.as_ref() != Some(&book) {
                write_book(file, &book)?;
            }
            Ok(book)
        })
    }

    fn locked<T>(
        &self,
        run: impl FnOnce(&mut File, Option<Book>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut file = fs::open_or_create(&self.path, self.modes)?;
        let result = patiently(|| file.try_lock()).and_then(|()| {
            let book = read_book(&file);
            run(&mut file, book)
        });
        // Not left to closing: see [`super::lock::Lock`].
        let _ = file.unlock();
        if result.is_err() {
            // Whatever this was to enter is missing now: better no ledger,
            // and a count, than a wrong one.
            let _ = fs::unlink(&self.path);
        }
        result
    }
}

fn empty(complete: bool) -> Book {
    Book {
        complete,
        epoch: fs::now(),
        totals: Totals::new(),
    }
}

fn read_book(mut file: &File) -> Option<Book> {
    let mut first = [0; 1024];
    let len = file.read_at(&mut first, 0).ok()?;
    let first = first.get(..len)?;
    // A regular file gives less than was asked for at its end alone.
    if len < 1024 {
        return Book::decode(first);
    }
    let mut bytes = first.to_vec();
    file.seek(SeekFrom::Start(1024)).ok()?;
    file.take(MAX_LEN).read_to_end(&mut bytes).ok()?;
    Book::decode(&bytes)
}

fn write_book(file: &mut File, book: &Book) -> io::Result<()> {
    let text = book.encode();
    file.write_all_at(text.as_bytes(), 0)?;
    let len = text.len() as u64;
    match fs::stat_fd(&*file)?.len {
        now if now == len => Ok(()),
        _ => file.set_len(len),
    }
}
