//! Which files did the compiler read?
//!
//! The compiler itself says so, in the course of the one compile there is:
//!
//! - gcc without dependency options: `SUNPRO_DEPENDENCIES`, an environment
//!   variable of the preprocessor, names a file for all dependencies;
//! - gcc with `-MD`: the user's own dependency file names all;
//! - gcc with `-MMD`: is run with `-MD` in its place, and the system headers
//!   are taken out of the file afterwards ([`user_headers_only`]);
//! - clang: `CC_PRINT_HEADERS_FILE` names a file for all headers. It makes an
//!   `-MMD` file list the system headers too, so they are taken out again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::Call;
use super::user_headers::user_headers;
use crate::compiler::depfile::{self, DepFile, Phony, Style};
use crate::compiler::options::{self, Action, Dependency, Row};
use crate::compiler::search::SearchPaths;
use crate::compiler::{Arg, Command, Family, Product, parse};
use crate::config::Environment;
use crate::hash::scan::{self, Scan};
use crate::sys::process::Channel;

/// How this compile's dependencies are learnt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The source alone: it is not preprocessed.
    None,
    /// There is no way to learn them here.
    Unknown,
    /// From the channel, in make's form.
    ChannelRule,
    /// From the channel, a path a line.
    ChannelLines,
    /// From the user's dependency file.
    File,
    /// From the user's dependency file, which must lose its system headers.
    FileToTrim,
    /// From both, and the file must lose its system headers.
    LinesAndFileToTrim,
    /// From a preprocessor run of our own, afterwards: gcc keeps the list of
    /// dependencies in a precompiled header, so that there must be no other list
    /// than the user's.
    Asked,
}

impl Source {
    /// Whether the compiler writes to the channel.
    pub fn uses_channel(self) -> bool {
        matches!(
            self,
            Source::ChannelRule | Source::ChannelLines | Source::LinesAndFileToTrim
        )
    }

    /// Whether the user's dependency file is wrong until it is trimmed.
    pub fn must_trim(self) -> bool {
        matches!(self, Source::FileToTrim | Source::LinesAndFileToTrim)
    }
}

/// How to learn the dependencies of `command`.
pub fn source(family: Family, command: &Command) -> Source {
    if command.traits.no_preprocessing {
        return Source::None;
    }
    // With `-fpch-deps` a precompiled header brings a list of its own.
    let keeps_list = |word: &OsString| word == "-fpch-deps";
    let mut words = command.args.iter().flat_map(|arg| &arg.words);
    let precompiles = command.product == Product::PrecompiledHeader || words.any(keeps_list);
    match (family, &command.dependencies) {
        (Family::Gcc, None) if precompiles => Source::Asked,
        (Family::Gcc, Some(wanted))
            if precompiles && (wanted.user_only || wanted.path == Path::new("/dev/null")) =>
        {
            Source::Asked
        }
        (Family::Clang, Some(wanted))
            if wanted.user_only && wanted.path != Path::new("/dev/null") =>
        {
            Source::LinesAndFileToTrim
        }
        (Family::Clang, _) => Source::ChannelLines,
        (Family::Gcc, None) => Source::ChannelRule,
        (Family::Gcc, Some(wanted)) if wanted.path == Path::new("/dev/null") => Source::ChannelRule,
        (Family::Gcc, Some(wanted)) if wanted.user_only => Source::FileToTrim,
        (Family::Gcc, Some(_)) => Source::File,
    }
}

/// The environment that makes the compiler write to `channel`.
pub fn variables(source: Source, channel: &Channel) -> Vec<(&'static str, OsString)> {
    match source {
        Source::ChannelRule => {
            vec![(
                "SUNPRO_DEPENDENCIES",
                format!("{} cache", channel.path()).into(),
            )]
        }
        Source::ChannelLines | Source::LinesAndFileToTrim => vec![
            ("CC_PRINT_HEADERS", "1".into()),
            ("CC_PRINT_HEADERS_FILE", channel.path().into()),
        ],
        _ => Vec::new(),
    }
}

