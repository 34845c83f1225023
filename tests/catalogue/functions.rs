//! The case functions, read from their source: names, compilers, and what they
//! expect of the cache.

use std::collections::BTreeSet;
use std::path::Path;

/// One test function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The file it is in, from the root of the repository.
    pub file: String,
    pub name: String,
    pub compilers: BTreeSet<&'static str>,
    pub expects: Expects,
}

/// What the steps of a case expect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expects {
    pub hit: bool,
    /// Compiled, and nothing served.
    pub not_served: bool,
    /// The right result, served or not.
    pub right: bool,
    /// Statistics counters by name.
    pub counters: BTreeSet<String>,
}

impl Function {
    /// The line of the catalogue that the function is named after (`O9`).
    pub fn line(&self) -> Option<String> {
        let (id, _) = self.name.split_once('_')?;
        let (letter, number) = id.split_at_checked(1)?;
        let is_line = "cios".contains(letter)
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit());
        is_line.then(|| id.to_uppercase())
    }
}

/// The test functions of all files in `folder`, below the repository's root.
pub fn in_folder(folder: &str) -> Vec<Function> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let file = path.strip_prefix(root).unwrap().display().to_string();
                found.extend(in_text(&file, &text));
            }
        }
    }
    found.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    found
}

/// A function of a file as rustfmt leaves it: from `fn` to the brace in its column.
struct Item<'t> {
    name: &'t str,
    body: String,
    is_test: bool,
}

fn items(text: &str) -> Vec<Item<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut items = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().trim_start_matches("pub ");
        let Some(rest) = rest.strip_prefix("fn ") else {
            continue;
        };
        let end = rest.find(['(', '<']).unwrap_or(rest.len());
        let close = format!("{}}}", " ".repeat(indent));
        let body: Vec<&str> = lines[at..]
            .iter()
            .copied()
            .take_while(|l| *l != close)
            .collect();
        let mut above = lines[..at].iter().rev().map(|l| l.trim_start());
        items.push(Item {
            name: &rest[..end],
            body: body.join("\n"),
            is_test: above
                .by_ref()
                .take_while(|l| l.starts_with('#') || l.starts_with("///"))
                .any(|l| l == "#[test]"),
        });
    }
    items
}

/// The test functions of one file, each with what the helpers say that it calls.
pub fn in_text(file: &str, text: &str) -> Vec<Function> {
    let items = items(text);
    let mut found = Vec::new();
    for test in items.iter().filter(|item| item.is_test) {
        let mut reached = vec![test];
        let mut at = 0;
        while let Some(item) = reached.get(at) {
            let called = items.iter().filter(|helper| {
                !helper.is_test && item.body.contains(&format!("{}(", helper.name))
            });
            let new: Vec<&Item<'_>> = called
                .filter(|helper| reached.iter().all(|known| known.name != helper.name))
                .collect();
            reached.extend(new);
            at += 1;
        }
        let body: String = reached.iter().map(|item| item.body.as_str()).collect();
        found.push(Function {
            file: file.to_owned(),
            name: test.name.to_owned(),
            compilers: compilers(&body),
            expects: expects(&body),
        });
    }
    found
}

fn compilers(body: &str) -> BTreeSet<&'static str> {
    const NAMES: [(&str, &[&str]); 8] = [
        ("each(", &["gcc 12", "clang 14", "clang 19"]),
        ("each_clang(", &["clang 14", "clang 19"]),
        ("others(", &["gcc 11", "aarch64 gcc 12"]),
        ("Compiler::Gcc,", &["gcc 12"]),
        ("Compiler::Clang14,", &["clang 14"]),
        ("Compiler::Clang19,", &["clang 19"]),
        ("Compiler::Gcc11,", &["gcc 11"]),
        ("Compiler::CrossGcc,", &["aarch64 gcc 12"]),
    ];
    let mut found = BTreeSet::new();
    for (word, names) in NAMES {
        let called = body.match_indices(word).any(|(at, _)| {
            let before = body[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        });
        if called {
            found.extend(names);
        }
    }
    found
}

fn expects(body: &str) -> Expects {
    let has = |names: &[&str]| names.iter().any(|name| body.contains(&format!(".{name}(")));
    let mut expects = Expects {
        hit: has(&["miss_then_hit", "direct_hit", "hit", "hits"]),
        not_served: has(&["not_served"]),
        right: has(&["right", "right_twice"]),
        counters: BTreeSet::new(),
    };
    for call in [".counter(", ".get("] {
        for (at, _) in body.match_indices(call) {
            let rest = body[at + call.len()..].trim_start();
            let name = rest
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'))
                .map(|(name, _)| name);
            expects.counters.extend(name.map(str::to_owned));
        }
    }
    expects
}
