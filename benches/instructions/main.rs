//! Counts the instructions of three kinds of calls under valgrind and compares
//! them with what is recorded in `recorded.json` beside this file.
//!
//!     cargo bench --bench instructions               compare
//!     cargo bench --bench instructions -- --record   write the file anew
//!
//! `--no-default-features` spares the release build of the agent, which has no part
//! in these calls.
//!
//! More than 5 % above the recorded value is a failure; more than 5 % below is
//! worth recording. Times drift by half on a shared machine, instructions by a
//! part in ten thousand (hash maps are seeded anew in each process): the smaller
//! of two runs counts.
//!
//! What the numbers depend on besides the program:
//! - how many programs and libraries the compiler consists of, each of which is
//!   looked at once (`parts` in the file), and the length of their names;
//! - the processor that valgrind shows to the program: one with AVX2 and without
//!   AVX-512 and SHA extensions, wherever the real one has AVX2. On such a
//!   machine SHA-256 takes fewer instructions in reality than are counted here.
//!
//! System headers play no part, paths and environment are the same everywhere.
//! The kernel's share of a call is not counted: that is what system calls are
//! for, and `docs/performance.md` lists them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A fixed place: the length of paths counts.
const ROOT: &str = "/tmp/cache-instructions";
/// The compiler: what CI installs.
const COMPILER: &str = "gcc-12";
const RUNS: usize = 2;
/// How far a count may be from the recorded one, in percent.
const MARGIN: u64 = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let record = arguments.iter().any(|argument| argument == "--record");
    for tool in ["valgrind", COMPILER] {
        if find(tool).is_none() {
            fail(&format!("{tool} is not installed; .ci/setup installs it"));
        }
    }
    let found = Recorded {
        tools: tools(),
        counts: measure(),
    };
    if record {
        fs::write(file(), found.to_json()).expect("the record can be written");
        print!("{}", found.to_json());
        return;
    }
    let text = fs::read_to_string(file()).unwrap_or_default();
    let Some(recorded) = Recorded::parse(&text) else {
        fail(&format!("{} cannot be read", file().display()));
    };
    if !compare(&recorded, &found) {
        fail("the hit path has become longer; if that is the price of something better, record it");
    }
}

fn fail(why: &str) -> ! {
    eprintln!("instructions: {why}");
    eprintln!("instructions: `cargo bench --bench instructions -- --record` writes the file anew");
    std::process::exit(1);
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/recorded.json")
}

fn find(program: &str) -> Option<PathBuf> {
    let directories = ["/usr/bin", "/bin"].map(Path::new);
    directories
        .iter()
        .map(|directory| directory.join(program))
        .find(|path| path.exists())
}

/// What the counts depend on, and the counts.
struct Recorded {
    tools: BTreeMap<String, String>,
    counts: BTreeMap<String, u64>,
}

impl Recorded {
    fn to_json(&self) -> String {
        let value = serde_json::json!({ "tools": self.tools, "instructions": self.counts });
        let mut text = serde_json::to_string_pretty(&value).expect("plain data");
        text.push('\n');
        text
    }

