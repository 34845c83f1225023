//! Staying within the budget: what was used least recently goes first, over all
//! namespaces together.
//!
//! Eviction runs after a put that brought the ledger above a budget, and it is a
//! compile that waits for it. So it never looks at a whole large store, and its
//! time is bounded: [`LIMIT`] while the budget is exceeded, [`SPARE`] for making
//! room beyond that (down to 95 %). What is left is done by the puts to come;
//! each removes more than it adds, so that a store far above its budget - the
//! limit was lowered - shrinks with every compile. `clean` does it at once.
//!
//! Nor does it wait for the disk, to which some file systems tell every block that is
//! freed, if the caller has somebody who does ([`super::DiskOptions::free_later`]): then
//! what goes is only [hidden](super::remove), and from [`BACKLOG`] on that one is asked for.
//!
//! What goes is written down in a [plan](super::plan). When that has run out, a
//! small store is looked at as a whole, and the order is exact. Of a large one
//! the next [stretch](super::sweep) is: a fair sample of [`SAMPLE`] entries, the
//! oldest part of which is a part of the oldest of all. Nothing goes but from the
//! oldest sixteenth (or what has to go anyway), in turn from everywhere.
//!
//! A lap over the whole key space also tells how many entries there are. If the
//! ledger is far from that - entries were removed by hand - it is thrown away and
//! made anew by a [count](super::recount) that is spread in the same way.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::plan::{Plan, Victim};
use super::read::Place;
use super::scan::{self, Found};
use super::sweep::{self, Look, Stretch};
use super::usage::{Book, Totals};
use super::{Shared, lock, marker, remove, temp};
use crate::store::{Limits, Result, Usage};
use crate::sys::fs;

/// How long a put may evict while the budget is exceeded,
const LIMIT: Duration = Duration::from_millis(12);
/// how long if only room is to be made for the next puts,
const SPARE: Duration = Duration::from_millis(3);
/// and how long it may look for entries that can go.
const LOOK: Duration = Duration::from_millis(8);
/// How long a put may take apart what killed processes have only hidden.
const TIDY: Duration = Duration::from_millis(2);
/// So many are removed in any case, so that slow disks and busy machines get
/// anywhere: a put adds one. (Removing a directory makes ext4 sleep, and on a
/// busy machine each sleep is a few milliseconds.)
const MIN_REMOVED: u64 = 2;
/// Of a small store so many: it cannot be too large by much more than what
/// others have stored while one evicted.
const MIN_REMOVED_SMALL: u64 = 16;
/// and so many are looked at.
const MIN_LOOKED: usize = 128;
/// A stretch has so many entries if time allows.
const SAMPLE: usize = 2048;
/// This part of a stretch goes, at least.
const SHARE: usize = 16;
/// A store of so many entries is looked at as a whole.
const SMALL: u64 = 1000;
/// The plan for a small store has so many entries, at least.
const SMALL_PLAN: usize = 64;
/// Removed entries are credited in the ledger so many at a time; a process that
/// is killed in between leaves a ledger that is too high by them.
const BATCH: usize = 16;
/// So many entries may be hidden before somebody is asked to take them apart,
pub(crate) const BACKLOG: u64 = 256;
/// or this part of the budget.
const BACKLOG_SHARE: u64 = 64;

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
struct Goal<'a> {
    /// The namespace that the budget is for.
    scope: &'a str,
    /// The budget.
    max: u64,
    /// Evict until so many bytes are left,
    target: u64,
    /// and what was last used before this time in any case.
    cutoff: i128,
    /// Not this one: it has just been stored.
    keep: &'a Place,
    /// When the put began to evict.
    since: Instant,
}

impl Goal<'_> {
    /// Whether time is up, `held` being left and `removed` entries gone.
    fn late(&self, held: Usage, removed: u64) -> bool {
        let least = match held.entries <= SMALL {
            true => MIN_REMOVED_SMALL,
            false => MIN_REMOVED,
        };
        let limit = if held.bytes > self.max { LIMIT } else { SPARE };
        removed >= least && self.since.elapsed() > limit
    }

    /// Whether enough has been looked at.
    fn looked(&self, entries: usize) -> bool {
        entries >= SAMPLE || entries >= MIN_LOOKED && self.since.elapsed() > LOOK
    }
}

