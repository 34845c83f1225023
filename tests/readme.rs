//! The README tells the truth: its commands run, its test command is CI's.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{cache_binary, find_program, skip};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks that follow the comment `<!-- mark -->`.
fn blocks(mark: &str) -> Vec<String> {
    let text = readme();
    let comment = format!("<!-- {mark} -->\n```");
    text.split(&comment)
        .skip(1)
        .map(|rest| {
            let (_, body) = rest.split_once('\n').unwrap();
            let (block, _) = body.split_once("\n```").expect("a closed block");
            block.to_owned()
        })
        .collect()
}

/// A project that make and CMake can build, in a temporary folder with a home,
/// and the program under test on the PATH under its own name.
fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["bin", "home", "work"] {
        fs::create_dir(path(name)).unwrap();
    }
    std::os::unix::fs::symlink(cache_binary(), path("bin/cache")).unwrap();
    let main = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
    fs::write(path("work/hello.c"), main).unwrap();
    fs::write(path("work/more.cc"), "#include <string>\nstd::string s;\n").unwrap();
    let makefile = "hello: hello.o more.o\n\t$(CXX) -o $@ hello.o more.o\n";
    fs::write(path("work/Makefile"), makefile).unwrap();
    let cmake = "cmake_minimum_required(VERSION 3.13)\nproject(hello C CXX)\nadd_executable(hello hello.c more.cc)\n";
    fs::write(path("work/CMakeLists.txt"), cmake).unwrap();
    directory
}

fn shell(project: &Path, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env_clear()
        .env("PATH", format!("{}/bin:/usr/bin:/bin", project.display()))
        .env("HOME", project.join("home"))
        .env("CACHE_DIR", project.join("cache"))
        .current_dir(project.join("work"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn examples_run() {
    let blocks = blocks("run");
    assert!(blocks.len() >= 4, "the README lost its examples");
    for block in blocks {
        let needed = block.split_whitespace().next().unwrap();
        if needed != "cache" && find_program(needed).is_none() {
            skip(&format!("{needed} is not installed"));
            continue;
        }
        let project = project();
        shell(project.path(), &block);
        if !block.starts_with("cache ") {
            let counters = shell(project.path(), "cache stats --format json");
            let counters = support::counters::Counters::parse(&counters);
            assert!(counters.get("cache_miss") >= 2, "{block}\n{counters:?}");
        }
    }
}

#[test]
fn recipes_run() {
    let blocks = blocks("recipe");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let project = project();
        let commands: Vec<&str> = block
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- "))
            .map(|line| line.strip_prefix("run: ").unwrap_or(line))
            .filter(|line| line.starts_with("cache ") || line.starts_with("make "))
            .collect();
        assert_eq!(commands.len(), 4, "{block}");
        for _ in ["cold", "warm"] {
            for command in &commands {
                shell(project.path(), command);
            }
            shell(project.path(), "rm -f *.o hello");
        }
        // Zeroed at the start of the second round: only its own calls count.
        let counters = shell(project.path(), "cache stats --format json");
        let counters = support::counters::Counters::parse(&counters);
        assert_eq!(counters.get("direct_cache_hit"), 1, "{counters:?}");
        assert_eq!(counters.get("cache_miss"), 0, "{counters:?}");
    }
}

#[test]
fn its_test_command_is_what_ci_runs() {
    let text = readme();
    let (_, after) = text.split_once("runs the tests").unwrap();
    let (_, block) = after.split_once("```sh\n").unwrap();
    let command = block.lines().next().unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(
        ci.lines().any(|line| line.trim() == command),
        ".ci/run does not run `{command}`"
    );
}

#[test]
fn its_links_lead_somewhere() {
    for part in readme().split("](").skip(1) {
        let (target, _) = part.split_once(')').unwrap();
        if !target.contains("://") {
            assert!(root().join(target).exists(), "{target} is not there");
        }
    }
}
