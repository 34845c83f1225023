//! What every store must do, as a list of named checks.
//!
//! A store's tests call [`run`] with a closure that makes fresh, empty stores.
//! A check panics when the store breaks the contract, with what was expected;
//! [`run`] adds the check's name. The checks know nothing of the store but the
//! trait: a budget is measured in what the store itself says an entry costs.

mod basics;
mod budgets;
mod concurrency;
mod namespaces;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::{CleanOptions, Cleaned, Error, Limits, OpenEntry, Result, Store, Usage};
use crate::entry::{BlobName, Entry};
use crate::hash::Key;

/// Makes a fresh, empty store with these limits as its own budget. Stores made
/// by several calls share nothing.
pub type Make<'a> = &'a dyn Fn(Limits) -> Box<dyn Store>;

/// One property of a store.
pub struct Check {
    /// What the check is called.
    pub name: &'static str,
    /// Panics if the property does not hold.
    pub run: fn(Make<'_>),
}

/// Names a function as a check.
macro_rules! checks {
    ($($function:path),* $(,)?) => {
        &[$(Check { name: stringify!($function), run: $function }),*]
    };
}

/// All checks.
pub const CHECKS: &[Check] = checks![
    basics::absent_is_not_an_error,
    basics::what_was_put_is_got,
    basics::put_keeps_the_other_blobs,
    basics::put_replaces_the_blob,
    basics::put_entry_replaces_all,
    basics::an_open_entry_shows_its_blobs,
    basics::blobs_of_any_size,
    basics::blobs_out_of_files,
    basics::keys_of_any_bytes,
    basics::remove_makes_absent,
    basics::stats_count_entries_and_bytes,
    basics::an_open_entry_outlives_the_store_s,
    basics::an_entry_without_blobs,
    namespaces::names_are_checked,
    namespaces::a_parent_sees_its_namespaces,
    namespaces::a_parent_sees_any_depth,
    namespaces::a_namespace_sees_only_its_own,
    namespaces::a_store_comes_before_its_namespaces,
    namespaces::clean_through_a_namespace_touches_only_that,
    namespaces::a_parent_removes_from_its_namespaces,
    namespaces::a_parent_cleans_entries_not_namespaces,
    budgets::puts_stay_within_the_budget,
    budgets::blobs_put_one_by_one_stay_within_the_budget,
    budgets::puts_through_namespaces_count,
    budgets::a_namespace_has_no_budget_of_its_own,
    budgets::the_least_recently_used_goes_first,
    budgets::eviction_is_global_over_namespaces,
    budgets::looking_is_not_using,
    budgets::the_entry_just_written_stays,
    budgets::an_entry_larger_than_the_budget_is_not_kept,
    budgets::whole_entries_go,
    budgets::replacing_does_not_count_twice,
    budgets::clean_without_limits_removes_nothing,
    budgets::clean_to_a_size,
    budgets::clean_to_nothing,
    budgets::clean_by_age,
    budgets::clean_by_age_and_size,
    budgets::a_dry_run_removes_nothing,
    budgets::clean_shows_progress,
    concurrency::writers_of_one_entry_end_as_one,
    concurrency::readers_never_see_a_mixture,
    concurrency::blobs_put_at_once_all_stay,
    concurrency::many_writers_stay_within_the_budget,
    concurrency::removing_and_storing_at_once,
];

/// Runs every check on stores of `make`.
///
/// # Panics
/// If a check fails, after printing its name.
pub fn run(make: Make<'_>) {
    for check in CHECKS {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (check.run)(make))) {
            // The panic itself has been reported by the hook of whoever runs us.
            resume_unwind(Box::new(format!("{}: {}", check.name, text_of(&*panic))));
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("failed")
}

// What follows is the vocabulary of the checks.

/// A key that differs for each `n`, in its first byte too.
fn key(n: u32) -> Key {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (n.wrapping_mul(0x9e37_79b1).rotate_left(at as u32) >> 8) as u8 ^ at as u8;
    }
    bytes[28..].copy_from_slice(&n.to_be_bytes());
    Key(bytes)
}

/// A blob's name.
fn name(text: &str) -> BlobName {
    BlobName::new(text).expect("a valid blob name")
}

/// `len` bytes that do not compress and differ for each `seed`.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// An entry of several blobs that all carry `n`, about 9 kB.
fn entry(n: u32) -> Entry {
    let mut entry = Entry::default();
    entry.insert(BlobName::OUTPUT, noise(n.into(), 9000));
    entry.insert(BlobName::STDERR, format!("warning {n}\n").into_bytes());
    entry.insert(BlobName::STDOUT, Vec::new());
    entry.insert(BlobName::EXIT_CODE, b"0".to_vec());
    entry
}

/// What [`entry`] costs in stores of `make`.
fn cost(make: Make<'_>) -> u64 {
    let store = make(Limits::default());
    must(store.put_entry(&key(0), &entry(0)));
    must(store.stats()).bytes
}

fn must<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error}"),
    }
}

/// Whether the entry of `n`, as [`entry`] makes it, is there and right; looks
/// by [`Store::get_entry`], which is a use.
fn holds(store: &dyn Store, n: u32) -> bool {
    let Some(open) = must(store.get_entry(&key(n))) else {
        return false;
    };
    assert_is_entry(&*open, n);
    true
}

fn assert_is_entry(open: &dyn OpenEntry, n: u32) {
    let wanted = entry(n).blobs;
    let names: Vec<_> = wanted.keys().cloned().collect();
    assert_eq!(open.names(), names, "names of entry {n}");
    for (name, blob) in &wanted {
        let crate::entry::Blob::Bytes(bytes) = blob else {
            continue;
        };
        let got = must(open.read(name));
        assert!(got.as_ref() == Some(bytes), "blob {name} of entry {n}");
    }
}

/// How many of the entries `0..n` are there, without using them.
fn count(store: &dyn Store, n: u32) -> u32 {
    let there = (0..n).filter(|n| must(store.has(&key(*n))));
    there.count().try_into().unwrap_or(u32::MAX)
}

fn clean(store: &dyn Store, limits: Limits, dry_run: bool) -> Cleaned {
    let options = CleanOptions {
        limits,
        dry_run,
        patience: None,
    };
    must(store.clean(&options, &mut |_, _| ()))
}

fn max_size(bytes: u64) -> Limits {
    Limits {
        max_size: Some(bytes),
        max_age: None,
    }
}
