//! What is left in `.tmp`, and views on one directory.

use super::*;

#[test]
fn what_dead_processes_left_is_swept() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    let tmp = dir.path().join(".tmp");
    let make = |name: &str| {
        let path = tmp.join(name);
        fs_err::create_dir(&path).expect("to make it");
        fs_err::write(path.join("output"), "half an object").expect("to fill it");
        path
    };
    let scope = crate::sys::unique::pid_scope();
    // A child that has ended: its number is nobody's.
    let mut child = std::process::Command::new("true").spawn().expect("a child");
    let dead = child.id();
    child.wait().expect("its end");
    let here = std::process::id();
    let mine = make(&format!("{here}-{scope:08x}-0000000000000001"));
    let dead_here = make(&format!("{dead}-{scope:08x}-0000000000000002"));
    let elsewhere = make(&format!("{dead}-{:08x}-0000000000000003", !scope));
    let strange = make("strange");
    let old = make("old");
    let file = fs::open(&old).expect("the directory");
    fs::set_times(&file, fs::now() - 4000 * 1_000_000_000).expect("to set its time");
    // Nothing needs to go; the sweep is part of any clean.
    let options = CleanOptions::default();
    store.clean(&options, &mut |_, _| ()).expect("to clean");
    assert!(mine.exists(), "ours, and we live");
    assert!(!dead_here.exists());
    assert!(elsewhere.exists(), "another machine's, and young");
    assert!(strange.exists());
    assert!(!old.exists());
    assert!(is_whole(&store, &key(1)));
}

#[test]
fn two_stores_on_one_directory_share_everything() {
    let dir = temporary();
    let one = plain(dir.path());
    let two = plain(dir.path());
    one.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&two, &key(1)));
    two.put_entry(&key(2), &entry()).expect("to store");
    assert_eq!(one.stats().expect("stats").entries, 2);
    two.remove(&key(1)).expect("to remove");
    assert!(!is_whole(&one, &key(1)));
    assert_eq!(one.stats().expect("stats").entries, 1);
}

#[test]
fn a_relative_directory_stays_where_it_was() {
    let store = plain(Path::new("relative/cache"));
    assert!(store.dir().is_some_and(Path::is_absolute));
}

#[test]
fn no_blob_takes_the_index_s_name() {
    let dir = temporary();
    let store = plain(dir.path());
    assert!(store.put(&key(1), &name("index"), b"x").is_err());
    let mut entry = entry();
    entry.insert(name("index"), b"x".to_vec());
    assert!(store.put_entry(&key(1), &entry).is_err());
    assert!(!store.has(&key(1)).expect("to look"));
}

#[test]
fn a_ledger_that_was_lost_is_counted_anew() {
    let dir = temporary();
    let store = plain(dir.path());
    for n in 0..5 {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    let usage = store.stats().expect("stats");
    let ledger = dir.path().join(".usage");
    fs_err::remove_file(&ledger).expect("to remove it");
    // Only changes are known now, and that is not taken for all there is.
    store.remove(&key(0)).expect("to remove");
    let text = fs_err::read_to_string(&ledger).expect("the ledger");
    assert!(text.starts_with("usage 1 counting "), "{text}");
    store.put_entry(&key(0), &entry()).expect("to store");
    assert_eq!(store.stats().expect("stats"), usage);
    let text = fs_err::read_to_string(&ledger).expect("the ledger");
    assert!(text.starts_with("usage 1 complete "), "{text}");
}

#[test]
fn a_stopped_holder_of_the_ledger_s_lock_stops_nobody() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    let held = fs::open_rw(&dir.path().join(".usage")).expect("the ledger");
    held.lock().expect("its lock");
    store.put_entry(&key(2), &entry()).expect("to store");
    assert!(is_whole(&store, &key(2)));
    assert_eq!(store.stats().expect("stats").entries, 2);
}

