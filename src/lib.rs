//! A compiler cache: `cache gcc -c x.c -o x.o` does exactly what
//! `gcc -c x.c -o x.o` does, only faster when the same work was done before.
//!
//! # Layers
//!
//! Each module may use the ones listed to its right and nothing else of ours;
//! `tests/tidy.rs` checks it.
//!
//! | module | what it is | knows |
//! | --- | --- | --- |
//! | [`sys`] | the platform: files, clocks, processes, terminals | nothing |
//! | [`hash`] | digests, the labelled key hasher, file digests, the source scanner | `sys` |
//! | [`entry`] | entries, blob names, metadata, the manifest format | `hash`, `sys` |
//! | [`store`] | the store contract, the disk store, the memory store | `entry`, `hash`, `sys` |
//! | [`compiler`] | families, option tables, command lines, dependency files | `sys` |
//! | [`config`] | the key table, configuration files, the environment | `sys` |
//! | [`stats`] | counters, the event journal, reports | `sys` |
//! | [`engine`] | the story of one call | all of the above |
//! | [`cli`] | subcommands | all of the above |
//! | [`agent`] | remote stores, behind a socket: the program `cache-agent` | `config`, `entry`, `hash`, `store`, `sys` |
//!
//! # Invariants
//!
//! - A compiler front end never touches a store; a store never knows what a compiler is.
//! - Outside [`cli`] and [`config`] nothing prints, exits or reads an environment variable.
//! - Whatever goes wrong in the cache, the compiler still runs.

#[cfg(feature = "agent")]
pub mod agent;
pub mod cli;
pub mod compiler;
pub mod config;
pub mod engine;
pub mod entry;
pub mod hash;
pub mod stats;
pub mod store;
pub mod sys;

#[cfg(test)]
#[path = "../tests/support/skip.rs"]
mod skip;
