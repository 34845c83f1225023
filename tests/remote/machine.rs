//! A machine: a home, a cache directory with an agent of its own, and a checkout.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::counters::Counters;
use crate::support::tree::Tree;

/// Goes with its agent when dropped.
pub struct Machine {
    pub root: PathBuf,
    /// Where the sources are.
    pub tree: PathBuf,
    /// The program under test; `cache-agent` stands beside it.
    pub program: PathBuf,
    /// How long all compiles through the cache have taken.
    spent: Mutex<Duration>,
    env: Vec<(String, String)>,
}

impl Machine {
    /// A new one below `root`, named `name`; its checkout is `<root>/<name>/tree`.
    pub fn new(root: &Path, name: &str) -> Machine {
        let root = root.join(name);
        let tree = root.join("tree");
        for directory in [&tree, &root.join("home"), &root.join("run")] {
            std::fs::create_dir_all(directory).unwrap();
        }
        Machine {
            root,
            tree,
            program: crate::support::cache_binary(),
            spent: Mutex::default(),
            env: Vec::new(),
        }
    }

    /// Sets a variable for all calls.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.env.retain(|(other, _)| other != name);
        self.env.push((name.to_owned(), value.into()));
    }

    /// Writes the user's configuration.
    pub fn configure(&self, text: &str) {
        let directory = self.root.join("home/.config/cache");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("config.toml"), text).unwrap();
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.tree.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The directory of this machine's agent, once there is one.
    pub fn agent_dir(&self) -> Option<PathBuf> {
        let mut found = std::fs::read_dir(self.cache_dir().join(".agent")).ok()?;
        Some(found.next()?.ok()?.path())
    }

    /// The agent's process, if it runs.
    pub fn agent(&self) -> Option<u32> {
        let output = self.cache(&["agent", "status"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rest = text.strip_prefix("process ")?;
        rest.split(',').next()?.parse().ok()
    }

    /// A program with this machine's environment, in its checkout.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.tree)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.join("home"))
            .env("XDG_RUNTIME_DIR", self.root.join("run"))
            .env("LC_ALL", "C")
            .env("CACHE_DIR", self.cache_dir())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `cache` with these words.
    pub fn cache(&self, words: &[&str]) -> Output {
        let mut command = self.command(&self.program);
        command.args(words).output().unwrap()
    }

    /// Runs `cache`, which must succeed; its standard output.
    pub fn succeed(&self, words: &[&str]) -> String {
        let output = self.cache(words);
        assert!(output.status.success(), "cache {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the compiler alone.
    pub fn plain(&self, words: &[&str]) -> Output {
        self.command(words[0]).args(&words[1..]).output().unwrap()
    }

    pub fn spent(&self) -> Duration {
        *self.spent.lock().unwrap()
    }

    pub fn counters(&self) -> Counters {
        Counters::parse(&self.succeed(&["stats", "--format", "json"]))
    }

    /// Compiles with and without the cache and compares every file and stream;
    /// what the call counted.
    pub fn compile(&self, words: &[&str]) -> Counters {
        self.compile_and_listen(words).0
    }

    /// As [`Machine::compile`], with the warnings of `cache` itself.
    pub fn compile_and_listen(&self, words: &[&str]) -> (Counters, Vec<String>) {
        let start = Tree::capture(&self.tree);
        let plain = self.plain(words);
        let expected = Tree::capture(&self.tree);
        start.restore(&self.tree);
        let before = self.counters();
        let begun = Instant::now();
        let cached = self.cache(words);
        *self.spent.lock().unwrap() += begun.elapsed();
        assert_eq!(cached.status, plain.status, "{words:?}");
        assert_eq!(cached.stdout, plain.stdout, "{words:?}");
        let stderr = String::from_utf8_lossy(&cached.stderr);
        let (warnings, compilers): (Vec<&str>, Vec<&str>) = stderr
            .lines()
            .partition(|line| line.starts_with("cache: warning: "));
        let compilers: String = compilers.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(
            compilers,
            String::from_utf8_lossy(&plain.stderr),
            "{words:?}"
        );
        let difference = Tree::capture(&self.tree).differences(&expected);
        assert_eq!(difference, "", "{words:?}");
        let warnings = warnings.into_iter().map(str::to_owned).collect();
        (self.counters().since(&before), warnings)
    }

    /// What `cache store check` says, on both streams, and whether all is well.
    pub fn check(&self) -> (bool, String) {
        let output = self.cache(&["store", "check"]);
        let [out, err] = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s));
        (output.status.success(), format!("{out}{err}"))
    }

    /// Waits for the uploads.
    pub fn flush(&self) {
        self.succeed(&["agent", "flush"]);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.cache(&["agent", "stop"]);
    }
}
