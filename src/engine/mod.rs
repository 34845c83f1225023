//! The story of one call.
//!
//! [`run`] reads like the manual: configuration, the compiler, what its command
//! line asks for, a look for a stored result (direct mode, then preprocessor
//! mode), and on a miss one compile whose result is stored. Every step that
//! cannot be taken safely ends in the compiler's own hands.

mod ahead;
mod base;
mod before;
mod call;
mod comments;
mod compile;
mod dependencies;
mod direct;
mod dumps;
mod evidence;
mod existence;
mod expected;
mod hit;
mod identity;
mod key;
mod kin;
mod log;
mod miss;
mod notice;
mod observe;
mod once;
mod precompiled;
mod preprocessed;
mod record;
mod remote;
mod restore;
mod search;
mod session;
mod shadow;
mod side;
mod sides;
mod surroundings;
mod terminal;
mod undeclared;
mod unreported;
mod user_headers;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::compiler::search::SearchPaths;
use crate::compiler::{Command, DriverName, Overwrite, Parsed, Product, outputs, parse_configured};
use crate::config::{Config, Environment, Sloppiness};
use crate::hash::{Digest, InodeTable, Key};
use crate::stats::Counter;
use crate::store::parts::Parts;
use crate::sys::paths;
use crate::sys::process::{self, Invocation};
use crate::sys::stdin::StandardInput;
pub use call::Call;
use hit::Served;
use identity::Identity;
use miss::ResultKeys;
pub use session::disk_options;
use session::{Session, Tally};
use terminal::Terminal;

/// How a call ends.
enum End {
    /// With this exit code; everything has been written.
    Exit(u8),
    /// As the compiler ended.
    Status(std::process::ExitStatus),
    /// The compiler takes our place.
    HandOver(Counter, String),
}

/// Compiles, or gives back what the same compile gave before. `argv[0]` is the
/// compiler as the user named it. Returns the exit code.
pub fn run(argv: &[OsString]) -> u8 {
    let environment = Environment::from_process();
    let argv = without_ourselves(argv, &environment);
    let Some((name, args)) = argv.split_first() else {
        return 2;
    };
    let here = paths::working_directory(environment.get("PWD"));
    let config = here.as_deref().map(|here| Config::load(&environment, here));
    let (config, here) = match (config, here) {
        (Some(Ok(config)), Some(here)) => (Some(config), here),
        (Some(Err(error)), _) => {
            let text = format!("{error}; compiling without the cache");
            notice::say_once(&environment, text.as_bytes(), &text);
            (None, PathBuf::new())
        }
        _ => (None, PathBuf::new()),
    };
    let path = config.as_ref().and_then(|config| config.path.as_deref());
    let path = path.or(environment.get("PATH"));
    let own_choice = config.as_ref().and_then(|config| config.compiler.clone());
    let found = own_choice
        .map(|program| (program, false))
        .or_else(|| paths::find_behind_ourselves(name, path));
    let Some((program, masked)) = found else {
        let line = format!("cache: {}: command not found\n", name.to_string_lossy());
        process::write_stream(rustix::stdio::stderr(), line.as_bytes());
        return 127;
    };
    // Behind a link of ours the compiler must not find itself by its name: gcc
    // looks for its parts beside the first `gcc` on the PATH.
    let call = Call {
        program: &program,
        name: if masked { program.as_os_str() } else { name },
        args,
        prefix_command: config.as_ref().map_or(&[], |config| &config.prefix_command),
        path,
        input: None,
    };
    let Some(config) = &config else {
        return hand_over(&call);
    };
    let mut session = match Session::new(config, &environment, &here) {
        Ok(session) => session,
        Err(error) => {
            let text = format!("{error}; compiling without the cache");
            notice::say_once(&environment, text.as_bytes(), &text);
            return hand_over(&call);
        }
    };
    if session.tally.is_logged() {
        session
            .tally
            .note(format_args!("call: {}", in_words(name, args)));
    }
    match story(&mut session, &call) {
        End::Exit(code) => {
            session.finish();
            code
        }
        End::Status(status) => {
            session.finish();
            process::exit_like(status)
        }
        End::HandOver(counter, why) => {
            session.tally.note(format_args!(
                "handed to the compiler: {} {why}",
                counter.name()
            ));
            session.tally.count(counter, &why);
            session.finish();
            hand_over(&call)
        }
    }
}

/// `cache gcc ...` behind a link named `gcc` that is ourselves, `cache cache
/// gcc`: our own names in front of the compiler's go.
fn without_ourselves<'a>(argv: &'a [OsString], environment: &Environment) -> &'a [OsString] {
    let mut argv = argv;
    while let [first, rest @ ..] = argv
        && !rest.is_empty()
        && base_name(first) == "cache"
        && paths::find_program(first, environment.get("PATH")).is_none()
    {
        argv = rest;
    }
    argv
}

