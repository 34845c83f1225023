//! Runs scenarios: the plain compiler and the cache from equal states at the
//! same path, and compares all that can be seen.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::rng::Rng;
use crate::scenario::{Call, Group, Scenario, Step};
use crate::support::cache_binary;
use crate::support::tree::Tree;

/// A place to run scenarios in, one at a time.
pub struct Place {
    _directory: tempfile::TempDir,
    root: PathBuf,
}

/// What was counted over scenarios.
#[derive(Default)]
pub struct Tally {
    pub calls: usize,
    /// How calls through the cache ended, with the reason where there is one:
    /// how many, and one of them.
    pub ends: BTreeMap<String, (usize, String)>,
    /// Command lines, for telling how many there were.
    pub lines: std::collections::BTreeSet<String>,
}

/// Something is wrong with this step.
pub struct Failure {
    pub step: usize,
    /// A few words that do not change when the scenario is shrunk.
    pub kind: &'static str,
    pub detail: String,
}

/// What a run leaves.
struct Result {
    output: Output,
    tree: Tree,
    /// Temporary files left behind.
    left: usize,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::Builder::new()
            .prefix("cache-random-")
            .tempdir()
            .unwrap();
        let root = directory.path().canonicalize().unwrap();
        Place {
            _directory: directory,
            root,
        }
    }

    fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Runs `scenario` from nothing.
    pub fn run(&self, scenario: &Scenario, tally: &mut Tally) -> std::result::Result<(), Failure> {
        self.begin(scenario);
        for (number, step) in scenario.steps.iter().enumerate() {
            self.change(step);
            let found = self.compare(scenario, &step.call, tally);
            found.map_err(|(kind, detail)| Failure {
                step: number,
                kind,
                detail,
            })?;
        }
        Ok(())
    }

    /// Makes the project, and removes what an earlier scenario left.
    fn begin(&self, scenario: &Scenario) {
        for name in ["work", "cache", "home", "tmp", "run"] {
            let _ = fs::remove_dir_all(self.root.join(name));
        }
        for name in ["work", "home", "tmp", "run"] {
            fs::create_dir(self.root.join(name)).unwrap();
        }
        let first = &scenario.steps[0].call;
        for file in &scenario.files {
            let path = self.work().join(&file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, first.placed(&file.chunks.concat(), &self.work())).unwrap();
        }
    }

    /// Does what happens before the call.
    fn change(&self, step: &Step) {
        if step.script.is_empty() {
            return;
        }
        let script = step.call.placed(&step.script, &self.work());
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(self.work())
            .output()
            .unwrap();
        // A header that an earlier step moved away is no reason to stop.
        drop(output);
    }

    fn compare(
        &self,
        scenario: &Scenario,
        call: &Call,
        tally: &mut Tally,
    ) -> std::result::Result<(), (&'static str, String)> {
        let directory = self.work().join(call.working_directory());
        let _ = fs::create_dir_all(directory);
        let before = Tree::capture(&self.work());
        let mut plain = vec![self.call(scenario, call, false)];
        tally.lines.insert(call.line());
        let mut ends = Vec::new();
        for again in [false, true] {
            before.restore(&self.work());
            let _ = fs::remove_file(self.root.join("log"));
            let cached = self.call(scenario, call, true);
            let log = fs::read_to_string(self.root.join("log")).unwrap_or_default();
            let end = end_of(&log);
            tally.calls += 1;
            let known = tally.ends.entry(end.clone());
            known.or_insert_with(|| (0, call.line())).0 += 1;
            if let Some((kind, difference)) = difference(&plain, &cached) {
                // The compiler itself may not say the same thing twice
                // (some of clang's messages show what happens to be in memory).
                let pauses: &[u64] = match end.as_str() {
                    "failed" => &[0, 0, 0, 0, 0, 0, 0, 0],
                    _ => &[0, 1100],
                };
                for pause in pauses {
                    std::thread::sleep(Duration::from_millis(*pause));
                    before.restore(&self.work());
                    plain.push(self.call(scenario, call, false));
                }
                if self::difference(&plain, &cached).is_some() {
                    let which = if again {
                        "the second time"
                    } else {
                        "the first time"
                    };
                    let difference: Vec<String> = difference.lines().map(shortened).collect();
                    let difference = difference.join("\n");
                    return Err((kind, format!("{which}:\n{difference}\n{log}")));
                }
                // The state that the next step starts from is the cache's.
                before.restore(&self.work());
                self.call(scenario, call, true);
            }
            ends.push(end);
        }
        // Without the direct mode, much is found again only where the
        // preprocessed text says enough.
        let direct = !scenario
            .settings
            .iter()
            .any(|(n, _)| n == "CACHE_DIRECT_MODE");
        let lost = ends[0] == "miss: compiled and stored" && !ends[1].contains("hit");
        let log = fs::read_to_string(self.root.join("log")).unwrap_or_default();
        if lost && direct {
            return Err(("a stored result was not found again", log));
        }
        Ok(())
    }

    /// Takes options out of `scenario` until the first call succeeds: most
    /// combinations that are drawn make no sense to the compiler, and a call
    /// that fails says little. Some are left as they are.
    pub fn settle(&self, scenario: &mut Scenario, rng: &mut Rng) {
        if rng.chance(10) {
            return;
        }
        for _ in 0..8 {
            self.begin(scenario);
            let first = &scenario.steps[0].call;
            let _ = fs::create_dir_all(self.work().join(first.working_directory()));
            if self.call(scenario, first, false).output.status.success() {
                return;
            }
            let groups = first.groups.iter().filter(|group| !first.needs(group));
            let gone: Vec<Group> = groups.filter(|_| rng.chance(35)).cloned().collect();
            for step in &mut scenario.steps {
                step.call.groups.retain(|group| !gone.contains(group));
            }
        }
    }

    fn call(&self, scenario: &Scenario, call: &Call, through: bool) -> Result {
        let work = self.work();
        let mut words = vec![call.driver.clone()];
        words.extend(call.words(&work));
        if through {
            words.insert(0, cache_binary().display().to_string());
        }
        if let Some(mask) = call.umask {
            let script = format!("umask {mask:o}; exec \"$@\"");
            words.splice(0..0, ["sh".into(), "-c".into(), script, "sh".into()]);
        }
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.root.join("home"))
            .env("TMPDIR", self.root.join("tmp"))
            .env("XDG_RUNTIME_DIR", self.root.join("run"))
            .env("CACHE_DIR", self.root.join("cache"))
            .env("CACHE_LOG", self.root.join("log"))
            .current_dir(work.join(call.working_directory()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in scenario.settings.iter().chain(&call.vars) {
            command.env(name, call.placed(value, &work));
        }
        let mut child = command.spawn().unwrap();
        // The child may not read all of it, or any.
        let stdin = call.placed(&call.stdin, &work);
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let temporary = self.root.join("tmp");
        let left = fs::read_dir(&temporary).map_or(0, Iterator::count);
        if left > 0 {
            let _ = fs::remove_dir_all(&temporary);
            fs::create_dir(&temporary).unwrap();
        }
        Result {
            output,
            tree: Tree::capture(&work),
            left,
        }
    }
}

