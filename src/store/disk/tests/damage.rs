//! Damaged entries: never wrong bytes, and the next put repairs them.

use std::os::unix::fs::symlink;

use super::*;

const BLOBS: [&str; 3] = ["output", "dependencies", "stderr"];

/// Stores an entry, lets `harm` loose on its directory, and checks that what
/// is read afterwards is right or refused, and that storing works again.
fn survives(what: &str, harm: impl Fn(&Path)) {
    let dir = temporary();
    let store = plain(dir.path());
    for way in ["get", "entry", "copy"] {
        store.put_entry(&key(1), &entry()).expect("to store");
        harm(&path_of(dir.path(), &key(1)));
        for (name, blob) in &entry().blobs {
            let Blob::Bytes(right) = blob else { continue };
            let got = match way {
                "get" => store.get(&key(1), name),
                "entry" => read_entry(&store, name),
                _ => copy_entry(&store, name),
            };
            match got {
                Ok(Some(bytes)) => assert!(bytes == *right, "{what}: wrong bytes in {name}"),
                Ok(None) | Err(Error::Damaged { .. }) => {}
                Err(error) => panic!("{what}: {error}"),
            }
        }
        assert!(
            matches!(store.get_entry(&key(1)), Ok(None)) || is_whole(&store, &key(1)),
            "{what}: neither removed nor right after {way}"
        );
        store.put_entry(&key(1), &entry()).expect("to store again");
        assert!(
            is_whole(&store, &key(1)),
            "{what}: not repaired after {way}"
        );
        assert_eq!(store.stats().expect("stats").entries, 1, "{what}");
        let counted = store.rescan().expect("to count");
        store.put_entry(&key(1), &entry()).expect("to store again");
        assert_eq!(
            store.stats().expect("stats"),
            counted,
            "{what}: ledger drifts"
        );
        assert_eq!(leftovers(dir.path()), 0, "{what}: left something in .tmp");
    }
}

fn read_entry(store: &DiskStore, name: &BlobName) -> Result<Option<Vec<u8>>> {
    match store.get_entry(&key(1))? {
        Some(open) => open.read(name),
        None => Ok(None),
    }
}

fn copy_entry(store: &DiskStore, name: &BlobName) -> Result<Option<Vec<u8>>> {
    use std::io::{Read as _, Seek as _};
    let Some(open) = store.get_entry(&key(1))? else {
        return Ok(None);
    };
    let mut file = tempfile::tempfile().expect("a temporary file");
    if !open.copy_to(name, &file)? {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.rewind().expect("to rewind");
    file.read_to_end(&mut bytes).expect("to read back");
    Ok(Some(bytes))
}

#[test]
fn flipped_bits() {
    for file in BLOBS.into_iter().chain(["index"]) {
        for at in [0, 1, 9, 47, 48, 70, 1000, usize::MAX] {
            survives(&format!("{file} at {at}"), |path| {
                let path = path.join(file);
                let mut bytes = fs_err::read(&path).expect("the file");
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 0x10;
                fs_err::write(&path, bytes).expect("to damage it");
            });
        }
    }
}

#[test]
fn truncated_and_extended_files() {
    for file in BLOBS.into_iter().chain(["index"]) {
        for len in [0, 1, 7, 100, 4096] {
            survives(&format!("{file} cut to {len}"), |path| {
                let path = path.join(file);
                let mut bytes = fs_err::read(&path).expect("the file");
                // Where it is not that long: zeros after the end, as a file
                // system leaves them after a crash.
                bytes.resize(len, 0);
                fs_err::write(&path, bytes).expect("to damage it");
            });
        }
        survives(&format!("{file} with more at its end"), |path| {
            let path = path.join(file);
            let mut bytes = fs_err::read(&path).expect("the file");
            bytes.extend_from_slice(b"more");
            fs_err::write(&path, bytes).expect("to damage it");
        });
    }
}

#[test]
fn missing_files() {
    for file in BLOBS.into_iter().chain(["index", "stdout"]) {
        survives(&format!("no {file}"), |path| {
            fs_err::remove_file(path.join(file)).expect("to remove it");
        });
    }
    survives("an empty directory", |path| {
        fs_err::remove_dir_all(path).expect("to remove it");
        fs_err::create_dir(path).expect("to make it");
    });
}

#[test]
fn other_things_in_the_place_of_files() {
    for file in BLOBS.into_iter().chain(["index"]) {
        survives(&format!("{file} is a directory"), |path| {
            fs_err::remove_file(path.join(file)).expect("to remove it");
            fs_err::create_dir(path.join(file)).expect("to make it");
            fs_err::write(path.join(file).join("x"), "x").expect("to fill it");
        });
        survives(&format!("{file} is a link"), |path| {
            fs_err::rename(path.join(file), path.join("elsewhere")).expect("to move it");
            symlink("elsewhere", path.join(file)).expect("to link it");
        });
        survives(&format!("{file} is a pipe"), |path| {
            fs_err::remove_file(path.join(file)).expect("to remove it");
            let made = rustix::fs::mkfifoat(
                rustix::fs::CWD,
                path.join(file),
                rustix::fs::Mode::from_raw_mode(0o666),
            );
            made.expect("to make a pipe");
        });
    }
}

#[test]
fn other_things_in_the_place_of_directories() {
    survives("the entry is a file", |path| {
        fs_err::remove_dir_all(path).expect("to remove it");
        fs_err::write(path, "x").expect("to write a file");
    });
    survives("the entry is a link", |path| {
        let aside = path.with_extension("aside");
        let _ = fs_err::remove_dir_all(&aside);
        fs_err::rename(path, &aside).expect("to move it");
        symlink(&aside, path).expect("to link it");
    });
}

#[test]
fn a_shard_that_is_a_file_is_put_right() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    let path = path_of(dir.path(), &key(1));
    let shard = path.parent().expect("a shard");
    fs_err::remove_dir_all(shard).expect("to remove it");
    fs_err::write(shard, "x").expect("to write a file");
    assert!(!is_whole(&store, &key(1)));
    store.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&store, &key(1)));
}

