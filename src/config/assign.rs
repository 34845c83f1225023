//! Reading a value into its field, and showing a field.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::keys::{Key, Kind};
use super::value::{self, CompilerCheck, Compression, SizeLimit};
use super::{Config, Sloppiness};

/// A value as a source of configuration has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// A variable's text or a string.
    Text(OsString),
    /// An array of strings.
    List(Vec<OsString>),
    Bool(bool),
    Integer(i64),
    /// Something that no key takes; how to name it in a message.
    Other(String),
}

impl std::fmt::Display for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Raw::Text(text) => write!(f, "{:?}", text.to_string_lossy()),
            Raw::List(items) => write!(f, "{items:?}"),
            Raw::Bool(value) => write!(f, "{value}"),
            Raw::Integer(value) => write!(f, "{value}"),
            Raw::Other(what) => f.write_str(what),
        }
    }
}

/// What relative paths in a value refer to.
pub(super) struct Base<'a> {
    /// The folder of the file, or the working directory.
    pub dir: &'a Path,
    /// What a leading `~/` stands for, where nothing has expanded it yet.
    pub home: Option<&'a Path>,
}

/// Why a value was refused, where the key's own description says too little.
pub(super) type Refused = Option<String>;

/// Sets the field of `key` from `raw`.
pub(super) fn assign(
    config: &mut Config,
    key: &Key,
    raw: &Raw,
    base: &Base,
) -> Result<(), Refused> {
    match key.kind {
        Kind::Switch(field) => *field(config) = switch(raw).ok_or(None)?,
        Kind::Size(field) => *field(config) = size(raw).ok_or(None)?,
        Kind::Age(field) => *field(config) = age(raw).ok_or(None)?,
        Kind::Compression(field) => *field(config) = compression(raw).ok_or(None)?,
        Kind::Level(field) => *field(config) = level(raw).ok_or(None)?,
        Kind::Umask(field) => *field(config) = umask(raw).ok_or(None)?,
        Kind::Check(field) => {
            *field(config) = CompilerCheck::parse(utf8(raw).ok_or(None)?).ok_or(None)?;
        }
        Kind::Sloppiness(field) => *field(config) = sloppiness(raw)?,
        Kind::Name(field) => *field(config) = name(raw).ok_or(None)?,
        Kind::Directory(field) => *field(config) = directory(raw, base).ok_or(None)?,
        Kind::Path(field) => {
            *field(config) = optional(raw).ok_or(None)?.map(|text| base.resolve(text));
        }
        Kind::Paths(field) => {
            *field(config) = items(raw, |byte| byte == b':')
                .ok_or(None)?
                .iter()
                .map(|path| base.resolve(path))
                .collect();
        }
        Kind::Program(field) => *field(config) = optional(raw).ok_or(None)?.map(PathBuf::from),
        Kind::SearchPath(field) => *field(config) = optional(raw).ok_or(None)?.map(OsString::from),
        Kind::Words(field) => {
            *field(config) = items(raw, |byte| byte.is_ascii_whitespace()).ok_or(None)?;
        }
    }
    Ok(())
}

pub(super) fn utf8(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Text(text) => text.to_str(),
        _ => None,
    }
}

pub(super) fn switch(raw: &Raw) -> Option<bool> {
    match raw {
        Raw::Bool(value) => Some(*value),
        Raw::Integer(0) => Some(false),
        Raw::Integer(1) => Some(true),
        _ => value::parse_bool(utf8(raw)?),
    }
}

fn compression(raw: &Raw) -> Option<Compression> {
    match switch(raw) {
        Some(on) => Some(on.into()),
        None => Compression::parse(utf8(raw)?),
    }
}

pub(super) fn size(raw: &Raw) -> Option<SizeLimit> {
    match raw {
        Raw::Integer(0) => Some(SizeLimit::Unlimited),
        Raw::Integer(bytes) => u64::try_from(*bytes).ok().map(SizeLimit::Bytes),
        _ => SizeLimit::parse(utf8(raw)?),
    }
}

pub(super) fn age(raw: &Raw) -> Option<Option<std::time::Duration>> {
    if *raw == Raw::Integer(0) {
        return Some(None);
    }
    match utf8(raw)?.trim() {
        "" | "none" => Some(None),
        text => {
            let age = value::parse_duration(text)?;
            Some((!age.is_zero()).then_some(age))
        }
    }
}

fn level(raw: &Raw) -> Option<i32> {
    let level = match raw {
        Raw::Integer(level) => i32::try_from(*level).ok()?,
        _ => utf8(raw)?.trim().parse().ok()?,
    };
    (-7..=22).contains(&level).then_some(level)
}

fn umask(raw: &Raw) -> Option<Option<u32>> {
    // A bare integer is refused: TOML reads `022` not at all and `22` as
    // twenty-two, and neither is what was meant.
    match utf8(raw)?.trim() {
        "" | "none" => Some(None),
        text => value::parse_umask(text).map(Some),
    }
}

