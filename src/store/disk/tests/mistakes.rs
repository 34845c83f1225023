//! Mistakes made elsewhere, and why they are not made here: a test for each
//! that can apply to a disk store. Those that can apply to any store are
//! checks of [`crate::store::conformance`]: `a_parent_cleans_entries_not_namespaces`,
//! `puts_through_namespaces_count`, `the_least_recently_used_goes_first` and
//! `eviction_is_global_over_namespaces`.

use super::*;

fn limited(dir: &Path, max_size: u64) -> DiskStore {
    let options = DiskOptions {
        max_size: Some(max_size),
        ..DiskOptions::default()
    };
    open(dir, options)
}

fn cost_of_entry() -> u64 {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(0), &entry()).expect("to store");
    store.stats().expect("stats").bytes
}

/// "The completeness mark written before the last blob": here the index is the
/// last file of a work directory, and the name of the entry comes after it.
#[test]
fn a_crash_before_the_last_blob_leaves_no_entry() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    // A blob that fails after others were written.
    let mut broken = entry();
    broken.insert(name("zzz"), Blob::File(dir.path().join("missing")));
    assert!(store.put_entry(&key(2), &broken).is_err());
    assert!(!store.has(&key(2)).expect("to look"));
    // An old entry is not touched by the attempt either.
    assert!(store.put_entry(&key(1), &broken).is_err());
    assert!(is_whole(&store, &key(1)));
    assert_eq!(leftovers(dir.path()), 0);
    assert_eq!(
        store.stats().expect("stats"),
        store.rescan().expect("to count")
    );
}

/// "A fixed temporary name next to the destination: two processes race."
#[test]
fn temporary_names_are_unique() {
    let dir = temporary();
    plain(dir.path())
        .put_entry(&key(1), &entry())
        .expect("to store");
    let names: std::collections::BTreeSet<_> =
        (0..1000).map(|_| temp::unique(dir.path())).collect();
    assert_eq!(names.len(), 1000);
}

/// "A full scan of the store for every blob put under a budget": evicting reads
/// the plan that the first eviction made.
#[test]
fn a_put_under_a_budget_does_not_scan() {
    let dir = temporary();
    let unit = cost_of_entry();
    let store = limited(dir.path(), 40 * unit);
    for n in 0..41 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    let plan = dir.path().join(".machine/evict-plan");
    let planned = fs_err::read_to_string(&plan)
        .expect("a plan")
        .lines()
        .count();
    assert!(planned > 20, "{planned}");
    // An entry that only a scan could find, older than all others.
    let stray = path_of(dir.path(), &key(999));
    fs_err::create_dir_all(&stray).expect("to make it");
    fs_err::write(stray.join("index"), "").expect("to write it");
    let file = fs_err::OpenOptions::new()
        .write(true)
        .open(stray.join("index"));
    fs::set_times(file.expect("the index").file(), 1).expect("to set its time");
    for n in 41..60 {
        store.put_entry(&key(n), &entry()).expect("to store");
        assert!(store.stats().expect("stats").bytes <= 40 * unit);
    }
    assert!(stray.exists(), "something scanned");
    // When the plan has run out there is a scan, and it finds it.
    for n in 60..120 {
        store.put_entry(&key(n), &entry()).expect("to store");
        assert!(store.stats().expect("stats").bytes <= 40 * unit);
    }
    assert!(!stray.exists(), "nothing scanned, ever");
}

/// What was used after the plan was made stays, though the plan names it.
#[test]
fn a_planned_victim_that_is_used_stays() {
    let dir = temporary();
    let unit = cost_of_entry();
    let store = limited(dir.path(), 40 * unit);
    for n in 0..41 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    assert!(store.has(&key(6)).expect("to look"));
    assert!(is_whole(&store, &key(6)));
    for n in 41..60 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    assert!(is_whole(&store, &key(6)), "used and evicted");
    assert!(!store.has(&key(7)).expect("to look"));
    assert!(!store.has(&key(15)).expect("to look"));
}

/// "A per-directory share of the limit instead of global LRU: new entries are
/// evicted while old ones stay": all keys in one shard here.
#[test]
fn one_full_shard_may_use_the_whole_budget() {
    let dir = temporary();
    let unit = cost_of_entry();
    let store = limited(dir.path(), 20 * unit);
    let in_one_shard = |n: u8| {
        let mut bytes = [0x11; 32];
        bytes[31] = n;
        Key(bytes)
    };
    for n in 0..20 {
        store
            .put_entry(&in_one_shard(n), &entry())
            .expect("to store");
    }
    for n in 0..20 {
        assert!(is_whole(&store, &in_one_shard(n)), "{n}");
    }
}