fn base_name(path: &OsStr) -> &OsStr {
    Path::new(path).file_name().unwrap_or(path)
}

fn in_words(name: &OsStr, args: &[OsString]) -> String {
    let mut text = name.to_string_lossy().into_owned();
    for arg in args {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}

/// Becomes the compiler.
fn hand_over(call: &Call<'_>) -> u8 {
    let error = Invocation {
        program: call.program,
        name: call.name,
        args: call.args,
        set: &[],
        unset: &[],
    }
    .exec();
    let line = format!("cache: {}: {error}\n", call.program.display());
    process::write_stream(rustix::stdio::stderr(), line.as_bytes());
    126
}

/// What happens to a call, in order.
fn story(session: &mut Session<'_>, call: &Call<'_>) -> End {
    let config = session.config;
    if config.disable {
        return End::HandOver(Counter::Disabled, String::new());
    }
    let driver = base_name(call.name).to_str().and_then(DriverName::parse);
    let Some(driver) = driver else {
        let name = base_name(call.name).to_string_lossy().into_owned();
        return End::HandOver(Counter::UnsupportedCompiler, name);
    };
    let (command, identity) = match understand(session, call, driver) {
        Ok(understood) => understood,
        Err(end) => return end,
    };
    let Some(compiler) = session.compiler_digest(call, &identity) else {
        let check = config.compiler_check.to_string();
        return End::HandOver(Counter::CompilerCheckFailed, check);
    };
    let input = match standard_input(&command) {
        Ok(input) => input,
        Err(why) => return End::HandOver(Counter::SourceFromStdin, why),
    };
    let call = &Call {
        input: input.as_ref(),
        ..*call
    };
    let terminal = Terminal::detect(session.environment);
    let ingredients = key::Ingredients {
        command: &command,
        identity: &identity,
        compiler,
        program: call.program,
        driver: base_name(call.name),
        argv: call.args,
        processor: command
            .traits
            .depends_on_cpu
            .then(crate::sys::cpu::identity)
            .flatten(),
        input: call.input.map(|input| Digest::of(&input.bytes)),
        working_directory: session.here,
        hash_dir: config.hash_dir,
        base_dir: config.base_dir.as_deref(),
        environment: session.environment,
        ignore_locale: session.sloppy(Sloppiness::LOCALE),
        ignore_random_seed: session.sloppy(Sloppiness::RANDOM_SEED),
    };
    let manifest = key::manifest_key(&ingredients);
    session.tally.note(format_args!("manifest key: {manifest}"));
    let mut cached = Cached {
        call: *call,
        command: &command,
        identity: &identity,
        manifest,
        config,
        environment: session.environment,
        working_directory: session.here,
        base_dir: config.base_dir.as_deref(),
        hash_dir: config.hash_dir,
        sloppy_time: session.sloppy(Sloppiness::TIME_MACROS),
        sloppy_incbin: session.sloppy(Sloppiness::INCBIN),
        frozen_time: session.environment.get("SOURCE_DATE_EPOCH").is_some()
            && identity.knows_source_date_epoch(),
        absent_inputs: Vec::new(),
        watch: None,
        before: sides::Before::default(),
        search: None,
        ahead: None,
        facts: shadow::Facts::default(),
        remote: None,
        stores: &session.stores,
        table: &mut session.table,
        local: session.local.as_deref(),
        tally: &mut session.tally,
    };
    cached.answer(&ingredients, &terminal)
}

/// Standard input, if it is the source; or why it cannot be had.
fn standard_input(command: &Command) -> Result<Option<StandardInput>, String> {
    if !command.reads_standard_input() {
        return Ok(None);
    }
    match StandardInput::take() {
        Ok(Some(input)) => Ok(Some(input)),
        Ok(None) => Err("it is not a file or stream".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the command line and finds out which compiler it is for.
fn understand(
    session: &mut Session<'_>,
    call: &Call<'_>,
    driver: DriverName,
) -> Result<(Command, Identity), End> {
    let config = session.config;
    let ignore: Vec<String> = config
        .ignore_options
        .iter()
        .map(|option| option.to_string_lossy().into_owned())
        .collect();
    let parse = |family, defaults: &[PathBuf]| {
        let reader = session::ResponseReader;
        let (args, ignore) = (call.args, &ignore);
        match parse_configured(family, driver, args, &reader, ignore, defaults) {
            Parsed::Compile(command) => Ok(*command),
            Parsed::PassThrough(pass) => {
                Err(End::HandOver(session::counter_of(pass.reason), pass.detail))
            }
        }
    };
    let hint = driver.family.unwrap_or(crate::compiler::Family::Gcc);
    let mut command = parse(hint, &[])?;
    session.refuse_environment()?;
    let identity = session.identify(call).ok_or_else(|| {
        End::HandOver(
            Counter::UnsupportedCompiler,
            call.program.display().to_string(),
        )
    })?;
    if identity.family != hint || !identity.configurations.is_empty() {
        command = parse(identity.family, &identity.configurations)?;
    }
    if command.traits.depends_on_cpu && crate::sys::cpu::identity().is_none() {
        let why = "the processor cannot be told from others".to_owned();
        return Err(End::HandOver(Counter::UnsupportedCompilerOption, why));
    }
    if let Some(option) = dependencies::stray_option(identity.family, &command) {
        return Err(End::HandOver(Counter::UnsupportedCompilerOption, option));
    }
    // What is kept between the steps of a compile is read by the next step.
    let kept = command
        .outputs
        .iter()
        .filter(|o| outputs::is_read_again(o.role));
    let mut kept = kept.map(|o| restore::existing(&o.path, Overwrite::Replaced));
    if kept.any(|existing| existing == restore::Existing::Special) {
        return Err(End::HandOver(
            Counter::BadOutputFile,
            "-save-temps".to_owned(),
        ));
    }
    if command.product != Product::Nothing
        && restore::existing(&command.output, command.overwrite) == restore::Existing::Special
    {
        let output = command.output.display().to_string();
        return Err(End::HandOver(Counter::BadOutputFile, output));
    }
    Ok((command, identity))
}

/// A call that can be answered from the cache, and all that its parts need.
pub(crate) struct Cached<'a> {
    call: Call<'a>,
    command: &'a Command,
    identity: &'a Identity,
    manifest: Key,
    config: &'a Config,
    environment: &'a Environment,
    working_directory: &'a Path,
    base_dir: Option<&'a Path>,
    hash_dir: bool,
    sloppy_time: bool,
    sloppy_incbin: bool,
    frozen_time: bool,
    /// Files named by options that are not there.
    absent_inputs: Vec<PathBuf>,
    watch: Option<undeclared::Watch>,
    /// What was there before the compile.
    before: sides::Before,
    /// Where the compiler searched for headers, if that was asked before it ran.
    search: Option<SearchPaths>,
    /// What has been read while the compiler ran.
    ahead: Option<ahead::Ahead>,
    /// What the guard need not ask.
    facts: shadow::Facts,
    /// Where the result goes besides the local store.
    remote: Option<remote::Remote>,
    stores: &'a Parts,
    table: &'a mut InodeTable,
    /// Where records about this machine are kept.
    local: Option<&'a Path>,
    tally: &'a mut Tally,
}

impl Cached<'_> {
    /// Looks up, and compiles where there is nothing.
    fn answer(&mut self, ingredients: &key::Ingredients<'_>, terminal: &Terminal) -> End {
        let manifest = match self.config.recache {
            true => None,
            false => self.read_manifest(),
        };
        if let Some(bytes) = &manifest
            && self.config.direct_mode
        {
            match self.direct_hit(bytes, terminal) {
                Served::Exit => return End::Exit(0),
                Served::Miss(why) => {
                    self.tally.count_also(Counter::DirectCacheMiss);
                    self.tally.note(format_args!("direct miss: {why}"));
                }
            }
        } else {
            self.tally
                .note(format_args!("no manifest is in use for this command"));
        }
        // Where there is a manifest, its kin is told of the command while it compiles.
        let kin = match self.config.direct_mode && manifest.is_none() {
            true => self.kin_key(ingredients),
            false => None,
        };
        if let Some(key) = &kin
            && !self.config.recache
        {
            match self.kin_hit(key, terminal) {
                Served::Exit => return End::Exit(0),
                Served::Miss(why) => self.tally.note(format_args!("{why}")),
            }
        }
        let mut remote = self.remote();
        if let Some(remote) = &mut remote {
            match self.remote_hit(remote, terminal) {
                Served::Exit => return End::Exit(0),
                Served::Miss(why) => self.tally.note(format_args!("remote miss: {why}")),
            }
        }
        self.remote = remote;
        let mut key = None;
        let findable = manifest.is_some() || !self.config.direct_mode;
        let wanted = findable && !self.config.depend_mode && !self.config.recache;
        if wanted && preprocessed::may_be_used(self.command) {
            match self.preprocessed_hit(ingredients) {
                (Served::Exit, _) => return End::Exit(0),
                (Served::Miss(why), found) => {
                    self.tally.count_also(Counter::PreprocessedCacheMiss);
                    self.tally.note(format_args!("preprocessed miss: {why}"));
                    key = found;
                }
            }
        }
        let keys = ResultKeys {
            preprocessed: key,
            kin,
        };
        let end = self.compile(&keys, ingredients, manifest.as_deref(), terminal);
        // What was made ready and not needed goes.
        self.stores.results.expect_no_more();
        end
    }
}

#[cfg(test)]
#[path = "fuzz_test.rs"]
mod fuzz_tests;
