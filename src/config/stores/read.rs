//! Sections into [`StoreConfig`]s.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use super::super::assign::{self, Base, Raw};
use super::super::error::{ConfigError, Place};
use super::super::file::{self, Setting};
use super::super::{Environment, distance};
use super::address::Credentials;
use super::keys::{Field, STORE_KEYS, StoreKey, find_key};
use super::section::Section;
use super::types::{StoreType, find_type};
use super::{Problem, Secret, Service, StoreConfig, Trust, values};

/// The stores that `sections` describe.
///
/// # Errors
/// [`ConfigError::Store`]: the first thing found wrong.
pub(in crate::config) fn read(
    sections: &[Section],
    env: &Environment,
) -> Result<Vec<StoreConfig>, ConfigError> {
    let mut stores: Vec<StoreConfig> = Vec::with_capacity(sections.len());
    for section in sections {
        let store = Reader::new(section, env)?.read()?;
        if stores.iter().any(|other| other.name == store.name) {
            return Err(section.error(line_of(section, "name"), Problem::SameName));
        }
        stores.push(store);
    }
    Ok(stores)
}

/// Where others may read what they should not, in files with secrets. Only notes:
/// the secrets of a container or a CI runner often come in files like that.
pub(in crate::config) fn notes(sections: &[Section], env: &Environment) -> Vec<String> {
    let mut open: BTreeMap<PathBuf, ()> = BTreeMap::new();
    for section in sections {
        let kind = section.text("type").and_then(find_type);
        let Some(kind) = kind else { continue };
        for setting in &section.settings {
            let Some((key, source)) = find(&setting.key, kind) else {
                continue;
            };
            let path = match (source, &section.source) {
                (Source::Value, Place::File { path, .. }) if has_secret(key, &setting.value) => {
                    path.clone()
                }
                (Source::File, _) => match path_of(section, env, &setting.value) {
                    Some(path) => path,
                    None => continue,
                },
                _ => continue,
            };
            if path.metadata().is_ok_and(|m| file::others_may_read(&m)) {
                open.insert(path, ());
            }
        }
    }
    let note = |path: &PathBuf| {
        let path = path.display();
        format!(
            "{path} has a secret of a store in it and other users may read it; `chmod 600 {path}`"
        )
    };
    open.keys().map(note).collect()
}

/// Whether a value is a secret, or an address that has credentials in it.
fn has_secret(key: &StoreKey, raw: &Raw) -> bool {
    key.secret() || key.delicate() && raw.to_string().contains('@')
}

/// Where a value is.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Value,
    /// In the file that `KEY_file` names.
    File,
    /// In the variable that `KEY_env` names.
    Variable,
}

/// The row of a key of a section, which may have `_file` or `_env` behind it.
fn find(written: &str, kind: &StoreType) -> Option<(&'static StoreKey, Source)> {
    if let Some(key) = find_key(written, kind.name) {
        return Some((key, Source::Value));
    }
    let suffixes = [("_file", Source::File), ("_env", Source::Variable)];
    suffixes.into_iter().find_map(|(suffix, source)| {
        let key = find_key(written.strip_suffix(suffix)?, kind.name)?;
        key.secret().then_some((key, source))
    })
}

fn line_of(section: &Section, key: &str) -> usize {
    let setting = section.settings.iter().find(|setting| setting.key == key);
    setting.map_or(0, |setting| setting.line)
}

/// The path in a value; `None` if there is none. In a variable only an absolute
/// one: the agent and the next call are elsewhere.
fn path_of(section: &Section, env: &Environment, raw: &Raw) -> Option<PathBuf> {
    let Raw::Text(text) = raw else { return None };
    let home = env.home();
    let dir = match &section.source {
        // `CACHE_CONFIG_PATH` may be relative.
        Place::File { path, .. } => std::path::absolute(path).ok()?.parent()?.to_owned(),
        _ => PathBuf::new(),
    };
    let base = Base {
        dir: &dir,
        home: home.as_deref(),
    };
    let path = base.resolve(text);
    (!text.is_empty() && path.is_absolute()).then_some(path)
}

/// One section being read.
struct Reader<'a> {
    section: &'a Section,
    env: &'a Environment,
    kind: &'static StoreType,
    store: StoreConfig,
    /// The keys that have a value: how they were written, and their line.
    given: BTreeMap<&'static str, (String, usize)>,
}

