//! Files that a compile can write besides its product, by role.
//!
//! A role is the name of the blob that keeps the file in a cache entry. Option
//! rows refer to roles; nothing else knows what an option writes.

use super::command::Overwrite;
use super::family::Family;

/// A role and how the compilers name its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The blob name.
    pub role: &'static str,
    /// The suffix of a file that stands beside the product; `None` if the
    /// option's value is the file's name.
    pub suffix: Option<&'static str>,
    /// Whether a compile without it may be stored. Files beside the product
    /// all are: what another option turns off is not missing.
    pub optional: bool,
    /// When the compilers write it.
    pub when: When,
    /// For people.
    pub doc: &'static str,
}

/// The compiles in which a file appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In each.
    Always,
    /// With `-c`, whatever the language (split DWARF is split by the assembler),
    /// and from clang with `-S` too.
    Objects,
    /// When the source is not assembler.
    Compiled,
    /// When the assembler runs: with `-c`.
    Assembled,
}

/// All roles, sorted by name.
#[rustfmt::skip]
pub const ROLES: &[RoleRow] = &[
    role_row("asm-dependencies", None, When::Assembled, false, "what the assembler read (`-Wa,--MD,FILE`)"),
    role_row("aux-info", None, When::Compiled, false, "prototypes of all functions (`-aux-info`)"),
    role_row("callgraph", Some("ci"), When::Compiled, true, "call graph in VCG form (`-fcallgraph-info`)"),
    role_row("compile-command", None, When::Always, false, "the command as a line of a compilation database (`-MJ`)"),
    role_row("diagnostics", None, When::Always, false, "serialized diagnostics (`--serialize-diagnostics`)"),
    role_row("dwo", Some("dwo"), When::Objects, true, "split debug information (`-gsplit-dwarf`)"),
    role_row("gcno", Some("gcno"), When::Compiled, true, "coverage notes (`--coverage`, `-ftest-coverage`)"),
    role_row("go-spec", None, When::Compiled, true, "declarations in Go (`-fdump-go-spec=`)"),
    role_row("listing", None, When::Assembled, false, "assembler listing (`-Wa,-a=FILE`)"),
    role_row("opt-info", None, When::Compiled, true, "optimization remarks as text (`-fopt-info=FILE`)"),
    role_row("opt-record", None, When::Compiled, true, "optimization remarks (`-foptimization-record-file=`)"),
    role_row("opt-record-bitstream", Some("opt.bitstream"), When::Compiled, true, "optimization remarks (`-fsave-optimization-record=bitstream`)"),
    role_row("opt-record-yaml", Some("opt.yaml"), When::Compiled, true, "optimization remarks (`-fsave-optimization-record`)"),
    role_row("stack-usage", Some("su"), When::Compiled, true, "stack use per function (`-fstack-usage`)"),
    role_row("stats", None, When::Always, true, "LLVM's counters (`-save-stats`)"),
    role_row("temps-assembly", None, When::Compiled, true, "the assembly on the way to the object (`-save-temps`)"),
    role_row("temps-bitcode", None, When::Compiled, true, "LLVM code on the way to the object (`-save-temps`)"),
    role_row("temps-preprocessed", None, When::Always, true, "the preprocessed source (`-save-temps`)"),
    role_row("thin-link", None, When::Compiled, true, "the part of LLVM code that a thin link needs (`-fthin-link-bitcode=`)"),
    role_row("time-trace", Some("json"), When::Compiled, true, "where the time went (`-ftime-trace`); that of the compile that was stored"),
    role_row("time-trace-file", None, When::Compiled, true, "the same (`-ftime-trace=FILE`)"),
    role_row(INSIDE, None, When::Compiled, true, "the same (`-ftime-trace=DIRECTORY`)"),
];

const fn role_row(
    role: &'static str,
    suffix: Option<&'static str>,
    when: When,
    optional: bool,
    doc: &'static str,
) -> RoleRow {
    RoleRow {
        role,
        suffix,
        optional,
        when,
        doc,
    }
}

