//! Changing the user's file: `cache config set` and `unset`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Value};

use super::assign::{self, Base, Raw, Shown};
use super::error::{ConfigError, Place};
use super::keys::{Key, Kind};
use super::stores::STORE;
use super::{Config, Environment, user_file};

/// Sets a key in the user's file, which keeps its comments and order, and is
/// made if it does not exist. `value` is written as in an environment
/// variable; relative paths count from `cwd`. The path of the file is returned.
///
/// # Errors
/// [`ConfigError::UnknownKey`], [`ConfigError::BadValue`]: nothing was written.
/// [`ConfigError::Syntax`] if the file is not TOML as it is;
/// [`ConfigError::Unwritable`].
pub fn set_user_key(
    env: &Environment,
    cwd: &Path,
    name: &str,
    value: &str,
) -> Result<PathBuf, ConfigError> {
    refuse_stores(env, name)?;
    let key = super::known(name, &Place::Argument)?;
    let raw = Raw::Text(value.into());
    let mut checked = Config::default();
    let base = Base {
        dir: cwd,
        home: None,
    };
    assign::assign(&mut checked, key, &raw, &base)
        .map_err(|refused| super::bad_value(Place::Argument, key, &raw, refused))?;
    let mut item = as_toml(key, value, &assign::show(&checked, key));
    change(env, |document| {
        // A comment at the end of the line belongs to the old value.
        if let Some(old) = document.get(key.name).and_then(|old| old.as_value()) {
            *item.decor_mut() = old.decor().clone();
        }
        document[key.name] = toml_edit::Item::Value(item);
    })
}

/// Removes a key from the user's file, so that its default applies.
///
/// # Errors
/// As [`set_user_key`].
pub fn unset_user_key(env: &Environment, name: &str) -> Result<PathBuf, ConfigError> {
    refuse_stores(env, name)?;
    // Not `known`: a key that no longer exists has to be removable, too.
    change(env, |document| {
        document.remove(name);
    })
}

/// Sections are not for editing by a single word: `unset store` would take all
/// of them away.
fn refuse_stores(env: &Environment, name: &str) -> Result<(), ConfigError> {
    match name {
        STORE => Err(ConfigError::StoreAsKey {
            place: Place::Argument,
            file: user_file(env),
        }),
        _ => Ok(()),
    }
}

/// The value as one would write it in a file.
fn as_toml(key: &Key, text: &str, shown: &Shown) -> Value {
    match (key.kind, shown) {
        (_, Shown::Switch(value)) => (*value).into(),
        (_, Shown::Number(value)) => (*value).into(),
        (_, Shown::List(items)) => Value::Array(items.iter().collect::<Array>()),
        // Made absolute: in a file it would count from the file.
        (Kind::Path(_), Shown::Text(path)) => path.as_str().into(),
        // As the user spelled it: `5G` need not become `5GB`.
        _ => text.into(),
    }
}

fn change(env: &Environment, edit: impl FnOnce(&mut DocumentMut)) -> Result<PathBuf, ConfigError> {
    let path = user_file(env).ok_or(ConfigError::NoHome {
        what: "the configuration",
        variable: super::CONFIG_PATH_VARIABLE,
    })?;
    let text = super::file::read_user_file(&path)?.map_or(String::new(), |found| found.text);
    let mut document: DocumentMut =
        text.parse()
            .map_err(|error: toml_edit::TomlError| ConfigError::Syntax {
                place: Place::File {
                    path: path.clone(),
                    line: error.span().map_or(0, |span| {
                        let before = text.as_bytes().get(..span.start).unwrap_or_default();
                        memchr::memchr_iter(b'\n', before).count() + 1
                    }),
                },
                message: error.message().to_owned(),
            })?;
    edit(&mut document);
    write(&path, &document.to_string()).map_err(|source| ConfigError::Unwritable {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Replaces the file in one step, keeping its mode; a link stays one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let dir = match target.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = target.metadata() {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.persist(&target)?;
    Ok(())
}
