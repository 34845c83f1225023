//! engine

/// Stands in for the engine.
pub fn run(argv: &[std::ffi::OsString]) -> std::process::ExitCode {
    let _ = argv;
    std::process::ExitCode::FAILURE
}
