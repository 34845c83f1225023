//! What one machine compiled, another finds: through a directory that both see.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::machine::Machine;

fn directory_store(root: &Path) -> String {
    format!("file://{}/shared", root.display())
}

/// Two machines that share a store, each with the same small project.
fn pair(root: &Path, store: &str) -> [Machine; 2] {
    ["a", "b"].map(|name| {
        let mut machine = Machine::new(root, name);
        machine.set("CACHE_STORE", store);
        project(&machine);
        machine
    })
}

fn project(machine: &Machine) {
    machine.write("x.h", "#define X 1\n");
    machine.write("x.c", "#include \"x.h\"\nint x(void) { return X; }\n");
    machine.write("w.c", "int w(void) { int unused; return 2; }\n");
}

const PLAIN: &[&str] = &["gcc", "-c", "x.c", "-o", "x.o"];
const WARNS: &[&str] = &["gcc", "-Wall", "-MMD", "-c", "w.c", "-o", "w.o"];

#[test]
fn what_one_compiled_the_other_finds() {
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), &directory_store(root.path()));
    for words in [PLAIN, WARNS] {
        let counted = a.compile(words);
        assert_eq!(
            (counted.hits(), counted.get("remote_storage_write")),
            (0, 1)
        );
        a.flush();
        let counted = b.compile(words);
        assert_eq!((counted.hits(), counted.get("remote_storage_hit")), (1, 1));
        // From now on it has it itself.
        let counted = b.compile(words);
        assert_eq!((counted.hits(), counted.get("remote_storage_hit")), (1, 0));
    }
    let stats = b.succeed(&["stats"]);
    assert!(stats.contains("Remote store store1"), "{stats}");
}

#[test]
fn another_header_is_another_result() {
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), &directory_store(root.path()));
    a.compile(PLAIN);
    a.flush();
    b.write("x.h", "#define X 2\n");
    assert_eq!(b.compile(PLAIN).hits(), 0);
    b.flush();
    // Both travel together from now on.
    for (name, text) in [("c", "#define X 1\n"), ("d", "#define X 2\n")] {
        let mut c = Machine::new(root.path(), name);
        c.set("CACHE_STORE", directory_store(root.path()));
        project(&c);
        c.write("x.h", text);
        assert_eq!(c.compile(PLAIN).get("remote_storage_hit"), 1, "{text}");
    }
}

#[test]
fn a_header_that_shadows_is_noticed_far_away() {
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), &directory_store(root.path()));
    let words = ["gcc", "-Iearly", "-Ilate", "-c", "y.c", "-o", "y.o"];
    for machine in [&a, &b] {
        machine.write("late/y.h", "#define Y 1\n");
        machine.write("y.c", "#include <y.h>\nint y(void) { return Y; }\n");
        machine.write("early/other.h", "");
    }
    a.compile(&words);
    a.flush();
    b.write("early/y.h", "#define Y 2\n");
    assert_eq!(b.compile(&words).hits(), 0);
    std::fs::remove_file(b.tree.join("early/y.h")).unwrap();
    assert_eq!(b.compile(&words).get("remote_storage_hit"), 1);
}

#[test]
fn two_checkouts_share_below_a_base_directory() {
    let root = TempDir::new().unwrap();
    let [mut a, mut b] = pair(root.path(), &directory_store(root.path()));
    let words = ["gcc", "-I", "", "-c", "x.c", "-o", "x.o"];
    for machine in [&mut a, &mut b] {
        let tree = machine.tree.display().to_string();
        machine.set("CACHE_BASE_DIR", tree);
    }
    let of = |machine: &Machine| {
        let include = machine.tree.display().to_string();
        let words: Vec<&str> = words
            .iter()
            .map(|word| {
                if word.is_empty() {
                    include.as_str()
                } else {
                    word
                }
            })
            .collect();
        machine.compile(&words)
    };
    assert_eq!(of(&a).hits(), 0);
    a.flush();
    assert_eq!(of(&b).get("remote_storage_hit"), 1);
}

#[test]
fn without_stores_there_is_no_agent() {
    let root = TempDir::new().unwrap();
    let a = Machine::new(root.path(), "a");
    project(&a);
    a.compile(PLAIN);
    a.compile(PLAIN);
    assert!(a.agent_dir().is_none());
    assert!(a.succeed(&["agent", "status"]).starts_with("No agent"));
}

