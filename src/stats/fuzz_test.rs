//! What other programs, other versions or a bad disk left in the statistics
//! is survived, and what was counted is not lost over it.

use proptest::prelude::*;

use super::*;
use crate::stats::record::{self, Event};
use crate::stats::{Counter, Journal};

fn framed(body: &str) -> Vec<u8> {
    let check = xxh3_64(body.as_bytes());
    format!("{FIRST_WORDS}1 {check:016x}\n{body}").into_bytes()
}

/// The JSON of a file with numbers as large as they come.
fn body(numbers: &[u64]) -> String {
    let n = |at: usize| numbers.get(at).copied().unwrap_or(u64::MAX);
    format!(
        "{{\"zeroed_ms\":{},\"folded\":{{\"a\":{}}},\"buckets\":[{{\"hour\":{},\"hours\":{},\"namespace\":\"n\",\"main\":[[1,{}],[60000,{}]],\"further\":[[2,{}]],\"details\":[[3,\"x\",{}]],\"elapsed_us\":{},\"compile_us\":{},\"saved_us\":{},\"bytes\":{},\"first_ms\":{},\"last_ms\":{}}}]}}",
        n(0),
        n(1),
        n(2),
        n(3),
        n(4),
        n(5),
        n(6),
        n(7),
        n(8),
        n(9),
        n(10),
        n(11),
        n(12),
        n(13)
    )
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()]
}

proptest! {
    #[test]
    fn no_totals_make_a_panic(
        numbers in proptest::collection::vec(number(), 14),
        now in number(), since in number(),
        damage: proptest::sample::Index, byte in any::<char>(), damaged: bool,
    ) {
        let mut text = body(&numbers);
        if damaged {
            let at = damage.index(text.len());
            text.replace_range(at..at + 1, &byte.to_string());
        }
        if let Ok(mut file) = TotalsFile::parse(&framed(&text)) {
            for event in [Event::new(Counter::CacheMiss), Event::new(Counter::DirectCacheHit)] {
                let bytes = record::encode(&event, now);
                for (_, record) in record::records(&bytes) {
                    file.buckets.count(&record);
                }
            }
            file.buckets.coarsen(now);
            file.buckets.by_namespace(since);
            let again = file.to_bytes().unwrap();
            prop_assert_eq!(TotalsFile::parse(&again), Ok(file));
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in "(cache-totals [0-3] )?.{0,60}(\n.{0,60})?") {
        let _ = TotalsFile::parse(text.as_bytes());
        let _ = TotalsFile::parse(&framed(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever lies in its files, the journal takes the next event and counts it.
    #[test]
    fn a_damaged_journal_goes_on(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut: proptest::sample::Index,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path());
        for _ in 0..5 {
            journal.append(&Event::new(Counter::CacheMiss)).unwrap();
        }
        for found in fs_err::read_dir(dir.path().join(".journal")).unwrap() {
            let path = found.unwrap().path();
            let mut bytes = fs_err::read(&path).unwrap();
            if bytes.is_empty() {
                continue;
            }
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            fs_err::write(&path, bytes).unwrap();
        }
        journal.append(&Event::new(Counter::DirectCacheHit)).unwrap();
        let fold = journal.fold(None).unwrap();
        prop_assert_eq!(fold.all.get(Counter::DirectCacheHit), 1);
        prop_assert!(fold.all.get(Counter::CacheMiss) <= 5);
        journal.compact().unwrap();
        let fold = journal.fold(None).unwrap();
        prop_assert_eq!(fold.all.get(Counter::DirectCacheHit), 1);
    }
}
