//! Puts that leave what they evict for somebody else to take apart.

use super::evict::BACKLOG;
use super::evicting::{digest, tiny, within};
use super::mistakes::set_immutable;
use super::plan::{self, Plan};
use super::*;

/// What [`tiny`] is charged.
fn cost() -> u64 {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&digest(0), &tiny()).expect("to store");
    store.stats().expect("stats").bytes
}

/// As a process of its own: what is known is on the disk.
fn later(dir: &Path, max: u64) -> DiskStore {
    let options = DiskOptions {
        max_size: Some(max),
        free_later: true,
        ..DiskOptions::default()
    };
    open(dir, options)
}

fn put(dir: &Path, max: u64, n: u32) -> bool {
    let store = later(dir, max);
    store.put_entry(&digest(n), &tiny()).expect("to store");
    let owes = store.owes_space();
    assert!(!store.owes_space(), "said twice");
    owes
}

fn free(dir: &Path) {
    let freed = plain(dir).free_removed(&mut |_, _| ());
    freed.expect("to free");
    assert_eq!(leftovers(dir), 0);
}

/// Small: a share of the budget is what may be left.
#[test]
fn somebody_is_asked_before_it_is_much() {
    let dir = temporary();
    let unit = cost();
    let max = 200 * unit;
    let mut asked = 0;
    for n in 0..1000 {
        let owes = put(dir.path(), max, n);
        let store = plain(dir.path());
        assert!(store.stats().expect("stats").bytes <= max);
        assert!(store.has(&digest(n)).expect("to look"));
        let left = hidden(dir.path()) as u64;
        if owes {
            asked += 1;
            free(dir.path());
        } else {
            assert!(left * unit <= max / 64, "{left} after {n}");
        }
    }
    assert!(asked > 10, "{asked}");
    let store = plain(dir.path());
    let told = store.stats().expect("stats");
    assert_eq!(store.rescan().expect("to count"), told);
}

/// Large: so many entries are. The first limit is far below what there is.
#[test]
fn a_large_store_shrinks_by_what_is_hidden() {
    let dir = temporary();
    let store = plain(dir.path());
    let many = 2500;
    for n in 0..many {
        store.put_entry(&digest(n), &tiny()).expect("to store");
    }
    let max = store.stats().expect("stats").bytes / 2;
    let mut most = 0;
    let mut asked = 0;
    for n in many..3 * many {
        let owes = put(dir.path(), max, n);
        most = most.max(hidden(dir.path()) as u64);
        if owes {
            asked += 1;
            free(dir.path());
        }
        if plain(dir.path()).stats().expect("stats").bytes <= max {
            break;
        }
    }
    let told = store.stats().expect("stats");
    assert!(told.bytes <= max, "{told:?}");
    assert_eq!(store.rescan().expect("to count"), told);
    // One put may hide many.
    assert!(asked > 1 && most < u64::from(many), "{asked}, {most}");
    assert!(most >= BACKLOG.min(max / 64 / cost()), "{most}");
}

/// While somebody is at it nobody else is asked, and afterwards the next put asks.
#[test]
fn one_at_a_time_is_asked() {
    let dir = temporary();
    let max = 100 * cost();
    let mut n = 0;
    let mut next = || {
        n += 1;
        put(dir.path(), max, n)
    };
    assert!((0..300).any(|_| next()));
    let lock = lock::free(dir.path(), Modes::default(), true).expect("to lock");
    assert!((0..100).all(|_| !next()));
    drop(lock);
    assert!((0..20).any(|_| next()));
    free(dir.path());
}

/// Puts of both kinds in one directory: what some hide the others, which look at all of a
/// small store, take apart.
#[test]
fn puts_that_wait_take_apart_what_the_others_left() {
    let dir = temporary();
    let max = 100 * cost();
    for n in 0..300 {
        put(dir.path(), max, n);
    }
    assert!(hidden(dir.path()) > 0);
    let store = within(dir.path(), max);
    let gone = (300..3000).any(|n| {
        store.put_entry(&digest(n), &tiny()).expect("to store");
        assert!(!store.owes_space());
        hidden(dir.path()) == 0
    });
    assert!(gone, "{} are left", hidden(dir.path()));
}

