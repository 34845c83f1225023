//! The one compile of a miss, watched closely enough to know what it read and
//! wrote, and otherwise exactly the caller's.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Call;
use super::before::Before;
use super::dependencies::{self, Source};
use super::terminal::Terminal;
use crate::compiler::{Command, Family};
use crate::sys::clock::{self, Nanos};
use crate::sys::process::{Captured, Channel, Invocation, Running};

/// A finished compile.
pub struct Compiled {
    pub captured: Captured,
    pub source: Source,
    pub channel: Option<Channel>,
    /// The coarse clock before the compiler started: what has changed since
    /// has times that are not smaller.
    pub started: Nanos,
    pub duration: Duration,
    /// Whether standard error was written in colour.
    pub colored: bool,
    /// The names that were there before.
    pub before: Before,
}

/// A compile that has begun.
pub struct Compiling {
    child: Running,
    source: Source,
    channel: Option<Channel>,
    /// See [`Compiled::started`].
    pub started: Nanos,
    began: Duration,
    colored: bool,
    before: Before,
}

/// Starts the compiler. `newest` is the latest time of any input that is known
/// beforehand: if it lies in the running tick of the clock, the compile waits
/// for the next, so that later changes show.
pub fn start(
    call: &Call<'_>,
    family: Family,
    command: &Command,
    terminal: &Terminal,
    newest: Nanos,
) -> std::io::Result<Compiling> {
    let mut source = dependencies::source(family, command);
    let channel = match source.uses_channel() {
        true => Channel::new().ok(),
        false => None,
    };
    let mut set = Vec::new();
    match &channel {
        Some(channel) => set = dependencies::variables(source, channel),
        // Without it the dependencies stay unknown: nothing will be stored.
        None if source.uses_channel() => source = Source::Unknown,
        None => {}
    }
    let mut args = dependencies::arguments(source, command);
    let color = terminal.color_option(family, command);
    if let Some(option) = color {
        args.get_or_insert_with(|| call.args.to_vec())
            .insert(0, option.into());
    }
    let args: &[OsString] = args.as_deref().unwrap_or(call.args);
    let prefixed = prefixed(call, args);
    let invocation = match &prefixed {
        Some((program, args)) => Invocation {
            program,
            name: program.as_os_str(),
            args,
            set: &set,
            unset: &[],
        },
        None => Invocation {
            program: call.program,
            name: call.name,
            args,
            set: &set,
            unset: &[],
        },
    };
    if let Some(input) = call.input {
        input.rewind()?;
    }
    if newest >= clock::coarse_now() {
        clock::wait_past(newest);
    }
    let started = clock::coarse_now();
    let before = Before::look(command);
    let began = clock::monotonic();
    Ok(Compiling {
        child: invocation.start()?,
        source,
        channel,
        started,
        began,
        colored: color.is_some(),
        before,
    })
}

impl Compiling {
    /// Waits for the end.
    pub fn finish(self) -> std::io::Result<Compiled> {
        let captured = self.child.finish()?;
        Ok(Compiled {
            captured,
            source: self.source,
            channel: self.channel,
            started: self.started,
            duration: clock::monotonic().saturating_sub(self.began),
            colored: self.colored,
            before: self.before,
        })
    }
}

/// The command with `prefix_command` in front.
fn prefixed(call: &Call<'_>, args: &[OsString]) -> Option<(std::path::PathBuf, Vec<OsString>)> {
    let (program, rest) = call.prefix_command.split_first()?;
    let program = crate::sys::paths::find_program(program, call.path)
        .unwrap_or_else(|| Path::new(program).to_owned());
    let mut all = rest.to_vec();
    all.push(call.program.into());
    all.extend_from_slice(args);
    Some((program, all))
}
