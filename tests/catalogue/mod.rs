//! The catalogue's results as a page: each line with what happens to it and the
//! cases that prove it, made from the cases themselves.

mod functions;
mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cache::compiler::Family;
use cache::compiler::options::{Action, Row, common, rows};
use cache::stats::{Counter, Group};
use functions::{Expects, Function};
use lines::{GROUPS, Line};

/// The compilers that cases run with.
const COMPILERS: [&str; 5] = ["gcc 11", "gcc 12", "aarch64 gcc 12", "clang 14", "clang 19"];

/// All cases: those that compare with the compiler, and unit tests that are
/// named after a line.
fn functions() -> Vec<Function> {
    let mut all = functions::in_folder("tests/cases");
    let inside = functions::in_folder("src").into_iter();
    all.extend(inside.filter(|function| function.line().is_some()));
    all
}

/// Every line has a case; every group has run with each compiler; every case
/// with a line's name has its line.
pub fn gaps() -> Vec<String> {
    let functions = functions();
    let mut gaps = Vec::new();
    let known: BTreeSet<&str> = GROUPS
        .iter()
        .flat_map(|(_, lines)| lines.iter().map(|line| line.id))
        .collect();
    let mut seen = BTreeSet::new();
    for function in &functions {
        if let Some(line) = function.line() {
            if !known.contains(line.as_str()) {
                gaps.push(format!("{}: there is no line {line}", function.name));
            }
            seen.insert(line);
        }
    }
    for line in known.iter().filter(|line| !seen.contains(**line)) {
        gaps.push(format!("{line} has no case"));
    }
    for (group, lines) in GROUPS {
        let letter = lines.first().map_or("", |line| &line.id[..1]);
        let mut with: BTreeSet<&str> = BTreeSet::new();
        for function in &functions {
            if function.line().is_some_and(|line| line.starts_with(letter)) {
                with.extend(&function.compilers);
            }
        }
        for compiler in COMPILERS {
            if !with.contains(compiler) {
                gaps.push(format!("{group}: no case with {compiler}"));
            }
        }
    }
    gaps
}

/// `docs/correctness.md`, whole.
pub fn page() -> String {
    let functions = functions();
    let mut page = String::from(HEAD);
    let mut by_line: BTreeMap<String, Vec<&Function>> = BTreeMap::new();
    for function in &functions {
        if let Some(line) = function.line() {
            by_line.entry(line).or_default().push(function);
        }
    }
    for (group, lines) in GROUPS {
        let _ = write!(page, "\n## {group}\n\n{COLUMNS}");
        for line in *lines {
            let cases = by_line.get(line.id).map_or(&[][..], Vec::as_slice);
            row(&mut page, line, cases);
        }
    }
    let _ = write!(page, "\n## Cases of our own\n\n{OWN}{OWN_COLUMNS}");
    for function in functions.iter().filter(|f| f.line().is_none()) {
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            link(function),
            happens(&[function]).join("; "),
            join(&function.compilers),
        );
    }
    passes(&mut page);
    page
}

const HEAD: &str = "\
<!-- Made from tests/cases and the option tables; `UPDATE_DOCS=1 cargo test --test reference` writes it anew. -->
# What is right, and how it is known

Every line of the catalogue is a test, or several: the compiler alone and through `cache`, from the
same state, must leave the same files, bytes, modes, output and exit code. A step that should hit is
seen to hit by the counters and by the compiler not having run.

*Hit*: served without the compiler. *Passes through*: the compiler takes our place; nothing is looked
up. *Compiled, not stored*: the compiler runs as the caller asked, and what it made is not kept.
*Right in any case*: the results are compared, and whether it is a hit is left open.
";

const COLUMNS: &str =
    "| line | case | what happens | compilers | tests |\n| --- | --- | --- | --- | --- |\n";

const OWN: &str = "Cases that the catalogue does not list.\n\n";

const OWN_COLUMNS: &str = "| test | what happens | compilers |\n| --- | --- | --- |\n";

