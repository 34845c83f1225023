//! From a command line to plain data.
//!
//! Three stages: `record` splits the line into options and files by the tables
//! and decides nothing; `resolve` goes through them in order and notes what
//! they say; `finish` says what the call is. Nothing is read besides response
//! files, and those only through [`ResponseFiles`].

mod finish;
pub(super) mod forward;
mod line;
mod names;
mod record;
mod resolve;
mod sides;

use std::ffi::OsString;

use super::command::{Parsed, PassThrough, Reason};
use super::family::{DriverName, Family};
use super::response::{self, ResponseFiles};

/// Parses the arguments of a compiler, its own name left out.
///
/// `ignore_options` lists options that do not count (`-fmessage-length=0`, or
/// `-fmessage-*` for all that begin so): they become
/// [`Class::Silent`](super::Class::Silent).
pub fn parse(
    family: Family,
    driver: DriverName,
    args: &[OsString],
    files: &dyn ResponseFiles,
    ignore_options: &[String],
) -> Parsed {
    match response::expand(args, files) {
        Ok(expanded) => match record::record(family, &expanded.args) {
            Ok(words) => {
                let used = expanded.used_response_file;
                resolve::resolve(family, driver, &words, used, ignore_options)
            }
            Err(option) => pass(Reason::BadCompilerArguments, &option),
        },
        Err(
            response::Error::Unreadable(word)
            | response::Error::TooMuch(word)
            | response::Error::Unclear(word),
        ) => pass(Reason::BadCompilerArguments, &word.to_string_lossy()),
    }
}

fn pass(reason: Reason, detail: &str) -> Parsed {
    Parsed::PassThrough(PassThrough {
        reason,
        detail: detail.to_owned(),
    })
}

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod tests;
