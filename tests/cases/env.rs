//! The environment of one case: directories of its own, compilers that log
//! when they run, and steps that compare.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use crate::support::counters::Counters;
use crate::support::tree::Tree;
use crate::support::{cache_binary, find_program, skip, write_program};

/// A compiler that cases run with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compiler {
    Gcc,
    Clang14,
    Clang19,
    /// An older gcc, and one for another processor: each group of cases runs
    /// with them once ([`others`]).
    Gcc11,
    CrossGcc,
}

impl Compiler {
    /// The names under which the case calls it: (C driver, C++ driver).
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Compiler::Gcc | Compiler::Gcc11 => ("gcc", "g++"),
            Compiler::CrossGcc => ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"),
            Compiler::Clang14 | Compiler::Clang19 => ("clang", "clang++"),
        }
    }

    /// The programs behind these names.
    fn programs(self) -> (&'static str, &'static str) {
        match self {
            Compiler::Gcc => ("gcc-12", "g++-12"),
            Compiler::Gcc11 => ("gcc-11", "g++-11"),
            Compiler::CrossGcc => ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"),
            Compiler::Clang14 => ("clang-14", "clang++-14"),
            Compiler::Clang19 => ("clang-19", "clang++-19"),
        }
    }

    /// The C driver itself.
    pub fn real_c(self) -> String {
        let (c, _) = self.programs();
        find_program(c).map_or(c.to_owned(), |path| path.display().to_string())
    }

    pub fn is_clang(self) -> bool {
        matches!(self, Compiler::Clang14 | Compiler::Clang19)
    }
}

/// Runs a case with every compiler.
pub fn each(case: impl Fn(&Env)) {
    for compiler in [Compiler::Gcc, Compiler::Clang14, Compiler::Clang19] {
        one(compiler, &case);
    }
}

/// Runs a case with an older gcc and with one for another processor.
pub fn others(case: impl Fn(&Env)) {
    for compiler in [Compiler::Gcc11, Compiler::CrossGcc] {
        one(compiler, &case);
    }
}

/// Runs a case with both clangs.
pub fn each_clang(case: impl Fn(&Env)) {
    for compiler in [Compiler::Clang14, Compiler::Clang19] {
        one(compiler, &case);
    }
}

/// Runs a case with one compiler, or says that it is not installed.
pub fn one(compiler: Compiler, case: impl FnOnce(&Env)) {
    let (c, cxx) = compiler.programs();
    match (find_program(c), find_program(cxx)) {
        (Some(c), Some(cxx)) => {
            let env = Env::new(compiler, &c, &cxx);
            case(&env);
            env.finish();
        }
        _ => skip(&format!("{c} or {cxx} is not installed")),
    }
}

/// What a step must do to the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    /// Compiled; whether it could be stored is not asked.
    Miss,
    /// Served by the manifest; no compiler ran.
    DirectHit,
    /// Served; no compile ran (a preprocessor may have).
    Hit,
    /// Not looked up; the counter of this name counts it.
    Counter(&'static str),
    /// Compiled by the compiler, however it is counted: not a hit.
    NotServed,
    /// The right result, however it came about.
    Right,
}

/// One case's directories and environment. Everything lies under `root`:
/// `work` (where steps run), `cache`, `home`, `tmp` and `bin` (the compilers).
pub struct Env {
    _directory: tempfile::TempDir,
    pub root: PathBuf,
    pub compiler: Compiler,
    vars: BTreeMap<String, String>,
}

impl Env {
    fn new(compiler: Compiler, c: &Path, cxx: &Path) -> Env {
        let directory = tempfile::Builder::new()
            .prefix("cache-case-")
            .tempdir()
            .unwrap();
        let root = directory.path().canonicalize().unwrap();
        for name in ["work", "home", "tmp", "bin", "run"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let vars = [
            ("PATH", format!("{}/bin:/usr/bin:/bin", root.display())),
            ("HOME", format!("{}/home", root.display())),
            ("TMPDIR", format!("{}/tmp", root.display())),
            // What was said already is remembered here.
            ("XDG_RUNTIME_DIR", format!("{}/run", root.display())),
            ("CACHE_DIR", format!("{}/cache", root.display())),
        ];
        let env = Env {
            _directory: directory,
            compiler,
            vars: vars.map(|(k, v)| (k.to_owned(), v)).into(),
            root,
        };
        let (c_name, cxx_name) = compiler.names();
        env.install(c_name, c);
        env.install(cxx_name, cxx);
        env
    }

    /// Installs a driver in `bin` that notes its arguments and runs `program`.
    pub fn install(&self, name: &str, program: &Path) {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>'{}'\nexec '{}' \"$@\"\n",
            self.root.join("log").display(),
            program.display()
        );
        self.install_script(name, &script);
    }

    /// Installs a script in `bin`.
    pub fn install_script(&self, name: &str, script: &str) {
        let path = self.root.join("bin").join(name);
        let aside = self.root.join("new-script");
        write_program(&aside, script.as_bytes());
        fs::rename(aside, path).unwrap();
    }