fn row(page: &mut String, line: &Line, cases: &[&Function]) {
    let mut happens = happens(cases);
    if !line.note.is_empty() {
        happens.push(line.note.to_owned());
    }
    let mut compilers = BTreeSet::new();
    for case in cases {
        compilers.extend(&case.compilers);
    }
    let tests: Vec<String> = cases.iter().map(|case| link(case)).collect();
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} | {} |",
        line.id,
        line.text.replace('|', "\\|"),
        happens.join("; "),
        join(&compilers),
        tests.join(", "),
    );
}

fn link(function: &Function) -> String {
    format!("[`{}`](../{})", function.name, function.file)
}

fn join(names: &BTreeSet<&'static str>) -> String {
    match names.is_empty() {
        true => "unit test or none of them".to_owned(),
        false => COMPILERS
            .into_iter()
            .filter(|name| names.contains(name))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// What the steps of `cases` expect, in words.
fn happens(cases: &[&Function]) -> Vec<String> {
    let mut all = Expects::default();
    for case in cases {
        all.hit |= case.expects.hit;
        all.not_served |= case.expects.not_served;
        all.right |= case.expects.right;
        all.counters.extend(case.expects.counters.iter().cloned());
    }
    let mut passed = Vec::new();
    let mut kept_out = Vec::new();
    for counter in Counter::ALL {
        if !all.counters.contains(counter.name()) {
            continue;
        }
        match counter.group() {
            Group::Hit => all.hit = true,
            Group::Miss | Group::Detail => {}
            _ if passes_through(counter.name()) => passed.push(counter.label().to_lowercase()),
            _ => kept_out.push(counter.label().to_lowercase()),
        }
    }
    let mut words = Vec::new();
    if all.hit {
        words.push("hit".to_owned());
    }
    if !passed.is_empty() {
        words.push(format!("passes through: {}", passed.join(", ")));
    }
    if !kept_out.is_empty() {
        words.push(format!("compiled, not stored: {}", kept_out.join(", ")));
    }
    if all.not_served && kept_out.is_empty() && passed.is_empty() {
        words.push("the compiler runs".to_owned());
    }
    if words.is_empty() && !all.right {
        words.push("seen by the test itself".to_owned());
    }
    if all.right && words.is_empty() {
        words.push("right in any case".to_owned());
    }
    words
}

/// Whether a counter counts calls that the compiler gets untouched.
fn passes_through(name: &str) -> bool {
    name.starts_with("called_for_")
        || [
            "bad_compiler_arguments",
            "bad_output_file",
            "disabled",
            "multiple_source_files",
            "no_input_file",
            "output_to_stdout",
            "source_from_stdin",
            "unsupported_compiler",
            "unsupported_compiler_option",
            "unsupported_environment_variable",
            "unsupported_source_language",
        ]
        .contains(&name)
}

/// Which options make a call pass through, from their rows.
fn passes(page: &mut String) {
    page.push_str("\n## What passes through, and why\n\n");
    page.push_str("| option | of | counted as | why |\n| --- | --- | --- | --- |\n");
    let tables: [(&str, &[Row]); 3] = [
        ("both", common::ROWS),
        ("gcc", rows(Family::Gcc)),
        ("clang", rows(Family::Clang)),
    ];
    for (family, rows) in tables {
        for row in rows {
            if let Action::Pass(reason) = row.action {
                let _ = writeln!(
                    page,
                    "| `{}` | {family} | `{}` | {} |",
                    row.spelling,
                    reason.name(),
                    row.doc.replace('|', "\\|"),
                );
            }
        }
    }
}

#[test]
fn functions_are_read_from_their_source() {
    let text = "\
fn helper(env: &Env) {
    env.cc(\"-c\").counter(\"called_for_link\");
}

/// Words.
#[test]
fn o9_some_case() {
    each(|env| {
        helper(env);
        env.cc(\"-c a.c\").miss_then_hit();
    });
}

#[test]
fn plain() {
    one(Compiler::Gcc, |env| env.cc(\"\").not_served());
}
";
    let found = functions::in_text("f.rs", text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].line().as_deref(), Some("O9"));
    assert_eq!(found[0].compilers.len(), 3);
    assert!(found[0].expects.hit && !found[0].expects.not_served);
    assert!(found[0].expects.counters.contains("called_for_link"));
    assert_eq!(found[1].line(), None);
    assert!(found[1].expects.not_served && found[1].compilers.contains("gcc 12"));
}
