//! Many processes in one store: throughput, and whether any call is lost.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::Bench;
use crate::measure::Call;
use crate::results::{Results, Series};
use crate::tools::Tool;

/// Sources that are compiled again and again.
const SOURCES: usize = 10;

pub fn measure(bench: &Bench, results: &mut Results) {
    let stress = Stress::new(bench);
    stress.throughput(results);
    stress.mixed(results);
}

struct Stress<'a> {
    bench: &'a Bench,
    directory: PathBuf,
}

impl<'a> Stress<'a> {
    fn new(bench: &'a Bench) -> Stress<'a> {
        let directory = bench.root().join("stress");
        fs::create_dir_all(directory.join("o")).expect("a folder");
        for n in 0..SOURCES {
            let text = format!(
                "#include <stdio.h>\n#include <stdlib.h>\nint f{n}(void) {{ return puts(\"{n}\"); }}\n"
            );
            fs::write(directory.join(format!("s{n}.c")), text).expect("a source");
        }
        let text = "#include <stdio.h>\nint f(void) { return TOKEN; }\n";
        fs::write(directory.join("miss.c"), text).expect("a source");
        Stress { bench, directory }
    }

    /// Commands that hit, once all sources have been seen.
    fn hits(tool: &Tool, count: usize) -> String {
        let mut lines = String::new();
        for n in 0..count {
            Stress::line(&mut lines, tool, &format!("s{}.c", n % SOURCES), n);
        }
        lines
    }

    fn line(lines: &mut String, tool: &Tool, source: &str, n: usize) {
        let tool = tool.path.display();
        writeln!(lines, "{tool} /usr/bin/gcc -O2 -c {source} -o o/{n}.o").expect("text grows");
    }

    fn throughput(&self, results: &mut Results) {
        let mut series = Series {
            name: "processes",
            title: "Hits per second over the number of processes",
            x: "processes at a time",
            y: "hits per second",
            x_log: true,
            y_log: false,
            lines: Vec::new(),
        };
        let count = self.bench.options.times(480, 160);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for tool in self.bench.plain_tools() {
            self.bench
                .say(&format!("stress: throughput of {}", tool.name));
            let lines = Stress::hits(tool, count);
            self.storm(tool, &lines, 1);
            for processes in [1, 2, 4, 8, 16] {
                let runs = (0..self.bench.options.times(4, 2))
                    .map(|_| self.storm(tool, &lines, processes));
                let fastest = runs.min().unwrap_or(1) as f64 / 1e9;
                series.add(&tool.name, processes as f64, count as f64 / fastest);
            }
        }
        let floor = self.floor(count, cores);
        if let Some((_, points)) = series.lines.first() {
            let at = |p: usize| points.iter().find(|(x, _)| *x == p as f64).map(|(_, y)| *y);
            if let (Some(one), Some(all), Some(many)) = (at(1), at(cores), at(16)) {
                results.figure(
                    format!("throughput, {cores} processes to one: floor program"),
                    floor,
                    "x",
                );
                results.figure(
                    format!("throughput, {cores} processes to one: cache"),
                    all / one,
                    "x",
                );
                let what = format!(
                    "stress: throughput of {cores} processes to one, to the floor program's"
                );
                results.at_least(what, 0.9, "x", all / one / floor);
                let what = format!("stress: throughput of 16 processes to that of {cores}");
                results.at_least(what, 0.9, "x", many / all);
            }
        }
        results.series.push(series);
    }

    /// By how much the machine itself is faster with a process on each core.
    fn floor(&self, count: usize, cores: usize) -> f64 {
        let helpers = &self.bench.helpers;
        let stored = self.directory.join("o/0.o");
        let list = self.directory.join("list");
        fs::write(&list, "s0.c\n".repeat(30)).expect("a list");
        let mut lines = String::new();
        for n in 0..count {
            let (floor, list, stored) = (helpers.floor.display(), list.display(), stored.display());
            writeln!(lines, "{floor} {list} {stored} o/f{n}.o").expect("text grows");
        }
        let fastest = |processes| {
            let run = |_| helpers.storm(None, &self.directory, &lines, processes);
            (0..5).map(run).min().unwrap_or(1) as f64
        };
        fastest(1) / fastest(cores)
    }

    /// Three hits to a miss, 16 processes: the counters have to add up.
    fn mixed(&self, results: &mut Results) {
        self.bench.say("stress: 16 processes, hits and misses");
        let tool = self.bench.ours();
        self.storm(tool, &Stress::hits(tool, SOURCES), 1);
        let calls = self.bench.options.times(640, 160);
        let mut lines = String::new();
        for n in 0..calls {
            match n % 4 {
                0 => Stress::line(&mut lines, tool, &format!("miss.c -DTOKEN={n}"), n),
                _ => Stress::line(&mut lines, tool, &format!("s{}.c", n % SOURCES), n),
            }
        }
        let before = self.counts();
        let wall = self.storm(tool, &lines, 16);
        let after = self.counts();
        let expected = [calls as i64, (calls / 4 * 3) as i64, (calls / 4) as i64];
        for (n, name) in ["calls", "hits", "misses"].iter().enumerate() {
            let lost = expected[n] - (after[n] - before[n]);
            let what = format!("stress: {name} miscounted, of {}", expected[n]);
            results.at_most(what, 0.0, "", lost.abs() as f64);
        }
        let rate = calls as f64 / (wall as f64 / 1e9);
        results.figure(
            "stress: calls per second, a quarter of them misses",
            rate,
            "",
        );
    }

    fn storm(&self, tool: &Tool, lines: &str, processes: usize) -> u64 {
        self.bench
            .helpers
            .storm(Some(tool), &self.directory, lines, processes)
    }

    /// Calls, hits, misses as `cache stats` counts them.
    fn counts(&self) -> [i64; 3] {
        let tool = self.bench.ours();
        let words = ["stats", "--format", "json"];
        let text = self
            .bench
            .helpers
            .output(&Call::new(&self.directory, words), tool);
        let report: serde_json::Value = serde_json::from_str(&text).expect("a report in JSON");
        ["calls", "hits", "misses"].map(|name| report[name].as_i64().expect("a counter"))
    }
}
