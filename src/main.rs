//! Decides by `argv[0]` and `argv[1]` who answers; nothing else happens here.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    cache::cli::dispatch(argv)
}
