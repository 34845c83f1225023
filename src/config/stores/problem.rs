//! What can be wrong with a store's section. No variant holds a secret.

use std::path::PathBuf;

use super::super::error::did_you_mean;
use super::TYPES;

/// What is wrong with a section, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A word of the variable that is no store.
    #[error(
        "this is not the URL of a store; it takes {}; put it right or take it out",
        url_forms()
    )]
    NotUrl,
    /// A key that no type of store has.
    #[error(
        "there is no key `{key}` in a `[[store]]`{}; change or remove it{}",
        did_you_mean(*suggestion),
        others(*suggestion, kind, known)
    )]
    UnknownKey {
        key: String,
        suggestion: Option<&'static str>,
        kind: &'static str,
        known: Vec<&'static str>,
    },
    /// A URL's parameter that is no key and may be the rest of a secret.
    #[error(
        "a parameter of the URL is not a key of a `[[store]]`; remove it, or write `&` in values as `%26`; a store of type `{kind}` has {}",
        quoted(known)
    )]
    UnknownParameter {
        kind: &'static str,
        known: Vec<&'static str>,
    },
    /// A key of other types.
    #[error(
        "`{key}` is for stores of type {}, and this one is `{kind}`; remove it, or change `type`",
        quoted(types)
    )]
    OtherType {
        key: &'static str,
        kind: &'static str,
        types: Vec<&'static str>,
    },
    /// A key that must be there.
    #[error("`{key}` is missing; add it: it takes {accepts}")]
    Missing {
        key: &'static str,
        accepts: &'static str,
    },
    /// A value that its key does not take; `value` is left out where it could be,
    /// or hold, a secret.
    #[error("`{key}` cannot be {}; it takes {accepts}; change or remove it", value.as_deref().unwrap_or("what it is"))]
    BadValue {
        key: String,
        value: Option<String>,
        accepts: String,
    },
    /// Two values of one key.
    #[error("there is more than one value of a key: `{first}`, `{second}`; keep one of them")]
    Twice { first: String, second: String },
    /// Settings of which only one can be.
    #[error("`{first}` and `{second}` do not go together; keep one of them")]
    Excludes { first: String, second: String },
    /// A setting that means nothing without another.
    #[error("`{key}` needs {needs} as well; add it, or remove `{key}`")]
    Needs { key: String, needs: String },
    /// Two stores of one name.
    #[error("there is another store of this name; give each a `name` of its own")]
    SameName,
    /// A secret's variable that is not there.
    #[error(
        "`{key}` names the environment variable {variable}, which is not set; set it, or remove `{key}`"
    )]
    NoVariable { key: String, variable: String },
    /// A file that cannot be read, or has nothing in it.
    #[error("`{key}` names {}, which cannot be used: {why}; put the file right, or remove `{key}`", path.display())]
    BadFile {
        key: String,
        path: PathBuf,
        why: String,
    },
    /// A key for signing that is no secret.
    #[error("`{key}` names {}, which other users may read, so that it proves nothing; make a new key and `chmod 600` its file", path.display())]
    OpenKeyFile { key: String, path: PathBuf },
}

/// All keys, for want of a better idea.
fn others(suggestion: Option<&str>, kind: &str, known: &[&str]) -> String {
    match suggestion {
        Some(_) => String::new(),
        None => format!("; a store of type `{kind}` has {}", quoted(known)),
    }
}

/// Names for people, in Markdown too.
pub(super) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn url_forms() -> String {
    let forms: Vec<&str> = TYPES.iter().flat_map(|kind| kind.urls).copied().collect();
    quoted(&forms)
}
