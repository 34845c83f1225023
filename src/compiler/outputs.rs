//! Files that a compile can write besides its product, by role.
//!
//! A role is the name of the blob that keeps the file in a cache entry. Option
//! rows refer to roles; nothing else knows what an option writes.

/// A role and how the compilers name its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The blob name.
    pub role: &'static str,
    /// The suffix of a file that stands beside the product; `None` if the
    /// option's value is the file's name.
    pub suffix: Option<&'static str>,
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
}

/// All roles, sorted by name.
pub const ROLES: &[RoleRow] = &[
    RoleRow {
        role: "aux-info",
        suffix: None,
        when: When::Compiled,
        doc: "prototypes of all functions (`-aux-info`)",
    },
    RoleRow {
        role: "callgraph",
        suffix: Some("ci"),
        when: When::Compiled,
        doc: "call graph in VCG form (`-fcallgraph-info`)",
    },
    RoleRow {
        role: "diagnostics",
        suffix: None,
        when: When::Always,
        doc: "serialized diagnostics (`--serialize-diagnostics`)",
    },
    RoleRow {
        role: "dwo",
        suffix: Some("dwo"),
        when: When::Objects,
        doc: "split debug information (`-gsplit-dwarf`)",
    },
    RoleRow {
        role: "gcno",
        suffix: Some("gcno"),
        when: When::Compiled,
        doc: "coverage notes (`--coverage`, `-ftest-coverage`)",
    },
    RoleRow {
        role: "stack-usage",
        suffix: Some("su"),
        when: When::Compiled,
        doc: "stack use per function (`-fstack-usage`)",
    },
];

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
        }
    }
}
