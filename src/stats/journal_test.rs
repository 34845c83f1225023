use std::process::{Command, Stdio};

use super::*;
use crate::stats::{Counter, Group};

const HIT: Counter = Counter::DirectCacheHit;

struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Rotates after some records; segments go at once.
    fn journal(&self) -> Journal {
        Journal::new(self.dir.path()).limits(1000, Duration::ZERO)
    }

    fn calls(&self) -> u64 {
        self.journal().fold(None).unwrap().all.all_calls()
    }

    fn segments(&self) -> usize {
        let journal = self.journal();
        journal.segments(&journal.host).unwrap().len()
    }
}

/// Compacts, which nobody else does meanwhile. A process that another test starts has
/// the locks of this one until its `exec`.
fn compacted(journal: &Journal) -> bool {
    (0..500).any(|_| {
        let done = journal.compact().unwrap();
        if !done {
            std::thread::sleep(Duration::from_millis(10));
        }
        done
    })
}

#[test]
fn appending_needs_nothing_and_reading_makes_nothing() {
    let desk = Desk::new();
    let dir = desk.dir.path().join("not/there");
    let journal = Journal::new(&dir);
    assert_eq!(journal.fold(None).unwrap(), Fold::default());
    journal.zero().unwrap();
    assert!(!dir.exists());
    journal.append(&Event::new(HIT)).unwrap();
    assert_eq!(journal.fold(None).unwrap().all.get(HIT), 1);
    std::fs::remove_dir_all(&dir).unwrap();
    journal.append(&Event::new(HIT)).unwrap();
    assert_eq!(journal.fold(None).unwrap().all.get(HIT), 1);
}

#[test]
fn folding_changes_no_sum() {
    let desk = Desk::new();
    let journal = desk.journal();
    let event = Event {
        further: vec![Counter::DirectCacheMiss],
        namespace: "n".into(),
        detail: "-fx".into(),
        elapsed_us: 10,
        compile_us: 30,
        bytes: 7,
        ..Event::new(Counter::PreprocessedCacheHit)
    };
    for _ in 0..500 {
        journal.append(&event).unwrap();
    }
    journal.append(&Event::new(HIT)).unwrap();
    let fold = journal.fold(None).unwrap();
    assert!(journal.path("totals").exists());
    assert_eq!(fold.all.all_calls(), 501);
    assert_eq!(fold.all.get(Counter::DirectCacheMiss), 500);
    assert_eq!(
        fold.all.details(Counter::PreprocessedCacheHit),
        [("-fx", 500)]
    );
    assert_eq!(fold.all.saved_us, 500 * 20);
    assert_eq!(fold.all.bytes_read, 500 * 7);
    assert_eq!(fold.namespaces["n"].all_calls(), 500);
    assert_eq!(fold.namespaces[""].all_calls(), 1);
    let again = journal.compact().unwrap();
    assert!(again);
    assert_eq!(journal.fold(None).unwrap(), fold);
}

#[test]
fn a_writer_that_is_late_is_counted() {
    let desk = Desk::new();
    let journal = desk.journal().limits(1000, Duration::from_secs(3600));
    journal.append(&Event::new(HIT)).unwrap();
    let mut late = OpenOptions::new()
        .append(true)
        .open(journal.path("log"))
        .unwrap();
    for _ in 0..30 {
        journal.append(&Event::new(HIT)).unwrap();
    }
    assert_eq!(desk.segments(), 1);
    for expected in [32, 33] {
        let record = record::encode(&Event::new(HIT), now_ms());
        late.write_all(&record).unwrap();
        assert_eq!(desk.calls(), expected);
        assert!(compacted(&journal));
        assert_eq!(desk.calls(), expected);
    }
    assert!(compacted(&desk.journal()));
    assert_eq!(desk.segments(), 0);
    assert_eq!(desk.calls(), 33);
}

/// A compaction does four things in order: rename, write totals, unlink. Being
/// killed between any two leaves the files of the earlier steps only.
#[test]
fn killed_between_any_two_steps_nothing_is_lost_or_counted_twice() {
    let desk = Desk::new();
    let journal = desk.journal().limits(u64::MAX, Duration::from_secs(3600));
    for _ in 0..20 {
        journal.append(&Event::new(HIT)).unwrap();
    }
    let log = std::fs::read(journal.path("log")).unwrap();

    // After the rename.
    let segment = desk
        .dir
        .path()
        .join(format!(".journal/{}.1000.seg", journal.host));
    std::fs::rename(journal.path("log"), &segment).unwrap();
    assert_eq!(desk.calls(), 20);
    // In the middle of writing totals.
    std::fs::write(journal.path("totals.new"), b"cache-totals 1 00").unwrap();
    assert_eq!(desk.calls(), 20);
    // After the totals, before the unlink: the segment is put back.
    assert!(compacted(&journal));
    assert!(!segment.exists());
    std::fs::write(&segment, &log).unwrap();
    assert_eq!(desk.calls(), 20);
    assert!(compacted(&journal));
    assert_eq!(desk.calls(), 20);
    // After the unlink, a fold drops the name of what is gone.
    assert!(compacted(&journal));
    let totals = std::fs::read(journal.path("totals")).unwrap();
    assert!(TotalsFile::parse(&totals).unwrap().folded.is_empty());
    assert_eq!(desk.calls(), 20);
}

