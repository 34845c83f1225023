//! Hits from another machine: a store on loopback, nothing on the local disk. What they
//! cost the server, how many there are in a second, and what a dead server adds to a build.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Bench;
use crate::measure::Call;
use crate::peers;
use crate::results::{Results, Row, median};
use crate::servers::{Server, Service, free_port};
use crate::tools::{Kind, Tool};
use crate::units::Unit;

/// Files of the build whose server is dead.
const FILES: usize = 200;

/// Compiles whose requests are counted.
const COUNTED: usize = 10;

/// Processes at a time.
const PROCESSES: usize = 16;

pub fn measure(bench: &Bench, results: &mut Results) {
    for service in [Service::Redis, Service::Http] {
        match service.start(bench.root()) {
            Ok(server) => served(bench, service, &server, results),
            Err(why) => results.note(format!("no {} server: {why}", service.name())),
        }
    }
    dead(bench, results);
}

/// The tools that can use the service, each with a store of its own.
fn tools(bench: &Bench, service: Service, port: u16, results: &mut Results) -> Vec<Tool> {
    let sccache = peers::sccache_with_stores(&bench.options);
    if let Err(why) = &sccache {
        results.note(format!("no sccache with remote stores: {why}"));
    }
    let with = |tool: &Tool| {
        let mut more = service.setting(tool.kind, port)?;
        if tool.kind == Kind::Sccache {
            // Not the server that has the local directory.
            more.push(("SCCACHE_SERVER_PORT", free_port()?.to_string()));
        }
        Some(Tool {
            name: format!("{} {}", tool.name, service.name()),
            more,
            ..tool.clone()
        })
    };
    let others = bench.plain_tools().into_iter();
    others
        .chain(sccache.as_ref().ok())
        .filter_map(with)
        .collect()
}

fn served(bench: &Bench, service: Service, server: &Server, results: &mut Results) {
    let tools = tools(bench, service, server.port, results);
    for tool in &tools {
        tool.start(bench.root());
    }
    hits(bench, service, &tools, results);
    let small = Small::new(bench, service);
    small.requests(&tools, server, results);
    small.throughput(&tools, results);
    for tool in &tools {
        control(bench, tool, &["agent", "stop"]);
        tool.stop(bench.root());
    }
}

fn hits(bench: &Bench, service: Service, tools: &[Tool], results: &mut Results) {
    let units = bench.units.iter();
    for unit in units.filter(|unit| !unit.is_huge() || !bench.options.quick) {
        bench.say(&format!("remote hits: {}, {}", service.name(), unit.name));
        let object = prime(bench, tools, unit);
        let row =
            |tool: &Tool| Row::new(unit.name, unit.dependencies.len(), &tool.name, "remote hit");
        let mut rows: Vec<Row> = tools.iter().map(row).collect();
        for round in 0..bench.options.times(40, 20) {
            for index in order(round, tools.len()) {
                let (tool, row) = (&tools[index], &mut rows[index]);
                forget(bench, tool);
                unit.take_object();
                row.add(bench.helpers.compile(unit, Some(tool)));
                row.compare(&unit.take_object(), &object);
                settle(bench, tool);
            }
        }
        judge(service, unit, &rows, results);
        results.rows.extend(rows);
    }
}

/// Forwards and backwards by turns, each time from another tool on: a compiler that one
/// tool runs leaves the processor's caches cold for the next, a short hit leaves them warm.
fn order(round: usize, tools: usize) -> impl Iterator<Item = usize> {
    let from = round / 2;
    (0..tools).map(move |step| match round % 2 {
        0 => (from + step) % tools,
        _ => (from + tools - step) % tools,
    })
}

/// Every tool has compiled the unit once and told the server; the plain object.
fn prime(bench: &Bench, tools: &[Tool], unit: &Unit) -> Vec<u8> {
    unit.take_object();
    bench.helpers.compile(unit, None);
    let object = unit.take_object();
    for tool in tools {
        for _ in 0..2 {
            bench.helpers.compile(unit, Some(tool));
            unit.take_object();
        }
        control(bench, tool, &["agent", "flush"]);
        // The first look of a hit from afar asks the compiler who it is, once a machine.
        forget(bench, tool);
        bench.helpers.compile(unit, Some(tool));
    }
    object
}

