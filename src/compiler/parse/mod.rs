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

pub use forward::{with_all_headers, without_dependencies};

use std::ffi::OsString;
use std::path::PathBuf;

use super::command::{Input, Parsed, PassThrough, Reason};
use super::configuration::Configuration;
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
    parse_configured(family, driver, args, files, ignore_options, &[])
}

/// The same where clang reads the configuration files `defaults` by itself.
pub fn parse_configured(
    family: Family,
    driver: DriverName,
    args: &[OsString],
    files: &dyn ResponseFiles,
    ignore_options: &[String],
    defaults: &[PathBuf],
) -> Parsed {
    let expanded = match response::expand(args, files) {
        Ok(expanded) => expanded,
        Err(
            response::Error::Unreadable(word)
            | response::Error::TooMuch(word)
            | response::Error::Unclear(word),
        ) => return pass(Reason::BadCompilerArguments, &word.to_string_lossy()),
    };
    let configuration = match family {
        Family::Gcc => Configuration::default(),
        Family::Clang => match configuration(&expanded.args, files, defaults) {
            Ok(configuration) => configuration,
            Err(file) => return pass(Reason::UnsupportedCompilerOption, &file),
        },
    };
    let used = expanded.used_response_file;
    let mut args = configuration.words;
    args.extend(expanded.args);
    let mut parsed = match record::record(family, &args) {
        Ok(words) => resolve::resolve(family, driver, &words, used, ignore_options),
        Err(option) => pass(Reason::BadCompilerArguments, &option),
    };
    if let Parsed::Compile(command) = &mut parsed {
        command
            .inputs
            .extend(configuration.files.into_iter().map(|path| Input {
                path,
                option: "--config".to_owned(),
                optional: false,
            }));
    }
    parsed
}

/// What clang's configuration files add in front of `args`; else the one that
/// cannot be followed.
fn configuration(
    args: &[OsString],
    files: &dyn ResponseFiles,
    defaults: &[PathBuf],
) -> Result<Configuration, String> {
    let mut configuration = Configuration::default();
    if !args.iter().any(|word| word == "--no-default-config") {
        for path in defaults {
            configuration
                .add(path, files)
                .ok_or_else(|| path.display().to_string())?;
        }
    }
    let named = configuration.add_named(args, files);
    named.ok_or_else(|| "--config".to_owned())?;
    Ok(configuration)
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
