//! A large store: reports, cleaning, puts that evict, hits while it fills.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache::entry::{Blob, BlobName, Entry};
use cache::hash::Key;
use cache::stats::{Counter, Event, Journal};
use cache::store::disk::{DiskOptions, DiskStore};
use cache::store::{Limits, Namespace, OpenEntry, Store};

use crate::Bench;
use crate::measure::Call;
use crate::results::{Results, Series, median, minimum};
use crate::tools::Tool;

/// Threads that write at a time.
const WRITERS: u64 = 2;

pub fn measure(bench: &Bench, results: &mut Results) {
    let large = Large::new(bench);
    large.fill(results);
    large.stats(results);
    large.evict(results);
    large.clean(results);
}

/// A store with real entries under made-up keys.
struct Large<'a> {
    bench: &'a Bench,
    tool: Tool,
    dir: PathBuf,
    /// What one compile leaves: its result, its manifest.
    templates: Vec<(Namespace, Entry)>,
    /// Where the small unit is compiled.
    directory: PathBuf,
}

impl<'a> Large<'a> {
    fn new(bench: &'a Bench) -> Large<'a> {
        let mut tool = bench.ours().clone();
        tool.name = "large".to_owned();
        let directory = bench.root().join("large-unit");
        fs::create_dir_all(&directory).expect("a folder");
        let text =
            "#include <stdio.h>\n#include <string.h>\nint f(int i) { puts(\"f\"); return i; }\n";
        fs::write(directory.join("f.c"), text).expect("a source");
        let dir = tool.store(bench.root());
        let mut large = Large {
            bench,
            tool,
            dir,
            templates: Vec::new(),
            directory,
        };
        large.hit();
        large.templates = entries(&large.dir);
        assert!(!large.templates.is_empty(), "the compile left no entries");
        large
    }

    /// Compiles the small unit; milliseconds.
    fn hit(&self) -> f64 {
        let words = ["/usr/bin/gcc", "-O2", "-c", "f.c", "-o", "f.o"];
        let call = Call::new(&self.directory, words);
        self.bench.helpers.run(&call, Some(&self.tool)).ms()
    }

    fn command(&self, words: &[&str]) -> f64 {
        let program = [self.tool.path.display().to_string()];
        let words = program
            .into_iter()
            .chain(words.iter().map(|w| w.to_string()));
        let call = Call::new(&self.directory, words).unwrapped();
        self.bench.helpers.run(&call, Some(&self.tool)).ms()
    }

    /// In steps; at each the time of a hit.
    fn fill(&self, results: &mut Results) {
        let entries = self.bench.options.entries;
        let mut series = Series {
            name: "store-entries",
            title: "Time of a hit and of `cache stats` over the number of entries",
            x: "entries in the store",
            y: "ms",
            x_log: true,
            y_log: false,
            lines: Vec::new(),
        };
        let mut held = self.templates.len() as u64;
        let start = Instant::now();
        for step in [10, 100, 1000, 10_000, 50_000, 100_000, 200_000, 1_000_000] {
            let step = step.min(entries);
            if step <= held {
                continue;
            }
            self.bench.say(&format!("store: {step} entries"));
            self.write(held, step);
            held = step;
            self.hit();
            let hits: Vec<f64> = (0..self.bench.options.times(15, 7))
                .map(|_| self.hit())
                .collect();
            series.add("hit, minimum", step as f64, minimum(&hits));
            let stats: Vec<f64> = (0..5).map(|_| self.command(&["stats"])).collect();
            series.add("cache stats, median", step as f64, median(stats));
        }
        let seconds = start.elapsed().as_secs_f64();
        results.figure(
            format!("writing {held} entries by the library"),
            seconds,
            "s",
        );
        results.series.push(series);
    }

    /// Writes entries with the numbers from `first` to before `end`, and an
    /// event into the journal for each.
    fn write(&self, first: u64, end: u64) {
        let next = AtomicU64::new(first);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let store = self.open(None);
                    let journal = Journal::new(&self.dir);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            break;
                        }
                        self.put(&store, number);
                        let event = Event::new(Counter::DirectCacheHit);
                        journal.append(&event).expect("the journal can be written");
                    }
                });
            }
        });
    }

    fn open(&self, max_size: Option<u64>) -> DiskStore {
        let options = DiskOptions {
            max_size,
            // As a compile does, see `Large::free`.
            free_later: true,
            ..DiskOptions::default()
        };
        DiskStore::open(&self.dir, options).expect("the store opens")
    }

    fn put(&self, store: &DiskStore, number: u64) {
        let key = Key(*blake3::hash(&number.to_le_bytes()).as_bytes());
        let (namespace, entry) = &self.templates[number as usize % self.templates.len()];
        let view = store.namespace_with(namespace, Limits::default());
        view.put_entry(&key, entry).expect("an entry can be put");
    }

    fn stats(&self, results: &mut Results) {
        let times: Vec<f64> = (0..9).map(|_| self.command(&["stats"])).collect();
        let what = format!(
            "store of {} entries: cache stats",
            self.bench.options.entries
        );
        results.at_most(what, 50.0, "ms", median(times));
    }

    /// Starts what a compile starts to have evicted entries taken apart.
    fn free(&self) {
        let mut command = Command::new(&self.tool.path);
        command
            .args(["clean", "--rest"])
            .env("CACHE_DIR", &self.dir);
        let none = Stdio::null;
        command.stdin(none()).stdout(none()).stderr(none());
        command.spawn().map(drop).expect("the program starts");
    }

    /// Puts into a full store, each as a process of its own would: two at a time.
    fn evict(&self, results: &mut Results) {
        self.bench.say("store: puts that evict");
        let entries = self.bench.options.entries;
        let full = self.open(None).stats().expect("the store counts").bytes;
        let next = AtomicU64::new(1 << 40);
        let end = (1 << 40) + (entries / 50).max(200);
        let times = std::thread::scope(|scope| {
            let writer = || {
                let mut times = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        break times;
                    }
                    let start = Instant::now();
                    let store = self.open(Some(full));
                    self.put(&store, number);
                    if store.owes_space() {
                        self.free();
                    }
                    times.push(start.elapsed().as_secs_f64() * 1e3);
                }
            };
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(writer)).collect();
            let done = writers.into_iter().map(|w| w.join().expect("a writer"));
            done.flatten().collect::<Vec<f64>>()
        });
        let start = Instant::now();
        let root = self.open(None);
        root.free_removed(&mut |_, _| ())
            .expect("the store is there");
        let rest = start.elapsed().as_secs_f64();
        let left = root.stats().expect("the store counts");
        // One evicts, the others go on: what they store meanwhile is the next put's.
        let over = left.bytes.saturating_sub(full);
        let what = format!("store of {entries} entries: above its limit after these puts");
        results.at_most(what, 2.0, "%", over as f64 / full as f64 * 100.0);
        let longest = times.iter().copied().fold(0.0, f64::max);
        let what = format!(
            "store of {entries} entries: longest of {} puts that evict",
            times.len()
        );
        results.at_most(what, 50.0, "ms", longest);
        results.figure("put that evicts, median", median(times), "ms");
        results.figure("until all that these evicted is freed", rest, "s");
    }

    fn clean(&self, results: &mut Results) {
        self.bench.say("store: clean to half");
        // What a build has stored lies on the disk long before a clean.
        rustix::fs::sync();
        let usage = self.open(None).stats().expect("the store counts");
        let half = (usage.bytes / 2).to_string();
        let start = Instant::now();
        let seconds = self.command(&["clean", "--max-size", &half]) / 1e3;
        while self.hidden() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let free = start.elapsed().as_secs_f64();
        let left = self.open(None).stats().expect("the store counts");
        assert!(
            left.bytes <= usage.bytes / 2,
            "clean left too much: {left:?}"
        );
        let what = format!(
            "store of {} entries: clean to half",
            self.bench.options.entries
        );
        results.at_most(what, 3.0, "s", seconds);
        results.figure("clean to half: until its disk space is free", free, "s");
        let floor = self.remove(usage.entries - left.entries);
        results.figure("as many entries by `remove_dir_all` alone", floor, "s");
    }

    /// Whether entries that a clean has removed still take space.
    fn hidden(&self) -> bool {
        let store = self.open(None);
        let namespaces = store.usage_by_namespace().expect("the store counts");
        let mut shards = namespaces
            .iter()
            .flat_map(|(path, _)| listed(&self.dir.join(path)));
        shards.any(|shard| {
            let names = listed(&shard);
            names.iter().any(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with('.'))
            })
        })
    }

    /// Removes so many of the entries that are left with as many threads as a clean has,
    /// and nothing else; seconds.
    fn remove(&self, count: u64) -> f64 {
        let store = self.open(None);
        let namespaces = store.usage_by_namespace().expect("the store counts");
        let shards = namespaces
            .iter()
            .flat_map(|(path, _)| listed(&self.dir.join(path)));
        let entries: Vec<PathBuf> = shards.flat_map(|shard| listed(&shard)).collect();
        let count = entries.len().min(count as usize);
        let next = AtomicU64::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let at = || next.fetch_add(1, Ordering::Relaxed) as usize;
                    while let Some(entry) = entries.get(..count).and_then(|all| all.get(at())) {
                        let _ = fs::remove_dir_all(entry);
                    }
                });
            }
        });
        start.elapsed().as_secs_f64()
    }
}

