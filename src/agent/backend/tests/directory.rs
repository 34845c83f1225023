//! A shared directory.

use std::time::SystemTime;

use super::*;
use crate::agent::backend::Put;

fn store(path: &std::path::Path) -> Arc<dyn Backend> {
    let path = path.to_owned();
    opened(Service::Directory { path }, PATIENT)
}

#[tokio::test]
async fn objects_come_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let store = store(&root);
    assert_eq!(get(&*store, NAME).await.unwrap(), None);
    assert_eq!(store.size(NAME).await.unwrap(), None);
    assert!(!store.touch(NAME).await.unwrap());
    assert_eq!(store.put(NAME, body("one"), true).await.unwrap(), Put::Done);
    assert_eq!(
        store.put(NAME, body("two"), true).await.unwrap(),
        Put::Exists
    );
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), b"one");
    let long = vec![7; 700_000];
    store
        .put(NAME, file(&directory, &long), false)
        .await
        .unwrap();
    assert_eq!(get(&*store, NAME).await.unwrap().unwrap(), long);
    assert_eq!(store.size(NAME).await.unwrap(), Some(700_000));
    let names: Vec<String> = list(&*store, "")
        .await
        .into_iter()
        .map(|l| l.name)
        .collect();
    assert_eq!(names, [NAME]);
    store.delete(NAME).await.unwrap();
    store.delete(NAME).await.unwrap();
    assert_eq!(get(&*store, NAME).await.unwrap(), None);

    // Nothing of what was written aside is left.
    let folder = root.join(NAME);
    let left = fs_err::read_dir(folder.parent().unwrap()).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn many_writers_of_one_object_end_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..8_u8 {
        let store = store(&root);
        writers.spawn(async move { store.put(NAME, body(vec![number; 1000]), true).await });
    }
    let puts = writers.join_all().await;
    let done = puts.iter().filter(|put| matches!(put, Ok(Put::Done)));
    assert_eq!(done.count(), 1, "{puts:?}");
    assert!(puts.iter().all(Result::is_ok), "{puts:?}");
    let bytes = get(&*store(&root), NAME).await.unwrap().unwrap();
    assert_eq!(bytes, vec![bytes[0]; 1000]);
}

#[tokio::test]
async fn only_a_directory_of_ours_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    // Empty: it becomes ours.
    store(root).prepare().await.unwrap();
    let tag = fs_err::read_to_string(root.join("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    let format = root.join("cache-format");
    assert_eq!(
        fs_err::read_to_string(&format).unwrap(),
        "cache-format shared 1\n"
    );
    fs_err::write(root.join("something"), "").unwrap();
    store(root).prepare().await.unwrap();

    // With files in it and without the mark: somebody's home.
    fs_err::remove_file(&format).unwrap();
    let store_there = store(root);
    assert_eq!(failure(store_there.prepare().await), Failure::Config);
    let put = store_there.put("ab/abc", body("x"), false).await;
    let error = put.unwrap_err();
    assert_eq!(error.failure, Failure::Config);
    assert!(error.text.contains("something"), "{error}");
    assert_eq!(
        failure(store_there.delete("something").await),
        Failure::Config
    );
    assert!(root.join("something").exists());

    // The local store's own format is another.
    fs_err::write(&format, "cache-format 1\n").unwrap();
    assert_eq!(failure(store(root).prepare().await), Failure::Config);

    // A parent that is missing is not made: something is not mounted.
    let missing = store(&root.join("a/b"));
    assert_eq!(failure(missing.prepare().await), Failure::NoPlace);
    // Nor is anything made by one who only reads.
    let mut config = config(
        Service::Directory {
            path: root.join("new"),
        },
        PATIENT,
    );
    config.read_only = true;
    let reader = open(&config).unwrap();
    assert_eq!(failure(get(&*reader, NAME).await), Failure::NoPlace);
    assert!(!root.join("new").exists());
}

#[tokio::test]
async fn names_stay_inside() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory.path().join("store"));
    for name in [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "",
        "a//b",
        ".x",
        "CACHEDIR.TAG",
        "cache-format",
    ] {
        assert_eq!(
            failure(store.delete(name).await),
            Failure::Unsupported,
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn a_touch_makes_new_and_a_listing_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let store = store(&root);
    store.put(NAME, body("one"), false).await.unwrap();
    let old = SystemTime::now() - Duration::from_secs(1000);
    let file = std::fs::File::options()
        .write(true)
        .open(root.join(NAME))
        .unwrap();
    file.set_modified(old).unwrap();
    // What was never finished goes, after a day.
    let abandoned = root.join("team/ab/.new-0123");
    fs_err::write(&abandoned, "").unwrap();
    let file = std::fs::File::options()
        .write(true)
        .open(&abandoned)
        .unwrap();
    file.set_modified(old - Duration::from_secs(2 * 24 * 60 * 60))
        .unwrap();

    let age = |listed: Vec<Listed>| listed[0].modified.unwrap().elapsed().unwrap();
    assert!(age(list(&*store, "team").await) > Duration::from_secs(900));
    assert!(age(list(&*store, "team").await) > Duration::from_secs(900));
    assert!(!abandoned.exists());
    assert!(store.touch(NAME).await.unwrap());
    assert!(age(list(&*store, "team").await) < Duration::from_secs(900));
}
