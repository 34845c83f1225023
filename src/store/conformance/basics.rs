//! One store, one thread, no limits.

use std::io::{Read as _, Seek as _};

use super::*;
use crate::entry::Blob;

pub(super) fn absent_is_not_an_error(make: Make<'_>) {
    let store = make(Limits::default());
    let key = key(1);
    assert_eq!(must(store.get(&key, &BlobName::OUTPUT)), None);
    assert!(!must(store.has(&key)));
    assert!(must(store.get_entry(&key)).is_none());
    assert!(!must(store.remove(&key)));
    assert_eq!(must(store.stats()), Usage::default());
    assert_eq!(clean(&*store, max_size(0), false), Cleaned::default());
}

pub(super) fn what_was_put_is_got(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put(&key(1), &BlobName::OUTPUT, b"object"));
    assert_eq!(
        must(store.get(&key(1), &BlobName::OUTPUT)),
        Some(b"object".to_vec())
    );
    assert_eq!(must(store.get(&key(1), &BlobName::STDERR)), None);
    assert_eq!(must(store.get(&key(2), &BlobName::OUTPUT)), None);
    assert!(must(store.has(&key(1))));
    assert!(!must(store.has(&key(2))));
}

pub(super) fn put_keeps_the_other_blobs(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put_entry(&key(1), &entry(1)));
    must(store.put(&key(1), &name("dwo"), b"split debug"));
    let dwo = must(store.get(&key(1), &name("dwo")));
    assert_eq!(dwo, Some(b"split debug".to_vec()));
    let output = must(store.get(&key(1), &BlobName::OUTPUT));
    assert_eq!(output, Some(noise(1, 9000)));
    let open = must(store.get_entry(&key(1))).expect("the entry");
    assert_eq!(open.names().len(), 5);
    assert_eq!(must(store.stats()).entries, 1);
}

pub(super) fn put_replaces_the_blob(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put(&key(1), &BlobName::OUTPUT, &noise(1, 5000)));
    must(store.put(&key(1), &BlobName::OUTPUT, b"short"));
    let got = must(store.get(&key(1), &BlobName::OUTPUT));
    assert_eq!(got, Some(b"short".to_vec()));
    assert_eq!(must(store.stats()).entries, 1);
}

pub(super) fn put_entry_replaces_all(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put(&key(1), &name("dwo"), b"of the old version"));
    must(store.put_entry(&key(1), &entry(1)));
    assert!(holds(&*store, 1));
    assert_eq!(must(store.get(&key(1), &name("dwo"))), None);
    assert_eq!(must(store.stats()).entries, 1);
}

pub(super) fn an_open_entry_shows_its_blobs(make: Make<'_>) {
    let store = make(Limits::default());
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, noise(3, 100_000));
    entry.insert(BlobName::DEPENDENCIES, b"x.h".repeat(2000));
    entry.insert(BlobName::STDOUT, Vec::new());
    must(store.put_entry(&key(1), &entry));
    let open = must(store.get_entry(&key(1))).expect("the entry");
    let names = [BlobName::DEPENDENCIES, BlobName::OUTPUT, BlobName::STDOUT];
    assert_eq!(open.names(), names, "sorted by name");
    assert_eq!(open.len(&BlobName::DEPENDENCIES), Some(6000));
    assert_eq!(open.len(&BlobName::STDOUT), Some(0));
    assert_eq!(open.len(&BlobName::STDERR), None);
    assert_eq!(must(open.read(&BlobName::STDERR)), None);
    let mut file = tempfile::tempfile().expect("a temporary file");
    assert!(!must(open.copy_to(&BlobName::STDERR, &file)));
    for name in names {
        let bytes = must(open.read(&name)).expect("the blob");
        assert_eq!(Some(bytes.len() as u64), open.len(&name));
        file = tempfile::tempfile().expect("a temporary file");
        assert!(must(open.copy_to(&name, &file)));
        let mut copied = Vec::new();
        file.rewind().expect("to rewind");
        file.read_to_end(&mut copied).expect("to read back");
        assert!(copied == bytes, "{name} copied is {name} read");
        if let Some(path) = open.raw_path(&name) {
            let raw = fs_err::read(path).expect("to read the raw file");
            assert!(raw == bytes, "{name} raw is {name} read");
        }
    }
}

pub(super) fn blobs_of_any_size(make: Make<'_>) {
    let store = make(Limits::default());
    // Around powers of two, blocks and buffers; compressible or not.
    let lens = [
        0,
        1,
        255,
        256,
        4095,
        4096,
        4097,
        65_536,
        262_145,
        5 << 20,
        (16 << 20) + 1,
    ];
    for (n, len) in lens.into_iter().enumerate() {
        let mut entry = Entry::default();
        entry.insert(name("noise"), noise(len as u64, len));
        entry.insert(name("same"), vec![b'x'; len]);
        must(store.put_entry(&key(n as u32), &entry));
        let open = must(store.get_entry(&key(n as u32))).expect("the entry");
        for (name, blob) in &entry.blobs {
            let Blob::Bytes(bytes) = blob else { continue };
            assert!(
                must(open.read(name)).as_ref() == Some(bytes),
                "{name} {len}"
            );
            let mut file = tempfile::tempfile().expect("a temporary file");
            assert!(must(open.copy_to(name, &file)));
            let mut copied = Vec::new();
            file.rewind().expect("to rewind");
            file.read_to_end(&mut copied).expect("to read back");
            assert!(copied == *bytes, "{name} {len} copied");
        }
    }
}

