//! Directories that are not as one would wish: somebody else's, missing,
//! read-only, full, in the way.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

#[test]
fn opening_and_looking_make_nothing() {
    let dir = temporary();
    let root = dir.path().join("cache");
    let store = plain(&root);
    assert!(store.get_entry(&key(1)).expect("to look").is_none());
    assert_eq!(
        store.get(&key(1), &BlobName::OUTPUT).expect("to look"),
        None
    );
    assert!(!store.has(&key(1)).expect("to look"));
    assert!(!store.remove(&key(1)).expect("to look"));
    assert_eq!(store.stats().expect("stats"), Usage::default());
    assert_eq!(store.rescan().expect("to count"), Usage::default());
    assert_eq!(clean_all(&store).expect("to clean"), Cleaned::default());
    assert!(!root.exists());
}

#[test]
fn somebody_else_s_directory_is_refused() {
    let dir = temporary();
    fs_err::write(dir.path().join("thesis.tex"), "years of work").expect("to write");
    // Even where names look like ours.
    let fake = path_of(dir.path(), &key(1));
    fs_err::create_dir_all(&fake).expect("to make it");
    fs_err::write(fake.join("index"), "x").expect("to write");
    let store = plain(dir.path());
    let refused = |result: Result<()>| {
        let error = result.expect_err("not a store");
        assert!(matches!(error, Error::NotAStore { .. }), "{error}");
    };
    refused(store.put_entry(&key(1), &entry()));
    refused(store.put(&key(1), &BlobName::OUTPUT, b"x"));
    refused(clean_all(&store).map(drop));
    refused(store.stats().map(drop));
    refused(store.rescan().map(drop));
    let view = store.namespace(&namespace("compile"));
    refused(view.put_entry(&key(1), &entry()));
    refused(clean_all(&*view).map(drop));
    // What looks damaged is not removed here either.
    assert!(store.get_entry(&key(1)).is_err());
    refused(store.remove(&key(1)).map(drop));
    assert!(fake.join("index").exists());
    let mut names: Vec<_> = fs::list(dir.path()).expect("a listing");
    names.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn another_program_s_cache_is_refused() {
    let dir = temporary();
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# somebody else's\n";
    fs_err::write(dir.path().join("CACHEDIR.TAG"), tag).expect("to write");
    let error = plain(dir.path()).put_entry(&key(1), &entry());
    assert!(matches!(error, Err(Error::NotAStore { .. })));
}

#[test]
fn another_version_s_store_is_refused() {
    let dir = temporary();
    plain(dir.path())
        .put_entry(&key(1), &entry())
        .expect("to store");
    fs_err::write(dir.path().join("cache-format"), "cache-format 2\n").expect("to write");
    let store = plain(dir.path());
    let error = store
        .put_entry(&key(2), &entry())
        .expect_err("another version");
    assert!(error.to_string().contains("cache-format 2"), "{error}");
    assert!(matches!(clean_all(&store), Err(Error::NotAStore { .. })));
    // Unknown lines of this version are fine.
    let text = "cache-format 1\nclone no\nsomething new\n";
    fs_err::write(dir.path().join("cache-format"), text).expect("to write");
    plain(dir.path())
        .put_entry(&key(2), &entry())
        .expect("to store");
}

#[test]
fn our_own_work_files_do_not_make_it_somebody_else_s() {
    let dir = temporary();
    for name in [".journal", ".machine", ".tmp"] {
        fs_err::create_dir(dir.path().join(name)).expect("to make it");
    }
    fs_err::write(dir.path().join(".journal/host.1"), "events").expect("to write");
    let store = plain(dir.path());
    assert_eq!(store.stats().expect("stats"), Usage::default());
    assert_eq!(clean_all(&store).expect("to clean"), Cleaned::default());
    store.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&store, &key(1)));
    clean_all(&store).expect("to clean");
    assert!(dir.path().join(".journal/host.1").exists());
}

/// A ledger that tells of entries that are gone is not believed.
#[test]
fn a_directory_emptied_by_hand_starts_from_nothing() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    let unit = store.stats().expect("stats");
    for (name, _) in fs::list(dir.path()).expect("a listing") {
        if !name.to_string_lossy().starts_with('.') {
            fs::remove_all(&dir.path().join(name));
        }
    }
    let store = plain(dir.path());
    store.put_entry(&key(2), &entry()).expect("to store");
    assert_eq!(store.stats().expect("stats"), unit);
}