/// Who does not leave anything to others is not asked for what those have left.
#[test]
fn who_waits_is_not_asked() {
    let dir = temporary();
    let max = 100 * cost();
    for n in 0..300 {
        put(dir.path(), max, n);
    }
    let modes = Modes::default();
    let mut plan = Plan::load(dir.path(), "");
    plan.hidden.entries = 10 * BACKLOG;
    plan.save(dir.path(), "", modes);
    let store = within(dir.path(), max);
    for n in 300..400 {
        store.put_entry(&digest(n), &tiny()).expect("to store");
        assert!(!store.owes_space(), "{n}");
    }
    assert!((400..500).any(|n| put(dir.path(), max, n)));
}

/// Whoever holds the lock - and was stopped, perhaps - keeps nobody from it for ever; and
/// while there are entries their shards stay.
#[test]
fn a_holder_that_does_not_end_is_not_waited_for() {
    let dir = temporary();
    let max = 100 * cost();
    assert!((0..300).any(|n| put(dir.path(), max, n)));
    let shards = || scan::shards_below(dir.path(), "").expect("to list").len();
    let before = shards();
    let _lock = lock::free(dir.path(), Modes::default(), true).expect("to lock");
    free(dir.path());
    assert_eq!(shards(), before);
    clean_all(&plain(dir.path())).expect("to clean");
    free(dir.path());
    assert_eq!(shards(), 0);
}

/// What nobody can take apart is tried once, however much there is of it.
#[test]
fn what_cannot_be_taken_apart_is_left() {
    let dir = temporary();
    let shard = dir.path().join("ab");
    let store = plain(dir.path());
    store.put_entry(&key(0), &tiny()).expect("to store");
    fs_err::create_dir_all(&shard).expect("to make it");
    let many = 2 * BACKLOG as usize;
    let stuck: Vec<PathBuf> = (0..many)
        .map(|n| shard.join(format!(".ab{n:030x}")))
        .collect();
    for path in &stuck {
        fs_err::create_dir(path).expect("to make it");
        fs_err::write(path.join("output"), "x").expect("to write");
    }
    let held = stuck.iter().all(|path| set_immutable(path, true));
    store.free_removed(&mut |_, _| ()).expect("to free");
    let left = hidden(dir.path());
    stuck.iter().for_each(|path| {
        set_immutable(path, false);
    });
    match held {
        true => assert_eq!(left, many),
        false => crate::skip::say_skipped("cannot make a directory immutable here"),
    }
    free(dir.path());
}

/// What a plan says is hidden outlives the victims, and is right after a plan that was
/// longer, or that is none.
#[test]
fn a_plan_is_written_over_the_one_before_the_last() {
    let dir = temporary();
    let modes = Modes::default();
    let victim = |n: u32| plan::Victim {
        used: 17,
        key: digest(n),
        namespace: "compile".to_owned(),
    };
    let of = |victims: u32| Plan {
        seen: 3,
        hidden: Usage {
            entries: u64::from(victims),
            bytes: 4096,
        },
        victims: (0..victims).map(victim).collect(),
        ..Plan::default()
    };
    let file = plan::work_file(dir.path(), "evict-plan");
    let id = || fs::lstat(&file).expect("the plan").id;
    let mut seen = std::collections::BTreeSet::new();
    for victims in [200, 100, 0, 50, 300, 1] {
        of(victims).save(dir.path(), "", modes);
        assert_eq!(Plan::load(dir.path(), ""), of(victims));
        seen.insert(id());
    }
    // Two files that take turns: none was ever removed.
    assert_eq!(seen.len(), 2);

    for text in [
        "",
        "end\n",
        "\nend\n",
        "evict-plan 3 ",
        &of(5).encode()[..200],
    ] {
        fs_err::write(&file, text).expect("to write");
        assert_eq!(Plan::load(dir.path(), ""), Plan::default(), "{text}");
    }
    // Bytes of nobody, more than a plan may have: gone when their turn comes.
    for place in [&file, &file.with_extension("new")] {
        fs_err::write(place, [0xff].repeat(2 << 20)).expect("to write");
    }
    for victims in [3, 4, 5] {
        of(victims).save(dir.path(), "", modes);
        assert_eq!(Plan::load(dir.path(), ""), of(victims));
        let length = fs_err::metadata(&file).expect("the plan").len();
        assert!(length < 1 << 19, "{length}");
    }
}