/// All entries of a small store, in memory, with their namespaces.
fn entries(dir: &Path) -> Vec<(Namespace, Entry)> {
    let store = DiskStore::open(dir, DiskOptions::default()).expect("the store opens");
    let mut found = Vec::new();
    for (path, _) in store.usage_by_namespace().expect("the store counts") {
        let namespace = Namespace::new(&path).expect("a namespace of the program's own");
        let view = store.namespace_with(&namespace, Limits::default());
        for shard in listed(&dir.join(&path)) {
            let keys = listed(&shard).into_iter();
            let name = |path: PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned());
            for key in keys.filter_map(|path| Key::from_hex(&name(path)?)) {
                let open = view.get_entry(&key).expect("an entry can be read");
                found.extend(open.map(|open| (namespace.clone(), entry(&*open))));
            }
        }
    }
    found
}

fn listed(dir: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(dir).expect("the store can be listed");
    listing.flatten().map(|item| item.path()).collect()
}

fn entry(open: &dyn OpenEntry) -> Entry {
    let mut entry = Entry::default();
    let bytes = |name: &BlobName| open.read(name).expect("a blob can be read");
    for name in open.names() {
        let blob = bytes(&name).expect("the blob is there");
        entry.insert(name, Blob::Bytes(blob));
    }
    entry
}