#[test]
fn what_all_entries_have_is_one_file() {
    use std::os::unix::fs::MetadataExt;
    let dir = temporary();
    let store = plain(dir.path());
    let mut entry = entry();
    entry.insert(BlobName::EXIT_CODE, b"0".to_vec());
    entry.insert(BlobName::STDOUT, Vec::new());
    entry.insert(BlobName::STDERR, Vec::new());
    let inode = |number: u32, blob: &str| {
        let path = store.place(&key(number)).path.join(blob);
        fs_err::metadata(path).expect("the blob's file").ino()
    };
    let right = |number: u32| {
        let found = store.get_entry(&key(number)).expect("to look").expect("it");
        let read = |name: BlobName| found.read(&name).expect("to read");
        assert_eq!(read(BlobName::EXIT_CODE).as_deref(), Some(&b"0"[..]));
        assert_eq!(read(BlobName::STDERR).as_deref(), Some(&b""[..]));
    };
    store.put_entry(&key(1), &entry).expect("to store");
    let machine = dir.path().join(".machine");
    fs_err::create_dir_all(&machine).expect("to make it");
    for number in 2..5 {
        store.put_entry(&key(number), &entry).expect("to store");
        right(number);
    }
    assert_eq!(inode(3, "stderr"), inode(4, "stdout"));
    assert_eq!(inode(3, "exit_code"), inode(4, "exit_code"));
    assert_ne!(inode(3, "exit_code"), inode(4, "stdout"));
    // Whatever happens to it, or stands in its place.
    fs_err::write(machine.join("blob-success"), "1").expect("to damage it");
    right(3);
    store.put_entry(&key(5), &entry).expect("to store");
    right(5);
    fs_err::remove_file(machine.join("blob-empty")).expect("to remove it");
    fs_err::create_dir(machine.join("blob-empty")).expect("to block it");
    store.put_entry(&key(6), &entry).expect("to store");
    right(6);
}

#[test]
fn puts_that_were_announced_leave_nothing_behind() {
    let dir = temporary();
    let store = plain(dir.path());
    let work = || fs::list(&dir.path().join(".tmp")).expect("to list").len();
    // Before there is a store, nothing is made for one.
    store.expect_put(&key(1), &[]);
    store.expect_put(&key(1), &[]);
    assert!(fs::list(dir.path()).expect("to list").is_empty());
    store.put_entry(&key(1), &entry()).expect("to store");
    store.expect_put(&key(1), &[]);
    store.expect_put(&key(1), &[]);
    assert_eq!(work(), 2);
    for number in [1, 1, 2, 3, 1] {
        store.put_entry(&key(number), &entry()).expect("to store");
        assert!(is_whole(&store, &key(number)));
    }
    store.expect_no_more();
    assert_eq!(work(), 0);
    for number in 1..=3 {
        assert!(is_whole(&store, &key(number)));
    }
    assert_eq!(store.stats().expect("stats").entries, 3);
    // The directory goes in between.
    store.expect_put(&key(1), &[]);
    store.expect_put(&key(1), &[]);
    store.expect_put(&key(1), &[]);
    fs_err::remove_dir_all(dir.path()).expect("to remove it");
    store.put_entry(&key(4), &entry()).expect("to store");
    assert!(is_whole(&store, &key(4)));
    store.expect_no_more();
    assert_eq!(work(), 0);
}

#[test]
fn files_that_were_made_ahead_are_used_or_go() {
    let dir = temporary();
    let store = plain(dir.path());
    let work = || fs::list(&dir.path().join(".tmp")).expect("to list");
    store.put_entry(&key(1), &entry()).expect("to store");
    // All of its blobs, and contents that are links otherwise.
    let whole = entry();
    let names: Vec<BlobName> = whole.blobs.keys().cloned().collect();
    store.expect_put(&key(1), &names);
    let made = dir.path().join(".tmp").join(&work()[0].0);
    assert_eq!(fs::list(&made).expect("to list").len(), names.len() + 1);
    store.put_entry(&key(2), &whole).expect("to store");
    assert!(work().is_empty() && is_whole(&store, &key(2)));
    // An entry without one of them, and one blob beside others, do not take it.
    store.expect_put(&key(1), &names);
    let other = Entry::of(BlobName::MANIFEST, b"other".to_vec());
    store.put_entry(&key(3), &other).expect("to store");
    store
        .put(&key(2), &BlobName::MANIFEST, b"more")
        .expect("to store");
    assert_eq!(work().len(), 1);
    let kept = |number, name| store.get(&key(number), &name).expect("to read");
    assert_eq!(kept(3, BlobName::MANIFEST).as_deref(), Some(&b"other"[..]));
    assert_eq!(kept(2, BlobName::MANIFEST).as_deref(), Some(&b"more"[..]));
    assert!(is_whole(&store, &key(2)));
    let place = dir.path().join("03").join(key(3).hex());
    let files = fs::list(&place).expect("to list");
    assert_eq!(files.len(), 2, "the blob and the index");
    store.expect_no_more();
    assert!(work().is_empty());
    // Each of those that are expected finds its own.
    store.expect_put(&key(1), &names);
    store.expect_put(&key(1), &[BlobName::MANIFEST]);
    store.put_entry(&key(3), &other).expect("to store");
    assert_eq!(work().len(), 1, "its own");
    store.put_entry(&key(4), &whole).expect("to store");
    assert!(is_whole(&store, &key(4)));
    store.expect_no_more();
    assert!(work().is_empty());
}

