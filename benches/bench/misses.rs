//! True misses: a source that nobody has seen, everything else warm.

use std::fs;
use std::time::Duration;

use crate::Bench;
use crate::results::{Results, Row};
use crate::tools::Tool;
use crate::units::Unit;

/// Plain compiles longer than this are large units, in milliseconds.
const LARGE: f64 = 500.0;
/// About how long the plain compiles of one unit may take together, in milliseconds.
const PATIENCE: f64 = 25_000.0;

pub fn measure(bench: &Bench, results: &mut Results) {
    for unit in &bench.units {
        bench.warm(unit);
        let mut misses = Misses::new(bench, unit);
        misses.take_turns();
        let (plain, rows) = misses.rows;
        fs::write(&unit.source, misses.original).expect("the source can be written");
        judge(plain, rows, unit, results);
    }
    // The sources have new times: what is warm is not as it was.
    bench.forget_warm();
}

struct Misses<'a> {
    bench: &'a Bench,
    unit: &'a Unit,
    original: Vec<u8>,
    /// That of the plain compiles, those of the tools.
    rows: (Row, Vec<Row>),
    token: u64,
}

impl<'a> Misses<'a> {
    fn new(bench: &'a Bench, unit: &'a Unit) -> Misses<'a> {
        let row = |name: &str, what| Row::new(unit.name, unit.dependencies.len(), name, what);
        let tools = bench.tools.iter().map(|tool| row(&tool.name, "miss"));
        Misses {
            bench,
            unit,
            original: fs::read(&unit.source).expect("the source can be read"),
            rows: (row("plain", "compile"), tools.collect()),
            token: 0,
        }
    }

    /// Ours each time beside a plain compile, first or second in turn; of the
    /// large units the peers' once or twice, or not at all.
    fn take_turns(&mut self) {
        let first = self.plain().1;
        let options = &self.bench.options;
        // Two compiles side by side differ by a tenth either way: many pairs tell more.
        let runs = ((PATIENCE / first.ms()) as usize).clamp(5, 60);
        let peers = match first.ms() > LARGE {
            true if self.unit.is_huge() => options.times(1, 0),
            true => options.times(2, 0),
            false => options.times(25, 15).min(runs),
        };
        let name = self.unit.name;
        self.bench.say(&format!("misses: {name}, {runs} runs"));
        for run in 0..runs {
            self.touch();
            let bench = self.bench;
            for (number, tool) in bench.tools.iter().enumerate() {
                if !tool.is_ours() && run >= peers {
                    continue;
                }
                match (tool.is_ours(), run % 2) {
                    (true, 0) => {
                        let object = self.plain_row();
                        self.miss(number, tool, Some(object));
                    }
                    (true, _) => {
                        let object = self.miss(number, tool, None);
                        let plain = self.plain_row();
                        self.rows.1[number].compare(&object, &plain);
                    }
                    (false, _) => drop(self.miss(number, tool, None)),
                }
            }
        }
    }

    /// Makes the source one that nobody has seen. What was written in the last
    /// moment is looked at twice by most caches; nobody compiles that fast.
    fn touch(&mut self) {
        self.token += 1;
        let mut text = self.original.clone();
        text.extend(format!("\nint bench_token_{};\n", self.token).bytes());
        fs::write(&self.unit.source, text).expect("the source can be written");
        std::thread::sleep(Duration::from_millis(30));
    }

    fn plain(&self) -> (Vec<u8>, crate::measure::Sample) {
        let sample = self.bench.helpers.compile(self.unit, None);
        (self.unit.take_object(), sample)
    }

    fn plain_row(&mut self) -> Vec<u8> {
        let (object, sample) = self.plain();
        self.rows.0.add(sample);
        object
    }

    fn miss(&mut self, number: usize, tool: &Tool, expected: Option<Vec<u8>>) -> Vec<u8> {
        let sample = self.bench.helpers.compile(self.unit, Some(tool));
        let object = self.unit.take_object();
        let row = &mut self.rows.1[number];
        row.add(sample);
        if let Some(expected) = expected {
            row.compare(&object, &expected);
        }
        object
    }
}

fn judge(plain: Row, mut rows: Vec<Row>, unit: &Unit, results: &mut Results) {
    for row in &mut rows {
        row.to_plain = (!row.samples.is_empty()).then(|| row.ratio_to(&plain));
    }
    let large = plain.wall_median() > LARGE;
    let limit = if large { 1.02 } else { 1.10 };
    if let Some(ratio) = rows.first().and_then(|ours| ours.to_plain) {
        let what = format!("true miss, {}: to plain compile", unit.name);
        results.at_most(what, limit, "x", ratio);
    }
    results.rows.push(plain);
    results
        .rows
        .extend(rows.into_iter().filter(|row| !row.samples.is_empty()));
}
