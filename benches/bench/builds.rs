//! `make -j2` of redis: warm, from a fresh checkout, after a comment was edited;
//! always what it takes above the same make that has only to link.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Bench;
use crate::measure::{Call, Sample};
use crate::results::{Results, Row};
use crate::tools::Tool;
use crate::units;

const UNIT: &str = "redis make -j2";

/// Warm builds in turn with those after an edit.
const AGAIN: &str = "warm again";

/// What redis' makefile links.
const PROGRAMS: [&str; 6] = [
    "redis-server",
    "redis-sentinel",
    "redis-cli",
    "redis-benchmark",
    "redis-check-rdb",
    "redis-check-aof",
];

pub fn measure(bench: &Bench, results: &mut Results) {
    let Some(build) = Build::new(bench) else {
        return results.note("no redis (scripts/corpora): whole builds are missing");
    };
    let mut tools = bench.plain_tools();
    tools.truncate(bench.options.times(usize::MAX, 2));
    let mut rows = vec![build.row("plain", "link only")];
    build.cold(&tools, &mut rows);
    build.warm(&tools, &mut rows);
    build.fresh(&tools, &mut rows);
    build.comment(&tools, &mut rows);
    judge(&rows, results);
    results.rows.extend(rows);
}

struct Build<'a> {
    bench: &'a Bench,
    /// Built once, without its objects: what a checkout is copied from.
    template: PathBuf,
    /// Where all builds happen.
    tree: PathBuf,
    /// The plain compiler's objects.
    objects: PathBuf,
}

