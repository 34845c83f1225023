//! A large store, for figures: made once, measured by hand.
//!
//! ```text
//! LARGE_STORE=<dir> LARGE_STORE_ENTRIES=200000 cargo test --release --lib -- \
//!     --ignored --exact --nocapture store::disk::tests::large::fill
//! ```

use std::sync::Mutex;
use std::time::Instant;

use super::*;

const DIR: &str = "LARGE_STORE";
const ENTRIES: &str = "LARGE_STORE_ENTRIES";

/// A key as a digest gives it.
fn digest(n: u64) -> Key {
    Key(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

fn settings() -> Option<(PathBuf, u64)> {
    let dir = std::env::var_os(DIR)?;
    let entries = std::env::var(ENTRIES).ok().and_then(|n| n.parse().ok());
    Some((dir.into(), entries.unwrap_or(200_000)))
}

/// Puts entries like those of small compiles into the store at `LARGE_STORE`.
#[test]
#[ignore = "fills a disk; run by hand"]
fn fill() {
    let Some((dir, entries)) = settings() else {
        return;
    };
    let store = plain(&dir);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..2 {
            let store = &store;
            scope.spawn(move || {
                let results = store.namespace(&namespace("compile"));
                let manifests = store.namespace(&namespace("manifest"));
                for n in (0..entries / 2).filter(|n| n % 2 == part) {
                    let mut result = Entry::default();
                    result.insert(BlobName::OUTPUT, noise(600));
                    result.insert(BlobName::STDERR, Vec::new());
                    result.insert(BlobName::STDOUT, Vec::new());
                    result.insert(name("metadata"), noise(200));
                    result.insert(name("exit_code"), b"0".to_vec());
                    let mut manifest = Entry::default();
                    manifest.insert(name("manifest"), noise(1500));
                    let (a, b) = (digest(2 * n), digest(2 * n + 1));
                    results.put_entry(&a, &result).expect("to store");
                    manifests.put_entry(&b, &manifest).expect("to store");
                }
            });
        }
    });
    println!("{:?} in {:?}", store.stats(), begin.elapsed());
}

/// How long puts take that evict, on the store at `LARGE_STORE`: with a budget
/// a little below what it holds, with half of it, and without a ledger.
#[test]
#[ignore = "run by hand"]
fn evicting_puts() {
    let Some((dir, _)) = settings() else { return };
    let all = plain(&dir).stats().expect("stats").bytes;
    let mut n = 1 << 40;
    for (what, max, ledger) in [
        ("just above", all - all / 1000, true),
        ("halved", all / 2, true),
        ("no ledger", all / 2, false),
    ] {
        if !ledger {
            fs_err::remove_file(dir.join(usage::FILE)).expect("the ledger");
        }
        let options = DiskOptions {
            max_size: Some(max),
            ..DiskOptions::default()
        };
        let mut times = Vec::new();
        for _ in 0..1000 {
            let store = open(&dir, options.clone());
            n += 1;
            let begin = Instant::now();
            store.put_entry(&digest(n), &entry()).expect("to store");
            times.push(begin.elapsed());
            let book = store.shared.ledger.read().filter(|book| book.complete);
            if book.is_some_and(|book| book.sum("").bytes <= max) && times.len() > 300 {
                break;
            }
        }
        let puts = times.len();
        times.sort();
        let book = plain(&dir).shared.ledger.read();
        println!(
            "{what}: {puts} puts, median {:?}, 99 % {:?}, longest {:?}; {:?} of {max}",
            times[puts / 2],
            times[puts * 99 / 100],
            times[puts - 1],
            book.map(|book| (book.complete, book.sum(""))),
        );
    }
}

/// `clean` to half of what the store at `LARGE_STORE` holds.
#[test]
#[ignore = "run by hand"]
fn clean_to_half() {
    let Some((dir, _)) = settings() else { return };
    let store = plain(&dir);
    let limits = Limits {
        max_size: Some(store.stats().expect("stats").bytes / 2),
        max_age: None,
    };
    for dry_run in [true, false] {
        let options = CleanOptions {
            limits,
            dry_run,
            patience: None,
        };
        let begin = Instant::now();
        let cleaned = store.clean(&options, &mut |_, _| ()).expect("to clean");
        println!("dry run {dry_run}: {cleaned:?} in {:?}", begin.elapsed());
    }
}

/// The longest of puts that evict and of such that need not, two at a time: together,
/// what is evicted being taken apart by the puts themselves or by another thread.
#[test]
#[ignore = "run by hand"]
fn longest_puts() {
    let Some((dir, _)) = settings() else { return };
    let mut first = 1 << 41;
    for what in ["plain", "evicting", "freeing later"].repeat(2) {
        let full = plain(&dir).stats().expect("stats").bytes;
        let options = DiskOptions {
            max_size: (what != "plain").then_some(full),
            free_later: what == "freeing later",
            ..DiskOptions::default()
        };
        let times = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (times, dir, options) = (&times, &dir, &options);
                scope.spawn(move || {
                    for n in 0..2000 {
                        let begin = Instant::now();
                        let store = open(dir, options.clone());
                        let key = digest(first + 2 * n + thread);
                        store.put_entry(&key, &entry()).expect("to store");
                        if store.owes_space() {
                            scope.spawn(move || store.free_removed(&mut |_, _| ()));
                        }
                        times.lock().expect("no panic").push(begin.elapsed());
                    }
                });
            }
        });
        let mut times = times.into_inner().expect("no panic");
        times.sort();
        let longest: Vec<_> = times.iter().rev().take(8).collect();
        let median = times[times.len() / 2];
        println!("{what}: median {median:?}, longest {longest:.1?}");
        first += 1 << 20;
    }
}