/// A link that leads back into the store must not make entries count twice,
/// one that leads out of it must not be followed by a clean.
#[test]
fn links_are_not_followed() {
    let dir = temporary();
    let outside = temporary();
    fs_err::write(outside.path().join("thesis.tex"), "years of work").expect("to write");
    let store = plain(dir.path());
    let view = store.namespace(&namespace("compile"));
    view.put_entry(&key(1), &entry()).expect("to store");
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, dir.path().join(name)).expect("to link");
    };
    link(dir.path(), "loop");
    link(outside.path(), "outside");
    link(&dir.path().join("compile"), "again");
    assert_eq!(store.rescan().expect("to count").entries, 1);
    assert!(store.get_entry(&key(2)).expect("to look").is_none());
    assert_eq!(clean_all(&store).expect("to clean").removed.entries, 1);
    assert!(outside.path().join("thesis.tex").exists());
}

#[test]
fn clean_leaves_a_store() {
    let dir = temporary();
    let store = plain(dir.path());
    for n in 0..5 {
        let view = store.namespace(&namespace("compile"));
        view.put_entry(&key(n), &entry()).expect("to store");
    }
    clean_all(&store).expect("to clean");
    assert!(dir.path().join("CACHEDIR.TAG").exists());
    assert!(
        !dir.path().join("compile").exists(),
        "empty directories stay"
    );
    let again = store.namespace(&namespace("compile"));
    again.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&*again, &key(1)));
}

#[test]
fn a_file_in_the_place_of_the_directory_is_an_error() {
    let dir = temporary();
    let root = dir.path().join("cache");
    fs_err::write(&root, "a file").expect("to write");
    let store = plain(&root);
    let view = store.namespace(&namespace("compile"));
    for store in [&store as &dyn Store, &*view] {
        assert!(store.get_entry(&key(1)).is_err());
        assert!(store.get(&key(1), &BlobName::OUTPUT).is_err());
        assert!(store.put_entry(&key(1), &entry()).is_err());
        assert!(store.put(&key(1), &BlobName::OUTPUT, b"x").is_err());
        assert!(clean_all(store).is_err());
    }
    assert_eq!(fs_err::read_to_string(&root).expect("the file"), "a file");
}

#[test]
fn the_directory_removed_in_the_middle_is_made_again() {
    let dir = temporary();
    let root = dir.path().join("cache");
    let store = plain(&root);
    let view = store.namespace(&namespace("compile"));
    view.put_entry(&key(1), &entry()).expect("to store");
    let open = view
        .get_entry(&key(1))
        .expect("to open")
        .expect("the entry");
    for part in ["", ".tmp", "compile"] {
        fs::remove_all(&root.join(part));
        assert!(view.get_entry(&key(2)).expect("to look").is_none());
        view.put_entry(&key(1), &entry()).expect("to store again");
        assert!(is_whole(&*view, &key(1)), "after removing {part:?}");
        view.put(&key(2), &BlobName::OUTPUT, b"x")
            .expect("to store");
        view.remove(&key(2)).expect("to remove");
    }
    let gone = open.read(&BlobName::OUTPUT);
    assert!(matches!(gone, Err(Error::Damaged { .. })), "{gone:?}");
    assert!(is_whole(&*view, &key(1)), "reading the old removed the new");
}

/// `rm -rf` in the middle of a build can take the marker and leave an entry
/// that was stored behind its back. That must not be the end of the cache.
#[test]
fn entries_that_outlived_their_marker_are_taken_in() {
    let dir = temporary();
    let store = plain(dir.path());
    let view = store.namespace(&namespace("compile"));
    view.put_entry(&key(1), &entry()).expect("to store");
    let unit = store.stats().expect("stats").bytes;
    let remove = |name: &str| fs::remove_all(&dir.path().join(name));
    for with_ledger in [true, false] {
        remove("cache-format");
        remove("CACHEDIR.TAG");
        if !with_ledger {
            remove(".usage");
        }
        // Without the marker nothing is removed; the next write brings it back.
        let store = plain(dir.path());
        assert!(matches!(clean_all(&store), Err(Error::NotAStore { .. })));
        store.put_entry(&key(2), &entry()).expect("to store");
        assert_eq!(store.stats().expect("stats").bytes, 2 * unit);
        assert!(is_whole(&store, &key(1)));
    }
    // A tag of ours is enough, too.
    for damage in [None, Some("nonsense")] {
        remove("cache-format");
        if let Some(text) = damage {
            fs_err::write(dir.path().join("cache-format"), text).expect("to write");
        }
        plain(dir.path()).prepare().expect("a store of ours");
        assert!(is_whole(&plain(dir.path()), &key(1)));
    }
    // With anything else in it, it may be somebody else's.
    remove("cache-format");
    remove("CACHEDIR.TAG");
    fs_err::write(dir.path().join("compile/thesis.tex"), "years of work").expect("to write");
    let refused = plain(dir.path()).put_entry(&key(3), &entry());
    assert!(matches!(refused, Err(Error::NotAStore { .. })));
}