/// Whether nothing depends on the name that an option gives to a file of
/// `role`, nor on where the option stands: then it is no part of the key.
pub fn name_is_free(role: &str) -> bool {
    matches!(role, "aux-info" | "diagnostics")
}

/// What the compilers do with a file of `role` that is there already.
pub fn overwrite(role: &str, family: Family) -> Overwrite {
    match (role, family) {
        ("opt-info", _) => Overwrite::Appended,
        ("dwo", Family::Gcc) => Overwrite::ReplacedUnlessEmpty,
        ("diagnostics", Family::Clang) => Overwrite::Replaced,
        ("temps-assembly" | "temps-bitcode" | "temps-preprocessed", Family::Clang) => {
            Overwrite::Replaced
        }
        // clang 14 writes into it, clang 19 makes a new one.
        ("compile-command", _) => Overwrite::Unclear,
        _ => Overwrite::Truncated,
    }
}

/// A file in what is a directory only if the user says so; else the value of
/// the option is a file.
pub const INSIDE: &str = "time-trace-inside";

/// The blob of all dumps.
pub const DUMPS: &str = "dumps";

/// Whether what follows `PREFIX.` in a file's name is the end of a dump's
/// name: `005t.original`, `253r.expand`, `015t.cfg.dot`, or one of the fixed
/// names (gcc manual, "Developer Options").
pub fn is_dump(ending: &[u8]) -> bool {
    const FIXED: [&[u8]; 10] = [
        b"gkd",
        b"opt-record.json.gz",
        b"analyzer.txt",
        b"analyzer.json.gz",
        b"callgraph.dot",
        b"eg.dot",
        b"eg.txt",
        b"state-purge.dot",
        b"supergraph-eg.dot",
        b"supergraph.dot",
    ];
    let digits = ending.iter().take_while(|b| b.is_ascii_digit()).count();
    let word = |b: &u8| b.is_ascii_alphanumeric() || b"._-+*".contains(b);
    let pass = match ending.get(digits..) {
        Some([b'i' | b'l' | b'r' | b't', b'.', name @ ..]) => {
            digits >= 3 && !name.is_empty() && name.iter().all(word)
        }
        _ => false,
    };
    pass || FIXED.contains(&ending) || is_exploded_node(ending)
}

/// `en-17.txt` of `-fdump-analyzer-exploded-nodes-3`.
fn is_exploded_node(ending: &[u8]) -> bool {
    let number = ending
        .strip_prefix(b"en-")
        .and_then(|rest| rest.strip_suffix(b".txt"));
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// All roles, sorted by name.
pub fn roles() -> &'static [RoleRow] {
    ROLES
}

/// The row of `role`.
pub fn role(role: &str) -> Option<&'static RoleRow> {
    ROLES.iter().find(|row| row.role == role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_sorted_and_blob_names() {
        assert!(ROLES.windows(2).all(|w| w[0].role < w[1].role));
        for row in ROLES {
            assert!(row.role.starts_with(|c: char| c.is_ascii_lowercase()));
            assert!(
                row.role
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-')
            );
            assert!(row.role.len() <= 64);
            assert!(row.optional || row.suffix.is_none(), "{}", row.role);
        }
    }

    #[test]
    fn names_of_dumps() {
        for ending in [
            "005t.original",
            "253r.expand",
            "000i.ipa-clones",
            "003l.raw",
            "015t.cfg.dot",
            "1005t.x",
            "gkd",
            "opt-record.json.gz",
            "en-17.txt",
        ] {
            assert!(is_dump(ending.as_bytes()), "{ending}");
        }
        for ending in [
            "",
            "o",
            "d",
            "05t.x",
            "005t",
            "005t.",
            "005x.original",
            "005t.a/b",
            "en-.txt",
            "s",
        ] {
            assert!(!is_dump(ending.as_bytes()), "{ending}");
        }
    }
}
