//! What we know about compilers: their names, option tables and command lines.
//!
//! Everything here is a pure function from data to plain data. Nothing is
//! spawned, hashed or stored, so that it can be tested with tables of command
//! lines and fuzzed.

pub mod ast_file;
pub mod command;
pub mod configuration;
pub mod depfile;
pub mod environment;
pub mod family;
pub mod options;
pub mod outputs;
pub mod parse;
pub mod response;
pub mod search;

pub use command::{
    Arg, Class, Command, Dependencies, Dumps, Input, Output, Overwrite, Parsed, PassThrough,
    Product, Profile, Reason, Traits,
};
pub use family::{DriverName, Family, Language};
pub use parse::{parse, parse_configured};
pub use response::{NoFiles, ResponseFiles};

#[cfg(test)]
mod completeness_tests;
#[cfg(test)]
mod installed_tests;
