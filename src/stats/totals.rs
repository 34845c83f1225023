//! Sums of events, and the file that old journals are folded into.
//!
//! `<host>.totals` is one line, `cache-totals 1 <XXH3-64 of the rest, 16
//! hexadecimal digits>`, and then JSON:
//! ```json
//! {
//!   "zeroed_ms": 0,
//!   "folded": {"<segment's file name>": 1048700},
//!   "buckets": [{
//!     "hour": 472222, "hours": 1, "namespace": "",
//!     "main": [[1, 17]], "further": [[100, 2]], "details": [[27, "-fmodules", 3]],
//!     "elapsed_us": 5, "compile_us": 9, "saved_us": 4,
//!     "bytes_read": 1, "bytes_written": 1, "first_ms": 1, "last_ms": 2
//!   }]
//! }
//! ```
//! `hour` counts from 1970; `folded` says how many bytes of a segment are in
//! the buckets already.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::record::Record;
use super::{Counter, Group};

const MILLISECONDS_PER_HOUR: u64 = 3_600_000;

/// Buckets of an hour older than this become part of one for their day.
const HOURLY_FOR_HOURS: u64 = 31 * 24;

/// As many details are kept apart in one bucket; the others count as "".
const MOST_DETAILS: usize = 100;

/// Sums over some calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    main: BTreeMap<u16, u64>,
    further: BTreeMap<u16, u64>,
    details: BTreeMap<(u16, String), u64>,
    /// Time that the calls took, in microseconds.
    pub elapsed_us: u64,
    /// Time that compilers ran for misses, in microseconds.
    pub compile_us: u64,
    /// By how much hits were faster than the compiler, in microseconds.
    pub saved_us: u64,
    /// Bytes that hits read from the cache.
    pub bytes_read: u64,
    /// Bytes that misses wrote to the cache.
    pub bytes_written: u64,
    /// Time of the first call, milliseconds since 1970; 0 if there is none.
    pub first_ms: u64,
    /// Time of the last call.
    pub last_ms: u64,
}

impl Totals {
    /// How often `counter` was counted, as a call or as a detail of one.
    pub fn get(&self, counter: Counter) -> u64 {
        let of = |map: &BTreeMap<u16, u64>| map.get(&counter.id()).copied().unwrap_or(0);
        of(&self.main) + of(&self.further)
    }

    /// Calls that were in this group.
    pub fn calls(&self, group: Group) -> u64 {
        self.main
            .iter()
            .filter(|(id, _)| Counter::from_id(**id).is_some_and(|c| c.group() == group))
            .map(|(_, count)| count)
            .sum()
    }

    /// All calls, those included whose counter only a later version knows.
    pub fn all_calls(&self) -> u64 {
        self.main.values().sum()
    }

    /// The details recorded with `counter`, most frequent first. What is not
    /// kept apart any more is left out.
    pub fn details(&self, counter: Counter) -> Vec<(&str, u64)> {
        let mut details: Vec<(&str, u64)> = self
            .details
            .iter()
            .filter(|((id, text), _)| *id == counter.id() && !text.is_empty())
            .map(|((_, text), count)| (text.as_str(), *count))
            .collect();
        details.sort_by_key(|(text, count)| (std::cmp::Reverse(*count), *text));
        details
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Totals) {
        for (id, count) in &other.main {
            *self.main.entry(*id).or_default() += count;
        }
        for (id, count) in &other.further {
            *self.further.entry(*id).or_default() += count;
        }
        for ((id, text), count) in &other.details {
            *self.detail(*id, text) += count;
        }
        self.elapsed_us = self.elapsed_us.saturating_add(other.elapsed_us);
        self.compile_us = self.compile_us.saturating_add(other.compile_us);
        self.saved_us = self.saved_us.saturating_add(other.saved_us);
        self.bytes_read = self.bytes_read.saturating_add(other.bytes_read);
        self.bytes_written = self.bytes_written.saturating_add(other.bytes_written);
        self.cover(other.first_ms);
        self.cover(other.last_ms);
    }

    fn count(&mut self, record: &Record) {
        *self.main.entry(record.main).or_default() += 1;
        for id in &record.further {
            *self.further.entry(*id).or_default() += 1;
        }
        if !record.detail.is_empty() {
            *self.detail(record.main, &String::from_utf8_lossy(record.detail)) += 1;
        }
        self.elapsed_us = self.elapsed_us.saturating_add(record.elapsed_us);
        match Counter::from_id(record.main).map(Counter::group) {
            Some(Group::Hit) => {
                let saved = record.compile_us.saturating_sub(record.elapsed_us);
                self.saved_us = self.saved_us.saturating_add(saved);
                self.bytes_read = self.bytes_read.saturating_add(record.bytes);
            }
            _ => {
                self.compile_us = self.compile_us.saturating_add(record.compile_us);
                self.bytes_written = self.bytes_written.saturating_add(record.bytes);
            }
        }
        self.cover(record.time_ms);
    }

    fn detail(&mut self, id: u16, text: &str) -> &mut u64 {
        let known = (id, text.to_owned());
        let key = if self.details.len() < MOST_DETAILS || self.details.contains_key(&known) {
            known
        } else {
            (id, String::new())
        };
        self.details.entry(key).or_default()
    }

    fn cover(&mut self, time_ms: u64) {
        if time_ms > 0 {
            if self.first_ms == 0 || time_ms < self.first_ms {
                self.first_ms = time_ms;
            }
            self.last_ms = self.last_ms.max(time_ms);
        }
    }
}

/// Sums by time and namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Buckets {
    /// By (first hour, number of hours, namespace).
    buckets: BTreeMap<(u64, u64, String), Totals>,
}

