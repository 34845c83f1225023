//! The subcommands and their options, as clap sees them.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{SizeLimit, parse_duration};

const USAGE: &str = "cache COMPILER [ARGUMENTS]...\n       cache COMMAND [OPTIONS]";

const EXAMPLES: &str = "\
Examples:
  cache gcc -c hello.c -o hello.o     Compile; the second time, the object comes from the cache
  make CC=\"cache gcc\"                 Build with the cache
  cmake -DCMAKE_C_COMPILER_LAUNCHER=cache -DCMAKE_CXX_COMPILER_LAUNCHER=cache ..
  ln -s \"$(command -v cache)\" ~/bin/gcc
                                      With ~/bin first in PATH, every gcc uses the cache
  cache stats                         How often it helped, and why not
  cache config set max_size 20G       Let it grow
  CACHE_LOG=/dev/stderr cache gcc -c hello.c
                                      Say what is decided, and why

The first word that is no command of ours is the compiler; everything after it is the
compiler's. `cache -- stats` runs a program that is called like one of our commands.

Every setting: `cache config`. Every option of a command: `cache help COMMAND`.";

/// A compiler cache: the compiler's files, bytes, messages and exit code, only faster
/// when the same was compiled before.
#[derive(Parser, Debug)]
#[command(
    name = "cache",
    version,
    override_usage = USAGE,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    Stats(StatsArgs),
    Clean(CleanArgs),
    /// Show every setting with its value and origin, or change one
    #[command(
        after_help = "Settings come from the environment (CACHE_*), the project's .cache.toml, \
        your own file and defaults, in this order."
    )]
    Config {
        /// How to print
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Look after the process that talks to remote stores
    Agent {
        #[command(subcommand)]
        command: AgentCommand,
    },
    /// Look at remote stores
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Copy what one remote store has and another has not
    Push {
        /// The store to copy from
        from: String,
        /// The store to copy to
        to: String,
    },
    /// As push, the other way round: `cache pull TO FROM`
    Pull {
        /// The store to copy to
        to: String,
        /// The store to copy from
        from: String,
    },
    /// Print a script that completes our commands in a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (`cache man | man -l -`)
    Man {
        /// The page of this command
        command: Option<String>,
    },
}

/// Show how often the cache helped, what it could not cache and why, and its size
#[derive(clap::Args, Debug)]
pub struct StatsArgs {
    /// How to print; json is flat, and its names stay
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Only the last while: 30m, 2h, 1d12h
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Since>,
    /// Count from zero from now on, and show nothing
    #[arg(long, conflicts_with_all = ["since", "format"])]
    pub zero: bool,
}

/// Remove what is in the cache: everything, or what is above a limit
#[derive(clap::Args, Debug)]
pub struct CleanArgs {
    /// Keep the most recently used entries, up to this size: 5G, 500M, 1.5GiB, 10% of the disk
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_size: Option<SizeLimit>,
    /// Remove entries that were not used for longer than this: 30d, 12h
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub max_age: Option<Duration>,
    /// Only in this namespace
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Not the local cache, but this remote store
    #[arg(long, value_name = "NAME")]
    pub store: Option<String>,
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Return when the disk space is free too, or after this time: 10s
    ///
    /// What is removed is out of use at once. To give its space back can take long in a
    /// large cache: what is left of that after two seconds goes on in the background,
    /// unless the variable CI is set. A step that packs the directory should wait.
    #[arg(long, value_name = "TIME", value_parser = age, num_args = 0..=1, require_equals = true)]
    #[arg(conflicts_with_all = ["store", "dry_run"])]
    pub wait: Option<Option<Duration>>,
    /// Only give back the space of what was removed before: the background's part
    #[arg(long, hide = true, conflicts_with_all = ["max_size", "max_age", "store", "dry_run", "wait"])]
    pub rest: bool,
}

#[derive(Subcommand, Debug)]
pub enum AgentCommand {
    /// Say whether it runs, what waits for upload, and which stores are down
    Status,
    /// End it; the next compile that needs it starts another
    Stop,
    /// Wait until everything is uploaded: for the last step of a CI job
    Flush,
}

#[derive(Subcommand, Debug)]
pub enum StoreCommand {
    /// Write, read, compare and delete an object in each store, and say what is wrong
    Check {
        /// Only this store
        store: Option<String>,
    },
    /// Count objects and bytes (lists the whole store)
    Usage {
        /// Only this store
        store: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Print the value of a setting
    Get {
        /// Its name
        key: String,
    },
    /// Write a setting to your own file
    Set {
        /// Its name
        key: String,
        /// Its value, as in an environment variable
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Remove a setting from your own file
    Unset {
        /// Its name
        key: String,
    },
}

/// How to print.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people
    Human,
    /// For tools
    Json,
}

/// A while, with the words it was given in.
#[derive(Clone, Debug)]
pub struct Since {
    pub text: String,
    pub length: Duration,
}

fn since(text: &str) -> Result<Since, String> {
    Ok(Since {
        text: text.to_owned(),
        length: age(text)?,
    })
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "not a length of time like 30d, 12h or 1d12h".to_owned())
}

/// Unlike in the configuration, 0 is a size here: keep nothing.
fn size(text: &str) -> Result<SizeLimit, String> {
    match SizeLimit::parse(text) {
        Some(SizeLimit::Unlimited) => Ok(SizeLimit::Bytes(0)),
        Some(size) => Ok(size),
        None => Err("not a size like 5G, 500M, 1.5GiB or 10%".to_owned()),
    }
}