#[test]
fn zero_forgets_what_was_and_counts_what_comes() {
    for folded in [false, true] {
        let desk = Desk::new();
        let journal = desk.journal();
        for _ in 0..if folded { 100 } else { 5 } {
            journal.append(&Event::new(HIT)).unwrap();
        }
        journal.zero().unwrap();
        assert_eq!(desk.calls(), 0);
        journal.append(&Event::new(HIT)).unwrap();
        assert_eq!(desk.calls(), 1);
        for _ in 0..100 {
            journal.append(&Event::new(HIT)).unwrap();
        }
        assert_eq!(desk.calls(), 101);
        assert!(journal.fold(None).unwrap().zeroed_ms > 0);
    }
}

#[test]
fn since_is_exact_in_the_log_and_by_the_hour_in_totals() {
    let desk = Desk::new();
    let hour = 3_600_000;
    let now = 500_000 * hour + 1000;
    let since = |ms: u64| Some(UNIX_EPOCH + Duration::from_millis(ms));
    let journal = desk.journal().limits(u64::MAX, Duration::ZERO);
    for ago in [0, 1, 3] {
        let time = now - ago * hour;
        journal.append_dated(&Event::new(HIT), time).unwrap();
    }
    let calls = |since| journal.fold(since).unwrap().all.all_calls();
    assert_eq!(calls(since(now - hour)), 2);
    assert_eq!(calls(since(now - hour + 1)), 1);
    assert!(compacted(&journal.clone().limits(1, Duration::ZERO)));
    assert!(!journal.path("log").exists());
    assert_eq!(calls(since(now - hour + 1)), 2);
    assert_eq!(calls(since(now - 2 * hour)), 2);
    assert_eq!(calls(None), 3);
}

#[test]
fn damaged_files_cost_themselves_only() {
    let desk = Desk::new();
    let journal = desk.journal();
    for _ in 0..100 {
        journal.append(&Event::new(HIT)).unwrap();
    }
    let damage = |suffix: &str| {
        let mut totals = std::fs::read(journal.path(suffix)).unwrap();
        let at = totals.len() / 2;
        totals[at] ^= 1;
        std::fs::write(journal.path(suffix), totals).unwrap();
    };
    // The version before knows the same, together with the segments.
    damage("totals");
    assert_eq!(desk.calls(), 100);
    for _ in 0..100 {
        journal.append(&Event::new(HIT)).unwrap();
    }
    assert_eq!(desk.calls(), 200);
    damage("totals");
    damage("totals.old");
    let fold = journal.fold(None).unwrap();
    assert!(fold.all.all_calls() < 200);
    assert_eq!(fold.notes.len(), 1);
    for _ in 0..100 {
        journal.append(&Event::new(HIT)).unwrap();
    }
    assert_eq!(desk.calls(), fold.all.all_calls() + 100);
    assert!(journal.path("totals.damaged").exists());

    let mut log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(journal.path("log"))
        .unwrap();
    log.write_all(b"torn").unwrap();
    let before = desk.calls();
    journal.append(&Event::new(HIT)).unwrap();
    assert_eq!(desk.calls(), before + 1);
}

#[test]
fn totals_of_a_later_version_are_left_alone() {
    let desk = Desk::new();
    let journal = desk.journal();
    let later = b"cache-totals 2 0000000000000000\n{}";
    journal.append(&Event::new(HIT)).unwrap();
    std::fs::write(journal.path("totals"), later).unwrap();
    assert!(!journal.compact().unwrap());
    assert_eq!(std::fs::read(journal.path("totals")).unwrap(), later);
    assert_eq!(desk.calls(), 1);
}

#[test]
fn hosts_are_summed_up() {
    let desk = Desk::new();
    for host in ["a", "b.example.org", "b"] {
        let journal = Journal {
            host: host.into(),
            ..desk.journal()
        };
        for _ in 0..50 {
            journal.append(&Event::new(HIT)).unwrap();
        }
    }
    assert_eq!(desk.calls(), 150);
}

