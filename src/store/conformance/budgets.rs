//! Budgets and cleaning: what goes, and what stays.

use std::time::Duration;

use super::*;
use crate::store::Namespace;

fn namespace(text: &str) -> Namespace {
    must(Namespace::new(text))
}

pub(super) fn puts_stay_within_the_budget(make: Make<'_>) {
    let limit = 10 * cost(make);
    let store = make(max_size(limit));
    for n in 0..40 {
        must(store.put_entry(&key(n), &entry(n)));
        let usage = must(store.stats());
        assert!(usage.bytes <= limit, "{usage:?} after put {n}");
    }
    // To the limit, not far below it.
    assert!(count(&*store, 40) >= 8, "evicted more than needed");
}

pub(super) fn blobs_put_one_by_one_stay_within_the_budget(make: Make<'_>) {
    let limit = 10 * cost(make);
    let store = make(max_size(limit));
    for n in 0..60 {
        must(store.put(
            &key(n / 2),
            &name(["a", "b"][n as usize % 2]),
            &noise(n.into(), 6000),
        ));
        assert!(must(store.stats()).bytes <= limit, "after blob {n}");
    }
    assert!(must(store.has(&key(29))));
    let blob = must(store.get(&key(29), &name("a")));
    assert_eq!(
        blob,
        Some(noise(58, 6000)),
        "the entry lost a blob to its budget"
    );
}

/// A budget on the root, every write through a namespace that has none.
pub(super) fn puts_through_namespaces_count(make: Make<'_>) {
    let limit = 10 * cost(make);
    let store = make(max_size(limit));
    let compile = store.namespace(&namespace("compile"));
    let deep = store
        .namespace(&namespace("project"))
        .namespace(&namespace("manifest"));
    for n in 0..40 {
        let view = if n % 2 == 0 { &compile } else { &deep };
        must(view.put_entry(&key(n), &entry(n)));
        let usage = must(store.stats());
        assert!(usage.bytes <= limit, "{usage:?} after put {n}");
        assert!(must(view.has(&key(n))));
    }
    assert!(count(&*store, 40) >= 8);
}

pub(super) fn a_namespace_has_no_budget_of_its_own(make: Make<'_>) {
    let limit = 10 * cost(make);
    let store = make(max_size(limit));
    let view = store.namespace(&namespace("compile"));
    // All of the parent's budget, not a share of it.
    for n in 0..10 {
        must(view.put_entry(&key(n), &entry(n)));
    }
    assert_eq!(count(&*view, 10), 10);
}

/// By use, not by writing.
pub(super) fn the_least_recently_used_goes_first(make: Make<'_>) {
    let store = make(max_size(10 * cost(make)));
    for n in 0..10 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    for n in 0..5 {
        let used = match n % 2 {
            0 => must(store.get(&key(n), &BlobName::EXIT_CODE)).is_some(),
            _ => must(store.get_entry(&key(n))).is_some(),
        };
        assert!(used);
    }
    for n in 10..13 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    for n in (0..5).chain(10..13) {
        assert!(must(store.has(&key(n))), "{n} was used last and is gone");
    }
    assert!(!must(store.has(&key(5))), "5 was used first and is there");
    // Everything that stayed was used after everything that went.
    let there: Vec<bool> = (5..10).map(|n| must(store.has(&key(n)))).collect();
    assert!(there.is_sorted(), "not in order of use: {there:?}");
}

/// Not a share of the budget per directory.
pub(super) fn eviction_is_global_over_namespaces(make: Make<'_>) {
    let store = make(max_size(10 * cost(make)));
    let old = store.namespace(&namespace("old"));
    let new = store.namespace(&namespace("new"));
    for n in 0..10 {
        must(old.put_entry(&key(n), &entry(n)));
    }
    for n in 10..18 {
        must(new.put_entry(&key(n), &entry(n)));
        for written in 10..=n {
            assert!(
                must(new.has(&key(written))),
                "{written} went before old ones"
            );
        }
    }
    assert!(must(old.stats()).entries <= 2);
}

pub(super) fn looking_is_not_using(make: Make<'_>) {
    let store = make(max_size(10 * cost(make)));
    for n in 0..10 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    for _ in 0..3 {
        assert!(must(store.has(&key(0))));
        must(store.stats());
        clean(&*store, max_size(0), true);
        clean(&*store, Limits::default(), false);
    }
    must(store.put_entry(&key(10), &entry(10)));
    assert!(!must(store.has(&key(0))), "looking at 0 kept it");
    assert!(must(store.has(&key(9))));
}

pub(super) fn the_entry_just_written_stays(make: Make<'_>) {
    let unit = cost(make);
    let store = make(max_size(unit + unit / 2));
    for n in 0..6 {
        must(store.put_entry(&key(n), &entry(n)));
        assert!(holds(&*store, n), "{n} was evicted by its own put");
        assert_eq!(count(&*store, 6), 1);
    }
}

