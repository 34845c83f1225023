//! What came from afar is put into the local store after the call, by the agent; and
//! what a hit from afar takes as known is what it still is.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::keeping::kill;
use crate::machine::Machine;
use crate::team::{self, FRESH, PLAIN, WARNS, fresh, pair, source};

fn stores(root: &Path) -> [Machine; 2] {
    pair(root, &team::directory(&root.join("shared"), ""))
}

/// `b` finds everything far away again.
fn forget(b: &Machine) {
    b.succeed(&["clean", "--max-size", "0"]);
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
}

/// Files of results in the local store.
fn results(machine: &Machine) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&machine.cache_dir().join("compile"), &mut found);
    found
}

#[test]
fn a_hit_is_kept_and_counted() {
    let root = TempDir::new().unwrap();
    let [a, b] = stores(root.path());
    for (number, words) in (1..).zip([PLAIN, WARNS]) {
        a.compile(words);
        a.flush();
        assert_eq!(b.compile(words).get("remote_storage_hit"), 1);
        let counters = b.counters();
        assert_eq!(counters.get("store_team_kept"), number);
        assert_eq!(counters.get("store_team_not_kept"), 0);
        // The result and the manifest that names it.
        assert!(counters.get("entries_in_cache") >= 2 * number);
        let again = b.compile(words);
        assert_eq!((again.hits(), again.get("remote_storage_hit")), (1, 0));
    }
    let stats = b.succeed(&["stats"]);
    assert!(stats.contains("Kept"), "{stats}");
    b.succeed(&["stats", "--zero"]);
    assert_eq!(b.counters().get("store_team_kept"), 0);
}

#[test]
fn without_writing_nothing_is_kept() {
    let root = TempDir::new().unwrap();
    let [a, mut b] = stores(root.path());
    a.compile(PLAIN);
    a.flush();
    b.set("CACHE_READ_ONLY", "true");
    for _ in 0..2 {
        assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
    }
    assert_eq!(b.counters().get("store_team_kept"), 0);
    assert!(results(&b).is_empty());
}

#[test]
fn an_agent_that_is_killed_while_it_keeps_loses_nothing_else() {
    let root = TempDir::new().unwrap();
    let [a, b] = stores(root.path());
    for number in 0..16 {
        fresh(&a, number);
    }
    a.flush();
    for number in 0..8 {
        // An agent runs, and is killed at some point after its answer.
        fresh(&b, number + 8);
        b.write("n.c", &source(number));
        let agent = b.agent().expect("it runs");
        let output = b.cache(FRESH);
        assert!(output.status.success(), "{output:?}");
        kill(agent);
        // Here or there: it is a hit, and the object is right.
        let counted = b.compile(FRESH);
        assert_eq!((counted.hits(), counted.get("damaged_entry")), (1, 0));
    }
    assert_eq!(b.counters().get("misses"), 0);
}

#[test]
fn what_is_kept_stays_within_the_budget() {
    let root = TempDir::new().unwrap();
    let [a, mut b] = stores(root.path());
    b.set("CACHE_MAX_SIZE", "150K");
    for number in 0..20 {
        fresh(&a, number);
    }
    a.flush();
    for number in 0..20 {
        assert_eq!(fresh(&b, number).get("remote_storage_hit"), 1, "{number}");
    }
    let counters = b.counters();
    assert_eq!(counters.get("store_team_kept"), 20);
    assert!(counters.get("cache_size_bytes") <= 150 << 10);
    assert!(counters.get("entries_in_cache") >= 4);
}

/// The agent has the umask of whoever started it; a later caller may have another.
#[test]
fn what_is_kept_is_for_those_that_the_caller_allows() {
    let root = TempDir::new().unwrap();
    let [a, b] = stores(root.path());
    a.compile(PLAIN);
    a.flush();
    let agent = b.compile(WARNS);
    assert_eq!(agent.hits(), 0);
    forget(&b);
    let mut command = b.command("sh");
    let script = "umask 077; exec \"$0\" gcc -c x.c -o x.o";
    let status = command
        .args(["-c", script])
        .arg(crate::support::cache_binary())
        .status();
    assert!(status.unwrap().success());
    assert_eq!(b.counters().get("store_team_kept"), 1);
    let results = results(&b);
    let names: Vec<_> = results.iter().filter_map(|path| path.file_name()).collect();
    assert!(names.contains(&"output".as_ref()), "{names:?}");
    for path in results.iter().filter(|path| path.ends_with("output")) {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o} {}", path.display());
    }
}

#[test]
fn a_header_of_the_same_size_and_time_is_another_header() {
    let root = TempDir::new().unwrap();
    let [a, b] = stores(root.path());
    a.compile(PLAIN);
    a.flush();
    let header = b.tree.join("x.h");
    let time = fs::metadata(&header).unwrap().modified().unwrap();
    // What it held is known on this machine from now on.
    for _ in 0..2 {
        assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
        forget(&b);
    }
    b.write("x.h", "#define X 2\n");
    let file = fs::File::options().write(true).open(&header).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(b.compile(PLAIN).hits(), 0);
}

/// Names that must not be there, in a directory that is searched first: enough of them
/// for the answer to be remembered.
const SEARCHED: &[&str] = &["gcc", "-Iearly", "-Ilate", "-c", "y.c", "-o", "y.o"];

fn searched(machines: [&Machine; 2]) {
    for machine in machines {
        let mut text = String::new();
        for n in 0..9 {
            machine.write(&format!("late/y{n}.h"), &format!("#define Y{n} {n}\n"));
            text += &format!("#include <y{n}.h>\n");
        }
        machine.write("y.c", &(text + "int y(void) { return Y0 + Y4; }\n"));
        machine.write("early/other.h", "");
    }
}

#[test]
fn a_header_that_shadows_is_noticed_where_none_was_before() {
    let root = TempDir::new().unwrap();
    let [a, b] = stores(root.path());
    searched([&a, &b]);
    a.compile(SEARCHED);
    a.flush();
    for _ in 0..3 {
        assert_eq!(b.compile(SEARCHED).get("remote_storage_hit"), 1);
        forget(&b);
    }
    assert!(b.cache_dir().join(".machine/names").exists());
    b.write("early/y4.h", "#define Y4 40\n");
    assert_eq!(b.compile(SEARCHED).hits(), 0);
    forget(&b);
    fs::remove_file(b.tree.join("early/y4.h")).unwrap();
    assert_eq!(b.compile(SEARCHED).get("remote_storage_hit"), 1);
}

/// A link to nothing is as good as no header, until there is something: that moves no
/// times of the directory that the link is in.
#[test]
fn a_link_to_nothing_that_becomes_a_header_is_noticed() {
    let root = TempDir::new().unwrap();
    let [a, b] = stores(root.path());
    searched([&a, &b]);
    a.compile(SEARCHED);
    a.flush();
    symlink("../elsewhere.h", b.tree.join("early/y4.h")).unwrap();
    // From afar, from afar once more, and from here.
    assert_eq!(b.compile(SEARCHED).get("remote_storage_hit"), 1);
    forget(&b);
    assert_eq!(b.compile(SEARCHED).get("remote_storage_hit"), 1);
    assert_eq!(b.compile(SEARCHED).hits(), 1);
    b.write("elsewhere.h", "#define Y4 41\n");
    assert_eq!(b.compile(SEARCHED).hits(), 0);
}
