//! Entries that were removed and not taken apart: by a clean without patience, by a
//! process that was killed.

use super::*;

const ENTRIES: u32 = 40;

/// A store of [`ENTRIES`] entries, half of them in a namespace.
fn filled(dir: &Path) -> DiskStore {
    let store = plain(dir);
    for n in 0..ENTRIES {
        view(&store, n)
            .put_entry(&key(n), &entry())
            .expect("to store");
    }
    store
}

fn view(store: &DiskStore, n: u32) -> Box<dyn Store> {
    match n % 2 {
        0 => Box::new(store.clone()),
        _ => store.namespace(&namespace("compile")),
    }
}

/// Brings the store within `max` bytes.
fn clean_down_to(store: &DiskStore, max: u64, patience: Option<Duration>) -> Cleaned {
    let options = CleanOptions {
        limits: Limits {
            max_size: Some(max),
            max_age: None,
        },
        patience,
        ..CleanOptions::default()
    };
    store.clean(&options, &mut |_, _| ()).expect("to clean")
}

/// Brings the store within `max` bytes and takes nothing apart.
fn hide_down_to(store: &DiskStore, max: u64) -> Cleaned {
    clean_down_to(store, max, Some(Duration::ZERO))
}

/// What a store of the directory sees: by itself, by the ledger and by a count.
fn check(dir: &Path, there: u32) {
    let store = plain(dir);
    let seen = (0..ENTRIES).filter(|n| view(&store, *n).has(&key(*n)).expect("to look"));
    assert_eq!(seen.count() as u32, there);
    let whole = (0..ENTRIES).filter(|n| is_whole(&*view(&store, *n), &key(*n)));
    assert_eq!(whole.count() as u32, there);
    let told = store.stats().expect("stats");
    assert_eq!(told.entries, u64::from(there));
    assert_eq!(store.rescan().expect("to count"), told);
}

#[test]
fn without_patience_what_goes_is_out_of_sight_at_once() {
    let dir = temporary();
    let store = filled(dir.path());
    let all = store.stats().expect("stats");
    let cleaned = hide_down_to(&store, all.bytes / 2);
    assert_eq!(cleaned.removed.entries, u64::from(ENTRIES) / 2);
    assert_eq!(cleaned.freeing, cleaned.removed.entries);
    assert_eq!(cleaned.left.bytes, all.bytes / 2);
    assert_eq!(hidden(dir.path()), ENTRIES as usize / 2);
    check(dir.path(), ENTRIES / 2);
    // The namespaces still answer for themselves.
    let compile = store.namespace(&namespace("compile"));
    assert_eq!(
        compile.stats().expect("stats").entries,
        u64::from(ENTRIES) / 4
    );

    store.free_removed(&mut |_, _| ()).expect("to free");
    assert_eq!(leftovers(dir.path()), 0);
    check(dir.path(), ENTRIES / 2);
}

#[test]
fn with_patience_nothing_is_left_of_what_goes() {
    let dir = temporary();
    let store = filled(dir.path());
    let half = store.stats().expect("stats").bytes / 2;
    for patience in [None, Some(Duration::from_secs(3600))] {
        let cleaned = clean_down_to(&store, half, patience);
        assert_eq!(cleaned.freeing, 0);
        assert_eq!(leftovers(dir.path()), 0);
    }
    check(dir.path(), ENTRIES / 2);
}

/// Freed in one namespace, another keeps what is hidden there.
#[test]
fn a_namespace_is_freed_by_itself() {
    let dir = temporary();
    let store = filled(dir.path());
    hide_down_to(&store, 0);
    let compile = store.namespace_with(&namespace("compile"), Limits::default());
    compile.free_removed(&mut |_, _| ()).expect("to free");
    assert_eq!(hidden(&dir.path().join("compile")), 0);
    assert_eq!(hidden(dir.path()), ENTRIES as usize / 2);
    check(dir.path(), 0);
}

/// What was hidden stays so while entries of the same keys are stored and removed again,
/// and the next clean takes all of it apart.
#[test]
fn the_same_keys_again() {
    let dir = temporary();
    for _ in 0..3 {
        let store = filled(dir.path());
        check(dir.path(), ENTRIES);
        hide_down_to(&store, 0);
        assert_eq!(hidden(dir.path()), ENTRIES as usize);
        check(dir.path(), 0);
    }
    clean_all(&plain(dir.path())).expect("to clean");
    assert_eq!(leftovers(dir.path()), 0);
    // All that is left of a store without entries is what a new one has.
    let shards = scan::shards_below(dir.path(), "").expect("to list them");
    assert!(shards.is_empty(), "{shards:?}");
}

/// Freeing and storing the same keys at once: an entry is whole or absent.
#[test]
fn two_that_free_and_one_that_stores() {
    let dir = temporary();
    let store = filled(dir.path());
    hide_down_to(&store, 0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| store.free_removed(&mut |_, _| ()).expect("to free"));
        }
        scope.spawn(|| filled(dir.path()));
    });
    check(dir.path(), ENTRIES);
    assert_eq!(leftovers(dir.path()), 0);
}