    /// The temporary folder must be empty and the home untouched after every case.
    fn finish(&self) {
        for name in ["tmp", "home"] {
            let left: Vec<_> = fs::read_dir(self.root.join(name))
                .unwrap()
                .map(|item| item.unwrap().path())
                .collect();
            assert!(
                left.is_empty(),
                "{:?}: left behind: {left:?}",
                self.compiler
            );
        }
    }

    // Files -------------------------------------------------------------

    pub fn work(&self, name: &str) -> PathBuf {
        self.root.join("work").join(name)
    }

    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Writes a file below `work`, with its directories.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.work(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.work(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.work(name).exists()
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.work(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    }

    pub fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.work(name)).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.work(from), self.work(to)).unwrap();
    }

    pub fn symlink(&self, target: &str, name: &str) {
        std::os::unix::fs::symlink(target, self.work(name)).unwrap();
    }

    /// Sets a file's modification time to `ago` before now.
    pub fn age(&self, name: &str, ago: Duration) {
        let file = fs::File::open(self.work(name)).unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
    }

    pub fn modified(&self, name: &str) -> SystemTime {
        self.work(name).metadata().unwrap().modified().unwrap()
    }

    pub fn set_modified(&self, name: &str, time: SystemTime) {
        let file = fs::File::open(self.work(name)).unwrap();
        file.set_modified(time).unwrap();
    }

    // Calls -------------------------------------------------------------

    /// A call of the C driver.
    pub fn cc(&self, args: &str) -> Step<'_> {
        self.call(self.compiler.names().0, args)
    }

    /// A call of the C++ driver.
    pub fn cxx(&self, args: &str) -> Step<'_> {
        self.call(self.compiler.names().1, args)
    }

    /// A call of any driver; `args` are separated by white space.
    pub fn call(&self, driver: &str, args: &str) -> Step<'_> {
        Step {
            env: self,
            words: std::iter::once(driver)
                .chain(args.split_whitespace())
                .map(str::to_owned)
                .collect(),
            vars: BTreeMap::new(),
            stdin: Vec::new(),
            directory: "".into(),
            umask: None,
            ignore_stderr: false,
            ignore_stdout: false,
            varying: Vec::new(),
        }
    }

    /// Runs a subcommand of the program under test.
    pub fn cache(&self, args: &str) -> Output {
        let output = Command::new(cache_binary())
            .args(args.split_whitespace())
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.root.join("work"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "cache {args}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// A command in the case's environment, for what steps cannot say.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.vars)
            .current_dir(self.root.join("work"))
            .stdin(Stdio::null());
        command
    }

    pub fn counters(&self) -> Counters {
        Counters::read(&self.vars, &self.root.join("work"))
    }

    /// The lines that the compilers have logged so far.
    pub fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.root.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Whether a logged run of a compiler produced something, rather than answering
/// a question (`-E`, `-M`, `-print-...`, `-dumpversion`, `-###`, ...).
pub fn is_compile(run: &str) -> bool {
    !run.split(' ').any(|word| {
        ["-E", "-M", "-MM", "-v", "-###", "--version"].contains(&word)
            || word.starts_with("-print-")
            || [
                "-dumpversion",
                "-dumpfullversion",
                "-dumpmachine",
                "-dumpspecs",
            ]
            .contains(&word)
    })
}

/// One call: run alone, then through the cache from the same state.
pub struct Step<'a> {
    env: &'a Env,
    words: Vec<String>,
    vars: BTreeMap<String, Option<String>>,
    stdin: Vec<u8>,
    directory: PathBuf,
    umask: Option<u32>,
    ignore_stderr: bool,
    ignore_stdout: bool,
    varying: Vec<String>,
}

/// What a step gave, besides the files.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What the counters counted.
    pub counted: Counters,
}