    fn parse(text: &str) -> Option<Recorded> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let tools = value.get("tools")?.as_object()?.iter();
        let counts = value.get("instructions")?.as_object()?.iter();
        Some(Recorded {
            tools: tools
                .map(|(name, tool)| Some((name.clone(), tool.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            counts: counts
                .map(|(name, count)| Some((name.clone(), count.as_u64()?)))
                .collect::<Option<_>>()?,
        })
    }
}

/// Prints a line for each count. Whether none of them has grown too much.
fn compare(recorded: &Recorded, found: &Recorded) -> bool {
    for (name, tool) in &found.tools {
        let then = recorded.tools.get(name).map_or("nothing", String::as_str);
        if then != tool {
            println!("note: {name} is {tool}, recorded with {then}");
        }
    }
    let mut good = true;
    for (name, &count) in &found.counts {
        let Some(&then) = recorded.counts.get(name) else {
            println!("{name}: {count}, not recorded yet");
            good = false;
            continue;
        };
        let percent = count as f64 * 100.0 / then.max(1) as f64 - 100.0;
        let verdict = if count * 100 > then * (100 + MARGIN) {
            good = false;
            "TOO MANY"
        } else if count * 100 < then * (100 - MARGIN) {
            "fewer: record it (-- --record)"
        } else {
            "ok"
        };
        println!("{name}: {count} instructions, recorded {then} ({percent:+.1} %): {verdict}");
    }
    good
}

fn tools() -> BTreeMap<String, String> {
    let first_line = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        let output = output.expect("the program answers");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    };
    let program = find(COMPILER).expect("found before");
    BTreeMap::from([
        ("compiler".to_owned(), first_line(COMPILER)),
        ("valgrind".to_owned(), first_line("valgrind")),
        ("parts".to_owned(), parts(&program).to_string()),
    ])
}

/// How many shared libraries the compiler proper and the assembler have: most
/// of what the cache looks at to know the compiler.
fn parts(compiler: &Path) -> usize {
    let programs = ["-print-prog-name=cc1", "-print-prog-name=as"];
    let libraries = |question: &str| {
        let answer = Command::new(compiler).arg(question).output();
        let answer = answer.expect("the compiler answers").stdout;
        let name = String::from_utf8_lossy(&answer).trim().to_owned();
        let path = find(&name).unwrap_or_else(|| PathBuf::from(&name));
        let listing = Command::new("ldd").arg(path).output();
        let listing = listing.expect("ldd runs").stdout;
        let lines = String::from_utf8_lossy(&listing).into_owned();
        lines.lines().filter(|line| line.contains(" => ")).count()
    };
    programs.iter().map(|question| libraries(question)).sum()
}

fn measure() -> BTreeMap<String, u64> {
    let root = Path::new(ROOT);
    let _ = fs::remove_dir_all(root);
    for folder in ["work/include", "home", "run"] {
        fs::create_dir_all(root.join(folder)).expect("/tmp can be written");
    }
    small(&root.join("work"));
    many_headers(&root.join("work"), 1000);
    let mut counts = BTreeMap::new();
    for (name, source) in [("hit, small C", "small.c"), ("hit, 1000 headers", "many.c")] {
        let call = [COMPILER, "-O1", "-Iinclude", "-c", source, "-o", "unit.o"];
        // A miss; then stamps are settled and written down. Under valgrind too,
        // which sets LD_PRELOAD: that is part of who a compiler is.
        for _ in 0..3 {
            let output = cache(&["valgrind", "-q", "--tool=none"], &call).output();
            let output = output.expect("valgrind runs");
            assert!(output.status.success(), "{call:?}: {output:?}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let before = hits();
        counts.insert(name.to_owned(), smallest(&call, End::Exit));
        assert_eq!(hits() - before, RUNS as u64, "{name}: not hits");
    }
    let link = [COMPILER, "unit.o", "-shared", "-o", "unit.so"];
    counts.insert("pass-through, link".to_owned(), smallest(&link, End::Exec));
    let _ = fs::remove_dir_all(root);
    counts
}

fn small(work: &Path) {
    let source = "#include \"small.h\"\nint f(int x) { return x + SMALL; }\n";
    fs::write(work.join("small.c"), source).expect("it can be written");
    fs::write(work.join("small.h"), "#define SMALL 1\n").expect("it can be written");
}

/// A source with `number` headers in ten directories.
fn many_headers(work: &Path, number: usize) {
    let mut source = String::new();
    for index in 0..number {
        let name = format!("part{}/header{index:04}.h", index % 10);
        let _ = writeln!(source, "#include <{name}>");
        let path = work.join("include").join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("it can be made");
        let text = format!("#pragma once\nint declared{index:04}(int);\n");
        fs::write(path, text).expect("it can be written");
    }
    source.push_str("int f(int x) { return declared0000(x); }\n");
    fs::write(work.join("many.c"), source).expect("it can be written");
}

/// `cache` with an environment that is the same everywhere.
fn cache(prefix: &[&str], call: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_cache");
    let words: Vec<&str> = prefix.iter().copied().chain([program]).collect();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(call)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", format!("{ROOT}/home"))
        .env("XDG_RUNTIME_DIR", format!("{ROOT}/run"))
        .env("CACHE_DIR", format!("{ROOT}/cache"))
        .current_dir(format!("{ROOT}/work"))
        .stdin(Stdio::null());
    command
}

/// Direct hits so far.
fn hits() -> u64 {
    let call = ["stats", "--format", "json"];
    let output = cache(&[], &call).output().expect("cache runs");
    let value: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("statistics in JSON");
    let hits = value.get("direct_cache_hit");
    hits.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// How a call ends: by itself, or by becoming the compiler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Exit,
    Exec,
}

/// The smallest number of instructions of some runs.
fn smallest(call: &[&str], end: End) -> u64 {
    (0..RUNS).map(|_| count(call, end)).min().unwrap_or(0)
}

/// The number of instructions of one run: up to `execve`, if that is its end.
fn count(call: &[&str], end: End) -> u64 {
    let log = format!("{ROOT}/log");
    let out = format!("{ROOT}/out");
    let log_option = format!("--log-file={log}");
    let out_option = match end {
        End::Exit => "--callgrind-out-file=/dev/null".to_owned(),
        End::Exec => format!("--callgrind-out-file={out}"),
    };
    let mut prefix = vec!["valgrind", "--tool=callgrind", &log_option, &out_option];
    if end == End::Exec {
        prefix.push("--dump-before=execve");
    }
    let output = cache(&prefix, call).output().expect("valgrind runs");
    assert!(output.status.success(), "{call:?}: {output:?}");
    // In the log of a process that ended, in the first dump of one that did not.
    let (file, word) = match end {
        End::Exit => (log, "Collected :"),
        End::Exec => (format!("{out}.1"), "summary:"),
    };
    let text = fs::read_to_string(&file).expect("valgrind has written it");
    let collected = text
        .lines()
        .find_map(|line| line.split_once(word))
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    collected.unwrap_or_else(|| panic!("no count in {file}: {text}"))
}
