//! The agent's program: `cache-agent DIRECTORY IDLE-SECONDS`, started by `cache`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let directory = args.next().map(PathBuf::from);
    let idle = args.next().and_then(|word| word.to_str()?.parse().ok());
    let (Some(directory), Some(idle)) = (directory, idle) else {
        eprintln!("cache-agent is started by cache where it is needed; see: cache agent --help");
        return ExitCode::from(2);
    };
    match cache::agent::run(directory, Duration::from_secs(idle)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cache-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
