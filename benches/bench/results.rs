//! What was measured: samples by tool, what the targets came to, series.

use crate::measure::Sample;

/// One tool doing one thing to one unit.
pub struct Row {
    pub unit: String,
    pub dependencies: usize,
    pub tool: String,
    pub what: &'static str,
    pub samples: Vec<Sample>,
    pub identical: Option<bool>,
    /// Ratio of the medians to that of the faster ccache.
    pub to_ccache: Option<f64>,
    /// Ratio of the minima to that of the floor program.
    pub to_floor: Option<f64>,
    /// Median of the ratios to the plain run beside it.
    pub to_plain: Option<f64>,
}

impl Row {
    pub fn new(unit: &str, dependencies: usize, tool: &str, what: &'static str) -> Row {
        Row {
            unit: unit.to_owned(),
            dependencies,
            tool: tool.to_owned(),
            what,
            samples: Vec::new(),
            identical: None,
            to_ccache: None,
            to_floor: None,
            to_plain: None,
        }
    }

    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Notes whether an object is the plain compiler's; one that is not, counts for all.
    pub fn compare(&mut self, object: &[u8], expected: &[u8]) {
        let same = object == expected && !expected.is_empty();
        self.identical = Some(self.identical.unwrap_or(true) && same);
    }

    /// Milliseconds.
    pub fn wall_min(&self) -> f64 {
        minimum(&self.walls())
    }

    /// Milliseconds.
    pub fn wall_median(&self) -> f64 {
        median(self.walls())
    }

    /// Milliseconds.
    pub fn cpu_median(&self) -> f64 {
        median(self.samples.iter().map(|s| s.cpu as f64 / 1e3).collect())
    }

    /// Megabytes (10^6) at the largest, median of the runs.
    pub fn memory(&self) -> f64 {
        let bytes = |s: &Sample| (s.memory * 1024) as f64;
        median(self.samples.iter().map(|s| bytes(s) / 1e6).collect())
    }

    /// Median of the ratios to the run of `other` with the same number.
    pub fn ratio_to(&self, other: &Row) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(a, b)| a.ms() / b.ms()).collect())
    }

    /// Median of the milliseconds above the run of `other` with the same number.
    pub fn above(&self, other: &Row) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(a, b)| a.ms() - b.ms()).collect())
    }

    fn walls(&self) -> Vec<f64> {
        self.samples.iter().map(Sample::ms).collect()
    }
}

/// 0 without values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => 0.0,
        sorted if sorted.len() % 2 == 1 => sorted[middle],
        sorted => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// 0 without values.
pub fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().reduce(f64::min).unwrap_or(0.0)
}

/// Whether a figure has to be small or large.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    AtMost,
    AtLeast,
}

/// A line of the table of targets.
pub struct Target {
    pub what: String,
    pub bound: Bound,
    pub limit: f64,
    /// What the figures are: `x`, `ms`, `s`, `MB`; or nothing, for a number.
    pub unit: &'static str,
    pub measured: f64,
}

impl Target {
    pub fn met(&self) -> bool {
        match self.bound {
            Bound::AtMost => self.measured <= self.limit,
            Bound::AtLeast => self.measured >= self.limit,
        }
    }
}

/// How a figure grows with something else: one chart.
pub struct Series {
    /// Name of its file and of its entry in JSON.
    pub name: &'static str,
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    pub x_log: bool,
    pub y_log: bool,
    /// Lines by name; points by x.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Series {
    pub fn add(&mut self, line: &str, x: f64, y: f64) {
        match self.lines.iter_mut().find(|(name, _)| name == line) {
            Some((_, points)) => points.push((x, y)),
            None => self.lines.push((line.to_owned(), vec![(x, y)])),
        }
    }
}

#[derive(Default)]
pub struct Results {
    pub rows: Vec<Row>,
    pub targets: Vec<Target>,
    pub series: Vec<Series>,
    /// Figures without a target, as (what, figure, unit).
    pub figures: Vec<(String, f64, &'static str)>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl Results {
    pub fn at_most(
        &mut self,
        what: impl Into<String>,
        limit: f64,
        unit: &'static str,
        measured: f64,
    ) {
        self.target(what.into(), Bound::AtMost, limit, unit, measured);
    }

    pub fn at_least(
        &mut self,
        what: impl Into<String>,
        limit: f64,
        unit: &'static str,
        measured: f64,
    ) {
        self.target(what.into(), Bound::AtLeast, limit, unit, measured);
    }

    fn target(
        &mut self,
        what: String,
        bound: Bound,
        limit: f64,
        unit: &'static str,
        measured: f64,
    ) {
        self.targets.push(Target {
            what,
            bound,
            limit,
            unit,
            measured,
        });
    }

    pub fn figure(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push((what.into(), value, unit));
    }

    /// Something is left out: said at once and in the report.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("\n*** {text}\n");
        self.notes.push(text);
    }
}