pub(super) fn an_entry_larger_than_the_budget_is_not_kept(make: Make<'_>) {
    let limit = 3 * cost(make);
    let store = make(max_size(limit));
    must(store.put_entry(&key(1), &entry(1)));
    let mut large = entry(2);
    large.insert(name("dwo"), noise(2, 2 * limit as usize));
    must(store.put_entry(&key(2), &large));
    assert!(!must(store.has(&key(2))));
    assert!(holds(&*store, 1), "pushed out by what could not stay");
    // Nor does an older version survive its replacement.
    must(store.put_entry(&key(1), &large));
    assert!(!must(store.has(&key(1))));
    assert!(must(store.stats()).bytes <= limit);
}

pub(super) fn whole_entries_go(make: Make<'_>) {
    let store = make(max_size(5 * cost(make)));
    for n in 0..20 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    for n in 0..20 {
        let there = must(store.has(&key(n)));
        for name in entry(n).blobs.keys() {
            let blob = must(store.get(&key(n), name));
            assert_eq!(blob.is_some(), there, "blob {name} of entry {n}");
        }
    }
}

pub(super) fn replacing_does_not_count_twice(make: Make<'_>) {
    let unit = cost(make);
    let store = make(max_size(10 * unit));
    for n in 0..9 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    for _ in 0..30 {
        must(store.put_entry(&key(3), &entry(3)));
    }
    assert_eq!(count(&*store, 9), 9, "replacing evicted others");
    let usage = must(store.stats());
    assert_eq!((usage.entries, usage.bytes), (9, 9 * unit));
}

fn filled(make: Make<'_>, entries: u32) -> Box<dyn Store> {
    let store = make(Limits::default());
    for n in 0..entries {
        must(store.put_entry(&key(n), &entry(n)));
    }
    store
}

pub(super) fn clean_without_limits_removes_nothing(make: Make<'_>) {
    let store = filled(make, 5);
    let cleaned = clean(&*store, Limits::default(), false);
    assert_eq!(cleaned.removed, Usage::default());
    assert_eq!(cleaned.left, must(store.stats()));
    assert_eq!(count(&*store, 5), 5);
}

pub(super) fn clean_to_a_size(make: Make<'_>) {
    let unit = cost(make);
    let store = filled(make, 10);
    assert!(holds(&*store, 0));
    let cleaned = clean(&*store, max_size(4 * unit), false);
    assert_eq!(cleaned.removed.entries, 6);
    assert_eq!(cleaned.removed.bytes, 6 * unit);
    assert_eq!(cleaned.left, must(store.stats()));
    let there: Vec<u32> = (0..10).filter(|n| must(store.has(&key(*n)))).collect();
    assert_eq!(there, [0, 7, 8, 9], "least recently used first");
}

pub(super) fn clean_to_nothing(make: Make<'_>) {
    let store = filled(make, 10);
    let before = must(store.stats());
    let cleaned = clean(&*store, max_size(0), false);
    assert_eq!((cleaned.removed, cleaned.left), (before, Usage::default()));
    assert_eq!(must(store.stats()), Usage::default());
    assert_eq!(count(&*store, 10), 0);
    must(store.put_entry(&key(1), &entry(1)));
    assert!(holds(&*store, 1));
}

pub(super) fn clean_by_age(make: Make<'_>) {
    let store = filled(make, 5);
    std::thread::sleep(Duration::from_millis(400));
    assert!(holds(&*store, 2));
    must(store.put_entry(&key(5), &entry(5)));
    let limits = Limits {
        max_age: Some(Duration::from_millis(300)),
        max_size: None,
    };
    let cleaned = clean(&*store, limits, false);
    assert_eq!((cleaned.removed.entries, cleaned.left.entries), (4, 2));
    assert!(holds(&*store, 2), "2 was used a moment ago");
    assert!(holds(&*store, 5));
}

pub(super) fn clean_by_age_and_size(make: Make<'_>) {
    let unit = cost(make);
    let store = filled(make, 4);
    std::thread::sleep(Duration::from_millis(400));
    for n in 4..8 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    let age = Some(Duration::from_millis(300));
    // The size alone would be content with less than the age asks for,
    let limits = Limits {
        max_age: age,
        max_size: Some(7 * unit),
    };
    assert_eq!(clean(&*store, limits, false).removed.entries, 4);
    // and the other way round.
    let limits = Limits {
        max_age: age,
        max_size: Some(unit),
    };
    assert_eq!(clean(&*store, limits, false).removed.entries, 3);
    assert!(holds(&*store, 7));
}

pub(super) fn a_dry_run_removes_nothing(make: Make<'_>) {
    let unit = cost(make);
    let store = filled(make, 10);
    let before = must(store.stats());
    let would = clean(&*store, max_size(4 * unit), true);
    assert_eq!(must(store.stats()), before);
    assert_eq!(count(&*store, 10), 10);
    assert_eq!(clean(&*store, max_size(4 * unit), false), would);
}

pub(super) fn clean_shows_progress(make: Make<'_>) {
    let store = filled(make, 10);
    let (mut calls, mut last) = (0, (0, 0));
    let options = CleanOptions {
        limits: max_size(0),
        ..CleanOptions::default()
    };
    must(store.clean(&options, &mut |done, all| {
        assert!(done <= all, "{done} of {all}");
        calls += 1;
        last = (done, all);
    }));
    assert!(calls > 0);
    assert_eq!(last.0, last.1, "ended before it was done");
}
