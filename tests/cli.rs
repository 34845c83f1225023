//! Our own commands, from the outside.

use std::process::{Command, Stdio};

use predicates::prelude::*;

/// A home of its own, and no settings of the caller's.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cache"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(self.0.path());
        command
    }

    fn run(&self, words: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = assert_cmd::Command::from_std(self.command());
        command.args(words).assert()
    }

    fn user_file(&self) -> std::path::PathBuf {
        self.0.path().join(".config/cache/config.toml")
    }
}

fn says(text: &str) -> predicates::str::ContainsPredicate {
    predicate::str::contains(text)
}

#[test]
fn help_and_version_are_for_people() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]).success();
    help.stdout(says("cache gcc -c hello.c -o hello.o").and(says("cache stats")));
    desk.run(&["help", "clean"])
        .success()
        .stdout(says("--dry-run"));
    let version = format!("cache {}\n", env!("CARGO_PKG_VERSION"));
    desk.run(&["--version"]).success().stdout(version);
    desk.run(&[]).code(2).stderr(says("Usage: cache COMPILER"));
    desk.run(&["--no-such-option"]).code(2);
    desk.run(&["clean", "--max-size", "5X"])
        .code(2)
        .stderr(says("5X"));
}

#[test]
fn stats_of_nothing_make_nothing() {
    let desk = Desk::new();
    desk.run(&["stats"])
        .success()
        .stdout(says("Cacheable calls"));
    desk.run(&["stats", "--since", "2h"]).success();
    desk.run(&["stats", "--zero"]).success();
    let json = desk.run(&["stats", "--format", "json"]).success();
    let json: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["direct_cache_hit"], 0);
    assert_eq!(json["max_cache_size_bytes"], 5_u64 << 30);
    desk.run(&["clean", "--dry-run"])
        .success()
        .stdout(says("Would remove 0 entries"));
    desk.run(&["clean"])
        .success()
        .stdout(says("Removed 0 entries"));
    assert!(!desk.0.path().join(".cache").exists());
}

