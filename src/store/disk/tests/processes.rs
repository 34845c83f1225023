//! Many processes on one directory, some of them killed. The processes are
//! this test program itself, told by the environment to run `worker` only.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;

const DIR: &str = "CACHE_STORE_TEST_DIR";
const SEED: &str = "CACHE_STORE_TEST_SEED";
const MAX: &str = "CACHE_STORE_TEST_MAX";
const ROUNDS: &str = "CACHE_STORE_TEST_ROUNDS";

/// Keys that the workers use.
const KEYS: u32 = 60;

/// An entry that depends on its key only, as a compile's result does.
fn result(n: u32) -> Entry {
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, noise(4000 + 100 * n as usize));
    entry.insert(
        BlobName::DEPENDENCIES,
        format!("{n}\n").repeat(500).into_bytes(),
    );
    entry.insert(BlobName::STDERR, n.to_string().into_bytes());
    entry
}

/// Reads the entry of `n`; whether it is there. Panics on wrong bytes.
fn check(store: &dyn Store, n: u32) -> bool {
    let open = match store.get_entry(&key(n)) {
        Ok(Some(open)) => open,
        Ok(None) | Err(Error::Damaged { .. }) => return false,
        Err(error) => panic!("{error}"),
    };
    for (name, blob) in &result(n).blobs {
        let Blob::Bytes(right) = blob else { continue };
        match open.read(name) {
            Ok(got) => assert!(got.as_ref() == Some(right), "wrong bytes in {name} of {n}"),
            Err(Error::Damaged { .. }) => return false,
            Err(error) => panic!("{error}"),
        }
    }
    true
}

/// What each of the processes does; run by [`spawn`] only.
#[test]
#[ignore = "run by the other tests, in processes of its own"]
fn worker() {
    let value = |name: &str| std::env::var(name).ok();
    let Some(dir) = value(DIR) else { return };
    let number = |name| value(name).and_then(|text| text.parse::<u64>().ok());
    let options = DiskOptions {
        max_size: number(MAX),
        ..DiskOptions::default()
    };
    let root = open(Path::new(&dir), options);
    let view = root.namespace(&namespace("compile"));
    let mut state = number(SEED).unwrap_or(1);
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    for _ in 0..number(ROUNDS).unwrap_or(50) {
        let n = next(KEYS.into()) as u32;
        match next(20) {
            0 => drop(view.remove(&key(n)).expect("to remove")),
            1 => drop(root.stats().expect("stats")),
            _ => {
                if !check(&*view, n) {
                    view.put_entry(&key(n), &result(n)).expect("to store");
                }
            }
        }
    }
}

fn spawn(dir: &Path, seed: u64, max: Option<u64>, rounds: u64) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command
        .args([
            "--ignored",
            "--exact",
            "store::disk::tests::processes::worker",
        ])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(max) = max {
        command.env(MAX, max.to_string());
    }
    command.spawn().expect("to start a worker")
}

fn finish(child: Child) {
    let output = child.wait_with_output().expect("the worker's end");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "the worker did not run: {text}");
}

#[test]
fn twenty_processes_on_a_new_directory() {
    let dir = temporary();
    let root = dir.path().join("cache");
    let workers: Vec<_> = (0..20).map(|n| spawn(&root, n + 1, None, 40)).collect();
    workers.into_iter().for_each(finish);
    let store = plain(&root);
    let there = (0..KEYS).filter(|n| check(&store, *n)).count();
    assert!(there > 30, "{there}");
    let usage = store.stats().expect("stats");
    assert_eq!(usage.entries, there as u64);
    assert_eq!(
        usage,
        store.rescan().expect("to count"),
        "the ledger drifted"
    );
    assert_eq!(leftovers(&root), 0);
}