impl Buckets {
    pub fn count(&mut self, record: &Record) {
        let hour = record.time_ms / MILLISECONDS_PER_HOUR;
        let namespace = String::from_utf8_lossy(record.namespace).into_owned();
        self.buckets
            .entry((hour, 1, namespace))
            .or_default()
            .count(record);
    }

    /// The sums of each namespace over the buckets that reach past `since_ms`.
    pub fn by_namespace(&self, since_ms: u64) -> BTreeMap<&str, Totals> {
        let mut sums: BTreeMap<&str, Totals> = BTreeMap::new();
        for ((hour, hours, namespace), totals) in &self.buckets {
            let end = hour.saturating_add(*hours);
            if end.saturating_mul(MILLISECONDS_PER_HOUR) > since_ms {
                sums.entry(namespace).or_default().add(totals);
            }
        }
        sums
    }

    /// Merges old hours into days, so that the file stays small.
    pub fn coarsen(&mut self, now_ms: u64) {
        let now = now_ms / MILLISECONDS_PER_HOUR;
        for ((hour, hours, namespace), totals) in std::mem::take(&mut self.buckets) {
            let old = hours == 1 && hour.saturating_add(HOURLY_FOR_HOURS) < now;
            let key = if old {
                (hour - hour % 24, 24, namespace)
            } else {
                (hour, hours, namespace)
            };
            self.buckets.entry(key).or_default().add(&totals);
        }
    }
}

/// The content of `<host>.totals`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TotalsFile {
    /// The last zeroing that the buckets know of.
    pub zeroed_ms: u64,
    /// Bytes of each segment that are in the buckets.
    pub folded: BTreeMap<String, u64>,
    pub buckets: Buckets,
}

/// Why a totals file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Damaged,
    /// Written by a later version; to be left alone.
    Later,
}

const FIRST_WORDS: &str = "cache-totals ";

impl TotalsFile {
    pub fn parse(bytes: &[u8]) -> Result<TotalsFile, Unusable> {
        let text = std::str::from_utf8(bytes).map_err(|_| Unusable::Damaged)?;
        let (head, body) = text.split_once('\n').ok_or(Unusable::Damaged)?;
        let head = head.strip_prefix(FIRST_WORDS).ok_or(Unusable::Damaged)?;
        match head.split_once(' ').ok_or(Unusable::Damaged)? {
            ("1", checksum) if checksum == format!("{:016x}", xxh3_64(body.as_bytes())) => {}
            (version, _) if version.parse::<u32>().is_ok_and(|v| v > 1) => {
                return Err(Unusable::Later);
            }
            _ => return Err(Unusable::Damaged),
        }
        let form: Form = serde_json::from_str(body).map_err(|_| Unusable::Damaged)?;
        Ok(form.into())
    }

    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let body = serde_json::to_string(&Form::from(self))?;
        let checksum = xxh3_64(body.as_bytes());
        Ok(format!("{FIRST_WORDS}1 {checksum:016x}\n{body}").into_bytes())
    }
}

/// The JSON.
#[derive(Serialize, Deserialize)]
struct Form {
    zeroed_ms: u64,
    folded: BTreeMap<String, u64>,
    buckets: Vec<BucketForm>,
}

#[derive(Serialize, Deserialize)]
struct BucketForm {
    hour: u64,
    hours: u64,
    namespace: String,
    main: Vec<(u16, u64)>,
    further: Vec<(u16, u64)>,
    details: Vec<(u16, String, u64)>,
    elapsed_us: u64,
    compile_us: u64,
    saved_us: u64,
    bytes_read: u64,
    bytes_written: u64,
    first_ms: u64,
    last_ms: u64,
}

impl From<&TotalsFile> for Form {
    fn from(file: &TotalsFile) -> Form {
        let bucket = |((hour, hours, namespace), totals): (&(u64, u64, String), &Totals)| {
            let pairs = |map: &BTreeMap<u16, u64>| map.iter().map(|(id, n)| (*id, *n)).collect();
            let details = totals.details.iter();
            BucketForm {
                hour: *hour,
                hours: *hours,
                namespace: namespace.clone(),
                main: pairs(&totals.main),
                further: pairs(&totals.further),
                details: details.map(|((id, d), n)| (*id, d.clone(), *n)).collect(),
                elapsed_us: totals.elapsed_us,
                compile_us: totals.compile_us,
                saved_us: totals.saved_us,
                bytes_read: totals.bytes_read,
                bytes_written: totals.bytes_written,
                first_ms: totals.first_ms,
                last_ms: totals.last_ms,
            }
        };
        Form {
            zeroed_ms: file.zeroed_ms,
            folded: file.folded.clone(),
            buckets: file.buckets.buckets.iter().map(bucket).collect(),
        }
    }
}

impl From<Form> for TotalsFile {
    fn from(form: Form) -> TotalsFile {
        let mut buckets = Buckets::default();
        for bucket in form.buckets {
            let details = bucket.details.into_iter();
            let totals = Totals {
                main: bucket.main.into_iter().collect(),
                further: bucket.further.into_iter().collect(),
                details: details.map(|(id, d, n)| ((id, d), n)).collect(),
                elapsed_us: bucket.elapsed_us,
                compile_us: bucket.compile_us,
                saved_us: bucket.saved_us,
                bytes_read: bucket.bytes_read,
                bytes_written: bucket.bytes_written,
                first_ms: bucket.first_ms,
                last_ms: bucket.last_ms,
            };
            buckets
                .buckets
                .insert((bucket.hour, bucket.hours, bucket.namespace), totals);
        }
        TotalsFile {
            zeroed_ms: form.zeroed_ms,
            folded: form.folded,
            buckets,
        }
    }
}

#[cfg(test)]
#[path = "fuzz_test.rs"]
mod fuzz_tests;
