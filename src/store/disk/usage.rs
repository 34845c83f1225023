//! The ledger: how much the store holds, without counting it.
//!
//! The file `.usage` at the root, text:
//!
//! ```text
//! usage 1 complete
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
//! A process that is killed between two steps leaves the ledger too high,
//! not too low: what is stored is charged before it appears, what is removed
//! is credited after it is gone. Every scan puts the true numbers in (save for
//! an entry that was charged before the scan and appeared behind its back).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
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

    fn apply(&mut self, path: &str, change: Change) {
        let usage = self.totals.entry(path.to_owned()).or_default();
        usage.entries = usage.entries.saturating_add_signed(change.entries);
        usage.bytes = usage.bytes.saturating_add_signed(change.bytes);
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
        let mut text = format!("usage 1 {state}\n");
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
        let complete = match lines.next()? {
            "usage 1 complete" => true,
            "usage 1 counting" => false,
            _ => return None,
        };
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
        Some(Book { complete, totals })
    }
}

/// What one operation adds to a namespace or takes from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub entries: i64,
    pub bytes: i64,
}

impl Change {
    pub(crate) fn add(usage: Usage) -> Change {
        Change {
            entries: usage.entries.try_into().unwrap_or(i64::MAX),
            bytes: usage.bytes.try_into().unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn take(usage: Usage) -> Change {
        let Change { entries, bytes } = Change::add(usage);
        Change {
            entries: -entries,
            bytes: -bytes,
        }
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

    /// Enters changes, by namespace path, and returns the content after it.
    /// `None` if the ledger cannot be relied on; the caller has to count.
    pub(crate) fn enter(&self, changes: &[(&str, Change)]) -> Option<Book> {
        self.update(|book| {
            for (path, change) in changes {
                book.apply(path, *change);
            }
        })
        .ok()
    }

    /// To be called before a scan: the content as it is now. If there is none,
    /// one that counts changes begins.
    pub(crate) fn begin_scan(&self) -> Book {
        self.update(|_| ()).unwrap_or_default()
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

    /// Begins an empty, complete ledger for a new store. One that is left from
    /// entries that are gone is thrown away, and with it the certainty that
    /// nobody has stored anything yet: the next who needs to know counts.
    pub(crate) fn begin_store(&self) {
        let _ = self.locked(|file, book| match book {
            Some(book) if book.totals.is_empty() => Ok(()),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
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
        totals: Totals::new(),
    }
}

fn read_book(mut file: &File) -> Option<Book> {
    let mut bytes = Vec::with_capacity(1024);
    file.rewind().ok()?;
    file.take(MAX_LEN).read_to_end(&mut bytes).ok()?;
    Book::decode(&bytes)
}

fn write_book(file: &mut File, book: &Book) -> io::Result<()> {
    let text = book.encode();
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    let len = text.len() as u64;
    match fs::stat_fd(&*file)?.len {
        now if now == len => Ok(()),
        _ => file.set_len(len),
    }
}
