//! What can be wrong with a configuration, said so that it can be put right.

use std::fmt;
use std::path::PathBuf;

use super::stores::Problem;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An environment variable.
    Variable(&'static str),
    /// A line of a file, counted from 1; 0 if not known.
    File { path: PathBuf, line: usize },
    /// The command line of `cache config set`.
    Argument,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Variable(name) => write!(f, "environment variable {name}"),
            Place::File { path, line: 0 } => write!(f, "{}", path.display()),
            Place::File { path, line } => write!(f, "{}:{line}", path.display()),
            Place::Argument => f.write_str("cache config set"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that its key does not take.
    #[error(
        "{place}: `{key}` cannot be {value}; it takes {accepts}{}",
        way_out(place, key)
    )]
    BadValue {
        place: Place,
        key: &'static str,
        value: String,
        accepts: String,
    },
    /// A key that no version of the table has.
    #[error("{place}: there is no key `{key}`{}; `cache config` lists them all", did_you_mean(*suggestion))]
    UnknownKey {
        place: Place,
        key: String,
        suggestion: Option<&'static str>,
    },
    /// A project file that sets more than it may.
    #[error(
        "{place}: a project file may not set `{key}`, since it arrives with a checkout; remove the line, and if you want the setting, make it your own: `cache config set {key} ...` or {variable}=..."
    )]
    NotHarmless {
        place: Place,
        key: &'static str,
        variable: &'static str,
    },
    /// A `[[store]]` section, or a URL of `CACHE_STORE`, that cannot be used.
    #[error("{place}: store `{store}`: {problem}")]
    Store {
        place: Place,
        /// Its name, or the one that its place among the others gives it.
        store: String,
        problem: Box<Problem>,
    },
    /// A key `store` in a file that is no array of sections.
    #[error(
        "{place}: `store` is not a key but a section; write `[[store]]`, in double brackets, and the store's keys below it"
    )]
    NotSections { place: Place },
    /// A project file with stores.
    #[error(
        "{place}: a project file may not have `[[store]]` sections, since it arrives with a checkout; remove them, and if you want the stores, have the sections in your own file or set CACHE_STORE"
    )]
    StoreInProject { place: Place },
    /// `cache config set store`, `unset store`.
    #[error(
        "{place}: stores are sections, not a key; write, change or remove `[[store]]` in your own file{}, or set CACHE_STORE",
        named(file)
    )]
    StoreAsKey { place: Place, file: Option<PathBuf> },
    /// A file that is not TOML.
    #[error("{place}: {message}; put the file right or remove it")]
    Syntax { place: Place, message: String },
    /// A file that is there but cannot be read.
    #[error("{}: cannot read the configuration: {source}; make it readable or remove it", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("{}: cannot write the configuration: {source}", path.display())]
    Unwritable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// There is neither a setting nor a home to derive it from.
    #[error("there is no home directory to keep {what} in; set {variable}")]
    NoHome {
        what: &'static str,
        variable: &'static str,
    },
}

fn named(file: &Option<PathBuf>) -> String {
    file.as_ref()
        .map_or(String::new(), |path| format!(" ({})", path.display()))
}

fn way_out(place: &Place, key: &str) -> String {
    match place {
        Place::Variable(name) => format!("; change or unset {name}"),
        Place::File { .. } => {
            format!("; change or remove the line, or `cache config set {key} ...`")
        }
        Place::Argument => String::new(),
    }
}

pub(super) fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or(String::new(), |key| format!(" (did you mean `{key}`?)"))
}
