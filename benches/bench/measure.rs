//! Running one command and reading what it cost.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tools::Tool;
use crate::units::Unit;

/// What one run cost.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Nanoseconds of wall time.
    pub wall: u64,
    /// Microseconds of processor time, children included.
    pub cpu: u64,
    /// KiB of memory at its largest, of the largest process.
    pub memory: u64,
}

impl Sample {
    /// Milliseconds of wall time.
    pub fn ms(&self) -> f64 {
        self.wall as f64 / 1e6
    }
}

/// A command line and where it runs.
pub struct Call {
    pub directory: PathBuf,
    pub words: Vec<OsString>,
    /// Whether a tool goes before it, or only gives it its environment.
    wrapped: bool,
}

impl Call {
    pub fn new<W: Into<OsString>>(directory: &Path, words: impl IntoIterator<Item = W>) -> Call {
        Call {
            directory: directory.to_owned(),
            words: words.into_iter().map(Into::into).collect(),
            wrapped: true,
        }
    }

    /// A call that finds its way to the tool by itself, as make does.
    pub fn unwrapped(self) -> Call {
        Call {
            wrapped: false,
            ..self
        }
    }
}

/// The C programs that measure and that mark the floor, and where all happens.
pub struct Helpers {
    pub root: PathBuf,
    measure: PathBuf,
    pub floor: PathBuf,
    pub floorcc: PathBuf,
    storm: PathBuf,
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
            root: root.to_owned(),
            measure: build("measure", include_str!("measure.c")),
            floor: build("floor", include_str!("floor.c")),
            floorcc: build("floorcc", include_str!("floorcc.c")),
            storm: build("storm", include_str!("storm.c")),
        }
    }

    /// Runs `call`, with `tool` before it if there is one. It has to end with 0.
    pub fn run(&self, call: &Call, tool: Option<&Tool>) -> Sample {
        let result = self.root.join("sample");
        let mut command = self.command(&self.measure, tool);
        command.arg(&result);
        if call.wrapped {
            command.args(tool.map(|tool| &tool.path));
        }
        command.args(&call.words).current_dir(&call.directory);
        let numbers = numbers(&mut command, &result);
        let [wall, cpu, memory, code] = numbers[..] else {
            panic!("measure wrote {numbers:?}");
        };
        assert_eq!(code, 0, "failed: {:?}\n{}", call.words, self.errors());
        Sample { wall, cpu, memory }
    }

    /// Compiles `unit`, through `tool` if there is one.
    pub fn compile(&self, unit: &Unit, tool: Option<&Tool>) -> Sample {
        self.run(&unit.call(), tool)
    }

    /// Runs the floor program over the unit's dependencies.
    pub fn floor(&self, unit: &Unit, object: &[u8]) -> Sample {
        let call = self.floor_call(unit, object);
        self.run(&call, None)
    }

    /// The call of the floor program that does for `unit` what a hit has to.
    pub fn floor_call(&self, unit: &Unit, object: &[u8]) -> Call {
        let (list, stored) = (self.root.join("dependencies"), self.root.join("stored.o"));
        let mut lines = Vec::new();
        for path in &unit.dependencies {
            lines.extend(path.as_os_str().as_encoded_bytes());
            lines.push(b'\n');
        }
        std::fs::write(&list, lines).expect("the list can be written");
        std::fs::write(&stored, object).expect("the object can be written");
        let words = [self.floor.clone(), list, stored, unit.object.clone()];
        Call::new(&unit.directory, words)
    }

    /// What `tool` says when it is called with the words of `call`.
    pub fn output(&self, call: &Call, tool: &Tool) -> String {
        let mut command = self.command(&tool.path, Some(tool));
        command.args(&call.words).current_dir(&call.directory);
        let output = command.stdout(Stdio::piped()).output();
        let output = output.expect("the tool runs");
        assert!(output.status.success(), "{command:?}: {}", self.errors());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `lines` in `processes` processes at once, in `directory`; the wall
    /// time in nanoseconds. All have to end with 0.
    pub fn storm(
        &self,
        tool: Option<&Tool>,
        directory: &Path,
        lines: &str,
        processes: usize,
    ) -> u64 {
        let (result, list) = (self.root.join("sample"), self.root.join("lines"));
        std::fs::write(&list, lines).expect("the commands can be written");
        let mut command = self.command(&self.storm, tool);
        command.arg(&result).arg(processes.to_string()).arg(&list);
        command.current_dir(directory);
        let numbers = numbers(&mut command, &result);
        let [wall, failed] = numbers[..] else {
            panic!("storm wrote {numbers:?}");
        };
        assert_eq!(failed, 0, "{failed} commands of a storm failed");
        wall
    }

    /// What the last command said.
    fn errors(&self) -> String {
        std::fs::read_to_string(self.root.join("errors")).unwrap_or_default()
    }

    /// An environment with nothing in it but what `tool` is to be told.
    fn command(&self, program: &Path, tool: Option<&Tool>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.root.join("errors")).expect("a file for messages"));
        if let Some(tool) = tool {
            command.envs(tool.environment(&self.root));
        }
        command
    }
}

/// Runs `command` and reads the numbers that it has written to `result`.
fn numbers(command: &mut Command, result: &Path) -> Vec<u64> {
    let done = command.status().expect("the helper runs");
    assert!(done.success(), "{command:?} failed");
    let text = std::fs::read_to_string(result).expect("the helper has written");
    text.split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect()
}