pub(super) fn blobs_out_of_files(make: Make<'_>) {
    let store = make(Limits::default());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let contents = [
        Vec::new(),
        b"small".to_vec(),
        noise(1, 70_000),
        b"int main(void);\n".repeat(20_000),
        noise(2, 6 << 20),
        b"compresses well ".repeat(500_000),
    ];
    for (n, content) in contents.iter().enumerate() {
        let path = dir.path().join("x.o");
        fs_err::write(&path, content).expect("to write the source");
        let mut entry = Entry::default();
        entry.insert(BlobName::OUTPUT, Blob::File(path.clone()));
        must(store.put_entry(&key(n as u32), &entry));
        fs_err::remove_file(&path).expect("to remove the source");
        let got = must(store.get(&key(n as u32), &BlobName::OUTPUT));
        assert!(got.as_ref() == Some(content), "file {n}");
    }
    let before = must(store.stats());
    let mut entry = entry(99);
    entry.insert(BlobName::OUTPUT, Blob::File(dir.path().join("missing")));
    assert!(store.put_entry(&key(99), &entry).is_err());
    assert!(!must(store.has(&key(99))), "stored without its output");
    assert_eq!(must(store.stats()), before);
}

pub(super) fn keys_of_any_bytes(make: Make<'_>) {
    let store = make(Limits::default());
    let mut keys = vec![
        Key([0; 32]),
        Key([0xff; 32]),
        Key(*b"../../../../../../etc/passwd\0\n/."),
    ];
    let mut last = [0; 32];
    last[31] = 1;
    keys.push(Key(last));
    for (n, key) in keys.iter().enumerate() {
        must(store.put(key, &BlobName::OUTPUT, &[n as u8]));
    }
    for (n, key) in keys.iter().enumerate() {
        let got = must(store.get(key, &BlobName::OUTPUT));
        assert_eq!(got, Some(vec![n as u8]));
    }
    assert_eq!(must(store.stats()).entries, keys.len() as u64);
}

pub(super) fn remove_makes_absent(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put_entry(&key(1), &entry(1)));
    must(store.put_entry(&key(2), &entry(2)));
    assert!(must(store.remove(&key(1))));
    assert!(!must(store.has(&key(1))));
    assert!(!holds(&*store, 1));
    assert!(!must(store.remove(&key(1))));
    assert!(holds(&*store, 2));
    must(store.put_entry(&key(1), &entry(1)));
    assert!(holds(&*store, 1));
}

pub(super) fn stats_count_entries_and_bytes(make: Make<'_>) {
    let store = make(Limits::default());
    for n in 0..5 {
        must(store.put_entry(&key(n), &entry(n)));
    }
    let usage = must(store.stats());
    assert_eq!(usage.entries, 5);
    assert!(usage.bytes >= 5 * 9000, "{usage:?}");
    for n in 0..5 {
        must(store.remove(&key(n)));
    }
    assert_eq!(must(store.stats()), Usage::default());
}

pub(super) fn an_open_entry_outlives_the_store_s(make: Make<'_>) {
    let store = make(Limits::default());
    let stays_or_fails = |open: &dyn OpenEntry| match open.read(&BlobName::OUTPUT) {
        Ok(Some(bytes)) => assert!(bytes == noise(1, 9000), "another version's bytes"),
        Ok(None) => panic!("the blob vanished silently"),
        Err(Error::Damaged { .. }) => {}
        Err(error) => panic!("{error}"),
    };
    must(store.put_entry(&key(1), &entry(1)));
    let open = must(store.get_entry(&key(1))).expect("the entry");
    must(store.put_entry(&key(1), &entry(2)));
    stays_or_fails(&*open);
    let output = must(store.get(&key(1), &BlobName::OUTPUT));
    assert!(
        output == Some(noise(2, 9000)),
        "reading the old removed the new"
    );

    must(store.put_entry(&key(1), &entry(1)));
    let open = must(store.get_entry(&key(1))).expect("the entry");
    must(store.remove(&key(1)));
    stays_or_fails(&*open);
}

pub(super) fn an_entry_without_blobs(make: Make<'_>) {
    let store = make(Limits::default());
    must(store.put_entry(&key(1), &Entry::default()));
    let open = must(store.get_entry(&key(1))).expect("the entry");
    assert!(open.names().is_empty());
}