#[test]
fn nothing_is_written_to_a_read_only_store() {
    let dir = temporary();
    plain(dir.path())
        .put_entry(&key(1), &entry())
        .expect("to store");
    let index = path_of(dir.path(), &key(1)).join("index");
    let before = fs::stat(&index).expect("the index");
    let options = DiskOptions {
        read_only: true,
        ..DiskOptions::default()
    };
    let store = open(dir.path(), options);
    assert!(is_whole(&store, &key(1)));
    assert_eq!(fs::stat(&index).expect("the index"), before);
    let refused = |result: Result<()>| assert!(matches!(result, Err(Error::ReadOnly { .. })));
    refused(store.put_entry(&key(2), &entry()));
    refused(store.put(&key(1), &BlobName::OUTPUT, b"x"));
    refused(store.remove(&key(1)).map(drop));
    refused(clean_all(&store).map(drop));
    assert_eq!(store.stats().expect("stats").entries, 1);
    fs_err::remove_file(dir.path().join(".usage")).expect("to remove it");
    assert_eq!(store.stats().expect("stats").entries, 1);
    assert!(!dir.path().join(".usage").exists());
}

/// Mounts a file system on a fresh directory; `None`, loudly, where that is
/// not allowed.
pub(super) struct Mount(tempfile::TempDir);