impl Step<'_> {
    /// One more argument, which may hold white space.
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.words.push(word.into());
        self
    }

    pub fn var(mut self, name: &str, value: impl Into<String>) -> Self {
        self.vars.insert(name.to_owned(), Some(value.into()));
        self
    }

    pub fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_owned();
        self
    }

    /// Runs in this directory below `work`.
    pub fn within(mut self, directory: &str) -> Self {
        self.directory = directory.into();
        self
    }

    pub fn umask(mut self, mask: u32) -> Self {
        self.umask = Some(mask);
        self
    }

    /// Standard error may have a line more: the warning that the cache is out of order.
    pub fn may_warn(self) -> Self {
        self.stderr_varies()
    }

    /// The compiler's standard error is not the same from run to run.
    pub fn stderr_varies(mut self) -> Self {
        self.ignore_stderr = true;
        self
    }

    /// The compiler's standard output is not the same from run to run.
    pub fn stdout_varies(mut self) -> Self {
        self.ignore_stdout = true;
        self
    }

    /// Files whose name holds `part` are not the same from run to run: only
    /// that they are there is compared.
    pub fn varies(mut self, part: &str) -> Self {
        self.varying.push(part.to_owned());
        self
    }

    pub fn miss(self) -> Outcome {
        self.run(Expect::Miss)
    }

    pub fn direct_hit(self) -> Outcome {
        self.run(Expect::DirectHit)
    }

    pub fn hit(self) -> Outcome {
        self.run(Expect::Hit)
    }

    pub fn counter(self, name: &'static str) -> Outcome {
        self.run(Expect::Counter(name))
    }

    pub fn not_served(self) -> Outcome {
        self.run(Expect::NotServed)
    }

    pub fn right(self) -> Outcome {
        self.run(Expect::Right)
    }

    /// A miss and then a hit, from the state that is there now.
    pub fn miss_then_hit(self) -> Outcome {
        let before = Tree::capture(&self.env.root.join("work"));
        self.perform(Expect::Miss);
        before.restore(&self.env.root.join("work"));
        self.perform(Expect::DirectHit)
    }

    /// Twice, and right each time.
    pub fn right_twice(self) -> Outcome {
        let before = Tree::capture(&self.env.root.join("work"));
        self.perform(Expect::Right);
        before.restore(&self.env.root.join("work"));
        self.perform(Expect::Right)
    }

    /// The command as a script that sets the environment up, runs it and leaves.
    pub fn command(&self, through: bool) -> Command {
        let mut words: Vec<String> = Vec::new();
        if let Some(mask) = self.umask {
            let script = format!("umask {mask:o}; exec \"$@\"");
            words.extend(["sh".into(), "-c".into(), script, "sh".into()]);
        }
        if through {
            words.push(cache_binary().display().to_string());
        }
        words.extend(self.words.iter().cloned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(&self.env.vars)
            .current_dir(self.env.root.join("work").join(&self.directory));
        for (name, value) in &self.vars {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn output(&self, through: bool) -> Output {
        let mut child = self
            .command(through)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{:?}: {e}", self.words));
        // The child may not read all of it, or any.
        let _ = child.stdin.take().unwrap().write_all(&self.stdin);
        child.wait_with_output().unwrap()
    }

    fn run(self, expect: Expect) -> Outcome {
        self.perform(expect)
    }

    fn perform(&self, expect: Expect) -> Outcome {
        let env = self.env;
        let work = env.root.join("work");
        let before = Tree::capture(&work);
        let alone = self.output(false);
        let mut alone_tree = Tree::capture(&work);
        before.restore(&work);

        let counted_before = env.counters();
        let runs_before = env.runs().len();
        let cached = self.output(true);
        let mut cached_tree = Tree::capture(&work);
        let counted = env.counters().since(&counted_before);
        let runs = env.runs().split_off(runs_before);

        let context = format!(
            "{:?}: {}\nexpected {expect:?}, counted {:?}\nruns: {runs:#?}\nstderr: {}",
            env.compiler,
            self.words.join(" "),
            counted.0,
            String::from_utf8_lossy(&cached.stderr)
        );
        for tree in [&mut alone_tree, &mut cached_tree] {
            tree.forget(|name| {
                let name = name.to_string_lossy();
                self.varying.iter().any(|part| name.contains(part))
            });
        }
        let differences = alone_tree.differences(&cached_tree);
        assert!(
            differences.is_empty(),
            "files differ:\n{differences}{context}"
        );
        assert_eq!(
            alone.status, cached.status,
            "exit status differs\n{context}"
        );
        if !self.ignore_stdout {
            assert_eq!(
                String::from_utf8_lossy(&alone.stdout),
                String::from_utf8_lossy(&cached.stdout),
                "standard output differs\n{context}"
            );
        }
        if !self.ignore_stderr {
            assert_eq!(
                String::from_utf8_lossy(&alone.stderr),
                String::from_utf8_lossy(&cached.stderr),
                "standard error differs\n{context}"
            );
        }
        check(expect, &counted, &runs, &context);
        Outcome {
            code: cached.status.code(),
            stdout: String::from_utf8_lossy(&cached.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&cached.stderr).into_owned(),
            counted,
        }
    }
}

/// Whether only results are compared, not the counters: to try the cases on
/// another wrapper (`CACHE_TEST_BINARY`), even one that caches nothing.
fn results_only() -> bool {
    std::env::var_os("CACHE_TEST_RESULTS_ONLY").is_some()
}

fn check(expect: Expect, counted: &Counters, runs: &[String], context: &str) {
    if results_only() {
        return;
    }
    let (hits, misses) = (counted.hits(), counted.get("cache_miss"));
    let compiles = runs.iter().filter(|run| is_compile(run)).count();
    let as_expected = match expect {
        Expect::Miss => misses == 1 && hits == 0 && compiles == 1,
        Expect::DirectHit => {
            counted.get("direct_cache_hit") == 1 && counted.cacheable() == 1 && runs.is_empty()
        }
        Expect::Hit => hits == 1 && misses == 0 && compiles == 0,
        Expect::Counter(name) => counted.get(name) == 1 && hits == 0,
        Expect::NotServed => hits == 0,
        Expect::Right => true,
    };
    assert!(as_expected, "not as expected\n{context}");
}
