//! Differential tests: the real compiler alone and through `cache`, at the same
//! path, must leave the same files, bytes and modes, the same standard output
//! and error and the same exit code - and the counters must say what happened.
//!
//! Each test is named after its line in the catalogue of cases: `c` the call,
//! `i` its inputs, `o` its options, `s` the store under it. A case runs with
//! every compiler that is installed; one that is not is reported as skipped.

#[path = "../support/mod.rs"]
mod support;

mod env;

mod call;
mod clock;
mod comments;
mod compilers;
mod dependencies;
mod drivers;
mod found;
mod inputs;
mod kin;
mod macros;
mod options;
mod precompiled;
mod precompiled_macros;
mod precompiled_side;
mod projects;
mod races;
mod search;
mod shortcuts;
mod side;
mod side_clang;
mod side_gcc;
mod side_profile;
mod stdin;
mod store;
mod stress;
mod syntax;
mod tables;
mod token_fuzz;
mod unreported;
mod unreported_more;
mod user_headers;
