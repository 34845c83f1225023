//! The rules of the house that the compiler does not check: who may know whom
//! (the table in `src/lib.rs`), who may print, exit and read the environment,
//! where `unsafe` lives, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines. A table may be longer and says so: `tidy: table`.
const LONGEST: usize = 600;

/// A source file without comments and test modules, by line.
struct Source {
    /// Relative to the repository.
    path: PathBuf,
    /// The whole text.
    text: String,
    /// (line number, code); what is compiled for tests only is left out.
    code: Vec<(usize, String)>,
}

impl Source {
    fn read(path: PathBuf) -> Source {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join(&path)).unwrap();
        let mut code = Vec::new();
        let mut test_only = false;
        for (number, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            // Inline test modules stand at a file's end.
            if test_only && trimmed.starts_with("mod ") && trimmed.ends_with('{') {
                break;
            }
            test_only =
                trimmed.starts_with("#[cfg(test)]") || (test_only && trimmed.starts_with('#'));
            let (code_part, _) = line.split_once("//").unwrap_or((line, ""));
            code.push((number + 1, code_part.to_owned()));
        }
        Source { path, text, code }
    }

    /// `src/store/disk/mod.rs` is in `store`; `src/lib.rs` and the programs in nothing.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src").ok()?;
        let first = below.iter().next()?.to_str()?;
        match below.iter().count() {
            1 => first
                .strip_suffix(".rs")
                .filter(|name| !matches!(*name, "lib" | "main")),
            _ => Some(first).filter(|name| *name != "bin"),
        }
    }

    fn is_test(&self) -> bool {
        let name = self
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let in_folder = self.path.iter().any(|part| part == "tests");
        in_folder || name == "tests.rs" || name.ends_with("_test.rs") || name.ends_with("_tests.rs")
    }
}

fn sources(folder: &str) -> Vec<Source> {
    fn add(root: &Path, folder: &Path, found: &mut Vec<Source>) {
        let Ok(listing) = fs::read_dir(root.join(folder)) else {
            return;
        };
        for item in listing {
            let item = item.unwrap();
            let path = folder.join(item.file_name());
            if item.file_type().unwrap().is_dir() {
                add(root, &path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(Source::read(path));
            }
        }
    }
    let mut found = Vec::new();
    add(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        Path::new(folder),
        &mut found,
    );
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The table in `src/lib.rs`: each module with those that it may use.
fn layers() -> BTreeMap<String, BTreeSet<String>> {
    let text = Source::read("src/lib.rs".into()).text;
    let mut layers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"));
    for row in rows {
        let (module, rest) = row.split_once("`]").unwrap();
        let knows = rest
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .unwrap()
            .trim();
        let known = match knows {
            "nothing" => BTreeSet::new(),
            "all of the above" => layers.keys().cloned().collect(),
            list => list
                .split(", ")
                .map(|name| name.trim_matches('`').to_owned())
                .collect(),
        };
        layers.insert(module.to_owned(), known);
    }
    layers
}

/// The first path components after each `crate::` of a file.
fn used_modules(source: &Source) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for (index, (number, line)) in source.code.iter().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                None => used.push((*number, identifier(rest))),
                Some(group) => {
                    let following = source.code[index + 1..]
                        .iter()
                        .map(|(_, line)| line.as_str());
                    let text: String = std::iter::once(group).chain(following).collect();
                    used.extend(top_level(&text).into_iter().map(|name| (*number, name)));
                }
            }
        }
    }
    used
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first component of each item of a `use` group, up to its closing brace.
fn top_level(text: &str) -> Vec<String> {
    let (mut names, mut depth, mut item) = (Vec::new(), 0, String::new());
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(identifier(std::mem::take(&mut item).trim())),
            _ => item.push(c),
        }
    }
    names.push(identifier(item.trim()));
    names.retain(|name| !name.is_empty());
    names
}