#[test]
fn twenty_processes_within_a_budget() {
    let dir = temporary();
    let max = 400_000;
    let workers: Vec<_> = (0..20)
        .map(|n| spawn(dir.path(), n + 1, Some(max), 60))
        .collect();
    workers.into_iter().for_each(finish);
    let store = plain(dir.path());
    let usage = store.stats().expect("stats");
    let counted = store.rescan().expect("to count");
    assert!(usage.bytes <= max, "{usage:?}");
    assert!(counted.bytes <= max, "{counted:?}");
    assert!(
        counted.bytes >= max / 2,
        "{counted:?}: evicted more than needed"
    );
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn killed_processes_leave_whole_entries() {
    let dir = temporary();
    let max = 600_000;
    for round in 0..30_u64 {
        let mut workers: Vec<_> = (0..3)
            .map(|n| spawn(dir.path(), round * 3 + n + 1, Some(max), 100_000))
            .collect();
        // Not before they have begun, and then at any moment.
        let until = Instant::now() + Duration::from_millis(30 + round * 7 % 50);
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        for worker in &mut workers {
            worker.kill().expect("to kill");
        }
        for worker in &mut workers {
            worker.wait().expect("its end");
        }
    }
    let options = DiskOptions {
        max_size: Some(max),
        ..DiskOptions::default()
    };
    let store = open(dir.path(), options);
    let view = store.namespace(&namespace("compile"));
    // Whatever is there is whole: nothing to repair, no half entry.
    let mut there = 0;
    for n in 0..KEYS {
        match view.get_entry(&key(n)) {
            Ok(Some(open)) => {
                assert_eq!(open.names().len(), 3);
                assert!(check(&*view, n));
                there += 1;
            }
            Ok(None) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(there > 0);
    let usage = store.stats().expect("stats");
    let counted = store.rescan().expect("to count");
    // What a killed process was about to credit or charge may be missing until
    // the next scan: at most one entry for each that was killed in a round.
    assert!(
        usage.entries + 3 >= counted.entries,
        "{usage:?} below {counted:?}"
    );
    // And the next ones go on, and clean up.
    for n in 0..KEYS {
        view.put_entry(&key(n), &result(n)).expect("to store");
    }
    assert!(store.rescan().expect("to count").bytes <= max);
    store
        .clean(&CleanOptions::default(), &mut |_, _| ())
        .expect("to clean");
    assert_eq!(leftovers(dir.path()), 0, "garbage of the dead stays");
}

#[test]
fn the_directory_removed_under_running_processes() {
    let dir = temporary();
    let root = dir.path().join("cache");
    let readers: Vec<_> = (0..4)
        .map(|n| {
            let root = root.clone();
            std::thread::spawn(move || {
                let store = plain(&root).namespace(&namespace("compile"));
                for round in 0..60 {
                    let n = (round * 7 + n) % KEYS;
                    // May fail, never lie.
                    if store.get_entry(&key(n)).is_ok_and(|found| found.is_some()) {
                        let _ = store.get(&key(n), &BlobName::OUTPUT).map(|got| {
                            let right = noise(4000 + 100 * n as usize);
                            assert!(got.is_none_or(|bytes| bytes == right));
                        });
                    }
                    let _ = store.put_entry(&key(n), &result(n));
                }
            })
        })
        .collect();
    for _ in 0..40 {
        fs::remove_all(&root);
        std::thread::sleep(Duration::from_millis(2));
    }
    for reader in readers {
        reader.join().expect("no panic");
    }
    let store = plain(&root);
    store.put_entry(&key(1), &result(1)).expect("to store");
    assert!(check(&store, 1));
}

#[test]
fn cleaning_under_running_writers() {
    let dir = temporary();
    let workers: Vec<_> = (0..6)
        .map(|n| spawn(dir.path(), n + 1, None, 150))
        .collect();
    let store = plain(dir.path());
    for _ in 0..20 {
        clean_all(&store).expect("to clean");
        std::thread::sleep(Duration::from_millis(5));
    }
    workers.into_iter().for_each(finish);
    let usage = store.stats().expect("stats");
    let counted = store.rescan().expect("to count");
    assert!(usage.bytes >= counted.bytes, "{usage:?} below {counted:?}");
    clean_all(&store).expect("to clean");
    assert_eq!(store.rescan().expect("to count"), Usage::default());
}