#[test]
fn totals_bytes_are_pinned() {
    let event = Event {
        further: vec![Counter::DirectCacheMiss],
        detail: "-fmodules".into(),
        namespace: "n".into(),
        elapsed_us: 2,
        compile_us: 9,
        bytes: 3,
        ..Event::new(HIT)
    };
    let mut totals = TotalsFile {
        zeroed_ms: 5,
        ..TotalsFile::default()
    };
    totals.folded.insert("h.1.seg".into(), 60);
    let bytes = record::encode(&event, 3_600_001);
    for (_, record) in record::records(&bytes) {
        totals.buckets.count(&record);
    }
    let bytes = totals.to_bytes().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&bytes), @r#"
    cache-totals 1 69a1a4865f5a4a8b
    {"zeroed_ms":5,"folded":{"h.1.seg":60},"buckets":[{"hour":1,"hours":1,"namespace":"n","main":[[1,1]],"further":[[100,1]],"details":[[1,"-fmodules",1]],"elapsed_us":2,"compile_us":0,"saved_us":7,"bytes_read":3,"bytes_written":0,"first_ms":3600001,"last_ms":3600001}]}
    "#);
    assert_eq!(TotalsFile::parse(&bytes), Ok(totals));
}

#[test]
fn old_hours_become_days() {
    let mut buckets = Buckets::default();
    let day = 24 * 3_600_000;
    for hour in 0..48 {
        let bytes = record::encode(&Event::new(HIT), day + hour * 3_600_000);
        for (_, record) in record::records(&bytes) {
            buckets.count(&record);
        }
    }
    let before = buckets.by_namespace(0);
    let sum = before[""].clone();
    buckets.coarsen(60 * day);
    assert_eq!(buckets.by_namespace(0)[""], sum);
    assert_eq!(buckets.by_namespace(2 * day)[""].all_calls(), 24);
    assert_eq!(buckets.by_namespace(2 * day + day / 2)[""].all_calls(), 24);
}

#[test]
fn many_different_details_stay_bounded_and_counted() {
    let desk = Desk::new();
    let journal = desk.journal();
    for index in 0..300 {
        let event = Event {
            detail: format!("-f{index}"),
            ..Event::new(Counter::UnsupportedCompilerOption)
        };
        journal.append(&event).unwrap();
    }
    let fold = journal.fold(None).unwrap();
    assert_eq!(fold.all.get(Counter::UnsupportedCompilerOption), 300);
    assert!(fold.all.details(Counter::UnsupportedCompilerOption).len() <= 101);
}

#[test]
fn files_get_the_mode_that_was_asked_for() {
    let desk = Desk::new();
    let journal = Journal::new(desk.dir.path()).umask(Some(0o002));
    journal.append(&Event::new(HIT)).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&journal.path("log")), 0o664);
    assert_eq!(mode(&journal.folder), 0o775);
}

const WORKER: &str = "CACHE_TEST_JOURNAL_WORKER";

/// What each process of the next test does: this test, started again with a
/// variable that names the directory.
#[test]
fn worker() {
    let Some(dir) = std::env::var_os(WORKER) else {
        return;
    };
    let journal = Journal::new(Path::new(&dir)).limits(20_000, Duration::from_secs(5));
    for _ in 0..1000 {
        journal.append(&Event::new(HIT)).unwrap();
    }
}

#[test]
fn twenty_processes_add_up_while_the_journal_is_folded_and_read() {
    let desk = Desk::new();
    let mut workers: Vec<_> = (0..20)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "stats::journal::tests::worker"])
                .env(WORKER, desk.dir.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let journal = Journal::new(desk.dir.path()).limits(20_000, Duration::from_secs(5));
    let mut seen = 0;
    while workers
        .iter_mut()
        .any(|worker| worker.try_wait().unwrap().is_none())
    {
        journal.compact().unwrap();
        let now = desk.calls();
        assert!(now >= seen, "{now} after {seen}");
        seen = now;
    }
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
    }
    let fold = journal.fold(None).unwrap();
    assert_eq!(fold.all.calls(Group::Hit), 20_000);
    assert!(desk.segments() > 1);
    journal.limits(1, Duration::ZERO).compact().unwrap();
    assert_eq!(desk.calls(), 20_000);
}

/// A process that is killed in the middle of folding, again and again.
#[test]
fn kill_nine_while_folding_loses_nothing() {
    let desk = Desk::new();
    let mut expected = 0;
    for round in 0..8 {
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stats::journal::tests::folding_worker"])
            .env(WORKER, desk.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            let journal = desk.journal().limits(u64::MAX, Duration::ZERO);
            journal.append(&Event::new(HIT)).unwrap();
            expected += 1;
        }
        std::thread::sleep(Duration::from_millis(20 + round * 7));
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert_eq!(desk.calls(), expected);
    }
}

#[test]
fn folding_worker() {
    let Some(dir) = std::env::var_os(WORKER) else {
        return;
    };
    let journal = Journal::new(Path::new(&dir)).limits(500, Duration::from_secs(2));
    loop {
        journal.compact().unwrap();
    }
}