/// The arguments to run with, where they differ from the user's own.
pub fn arguments(source: Source, command: &Command) -> Option<Vec<OsString>> {
    let changed: fn(&Arg) -> Vec<OsString> = match source {
        Source::FileToTrim => naming_all_headers,
        // Dependency options would keep the preprocessor from looking at the variable.
        Source::ChannelRule if command.dependencies.is_some() => without_dependency_options,
        _ => return None,
    };
    Some(command.args.iter().flat_map(changed).collect())
}

/// The option's row, and its first word.
fn row_of(arg: &Arg) -> Option<(&'static Row, &OsStr)> {
    let word = arg.words.first()?;
    Some((options::lookup(Family::Gcc, word.as_bytes())?, word))
}

/// `-Wp,` before a list; `None`: before no list.
fn list_option(list: Vec<u8>) -> Option<OsString> {
    let bytes = [b"-Wp,".to_vec(), list].concat();
    (bytes.len() > 4).then(|| OsString::from_vec(bytes))
}

fn naming_all_headers(arg: &Arg) -> Vec<OsString> {
    match row_of(arg) {
        Some((row, _)) if row.action == Action::Dependency(Dependency::UserOnly) => {
            vec!["-MD".into()]
        }
        Some((row, word)) if row.action == Action::Preprocessor => {
            let list = word.as_bytes().get(4..).unwrap_or_default();
            list_option(parse::with_all_headers(list))
                .into_iter()
                .collect()
        }
        _ => arg.words.clone(),
    }
}

/// The words of an option without what it says about dependency files.
pub fn without_dependency_options(arg: &Arg) -> Vec<OsString> {
    match row_of(arg) {
        Some((row, _)) if matches!(row.action, Action::Dependency(_)) => Vec::new(),
        // An error without the others.
        _ if arg.words.iter().any(|word| word == "-fpch-deps") => Vec::new(),
        Some((row, word)) if row.action == Action::Preprocessor => {
            let list = word.as_bytes().get(4..).unwrap_or_default();
            list_option(parse::without_dependencies(list))
                .into_iter()
                .collect()
        }
        _ => arg.words.clone(),
    }
}

/// A dependency option (`-MT`, `-MF`, ...) without one that asks for a file: gcc's
/// preprocessor complains, and does not if it is asked our way.
pub fn stray_option(family: Family, command: &Command) -> Option<String> {
    if source(family, command) != Source::ChannelRule || command.dependencies.is_some() {
        return None;
    }
    let options = [&b"-MF"[..], b"-MT", b"-MQ", b"-MP", b"-MG", b"-Wp,-M"];
    let stray = |word: &OsString| {
        options
            .iter()
            .any(|option| word.as_bytes().starts_with(option))
    };
    let mut words = command.args.iter().filter_map(|arg| arg.words.first());
    Some(
        words
            .find(|word| stray(word))?
            .to_string_lossy()
            .into_owned(),
    )
}

/// What a compile depended on.
pub struct Found {
    /// Paths as the compiler spelled them, without the main source.
    pub paths: Vec<PathBuf>,
    /// The user's dependency file, if one was asked for and written.
    pub file: Option<(Style, DepFile)>,
}

/// Why the dependencies are not known; the compile is not stored.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    #[error("the dependencies cannot be read: {0}")]
    Unreadable(&'static str),
}

