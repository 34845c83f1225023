//! The first stage: words, with the row of each.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::compiler::family::Family;
use crate::compiler::options::{self, Action, Row, Value};

/// An option with its value, or a file.
pub struct Word<'a> {
    /// One word, or two if the value is a word of its own.
    pub words: &'a [OsString],
    pub kind: Kind,
    /// Where the value begins in the last word.
    value_at: usize,
}

pub enum Kind {
    File,
    /// `None`: no row knows it.
    Option(Option<&'static Row>),
}

impl<'a> Word<'a> {
    /// The value; empty if there is none.
    pub fn value(&self) -> &'a OsStr {
        let last = self.words.last().map(|w| w.as_bytes()).unwrap_or_default();
        OsStr::from_bytes(last.get(self.value_at..).unwrap_or_default())
    }

    /// The first word as text, for messages.
    pub fn text(&self) -> String {
        let first = self.words.first();
        first
            .map(|w| w.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

/// Splits `args`.
///
/// # Errors
/// The option that lacks its value.
pub fn record(family: Family, args: &[OsString]) -> Result<Vec<Word<'_>>, String> {
    let mut words = Vec::with_capacity(args.len());
    let mut rest = args;
    let mut only_files = false;
    while let Some((first, tail)) = rest.split_first() {
        let bytes = first.as_bytes();
        let is_file = only_files || bytes == b"-" || !bytes.starts_with(b"-");
        let kind = if is_file {
            Kind::File
        } else {
            Kind::Option(options::lookup(family, bytes))
        };
        let (count, value_at) = match &kind {
            Kind::File => (1, 0),
            Kind::Option(None) => (1, bytes.len()),
            Kind::Option(Some(row)) => {
                only_files |= row.action == Action::EndOfOptions;
                let joined = row.spelling.len();
                match row.value {
                    Value::None | Value::Joined | Value::OptionalJoined => (1, joined),
                    Value::JoinedOrSeparate if bytes.len() > joined => (1, joined),
                    Value::Separate | Value::JoinedOrSeparate => {
                        if tail.is_empty() {
                            return Err(first.to_string_lossy().into_owned());
                        }
                        (2, 0)
                    }
                }
            }
        };
        let (now, later) = rest.split_at(count.min(rest.len()));
        rest = later;
        words.push(Word {
            words: now,
            kind,
            value_at,
        });
    }
    Ok(words)
}
