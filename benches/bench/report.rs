//! Rows of the result: as a table for people, as JSON for tools.

use crate::measure::Sample;
use crate::units::Unit;

/// One tool doing one thing to one unit.
pub struct Row {
    unit: &'static str,
    dependencies: usize,
    tool: String,
    what: &'static str,
    samples: Vec<Sample>,
    identical: Option<bool>,
    to_ccache: Option<f64>,
    to_floor: Option<f64>,
}

impl Row {
    pub fn new(unit: &Unit, tool: &str, what: &'static str) -> Row {
        Row {
            unit: unit.name,
            dependencies: unit.dependencies.len(),
            tool: tool.to_owned(),
            what,
            samples: Vec::new(),
            identical: None,
            to_ccache: None,
            to_floor: None,
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

    fn sorted(&self, of: impl Fn(&Sample) -> u64) -> Vec<u64> {
        let mut values: Vec<u64> = self.samples.iter().map(of).collect();
        values.sort_unstable();
        values
    }

    /// Milliseconds.
    fn wall_min(&self) -> f64 {
        self.sorted(|s| s.wall)
            .first()
            .map_or(0.0, |&ns| ns as f64 / 1e6)
    }

    /// Milliseconds.
    fn wall_median(&self) -> f64 {
        median(&self.sorted(|s| s.wall)) / 1e6
    }

    /// Milliseconds.
    fn cpu_median(&self) -> f64 {
        median(&self.sorted(|s| s.cpu)) / 1e3
    }
}

fn median(sorted: &[u64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted {
        [] => 0.0,
        _ if sorted.len() % 2 == 1 => sorted[middle] as f64,
        _ => (sorted[middle - 1] + sorted[middle]) as f64 / 2.0,
    }
}

/// Fills in the ratios of median wall times.
pub fn relate(rows: &mut [Row], floor: Option<&Row>) {
    let ccache = rows
        .iter()
        .find(|row| row.tool == "ccache")
        .map(Row::wall_median);
    for row in rows {
        row.to_ccache = ccache.map(|ccache| row.wall_median() / ccache);
        row.to_floor = floor.map(|floor| row.wall_median() / floor.wall_median());
    }
}

pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<16}{:>6}  {:<10}{:<8}{:>5}{:>10}{:>10}{:>10}{:>10}{:>9}  same object\n",
        "unit", "deps", "tool", "what", "runs", "min ms", "median", "cpu ms", "x ccache", "x floor"
    );
    let ratio = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
    for row in rows {
        let same = match row.identical {
            None => "-",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        text += &format!(
            "{:<16}{:>6}  {:<10}{:<8}{:>5}{:>10.2}{:>10.2}{:>10.2}{:>10}{:>9}  {same}\n",
            row.unit,
            row.dependencies,
            row.tool,
            row.what,
            row.samples.len(),
            row.wall_min(),
            row.wall_median(),
            row.cpu_median(),
            ratio(row.to_ccache),
            ratio(row.to_floor),
        );
    }
    text
}

pub fn json(rows: &[Row]) -> String {
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "unit": row.unit,
                "dependencies": row.dependencies,
                "tool": row.tool,
                "what": row.what,
                "runs": row.samples.len(),
                "wall_min_ms": row.wall_min(),
                "wall_median_ms": row.wall_median(),
                "cpu_median_ms": row.cpu_median(),
                "ratio_to_ccache": row.to_ccache,
                "ratio_to_floor": row.to_floor,
                "identical": row.identical,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(rows))
}
