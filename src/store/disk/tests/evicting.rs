//! Eviction in a store that is too large to be looked at as a whole, and plans
//! that are wrong.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::*;

/// More than what counts as small.
const MANY: u32 = 1500;

/// A key as a digest gives it.
pub(super) fn digest(n: u32) -> Key {
    Key(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

pub(super) fn tiny() -> Entry {
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, b"x".to_vec());
    entry
}

pub(super) fn within(dir: &Path, max: u64) -> DiskStore {
    let options = DiskOptions {
        max_size: Some(max),
        ..DiskOptions::default()
    };
    open(dir, options)
}

/// A store of `MANY` entries in two namespaces, the first of them least
/// recently used; what they are charged.
fn filled(dir: &Path) -> u64 {
    let store = plain(dir);
    for n in 0..MANY {
        let view = store.namespace(&namespace(name_of(n)));
        view.put_entry(&digest(n), &tiny()).expect("to store");
    }
    store.stats().expect("stats").bytes
}

fn name_of(n: u32) -> &'static str {
    if n.is_multiple_of(3) {
        "manifest"
    } else {
        "compile"
    }
}

/// The numbers below `MANY` whose entries are there.
fn present(dir: &Path) -> BTreeSet<u32> {
    let here = |n: &u32| path_of(&dir.join(name_of(*n)), &digest(*n)).exists();
    (0..MANY).filter(here).collect()
}

/// Puts entries until the ledger says that the budget is kept.
fn put_until_within(dir: &Path, max: u64) -> u32 {
    let store = within(dir, max);
    for n in MANY..3 * MANY {
        store.put_entry(&digest(n), &tiny()).expect("to store");
        let book = store.shared.ledger.read();
        if book.is_some_and(|book| book.complete && book.sum("").bytes <= max) {
            return n + 1 - MANY;
        }
    }
    panic!("it does not converge");
}

#[test]
fn what_goes_is_old() {
    let dir = temporary();
    let all = filled(dir.path());
    put_until_within(dir.path(), all - all / 50);
    let left = present(dir.path());
    let gone: BTreeSet<u32> = (0..MANY).filter(|n| !left.contains(n)).collect();
    assert!(gone.len() >= 30, "{gone:?}");
    // The oldest sixteenth of samples of 128 entries or more.
    assert!(gone.iter().all(|n| *n < MANY / 4), "{gone:?}");
}

#[test]
fn a_limit_that_was_lowered_is_reached() {
    let dir = temporary();
    let all = filled(dir.path());
    let max = all / 2;
    put_until_within(dir.path(), max);
    assert!(plain(dir.path()).rescan().expect("to count").bytes <= max);
    let left = present(dir.path());
    // Half has to go, so the younger half stays, nearly.
    let young = left.iter().filter(|n| **n >= MANY * 3 / 4).count() as u32;
    assert!(young > MANY / 4 - 20, "{young} of the youngest quarter");
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn a_lost_ledger_is_counted_by_the_puts() {
    let dir = temporary();
    let all = filled(dir.path());
    fs_err::remove_file(dir.path().join(usage::FILE)).expect("the ledger");
    let puts = put_until_within(dir.path(), 2 * all);
    assert!(puts <= MANY / 100, "{puts}");
    let store = plain(dir.path());
    let usage = store.stats().expect("stats");
    let counted = store.rescan().expect("to count");
    assert!(usage.bytes >= counted.bytes, "{usage:?} below {counted:?}");
    assert!(usage.entries <= counted.entries + u64::from(puts));
    assert!(!dir.path().join(".machine/recount").exists());
}

/// A count that somebody else finished, one that is damaged, and a plan that
/// was cut off while it was written: the next put goes on.
#[test]
fn work_files_of_the_dead_are_no_obstacle() {
    let dir = temporary();
    let all = filled(dir.path());
    let machine = dir.path().join(".machine");
    fs_err::create_dir_all(&machine).expect("to make it");
    let middle = "80".repeat(32);
    for (file, text) in [
        ("recount", format!("recount 1 17 {middle}\n5 5 .\nend\n")),
        ("recount", format!("recount 1 17 {middle}\n5 5 .\n")),
        ("recount.new", "recount".repeat(1000)),
        ("evict-plan", format!("evict-plan 2 {middle} x\n")),
        ("evict-plan.new", "evict-plan".repeat(1000)),
    ] {
        fs_err::write(machine.join(file), text).expect("to write it");
        fs_err::remove_file(dir.path().join(usage::FILE)).expect("the ledger");
        put_until_within(dir.path(), 2 * all);
        let store = plain(dir.path());
        let usage = store.stats().expect("stats");
        let counted = store.rescan().expect("to count");
        assert!(usage.bytes >= counted.bytes, "{file}: {usage:?}");
        put_until_within(dir.path(), counted.bytes - counted.bytes / 100);
    }
}

/// A plan names what is gone, what was used since, and what never was.
#[test]
fn a_plan_is_only_advice() {
    let dir = temporary();
    let all = filled(dir.path());
    let time = |n: u32| {
        let index = path_of(&dir.path().join(name_of(n)), &digest(n)).join("index");
        fs::lstat(&index).expect("the index").mtime
    };
    let victim = |n: u32, used| plan::Victim {
        used,
        key: digest(n),
        namespace: name_of(n).to_owned(),
    };
    let mut plan = Plan::default();
    for n in 0..10 {
        plan.victims.push_back(victim(n, time(n)));
    }
    for n in MANY - 10..MANY {
        plan.victims.push_back(victim(n, time(n) - 1));
        plan.victims.push_back(victim(n + MANY, 1));
    }
    let modes = Modes::default();
    fs_err::create_dir_all(dir.path().join(".machine")).expect("to make it");
    plan.save(dir.path(), "", modes);
    assert_eq!(Plan::load(dir.path(), ""), plan);
    for n in 0..5 {
        fs_err::remove_dir_all(path_of(&dir.path().join(name_of(n)), &digest(n)))
            .expect("to remove it");
    }
    put_until_within(dir.path(), all - 20 * (all / u64::from(MANY)));
    let left = present(dir.path());
    assert!((0..10).all(|n| !left.contains(&n)), "the plan was not used");
    assert!(
        (MANY - 10..MANY).all(|n| left.contains(&n)),
        "used and evicted"
    );
}

/// Most of the store was removed by hand: the ledger says too much, and what is
/// left must not go for that.
#[test]
fn a_ledger_that_says_too_much_is_found_out() {
    let dir = temporary();
    let all = filled(dir.path());
    fs_err::remove_dir_all(dir.path().join("compile")).expect("to remove it");
    let there = present(dir.path()).len();
    let store = within(dir.path(), all - all / 100);
    let found_out = (MANY..2 * MANY).any(|n| {
        store.put_entry(&digest(n), &tiny()).expect("to store");
        let book = store.shared.ledger.read().filter(|book| book.complete);
        book.is_some_and(|book| book.sum("").bytes < all * 3 / 4)
    });
    assert!(found_out, "{:?}", store.stats());
    let left = present(dir.path()).len();
    assert!(left > there * 3 / 4, "{left} of {there}");
}