impl<'a> Reader<'a> {
    fn new(section: &'a Section, env: &'a Environment) -> Result<Reader<'a>, ConfigError> {
        let settings = &section.settings;
        let Some(named) = settings.iter().find(|setting| setting.key == "type") else {
            return Err(section.error(0, missing(&STORE_KEYS[0])));
        };
        let Some(kind) = section.text("type").and_then(find_type) else {
            let problem = bad_value(&STORE_KEYS[0], &named.key, &named.value);
            return Err(section.error(named.line, problem));
        };
        let store = kind.blank_store(section.default_name());
        Ok(Reader {
            section,
            env,
            kind,
            store,
            given: BTreeMap::new(),
        })
    }

    fn read(mut self) -> Result<StoreConfig, ConfigError> {
        // First `verify`: whether others mean anything depends on it.
        let section = self.section;
        let (first, others): (Vec<&Setting>, Vec<&Setting>) = section
            .settings
            .iter()
            .partition(|setting| setting.key == "verify");
        for setting in first.into_iter().chain(others) {
            self.set(setting)
                .map_err(|problem| section.error(setting.line, problem))?;
        }
        self.finish()
            .map_err(|(line, problem)| section.error(line, problem))?;
        Ok(self.store)
    }

    fn set(&mut self, setting: &Setting) -> Result<(), Problem> {
        let (key, source) = match find(&setting.key, self.kind) {
            Some(found) => found,
            None => return Err(self.unknown(&setting.key)),
        };
        let written = &setting.key;
        self.expect(key, written)?;
        let value = match source {
            Source::Value => setting.value.clone(),
            Source::File => self.text_of_file(written, &setting.value)?,
            Source::Variable => self.text_of_variable(written, &setting.value)?,
        };
        self.assign(key, written, setting.line, &value)
    }

    /// Gives `key` a value; `written` is the key to name in messages.
    fn assign(
        &mut self,
        key: &'static StoreKey,
        written: &str,
        line: usize,
        raw: &Raw,
    ) -> Result<(), Problem> {
        self.expect(key, written)?;
        self.given.insert(key.name, (written.to_owned(), line));
        match self.put(key, written, raw)? {
            true => Ok(()),
            // Cannot be: it was expected.
            false => Err(self.unknown(written)),
        }
    }

    /// That `key` has no value yet and may have one.
    fn expect(&mut self, key: &StoreKey, written: &str) -> Result<(), Problem> {
        if let Some((first, _)) = self.given.get(key.name) {
            return Err(Problem::Twice {
                first: first.clone(),
                second: written.to_owned(),
            });
        }
        match key.verify {
            Some(verify) if !key.field.applies(&mut self.store) => Err(Problem::Needs {
                key: written.to_owned(),
                needs: format!("`verify = \"{verify}\"`"),
            }),
            _ => Ok(()),
        }
    }

    /// Reads `raw` into its field; `false` if there is no such field.
    fn put(&mut self, key: &'static StoreKey, written: &str, raw: &Raw) -> Result<bool, Problem> {
        let bad = || bad_value(key, written, raw);
        let line = self.given.get(key.name).map_or(0, |(_, line)| *line);
        let store = &mut self.store;
        Ok(match &key.field {
            // Was read before anything else.
            Field::Type => true,
            Field::Name => {
                let name = assign::utf8(raw).filter(|name| values::is_name(name));
                store.name = name.ok_or_else(bad)?.to_owned();
                true
            }
            Field::Verify => {
                store.trust = match assign::utf8(raw) {
                    Some("checksum") => Trust::Checksum,
                    Some("hmac") => Trust::Hmac {
                        key_file: PathBuf::new(),
                    },
                    Some("ed25519") => Trust::Ed25519 {
                        public_keys: Vec::new(),
                        signing_key_file: None,
                    },
                    _ => return Err(bad()),
                };
                true
            }
            Field::BothPrefixes | Field::WritePrefix => {
                let prefix = assign::utf8(raw).and_then(values::prefix);
                store.write_prefix = prefix.ok_or_else(bad)?;
                true
            }
            Field::ReadPrefixes => {
                store.read_prefixes = values::prefixes(raw).ok_or_else(bad)?;
                true
            }
            Field::Switch(slot) => slot.put(store, assign::switch(raw).ok_or_else(bad)?),
            Field::Bucket(slot) => slot.put(store, values::bucket(raw).ok_or_else(bad)?),
            Field::Text(slot) => slot.put(store, values::text(raw).ok_or_else(bad)?),
            Field::Choice(words, slot) => {
                let word = assign::utf8(raw).filter(|word| words.contains(word));
                slot.put(store, word.ok_or_else(bad)?.to_owned())
            }
            Field::Layout(slot) => slot.put(store, values::layout(raw).ok_or_else(bad)?),
            Field::Secret(slot) => slot.put(store, values::secret(raw).ok_or_else(bad)?),
            Field::Headers(slot) => slot.put(store, values::headers(raw).ok_or_else(bad)?),
            Field::Path(slot) => {
                let path = path_of(self.section, self.env, raw);
                slot.put(store, path.ok_or_else(bad)?)
            }
            Field::KeyFile(slot) => {
                let path = path_of(self.section, self.env, raw).ok_or_else(bad)?;
                closed(written, &path)?;
                slot.put(store, path)
            }
            Field::Size(field) => {
                *field(store) = values::size(raw).ok_or_else(bad)?;
                true
            }
            Field::Timeout(field) => {
                *field(store) = values::timeout(raw).ok_or_else(bad)?;
                true
            }
            Field::Age(slot) => match values::age(raw).ok_or_else(bad)? {
                Some(age) => slot.put(store, age),
                None => true,
            },
            Field::Url(slot) => {
                let (url, credentials) = values::url(raw).ok_or_else(bad)?;
                slot.put(store, url) && self.log_in(written, line, credentials)?
            }
            Field::RedisUrls(slot) => {
                let (urls, credentials) = values::redis_urls(raw).ok_or_else(bad)?;
                slot.put(store, urls) && self.log_in(written, line, credentials)?
            }
            Field::HostPort(slot) => {
                let (place, credentials) = values::host_and_port(raw).ok_or_else(bad)?;
                slot.put(store, place) && self.log_in(written, line, credentials)?
            }
            Field::PublicKeys(slot) => slot.put(store, values::public_keys(raw).ok_or_else(bad)?),
        })
    }

    /// Takes over the credentials that were in the URL of the key `written`.
    fn log_in(
        &mut self,
        written: &str,
        line: usize,
        credentials: Option<Credentials>,
    ) -> Result<bool, Problem> {
        let Some(credentials) = credentials else {
            return Ok(true);
        };
        let Some((user, password)) = self.kind.credentials else {
            return Err(Problem::BadValue {
                key: written.to_owned(),
                value: None,
                accepts: "a URL without a user and a password".to_owned(),
            });
        };
        for (name, text) in [(user, credentials.user), (password, credentials.password)] {
            if let (Some(key), Some(text)) = (find_key(name, self.kind.name), text) {
                let raw = Raw::Text(text.into());
                let written = format!("{name} of {written}");
                self.assign(key, &written, line, &raw)?;
            }
        }
        Ok(true)
    }

    fn text_of_file(&self, written: &str, raw: &Raw) -> Result<Raw, Problem> {
        let path = path_of(self.section, self.env, raw).ok_or_else(|| Problem::BadValue {
            key: written.to_owned(),
            value: None,
            accepts: "the path of a file (in a URL an absolute one)".to_owned(),
        })?;
        let text = file::open(&path)
            .and_then(|mut file| file::read(&mut file))
            .map_err(|error| bad_file(written, &path, error.to_string()))?;
        // Editors and `echo` end the last line.
        let text = text.trim_end_matches(['\n', '\r']);
        match text.is_empty() {
            true => Err(bad_file(written, &path, "it is empty".to_owned())),
            false => Ok(Raw::Text(OsString::from(text))),
        }
    }

    fn text_of_variable(&self, written: &str, raw: &Raw) -> Result<Raw, Problem> {
        let name = assign::utf8(raw).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Problem::BadValue {
            key: written.to_owned(),
            value: None,
            accepts: "the name of an environment variable".to_owned(),
        })?;
        match self.env.get_non_empty(name) {
            Some(text) => Ok(Raw::Text(text.to_owned())),
            None => Err(Problem::NoVariable {
                key: written.to_owned(),
                variable: name.to_owned(),
            }),
        }
    }

    fn unknown(&self, written: &str) -> Problem {
        let kind = self.kind.name;
        let suffixes = ["_file", "_env", ""].iter();
        let bare = |key: &&StoreKey| {
            let mut names = suffixes.clone().filter_map(|s| written.strip_suffix(s));
            names.any(|name| name == key.name)
        };
        if let Some(found) = STORE_KEYS.iter().find(bare) {
            let rows = STORE_KEYS.iter().filter(|key| key.name == found.name);
            let types: Vec<&'static str> = rows.flat_map(|key| key.types).copied().collect();
            if !types.contains(&kind) {
                let key = found.name;
                return Problem::OtherType { key, kind, types };
            }
        }
        let keys = STORE_KEYS.iter().filter(|key| key.types.contains(&kind));
        let known: Vec<&'static str> = keys.map(|key| key.name).collect();
        let nearest = known.iter().map(|name| (distance(written, name), *name));
        let suggestion = nearest.min().filter(|(far, _)| *far <= 2).map(|(_, n)| n);
        // A `&` in a secret that was not written `%26` ends up here.
        if suggestion.is_none() && matches!(self.section.source, Place::Variable(_)) {
            return Problem::UnknownParameter { kind, known };
        }
        Problem::UnknownKey {
            key: written.to_owned(),
            suggestion,
            kind,
            known,
        }
    }

    /// What depends on several keys.
    fn finish(&mut self) -> Result<(), (usize, Problem)> {
        let kind = self.kind.name;
        let rows = STORE_KEYS.iter().filter(|key| key.types.contains(&kind));
        for key in rows {
            let Some((written, line)) = self.given.get(key.name).cloned() else {
                if key.required && key.field.applies(&mut self.store) {
                    return Err((0, missing(key)));
                }
                continue;
            };
            if !self.in_force(key) {
                continue;
            }
            for other in key.needs {
                if !self.given.contains_key(other) {
                    let needs = format!("`{other}`");
                    let key = written;
                    return Err((line, Problem::Needs { key, needs }));
                }
            }
            for other in key.excludes {
                let other = find_key(other, kind).filter(|other| self.in_force(other));
                if let Some((second, _)) = other.and_then(|other| self.given.get(other.name)) {
                    let (first, second) = (written, second.clone());
                    return Err((line, Problem::Excludes { first, second }));
                }
            }
        }
        self.follow_prefixes();
        self.follow_trust()?;
        if let Service::S3(s3) = &mut self.store.service {
            s3.environment = aws_variables(self.env);
        }
        Ok(())
    }

    /// Whether a key is given and is not a switch that is off.
    fn in_force(&mut self, key: &StoreKey) -> bool {
        self.given.contains_key(key.name)
            && match &key.field {
                Field::Switch(slot) => slot.get(&mut self.store).is_some_and(|on| on),
                _ => true,
            }
    }

    /// Where only one kind of prefix is given, the other follows it.
    fn follow_prefixes(&mut self) {
        let store = &mut self.store;
        match store.read_prefixes.first() {
            None => store.read_prefixes = vec![store.write_prefix.clone()],
            Some(first) if !self.given.contains_key("write_prefix") => {
                store.write_prefix = first.clone();
            }
            Some(_) => {}
        }
    }

    /// What nobody would believe need not be written.
    fn follow_trust(&mut self) -> Result<(), (usize, Problem)> {
        let store = &mut self.store;
        let unsigned = matches!(&store.trust, Trust::Ed25519 { signing_key_file, .. } if signing_key_file.is_none());
        if unsigned && store.write_only {
            let needs = "`signing_key_file`".to_owned();
            let key = "write_only".to_owned();
            return Err((line_of(self.section, &key), Problem::Needs { key, needs }));
        }
        store.read_only |= unsigned;
        Ok(())
    }
}