#[test]
fn a_put_that_was_announced_finds_its_shard() {
    let dir = temporary();
    let store = plain(dir.path());
    store.expect_put(&key(7), &[]);
    let shard = dir.path().join("07");
    assert!(!shard.exists(), "there is no store yet");
    store.put_entry(&key(1), &entry()).expect("to store");
    store.expect_put(&key(7), &[]);
    assert!(shard.is_dir());
    // One that has gone in the meantime, and one that something stands in the way of.
    fs_err::remove_dir(&shard).expect("to remove it");
    store.put_entry(&key(7), &entry()).expect("to store");
    fs_err::write(dir.path().join("08"), "").expect("to block it");
    store.expect_put(&key(8), &[]);
    store.put_entry(&key(8), &entry()).expect("to store");
    store.expect_no_more();
    assert!(is_whole(&store, &key(7)) && is_whole(&store, &key(8)));
}

#[test]
fn a_spare_directory_waits_for_the_next_entry() {
    let dir = temporary();
    let machine = dir.path().join(".machine");
    fs_err::create_dir_all(&machine).expect("to make it");
    let spare = machine.join("spare");
    let work = || fs::list(&dir.path().join(".tmp")).expect("to list").len();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    store.expect_put(&key(1), &[]);
    store.put_entry(&key(1), &entry()).expect("to store");
    store.expect_no_more();
    let left = fs::list(&spare)
        .expect("what the second put replaced")
        .len();
    assert!(left > 1, "not emptied yet");
    assert_eq!(work(), 0);
    // The next process: one is made, the spare one is taken.
    let next = plain(dir.path());
    next.expect_put(&key(1), &[]);
    next.expect_put(&key(1), &[]);
    assert!(!spare.exists());
    assert_eq!(work(), 2);
    for (name, _) in fs::list(&dir.path().join(".tmp")).expect("to list") {
        let files = fs::list(&dir.path().join(".tmp").join(name)).expect("to list");
        assert_eq!(files.len(), 1, "an empty index and nothing else");
    }
    next.put_entry(&key(2), &entry()).expect("to store");
    next.put_entry(&key(3), &entry()).expect("to store");
    next.expect_no_more();
    assert!(is_whole(&next, &key(2)) && is_whole(&next, &key(3)));
    // What is large goes at once.
    let mut random = vec![0; 2 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut random);
    let large = Entry::of(BlobName::OUTPUT, random);
    for _ in 0..2 {
        next.expect_put(&key(1), &[]);
        next.put_entry(&key(5), &large).expect("to store");
    }
    assert!(!spare.exists());
    // One with a directory in it is no spare one, and goes.
    fs_err::create_dir_all(spare.join("strange")).expect("to make it");
    next.expect_put(&key(1), &[]);
    next.expect_put(&key(1), &[]);
    next.expect_no_more();
    assert_eq!(work(), 0);
    assert!(is_whole(&next, &key(1)));
    // A clean leaves nothing that was replaced behind.
    next.expect_put(&key(1), &[]);
    next.put_entry(&key(1), &entry()).expect("to store");
    next.expect_no_more();
    assert!(spare.exists());
    let all = CleanOptions::default();
    next.clean(&all, &mut |_, _| ()).expect("to clean");
    assert!(!spare.exists() && is_whole(&next, &key(1)));
}
