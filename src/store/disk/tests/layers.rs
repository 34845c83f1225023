//! A store in a lower layer of an overlay: an image that holds a cache, a step of its
//! build after the one that filled it. Directories of lower layers cannot be renamed.

use super::places::Mount;
use super::*;

const ENTRIES: u32 = 20;

/// An overlay above a store of [`ENTRIES`] entries.
struct Layers {
    top: Mount,
    _below: Mount,
}

impl Layers {
    fn new() -> Option<Layers> {
        let below = Mount::new("tmpfs", "size=64m", "none")?;
        let part = |name: &str| {
            let path = below.path().join(name);
            fs_err::create_dir(&path).expect("to make it");
            path.display().to_string()
        };
        let (lower, upper, work) = (part("lower"), part("upper"), part("work"));
        let store = plain(Path::new(&lower));
        for n in 0..ENTRIES {
            store.put_entry(&key(n), &entry()).expect("to store");
        }
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        Some(Layers {
            top: Mount::new("overlay", &options, "none")?,
            _below: below,
        })
    }

    fn store(&self) -> DiskStore {
        plain(self.top.path())
    }

    /// What the store says it holds is what there is: `there` entries.
    fn check(&self, there: u32) {
        let store = self.store();
        let told = store.stats().expect("stats");
        assert_eq!(told.entries, u64::from(there));
        assert_eq!(store.rescan().expect("to count"), told);
        assert_eq!(leftovers(self.top.path()), 0);
    }
}

fn other() -> Entry {
    let mut other = Entry::default();
    other.insert(BlobName::OUTPUT, b"another".to_vec());
    other
}

#[test]
fn entries_below_are_found_and_replaced() {
    let Some(layers) = Layers::new() else { return };
    let store = layers.store();
    let open = store.get_entry(&key(1)).expect("to look");
    assert!(is_whole(&store, &key(1)));
    for round in 0..3 {
        store.put_entry(&key(1), &other()).expect("to replace");
        let got = store.get(&key(1), &BlobName::OUTPUT).expect("to read");
        assert_eq!(got.as_deref(), Some(&b"another"[..]), "{round}");
    }
    // One that reads the old one sees it, or nothing.
    let open = open.expect("the entry");
    let old = open.read(&BlobName::STDERR).ok().flatten();
    assert!(old.is_none_or(|bytes| bytes == b"warning\n"));

    let extra = name("extra");
    store.put(&key(2), &extra, b"more").expect("to add");
    assert!(is_whole(&store, &key(2)));
    let got = store.get(&key(2), &extra).expect("to read");
    assert_eq!(got.as_deref(), Some(&b"more"[..]));
    layers.check(ENTRIES);
}

#[test]
fn entries_below_are_removed_and_stored_again() {
    let Some(layers) = Layers::new() else { return };
    let store = layers.store();
    assert!(store.remove(&key(1)).expect("to remove"));
    assert!(!store.remove(&key(1)).expect("nothing is there"));
    assert!(!store.has(&key(1)).expect("to look"));
    layers.check(ENTRIES - 1);
    store.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&store, &key(1)));
    layers.check(ENTRIES);
    let cleaned = clean_all(&store).expect("to clean");
    assert_eq!(cleaned.removed.entries, u64::from(ENTRIES));
    assert_eq!(cleaned.freeing, 0);
    layers.check(0);
    store.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&store, &key(1)));
}

#[test]
fn entries_below_are_evicted() {
    let Some(layers) = Layers::new() else { return };
    let all = layers.store().stats().expect("stats").bytes;
    let options = DiskOptions {
        max_size: Some(all / 2),
        ..DiskOptions::default()
    };
    let store = open(layers.top.path(), options);
    for n in ENTRIES..2 * ENTRIES {
        store.put_entry(&key(n), &entry()).expect("to store");
    }
    assert!(store.rescan().expect("to count").bytes <= all / 2);
    assert!(is_whole(&store, &key(2 * ENTRIES - 1)));
    assert_eq!(leftovers(layers.top.path()), 0);
}

#[test]
fn damaged_entries_below_are_repaired() {
    let Some(layers) = Layers::new() else { return };
    let store = layers.store();
    let place = path_of(layers.top.path(), &key(1));
    fs_err::write(place.join("index"), "damaged").expect("to write");
    store.get_entry(&key(1)).map(drop).expect_err("damaged");
    assert!(!store.has(&key(1)).expect("to look"));
    store.put_entry(&key(1), &entry()).expect("to store");
    assert!(is_whole(&store, &key(1)));
}
