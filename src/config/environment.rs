//! A snapshot of the process environment.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use directories::ProjectDirs;

/// The variables that the process was started with, as they were when the
/// snapshot was taken. Taking it is the only place in the project that reads
/// environment variables; what needs one is handed a reference to this.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: Vec<(OsString, OsString)>,
    of_process: bool,
}

impl Environment {
    /// The variables of this process.
    pub fn from_process() -> Environment {
        Environment {
            variables: std::env::vars_os().collect(),
            of_process: true,
        }
    }

    /// Made-up variables, for tests. A later pair replaces an earlier one of
    /// the same name.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Environment
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let mut variables: Vec<(OsString, OsString)> = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            variables.retain(|(other, _)| *other != name);
            variables.push((name, value));
        }
        Environment {
            variables,
            of_process: false,
        }
    }

    /// The value of a variable; an empty value is `Some("")`.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        let name = name.as_ref();
        self.variables
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_os_str())
    }

    /// As [`Environment::get`], but an empty value counts as not set.
    pub fn get_non_empty(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether a machine builds, whose next step may well be to pack the cache directory:
    /// so CI systems say, by the variable `CI`.
    pub fn in_ci(&self) -> bool {
        self.get_non_empty("CI").is_some()
    }

    /// All variables, in the order of the process's environment.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The home directory by `HOME`; `None` if that is not an absolute path.
    pub fn home(&self) -> Option<PathBuf> {
        self.absolute("HOME")
    }

    /// Where the user's configuration of this program belongs
    /// (`~/.config/cache` on Linux); `None` for a user without a home.
    pub(super) fn config_dir(&self) -> Option<PathBuf> {
        self.platform_dir(
            |dirs| dirs.config_dir().into(),
            "XDG_CONFIG_HOME",
            ".config",
        )
    }

    /// Where this program's cache belongs (`~/.cache/cache` on Linux).
    pub(super) fn cache_dir(&self) -> Option<PathBuf> {
        self.platform_dir(|dirs| dirs.cache_dir().into(), "XDG_CACHE_HOME", ".cache")
    }

    /// `directories` knows the platform's rules but reads the process's own
    /// environment; made-up variables get the rule of the XDG base directory
    /// specification instead.
    fn platform_dir(
        &self,
        of_platform: impl Fn(&ProjectDirs) -> PathBuf,
        variable: &str,
        below_home: &str,
    ) -> Option<PathBuf> {
        if self.of_process {
            return ProjectDirs::from("", "", "cache").map(|dirs| of_platform(&dirs));
        }
        self.absolute(variable)
            .or_else(|| Some(self.home()?.join(below_home)))
            .map(|dir| dir.join("cache"))
    }

    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    }
}