/// Results on the local disk go; what is known about the machine stays.
fn forget(bench: &Bench, tool: &Tool) {
    let store = tool.store(bench.root());
    match tool.kind {
        Kind::Cache => {
            settle(bench, tool);
            for part in ["compile", "manifest"] {
                let _ = fs::remove_dir_all(store.join(part));
            }
        }
        // Its inode cache is in the same place.
        Kind::Ccache => {
            for entry in fs::read_dir(&store).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name.len() == 1 {
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
        _ => {}
    }
}

/// What the last hit found is in the local store when this returns: whoever is measured
/// next has the machine for himself.
fn settle(bench: &Bench, tool: &Tool) {
    control(bench, tool, &["agent", "status"]);
}

/// A subcommand of ours.
fn control(bench: &Bench, tool: &Tool, words: &[&str]) {
    if tool.is_ours() {
        let done = Command::new(&tool.path)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", bench.root())
            .envs(tool.environment(bench.root()))
            .stdout(Stdio::null())
            .status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "cache {words:?} failed"
        );
    }
}

fn judge(service: Service, unit: &Unit, rows: &[Row], results: &mut Results) {
    let Some((ours, peers)) = rows.split_first() else {
        return;
    };
    let fastest = peers.iter().map(Row::wall_median).reduce(f64::min);
    match fastest {
        Some(fastest) => {
            let what = format!(
                "remote hit, {}, {}: median to the fastest peer",
                service.name(),
                unit.name
            );
            results.at_most(what, 0.5, "x", ours.wall_median() / fastest);
        }
        None => results.note(format!("no peer speaks {} here", service.name())),
    }
}

/// Many small sources, in a folder.
struct Small<'a> {
    bench: &'a Bench,
    service: Service,
    directory: PathBuf,
    sources: usize,
}

