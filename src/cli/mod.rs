//! Subcommands.

use std::ffi::OsString;
use std::process::ExitCode;

/// `argv[0]` a compiler's name, or `argv[1]` not a subcommand: a compile.
pub fn dispatch(argv: Vec<OsString>) -> ExitCode {
    let _ = argv;
    ExitCode::SUCCESS
}
