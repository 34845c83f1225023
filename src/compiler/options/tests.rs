use super::*;
use crate::compiler::outputs;

fn tables() -> [(&'static str, &'static [Row]); 3] {
    [
        ("common", common::ROWS),
        ("gcc", gcc::ROWS),
        ("clang", clang::ROWS),
    ]
}

#[test]
fn rows_are_sorted_and_single() {
    for (name, rows) in tables() {
        for pair in rows.windows(2) {
            let (a, b) = (pair[0].spelling, pair[1].spelling);
            assert!(a < b, "{name}: {a} before {b}");
        }
    }
    for list in [values::GCC, values::CLANG, values::LAYOUT_FREE_WARNINGS] {
        assert!(list.windows(2).all(|w| w[0] < w[1]));
    }
}

#[test]
fn rows_are_documented_and_begin_with_a_dash() {
    for (name, rows) in tables() {
        for row in rows {
            assert!(row.spelling.starts_with('-'), "{name}: {}", row.spelling);
            assert!(!row.doc.is_empty(), "{name}: {}", row.spelling);
        }
    }
}

#[test]
fn every_role_is_known() {
    for (name, rows) in tables() {
        for row in rows {
            let (role, beside) = match row.action {
                Action::Beside(role) => (role, true),
                Action::WriteFile(role) => (role, false),
                _ => continue,
            };
            let known = outputs::role(role).unwrap_or_else(|| panic!("{name}: {role}"));
            assert_eq!(known.suffix.is_some(), beside, "{role}");
        }
    }
    assert!(outputs::role("dwo").is_some());
}

#[test]
fn values_that_are_plain_have_no_row() {
    for (family, list) in [(Family::Gcc, values::GCC), (Family::Clang, values::CLANG)] {
        for name in list {
            let word = format!("-f{name}=x");
            let row = lookup(family, word.as_bytes()).unwrap();
            assert_eq!(row.action, Action::Feature, "{word}");
        }
    }
}

#[test]
fn the_longest_spelling_that_fits_wins() {
    let found = |family, word: &str| lookup(family, word.as_bytes()).map(|row| row.spelling);
    let gcc = |word| found(Family::Gcc, word);
    let clang = |word| found(Family::Clang, word);
    for (word, row) in [
        ("-c", Some("-c")),
        ("-cfoo", None),
        ("-coverage", Some("-coverage")),
        ("-I", Some("-I")),
        ("-I/usr/include", Some("-I")),
        ("-I-", Some("-I-")),
        ("-I-x", Some("-I")),
        ("-MD", Some("-MD")),
        ("-MDx", None),
        ("-MMD", Some("-MMD")),
        ("-MFx", Some("-MF")),
        ("-g", Some("-g")),
        ("-g0", Some("-g0")),
        ("-g0x", Some("-g")),
        ("-gsplit-dwarf", Some("-gsplit-dwarf")),
        ("-gsplit-dwarfx", Some("-g")),
        ("-fprofile-use", Some("-fprofile-use")),
        ("-fprofile-user", Some("-fprofile-use")),
        ("-fprofile-arcs", Some("-fprofile-arcs")),
        ("-fprofile-arcsx", Some("-f")),
        ("-f", None),
        ("-includex", Some("-include")),
        ("-iwithprefixbeforex", Some("-iwithprefixbefore")),
        ("-std=c99", Some("-std=")),
        ("-std=", None),
        ("-stdx", None),
        ("-nostdinc++", Some("-nostdinc++")),
        ("-undef", Some("-undef")),
        ("-undefx", Some("-u")),
        ("--version", Some("--version")),
        ("--versions", None),
        ("-W", Some("-W")),
        ("-Wall", Some("-W")),
        ("-Wa,x", Some("-Wa,")),
        ("-fdump-tree-all", Some("-fdump-")),
        ("-fdump-noaddr", Some("-fdump-noaddr")),
        ("-da", Some("-d")),
        ("-dumpbase", Some("-dumpbase")),
        ("-specs=x", Some("-specs=")),
        ("-fmodulo-sched", Some("-f")),
        ("-fmodules-ts", Some("-fmodules-ts")),
        ("-aux-info", Some("-aux-info")),
    ] {
        assert_eq!(gcc(word), row, "{word}");
    }
    for (word, row) in [
        ("-emit-llvm", Some("-emit-llvm")),
        ("-emit-ast", Some("-emit-")),
        ("-fprofile-use=x", Some("-fprofile-use=")),
        ("-include-pch", Some("-include-pch")),
        ("-include-pchx", Some("-include")),
        ("-stdlib=libc++", Some("-stdlib=")),
        ("-target", Some("-target")),
        ("--", Some("--")),
        ("-Xclang", Some("-Xclang")),
        (
            "-fdebug-compilation-dir=.",
            Some("-fdebug-compilation-dir="),
        ),
        ("-gsplit-dwarf=single", Some("-gsplit-dwarf=single")),
        ("-gsplit-dwarf=split", Some("-gsplit-dwarf=")),
        ("-ftime-trace=x", Some("-ftime-trace=")),
    ] {
        assert_eq!(clang(word), row, "{word}");
    }
}

/// The search is by bisection; a plain scan must agree with it.
#[test]
fn lookup_agrees_with_a_scan() {
    let scan = |table: &'static [Row], word: &str| {
        let fits = |row: &&Row| {
            let rest = word.strip_prefix(row.spelling);
            rest.is_some_and(|rest| row.value.fits(rest.is_empty()))
        };
        let rows = table.iter().filter(fits);
        rows.max_by_key(|row| row.spelling.len())
            .map(|row| row.spelling)
    };
    let tails = ["", "x", "=", "=x", "-", "0"];
    for (_, table) in tables() {
        for (_, words) in tables() {
            for row in words {
                for tail in tails {
                    let word = format!("{}{tail}", row.spelling);
                    let found = longest(table, word.as_bytes()).map(|row| row.spelling);
                    assert_eq!(found, scan(table, &word), "{word}");
                }
            }
        }
    }
}

#[test]
fn the_reference_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/options.md");
    let page = reference_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference")).unwrap();
        std::fs::write(path, &page).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == page,
        "run the test with UPDATE_DOCS=1 to rewrite {path}"
    );
}
