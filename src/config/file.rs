//! Configuration files: finding, trusting and reading them.
//!
//! A file is a flat TOML table of keys:
//! ```toml
//! max_size = "20G"
//! hash_dir = false
//! ignore_options = ["-fdiagnostics-color*"]
//! ```
//! A user's file may go on with `[[store]]` sections, tables as flat as itself.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::assign::Raw;
use super::error::{ConfigError, Place};
use super::stores::{STORE, Section};

/// The name of a project's file.
pub const PROJECT_FILE: &str = ".cache.toml";

/// Longer files are refused: nobody writes one, and a compile should not read it.
const LONGEST: u64 = 1 << 20;

/// A file that was found.
pub(super) struct Found {
    pub path: PathBuf,
    pub text: String,
}

/// What a file says.
pub(super) struct Parsed {
    /// In the order of their lines.
    pub settings: Vec<Setting>,
    /// The line of the first `store`, and the sections; `None` in place of these
    /// if it is something else.
    pub stores: Option<(usize, Option<Vec<Section>>)>,
}

/// One `key = value` of a file.
#[derive(Clone, PartialEq)]
pub(super) struct Setting {
    pub key: String,
    pub value: Raw,
    /// Counted from 1.
    pub line: usize,
}

/// Reads the user's file; `None` if there is none.
pub(super) fn read_user_file(path: &Path) -> Result<Option<Found>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let text = read(&mut file).map_err(unreadable)?;
    Ok(Some(Found {
        path: path.to_owned(),
        text,
    }))
}

/// Looks for a project file in `cwd` and its ancestors, below `home` if that
/// is one of them; the nearest that can be trusted counts. Those passed over
/// are mentioned in `notes`.
pub(super) fn find_project_file(
    cwd: &Path,
    home: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<Option<Found>, ConfigError> {
    for dir in cwd.ancestors().take_while(|dir| Some(*dir) != home) {
        let path = dir.join(PROJECT_FILE);
        let mut file = match open(&path) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => continue,
            Err(error) => {
                notes.push(format!("{} is ignored: {error}", path.display()));
                continue;
            }
        };
        match distrust(&file) {
            Ok(None) => {}
            Ok(Some(why)) => {
                notes.push(format!("{} is ignored: {why}", path.display()));
                continue;
            }
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        }
        return match read(&mut file) {
            Ok(text) => Ok(Some(Found { path, text })),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        };
    }
    Ok(None)
}

/// Opens without waiting for a writer should `path` be a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

pub(super) fn read(file: &mut File) -> io::Result<String> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("longer than 1 MiB"));
    }
    Ok(text)
}

/// Why a project file is not to be believed, if it is not: it must be the
/// user's, and nobody else may write to it. A group of the user's own is no
/// one else: many systems give new files that mode.
fn distrust(file: &File) -> io::Result<Option<&'static str>> {
    let metadata = file.metadata()?;
    let foreign_group = is_foreign_group(&metadata);
    Ok(if metadata.uid() != rustix::process::geteuid().as_raw() {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o002 != 0 {
        Some("everybody may write to it")
    } else if metadata.mode() & 0o020 != 0 && foreign_group {
        Some("a group may write to it")
    } else {
        None
    })
}

/// Whether somebody else may read a file of this kind.
pub(super) fn others_may_read(metadata: &Metadata) -> bool {
    let mode = metadata.mode();
    mode & 0o004 != 0 || mode & 0o040 != 0 && is_foreign_group(metadata)
}

fn is_foreign_group(metadata: &Metadata) -> bool {
    metadata.gid() != rustix::process::getegid().as_raw()
}

/// What a file says, apart from whether there are such keys and values.
pub(super) fn parse(found: &Found) -> Result<Parsed, ConfigError> {
    let line_of = |offset: usize| {
        let before = found.text.as_bytes().get(..offset).unwrap_or_default();
        memchr::memchr_iter(b'\n', before).count() + 1
    };
    let table = DeTable::parse(&found.text).map_err(|error| ConfigError::Syntax {
        place: Place::File {
            path: found.path.clone(),
            line: error.span().map_or(0, |span| line_of(span.start)),
        },
        message: error.message().to_owned(),
    })?;
    let mut settings = settings(table.get_ref(), line_of);
    let stores = settings
        .extract_if(.., |setting| setting.key == STORE)
        .next()
        .map(|setting| {
            let value = table.get_ref().get(STORE);
            let sections = value.and_then(|value| sections(value.get_ref(), found, line_of));
            (setting.line, sections)
        });
    Ok(Parsed { settings, stores })
}

fn sections(
    value: &DeValue,
    found: &Found,
    line_of: impl Fn(usize) -> usize + Copy,
) -> Option<Vec<Section>> {
    let DeValue::Array(items) = value else {
        return None;
    };
    let section = |(item, number): (&Spanned<DeValue>, usize)| {
        let DeValue::Table(table) = item.get_ref() else {
            return None;
        };
        Some(Section {
            source: Place::File {
                path: found.path.clone(),
                line: line_of(item.span().start),
            },
            number,
            settings: settings(table, line_of),
        })
    };
    items.iter().zip(1..).map(section).collect()
}

fn settings(table: &DeTable, line_of: impl Fn(usize) -> usize) -> Vec<Setting> {
    let mut settings: Vec<Setting> = table
        .iter()
        .map(|(key, value)| Setting {
            key: key.get_ref().to_string(),
            value: raw(value.get_ref()),
            line: line_of(key.span().start),
        })
        .collect();
    settings.sort_by_key(|setting| setting.line);
    settings
}

fn raw(value: &DeValue) -> Raw {
    let other = |what: &str| Raw::Other(what.to_owned());
    match value {
        DeValue::String(text) => Raw::Text(OsString::from(text.as_ref())),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::Integer(number),
            Err(_) => other("so large a number"),
        },
        DeValue::Float(number) => Raw::Other(number.as_str().to_owned()),
        DeValue::Datetime(_) => other("a date"),
        DeValue::Table(_) => other("a table"),
        DeValue::Array(items) => {
            let strings = items
                .iter()
                .map(|item| item.get_ref().as_str().map(OsString::from));
            match strings.collect() {
                Some(strings) => Raw::List(strings),
                None => other("an array of anything but strings"),
            }
        }
    }
}