fn sloppiness(raw: &Raw) -> Result<Sloppiness, Refused> {
    let words = items(raw, |byte| byte == b',' || byte.is_ascii_whitespace()).ok_or(None)?;
    let mut set = Sloppiness::NONE;
    for word in words.iter().filter(|word| *word != "none") {
        let allowance = word.to_str().and_then(Sloppiness::by_name);
        set = set.with(allowance.ok_or_else(|| {
            let known: Vec<&str> = super::ALLOWANCES.iter().map(|row| row.name).collect();
            Some(format!(
                "names out of {} (`{}` is none of them)",
                known.join(", "),
                word.to_string_lossy()
            ))
        })?);
    }
    Ok(set)
}

fn name(raw: &Raw) -> Option<Option<String>> {
    let text = utf8(raw)?;
    if text.is_empty() || text == "none" {
        return Some(None);
    }
    is_namespace(text).then(|| Some(text.to_owned()))
}

/// The rule is that of a store's namespaces, which has the last word.
pub(super) fn is_namespace(text: &str) -> bool {
    let bytes = text.as_bytes();
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=64).contains(&bytes.len())
        && !text.starts_with('.')
        && bytes.iter().all(allowed)
        && !(bytes.len() == 2 && bytes.iter().all(u8::is_ascii_hexdigit))
        && !matches!(text, "CACHEDIR.TAG" | "cache-format")
}

/// Not relative to anything: `make -C` would scatter caches over the tree.
fn directory(raw: &Raw, base: &Base) -> Option<PathBuf> {
    let Raw::Text(text) = raw else { return None };
    let path = base.expand(text);
    path.is_absolute().then_some(path)
}

fn optional(raw: &Raw) -> Option<Option<&OsStr>> {
    match raw {
        Raw::Text(text) if text.is_empty() || text == "none" => Some(None),
        Raw::Text(text) => Some(Some(text)),
        _ => None,
    }
}

/// The items of an array, or of a text with separators, whose empty ones are
/// dropped.
pub(super) fn items(raw: &Raw, separator: impl Fn(u8) -> bool) -> Option<Vec<OsString>> {
    match raw {
        Raw::List(items) => Some(items.clone()),
        Raw::Text(text) if text == "none" => Some(Vec::new()),
        Raw::Text(text) => Some(
            text.as_bytes()
                .split(|byte| separator(*byte))
                .filter(|item| !item.is_empty())
                .map(|item| OsString::from_vec(item.to_vec()))
                .collect(),
        ),
        _ => None,
    }
}

impl Base<'_> {
    pub(super) fn expand(&self, text: &OsStr) -> PathBuf {
        match (self.home, text.as_bytes().strip_prefix(b"~/")) {
            (Some(home), Some(rest)) => home.join(OsStr::from_bytes(rest)),
            _ => PathBuf::from(text),
        }
    }

    pub(super) fn resolve(&self, text: &OsStr) -> PathBuf {
        if text == "." {
            return self.dir.to_owned();
        }
        self.dir.join(self.expand(text))
    }
}

/// A field's value for people and tools.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// An optional value that is not set.
    None,
    Switch(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
}

impl std::fmt::Display for Shown {
    /// As it would be written in an environment variable, apart from
    /// separators inside the items of a list.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shown::None => f.write_str("none"),
            Shown::Switch(value) => write!(f, "{value}"),
            Shown::Number(value) => write!(f, "{value}"),
            Shown::Text(text) => f.write_str(text),
            Shown::List(items) if items.is_empty() => f.write_str("none"),
            Shown::List(items) => f.write_str(&items.join(" ")),
        }
    }
}

/// The value of `key` in `config`.
pub(super) fn show(config: &Config, key: &Key) -> Shown {
    fn text(value: impl AsRef<OsStr>) -> String {
        value.as_ref().to_string_lossy().into_owned()
    }
    fn some(value: Option<String>) -> Shown {
        value.map_or(Shown::None, Shown::Text)
    }
    // The table has one accessor per field, for writing; a copy is written to
    // instead of having a second one for reading.
    let config = &mut config.clone();
    match key.kind {
        Kind::Switch(field) => Shown::Switch(*field(config)),
        Kind::Size(field) => Shown::Text(field(config).to_string()),
        Kind::Age(field) => some(field(config).map(value::show_duration)),
        Kind::Compression(field) => match *field(config) {
            Compression::Auto => Shown::Text("auto".to_owned()),
            Compression::On => Shown::Switch(true),
            Compression::Off => Shown::Switch(false),
        },
        Kind::Level(field) => Shown::Number(i64::from(*field(config))),
        Kind::Umask(field) => some(field(config).map(|mask| format!("{mask:03o}"))),
        Kind::Check(field) => Shown::Text(field(config).to_string()),
        Kind::Sloppiness(field) => Shown::List(field(config).names().map(str::to_owned).collect()),
        Kind::Name(field) => some(field(config).clone()),
        Kind::Directory(field) => Shown::Text(text(field(config))),
        Kind::Path(field) | Kind::Program(field) => some(field(config).as_ref().map(text)),
        Kind::Paths(field) => Shown::List(field(config).iter().map(text).collect()),
        Kind::SearchPath(field) => some(field(config).as_ref().map(text)),
        Kind::Words(field) => Shown::List(field(config).iter().map(text).collect()),
    }
}