impl<'a> Small<'a> {
    fn new(bench: &'a Bench, service: Service) -> Small<'a> {
        let directory = bench.root().join(format!("small-{}", service.name()));
        fs::create_dir_all(directory.join("o")).expect("a folder");
        let sources = bench.options.times(320, 96);
        for n in 0..sources {
            let text = format!(
                "#include <stdio.h>\n#include <stdlib.h>\nint f{n}(void) {{ return puts(\"{n}\"); }}\n"
            );
            fs::write(directory.join(format!("{n}.c")), text).expect("a source");
        }
        Small {
            bench,
            service,
            directory,
            sources,
        }
    }

    /// Compiles the sources with these numbers; nanoseconds.
    fn compile(&self, tool: &Tool, numbers: std::ops::Range<usize>, processes: usize) -> u64 {
        let mut lines = String::new();
        for n in numbers {
            let program = tool.path.display();
            writeln!(lines, "{program} /usr/bin/gcc -O2 -c {n}.c -o o/{n}.o").expect("text grows");
        }
        let helpers = &self.bench.helpers;
        helpers.storm(Some(tool), &self.directory, &lines, processes)
    }

    /// What a store and a hit cost the server, by its own count.
    fn requests(&self, tools: &[Tool], server: &Server, results: &mut Results) {
        self.bench
            .say(&format!("requests: {}", self.service.name()));
        for tool in tools {
            // Folders and connections are made once.
            self.compile(tool, COUNTED..COUNTED + 1, 1);
            control(self.bench, tool, &["agent", "flush"]);
            let mut counts = [0.0; 2];
            for count in &mut counts {
                let before = server.requests();
                self.compile(tool, 0..COUNTED, 1);
                control(self.bench, tool, &["agent", "flush"]);
                forget(self.bench, tool);
                *count = (server.requests() - before) as f64 / COUNTED as f64;
            }
            let names = ["a miss that is stored", "a hit"];
            for ((name, most), count) in names.iter().zip([2.0, 1.0]).zip(counts) {
                let what = format!("{}: requests of {name}", tool.name);
                match tool.is_ours() {
                    true => results.at_most(what, most, "", count),
                    false => results.figure(what, count, ""),
                }
            }
        }
    }

    /// Hits of many processes at a time.
    fn throughput(&self, tools: &[Tool], results: &mut Results) {
        let what = format!(
            "remote hits of {PROCESSES} processes: {}",
            self.service.name()
        );
        self.bench.say(&what);
        for tool in tools {
            self.compile(tool, 0..self.sources, 2);
            control(self.bench, tool, &["agent", "flush"]);
        }
        let mut fastest = vec![u64::MAX; tools.len()];
        for _ in 0..self.bench.options.times(5, 3) {
            for (tool, fastest) in tools.iter().zip(&mut fastest) {
                forget(self.bench, tool);
                let before = self.remote_hits(tool);
                let time = self.compile(tool, 0..self.sources, PROCESSES);
                *fastest = time.min(*fastest);
                if let (Some(before), Some(after)) = (before, self.remote_hits(tool)) {
                    assert_eq!(after - before, self.sources as u64, "not all were hits");
                }
            }
        }
        let rate = |time: u64| self.sources as f64 / (time as f64 / 1e9);
        for (tool, fastest) in tools.iter().zip(&fastest) {
            let what = format!("{}: remote hits a second, {PROCESSES} processes", tool.name);
            results.figure(what, rate(*fastest), "");
        }
        if let [ours, peers @ ..] = fastest.as_slice()
            && let Some(peer) = peers.iter().min()
        {
            let what = format!(
                "remote hits of {PROCESSES} processes, {}: rate to the fastest peer's",
                self.service.name()
            );
            results.at_least(what, 1.0, "x", rate(*ours) / rate(*peer));
        }
    }

    /// How many hits have come from stores so far, if the tool is ours.
    fn remote_hits(&self, tool: &Tool) -> Option<u64> {
        if !tool.is_ours() {
            return None;
        }
        let call = Call::new(&self.directory, ["stats", "--format", "json"]);
        let text = self.bench.helpers.output(&call, tool);
        let report: serde_json::Value = serde_json::from_str(&text).ok()?;
        report["remote_storage_hit"].as_u64()
    }
}

/// A build of many small files, with a store that refuses connections, and with one that
/// takes them and never answers.
fn dead(bench: &Bench, results: &mut Results) {
    let Ok(silent) = TcpListener::bind("127.0.0.1:0") else {
        return;
    };
    let (Ok(silent), Some(closed)) = (silent.local_addr(), free_port()) else {
        return;
    };
    bench.say("a build whose server is dead");
    let directory = bench.root().join("dead");
    fs::create_dir_all(directory.join("o")).expect("a folder");
    let mut round = 0;
    let mut build = |tool: &Tool| {
        round += 1;
        let mut lines = String::new();
        for n in 0..FILES {
            let text = format!("int f{n}_{round}(void) {{ return {n}; }}\n");
            fs::write(directory.join(format!("{n}.c")), text).expect("a source");
            let program = tool.path.display();
            writeln!(lines, "{program} /usr/bin/gcc -O2 -c {n}.c -o o/{n}.o").expect("text grows");
        }
        let nanoseconds = bench.helpers.storm(Some(tool), &directory, &lines, 2);
        // The next one has heard of nothing.
        control(bench, tool, &["agent", "stop"]);
        let _ = fs::remove_dir_all(tool.store(bench.root()).join(".agent"));
        nanoseconds as f64 / 1e9
    };
    let tool = |name: &str, more| Tool {
        name: format!("cache {name}"),
        more,
        ..bench.ours().clone()
    };
    let at = |port: u16| vec![("CACHE_STORE", format!("http://127.0.0.1:{port}/objects"))];
    let kinds = [
        tool("no remote store", Vec::new()),
        tool("one that refuses", at(closed)),
        tool("one that never answers", at(silent.port())),
    ];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..bench.options.times(5, 3) {
        for (tool, times) in kinds.iter().zip(&mut times) {
            times.push(build(tool));
        }
    }
    let times = times.map(median);
    for (tool, time) in kinds.iter().zip(times) {
        results.figure(format!("build of {FILES} files: {}", tool.name), time, "s");
    }
    let [alone, refused, unanswered] = times;
    for (kind, most, time) in [
        ("refuses connections", 0.5, refused),
        ("never answers", 3.0, unanswered),
    ] {
        let what = format!("a server that {kind}, build of {FILES} files: adds");
        results.at_most(what, most, "s", time - alone);
    }
}
