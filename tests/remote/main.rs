//! Stores on other machines: real servers on loopback, and a proxy before them
//! that does what networks do.
//!
//! `servers` starts S3 (SeaweedFS), WebDAV (nginx, apache), Redis and memcached; what it does
//! not find is reported as skipped: `.ci/setup` and `scripts/servers` bring it.
//! `http`, `s3` and `resp` speak to them independently of the program under test;
//! `proxy` counts requests and breaks them. `proof` shows that all of these do what
//! the other tests believe.

#[path = "../support/mod.rs"]
mod support;

mod http;
mod machine;
mod proxy;
mod resp;
mod s3;
mod servers;
mod wire;

mod proof;

mod builds;
mod faults;
mod keeping;
mod kept;
mod mishaps;
mod real;
mod requests;
mod sharing;
mod team;
mod trust;