impl Shared {
    /// Brings the namespace `scope` within its limits if `book`, the ledger
    /// after a put of `keep`, says that it is not, as far as time allows; `since`
    /// is when the put began with that. Whatever fails here is left to the next
    /// put: the entry is stored, and no build fails for want of room. Returns
    /// the ledger as it is now.
    pub(super) fn enforce(
        &self,
        scope: &str,
        limits: &Limits,
        keep: &Place,
        book: Option<Book>,
        since: Instant,
    ) -> Option<Book> {
        let max = match limits.max_size {
            Some(max) => max,
            None => return book,
        };
        let goal = Goal {
            scope,
            max,
            target: max - max / 20,
            cutoff: cutoff(fs::now(), limits.max_age),
            keep,
            since,
        };
        let mut book = book;
        // Who finds the lock taken leaves its excess to the holder, so the
        // holder looks again after it has let go of the lock.
        for round in 0..8 {
            let held = book.as_ref().filter(|book| book.complete);
            let held = held.map(|book| book.sum(scope));
            let rounds = match held {
                Some(held) if held.bytes <= max => return book,
                Some(held) if held.entries <= SMALL => 8,
                _ => 1,
            };
            if round >= rounds && since.elapsed() > LIMIT {
                return book;
            }
            match self.evict(&goal) {
                Ok(true) => book = self.ledger.read(),
                Ok(false) | Err(_) => return self.ledger.read(),
            }
        }
        book
    }

    /// One eviction; `false` if somebody else is at it or nothing could go.
    fn evict(&self, goal: &Goal<'_>) -> Result<bool> {
        let Some(_lock) = lock::evict(&self.root, self.modes, false)? else {
            return Ok(false);
        };
        // Nothing is deleted in a directory that does not carry our marker.
        let marker::State::Store(_) = marker::state(&self.root)? else {
            return Ok(false);
        };
        let Some(book) = self.ledger.read().filter(|book| book.complete) else {
            let counted = self.recount(&mut |entries| goal.looked(entries))?;
            return Ok(counted.is_some());
        };
        let mut held = book.sum(goal.scope);
        if held.bytes <= goal.max {
            return Ok(true);
        }
        let mut plan = Plan::load(&self.root, goal.scope);
        let removed = self.follow(&mut plan, &mut held, goal);
        let done = removed > 0 || held.bytes <= goal.max;
        if held.bytes <= goal.max || goal.late(held, removed) {
            self.put_away(plan, goal);
            return Ok(done);
        }
        match held.entries <= SMALL {
            true => self.survey(&mut plan, &mut held, goal)?,
            false => self.look_on(&mut plan, held, goal)?,
        }
        let more = match held.bytes > goal.max {
            true => self.follow(&mut plan, &mut held, goal),
            false => 0,
        };
        self.put_away(plan, goal);
        Ok(done || more > 0 || held.bytes <= goal.max)
    }

    /// Saves the plan, and asks for somebody who frees what is hidden when that is much,
    /// if there is one.
    fn put_away(&self, mut plan: Plan, goal: &Goal<'_>) {
        let Usage { entries, bytes } = plan.hidden;
        let much = entries >= BACKLOG || bytes > goal.max / BACKLOG_SHARE;
        // While somebody is at it nobody else is asked.
        let later = self.options.free_later;
        if later && much && !matches!(lock::free(&self.root, self.modes, false), Ok(None)) {
            plan.hidden = Usage::default();
            self.owes_space.store(true, Ordering::Relaxed);
        }
        plan.save(&self.root, goal.scope, self.modes);
    }

    /// Looks at all of a small store, puts the ledger and `held` right and plans
    /// what goes next.
    fn survey(&self, plan: &mut Plan, held: &mut Usage, goal: &Goal<'_>) -> Result<()> {
        temp::sweep(&self.root);
        let before = self.ledger.begin_scan();
        let most = 4 * SMALL as usize;
        let all = sweep::stretch(
            &self.root,
            goal.scope,
            &sweep::START,
            Look::Sizes,
            &mut |entries| entries >= most,
        )?;
        self.tidy(&all);
        *plan = Plan {
            hidden: plan.hidden,
            ..Plan::default()
        };
        if all.next.is_some() {
            // Not small at all: the ledger was wrong, and is made anew.
            self.ledger.forget();
            return Ok(());
        }
        let mut found = all.found;
        let mut totals = Totals::new();
        found.iter().for_each(|entry| scan::add(&mut totals, entry));
        self.ledger.end_scan(goal.scope, &before, &totals);
        *held = Usage {
            entries: found.len() as u64,
            bytes: found.iter().map(|entry| entry.bytes).sum(),
        };
        sort(&mut found, fs::now());
        // A quarter of all lasts for some five evictions.
        let part = SMALL_PLAN.max(found.len() / 4);
        plan.victims = found.into_iter().take(part).map(Victim::from).collect();
        Ok(())
    }

