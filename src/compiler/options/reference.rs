//! The reference page of options, made from the tables.

use std::fmt::Write as _;

use super::{Action, Marks, Row, Value, common, rows, values};
use crate::compiler::family::Family;
use crate::compiler::outputs;

/// `docs/reference/options.md`, whole.
pub fn reference_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "Both families", common::ROWS);
    section(&mut page, "gcc", rows(Family::Gcc));
    section(&mut page, "clang", rows(Family::Clang));
    page.push_str("\n## `-f` options with plain values\n\n");
    page.push_str("The value is a number or a word and counts in the key.\n\n");
    for (name, list) in [("gcc", values::GCC), ("clang", values::CLANG)] {
        let spelled: Vec<String> = list.iter().map(|n| format!("`-f{n}=`")).collect();
        let _ = writeln!(page, "{name}: {}.\n", spelled.join(", "));
    }
    page.push_str("## Files beside the product\n\n| role | suffix | what |\n| --- | --- | --- |\n");
    for row in outputs::roles() {
        let suffix = row
            .suffix
            .map_or("named by the option".to_owned(), |s| format!("`.{s}`"));
        let _ = writeln!(page, "| `{}` | {suffix} | {} |", row.role, row.doc);
    }
    page
}

const INTRODUCTION: &str = "\
# Compiler options

Made from the tables in `src/compiler/options/`; do not edit.

An option that has no row counts in the key, a value of it that names a file \
counts by content, and the compile is stored only if it wrote no file besides \
the declared ones. A long spelling (`--word`) without a row makes the call \
pass through.

The columns: how the option takes its value, what it does to the cache, and \
what it says about the compile: *directory*, *output*, *command* - these count \
in the key; *layout* - the preprocessor mode is not used, since comments and \
columns matter; *opaque* - paths in the product cannot be found by their bytes.
";

fn section(page: &mut String, title: &str, rows: &[Row]) {
    let _ = write!(
        page,
        "\n## {title}\n\n| option | value | effect | also | what |\n"
    );
    page.push_str("| --- | --- | --- | --- | --- |\n");
    for row in rows {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            row.spelling,
            value(row.value),
            effect(row.action),
            marks(row.marks),
            row.doc.replace('|', "\\|"),
        );
    }
}

fn value(value: Value) -> &'static str {
    match value {
        Value::None => "",
        Value::Joined => "joined",
        Value::OptionalJoined => "joined or none",
        Value::Separate => "next word",
        Value::JoinedOrSeparate => "joined or next word",
    }
}

fn effect(action: Action) -> String {
    match action {
        Action::Key | Action::Feature | Action::Warning | Action::EmitLlvm => "key".into(),
        Action::Architecture => "key; several pass through".into(),
        Action::Macro => "macro".into(),
        Action::Search => "search path".into(),
        Action::KeyAndSearch | Action::Machine => "key and search path".into(),
        Action::Silent => "none".into(),
        Action::Unknown | Action::Llvm => "key, watched".into(),
        Action::PrefixMap => "key, old path relative to the directory".into(),
        Action::Compile | Action::Assemble | Action::Language | Action::EndOfOptions => {
            "kind of call".into()
        }
        Action::Output => "names the product".into(),
        Action::Dependency(_) => "dependency file".into(),
        Action::ForcedInclude => "macro; the file counts".into(),
        Action::Input { .. } | Action::InputNamed(_) => "key; the file counts".into(),
        Action::Specs => "key and search path; the file counts".into(),
        Action::ProfileData => "key; the file counts".into(),
        Action::ProgramPrefix => "key and search path; programs there count".into(),
        Action::Plugin => "key, watched; the file counts".into(),
        Action::Remarks => "key; may write `opt-info`".into(),
        Action::Dump | Action::DumpLetters | Action::DumpFile => "key; writes dumps".into(),
        Action::DumpDirectory | Action::DumpBase | Action::DumpBaseExtension => {
            "key; names files".into()
        }
        Action::SaveTemps => "key; writes `temps-...`".into(),
        Action::SaveStats => "key; writes `stats`".into(),
        Action::TimeTrace => "key; writes `time-trace-...`".into(),
        Action::RecordFormat => "key; writes `opt-record-...`".into(),
        Action::ProfileByName => "key; the file counts".into(),
        Action::ProfileDirectory | Action::ViaFile | Action::InPlace | Action::CompileOnly => {
            "key".into()
        }
        Action::Beside(role) | Action::WriteFile(role) => format!("key; writes `{role}`"),
        Action::Debug(true) => "key; debug information".into(),
        Action::Debug(false) => "key; no debug information".into(),
        Action::SplitDwarf(true) => "key; debug information; writes `dwo`".into(),
        Action::SplitDwarf(false) => "key".into(),
        Action::IntegratedAssembler(_) => "key; who makes the object".into(),
        Action::Color { .. } => "key; colour".into(),
        Action::Preprocessor | Action::ForwardPreprocessor => "by its words".into(),
        Action::Assembler | Action::ForwardAssembler => "by its words".into(),
        Action::SyntaxOnly => "key; no product".into(),
        Action::ForwardFrontend => "by its words".into(),
        Action::Pass(reason) => format!("passes through ({})", reason.name()),
    }
}

fn marks(marks: Marks) -> String {
    let names = [
        (Marks::DIRECTORY, "directory"),
        (Marks::OUTPUT, "output"),
        (Marks::COMMAND, "command"),
        (Marks::LAYOUT, "layout"),
        (Marks::OPAQUE, "opaque"),
    ];
    let set: Vec<&str> = names
        .iter()
        .filter(|(m, _)| marks.has(*m))
        .map(|(_, n)| *n)
        .collect();
    set.join(", ")
}
