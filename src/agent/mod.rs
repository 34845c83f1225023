//! What only `cache-agent` links: an async runtime, TLS and the protocols of the
//! servers that hold entries for several machines.
//!
//! Architecture invariant: nothing outside this module uses those crates, so that
//! they cost the program that runs for every compile neither size nor start-up.

pub mod backend;
