//! Staying within the budget: what was used least recently goes first, over all
//! namespaces together.
//!
//! Eviction runs after a put that brought the ledger above a budget, and takes
//! it down to 95 % of that, so that not every put evicts. A scan of the store
//! is paid for once in many evictions: the entries that were oldest are kept in
//! a plan, and as long as that lasts each of them that has not been used since
//! is still the oldest there is.
//!
//! The plan is the file `.machine/evict-plan` (for the budget of a namespace
//! `.machine/evict-plan+<path, with + for />`), text, oldest first:
//!
//! ```text
//! evict-plan 1
//! <last use, nanoseconds since 1970> <key, 64 hex digits> <namespace path, "." for none>
//! ...
//! ```
//!
//! It is advice: an entry goes only if its time stamp still is what the plan says.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read::Place;
use super::scan::{self, Found};
use super::temp::{self, WorkDir};
use super::usage::{Book, Totals};
use super::{Shared, index, lock, marker};
use crate::hash::Key;
use crate::store::{Error, Limits, Namespace, Result, Usage};
use crate::sys::fs;

/// The directory of work files of this machine.
const LOCAL: &str = ".machine";
const FIRST_LINE: &str = "evict-plan 1";
/// A plan longer than this is not ours.
const MAX_PLAN: u64 = 256 << 20;
/// A plan of this many entries costs nothing.
const SMALL_PLAN: usize = 1000;
/// Removed entries are credited in the ledger so many at a time.
const BATCH: usize = 64;

/// An entry that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Victim {
    pub used: i128,
    pub key: Key,
    pub namespace: String,
}

impl Victim {
    fn place(&self, root: &Path) -> Place {
        let dir = scan::namespace_dir(root, &self.namespace);
        Place::new(&self.namespace, &dir, &self.key)
    }

    fn encode(&self) -> String {
        let namespace = match self.namespace.as_str() {
            "" => ".",
            path => path,
        };
        format!("{} {} {namespace}\n", self.used, self.key)
    }

    fn decode(line: &str) -> Option<Victim> {
        let mut words = line.split(' ');
        let used = words.next()?.parse().ok()?;
        let key = Key::from_hex(words.next()?)?;
        let namespace = match words.next()? {
            "." => "",
            // A path out of a file: none that leads out of the store.
            path if path.split('/').all(|name| Namespace::new(name).is_ok()) => path,
            _ => return None,
        };
        Some(Victim {
            used,
            key,
            namespace: namespace.to_owned(),
        })
    }
}

/// Sorts what a scan found, least recently used first. A time in the future -
/// a clock that was wrong - counts as now.
pub(crate) fn sort(found: &mut [Found], now: i128) {
    found.sort_unstable_by(|a, b| {
        let of = |f: &Found| f.used.min(now);
        of(a)
            .cmp(&of(b))
            .then_with(|| a.key.cmp(&b.key))
            .then_with(|| a.namespace.cmp(&b.namespace))
    });
}

/// The time before which an entry was last used too long ago.
pub(crate) fn cutoff(now: i128, max_age: Option<Duration>) -> i128 {
    let age = max_age.map(|age| i128::try_from(age.as_nanos()).unwrap_or(i128::MAX));
    age.map_or(i128::MIN, |age| now.saturating_sub(age))
}

/// How far to go.
struct Goal {
    /// Evict until so many bytes are left,
    target: u64,
    /// and what was last used before this time in any case.
    cutoff: i128,
}

impl Shared {
    /// Brings the namespace `scope` within its limits if `book`, the ledger
    /// after a put of `keep`, says that it is not. Whatever fails here is left
    /// to the next put: the entry is stored, and no build fails for want of
    /// room. Returns the ledger as it is now.
    pub(super) fn enforce(
        &self,
        scope: &str,
        limits: &Limits,
        keep: &Place,
        book: Option<Book>,
    ) -> Option<Book> {
        let max = match limits.max_size {
            Some(max) => max,
            None => return book,
        };
        let mut book = book;
        // Who finds the lock taken leaves its excess to the holder, so the
        // holder looks again after it has let go of the lock.
        for _ in 0..8 {
            let within = |book: &Book| book.complete && book.sum(scope).bytes <= max;
            if book.as_ref().is_some_and(within) {
                return book;
            }
            match self.evict(scope, limits, max, keep) {
                Ok(true) => book = self.ledger.read(),
                Ok(false) | Err(_) => return self.ledger.read(),
            }
        }
        book
    }

    /// One eviction; `false` if somebody else is at it or nothing could go.
    fn evict(&self, scope: &str, limits: &Limits, max: u64, keep: &Place) -> Result<bool> {
        let Some(lock) = lock::evict(&self.root, self.modes, false)? else {
            return Ok(false);
        };
        // Nothing is deleted in a directory that does not carry our marker.
        let marker::State::Store(_) = marker::state(&self.root)? else {
            return Ok(false);
        };
        let goal = Goal {
            target: max - max / 20,
            cutoff: cutoff(fs::now(), limits.max_age),
        };
        let book = self.ledger.read().filter(|book| book.complete);
        let mut progress = false;
        if let Some(book) = &book {
            let total = book.sum(scope).bytes;
            if total <= max {
                return Ok(true);
            }
            let plan = self.load_plan(scope);
            let (left, removed) = self.follow(plan, total, &goal, keep);
            progress = removed > 0;
            if total.saturating_sub(removed) <= max {
                self.save_plan(scope, &left);
                drop(lock);
                return Ok(true);
            }
        }
        // No ledger, or no plan that leads far enough: look at everything.
        let (total, plan) = self.survey(scope)?;
        let (left, removed) = match total <= max {
            true => (plan, 0),
            false => self.follow(plan, total, &goal, keep),
        };
        self.save_plan(scope, &left);
        temp::sweep(&self.root);
        drop(lock);
        Ok(progress || removed > 0 || total <= max)
    }

