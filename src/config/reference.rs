//! The reference page, made from the table.

use std::fmt::Write as _;

use super::{ALLOWANCES, Config, KEYS, Key};

/// `docs/reference/configuration.md`.
pub fn reference_page() -> String {
    let mut page = String::from(HEAD);
    for key in KEYS {
        section(&mut page, key);
    }
    page.push_str(&super::stores::reference());
    page.push('\n');
    page.push_str(SLOPPINESS);
    for row in ALLOWANCES {
        let _ = writeln!(page, "| `{}` | {} |", row.name, row.doc);
    }
    page
}

fn section(page: &mut String, key: &Key) {
    let variables: Vec<String> = key.variables.iter().map(|v| format!("`{v}`")).collect();
    let default = match key.default {
        Some(text) => text.to_owned(),
        None => format!("`{}`", Config::default().show(key)),
    };
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "### `{}`\n\n{}\n\n\
         | | |\n| --- | --- |\n\
         | type | {}: {} |\n\
         | default | {} |\n\
         | environment | {} |\n\
         | project file | {} |\n\n",
        key.name,
        key.doc,
        key.kind.name(),
        key.kind.accepts(),
        default,
        variables.join(", "),
        if key.harmless {
            "may set it"
        } else {
            "may not set it"
        },
    );
}

const HEAD: &str = "\
<!-- Made from the tables in src/config/keys.rs and src/config/stores; `UPDATE_DOCS=1 cargo test --test reference` writes it anew. -->
# Configuration

`cache config` shows every key, its value and where it came from; `cache config set KEY VALUE`
writes to your own file.

A value is taken from the first of these that has one:

1. the environment: `CACHE_` and the key in capitals. An empty variable counts as not set; to undo
   what a file says, write `none` (or `0` for a size).
2. the project file: `.cache.toml` in the working directory or the nearest folder above it, up to but
   not including the home directory. Since it arrives with a checkout, it counts only if it is yours
   and nobody else may write to it, and it may set only the keys marked so below: none that runs a
   program, names a log, moves or empties the store, reads files of its choice or makes hits less
   strict.
3. your file: `~/.config/cache/config.toml` (where the platform keeps configuration), or the file that
   `CACHE_CONFIG_PATH` names.
4. the default.

Files are TOML, one `key = value` a line:

```toml
max_size = \"20G\"
hash_dir = false
ignore_options = [\"-fdiagnostics-color*\"]
```

Relative paths in a file count from that file, and `~/` is your home. In sizes, `K`, `M`, `G` and `T`
count in thousands, `Ki`, `Mi`, `Gi` and `Ti` in 1024s; a final `B` is allowed.

A key that does not exist or a value that cannot be is an error of every subcommand; a compile says so
once and runs without the cache.

## Keys

";

const SLOPPINESS: &str = "\
## Allowances of `sloppiness`

Each of them gives up a part of the promise that a hit is what the compiler would have made.

| name | what it allows |
| --- | --- |
";