/// Collects the dependencies after the compile. `written` says whether a file
/// was written by it.
pub fn collect(
    family: Family,
    source: Source,
    command: &Command,
    channel: Option<&Channel>,
    written: &dyn Fn(&Path) -> bool,
) -> Result<Found, Unknown> {
    let mut found = Found {
        paths: Vec::new(),
        file: None,
    };
    if source == Source::Unknown {
        return Err(Unknown::Unreadable(
            "there is no channel to learn them through",
        ));
    }
    if let Some(wanted) = &command.dependencies
        && written(&wanted.path)
    {
        let text = fs_err::read(&wanted.path)
            .map_err(|_| Unknown::Unreadable("the dependency file is gone"))?;
        let (style, file) = depfile::detect_for(family, &text, &wanted.target).ok_or(
            Unknown::Unreadable("the dependency file has an unknown form"),
        )?;
        found.paths.extend(paths_of(&file));
        found.file = Some((style, file));
    } else if source == Source::File || source.must_trim() {
        return Err(Unknown::Unreadable("no dependency file was written"));
    }
    if source.uses_channel() {
        let content = channel
            .and_then(|channel| channel.content().ok())
            .ok_or(Unknown::Unreadable("no channel"))?;
        if source != Source::ChannelRule {
            found.paths.extend(lines(&content));
        } else if !(content.is_empty() && includes_nothing(command)) {
            let (_, file) = depfile::detect(family, &content)
                .ok_or(Unknown::Unreadable("a rule of unknown form"))?;
            found.paths.extend(paths_of(&file));
        }
    }
    let mut seen = FxHashSet::from_iter([command.source.clone().into_os_string()]);
    found.paths.retain(|path| seen.insert(path.into()));
    Ok(found)
}

/// Whether the source and the command name no header at all: gcc then has
/// nothing to write where it is told not to include its own either
/// (`-ffreestanding`, `-nostdinc`).
fn includes_nothing(command: &Command) -> bool {
    let source = crate::hash::file::read(&command.source);
    command.forced_includes.is_empty()
        && source.is_some_and(|content| {
            let scan = scan::scan(&content.bytes);
            !scan.computed && scan.lookups.is_empty()
        })
}

fn paths_of(file: &DepFile) -> impl Iterator<Item = PathBuf> {
    file.paths()
        .map(|name| PathBuf::from(OsStr::from_bytes(&name)))
}

fn lines(content: &[u8]) -> impl Iterator<Item = PathBuf> {
    content
        .split(|b| *b == b'\n')
        // A pass over preprocessed text names the predefined macros, too.
        .filter(|line| !matches!(*line, b"" | b"<built-in>" | b"<command line>"))
        .map(|line| PathBuf::from(OsStr::from_bytes(line)))
}

/// The dependency file that the compiler writes with `-MMD`, made from the one of
/// `-MD`. `None`: what it holds is not clear ([`user_headers`]), and the compiler
/// has to be asked.
pub fn user_headers_only(
    file: &DepFile,
    family: Family,
    command: &Command,
    search: &SearchPaths,
    scans: &[(&Path, &Scan)],
    environment: &Environment,
) -> Option<DepFile> {
    let keep = user_headers(file, family, command, search, scans, environment)?;
    if !command.reads_standard_input() {
        return Some(depfile::without(file, |name| keep.contains(name)));
    }
    // There is no source in front, but the compilers take the first for it.
    let mut user = file.clone();
    user.names
        .retain(|name| keep.contains(&depfile::unescape(name)));
    if matches!(file.phony, Phony::AllBut(at) if at < file.names.len()) {
        user.phony = Phony::AllBut(0);
    }
    // Of an empty rule gcc writes nothing.
    (!user.names.is_empty()).then_some(user)
}

/// Has the compiler itself write the user's `-MMD` file, by a preprocessor run of
/// its own: slow, rare, and right where [`user_headers_only`] cannot tell.
pub fn ask_for_user_file(call: &Call<'_>, command: &Command) {
    let Some(wanted) = &command.dependencies else {
        return;
    };
    let mut args = super::preprocessed::arguments(command);
    args.push("-MM".into());
    if wanted.phony {
        args.push("-MP".into());
    }
    args.extend([
        "-MF".into(),
        wanted.path.clone().into_os_string(),
        "-MT".into(),
    ]);
    args.push(OsStr::from_bytes(&wanted.target).to_owned());
    let _ = call.ask(&args);
}

/// Has gcc list all dependencies ([`Source::Asked`]).
pub fn ask_for_all(call: &Call<'_>, command: &Command) -> Option<Vec<PathBuf>> {
    let mut args = super::preprocessed::arguments(command);
    args.push("-M".into());
    let answer = call.ask(&args).ok()?;
    let (_, rule) = depfile::detect(Family::Gcc, &answer.stdout)?;
    answer.status.success().then(|| paths_of(&rule).collect())
}
