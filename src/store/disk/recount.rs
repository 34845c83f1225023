//! Counting a store whose ledger was lost, a stretch at a time.
//!
//! A put under a budget has to know how much there is, and no compile is to
//! wait until two hundred thousand entries are counted. So each put counts a
//! stretch, and what is stored meanwhile is in the ledger, which counts changes
//! until then. Nothing is evicted before the count is done.
//!
//! The file `.machine/recount`, text, for as long as that takes:
//!
//! ```text
//! recount 1 <the ledger's epoch> <key that the next stretch begins at>
//! <entries> <bytes> <namespace path, "." for the root's own>
//! ...
//! end
//! ```
//!
//! An entry that is stored during the count, ahead of it, is counted twice: the
//! ledger is too high by it, never too low.

use std::path::Path;

use super::plan::{read, replace, work_file};
use super::sweep::{self, Look};
use super::usage::{Book, Totals};
use super::{Shared, scan};
use crate::hash::Key;
use crate::store::{Namespace, Result, Usage};
use crate::sys::fs;

const FILE: &str = "recount";
const WORDS: &str = "recount 1 ";

/// A count that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recount {
    /// The ledger's epoch when it began; another one means that somebody else
    /// has counted.
    pub epoch: i128,
    /// Where the next stretch begins.
    pub position: Key,
    /// What was found before that.
    pub found: Totals,
}

impl Recount {
    pub(crate) fn encode(&self) -> String {
        let mut text = format!("{WORDS}{} {}\n", self.epoch, self.position);
        for (path, Usage { entries, bytes }) in &self.found {
            let path = if path.is_empty() { "." } else { path };
            text.push_str(&format!("{entries} {bytes} {path}\n"));
        }
        text.push_str("end\n");
        text
    }

    pub(crate) fn decode(text: &str) -> Option<Recount> {
        let mut lines = text.strip_suffix("end\n")?.lines();
        let (epoch, position) = lines.next()?.strip_prefix(WORDS)?.split_once(' ')?;
        let mut found = Totals::new();
        for line in lines {
            let mut words = line.split(' ');
            let entries = words.next()?.parse().ok()?;
            let bytes = words.next()?.parse().ok()?;
            let path = match words.next()? {
                "." => "",
                path if path.split('/').all(|name| Namespace::new(name).is_ok()) => path,
                _ => return None,
            };
            found.insert(path.to_owned(), Usage { entries, bytes });
        }
        Some(Recount {
            epoch: epoch.parse().ok()?,
            position: Key::from_hex(position)?,
            found,
        })
    }

    fn load(root: &Path) -> Option<Recount> {
        Recount::decode(&read(&work_file(root, FILE))?)
    }
}

impl Shared {
    /// Counts on, or begins to, until `enough` says so of the number of entries
    /// looked at. The ledger if it is complete with that. For one who holds the
    /// eviction lock.
    ///
    /// # Errors
    /// [`crate::store::Error::Io`]: the count is where it was.
    pub(super) fn recount(&self, enough: &mut dyn FnMut(usize) -> bool) -> Result<Option<Book>> {
        let known = Recount::load(&self.root);
        let book = self.ledger.read();
        let ours = known.filter(|known| book.is_some_and(|book| book.epoch == known.epoch));
        let mut recount = match ours {
            Some(recount) => recount,
            None => Recount {
                epoch: self.ledger.begin_count().epoch,
                position: sweep::START,
                found: Totals::new(),
            },
        };
        let stretch = sweep::stretch(&self.root, "", &recount.position, Look::Sizes, enough)?;
        for entry in &stretch.found {
            scan::add(&mut recount.found, entry);
        }
        let file = work_file(&self.root, FILE);
        let Some(next) = stretch.next else {
            let before = Book {
                epoch: recount.epoch,
                ..Book::default()
            };
            let _ = fs::unlink(&file);
            return Ok(self.ledger.end_scan("", &before, &recount.found));
        };
        recount.position = next;
        if replace(&self.root, &file, &recount.encode(), self.modes).is_err() {
            let _ = fs::unlink(&file);
        }
        Ok(None)
    }
}
