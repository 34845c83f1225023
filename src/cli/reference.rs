//! The manual page and the reference page, made from the arguments' table.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};

use super::args::Args;

/// The manual page of the program or of one of its commands, as roff.
pub fn man_page(command: Option<&str>) -> anyhow::Result<String> {
    let mut program = Args::command();
    program.build();
    let page = match command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name);
            let found = found.with_context(|| format!("there is no command `{name}`"))?;
            found.clone()
        }
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .section("1")
        .source(concat!("cache ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
        .render(&mut roff)?;
    Ok(String::from_utf8(roff)?)
}

/// `docs/reference/cli.md`: what `--help` says, for every command.
pub fn reference_page() -> String {
    let mut page = String::from(HEAD);
    let mut program = Args::command().term_width(100);
    program.build();
    section(&mut page, &mut program, 2);
    page
}

fn section(page: &mut String, command: &mut Command, level: usize) {
    let name = command.get_bin_name().unwrap_or("cache").to_owned();
    let help = command.render_long_help().to_string();
    // Writing to a string does not fail.
    let _ = write!(page, "\n{} `{name}`\n\n```text\n", "#".repeat(level));
    for line in help.trim_end().lines() {
        let _ = writeln!(page, "{}", line.trim_end());
    }
    page.push_str("```\n");
    for inner in command.get_subcommands_mut() {
        if inner.get_name() != "help" {
            section(page, inner, level + 1);
        }
    }
}

const HEAD: &str = "\
<!-- Made from src/cli/args.rs; `UPDATE_DOCS=1 cargo test --test reference` writes it anew. -->
# Commands

Exit codes of our own commands: 0, 1 for an error, 2 for a mistake on the command line. A compile ends
with the compiler's exit code; 127 if there is no such compiler.
";
