//! Subcommands: everything that a person asks of the cache itself.
//!
//! [`dispatch`] looks at the first two words by hand: a compile is passed on
//! without any parsing of arguments. What is left goes to clap ([`args`]) and
//! from there to one function per subcommand, which returns what it has to say
//! as text. Only this file writes it.

pub mod args;

mod clean;
mod config;
mod output;
mod progress;
mod reference;
mod remote;
mod stats;
mod store;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};

use crate::compiler::DriverName;
use crate::config::{Config, Environment};
use args::{Args, Command};

pub use reference::reference_page;
pub use store::open_store;

/// The first words that are ours; anything else is a compiler. A program that
/// is called like one of them is reached by its path or by `cache -- stats`.
const SUBCOMMANDS: &[&str] = &[
    "agent",
    "clean",
    "completions",
    "config",
    "help",
    "man",
    "pull",
    "push",
    "stats",
    "store",
];

/// Who answers a call.
#[derive(Debug, PartialEq)]
enum Answer<'a> {
    /// The engine, for this command line: a compiler and its arguments.
    Compile(&'a [OsString]),
    /// The engine: we were called by a compiler's name, through a link, with
    /// these arguments.
    Masquerade(&'a OsStr, &'a [OsString]),
    /// A subcommand, or a mistake in naming one.
    Subcommand,
}

/// Runs a compile or a subcommand. `argv[0]` is how this program was called: a
/// compiler's name makes it stand in for that compiler. Returns the exit code.
pub fn dispatch(argv: Vec<OsString>) -> u8 {
    match answer(&argv) {
        Answer::Compile(argv) => crate::engine::run(argv),
        Answer::Masquerade(name, args) => {
            // By its name alone: a path would only lead back to the link.
            let mut argv = vec![name.to_owned()];
            argv.extend_from_slice(args);
            crate::engine::run(&argv)
        }
        Answer::Subcommand => subcommand(&argv),
    }
}

fn answer(argv: &[OsString]) -> Answer<'_> {
    let Some((own_name, words)) = argv.split_first() else {
        return Answer::Subcommand;
    };
    if let Some(name) = Path::new(own_name).file_name()
        && name != "cache"
        && name
            .to_str()
            .is_some_and(|n| DriverName::parse(n).is_some())
    {
        return Answer::Masquerade(name, words);
    }
    let Some((first, rest)) = words.split_first() else {
        return Answer::Subcommand;
    };
    if first == "--" && !rest.is_empty() {
        return Answer::Compile(rest);
    }
    let ours = |word: &str| word.starts_with('-') || SUBCOMMANDS.contains(&word);
    if first.to_str().is_some_and(ours) {
        return Answer::Subcommand;
    }
    Answer::Compile(words)
}

fn subcommand(argv: &[OsString]) -> u8 {
    let args = match Args::try_parse_from(argv) {
        Ok(args) => args,
        Err(error) => {
            // Help on a closed pipe is nobody's problem.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    match run(args.command).and_then(|text| Ok(output::print(&text)?)) {
        Ok(()) => 0,
        Err(error) => {
            output::complain("error", &format!("{error:#}"));
            1
        }
    }
}

/// Does what `command` says; returns what goes to standard output.
fn run(command: Command) -> anyhow::Result<String> {
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "cache", &mut script);
            Ok(String::from_utf8(script)?)
        }
        Command::Man { command } => reference::man_page(command.as_deref()),
        Command::Config { format, command } => config::run(&Desk::new()?, format, command),
        Command::Stats(wanted) => stats::run(&Desk::new()?.config()?, &wanted),
        Command::Clean(wanted) => match wanted.store.as_deref() {
            None => {
                if wanted.rest {
                    crate::sys::detach::from_caller();
                }
                let desk = Desk::new()?;
                clean::run(&desk.config()?, &desk.env, &wanted)
            }
            Some(store) => Desk::new()?.remote()?.clean(&wanted, store),
        },
        Command::Agent { command } => Desk::new()?.remote()?.agent(&command),
        Command::Store { command } => Desk::new()?.remote()?.store(&command),
        Command::Push { from, to } | Command::Pull { to, from } => {
            Desk::new()?.remote()?.copy(&from, &to)
        }
    }
}

/// Where a subcommand was called.
struct Desk {
    env: Environment,
    cwd: std::path::PathBuf,
}

impl Desk {
    fn new() -> anyhow::Result<Desk> {
        Ok(Desk {
            env: Environment::from_process(),
            cwd: std::env::current_dir().context("cannot tell the working directory")?,
        })
    }

    fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.env, &self.cwd)?)
    }

    fn remote(&self) -> anyhow::Result<remote::Remote> {
        remote::Remote::new(&self.config()?, &self.env)
    }
}

#[cfg(test)]
mod tests;
