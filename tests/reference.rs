//! The reference pages are what the tables say. `UPDATE_DOCS=1 cargo test
//! --test reference` writes them anew.

mod catalogue;

use std::path::Path;

fn check(page: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/reference")
        .join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/reference/{page} is out of date: UPDATE_DOCS=1 cargo test --test reference"
    );
}

#[test]
fn configuration() {
    check("configuration.md", &cache::config::reference_page());
}

#[test]
fn statistics() {
    check("statistics.md", &cache::stats::reference_page());
}

#[test]
fn commands() {
    check("cli.md", &cache::cli::reference_page());
}

#[test]
fn correctness() {
    check("../correctness.md", &catalogue::page());
}

/// Every line of the catalogue has its case, with every compiler somewhere in
/// its group.
#[test]
fn the_catalogue_is_complete() {
    let gaps = catalogue::gaps();
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}
