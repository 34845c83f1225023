//! Measures this cache against the bare compiler, against a program that does
//! only what a hit has to, and against its peers; prints every figure and, at
//! the end, what of the targets is met. `docs/performance.md` explains it.
//!
//!     cargo bench --bench bench -- [--quick] [--only hits,builds,...] [--json FILE] ...
//!
//! The tools take turns (A B C A B C), because a machine's speed drifts by more
//! than they differ: read ratios. Peers are installed on first use.

mod builds;
mod chart;
mod growth;
mod hits;
mod machine;
mod measure;
mod misses;
mod options;
mod passthrough;
mod peers;
mod remote;
mod report;
mod results;
mod servers;
mod store;
mod stress;
mod tools;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use measure::Helpers;
use options::{Options, Section};
use report::About;
use results::Results;
use tools::{Kind, Tool};
use units::Unit;

/// A measurement of one part.
type Measure = fn(&Bench, &mut Results);

const SECTIONS: [(Section, Measure); 8] = [
    (Section::Hits, hits::measure),
    (Section::Misses, misses::measure),
    (Section::Passthrough, passthrough::measure),
    (Section::Builds, builds::measure),
    (Section::Stress, stress::measure),
    (Section::Growth, growth::measure),
    (Section::Store, store::measure),
    (Section::Remote, remote::measure),
];

/// What all parts share.
pub struct Bench {
    pub options: Options,
    pub helpers: Helpers,
    /// Ours, then the peers that are here.
    pub tools: Vec<Tool>,
    pub units: Vec<Unit>,
    /// The plain compiler's objects of the units that all tools have seen.
    warm: Mutex<BTreeMap<&'static str, Vec<u8>>>,
    start: Instant,
}

fn main() {
    let options = Options::read();
    let (peers, absent) = peers::all(&options);
    if options.only_install {
        return;
    }
    let directory = tempfile::Builder::new()
        .prefix("cache-bench-")
        .tempdir()
        .expect("a temporary folder");
    let machine = machine::describe(directory.path());
    let bench = Bench::new(options, peers, directory.path());
    let mut results = Results::default();
    for (section, measure) in SECTIONS {
        if bench.options.wants(section) {
            measure(&bench, &mut results);
        }
    }
    let about = About {
        machine,
        tools: bench.tools.clone(),
        absent,
        seconds: bench.start.elapsed().as_secs_f64(),
    };
    print!("{}", report::text(&results, &about));
    let options = &bench.options;
    if let Some(file) = &options.json {
        std::fs::write(file, report::json(&results, &about)).expect("the JSON file can be written");
    }
    if let Some(directory) = &options.svg {
        report::charts(&results, directory);
    }
    if let Some(page) = &options.write {
        let part = match options.is_only(Section::Remote) {
            true => "remote stores",
            false => "results",
        };
        report::write_page(&results, &about, page, part);
    }
}

impl Bench {
    fn new(options: Options, peers: Vec<Tool>, root: &Path) -> Bench {
        let own = std::env::var_os("CACHE_TEST_BINARY")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_cache")), PathBuf::from);
        // Copied, as an installation does: what the linker has just written lies in
        // memory page by page, and takes more faults to be run.
        let installed = root.join("cache");
        std::fs::copy(&own, &installed).expect("the program under test can be copied");
        let agent = own.with_file_name("cache-agent");
        if agent.exists() {
            std::fs::copy(agent, root.join("cache-agent")).expect("the agent can be copied");
        }
        let own = Tool::new("cache", Kind::Cache, installed).expect("the program under test runs");
        let mut units = units::all(root);
        units.retain(|unit| options.unit.as_ref().is_none_or(|name| name == unit.name));
        let bench = Bench {
            helpers: Helpers::build(root),
            tools: std::iter::once(own).chain(peers).collect(),
            units,
            options,
            warm: Mutex::default(),
            start: Instant::now(),
        };
        if bench.needs_daemons() {
            bench.tools.iter().for_each(|tool| tool.start(root));
        }
        bench
    }

    /// Whether a part is asked for that all peers take part in.
    fn needs_daemons(&self) -> bool {
        let parts = [Section::Hits, Section::Misses, Section::Passthrough];
        parts.iter().any(|part| self.options.wants(*part))
    }

    /// Where everything happens.
    pub fn root(&self) -> &Path {
        &self.helpers.root
    }

    /// The program under test.
    pub fn ours(&self) -> &Tool {
        &self.tools[0]
    }

    /// Ours and the ccaches: those that keep no daemon.
    pub fn plain_tools(&self) -> Vec<&Tool> {
        let tools = self.tools.iter();
        tools.filter(|t| t.is_ours() || t.is_ccache()).collect()
    }

    /// Says how far it is.
    pub fn say(&self, what: &str) {
        eprintln!("{:>5.0} s  {what}", self.start.elapsed().as_secs_f64());
    }

    /// Makes sure that every tool has `unit` cached; the plain compiler's object.
    pub fn warm(&self, unit: &Unit) -> Vec<u8> {
        if let Some(object) = self.warm.lock().expect("no panic").get(unit.name) {
            return object.clone();
        }
        let object = self.prime(unit, self.tools.iter());
        let mut warm = self.warm.lock().expect("no panic");
        warm.insert(unit.name, object.clone());
        object
    }

    /// Forgets what [`Bench::warm`] did: the sources were written.
    pub fn forget_warm(&self) {
        self.warm.lock().expect("no panic").clear();
    }

    /// Compiles `unit` without a tool and three times with each: once to store
    /// it, twice for a tool to settle what it settles on first hits. The plain
    /// compiler's object.
    pub fn prime<'t>(&self, unit: &Unit, tools: impl Iterator<Item = &'t Tool>) -> Vec<u8> {
        self.helpers.compile(unit, None);
        let object = unit.take_object();
        for tool in tools {
            for _ in 0..3 {
                self.helpers.compile(unit, Some(tool));
                unit.take_object();
            }
        }
        object
    }
}

impl Drop for Bench {
    /// Ends the peers' daemons, even if something failed.
    fn drop(&mut self) {
        if self.needs_daemons() {
            self.tools.iter().for_each(|tool| tool.stop(self.root()));
        }
    }
}