#[test]
fn an_accepted_upload_survives_the_agent() {
    let root = TempDir::new().unwrap();
    let blocked = root.path().join("shared");
    // A directory that is not a store of ours: refused until it goes.
    std::fs::create_dir_all(blocked.join("somebody/elses")).unwrap();
    let [a, b] = pair(root.path(), &directory_store(root.path()));
    a.compile(PLAIN);
    let agent = a.agent().expect("an agent runs");
    let killed = std::process::Command::new("kill")
        .args(["-9", &agent.to_string()])
        .status();
    assert!(killed.unwrap().success());
    let spool = a.agent_dir().unwrap().join("spool");
    assert_eq!(spool.read_dir().unwrap().count(), 1);
    std::fs::remove_dir_all(&blocked).unwrap();
    a.flush();
    assert_eq!(spool.read_dir().unwrap().count(), 0);
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
}

#[test]
fn a_read_only_store_does_not_make_the_others_so() {
    let root = TempDir::new().unwrap();
    let [mut a, mut b] = pair(root.path(), &directory_store(root.path()));
    let at = root.path().display();
    let both = format!("file://{at}/near?name=near file://{at}/far?name=far");
    a.set("CACHE_STORE", format!("file://{at}/far?name=far"));
    b.set("CACHE_STORE", both.clone());
    a.compile(PLAIN);
    a.flush();
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
    // Written back to the nearer one.
    b.flush();
    let near = root.path().join("near");
    let objects = walk(&near);
    assert_eq!(objects, 1);
    b.set(
        "CACHE_STORE",
        both.replace("name=near", "name=near&read_only=true"),
    );
    b.compile(WARNS);
    b.flush();
    assert_eq!((walk(&near), walk(&root.path().join("far"))), (1, 2));
}

/// Objects below a directory.
fn walk(root: &Path) -> usize {
    let mut count = 0;
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => left.push(path),
                path => count += usize::from(path.file_name().unwrap().len() == 64),
            }
        }
    }
    count
}

#[test]
fn damaged_and_foreign_objects_are_a_miss() {
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), &directory_store(root.path()));
    a.compile(PLAIN);
    a.flush();
    let object = find(&root.path().join("shared")).unwrap();
    let whole = std::fs::read(&object).unwrap();
    let mut altered = whole.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    for bytes in [&altered[..], &whole[..whole.len() / 2], b"", b"hello"] {
        std::fs::write(&object, bytes).unwrap();
        assert_eq!(b.compile(PLAIN).hits(), 0, "{} bytes", bytes.len());
        b.succeed(&["clean"]);
        let _ = b.cache(&["agent", "flush"]);
    }
    std::fs::write(&object, &whole).unwrap();
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
}

fn find(root: &Path) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(root).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path) {
                return Some(found);
            }
        } else if path.file_name()?.len() == 64 {
            return Some(path);
        }
    }
    None
}

#[test]
fn an_idle_agent_leaves_and_a_frozen_one_delays_once() {
    let root = TempDir::new().unwrap();
    let [mut a, mut b] = pair(root.path(), &directory_store(root.path()));
    a.set("CACHE_AGENT_IDLE", "1s");
    a.compile(PLAIN);
    let agent = a.agent().unwrap();
    let begun = Instant::now();
    while Path::new(&format!("/proc/{agent}")).exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    b.compile(PLAIN);
    let agent = b.agent().unwrap().to_string();
    let signal = |name: &str| {
        std::process::Command::new("kill")
            .args([name, &agent])
            .status()
    };
    signal("-STOP").unwrap();
    b.write("x.c", "int other;\n");
    b.compile(PLAIN);
    assert!(b.agent_dir().unwrap().join("unreachable").exists());
    // Nobody waits a second time, though it still takes connections.
    let log = b.root.join("log");
    b.set("CACHE_LOG", log.display().to_string());
    b.write("x.c", "int another;\n");
    assert_eq!(b.compile(PLAIN).get("remote_storage_error"), 1);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("out of reach a moment ago"), "{log}");
    // What nobody uploads does not fill the disk.
    let spool = b.agent_dir().unwrap().join("spool");
    let huge = spool.join("000000000000000-1-0000000000000000.pack");
    let file = std::fs::File::create(&huge).unwrap();
    file.set_len(3 << 30).unwrap();
    let before = spool.read_dir().unwrap().count();
    b.write("x.c", "int a_third;\n");
    assert_eq!(b.compile(PLAIN).get("remote_storage_write"), 0);
    assert_eq!(spool.read_dir().unwrap().count(), before);
    std::fs::remove_file(huge).unwrap();
    signal("-CONT").unwrap();
}

/// The agent's directory stands in the cache directory before the first entry does.
#[test]
fn a_check_before_the_first_compile_does_no_harm() {
    let root = TempDir::new().unwrap();
    let [a, _] = pair(root.path(), &directory_store(root.path()));
    a.succeed(&["store", "check"]);
    assert_eq!(a.compile(PLAIN).get("cache_miss"), 1);
    assert_eq!(a.compile(PLAIN).hits(), 1);
}
