//! Running one compile and reading what it cost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::units::Unit;

/// What one run cost.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Nanoseconds of wall time.
    pub wall: u64,
    /// Microseconds of processor time, children included.
    pub cpu: u64,
}

/// A wrapper to put before the compiler.
pub struct Tool {
    pub name: String,
    path: PathBuf,
    /// Names the variable that holds its directory, and further settings.
    directory: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

impl Tool {
    pub fn cache(path: PathBuf) -> Tool {
        Tool {
            name: "cache".into(),
            path,
            directory: "CACHE_DIR",
            settings: &[],
        }
    }

    /// ccache at its best: with the inode cache, if this build has it.
    pub fn ccache(name: &str, path: PathBuf) -> Tool {
        Tool {
            name: name.into(),
            path,
            directory: "CCACHE_DIR",
            settings: &[("CCACHE_INODECACHE", "1")],
        }
    }

    fn store(&self, root: &Path) -> PathBuf {
        root.join("stores").join(&self.name)
    }

    /// Throws away what it has cached.
    pub fn empty(&self, root: &Path) {
        let _ = std::fs::remove_dir_all(self.store(root));
    }
}

/// The two C programs that measure and that mark the floor.
pub struct Helpers {
    measure: PathBuf,
    floor: PathBuf,
}

impl Helpers {
    /// Compiles them with the machine's gcc.
    pub fn build(root: &Path) -> Helpers {
        let build = |name: &str, source: &str| {
            let (text, program) = (root.join(format!("{name}.c")), root.join(name));
            std::fs::write(&text, source).expect("a helper can be written");
            let done = Command::new("gcc")
                .args(["-O2", "-static", "-o"])
                .args([&program, &text])
                .status();
            assert!(done.is_ok_and(|s| s.success()), "gcc cannot build {name}.c");
            program
        };
        Helpers {
            measure: build("measure", include_str!("measure.c")),
            floor: build("floor", include_str!("floor.c")),
        }
    }

    /// Compiles `unit`, through `tool` if there is one.
    pub fn run(&self, unit: &Unit, tool: Option<&Tool>, root: &Path) -> Sample {
        let mut words: Vec<PathBuf> = Vec::new();
        words.extend(tool.map(|tool| tool.path.clone()));
        words.push(unit.compiler.clone());
        words.extend(unit.args.iter().map(PathBuf::from));
        self.sample(&words, unit, tool, root)
    }

    /// Runs the floor program over the unit's dependencies.
    pub fn floor(&self, unit: &Unit, object: &[u8], root: &Path) -> Sample {
        let (list, stored) = (root.join("dependencies"), root.join("stored.o"));
        let mut lines = Vec::new();
        for path in &unit.dependencies {
            lines.extend(path.as_os_str().as_encoded_bytes());
            lines.push(b'\n');
        }
        std::fs::write(&list, lines).expect("the list can be written");
        std::fs::write(&stored, object).expect("the object can be written");
        let words = [self.floor.clone(), list, stored, unit.object.clone()];
        self.sample(&words, unit, None, root)
    }

    fn sample(&self, words: &[PathBuf], unit: &Unit, tool: Option<&Tool>, root: &Path) -> Sample {
        let result = root.join("sample");
        let mut command = Command::new(&self.measure);
        command
            .arg(&result)
            .args(words)
            .current_dir(&unit.directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", root)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(tool) = tool {
            command.env(tool.directory, tool.store(root));
            command.envs(tool.settings.iter().copied());
        }
        let done = command.status().expect("measure runs");
        assert!(done.success(), "measure failed");
        let text = std::fs::read_to_string(&result).expect("measure has written");
        let numbers: Vec<u64> = text
            .split_whitespace()
            .filter_map(|n| n.parse().ok())
            .collect();
        let [wall, cpu, code] = numbers[..] else {
            panic!("measure wrote {text:?}");
        };
        assert_eq!(code, 0, "{} failed: {words:?}", unit.name);
        Sample { wall, cpu }
    }
}
