//! Configuration: what the user wants, from the environment, a project file,
//! the user's file and defaults, in this order.
//!
//! One table, [`KEYS`], has a row per key; everything else here is machinery
//! around it. [`Config::load`] is on the path of every call and touches as
//! little as it can: without files it costs one failed `open` for the user's
//! file and one per folder from the working directory up for a project file.
//!
//! | source | where |
//! | --- | --- |
//! | environment | `CACHE_*` |
//! | project file | `.cache.toml` in the working directory or its nearest ancestor below the home directory; only [harmless](Key::harmless) keys, and only if it is the user's own |
//! | `CACHE_STORE` | stores besides the local directory, as URLs; in place of the user file's sections |
//! | user file | `~/.config/cache/config.toml`, or what `CACHE_CONFIG_PATH` names |
//!
//! The user file may also have `[[store]]` sections ([`stores`]). [`Config::load`]
//! keeps them as they are, since most calls need none of them;
//! [`Config::stores`] makes sense of them.
//!
//! This is the only module that reads environment variables ([`Environment`]).

mod assign;
mod edit;
mod environment;
mod error;
mod file;
mod keys;
mod reference;
mod sloppiness;
pub mod stores;
mod value;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use assign::Shown;
pub use edit::{set_user_key, unset_user_key};
pub use environment::Environment;
pub use error::{ConfigError, Place};
pub use file::PROJECT_FILE;
pub use keys::{KEYS, Key, Kind, find};
pub use reference::reference_page;
pub use sloppiness::{ALLOWANCES, Allowance, Sloppiness};
pub use value::{
    CompilerCheck, Compression, SizeLimit, parse_duration, parse_timeout, show_duration,
    show_timeout,
};

use assign::{Base, Raw, Refused};
use stores::{STORE_VARIABLE, Section, StoreConfig};

/// The variable that names the user's file.
pub const CONFIG_PATH_VARIABLE: &str = "CACHE_CONFIG_PATH";

/// The size limit where none is set or can be worked out: 5 GiB.
pub const DEFAULT_MAX_SIZE: u64 = 5 << 30;

/// The settings that apply to a call. Each field is documented by its row in
/// [`KEYS`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub dir: PathBuf,
    pub max_size: SizeLimit,
    pub max_age: Option<Duration>,
    pub disable: bool,
    pub read_only: bool,
    pub recache: bool,
    pub namespace: Option<String>,
    pub base_dir: Option<PathBuf>,
    pub hash_dir: bool,
    pub compiler_check: CompilerCheck,
    pub sloppiness: Sloppiness,
    pub direct_mode: bool,
    pub depend_mode: bool,
    pub compression: Compression,
    pub compression_level: i32,
    pub hard_link: bool,
    pub extra_files_to_hash: Vec<PathBuf>,
    pub ignore_options: Vec<OsString>,
    pub prefix_command: Vec<OsString>,
    pub compiler: Option<PathBuf>,
    pub path: Option<OsString>,
    pub log_file: Option<PathBuf>,
    pub stats: bool,
    pub umask: Option<u32>,
    pub temporary_dir: Option<PathBuf>,
    pub agent_idle: Option<Duration>,
    /// Files that were passed over, and why; for the log and `cache config`.
    pub notes: Vec<String>,
    /// What set a key, by its name; keys that nothing set are not in it.
    origins: Vec<(&'static str, Origin)>,
    /// The `[[store]]` sections of the user's file, unread.
    store_sections: Vec<Section>,
}

