//! The part of the reference page about stores, made from the tables.

use std::fmt::Write as _;

use super::super::assign::Shown;
use super::keys::{STORE_KEYS, StoreKey};
use super::problem::quoted;
use super::types::TYPES;

/// The section `## Stores` of `docs/reference/configuration.md`.
pub(in crate::config) fn stores() -> String {
    let mut page = String::from(HEAD);
    // Writing to a string does not fail.
    for kind in TYPES {
        let login = match kind.credentials {
            Some((user, password)) => format!("`{user}`, `{password}`"),
            None => "none".to_owned(),
        };
        let (name, doc, urls) = (kind.name, kind.doc, quoted(kind.urls));
        let _ = writeln!(page, "| `{name}` | {doc} | {urls} | {login} |");
    }
    page.push_str(SECRETS);
    let of_all = |key: &&StoreKey| key.types.len() == TYPES.len();
    table(
        &mut page,
        "Keys of every store",
        STORE_KEYS.iter().filter(of_all),
    );
    for kind in TYPES {
        let title = format!("Keys of `{}`", kind.name);
        let has = |key: &&StoreKey| key.types.contains(&kind.name) && !of_all(key);
        table(&mut page, &title, STORE_KEYS.iter().filter(has));
    }
    page
}

fn table<'a>(page: &mut String, title: &str, keys: impl Iterator<Item = &'a StoreKey>) {
    let _ = write!(
        page,
        "\n### {title}\n\n| key | what it does | it takes | default |\n| --- | --- | --- | --- |\n"
    );
    for key in keys {
        let secret = if key.secret() { " (secret)" } else { "" };
        let mut rules = String::new();
        if let Some(verify) = key.verify {
            let _ = write!(rules, " Only with `verify = \"{verify}\"`.");
        }
        if !key.needs.is_empty() {
            let _ = write!(rules, " Only with {}.", quoted(key.needs));
        }
        if !key.excludes.is_empty() {
            let _ = write!(rules, " Not with {}.", quoted(key.excludes));
        }
        let _ = writeln!(
            page,
            "| `{}`{secret} | {}{rules} | {} | {} |",
            key.name,
            key.doc,
            key.accepts(),
            default(key),
        );
    }
}

fn default(key: &StoreKey) -> String {
    if key.required {
        return "must be given".to_owned();
    }
    if let Some(text) = key.default {
        return text.to_owned();
    }
    let blank = TYPES.iter().find(|kind| key.types.contains(&kind.name));
    let shown = blank.map_or(Shown::None, |kind| {
        key.field.show(&mut kind.blank_store(String::new()))
    });
    match shown {
        Shown::None => "none".to_owned(),
        shown => format!("`{shown}`"),
    }
}

const HEAD: &str = "\
## Stores

Besides the local directory results can be in stores that other machines share. Each is a section at
the end of your own file, nearest first:

```toml
[[store]]
name = \"team\"
type = \"s3\"
bucket = \"ccache\"
region = \"eu-central-1\"
access_key = \"AKIA...\"
secret_key_file = \"~/.config/cache/team.key\"

[[store]]
type = \"http\"
url = \"https://cache.example.org/builds\"
read_only = true
```

The variable `CACHE_STORE` takes the place of all sections. It holds URLs, separated by white space,
nearest first; the keys of a section are their parameters:

```sh
export CACHE_STORE='s3://ccache/main?region=eu-central-1 https://me:secret@cache.example.org?layout=flat'
```

What is special in a URL is written with `%` and two digits, a `%` as `%25`. `CACHE_STORE=none` switches
all stores off. A project file may not have stores. `cache config` shows what applies, without secrets.

| type | what it is | URL | its user and password |
| --- | --- | --- | --- |
";

const SECRETS: &str = "
A key that is marked as secret can be written in three ways: `secret_key = \"...\"` is the secret itself,
`secret_key_file = \"...\"` a file that holds nothing else, `secret_key_env = \"NAME\"` an environment
variable. Keep files with secrets to yourself (`chmod 600`).
";