fn missing(key: &StoreKey) -> Problem {
    Problem::Missing {
        key: key.name,
        accepts: key.accepts(),
    }
}

fn bad_value(key: &StoreKey, written: &str, raw: &Raw) -> Problem {
    Problem::BadValue {
        key: written.to_owned(),
        value: (!key.delicate()).then(|| raw.to_string()),
        accepts: key.accepts().to_owned(),
    }
}

fn bad_file(written: &str, path: &Path, why: String) -> Problem {
    Problem::BadFile {
        key: written.to_owned(),
        path: path.to_owned(),
        why,
    }
}

/// That a file is there and nobody else may read it. Only keys to sign with are
/// held to this: whoever reads one can make entries that are believed.
fn closed(written: &str, path: &Path) -> Result<(), Problem> {
    let checked = path.metadata().and_then(|metadata: Metadata| {
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        Ok(file::others_may_read(&metadata))
    });
    match checked {
        Ok(false) => Ok(()),
        Ok(true) => Err(Problem::OpenKeyFile {
            key: written.to_owned(),
            path: path.to_owned(),
        }),
        Err(error) => Err(bad_file(written, path, error.to_string())),
    }
}

/// The `AWS_*` variables, sorted, so that equal environments make equal stores.
fn aws_variables(env: &Environment) -> Vec<(String, Secret)> {
    let text = |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| {
        let name = name.to_str().filter(|name| name.starts_with("AWS_"))?;
        let value = value.to_str().filter(|value| !value.is_empty())?;
        Some((name.to_owned(), Secret::new(value)))
    };
    let mut variables: Vec<(String, Secret)> = env.iter().filter_map(text).collect();
    variables.sort_by(|(a, _), (b, _)| a.cmp(b));
    variables
}
