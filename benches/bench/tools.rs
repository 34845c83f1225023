//! The programs that are put before the compiler: ours and its peers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a peer is set up, besides where it keeps things.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cache,
    Ccache,
    Sccache,
    Zccache,
    Kache,
}

/// A wrapper to put before the compiler.
#[derive(Clone)]
pub struct Tool {
    pub name: String,
    pub kind: Kind,
    /// The first line of `--version`.
    pub version: String,
    pub path: PathBuf,
    /// Further variables: a remote store.
    pub more: Vec<(&'static str, String)>,
}

/// A port of this run's own: two benchmarks must not share a server.
fn sccache_port() -> String {
    (20_000 + std::process::id() % 10_000).to_string()
}

impl Tool {
    /// `None` if the program cannot be run.
    pub fn new(name: &str, kind: Kind, path: PathBuf) -> Option<Tool> {
        let output = Command::new(&path).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().next().unwrap_or_default().trim().to_owned();
        output.status.success().then(|| Tool {
            name: name.to_owned(),
            kind,
            version,
            path,
            more: Vec::new(),
        })
    }

    pub fn is_ours(&self) -> bool {
        self.kind == Kind::Cache
    }

    pub fn is_ccache(&self) -> bool {
        self.kind == Kind::Ccache
    }

    /// Where it keeps what it has cached.
    pub fn store(&self, root: &Path) -> PathBuf {
        root.join("s").join(&self.name)
    }

    /// Its directory, and the settings that are best for speed.
    pub fn environment(&self, root: &Path) -> Vec<(&'static str, String)> {
        let store = self.store(root).display().to_string();
        let fixed = |name: &'static str, value: &str| (name, value.to_owned());
        let mut variables = match self.kind {
            Kind::Cache => vec![("CACHE_DIR", store)],
            Kind::Ccache => vec![("CCACHE_DIR", store), fixed("CCACHE_INODECACHE", "1")],
            Kind::Sccache => vec![
                ("SCCACHE_DIR", store),
                fixed("SCCACHE_DIRECT", "true"),
                ("SCCACHE_SERVER_PORT", sccache_port()),
                fixed("SCCACHE_IDLE_TIMEOUT", "1800"),
            ],
            Kind::Zccache => vec![
                ("ZCCACHE_CACHE_DIR", store),
                fixed("ZCCACHE_IDLE_TIMEOUT_SECS", "1800"),
            ],
            Kind::Kache => vec![
                ("KACHE_CACHE_DIR", store.clone()),
                ("KACHE_RUNTIME_DIR", store),
                fixed("KACHE_LOCAL_ONLY", "1"),
                fixed("KACHE_MIN_COMPILE_MS", "0"),
                fixed("KACHE_MIN_STORE_COMPILE_MS", "0"),
                fixed("KACHE_DAEMON_IDLE_TIMEOUT", "1800"),
            ],
        };
        variables.extend(self.more.iter().cloned());
        variables
    }

    /// The words that start its daemon and end it; `None` without one.
    fn daemon(&self) -> Option<[&'static [&'static str]; 2]> {
        match self.kind {
            Kind::Cache | Kind::Ccache => None,
            Kind::Sccache => Some([&["--start-server"], &["--stop-server"]]),
            Kind::Zccache => Some([&["start"], &["stop"]]),
            Kind::Kache => Some([&["daemon", "start"], &["daemon", "stop"]]),
        }
    }

    pub fn has_daemon(&self) -> bool {
        self.daemon().is_some()
    }

    /// Starts its daemon, if it has one. It lives in `root` from here on.
    pub fn start(&self, root: &Path) {
        if let Some([start, _]) = self.daemon() {
            std::fs::create_dir_all(self.store(root)).expect("a folder for the peer");
            self.control(start, root);
        }
    }

    /// Ends its daemon, if it has one.
    pub fn stop(&self, root: &Path) {
        if let Some([_, stop]) = self.daemon() {
            self.control(stop, root);
        }
    }

    fn control(&self, words: &[&str], root: &Path) {
        let done = Command::new(&self.path)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", root)
            .envs(self.environment(root))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("{}: {} failed", self.name, words.join(" "));
        }
    }
}