    /// Looks at the next stretch of a large store and plans what of it goes.
    fn look_on(&self, plan: &mut Plan, held: Usage, goal: &Goal<'_>) -> Result<()> {
        let mut found = Vec::new();
        // At the end of the key space it goes on at its start: a stretch that is
        // cut short would be no sample.
        for _ in 0..2 {
            let before = found.len();
            let stretch = sweep::stretch(
                &self.root,
                goal.scope,
                &plan.position,
                Look::Times,
                &mut |entries| goal.looked(before + entries),
            )?;
            self.tidy(&stretch);
            // What will go is not seen: at the end of the lap it is gone.
            let seen = stretch.found.len();
            plan.seen += seen.saturating_sub(part_to_go(seen, held, goal)) as u64;
            found.extend(stretch.found);
            if let Some(next) = stretch.next {
                plan.position = next;
                break;
            }
            temp::sweep(&self.root);
            let seen = std::mem::take(&mut plan.seen);
            plan.position = sweep::START;
            if seen.abs_diff(held.entries) > held.entries / 8 {
                self.ledger.forget();
                return Ok(());
            }
        }
        sort(&mut found, fs::now());
        let part = part_to_go(found.len(), held, goal);
        plan.victims = found.into_iter().take(part).map(Victim::from).collect();
        Ok(())
    }

    /// Removes the victims of a plan until the goal is reached or time is up,
    /// and takes what went off `held`. The number of entries that went.
    fn follow(&self, plan: &mut Plan, held: &mut Usage, goal: &Goal<'_>) -> u64 {
        let mut tally = Tally::new(self);
        let all = *held;
        while let Some(victim) = plan.victims.front() {
            let enough = held.bytes <= goal.target && victim.used >= goal.cutoff;
            if enough || goal.late(*held, tally.gone.entries) {
                break;
            }
            let place = victim.place(&self.root);
            if place.path != goal.keep.path {
                tally.take(&place, victim.used);
                held.bytes = all.bytes.saturating_sub(tally.gone.bytes);
                held.entries = all.entries.saturating_sub(tally.gone.entries);
            }
            plan.victims.pop_front();
        }
        if self.options.free_later {
            plan.hidden.entries = plan.hidden.entries.saturating_add(tally.gone.entries);
            plan.hidden.bytes = plan.hidden.bytes.saturating_add(tally.gone.bytes);
        }
        tally.gone.entries
    }

    /// Takes apart what is hidden in a stretch, as far as time allows, if nobody else is
    /// to do that.
    fn tidy(&self, stretch: &Stretch) {
        if self.options.free_later {
            return;
        }
        let until = Instant::now() + TIDY;
        for shard in &stretch.hidden {
            remove::free_shard(shard, Some(until));
        }
    }
}

/// How many of a stretch of `entries` go if there is `held` in all. If a third
/// has to go, so has the oldest third of any stretch.
fn part_to_go(entries: usize, held: Usage, goal: &Goal<'_>) -> usize {
    let excess = held.bytes.saturating_sub(goal.target) as f64 / held.bytes.max(1) as f64;
    let part = (entries as f64 * excess) as usize;
    part.max(entries.div_ceil(SHARE))
}

/// Credits what is removed in the ledger, some at a time.
pub(crate) struct Tally<'a> {
    shared: &'a Shared,
    pending: Vec<(String, Usage)>,
    /// What went.
    pub gone: Usage,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Tally<'a> {
        Tally {
            shared,
            pending: Vec::new(),
            gone: Usage::default(),
        }
    }

    /// Removes the entry at `place` if it was last used at `used`. That it cannot be
    /// removed - it is gone, or belongs to somebody else - is no reason to stop.
    fn take(&mut self, place: &Place, used: i128) {
        let (Some(shard), Some((now, bytes))) =
            (place.path.parent(), scan::measure(fs::HERE, &place.path))
        else {
            return;
        };
        let remove = match self.shared.options.free_later {
            true => remove::hide,
            false => remove::take,
        };
        if now == used && remove(fs::HERE, shard, &place.key).is_ok() {
            self.add(&place.namespace, Usage { entries: 1, bytes });
        }
    }

    /// Adds what was removed of `namespace`.
    pub(crate) fn add(&mut self, namespace: &str, usage: Usage) {
        self.gone.entries += usage.entries;
        self.gone.bytes = self.gone.bytes.saturating_add(usage.bytes);
        self.pending.push((namespace.to_owned(), usage));
        if self.pending.len() >= BATCH {
            self.credit();
        }
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
