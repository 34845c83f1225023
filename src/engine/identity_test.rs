use std::path::Path;

use super::*;

fn compiler(name: &str) -> Option<PathBuf> {
    let found = paths::find_program(name.as_ref(), std::env::var_os("PATH").as_deref());
    if found.is_none() {
        crate::skip::skip(&format!("{name} is not installed"));
    }
    found
}

fn environment() -> Environment {
    Environment::from_pairs([("PATH", std::env::var_os("PATH").unwrap_or_default())])
}

#[test]
fn compilers_are_recognised_and_remembered() {
    for (name, family) in [
        ("gcc", Family::Gcc),
        ("clang-14", Family::Clang),
        ("clang-19", Family::Clang),
    ] {
        let Some(program) = compiler(name) else {
            continue;
        };
        let dir = tempfile::tempdir().unwrap();
        let mut table = InodeTable::new(dir.path().join("inodes"));
        let records = dir.path().join("compilers");
        let mut identify = || identify(&program, &environment(), Some(&records), &mut table);
        let first = identify().unwrap();
        assert_eq!(first.family, family, "{name}");
        assert!(first.version.contains("version"), "{}", first.version);
        assert!(first.files.len() > 3, "{:?}", first.files);
        let again = identify().unwrap();
        assert_eq!(first.digest, again.digest);
        assert_eq!(fs_err::read_dir(&records).unwrap().count(), 1);
    }
}

#[test]
fn a_changed_part_makes_another_compiler() {
    let Some(program) = compiler("gcc") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("gcc");
    let write = |comment: &str| {
        let text = format!(
            "#!/bin/sh\n# {comment}\nexec {} \"$@\"\n",
            program.display()
        );
        fs_err::write(&script, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(&script, mode).unwrap();
    };
    let mut table = InodeTable::new(dir.path().join("inodes"));
    let records = dir.path().join("compilers");
    let mut identify = || identify(&script, &environment(), Some(&records), &mut table);
    write("one");
    let one = identify().unwrap();
    assert!(one.files.iter().any(|file| file.ends_with("cc1")));
    write("two");
    let two = identify().unwrap();
    assert_ne!(one.digest, two.digest);
    write("one");
    assert_eq!(identify().unwrap().digest, one.digest);
}

#[test]
fn other_programs_are_not_compilers() {
    let mut table = InodeTable::new(PathBuf::from("/nonexistent/inodes"));
    assert!(identify(Path::new("/bin/true"), &environment(), None, &mut table).is_none());
    assert!(
        identify(
            Path::new("/nonexistent/gcc"),
            &environment(),
            None,
            &mut table
        )
        .is_none()
    );
}
