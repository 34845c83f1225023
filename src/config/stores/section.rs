//! A section as it was written, before anything is made of it.

use std::ffi::OsStr;
use std::fmt;

use super::super::assign::Raw;
use super::super::error::{ConfigError, Place};
use super::super::file::Setting;
use super::address::Address;
use super::types::UrlForm;
use super::{Problem, STORE_VARIABLE, TYPES};

/// One `[[store]]` section, or one URL in its terms.
#[derive(Clone, PartialEq)]
pub(in crate::config) struct Section {
    /// The file with the line of the header, or the variable.
    pub source: Place,
    /// Counted from 1.
    pub number: usize,
    pub settings: Vec<Setting>,
}

/// There are secrets in it.
impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("source", &self.source)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Section {
    /// The setting called `key`, if it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        let setting = self.settings.iter().find(|setting| setting.key == key)?;
        match &setting.value {
            Raw::Text(text) => text.to_str(),
            _ => None,
        }
    }

    /// The name that a message may call it by.
    pub fn label(&self) -> String {
        match self.text("name") {
            Some(name) if super::values::is_name(name) => name.to_owned(),
            _ => self.default_name(),
        }
    }

    /// Its name where it has none.
    pub fn default_name(&self) -> String {
        format!("store{}", self.number)
    }

    /// The environment variables that hold its secrets.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let named = |setting: &&Setting| setting.key.ends_with("_env");
        let names = self.settings.iter().filter(named);
        names.filter_map(|setting| match &setting.value {
            Raw::Text(name) => name.to_str(),
            _ => None,
        })
    }

    /// The error about the setting in `line`, or about the whole section (0).
    pub fn error(&self, line: usize, problem: Problem) -> ConfigError {
        let place = match &self.source {
            Place::File { path, .. } if line > 0 => Place::File {
                path: path.clone(),
                line,
            },
            source => source.clone(),
        };
        ConfigError::Store {
            place,
            store: self.label(),
            problem: Box::new(problem),
        }
    }
}

/// The stores of `CACHE_STORE`: URLs separated by white space, or `none`.
pub(in crate::config) fn of_variable(text: &OsStr) -> Result<Vec<Section>, ConfigError> {
    let empty = |number| Section {
        source: Place::Variable(STORE_VARIABLE),
        number,
        settings: Vec::new(),
    };
    let Some(text) = text.to_str() else {
        return Err(empty(1).error(0, Problem::NotUrl));
    };
    if text.trim() == "none" {
        return Ok(Vec::new());
    }
    let words = text.split_whitespace().zip(1..);
    let section = |(word, number)| {
        let mut section = empty(number);
        match of_url(word) {
            Some(settings) => {
                let setting = |(key, value): (String, String)| Setting {
                    key,
                    value: Raw::Text(value.into()),
                    line: 0,
                };
                section.settings = settings.into_iter().map(setting).collect();
                Ok(section)
            }
            None => Err(section.error(0, Problem::NotUrl)),
        }
    };
    words.map(section).collect()
}

/// A URL as the keys and values of a section.
fn of_url(word: &str) -> Option<Vec<(String, String)>> {
    let address = Address::parse(word)?;
    let kind = TYPES
        .iter()
        .find(|kind| kind.schemes.contains(&address.scheme.as_str()))?;
    let parameters = address.parameters()?;
    let mut settings = vec![("type", kind.name.to_owned())];
    match kind.form {
        UrlForm::Bucket(key) => {
            if address.port.is_some() || address.host.is_empty() {
                return None;
            }
            settings.push((key, address.host.clone()));
            let prefix = address.bare_path();
            if !prefix.is_empty() {
                settings.push(("prefix", prefix));
            }
            if let Some(credentials) = address.credentials {
                let (user, password) = kind.credentials?;
                settings.extend(credentials.user.map(|text| (user, text)));
                settings.extend(credentials.password.map(|text| (password, text)));
            }
        }
        UrlForm::Path(key) => {
            if !address.host.is_empty() || address.credentials.is_some() {
                return None;
            }
            settings.push((key, format!("/{}", address.bare_path())));
        }
        UrlForm::Address(key) => {
            let bare = word.split_once('?').map_or(word, |(bare, _)| bare);
            settings.push((key, bare.to_owned()));
        }
    }
    let settings = settings.into_iter().map(|(key, v)| (key.to_owned(), v));
    Some(settings.chain(parameters).collect())
}