fn report(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let layers = layers();
    assert!(
        layers.len() >= 10,
        "the table in src/lib.rs was not understood: {layers:?}"
    );
    let mut problems = Vec::new();
    for source in sources("src") {
        let Some(module) = source.module().filter(|_| !source.is_test()) else {
            continue;
        };
        let Some(allowed) = layers.get(module) else {
            problems.push(format!(
                "{}: {module} has no row in the table",
                source.path.display()
            ));
            continue;
        };
        for (line, used) in used_modules(&source) {
            if layers.contains_key(&used) && used != module && !allowed.contains(&used) {
                problems.push(format!(
                    "{}:{line}: {module} may not use {used}",
                    source.path.display()
                ));
            }
        }
    }
    report(problems);
}

#[test]
fn only_cli_and_config_print_exit_and_read_the_environment() {
    const BANNED: &[&str] = &[
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "process::exit",
        "env::var",
        "env::var_os",
        "env::vars",
        "env::vars_os",
        "env::temp_dir",
        "env::home_dir",
    ];
    let mut problems = Vec::new();
    for source in sources("src") {
        let Some(module) = source.module().filter(|_| !source.is_test()) else {
            continue;
        };
        if matches!(module, "cli" | "config") {
            continue;
        }
        for (line, code) in &source.code {
            for banned in BANNED {
                if contains_word(code, banned) {
                    problems.push(format!("{}:{line}: {banned}", source.path.display()));
                }
            }
        }
    }
    report(problems);
}

#[test]
fn unsafe_code_is_in_sys_and_argued_for() {
    let mut problems = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for source in sources(folder) {
            if source.path.ends_with("tests/tidy.rs") {
                continue;
            }
            for (line, code) in &source.code {
                let is_unsafe = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                    .iter()
                    .any(|word| contains_word(code, word));
                if !is_unsafe {
                    continue;
                }
                let lines: Vec<&str> = source.text.lines().collect();
                let argued = lines[line.saturating_sub(6)..*line]
                    .iter()
                    .any(|l| l.contains("SAFETY:"));
                if source.module() != Some("sys") {
                    problems.push(format!(
                        "{}:{line}: unsafe outside sys",
                        source.path.display()
                    ));
                } else if !argued {
                    problems.push(format!(
                        "{}:{line}: unsafe without SAFETY:",
                        source.path.display()
                    ));
                }
            }
        }
    }
    report(problems);
}

#[test]
fn files_fit_in_a_head() {
    let mut problems = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for source in sources(folder) {
            let lines = source.text.lines().count();
            if lines > LONGEST && !source.text.contains("tidy: table") {
                problems.push(format!("{}: {lines} lines", source.path.display()));
            }
        }
    }
    report(problems);
}

#[test]
fn lint_exceptions_have_a_reason() {
    let mut problems = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for source in sources(folder) {
            for (index, (line, code)) in source.code.iter().enumerate() {
                let exception = ["#[allow(", "#![allow(", "#[expect(", "#![expect("]
                    .iter()
                    .any(|start| code.trim_start().starts_with(start));
                let end = (index + 6).min(source.code.len());
                let attribute: String = source.code[index..end]
                    .iter()
                    .map(|(_, l)| l.as_str())
                    .collect();
                let attribute = attribute.split(")]").next().unwrap_or_default().to_owned();
                if exception && !attribute.contains("reason") {
                    problems.push(format!("{}:{line}: {}", source.path.display(), code.trim()));
                }
            }
        }
    }
    report(problems);
}

#[test]
fn modules_say_what_they_are() {
    let mut problems = Vec::new();
    for source in sources("src") {
        if !source.is_test() && !source.text.starts_with("//!") {
            problems.push(format!(
                "{}: no doc comment at its head",
                source.path.display()
            ));
        }
    }
    report(problems);
}

/// Whether `code` has `word` by itself: not as a part of a longer one
/// (`print!` in `eprint!`, `process::exit` in `process::exit_like`).
fn contains_word(code: &str, word: &str) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
    let ends_in_name = word.chars().next_back().is_some_and(in_name);
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(before.is_some_and(in_name) || ends_in_name && after.is_some_and(in_name))
    })
}