    /// Scans the namespace `scope`, puts the ledger right and returns its size
    /// and what is to go next, oldest first.
    fn survey(&self, scope: &str) -> Result<(u64, Vec<Victim>)> {
        let before = self.ledger.begin_scan();
        // A ledger that was lost is only put right by counting everything.
        let walked = if before.complete { scope } else { "" };
        let mut totals = Totals::new();
        let mut found = Vec::new();
        scan::walk(&self.root, walked, &mut |entry| {
            scan::add(&mut totals, &entry);
            if super::usage::within(&entry.namespace, scope) {
                found.push(entry);
            }
        })?;
        self.ledger.end_scan(walked, &before, &totals);
        sort(&mut found, fs::now());
        let bytes = found.iter().map(|f| f.bytes).sum();
        // A quarter of all lasts for some five evictions.
        found.truncate(SMALL_PLAN.max(found.len() / 4));
        let plan = found.into_iter().map(|f| Victim {
            used: f.used,
            key: f.key,
            namespace: f.namespace,
        });
        Ok((bytes, plan.collect()))
    }

    /// Removes the victims of a plan until the goal is reached, `total` being
    /// what there is. What is left of the plan, and the bytes that went.
    fn follow(
        &self,
        plan: Vec<Victim>,
        total: u64,
        goal: &Goal,
        keep: &Place,
    ) -> (Vec<Victim>, u64) {
        let mut tally = Tally::new(self);
        let mut plan = plan.into_iter();
        let mut left = Vec::new();
        for victim in plan.by_ref() {
            let reached = total.saturating_sub(tally.bytes) <= goal.target;
            if reached && victim.used >= goal.cutoff {
                left.push(victim);
                break;
            }
            let place = victim.place(&self.root);
            if place.path != keep.path && last_use(&place) == Some(victim.used) {
                tally.take(&place);
            }
        }
        left.extend(plan);
        (left, tally.bytes)
    }

    fn plan_path(&self, scope: &str) -> PathBuf {
        let name = match scope {
            "" => "evict-plan".to_owned(),
            _ => format!("evict-plan+{}", scope.replace('/', "+")),
        };
        self.root.join(LOCAL).join(name)
    }

    fn load_plan(&self, scope: &str) -> Vec<Victim> {
        let Ok(text) = fs::read_text(&self.plan_path(scope), MAX_PLAN) else {
            return Vec::new();
        };
        let mut lines = text.lines();
        match lines.next() {
            Some(FIRST_LINE) => lines.map_while(Victim::decode).collect(),
            _ => Vec::new(),
        }
    }

    /// Saves what is left of a plan. If that fails the next eviction scans.
    fn save_plan(&self, scope: &str, plan: &[Victim]) {
        let path = self.plan_path(scope);
        if plan.is_empty() {
            let _ = fs::unlink(&path);
            return;
        }
        let save = || -> Result<()> {
            let work = WorkDir::make(&self.root, self.modes)?;
            let _ = fs::make_dir(&self.root.join(LOCAL), self.modes);
            let mut text = format!("{FIRST_LINE}\n");
            text.extend(plan.iter().map(Victim::encode));
            fs::create_at(work.handle(), "plan", self.modes)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .and_then(|()| fs::rename(&work.path().join("plan"), &path))
                .map_err(|error| Error::io(&path, error))
        };
        if save().is_err() {
            let _ = fs::unlink(&path);
        }
    }
}

/// When the entry at `place` was last used, if it is there.
pub(crate) fn last_use(place: &Place) -> Option<i128> {
    fs::lstat(&place.path.join(index::FILE))
        .or_else(|_| fs::lstat(&place.path))
        .ok()
        .map(|stat| stat.mtime)
}

/// Removes entries and credits them in the ledger, some at a time.
pub(crate) struct Tally<'a> {
    shared: &'a Shared,
    pending: Vec<(String, Usage)>,
    /// Entries that went.
    pub entries: u64,
    /// What they were charged.
    pub bytes: u64,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Tally<'a> {
        Tally {
            shared,
            pending: Vec::new(),
            entries: 0,
            bytes: 0,
        }
    }

    /// Removes the entry at `place`. That it cannot be removed - it is gone, or
    /// belongs to somebody else - is no reason to stop.
    pub(crate) fn take(&mut self, place: &Place) -> bool {
        let Ok(Some(usage)) = self.shared.take_away(&place.path) else {
            return false;
        };
        self.entries += usage.entries;
        self.bytes = self.bytes.saturating_add(usage.bytes);
        self.pending.push((place.namespace.clone(), usage));
        if self.pending.len() >= BATCH {
            self.credit();
        }
        true
    }

    fn credit(&mut self) {
        if !self.pending.is_empty() {
            self.shared.ledger.credit_all(&self.pending);
        }
        self.pending.clear();
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.credit();
    }
}
