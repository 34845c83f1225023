//! What one call has at hand: configuration, stores, tables, and the tally of
//! what happened, which goes to the journal in one write at the end.

use std::ffi::OsString;
use std::fmt::Arguments;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::{self, Identity};
use super::log::Log;
use super::{Call, End};
use crate::compiler::environment::{self, EnvEffect};
use crate::compiler::{Reason, ResponseFiles};
use crate::config::{CompilerCheck, Compression, Config, Environment, Sloppiness};
use crate::hash::{Digest, InodeTable, KeyHasher};
use crate::stats::{Counter, Event, Journal};
use crate::store::disk::{Compress, DiskOptions};
use crate::store::parts::Parts;
use crate::sys::process::Invocation;
use crate::sys::{clock, detach};

/// Everything that one call has at hand.
pub struct Session<'a> {
    pub config: &'a Config,
    pub environment: &'a Environment,
    /// The working directory, as compilers record it.
    pub here: &'a Path,
    pub stores: Parts,
    pub table: InodeTable,
    /// `.machine` in the cache directory: records about this machine.
    pub local: Option<PathBuf>,
    pub tally: Tally,
}

impl<'a> Session<'a> {
    /// Opens what is there; nothing is read or made before it is needed.
    ///
    /// # Errors
    /// Those of [`DiskStore::prepare`]: nothing has been written into a directory
    /// that is not ours.
    pub fn new(
        config: &'a Config,
        environment: &'a Environment,
        here: &'a Path,
    ) -> crate::store::Result<Session<'a>> {
        let namespace = config.namespace.as_deref();
        let options = DiskOptions {
            free_later: !environment.in_ci(),
            ..disk_options(config)
        };
        let stores = Parts::open(&config.dir, options, namespace)?;
        let local = config.dir.join(".machine");
        Ok(Session {
            config,
            environment,
            here,
            stores,
            table: InodeTable::new(local.join("inodes")),
            local: Some(local),
            tally: Tally::new(config),
        })
    }

    /// Whether the user allows this kind of sloppiness.
    pub fn sloppy(&self, kind: Sloppiness) -> bool {
        self.config.sloppiness.contains(kind)
    }

    /// Ends the call if a variable makes compilers do what no table declares.
    pub fn refuse_environment(&self) -> Result<(), End> {
        for (name, _) in self.environment.iter() {
            if environment::classify(name.as_bytes()) == EnvEffect::PassThrough {
                let name = name.to_string_lossy().into_owned();
                return Err(End::HandOver(Counter::UnsupportedEnvironmentVariable, name));
            }
        }
        Ok(())
    }

    /// Who the compiler is.
    pub fn identify(&mut self, call: &Call<'_>) -> Option<Identity> {
        let directory = self.local.as_ref().map(|local| local.join("compilers"));
        identity::identify(
            call.program,
            self.environment,
            directory.as_deref(),
            &mut self.table,
        )
    }

    /// What stands for the compiler in keys, after `compiler_check`. `None`: the
    /// check failed.
    pub fn compiler_digest(&self, call: &Call<'_>, identity: &Identity) -> Option<Digest> {
        let mut hasher = KeyHasher::new("compiler-check");
        match &self.config.compiler_check {
            CompilerCheck::Content => return Some(identity.digest),
            CompilerCheck::None => hasher.field("none", b""),
            CompilerCheck::String(text) => hasher.field("string", text.as_bytes()),
            CompilerCheck::Mtime => {
                for file in &identity.files {
                    let stamp = crate::sys::Stamp::of_path(file).ok()?;
                    hasher.field("path", file.as_os_str().as_bytes());
                    hasher.field("size", &stamp.size.to_le_bytes());
                    hasher.field("modified", &stamp.modified.to_le_bytes());
                }
            }
            CompilerCheck::Command(commands) => {
                for command in commands.split(';') {
                    hasher.field("command", &output_of(command, call)?);
                }
            }
        }
        Some(Digest(hasher.finish().0))
    }

    /// Writes the journal and the log, and has the space freed that evicted entries take.
    pub fn finish(&mut self) {
        if self.stores.root.owes_space()
            && let Err(error) = detach::start_freeing(Some(&self.config.dir), &[])
        {
            self.tally
                .note(format_args!("no process to free evicted entries: {error}"));
            // Nobody else would.
            let _ = self.stores.root.free_removed(&mut |_, _| ());
        }
        self.tally.finish(self.config);
    }
}

