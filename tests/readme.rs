//! The README and docs/stores.md tell the truth: their commands run, their
//! configuration is one, the test command is CI's.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{cache_binary, find_program, skip};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The fenced blocks of a page that follow the comment `<!-- mark -->`.
fn blocks(name: &str, mark: &str) -> Vec<String> {
    fenced(&page(name), &format!("<!-- {mark} -->\n```"))
}

/// What stands between each `start`, to the end of its line, and the closing fence.
fn fenced(text: &str, start: &str) -> Vec<String> {
    text.split(start)
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
    let blocks = blocks("README.md", "run");
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
    let blocks = blocks("README.md", "recipe");
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
    let text = page("README.md");
    let (_, after) = text.split_once("runs the tests").unwrap();
    let (_, block) = after.split_once("```sh\n").unwrap();
    let command = block.lines().next().unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(
        ci.lines().any(|line| line.trim() == command),
        ".ci/run does not run `{command}`"
    );
}

/// The configuration of `project`'s user, of which `cache config` finds nothing wrong.
fn configuration(project: &Path, text: &str) -> serde_json::Value {
    let directory = project.join("home/.config/cache");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("config.toml"), text).unwrap();
    // The sections name it.
    fs::write(directory.join("redis-password"), "secret\n").unwrap();
    serde_json::from_str(&shell(project, "CACHE_TOKEN=t cache config --format json")).unwrap()
}

#[test]
fn store_sections_are_configuration() {
    let sections = fenced(&page("docs/stores.md"), "```toml");
    assert!(sections.len() >= 4, "docs/stores.md lost its recipes");
    let project = project();
    for section in &sections {
        let found = configuration(project.path(), section);
        let name = found["store"]["value"][0]["name"].as_str();
        let name = name.unwrap_or_else(|| panic!("{section}\n{found}"));
        assert!(section.contains(&format!("name = \"{name}\"")), "{found}");
    }
    // Next to each other, too: no two have one name.
    let all = configuration(project.path(), &sections.join("\n"));
    let stores = all["store"]["value"].as_array().unwrap();
    assert_eq!(stores.len(), sections.len(), "{all}");
}

/// A CI service's recipe, with what the service puts in: the stores' URL, the
/// commands, and the variables that `make` sees.
struct Recipe {
    url: String,
    commands: Vec<String>,
    compiler: Option<String>,
}

impl Recipe {
    fn read(block: &str, is_pull_request: bool) -> Recipe {
        let question = "${{ github.event_name == 'pull_request' }}";
        let block = block
            .replace(question, &is_pull_request.to_string())
            .replace("$CI_COMMIT_REF_SLUG", "topic");
        let after = |start: &'static str| {
            let lines = block
                .lines()
                .map(|line| line.trim().trim_matches(['-', ' ']));
            let found = lines.filter_map(move |line| line.strip_prefix(start));
            found.map(|rest| rest.trim_matches(['[', ']']).to_owned())
        };
        let url = block.split_whitespace().find(|word| word.contains("://"));
        let (run, scripts) = (
            after("run: "),
            after("script: ").chain(after("after_script: ")),
        );
        Recipe {
            url: url.unwrap().trim_matches('"').to_owned(),
            compiler: after("CC: ").next(),
            commands: run.chain(scripts).collect(),
        }
    }

    fn run(&self, project: &Path, url: &str) {
        let compiler = self.compiler.as_deref().unwrap_or("cc");
        for command in &self.commands {
            let variables = format!("export CACHE_STORE='{url}' CC='{compiler}'");
            shell(project, &format!("{variables}\n{command}"));
        }
    }

    /// The same with a directory in the place of the server.
    fn locally(&self, project: &Path) -> String {
        let (_, parameters) = self.url.split_once('?').unwrap();
        let parameters = parameters.split('&');
        let parameters: Vec<&str> = parameters.filter(|p| !p.starts_with("region=")).collect();
        let query = parameters.join("&");
        format!("file://{}/shared?{query}", project.display())
    }
}

#[test]
fn store_recipes_run() {
    let blocks = blocks("docs/stores.md", "recipe");
    assert_eq!(blocks.len(), 2);
    for (block, is_pull_request) in blocks.iter().flat_map(|b| [(b, false), (b, true)]) {
        let recipe = Recipe::read(block, is_pull_request);
        assert_eq!(recipe.commands.len(), 2, "{block}");
        let project = project();
        let show = format!("CACHE_STORE='{}' cache config", recipe.url);
        assert!(
            shell(project.path(), &show).contains("CACHE_STORE"),
            "{block}"
        );
        if !cfg!(feature = "agent") {
            continue;
        }
        let url = recipe.locally(project.path());
        recipe.run(project.path(), &url);
        // Another machine.
        shell(
            project.path(),
            "cache agent stop; rm -rf ../cache *.o hello",
        );
        recipe.run(project.path(), &url);
        let counters = shell(project.path(), "cache stats --format json");
        let counters = support::counters::Counters::parse(&counters);
        shell(project.path(), "cache agent stop");
        let hits = i64::from(!url.contains("read_only=true"));
        assert_eq!(
            counters.get("remote_storage_hit"),
            hits,
            "{url}\n{counters:?}"
        );
    }
}

#[test]
fn links_lead_somewhere() {
    let mut pages = vec!["README.md".to_owned()];
    for item in fs::read_dir(root().join("docs")).unwrap() {
        let name = item.unwrap().file_name().into_string().unwrap();
        pages.extend(name.ends_with(".md").then(|| format!("docs/{name}")));
    }
    for name in &pages {
        let folder = root().join(name);
        for part in page(name).split("](").skip(1) {
            let (target, _) = part.split_once(')').unwrap();
            let file = target.split('#').next().unwrap();
            if !target.contains("://") && !file.is_empty() {
                let path = folder.parent().unwrap().join(file);
                assert!(path.exists(), "{name}: {target} is not there");
            }
        }
    }
}
