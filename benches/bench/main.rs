//! Compiles units of four sizes without a cache, through this one and through
//! ccache, and prints how long it takes.
//!
//!     cargo bench --bench bench -- [--runs N] [--misses N] [--unit NAME]
//!                                  [--peer NAME=PATH] [--json FILE]
//!
//! `--runs` is the number of hits measured (60), `--misses` that of plain
//! compiles and misses (5). The tools take turns (A B C A B C), because a
//! machine's speed drifts by more than they differ; read ratios and medians.
//! `--peer` names a further build of ccache.

mod measure;
mod report;
mod units;

use std::path::{Path, PathBuf};

use measure::{Helpers, Tool};
use report::Row;
use units::Unit;

struct Options {
    runs: usize,
    misses: usize,
    unit: Option<String>,
    peers: Vec<(String, PathBuf)>,
    json: Option<PathBuf>,
}

fn main() {
    let options = options();
    let directory = tempfile::Builder::new()
        .prefix("cache-bench-")
        .tempdir()
        .expect("a temporary folder");
    let root = directory.path();
    let helpers = Helpers::build(root);
    let mut rows = Vec::new();
    for unit in units::all(root) {
        if options.unit.as_ref().is_some_and(|name| *name != unit.name) {
            continue;
        }
        eprintln!(
            "{} ({} dependencies) ...",
            unit.name,
            unit.dependencies.len()
        );
        rows.extend(measure_unit(&options, &helpers, root, &unit));
    }
    print!("{}", report::table(&rows));
    if let Some(file) = &options.json {
        std::fs::write(file, report::json(&rows)).expect("the JSON file can be written");
    }
}

fn options() -> Options {
    let mut options = Options {
        runs: 60,
        misses: 5,
        unit: None,
        peers: Vec::new(),
        json: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .unwrap_or_else(|| usage(&format!("{arg} needs a value")))
        };
        match arg.as_str() {
            // Cargo adds it.
            "--bench" => {}
            "--runs" => options.runs = number(&value()),
            "--misses" => options.misses = number(&value()),
            "--unit" => options.unit = Some(value()),
            "--json" => options.json = Some(value().into()),
            "--peer" => match value().split_once('=') {
                Some((name, path)) => options.peers.push((name.into(), path.into())),
                None => usage("--peer takes NAME=PATH"),
            },
            _ => usage(&format!("unknown argument {arg}")),
        }
    }
    options
}

fn number(text: &str) -> usize {
    match text.parse() {
        Ok(number) if number > 0 => number,
        _ => usage(&format!("{text} is not a number of runs")),
    }
}

fn usage(problem: &str) -> ! {
    eprintln!(
        "{problem}\nusage: bench [--runs N] [--misses N] [--unit NAME] [--peer NAME=PATH] [--json FILE]"
    );
    std::process::exit(2);
}

/// The program under test and every peer that is here.
fn tools(options: &Options) -> Vec<Tool> {
    let own = std::env::var_os("CACHE_TEST_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_cache")), PathBuf::from);
    let mut tools = vec![Tool::cache(own)];
    let debian = PathBuf::from("/usr/bin/ccache");
    if debian.exists() {
        tools.push(Tool::ccache("ccache", debian));
    } else {
        eprintln!("SKIPPED: ccache is not installed: no ratios to it");
    }
    for (name, path) in &options.peers {
        tools.push(Tool::ccache(name, path.clone()));
    }
    tools
}

fn measure_unit(options: &Options, helpers: &Helpers, root: &Path, unit: &Unit) -> Vec<Row> {
    let tools = tools(options);
    let mut rows = Vec::new();

    // Plain compiles and misses, in turn.
    let mut plain = Row::new(unit, "plain", "compile");
    let mut misses: Vec<Row> = tools
        .iter()
        .map(|tool| Row::new(unit, &tool.name, "miss"))
        .collect();
    let mut object = Vec::new();
    for _ in 0..options.misses {
        plain.add(helpers.run(unit, None, root));
        object = unit.take_object();
        for (tool, row) in tools.iter().zip(&mut misses) {
            tool.empty(root);
            helpers.run(&unit.prime(), Some(tool), root);
            row.add(helpers.run(unit, Some(tool), root));
            row.compare(&unit.take_object(), &object);
        }
    }

    // Hits and the floor, in turn. Each tool has seen the unit by now; a second
    // look lets it settle what it settles on the first hit.
    let mut hits: Vec<Row> = tools
        .iter()
        .map(|tool| Row::new(unit, &tool.name, "hit"))
        .collect();
    let mut floor = Row::new(unit, "floor", "hit");
    for tool in &tools {
        helpers.run(unit, Some(tool), root);
    }
    for _ in 0..options.runs {
        for (tool, row) in tools.iter().zip(&mut hits) {
            unit.take_object();
            row.add(helpers.run(unit, Some(tool), root));
            row.compare(&unit.take_object(), &object);
        }
        floor.add(helpers.floor(unit, &object, root));
        floor.compare(&unit.take_object(), &object);
    }

    report::relate(&mut hits, Some(&floor));
    report::relate(&mut misses, None);
    rows.push(plain);
    rows.extend(misses);
    rows.extend(hits);
    rows.push(floor);
    rows
}
