//! A project to build: its sources unpacked at one fixed path, its build
//! command, and what it leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use crate::support::counters::Counters;
use crate::support::tree::Tree;
use crate::support::{cache_binary, find_program, skip};

/// What a build leaves that must not depend on the cache.
const PRODUCTS: &[&str] = &[".o", ".d", ".lo", ".gcno", ".dwo", ".s", ".ko", ".cmd"];

/// A C and a C++ driver by name.
#[derive(Clone, Copy, Debug)]
pub struct Drivers {
    pub c: &'static str,
    pub cxx: &'static str,
}

pub const GCC: Drivers = Drivers {
    c: "gcc",
    cxx: "g++",
};
pub const CLANG_14: Drivers = Drivers {
    c: "clang-14",
    cxx: "clang++-14",
};
pub const CLANG_19: Drivers = Drivers {
    c: "clang-19",
    cxx: "clang++-19",
};

/// One of the project's own trees, `tests/e2e/fixtures/<name>`, as `directory`.
pub fn fixture(name: &str, directory: &Path) -> Option<()> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/fixtures");
    copy(&fixtures.join(name), directory);
    Some(())
}

/// One project's directories: `tree` (unpacked and built in place), `cache`,
/// `home`, `tmp`, `links` (the compilers' names, which lead to the program under
/// test). One build at a time has the machine.
pub struct Project {
    _directory: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
    pub root: PathBuf,
    prepare: fn(&Path) -> Option<()>,
    build: fn(&Drivers, &str) -> String,
    pub drivers: Drivers,
}

/// What a build left.
pub struct Built {
    pub products: Tree,
    /// Objects among them.
    pub objects: usize,
    /// What the counters counted.
    pub counted: Counters,
    pub seconds: f64,
    /// What the log says about calls that were not served: for messages.
    why: String,
}

static TURN: Mutex<()> = Mutex::new(());

impl Project {
    /// `prepare` unpacks the sources; `build` gives the shell line for drivers
    /// and the wrapper before them (`cache ` or nothing). `None`, said loudly,
    /// when sources or compilers are missing.
    pub fn new(
        drivers: Drivers,
        prepare: fn(&Path) -> Option<()>,
        build: fn(&Drivers, &str) -> String,
    ) -> Option<Project> {
        for program in [drivers.c, drivers.cxx, "make"] {
            if find_program(program).is_none() {
                skip(&format!("{program} is not installed"));
                return None;
            }
        }
        let turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
        let directory = tempfile::Builder::new()
            .prefix("cache-e2e-")
            .tempdir()
            .unwrap();
        let root = directory.path().canonicalize().unwrap();
        for name in ["home", "tmp", "bin", "links"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        for link in [
            "bin/cache",
            &format!("links/{}", drivers.c),
            &format!("links/{}", drivers.cxx),
        ] {
            std::os::unix::fs::symlink(cache_binary(), root.join(link)).unwrap();
        }
        let project = Project {
            _directory: directory,
            _turn: turn,
            root,
            prepare,
            build,
            drivers,
        };
        project.checkout()?;
        Some(project)
    }

    pub fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Removes the tree and unpacks it again at the same path.
    pub fn checkout(&self) -> Option<()> {
        if self.tree().exists() {
            fs::remove_dir_all(self.tree()).unwrap();
        }
        (self.prepare)(&self.tree())
    }

    /// Replaces the cache directory by a copy of itself: new inodes, new times.
    pub fn copy_cache_dir(&self) {
        let saved = self.root.join("saved");
        copy(&self.cache_dir(), &saved);
        fs::remove_dir_all(self.cache_dir()).unwrap();
        fs::rename(&saved, self.cache_dir()).unwrap();
    }

    /// Sets the time of every header to now.
    pub fn touch_headers(&self) {
        let now = SystemTime::now();
        let mut touched = 0;
        for_each_file(&self.tree(), &mut |path| {
            if path.extension().is_some_and(|e| e == "h") {
                fs::File::open(path).unwrap().set_modified(now).unwrap();
                touched += 1;
            }
        });
        assert!(touched > 0, "no headers to touch");
    }

    pub fn vars(&self) -> BTreeMap<String, String> {
        let root = self.root.display();
        BTreeMap::from([
            (
                "PATH".into(),
                format!("{root}/bin:/usr/local/bin:/usr/bin:/bin"),
            ),
            ("HOME".into(), format!("{root}/home")),
            ("TMPDIR".into(), format!("{root}/tmp")),
            ("XDG_RUNTIME_DIR".into(), format!("{root}/tmp")),
            ("CACHE_DIR".into(), format!("{root}/cache")),
            ("CACHE_LOG_FILE".into(), format!("{root}/cache.log")),
            // Links with the compilers' names to put in front of the PATH.
            ("LINKS".into(), format!("{root}/links")),
            // redis puts the time of its build into an object.
            ("SOURCE_DATE_EPOCH".into(), "1700000000".into()),
            ("LC_ALL".into(), "C.UTF-8".into()),
        ])
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.vars())
            .current_dir(self.tree())
            .stdin(Stdio::null());
        command
    }