/// What takes long goes on in a process of its own, and is no different in the end.
#[test]
fn clean_need_not_wait_for_the_disk() {
    let desk = Desk::new();
    let cache = desk.0.path().join("cache");
    let source = desk.0.path().join("x.c");
    for (round, ci) in [("--wait=0s", "1"), ("--wait", ""), ("--max-size=0", "true")] {
        for n in 0..5 {
            std::fs::write(&source, format!("int x{n};\n")).unwrap();
            let mut command = desk.command();
            command.env("CACHE_DIR", &cache);
            let status = command.args(["cc", "-c", "x.c"]).status().unwrap();
            assert!(status.success());
        }
        let mut command = assert_cmd::Command::from_std(desk.command());
        command.env("CACHE_DIR", &cache).env("CI", ci);
        command.args(["clean", round]);
        let output = command.assert().success().stdout(says("Left: 0 entries"));
        let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        assert_eq!(text.contains("in the background"), round == "--wait=0s");
        let shards = || {
            let names = std::fs::read_dir(cache.join("compile"))
                .into_iter()
                .flatten();
            names.count()
        };
        if round == "--wait=0s" {
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while shards() > 0 && std::time::Instant::now() < patience {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        assert_eq!(shards(), 0, "{round}");
    }
}

/// Entries that were evicted and take space yet, in the cache at `dir`.
fn hidden(dir: &std::path::Path) -> usize {
    let inside = |dir: std::path::PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten();
    ["compile", "manifest"]
        .iter()
        .flat_map(|part| inside(dir.join(part)))
        .flat_map(|shard| inside(shard.path()))
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
        .count()
}

/// What compiles evict is taken apart by a process that they start; in CI by themselves.
#[test]
fn a_compile_need_not_wait_for_what_it_evicts() {
    let desk = Desk::new();
    let source = desk.0.path().join("x.c");
    for ci in ["", "true"] {
        let cache = desk.0.path().join(format!("cache{ci}"));
        let compile = |n: u32| {
            std::fs::write(&source, format!("int x{n};\n")).unwrap();
            let mut command = desk.command();
            command.args(["cc", "-c", "x.c"]);
            command.env("CACHE_DIR", &cache).env("CI", ci);
            let status = command.env("CACHE_MAX_SIZE", "400k").status().unwrap();
            assert!(status.success());
            hidden(&cache)
        };
        let most = (0..60).map(compile).max().unwrap();
        let mut stats = assert_cmd::Command::from_std(desk.command());
        stats
            .env("CACHE_DIR", &cache)
            .args(["stats", "--format", "json"]);
        let output = stats.assert().success();
        let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        assert_eq!(json["cache_miss"], 60, "{json}");
        let size = json["cache_size_bytes"].as_u64().unwrap();
        assert!((1..=400 << 10).contains(&size), "{size}");
        if !ci.is_empty() {
            assert_eq!(most, 0);
            continue;
        }
        // What is evicted while a process is at it the next ones take care of.
        let mut more = 60..1000;
        while hidden(&cache) > 8 {
            let n = more.next().expect("somebody to take them apart");
            compile(n);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn clean_keeps_to_namespaces_that_can_be() {
    let desk = Desk::new();
    for name in ["..", "a/b", "ab", ".tmp"] {
        desk.run(&["clean", "--namespace", name])
            .code(1)
            .stderr(says("cache: error:"));
    }
}

#[test]
fn config_shows_sets_and_unsets() {
    let desk = Desk::new();
    desk.run(&["config", "set", "max_size", "2G"]).success();
    desk.run(&["config", "set", "ignore_options", "-fa -fb"])
        .success();
    desk.run(&["config", "get", "max_size"])
        .success()
        .stdout("2GB\n");
    let file = desk.user_file();
    let shown = desk.run(&["config"]).success();
    shown.stdout(says("ignore_options").and(says(&file.display().to_string())));
    let json = desk.run(&["config", "--format", "json"]).success();
    let json: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["ignore_options"]["value"][1], "-fb");
    assert_eq!(json["max_size"]["origin"]["from"], "user file");
    assert_eq!(json["hash_dir"]["origin"]["from"], "default");
    desk.run(&["config", "unset", "max_size"]).success();
    desk.run(&["config", "get", "max_size"])
        .success()
        .stdout("5GiB\n");
    desk.run(&["config", "get", "nonsense"])
        .code(1)
        .stderr(says("no key `nonsense`"));
    desk.run(&["config", "set", "max_size", "lots"])
        .code(1)
        .stderr(says("5G"));
}

#[test]
fn what_is_wrong_in_the_configuration_is_said_and_can_be_put_right() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.user_file().parent().unwrap()).unwrap();
    std::fs::write(desk.user_file(), "max_size = \"lots\"\n").unwrap();
    for words in [&["stats"][..], &["clean"], &["config"]] {
        let run = desk.run(words).code(1);
        run.stderr(
            says("cache: error:")
                .and(says("config.toml:1"))
                .and(says("lots")),
        );
    }
    desk.run(&["config", "set", "max_size", "1G"]).success();
    desk.run(&["stats"]).success();
}

#[test]
fn config_shows_stores_without_secrets_and_finds_what_is_wrong_with_them() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.user_file().parent().unwrap()).unwrap();
    let run = |text: &str, words: &[&str]| {
        std::fs::write(desk.user_file(), text).unwrap();
        desk.run(words)
    };
    let text = "[[store]]\nname = 'team'\ntype = 'http'\nurl = 'http://me:hush@h/x'\n";
    let shown = run(text, &["config"]).success();
    let shown = shown.stdout(says("[[store]], from").and(says("http://h/x")));
    shown.stdout(says("<hidden>").and(says("hush").not()));
    let json = run(text, &["config", "--format", "json"]).success();
    let json: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["store"]["value"][0]["name"], "team");
    assert_eq!(json["store"]["value"][0]["password"], "<hidden>");
    assert_eq!(json["store"]["origin"]["from"], "user file");
    let wrong = text.replace("http:", "htp:");
    run(&wrong, &["config"])
        .code(1)
        .stderr(says("config.toml:4: store `team`").and(says("hush").not()));
    // Whoever needs no stores does not mind.
    run(&wrong, &["config", "get", "max_size"]).success();
    run(&wrong, &["stats"]).success();
}

