//! Many threads at one store. (Many processes: the tests of a store that can
//! have them.)

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

/// An entry whose blobs all say `n`.
fn uniform(n: u32) -> Entry {
    let mut entry = Entry::default();
    for blob in ["a", "b", "c"] {
        entry.insert(name(blob), noise(n.into(), 3000 + n as usize));
    }
    entry
}

/// Which entry of [`uniform`] this is; panics if it is none.
fn version(open: &dyn OpenEntry) -> Result<u32> {
    let mut seen = Vec::new();
    for blob in ["a", "b", "c"] {
        let bytes = open.read(&name(blob))?;
        let bytes = bytes.expect("a blob of a whole entry is missing");
        let n = (bytes.len() - 3000) as u32;
        assert!(bytes == noise(n.into(), bytes.len()), "torn blob");
        seen.push(n);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "a mixture of versions: {seen:?}");
    Ok(seen[0])
}

pub(super) fn writers_of_one_entry_end_as_one(make: Make<'_>) {
    let store = make(Limits::default());
    thread::scope(|scope| {
        for n in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..10 {
                    must(store.put_entry(&key(1), &uniform(n)));
                }
            });
        }
    });
    let usage = must(store.stats());
    assert_eq!(usage.entries, 1);
    let open = must(store.get_entry(&key(1))).expect("the entry");
    let n = must(version(&*open));
    let alone = make(Limits::default());
    must(alone.put_entry(&key(1), &uniform(n)));
    assert_eq!(usage, must(alone.stats()), "charged for more than is there");
}

pub(super) fn readers_never_see_a_mixture(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put_entry(&key(1), &uniform(0)));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut whole = 0;
                while !done.load(Ordering::Relaxed) || whole == 0 {
                    let open = must(store.get_entry(&key(1))).expect("never absent");
                    match version(&*open) {
                        Ok(_) => whole += 1,
                        // Replaced while it was read.
                        Err(Error::Damaged { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        for n in 0..60 {
            must(store.put_entry(&key(1), &uniform(n)));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(
        must(store.has(&key(1))),
        "a reader removed what it raced with"
    );
}

pub(super) fn blobs_put_at_once_all_stay(make: Make<'_>) {
    let store = make(Limits::default());
    thread::scope(|scope| {
        for n in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..4 {
                    let name = name(&format!("blob-{n}-{round}"));
                    must(store.put(&key(1), &name, &noise(n, 500)));
                }
            });
        }
    });
    let open = must(store.get_entry(&key(1))).expect("the entry");
    assert_eq!(open.names().len(), 32, "blobs were lost");
    for n in 0..8 {
        for round in 0..4 {
            let bytes = must(open.read(&name(&format!("blob-{n}-{round}"))));
            assert_eq!(bytes, Some(noise(n, 500)));
        }
    }
    assert_eq!(must(store.stats()).entries, 1);
}

pub(super) fn many_writers_stay_within_the_budget(make: Make<'_>) {
    let limit = 20 * cost(make);
    let store = make(max_size(limit));
    thread::scope(|scope| {
        for writer in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..15 {
                    let n = writer * 100 + n;
                    must(store.put_entry(&key(n), &entry(n)));
                    if let Ok(Some(open)) = store.get_entry(&key(n)) {
                        assert_eq!(open.names().len(), 4);
                    }
                }
            });
        }
    });
    let usage = must(store.stats());
    assert!(usage.bytes <= limit, "{usage:?} over {limit}");
    assert!(usage.entries >= 10, "{usage:?}: evicted more than needed");
}

pub(super) fn removing_and_storing_at_once(make: Make<'_>) {
    let store = make(Limits::default());
    thread::scope(|scope| {
        for worker in 0..6 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..30 {
                    match worker % 3 {
                        0 => must(store.put_entry(&key(1), &uniform(n))),
                        1 => drop(must(store.remove(&key(1)))),
                        _ => match store.get_entry(&key(1)) {
                            Ok(Some(open)) => match version(&*open) {
                                Ok(_) | Err(Error::Damaged { .. }) => {}
                                Err(error) => panic!("{error}"),
                            },
                            Ok(None) => {}
                            Err(error) => panic!("{error}"),
                        },
                    }
                }
            });
        }
    });
    must(store.remove(&key(1)));
    assert_eq!(must(store.stats()), Usage::default());
}