    /// A shell line in the tree, with its output for the message when it fails.
    pub fn shell(&self, line: &str) {
        let output = self.command("sh").args(["-c", line]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let from = text.len().saturating_sub(4000);
        let tail = text.get(from..).unwrap_or(&text);
        assert!(output.status.success(), "{line}: {}\n{tail}", output.status);
    }

    /// Starts the build through the cache without waiting for it.
    pub fn start(&self) -> Child {
        let log = fs::File::create(self.root.join("build.log")).unwrap();
        self.command("sh")
            .args(["-c", &(self.build)(&self.drivers, "cache ")])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Waits for [`Project::start`].
    pub fn finish(&self, mut child: Child) -> Tree {
        let status = child.wait().unwrap();
        let log = fs::read_to_string(self.root.join("build.log")).unwrap();
        assert!(status.success(), "the build failed: {status}\n{log}");
        Tree::capture(&self.tree()).only(PRODUCTS)
    }

    pub fn counters(&self) -> Counters {
        Counters::read(&self.vars(), &self.root)
    }

    /// Builds without the cache.
    pub fn reference(&self) -> Built {
        self.run("")
    }

    /// Builds through the cache.
    pub fn cached(&self) -> Built {
        self.run("cache ")
    }

    fn run(&self, wrapper: &str) -> Built {
        let before = match wrapper {
            "" => Counters::default(),
            _ => self.counters(),
        };
        let log = self.root.join("cache.log");
        let _ = fs::remove_file(&log);
        let start = Instant::now();
        self.shell(&(self.build)(&self.drivers, wrapper));
        let seconds = start.elapsed().as_secs_f64();
        let counted = match wrapper {
            "" => Counters::default(),
            _ => self.counters().since(&before),
        };
        let products = Tree::capture(&self.tree()).only(PRODUCTS);
        let objects = products.files(&[".o"]).count();
        Built {
            products,
            objects,
            counted,
            seconds,
            why: not_served(&fs::read_to_string(log).unwrap_or_default()),
        }
    }
}

/// The calls in a log that were not hits, with what is said about them.
fn not_served(log: &str) -> String {
    let is_reason = |line: &&str| {
        ["] direct miss", "] compiled, not", "] handed to"]
            .iter()
            .any(|reason| line.contains(reason))
    };
    let process = |line: &str| line.split(']').next().map(str::to_owned);
    let mut text = String::new();
    for reason in log.lines().filter(is_reason) {
        let call = log
            .lines()
            .find(|line| process(line) == process(reason) && line.contains("] call: "));
        text += &format!("{}\n{reason}\n", call.unwrap_or_default());
    }
    text
}

impl Built {
    /// The products are those of `reference`.
    pub fn same_as(&self, reference: &Built, what: &str) {
        let differences = reference.products.differences(&self.products);
        assert!(
            differences.is_empty(),
            "{what}: products differ:\n{differences}"
        );
        assert!(self.objects > 0, "{what}: nothing was built");
    }

    /// Besides hits and misses there were just these calls: (counter, number).
    pub fn passed_by(&self, expected: &[(&str, i64)], what: &str) {
        let counted = format!("{:?}\n{}", self.counted, self.why);
        for (name, number) in expected {
            let found = self.counted.get(name);
            assert_eq!(found, *number, "{what}: {name} in {counted}");
        }
        let number: i64 = expected.iter().map(|(_, number)| number).sum();
        let past = self.counted.get("calls") - self.counted.cacheable();
        assert_eq!(past, number, "{what}: {counted}");
    }

    /// Every call that was looked up was a direct hit, and there were as many as objects.
    pub fn all_direct_hits(&self, what: &str) {
        let counted = &self.counted;
        let misses = counted.get("cache_miss");
        assert_eq!(misses, 0, "{what}: {counted:?}\n{}", self.why);
        let direct = counted.get("direct_cache_hit");
        assert_eq!(counted.hits(), direct, "{what}: not direct: {counted:?}");
        assert!(
            direct >= self.objects as i64,
            "{what}: {direct} hits for {} objects: {counted:?}",
            self.objects
        );
    }
}

/// Whether the projects' whole test-suites are wanted (`CACHE_TEST_LONG`): hours.
pub fn long() -> bool {
    std::env::var_os("CACHE_TEST_LONG").is_some()
}

/// Calls `act` with every regular file below `directory`.
pub fn for_each_file(directory: &Path, act: &mut dyn FnMut(&Path)) {
    for item in fs::read_dir(directory).unwrap() {
        let item = item.unwrap();
        let kind = item.file_type().unwrap();
        if kind.is_dir() {
            for_each_file(&item.path(), act);
        } else if kind.is_file() {
            act(&item.path());
        }
    }
}

/// Copies a directory as `cp -r` does: new inodes, new times.
pub fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-r").arg(from).arg(to).status();
    assert!(done.unwrap().success());
}

/// Waits until `done`, at most a minute.
pub fn wait_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
}