#[test]
fn unknown_variables_are_pointed_out_by_config_only() {
    let desk = Desk::new();
    for (words, warns) in [(["config"], true), (["stats"], false)] {
        let mut command = desk.command();
        command.args(words).env("CACHE_MAXSIZE", "1G");
        let run = assert_cmd::Command::from_std(command).assert().success();
        run.stderr(predicate::str::contains("CACHE_MAXSIZE").count(usize::from(warns)));
    }
}

#[test]
fn completions_and_manual_pages() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        desk.run(&["completions", shell]).success().stdout(
            says("stats")
                .and(says("agent"))
                .and(says("store"))
                .and(says("push")),
        );
    }
    for page in ["agent", "store", "push", "pull"] {
        desk.run(&["help", page])
            .success()
            .stdout(says("Usage: cache"));
        desk.run(&["man", page]).success().stdout(says(".TH cache"));
    }
    desk.run(&["man"]).success().stdout(says(".TH cache 1"));
    desk.run(&["man", "clean"])
        .success()
        .stdout(says("cache\\-clean").or(says("cache-clean")));
    desk.run(&["man", "nonsense"]).code(1);
}

/// As after `cargo install --no-default-features`, or where a package has them apart.
#[test]
fn without_the_agents_program_compiles_go_on_and_say_so_once() {
    let desk = Desk::new();
    let root = desk.0.path();
    // In a process of its own: what another test starts meanwhile would hold the copy open.
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_cache")).arg(root);
    assert!(copy.status().unwrap().success());
    std::fs::write(root.join("a.c"), "int a;\n").unwrap();
    let url = format!("file://{}/shared", root.display());
    let run = |words: &[&str]| {
        let mut command = Command::new(root.join("cache"));
        let template = desk.command();
        let variables = template.get_envs().filter_map(|(k, v)| Some((k, v?)));
        command.env_clear().envs(variables).current_dir(root);
        command.args(words).env("CACHE_STORE", &url);
        // Where notices leave their markers.
        command.env("TMPDIR", root).env("XDG_RUNTIME_DIR", root);
        assert_cmd::Command::from_std(command).assert()
    };
    let mut plain = Command::new("cc");
    plain.args(["-c", "a.c", "-o", "plain.o"]);
    assert!(plain.current_dir(root).status().unwrap().success());
    let missing = || says("cache-agent is not there; going on without remote stores");
    run(&["cc", "-c", "a.c"])
        .success()
        .stderr(missing().count(1));
    for more in ["-DB", "-DC"] {
        run(&["cc", "-c", "a.c", more]).success().stderr("");
        run(&["cc", "-c", "a.c", more]).success().stderr("");
    }
    run(&["cc", "-c", "a.c"]).success().stderr("");
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    assert_eq!(read("a.o"), read("plain.o"));
    run(&["stats"])
        .success()
        .stdout(says("3 ").and(says("Remote stores out of reach")));
    // Nothing waits for an upload that nobody would do.
    run(&["agent", "status"])
        .success()
        .stdout(says("No agent is running; 0 waiting"));
    run(&["agent", "flush"]).success();
    run(&["store", "check"])
        .code(1)
        .stderr(says("cache-agent is not there"));
}

/// `cache completions bash | true`: no panic, no message.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::new();
    for words in [&["completions", "bash"][..], &["--help"], &["stats"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = desk.command();
        command.args(words).stdout(writer).stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}
