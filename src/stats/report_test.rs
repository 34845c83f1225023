use super::*;
use crate::stats::{Event, Journal};

fn report() -> Report {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::new(dir.path());
    let append = |count: usize, event: Event| {
        for _ in 0..count {
            journal.append(&event).unwrap();
        }
    };
    let hit = Event {
        elapsed_us: 4_000,
        compile_us: 254_000,
        bytes: 100,
        ..Event::new(Counter::DirectCacheHit)
    };
    append(1200, hit.clone());
    append(
        30,
        Event {
            main: Counter::PreprocessedCacheHit,
            further: vec![Counter::DirectCacheMiss],
            ..hit
        },
    );
    append(
        70,
        Event {
            further: vec![
                Counter::DirectCacheMiss,
                Counter::PreprocessedCacheMiss,
                Counter::LocalStorageWrite,
            ],
            namespace: "release".into(),
            compile_us: 300_000,
            elapsed_us: 310_000,
            ..Event::new(Counter::CacheMiss)
        },
    );
    append(3, Event::new(Counter::CalledForLink));
    for (count, option) in [(5, "-fmodules"), (2, "-save-temps")] {
        append(
            count,
            Event {
                detail: option.into(),
                ..Event::new(Counter::UnsupportedCompilerOption)
            },
        );
    }
    append(1, Event::new(Counter::InternalError));
    append(2, Event::new(Counter::Disabled));
    let mut fold = journal.fold(None).unwrap();
    fold.all.first_ms = 1_700_000_000_000;
    fold.all.last_ms = 1_700_000_100_000;
    Report {
        fold,
        local: Some(Local {
            dir: "/home/me/.cache/cache".into(),
            entries: 2_600,
            bytes: 1_288_490_189,
            max_bytes: Some(5 << 30),
            namespaces: vec![
                NamespaceUsage {
                    name: "compile".into(),
                    entries: 1_300,
                    bytes: 1_280_000_000,
                },
                NamespaceUsage {
                    name: "manifest".into(),
                    entries: 1_300,
                    bytes: 8_490_189,
                },
            ],
        }),
        since: None,
        stores: Vec::new(),
    }
}

#[test]
fn human() {
    insta::assert_snapshot!(report().human(), @r"
    Cacheable calls                                  1,300    99.0 %
      Hits                                           1,230    94.6 %
        Direct                                       1,200    97.6 %
        Preprocessed                                    30     2.4 %
      Misses                                            70     5.4 %
    Uncacheable calls                                   10     0.8 %
      Unsupported compiler option                        7
        -fmodules                                        5
        -save-temps                                      2
      Called for linking                                 3
    Errors                                               1     0.1 %
      Internal error                                     1
    Calls past the cache                                 2     0.2 %
      Disabled                                           2
    Time saved                                   5 min 7 s
    Details
      Direct lookups that missed                       100
      Preprocessed lookups that missed                  70
      Entries written                                   70
    Hits by namespace
      (none)                                1,230 of 1,230   100.0 %
      release                                      0 of 70     0.0 %
    Cache in /home/me/.cache/cache
      Size                              1.2 GiB of 5.0 GiB    24.0 %
      Entries                                        2,600
        compile                           1,300 in 1.2 GiB
        manifest                          1,300 in 8.1 MiB
    ");
}

#[test]
fn nothing_yet() {
    let report = Report {
        since: Some("2h".into()),
        ..Report::default()
    };
    insta::assert_snapshot!(report.human(), @r"
    In the last 2h:
    Cacheable calls   0
      Hits            0
        Direct        0
        Preprocessed  0
      Misses          0
    ");
}

#[test]
fn json_is_flat_and_has_every_name() {
    let value: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
    let map = value.as_object().unwrap();
    assert!(map.values().all(|value| value.is_u64()));
    assert_eq!(map["direct_cache_hit"], 1200);
    assert_eq!(map["direct_cache_miss"], 100);
    assert_eq!(map["calls"], 1313);
    assert_eq!(map["time_saved_ms"], 307_500);
    assert_eq!(map["time_compiling_ms"], 21_000);
    assert_eq!(map["cache_size_bytes"], 1_288_490_189);
    assert_eq!(map["max_cache_size_bytes"], 5_u64 << 30);
    assert_eq!(map["stats_updated_timestamp"], 1_700_000_100);
    let mut expected: Vec<&str> = Counter::ALL.iter().map(|c| c.name()).collect();
    expected.extend(FIGURES.iter().map(|(name, _)| name));
    expected.sort_unstable();
    let mut names: Vec<&str> = map.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, expected);

    let none: serde_json::Value = serde_json::from_str(&Report::default().json()).unwrap();
    assert!(none["cache_size_bytes"].is_null());
}

#[test]
fn numbers() {
    assert_eq!(number(0), "0");
    assert_eq!(number(999), "999");
    assert_eq!(number(1_234_567), "1,234,567");
    assert_eq!(duration(900), "0 ms");
    assert_eq!(duration(12_340_000), "12.3 s");
    assert_eq!(duration(3_700_000_000), "1 h 1 min");
    assert_eq!(duration(90_000_000_000), "1 d 1 h");
}