/// The disk store's options, as configured. A share of the disk is worked out
/// only where the limit is a share.
pub fn disk_options(config: &Config) -> DiskOptions {
    DiskOptions {
        max_size: config.max_size_bytes(),
        max_age: config.max_age,
        compression: match config.compression {
            Compression::Auto => Compress::WhenCrowded,
            Compression::On => Compress::Always,
            Compression::Off => Compress::Never,
        },
        compression_level: config.compression_level,
        hard_link: config.hard_link,
        umask: config.umask,
        read_only: config.read_only,
        free_later: false,
    }
}

/// The output of one `compiler_check` command; `%compiler%` is the compiler.
fn output_of(command: &str, call: &Call<'_>) -> Option<Vec<u8>> {
    let mut words = command.split_whitespace().map(|word| match word {
        "%compiler%" => call.program.as_os_str().to_owned(),
        word => OsString::from(word),
    });
    let program = words.next()?;
    let args: Vec<OsString> = words.collect();
    let program = crate::sys::paths::find_program(&program, call.path)?;
    let answer = Invocation {
        program: &program,
        name: program.as_os_str(),
        args: &args,
        set: &[],
        unset: &[],
    }
    .query()
    .ok()?;
    let mut output = answer.stdout;
    output.extend_from_slice(&answer.stderr);
    answer.status.success().then_some(output)
}

/// Reads response files for the parser.
pub struct ResponseReader;

impl ResponseFiles for ResponseReader {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        fs_err::read(path).ok()
    }
}

/// The counter of a kind of call that passes through.
pub fn counter_of(reason: Reason) -> Counter {
    match reason {
        Reason::CalledForLink => Counter::CalledForLink,
        Reason::CalledForPreprocessing => Counter::CalledForPreprocessing,
        Reason::MultipleSourceFiles => Counter::MultipleSourceFiles,
        Reason::NoInputFile => Counter::NoInputFile,
        Reason::OutputToStdout => Counter::OutputToStdout,
        Reason::SourceFromStdin => Counter::SourceFromStdin,
        Reason::UnsupportedSourceLanguage => Counter::UnsupportedSourceLanguage,
        Reason::UnsupportedCompilerOption => Counter::UnsupportedCompilerOption,
        Reason::BadCompilerArguments => Counter::BadCompilerArguments,
        Reason::UnsupportedEnvironmentVariable => Counter::UnsupportedEnvironmentVariable,
    }
}

/// What happened in this call.
pub struct Tally {
    begun: Duration,
    event: Event,
    log: Log,
    compile_time: Duration,
}

impl Tally {
    fn new(config: &Config) -> Tally {
        Tally {
            begun: clock::monotonic(),
            event: Event {
                namespace: config.namespace.clone().unwrap_or_default(),
                ..Event::new(Counter::InternalError)
            },
            log: Log::new(config.log_file.is_some()),
            compile_time: Duration::ZERO,
        }
    }

    /// Whether anybody reads what is noted.
    pub fn is_logged(&self) -> bool {
        self.log.is_wanted()
    }

    /// A line for the log.
    pub fn note(&mut self, line: Arguments<'_>) {
        self.log.note(line);
    }

    /// What the call comes to. `detail` names the option or file that decided.
    pub fn count(&mut self, counter: Counter, detail: &str) {
        self.event.main = counter;
        self.event.detail = detail.to_owned();
    }

    /// Something that happened on the way.
    pub fn count_also(&mut self, counter: Counter) {
        self.event.further.push(counter);
    }

    /// A hit, and what the compile took when it was stored.
    pub fn saved(&mut self, counter: Counter, duration_ms: u64) {
        self.event.main = counter;
        self.compile_time = Duration::from_millis(duration_ms);
    }

    /// The compiler ran this long.
    pub fn compiled(&mut self, duration: Duration) {
        self.compile_time = duration;
    }

    fn finish(&mut self, config: &Config) {
        let elapsed = clock::monotonic().saturating_sub(self.begun);
        self.event.elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.event.compile_us = u64::try_from(self.compile_time.as_micros()).unwrap_or(u64::MAX);
        if config.stats
            && let Err(error) = Journal::new(&config.dir)
                .umask(config.umask)
                .append(&self.event)
        {
            self.log.note(format_args!("journal: {error}"));
        }
        self.log.flush(config.log_file.as_deref());
    }
}
