//! The sources of real projects, as `scripts/corpora` fetches them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::skip;

/// Where `scripts/corpora` puts the tarballs; fetches them the first time.
/// `None`, said loudly, when they cannot be had.
fn corpora() -> Option<PathBuf> {
    static FETCHED: Mutex<Option<Option<PathBuf>>> = Mutex::new(None);
    let mut fetched = FETCHED.lock().unwrap_or_else(|e| e.into_inner());
    let found = fetched.get_or_insert_with(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = match std::env::var_os("CACHE_TEST_CORPORA") {
            Some(path) => PathBuf::from(path),
            None => root.join("target/corpora"),
        };
        let done = Command::new(root.join("scripts/corpora"))
            .arg(&directory)
            .status();
        done.is_ok_and(|s| s.success()).then_some(directory)
    });
    if found.is_none() {
        skip("the sources to build cannot be fetched (scripts/corpora)");
    }
    found.clone()
}

/// The tarball of a package.
fn tarball(package: &str) -> Option<PathBuf> {
    let directory = corpora()?;
    let versions = fs::read_to_string(directory.join("VERSIONS")).unwrap();
    let name = versions.lines().find_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some(package))
            .then(|| words.nth(1))
            .flatten()
    });
    Some(directory.join(name.unwrap_or_else(|| panic!("{package} is not in VERSIONS"))))
}

/// Unpacks a package's tarball as `directory`.
pub fn unpack(package: &str, directory: &Path) -> Option<()> {
    let tarball = tarball(package)?;
    fs::create_dir_all(directory).unwrap();
    let done = Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(&tarball)
        .arg("-C")
        .arg(directory)
        .status();
    assert!(
        done.unwrap().success(),
        "cannot unpack {}",
        tarball.display()
    );
    Some(())
}
