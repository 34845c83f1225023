//! Real projects, built with and without the cache: every object must be the
//! same, and a warm build must be served whole.
//!
//! These take minutes, so a plain `cargo test` leaves them out; `.ci/run` runs
//! them with `--include-ignored`. The sources come from `scripts/corpora`.

#[path = "../support/mod.rs"]
mod support;

mod project;

mod builds;
mod faults;
mod flags;