#[test]
fn a_namespace_that_is_a_file_is_put_right() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    fs_err::write(dir.path().join("compile"), "x").expect("to write a file");
    let view = store.namespace(&namespace("compile"));
    assert!(!is_whole(&*view, &key(2)));
    view.put_entry(&key(2), &entry()).expect("to store");
    assert!(is_whole(&*view, &key(2)));
}

#[test]
fn a_strayed_entry_is_not_taken_for_another() {
    survives("another entry's directory", |path| {
        let other = temporary();
        let store = plain(other.path());
        let mut wrong = entry();
        wrong.insert(BlobName::OUTPUT, b"another object".to_vec());
        store.put_entry(&key(2), &wrong).expect("to store");
        fs_err::remove_dir_all(path).expect("to remove it");
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .arg(path_of(other.path(), &key(2)))
            .arg(path)
            .status();
        assert!(copied.expect("cp").success());
    });
}

#[test]
fn a_read_only_store_leaves_damage_alone() {
    let dir = temporary();
    plain(dir.path())
        .put_entry(&key(1), &entry())
        .expect("to store");
    let path = path_of(dir.path(), &key(1));
    fs_err::write(path.join("output"), "wrong").expect("to damage it");
    let options = DiskOptions {
        read_only: true,
        ..DiskOptions::default()
    };
    let store = open(dir.path(), options);
    for _ in 0..2 {
        let got = store.get(&key(1), &BlobName::OUTPUT);
        assert!(matches!(got, Err(Error::Damaged { .. })), "{got:?}");
    }
    assert!(path.join("index").exists());
}

#[test]
fn damage_to_what_is_not_an_entry_heals() {
    for file in [".usage", ".machine/evict-plan", "CACHEDIR.TAG"] {
        let dir = temporary();
        let options = DiskOptions {
            max_size: Some(200_000),
            ..DiskOptions::default()
        };
        let store = open(dir.path(), options.clone());
        for n in 0..20 {
            store.put_entry(&key(n), &entry()).expect("to store");
        }
        let path = dir.path().join(file);
        for content in [Some("rubbish\n"), Some(""), None] {
            let _ = fs_err::remove_file(&path);
            if let Some(content) = content {
                fs_err::write(&path, content).expect("to damage it");
            }
            let store = open(dir.path(), options.clone());
            let before = store.stats();
            for n in 20..30 {
                store.put_entry(&key(n), &entry()).expect("to store");
                assert!(is_whole(&store, &key(n)));
            }
            let usage = store.stats().expect("stats");
            assert!(usage.bytes <= 200_000, "{file}: {usage:?} ({before:?})");
            assert_eq!(usage, store.rescan().expect("to count"), "{file}");
        }
    }
}