impl Mount {
    pub(super) fn new(kind: &str, options: &str, device: &str) -> Option<Mount> {
        let dir = temporary();
        let mut command = Command::new("mount");
        command.args(["-t", kind, "-o", options, device]);
        let run = command.arg(dir.path()).output();
        match run {
            Ok(output) if output.status.success() => Some(Mount(dir)),
            other => {
                crate::skip::say_skipped(&format!("cannot mount {kind}: {other:?}"));
                None
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_fails_the_put_and_leaves_nothing() {
    let Some(mount) = Mount::new("tmpfs", "size=256k", "none") else {
        return;
    };
    let store = plain(mount.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    let mut large = entry();
    large.insert(name("dwo"), noise(1 << 20));
    for _ in 0..3 {
        let error = store.put_entry(&key(2), &large).expect_err("no space");
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(!store.has(&key(2)).expect("to look"));
        assert_eq!(leftovers(mount.path()), 0);
    }
    let mut full = false;
    for n in 3..40 {
        let stored = store.put_entry(&key(n), &entry());
        full |= stored.is_err();
        assert_eq!(stored.is_ok(), is_whole(&store, &key(n)));
    }
    assert!(full);
    assert_eq!(leftovers(mount.path()), 0);
    assert!(is_whole(&store, &key(1)));
    // The ledger did not count what was not stored.
    let usage = store.stats().expect("stats");
    assert_eq!(usage, store.rescan().expect("to count"));
    assert!(clean_all(&store).expect("to clean").removed.entries > 0);
    store.put_entry(&key(2), &entry()).expect("to store again");
}

#[test]
fn a_read_only_file_system_is_still_read() {
    let Some(mount) = Mount::new("tmpfs", "size=4m", "none") else {
        return;
    };
    plain(mount.path())
        .put_entry(&key(1), &entry())
        .expect("to store");
    let mut command = Command::new("mount");
    let run = command
        .args(["-o", "remount,ro"])
        .arg(mount.path())
        .status();
    if !run.is_ok_and(|status| status.success()) {
        crate::skip::say_skipped("cannot remount");
        return;
    }
    let store = plain(mount.path());
    assert!(is_whole(&store, &key(1)));
    assert!(store.put_entry(&key(2), &entry()).is_err());
    assert!(store.put(&key(1), &name("dwo"), b"x").is_err());
    assert_eq!(store.stats().expect("stats").entries, 1);
    assert!(clean_all(&store).is_err() || is_whole(&store, &key(1)));
    assert!(is_whole(&store, &key(1)));
}

/// On a file system that clones, blobs are kept as they are and cloned.
#[test]
fn a_file_system_that_clones_keeps_blobs_raw() {
    let dir = temporary();
    let image = dir.path().join("image");
    let file = fs_err::File::create(&image).expect("to make an image");
    file.set_len(128 << 20).expect("to size it");
    let made = Command::new("mkfs.btrfs").arg("-q").arg(&image).output();
    if !made.is_ok_and(|output| output.status.success()) {
        crate::skip::skip("no mkfs.btrfs");
        return;
    }
    let image = image.to_string_lossy().into_owned();
    let Some(mount) = Mount::new("btrfs", "loop", &image) else {
        return;
    };
    let root = mount.path().join("cache");
    let store = plain(&root);
    let source = mount.path().join("x.o");
    let content = b"compresses well ".repeat(100_000);
    fs_err::write(&source, &content).expect("to write the source");
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, Blob::File(source));
    store.put_entry(&key(1), &entry).expect("to store");
    let format = fs_err::read_to_string(root.join("cache-format")).expect("a format");
    assert_eq!(format, "cache-format 1\nclone yes\n");
    let open = store
        .get_entry(&key(1))
        .expect("to open")
        .expect("the entry");
    let raw = open.raw_path(&BlobName::OUTPUT).expect("a raw file");
    assert!(fs_err::read(raw).expect("the raw file") == content);
    // Cloned out, and to another file system copied.
    for target in [mount.path(), dir.path()] {
        let path = target.join("restored.o");
        let file = fs_err::File::create(&path).expect("to make the target");
        assert!(
            open.copy_to(&BlobName::OUTPUT, file.file())
                .expect("to copy")
        );
        assert!(fs_err::read(path).expect("the target") == content);
    }
    let damaged = path_of(&root, &key(1)).join("output");
    fs_err::write(damaged, vec![b'x'; content.len()]).expect("to damage it");
    let store = plain(&root);
    let open = store
        .get_entry(&key(1))
        .expect("to open")
        .expect("the entry");
    let file = fs_err::File::create(mount.path().join("wrong.o")).expect("the target");
    let copied = open.copy_to(&BlobName::OUTPUT, file.file());
    assert!(matches!(copied, Err(Error::Damaged { .. })), "{copied:?}");
}

#[test]
fn hard_links_are_taken_and_given() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = temporary();
    let options = DiskOptions {
        hard_link: true,
        ..DiskOptions::default()
    };
    let store = open(&dir.path().join("cache"), options);
    let source = dir.path().join("x.o");
    let content = b"compresses well ".repeat(1000);
    fs_err::write(&source, &content).expect("to write the source");
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, Blob::File(source.clone()));
    store.put_entry(&key(1), &entry).expect("to store");
    let inode = |path: &Path| fs_err::metadata(path).expect("the file").ino();
    let held = store
        .get_entry(&key(1))
        .expect("to open")
        .expect("the entry");
    let raw = held.raw_path(&BlobName::OUTPUT).expect("a raw file");
    if fs_err::read_to_string(dir.path().join("cache/cache-format")).expect("a format")
        == "cache-format 1\nclone no\n"
    {
        assert_eq!(inode(&source), inode(&raw));
    }
    // Somebody writes into the object: a miss, not a wrong object.
    fs_err::write(&source, "changed").expect("to change the source");
    let got = held.read(&BlobName::OUTPUT);
    match got {
        Ok(Some(bytes)) => assert!(bytes == content),
        other => assert!(matches!(other, Err(Error::Damaged { .. })), "{other:?}"),
    }
}

#[test]
fn a_shared_store_s_modes_come_from_its_own_umask() {
    let dir = temporary();
    let root = dir.path().join("cache");
    let options = DiskOptions {
        umask: Some(0o002),
        ..DiskOptions::default()
    };
    let store = open(&root, options).namespace(&namespace("compile"));
    store.put_entry(&key(1), &entry()).expect("to store");
    let mode = |path: &Path| {
        let permissions = fs_err::metadata(path).expect("the file").permissions();
        permissions.mode() & 0o777
    };
    let path = path_of(&root.join("compile"), &key(1));
    for dir in [&root, &root.join(".tmp"), &root.join("compile"), &path] {
        assert_eq!(mode(dir), 0o775, "{}", dir.display());
    }
    for file in [
        &path.join("index"),
        &path.join("output"),
        &root.join(".usage"),
    ] {
        assert_eq!(mode(file), 0o664, "{}", file.display());
    }
}
