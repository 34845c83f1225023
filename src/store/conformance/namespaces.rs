//! Namespaces: who sees what.

use std::time::Duration;

use super::*;
use crate::store::Namespace;

fn namespace(text: &str) -> Namespace {
    must(Namespace::new(text))
}

pub(super) fn names_are_checked(make: Make<'_>) {
    let bad = [
        "",
        ".",
        "..",
        ".tmp",
        ".hidden",
        "a/b",
        "/",
        "../x",
        "a\\b",
        "a b",
        "a\0",
        "ab",
        "0F",
        "ff",
        "CACHEDIR.TAG",
        "cache-format",
        "ü",
        "a\n",
    ];
    for name in bad {
        let error = Namespace::new(name).expect_err(name);
        assert!(matches!(error, Error::BadNamespace { .. }), "{name:?}");
        assert!(!error.to_string().is_empty());
    }
    assert!(Namespace::new(&"x".repeat(65)).is_err());
    // Good ones, among them some that look like parts of a store.
    let good = [
        "compile", "manifest", "a", "abc", "zz", "0xff", "a.b-c_d", "index",
    ];
    let store = make(Limits::default());
    for (n, name) in (0..).zip(good) {
        let view = store.namespace(&namespace(name));
        must(view.put_entry(&key(n), &entry(n)));
        assert!(holds(&*view, n), "{name}");
    }
    let hex = key(7).hex();
    let view = store.namespace(&namespace(&hex));
    must(view.put_entry(&key(100), &entry(100)));
    assert!(holds(&*store, 100));
    assert_eq!(must(store.stats()).entries, good.len() as u64 + 1);
}

pub(super) fn a_parent_sees_its_namespaces(make: Make<'_>) {
    let store = make(Limits::default());
    let view = store.namespace(&namespace("compile"));
    must(view.put_entry(&key(1), &entry(1)));
    must(store.put_entry(&key(2), &entry(2)));
    assert!(must(store.has(&key(1))));
    let output = must(store.get(&key(1), &BlobName::OUTPUT));
    assert_eq!(output, Some(noise(1, 9000)));
    assert!(holds(&*store, 1));
    assert!(holds(&*store, 2));
    assert_eq!(must(store.stats()).entries, 2);
    assert_eq!(must(view.stats()).entries, 1);
    let cleaned = clean(&*store, max_size(0), false);
    assert_eq!(cleaned.removed.entries, 2);
    assert!(!must(view.has(&key(1))));
}

pub(super) fn a_parent_sees_any_depth(make: Make<'_>) {
    let store = make(Limits::default());
    let mut view = store.namespace(&namespace("n0"));
    for depth in 1..6 {
        view = view.namespace(&namespace(&format!("n{depth}")));
    }
    must(view.put_entry(&key(1), &entry(1)));
    assert!(holds(&*store, 1));
    assert_eq!(must(store.stats()), must(view.stats()));
    assert_eq!(must(store.stats()).entries, 1);
    let kept = clean(&*store, max_size(u64::MAX), false);
    assert_eq!((kept.removed.entries, kept.left.entries), (0, 1));
    assert!(holds(&*view, 1));
    let gone = clean(&*store, max_size(0), false);
    assert_eq!((gone.removed.entries, gone.left.entries), (1, 0));
    assert!(!holds(&*view, 1));
}

pub(super) fn a_namespace_sees_only_its_own(make: Make<'_>) {
    let store = make(Limits::default());
    let one = store.namespace(&namespace("one"));
    let other = store.namespace(&namespace("other"));
    // A name that begins like another one is another one.
    let longer = store.namespace(&namespace("one1"));
    must(store.put_entry(&key(0), &entry(0)));
    must(one.put_entry(&key(1), &entry(1)));
    must(other.put_entry(&key(2), &entry(2)));
    must(longer.put_entry(&key(3), &entry(3)));
    for n in [0, 2, 3] {
        assert!(!must(one.has(&key(n))));
        assert!(!holds(&*one, n));
        assert_eq!(must(one.get(&key(n), &BlobName::OUTPUT)), None);
        assert!(!must(one.remove(&key(n))));
    }
    assert_eq!(must(one.stats()).entries, 1);
    assert_eq!(must(store.stats()).entries, 4);
}

pub(super) fn a_store_comes_before_its_namespaces(make: Make<'_>) {
    let store = make(Limits::default());
    let view = store.namespace(&namespace("compile"));
    must(view.put(&key(1), &BlobName::OUTPUT, b"the namespace's"));
    must(view.put(&key(1), &BlobName::STDERR, b"only there"));
    must(store.put(&key(1), &BlobName::OUTPUT, b"its own"));
    let get = |store: &dyn Store, name: BlobName| must(store.get(&key(1), &name));
    assert_eq!(get(&*store, BlobName::OUTPUT), Some(b"its own".to_vec()));
    assert_eq!(get(&*store, BlobName::STDERR), Some(b"only there".to_vec()));
    assert_eq!(
        get(&*view, BlobName::OUTPUT),
        Some(b"the namespace's".to_vec())
    );
    assert_eq!(must(store.stats()).entries, 2);
}

pub(super) fn clean_through_a_namespace_touches_only_that(make: Make<'_>) {
    let store = make(Limits::default());
    let one = store.namespace(&namespace("one"));
    let other = store.namespace(&namespace("other"));
    for n in 0..4 {
        must(one.put_entry(&key(n), &entry(n)));
        must(other.put_entry(&key(n + 10), &entry(n + 10)));
        must(store.put_entry(&key(n + 20), &entry(n + 20)));
    }
    let cleaned = clean(&*one, max_size(0), false);
    assert_eq!((cleaned.removed.entries, cleaned.left.entries), (4, 0));
    assert_eq!(must(one.stats()), Usage::default());
    assert_eq!(must(other.stats()).entries, 4);
    assert_eq!(must(store.stats()).entries, 8);
    for n in 0..4 {
        assert!(holds(&*other, n + 10));
        assert!(holds(&*store, n + 20));
    }
    must(one.put_entry(&key(1), &entry(1)));
    assert!(holds(&*one, 1));
}

pub(super) fn a_parent_removes_from_its_namespaces(make: Make<'_>) {
    let store = make(Limits::default());
    let view = store.namespace(&namespace("compile"));
    must(view.put_entry(&key(1), &entry(1)));
    must(store.put_entry(&key(1), &entry(1)));
    assert!(must(store.remove(&key(1))));
    assert!(!must(store.has(&key(1))));
    assert_eq!(must(store.stats()), Usage::default());
}

/// A store that walks a fixed depth takes a namespace for an entry without
/// blobs: by age it deletes a whole namespace, by size it frees nothing.
pub(super) fn a_parent_cleans_entries_not_namespaces(make: Make<'_>) {
    let store = make(Limits::default());
    let view = store
        .namespace(&namespace("project"))
        .namespace(&namespace("compile"));
    must(view.put_entry(&key(1), &entry(1)));
    // The second entry must not get that old on a busy machine.
    std::thread::sleep(Duration::from_millis(1100));
    must(view.put_entry(&key(2), &entry(2)));
    let by_age = Limits {
        max_age: Some(Duration::from_millis(1000)),
        max_size: None,
    };
    let cleaned = clean(&*store, by_age, false);
    assert_eq!((cleaned.removed.entries, cleaned.left.entries), (1, 1));
    assert!(holds(&*view, 2), "the clean by age took a whole namespace");
    let cleaned = clean(&*store, max_size(1), false);
    assert_eq!((cleaned.removed.entries, cleaned.left.entries), (1, 0));
    assert!(!holds(&*view, 2), "the clean by size freed nothing");
}