/// "An eviction that treats an unlink error as fatal", and "two processes on
/// one directory that evict under each other's feet": entries vanish or refuse
/// to, puts succeed.
#[test]
fn what_cannot_be_removed_does_not_fail_a_put() {
    let dir = temporary();
    let unit = cost_of_entry();
    let store = limited(dir.path(), 20 * unit);
    for n in 0..20 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    // One is gone already, one is a directory full of things nobody expects.
    fs_err::remove_dir_all(path_of(dir.path(), &key(0))).expect("to remove it");
    let odd = path_of(dir.path(), &key(1)).join("unexpected/deeper");
    fs_err::create_dir_all(odd).expect("to make it");
    let immutable = path_of(dir.path(), &key(2));
    let held = set_immutable(&immutable, true);
    for n in 20..50 {
        store.put_entry(&key(n), &entry()).expect("to store");
        assert!(is_whole(&store, &key(n)));
    }
    assert!(!store.has(&key(1)).expect("to look"));
    if held {
        assert!(immutable.exists());
        set_immutable(&immutable, false);
    } else {
        crate::skip::say_skipped("cannot make a directory immutable here");
    }
    assert!(store.rescan().expect("to count").bytes <= 21 * unit);
}

pub(super) fn set_immutable(path: &Path, on: bool) -> bool {
    let flag = if on { "+i" } else { "-i" };
    let run = std::process::Command::new("chattr")
        .arg(flag)
        .arg(path)
        .output();
    run.is_ok_and(|output| output.status.success())
}

/// A clock that was wrong must not keep an entry for ever.
#[test]
fn a_use_in_the_future_counts_as_now() {
    let dir = temporary();
    let store = plain(dir.path());
    for n in 0..3 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    let index = path_of(dir.path(), &key(0)).join("index");
    let file = fs_err::OpenOptions::new().write(true).open(&index);
    let year = 365 * 86_400 * 1_000_000_000_i128;
    fs::set_times(file.expect("the index").file(), fs::now() + year).expect("to set its time");
    std::thread::sleep(Duration::from_millis(30));
    let options = CleanOptions {
        limits: Limits {
            max_age: Some(Duration::from_millis(10)),
            max_size: None,
        },
        ..CleanOptions::default()
    };
    let cleaned = store.clean(&options, &mut |_, _| ()).expect("to clean");
    assert_eq!(cleaned.removed.entries, 2, "now is not too long ago");
    assert!(is_whole(&store, &key(0)));
    // Using it puts the clock right.
    let now = fs::stat(&index).expect("the index").mtime;
    assert!(now <= fs::now());
}

/// The limit of age holds while something is evicted, too.
#[test]
fn eviction_takes_what_is_too_old() {
    let dir = temporary();
    let unit = cost_of_entry();
    let options = DiskOptions {
        max_size: Some(10 * unit),
        max_age: Some(Duration::from_millis(300)),
        ..DiskOptions::default()
    };
    let store = open(dir.path(), options);
    for n in 0..8 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    std::thread::sleep(Duration::from_millis(400));
    for n in 8..11 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    for n in 0..8 {
        assert!(!store.has(&key(n)).expect("to look"), "{n} is too old");
    }
    assert_eq!(store.stats().expect("stats").entries, 3);
}

#[test]
fn a_namespace_may_have_a_budget_too() {
    let dir = temporary();
    let unit = cost_of_entry();
    let root = limited(dir.path(), 30 * unit);
    let limits = Limits {
        max_size: Some(5 * unit),
        max_age: None,
    };
    let small = root.namespace_with(&namespace("small"), limits);
    let inner = small.namespace(&namespace("inner"));
    let other = root.namespace(&namespace("other"));
    for n in 0..15 {
        other.put_entry(&key(n), &entry()).expect("to store");
        inner.put_entry(&key(100 + n), &entry()).expect("to store");
        assert!(small.stats().expect("stats").bytes <= 5 * unit);
    }
    assert_eq!(other.stats().expect("stats").entries, 15);
    let by_name = root.usage_by_namespace().expect("stats");
    let names: Vec<&str> = by_name.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["other", "small/inner"]);
}

/// `stats` reads a few hundred bytes, not the store.
#[test]
fn stats_do_not_scan() {
    let dir = temporary();
    let store = plain(dir.path());
    for n in 0..5 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    let usage = store.stats().expect("stats");
    fs_err::remove_dir_all(path_of(dir.path(), &key(0))).expect("to remove it");
    assert_eq!(store.stats().expect("stats"), usage);
    assert_eq!(store.rescan().expect("to count").entries, 4);
    assert_eq!(store.stats().expect("stats").entries, 4);
}

/// The charge is what `du` says, on a file system with blocks of 4 KiB.
#[test]
fn the_charge_is_the_space_on_disk() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    // Directory, index, 10000 bytes, two small ones, and nothing for nothing.
    let blocks = 1 + 1 + 3 + 1 + 1;
    assert_eq!(store.stats().expect("stats").bytes, blocks * 4096);
    assert_eq!(store.rescan().expect("to count").bytes, blocks * 4096);
}