impl Default for Config {
    /// Nothing set. [`Config::dir`] is empty: there is no default without an
    /// environment.
    fn default() -> Config {
        Config {
            dir: PathBuf::new(),
            max_size: SizeLimit::Bytes(DEFAULT_MAX_SIZE),
            max_age: None,
            disable: false,
            read_only: false,
            recache: false,
            namespace: None,
            base_dir: None,
            hash_dir: true,
            compiler_check: CompilerCheck::Content,
            sloppiness: Sloppiness::NONE,
            direct_mode: true,
            depend_mode: false,
            compression: Compression::Auto,
            compression_level: 1,
            hard_link: false,
            extra_files_to_hash: Vec::new(),
            ignore_options: Vec::new(),
            prefix_command: Vec::new(),
            compiler: None,
            path: None,
            log_file: None,
            stats: true,
            umask: None,
            temporary_dir: None,
            agent_idle: Some(Duration::from_secs(600)),
            notes: Vec::new(),
            origins: Vec::new(),
            store_sections: Vec::new(),
        }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    UserFile(PathBuf),
    ProjectFile(PathBuf),
    Environment(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::UserFile(path) | Origin::ProjectFile(path) => write!(f, "{}", path.display()),
            Origin::Environment(name) => write!(f, "environment ({name})"),
        }
    }
}

impl Config {
    /// The settings for a call in the directory `cwd` (absolute).
    ///
    /// # Errors
    /// The first thing found wrong. A compile says it and goes on without the
    /// cache; a subcommand fails with it.
    pub fn load(env: &Environment, cwd: &Path) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        let home = env.home();
        if let Some(path) = user_file(env)
            && let Some(found) = file::read_user_file(&path)?
        {
            config.apply_file(&found, home.as_deref(), Origin::UserFile(path))?;
        }
        let project = file::find_project_file(cwd, home.as_deref(), &mut config.notes)?;
        if let Some(found) = project {
            let origin = Origin::ProjectFile(found.path.clone());
            config.apply_file(&found, home.as_deref(), origin)?;
        }
        config.apply_variables(env, cwd)?;
        if config.dir.as_os_str().is_empty() {
            config.dir = env.cache_dir().ok_or(ConfigError::NoHome {
                what: "the cache",
                variable: "CACHE_DIR",
            })?;
        }
        Ok(config)
    }

    /// The size limit in bytes, `None` for none; a share is one of the file
    /// system that holds [`Config::dir`].
    pub fn max_size_bytes(&self) -> Option<u64> {
        self.max_size.resolve(
            || crate::sys::disk::size_of_file_system(&self.dir),
            DEFAULT_MAX_SIZE,
        )
    }

    /// Where the value of `key` came from.
    pub fn origin(&self, key: &Key) -> Origin {
        self.origins
            .iter()
            .find(|(name, _)| *name == key.name)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// The value of `key`.
    pub fn show(&self, key: &Key) -> Shown {
        assign::show(self, key)
    }

    /// The stores besides the local directory, nearest first: those of
    /// `CACHE_STORE`, else the sections of the user's file. Files with keys and
    /// secrets are looked at now, so this is for a call that needs the stores.
    ///
    /// # Errors
    /// The first thing found wrong. No error's text has a secret in it.
    pub fn stores(&self, env: &Environment) -> Result<Vec<StoreConfig>, ConfigError> {
        stores::read(&self.sections(env)?, env)
    }

    /// Where [`Config::stores`] come from.
    pub fn store_origin(&self, env: &Environment) -> Origin {
        if env.get_non_empty(STORE_VARIABLE).is_some() {
            return Origin::Environment(STORE_VARIABLE);
        }
        match self.store_sections.first().map(|section| &section.source) {
            Some(Place::File { path, .. }) => Origin::UserFile(path.clone()),
            _ => Origin::Default,
        }
    }

    /// What is careless about [`Config::stores`] but keeps none from being used;
    /// nothing if they cannot be read.
    pub fn store_notes(&self, env: &Environment) -> Vec<String> {
        self.sections(env)
            .map(|sections| stores::notes(&sections, env))
            .unwrap_or_default()
    }

    /// The variables in the environment that look like ours and are not, sorted.
    pub fn unknown_variables(&self, env: &Environment) -> Vec<String> {
        // A store's secret may be in a variable of any name.
        let sections = self.sections(env).unwrap_or_default();
        let named: Vec<&str> = sections.iter().flat_map(Section::variables).collect();
        let mut names: Vec<String> = env
            .iter()
            .map(|(name, _)| name)
            .filter(|name| name.as_encoded_bytes().starts_with(b"CACHE_"))
            .filter(|name| *name != CONFIG_PATH_VARIABLE && *name != STORE_VARIABLE)
            .filter(|name| key_of_variable(name).is_none())
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| !named.contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }

    fn sections(&self, env: &Environment) -> Result<Cow<'_, [Section]>, ConfigError> {
        Ok(match env.get_non_empty(STORE_VARIABLE) {
            Some(text) => Cow::Owned(stores::of_variable(text)?),
            None => Cow::Borrowed(&self.store_sections),
        })
    }

    fn apply_file(
        &mut self,
        found: &file::Found,
        home: Option<&Path>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let base = Base {
            dir: found.path.parent().unwrap_or(Path::new("/")),
            home,
        };
        let file::Parsed { settings, stores } = file::parse(found)?;
        if let Some((line, sections)) = stores {
            let path = found.path.clone();
            let place = Place::File { path, line };
            if matches!(origin, Origin::ProjectFile(_)) {
                return Err(ConfigError::StoreInProject { place });
            }
            self.store_sections = sections.ok_or(ConfigError::NotSections { place })?;
        }
        for setting in settings {
            let place = Place::File {
                path: found.path.clone(),
                line: setting.line,
            };
            let key = known(&setting.key, &place)?;
            if matches!(origin, Origin::ProjectFile(_)) && !key.harmless {
                return Err(ConfigError::NotHarmless {
                    place,
                    key: key.name,
                    variable: key.variables[0],
                });
            }
            self.set(key, &setting.value, &base, place, origin.clone())?;
        }
        Ok(())
    }

    fn apply_variables(&mut self, env: &Environment, cwd: &Path) -> Result<(), ConfigError> {
        let base = Base {
            dir: cwd,
            home: None,
        };
        for (variable, value) in env.iter() {
            if value.is_empty() || !variable.as_encoded_bytes().starts_with(b"CACHE_") {
                continue;
            }
            let Some((key, rank, name)) = key_of_variable(variable) else {
                continue;
            };
            let overruled = |other: &&str| env.get_non_empty(other).is_some();
            if key.variables[..rank].iter().any(overruled) {
                continue;
            }
            let raw = Raw::Text(value.to_owned());
            let origin = Origin::Environment(name);
            self.set(key, &raw, &base, Place::Variable(name), origin)?;
        }
        Ok(())
    }

    fn set(
        &mut self,
        key: &'static Key,
        raw: &Raw,
        base: &Base,
        place: Place,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        assign::assign(self, key, raw, base)
            .map_err(|refused| bad_value(place, key, raw, refused))?;
        self.origins.retain(|(name, _)| *name != key.name);
        self.origins.push((key.name, origin));
        Ok(())
    }
}