/// Puts that evict come by what a killed process has left.
#[test]
fn evictions_take_it_apart_as_well() {
    let dir = temporary();
    let all = filled(dir.path()).stats().expect("stats").bytes;
    hide_down_to(&plain(dir.path()), all / 2);
    let options = DiskOptions {
        max_size: Some(all / 2),
        ..DiskOptions::default()
    };
    let store = open(dir.path(), options);
    // How much each does of it is a question of time.
    let mut puts = ENTRIES..100 * ENTRIES;
    let done = puts.any(|n| {
        store.put_entry(&key(n), &entry()).expect("to store");
        leftovers(dir.path()) == 0
    });
    assert!(done);
}

/// Whatever took the place of an entry, and whatever somebody put into one.
#[test]
fn odd_things_go_too() {
    let dir = temporary();
    let store = filled(dir.path());
    let place = |n: u32| {
        path_of(
            &dir.path()
                .join(if n.is_multiple_of(2) { "" } else { "compile" }),
            &key(n),
        )
    };
    for n in 0..4 {
        fs::remove_all(&place(n));
    }
    fs_err::write(place(0), "a file").expect("to write");
    fs_err::os::unix::fs::symlink("/", place(1)).expect("to link");
    fs_err::create_dir_all(place(2).join("a/b/c")).expect("to make");
    fs_err::create_dir_all(place(4).join("output.d/deep")).expect("to make");
    fs_err::write(place(4).join("output.d/deep/x"), "x").expect("to write");
    hide_down_to(&store, 0);
    assert_eq!(hidden(dir.path()), ENTRIES as usize - 1);
    store.free_removed(&mut |_, _| ()).expect("to free");
    assert_eq!(leftovers(dir.path()), 0);
    assert!(Path::new("/").is_dir());
}

/// Names that are like those of hidden entries are not touched.
#[test]
fn other_names_in_a_shard_stay() {
    let dir = temporary();
    let store = filled(dir.path());
    let path = path_of(dir.path(), &key(0));
    let shard = path.parent().expect("a shard");
    let digits = "0123456789abcdef0123456789abcdef";
    let others = [
        ".".to_owned(),
        format!(".{digits}0"),
        format!(".{}", &digits[1..]),
        format!(".{}", digits.to_uppercase()),
        format!("x{digits}"),
    ];
    for other in &others[1..] {
        fs_err::create_dir(shard.join(other)).expect("to make");
    }
    clean_all(&store).expect("to clean");
    for other in &others[1..] {
        assert!(shard.join(other).is_dir(), "{other}");
    }
}

/// A store that may not be written, and a directory that is none.
#[test]
fn nothing_is_freed_where_nothing_may_be_removed() {
    let dir = temporary();
    hide_down_to(&filled(dir.path()), 0);
    let options = DiskOptions {
        read_only: true,
        ..DiskOptions::default()
    };
    let read_only = open(dir.path(), options).free_removed(&mut |_, _| ());
    assert!(matches!(read_only, Err(Error::ReadOnly { .. })));
    let other = temporary();
    let hidden_there = other.path().join("ab/.0123456789abcdef0123456789abcdef");
    fs_err::create_dir_all(&hidden_there).expect("to make");
    let _ = plain(other.path()).free_removed(&mut |_, _| ());
    assert!(hidden_there.is_dir());
    let none = plain(&other.path().join("nothing"));
    none.free_removed(&mut |_, _| ()).expect("nothing to do");
}

/// Entries without an index - another program made them - between those that have one, in
/// the same shards: counted by their files, and gone when it is their turn.
#[test]
fn what_others_stored_is_counted_by_its_files() {
    let dir = temporary();
    let store = plain(dir.path());
    let near = |n: u8| {
        let mut bytes = [0x11; 32];
        bytes[31] = n;
        Key(bytes)
    };
    let bare = |n: u8| matches!(n, 3..=7 | 9 | 12..=14);
    for n in 0..16 {
        store.put_entry(&near(n), &entry()).expect("to store");
    }
    let told = store.stats().expect("stats");
    let one = told.bytes / 16;
    let time = |n: u8| 1_000_000_000 * (1_600_000_000 + i128::from(n));
    for n in 0..16 {
        let place = path_of(dir.path(), &near(n));
        let index = place.join(index::FILE);
        if bare(n) {
            fs_err::remove_file(&index).expect("to remove it");
        }
        let stamped = if bare(n) { place } else { index };
        let file = fs_err::File::open(stamped).expect("to open it");
        fs::set_times(file.file(), time(n)).expect("to set its time");
    }
    let without = 9 * scan::charge_of_file(1);
    let counted = store.rescan().expect("to count");
    assert_eq!(counted.entries, 16);
    assert_eq!(counted.bytes, told.bytes - without);
    // The five oldest: three of ours, two of the others.
    let five = 3 * one + 2 * (one - scan::charge_of_file(1));
    let cleaned = clean_down_to(&store, counted.bytes - five, None);
    assert_eq!(
        cleaned.removed,
        Usage {
            entries: 5,
            bytes: five
        }
    );
    for n in 0..16 {
        assert_eq!(path_of(dir.path(), &near(n)).exists(), n >= 5, "{n}");
    }
    for n in (5..16).filter(|n| !bare(*n)) {
        assert!(is_whole(&store, &near(n)), "{n}");
    }
}