impl<'a> Build<'a> {
    /// Builds redis and its libraries once, without a tool.
    fn new(bench: &'a Bench) -> Option<Build<'a>> {
        let build = Build {
            bench,
            template: bench.root().join("redis.template"),
            tree: bench.root().join("redis"),
            objects: bench.root().join("redis.objects"),
        };
        units::unpack_redis(&build.tree)?;
        bench.say("builds: the plain compiler");
        build.make(None);
        // The first run throws away the list of dependencies that it made, for new
        // settings; making that again is no compile.
        build.make(None);
        copy(&build.tree.join("src"), &build.objects);
        build.remove_objects();
        copy(&build.tree, &build.template);
        Some(build)
    }

    fn row(&self, tool: &str, what: &'static str) -> Row {
        Row::new(UNIT, 0, tool, what)
    }

    fn make(&self, tool: Option<&Tool>) -> Sample {
        let before = tool.map_or(String::new(), |tool| tool.path.display().to_string());
        self.make_with(&before, tool)
    }

    /// A make whose compiler does nothing but copy the objects of an earlier one.
    fn make_floor(&self) -> Sample {
        let floor = self.bench.helpers.floorcc.display();
        self.make_with(&format!("{floor} {}", self.objects.display()), None)
    }

    /// A make with these words before the compiler.
    fn make_with(&self, before: &str, tool: Option<&Tool>) -> Sample {
        let compiler = format!("CC={before} /usr/bin/gcc");
        // With python there, new times would have commands.c written again.
        let settings = ["MALLOC=libc", "USE_SYSTEMD=no", "PYTHON="];
        let mut words = vec!["/usr/bin/make", "-j2"];
        words.extend(settings);
        if self.bench.options.quick {
            words.push("OPTIMIZATION=-O0");
        }
        words.push(&compiler);
        let call = Call::new(&self.tree.join("src"), words);
        self.bench.helpers.run(&call.unwrapped(), tool)
    }

    fn remove_programs(&self) {
        for program in PROGRAMS {
            let _ = fs::remove_file(self.tree.join("src").join(program));
        }
    }

    fn remove_objects(&self) {
        self.remove_programs();
        let files = fs::read_dir(self.tree.join("src")).expect("the tree can be listed");
        for path in files.flatten().map(|file| file.path()) {
            if path.extension().is_some_and(|e| e == "o" || e == "d") {
                fs::remove_file(path).expect("an object can be removed");
            }
        }
    }

    fn cold(&self, tools: &[&Tool], rows: &mut Vec<Row>) {
        for tool in tools {
            self.bench.say(&format!("builds: cold with {}", tool.name));
            self.remove_objects();
            let mut row = self.row(&tool.name, "cold");
            row.add(self.make(Some(tool)));
            rows.push(row);
            copy(&self.store(tool), &self.saved(tool));
        }
    }

    /// Objects gone; from the third run on.
    fn warm(&self, tools: &[&Tool], rows: &mut Vec<Row>) {
        self.bench.say("builds: warm");
        let mut warm: Vec<Row> = tools.iter().map(|t| self.row(&t.name, "warm")).collect();
        let mut floor = self.row("floor", "warm");
        for run in 0..9 {
            for (tool, row) in tools.iter().zip(&mut warm) {
                self.remove_objects();
                let sample = self.make(Some(tool));
                if run >= 2 {
                    row.add(sample);
                }
            }
            self.remove_programs();
            rows[0].add(self.make(None));
            self.remove_objects();
            floor.add(self.make_floor());
        }
        rows.extend(warm);
        rows.push(floor);
    }

    /// A new checkout at the same place and a cache directory that was
    /// restored: other inodes, other times.
    fn fresh(&self, tools: &[&Tool], rows: &mut Vec<Row>) {
        self.bench.say("builds: fresh checkout, restored cache");
        let mut fresh: Vec<Row> = tools.iter().map(|t| self.row(&t.name, "fresh")).collect();
        for _ in 0..7 {
            for (tool, row) in tools.iter().zip(&mut fresh) {
                copy(&self.template, &self.tree);
                copy(&self.saved(tool), &self.store(tool));
                settle();
                row.add(self.make(Some(tool)));
            }
        }
        rows.extend(fresh);
    }

    /// A letter in the comment at the head of server.h; each time another one, beside a
    /// warm build.
    fn comment(&self, tools: &[&Tool], rows: &mut Vec<Row>) {
        self.bench.say("builds: a comment edited in server.h");
        let header = self.tree.join("src/server.h");
        let text = fs::read_to_string(&header).expect("server.h can be read");
        for tool in tools {
            self.remove_objects();
            fs::write(&header, &text).expect("server.h can be written");
            self.make(Some(tool));
            let mut row = self.row(&tool.name, "comment");
            let mut again = self.row(&tool.name, AGAIN);
            // A peer compiles nearly everything again: once says it.
            let runs = if tool.is_ours() { 7 } else { 1 };
            for run in 0..runs {
                if tool.is_ours() {
                    self.remove_programs();
                    rows[0].add(self.make(None));
                    self.remove_objects();
                    settle();
                    again.add(self.make(Some(tool)));
                }
                let edited = text.replacen("Redistribution", &format!("Redistributio{run}"), 1);
                assert_ne!(edited, text, "server.h has no such comment");
                fs::write(&header, edited).expect("server.h can be written");
                self.remove_objects();
                settle();
                row.add(self.make(Some(tool)));
            }
            rows.push(row);
            if tool.is_ours() {
                rows.push(again);
            }
        }
    }

    fn store(&self, tool: &Tool) -> PathBuf {
        tool.store(self.bench.root())
    }

    fn saved(&self, tool: &Tool) -> PathBuf {
        self.bench.root().join("saved").join(&tool.name)
    }
}

/// What was copied and removed reaches the disk now, not in the middle of a build; and
/// the clock of the file system goes on.
fn settle() {
    let done = Command::new("sync").status();
    assert!(done.is_ok_and(|status| status.success()), "sync failed");
    std::thread::sleep(Duration::from_millis(50));
}

/// Copies a folder, without its times, in the place of what is at `to`.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let parent = to.parent().expect("a folder around it");
    fs::create_dir_all(parent).expect("a folder for the copy");
    let done = Command::new("cp")
        .args(["-r", "--no-preserve=timestamps"])
        .args([from, to])
        .status();
    assert!(done.is_ok_and(|status| status.success()), "cp failed");
}

/// Above the make that only links, ours and the faster ccache's.
fn judge(rows: &[Row], results: &mut Results) {
    let link = rows[0].wall_median();
    let above = |tool: &str, what: &str| {
        rows.iter()
            .filter(|row| row.what == what && row.tool.starts_with(tool))
            .map(|row| row.wall_median() - link)
            .reduce(f64::min)
    };
    let link_cpu = rows[0].cpu_median();
    results.figure(format!("{UNIT}: only to link"), link, "ms");
    for row in &rows[1..] {
        let what = format!("{UNIT}, {}: {} above linking", row.what, row.tool);
        results.figure(what, row.wall_median() - link, "ms");
        let what = format!(
            "{UNIT}, {}: {} above linking, processor",
            row.what, row.tool
        );
        results.figure(what, row.cpu_median() - link_cpu, "ms");
    }
    for (what, limit) in [("warm", 0.5), ("fresh", 0.8)] {
        if let (Some(ours), Some(ccache)) = (above("cache", what), above("ccache", what)) {
            let what = format!("{UNIT}, {what}: above linking, to the faster ccache");
            results.at_most(what, limit, "x", ours / ccache);
        }
    }
    if let (Some(comment), Some(warm)) = (above("cache", "comment"), above("cache", AGAIN)) {
        let what = format!("{UNIT}, comment edited: above linking, to warm");
        results.at_most(what, 1.5, "x", comment / warm);
    }
}