/// The user's file, whether it exists or not; `None` for a user without a home.
pub fn user_file(env: &Environment) -> Option<PathBuf> {
    match env.get_non_empty(CONFIG_PATH_VARIABLE) {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(env.config_dir()?.join("config.toml")),
    }
}

/// The key that `variable` sets, with the variable's index in its row.
fn key_of_variable(variable: &std::ffi::OsStr) -> Option<(&'static Key, usize, &'static str)> {
    KEYS.iter().find_map(|key| {
        let rank = key.variables.iter().position(|name| *name == variable)?;
        Some((key, rank, key.variables[rank]))
    })
}

fn known(name: &str, place: &Place) -> Result<&'static Key, ConfigError> {
    find(name).ok_or_else(|| ConfigError::UnknownKey {
        place: place.clone(),
        key: name.to_owned(),
        suggestion: nearest(name),
    })
}

fn bad_value(place: Place, key: &'static Key, raw: &Raw, refused: Refused) -> ConfigError {
    ConfigError::BadValue {
        place,
        key: key.name,
        value: raw.to_string(),
        accepts: refused.unwrap_or_else(|| key.kind.accepts().to_owned()),
    }
}

/// The key that someone who wrote `name` may have meant.
fn nearest(name: &str) -> Option<&'static str> {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let wanted = plain(name);
    KEYS.iter()
        .map(|key| (distance(&wanted, &plain(key.name)), key.name))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
}

/// Levenshtein's distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let cost = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = cost.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