/// How the call ended, from its log.
fn end_of(log: &str) -> String {
    for line in log.lines().rev() {
        let line = line.split_once("] ").map_or(line, |(_, rest)| rest);
        for start in [
            "direct hit",
            "preprocessed hit",
            "miss: compiled and stored",
        ] {
            if line.starts_with(start) {
                return start.to_owned();
            }
        }
        if line.starts_with("compiled, not stored") || line.starts_with("handed to the compiler") {
            return general(line);
        }
    }
    if log.is_empty() { "no log" } else { "failed" }.to_owned()
}

/// A line that people can read.
fn shortened(line: &str) -> String {
    let mut parts = line.splitn(2, " <> ");
    let (a, b) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let cut = |text: &str, from: usize| text.chars().skip(from).take(300).collect::<String>();
    if line.len() < 800 {
        return line.to_owned();
    }
    if b.is_empty() {
        return cut(line, 0);
    }
    // Names, sizes and modes, and then the place where they begin to differ.
    let start = |side: &str| side.find('"').unwrap_or(side.len());
    let text = |side: &str| side[start(side)..].to_owned();
    let (a_text, b_text) = (text(a), text(b));
    let same = a_text
        .chars()
        .zip(b_text.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let from = same.saturating_sub(60);
    format!(
        "{} <> {}\n    {}\n    {}",
        &a[..start(a)],
        &b[..start(b)],
        cut(&a_text, from),
        cut(&b_text, from)
    )
}

/// Without what belongs to one scenario only.
fn general(line: &str) -> String {
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|word| match word.contains('/') {
            true => "PATH",
            false => word,
        })
        .collect();
    words.join(" ")
}

/// What is not as it was in the first plain run, leaving out what differs among
/// the plain runs.
fn difference(plain: &[Result], cached: &Result) -> Option<(&'static str, String)> {
    let first = plain.first()?;
    let others = plain.get(1..).unwrap_or_default();
    let (a, b) = (&first.output, &cached.output);
    if a.status != b.status {
        return Some((
            "another exit status",
            format!("{} <> {}", a.status, b.status),
        ));
    }
    type Stream = fn(&Output) -> &[u8];
    let streams: [(&str, Stream); 2] = [
        ("standard output differs", |o| &o.stdout),
        ("standard error differs", |o| &o.stderr),
    ];
    for (kind, stream) in streams {
        let varies = |other: &Result| stream(&other.output) != stream(a);
        if stream(a) != stream(b) && !others.iter().any(varies) {
            let text = |o| String::from_utf8_lossy(stream(o)).into_owned();
            return Some((kind, format!("plain:\n{}\ncache:\n{}", text(a), text(b))));
        }
    }
    let trees: Vec<&Tree> = others.iter().map(|other| &other.tree).collect();
    let files = first.tree.differences_beyond(&cached.tree, &trees);
    if !files.is_empty() {
        return Some(("files differ", files));
    }
    if cached.left > first.left {
        return Some(("temporary files are left", String::new()));
    }
    None
}
