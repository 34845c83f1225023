//! The results: as tables for people, as JSON for tools, as a page.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::chart;
use crate::results::{Bound, Results, Row, Target};
use crate::tools::Tool;

/// What does not change during a run.
pub struct About {
    pub machine: Vec<(&'static str, String)>,
    pub tools: Vec<Tool>,
    /// Peers that could not be had.
    pub absent: Vec<String>,
    pub seconds: f64,
}

/// A table whose first line is its head.
struct Table(Vec<Vec<String>>);

impl Table {
    fn new(head: &[&str]) -> Table {
        Table(vec![head.iter().map(|&cell| cell.to_owned()).collect()])
    }

    /// With columns as wide as they have to be; all but the first `left` to the right.
    fn plain(&self, left: usize) -> String {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |n: usize| {
            self.0
                .iter()
                .map(|row| row[n].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            let mut line = String::new();
            for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = match n < left {
                    true => write!(line, "{cell:<width$}  "),
                    false => write!(line, "{cell:>width$}  "),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        for (n, row) in self.0.iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if n == 0 {
                let _ = writeln!(text, "|{}", " --- |".repeat(row.len()));
            }
        }
        text
    }
}

fn rows_table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "unit",
        "tool",
        "what",
        "deps",
        "runs",
        "min ms",
        "median ms",
        "cpu ms",
        "MB",
        "x floor",
        "x ccache",
        "x plain",
        "same object",
    ]);
    let ratio = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
    for row in rows {
        let same = match row.identical {
            None => "-",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        table.0.push(vec![
            row.unit.clone(),
            row.tool.clone(),
            row.what.to_owned(),
            match row.dependencies {
                0 => "-".to_owned(),
                number => number.to_string(),
            },
            row.samples.len().to_string(),
            format!("{:.2}", row.wall_min()),
            format!("{:.2}", row.wall_median()),
            format!("{:.2}", row.cpu_median()),
            format!("{:.1}", row.memory()),
            ratio(row.to_floor),
            ratio(row.to_ccache),
            ratio(row.to_plain),
            same.to_owned(),
        ]);
    }
    table
}

fn targets_table(targets: &[Target]) -> Table {
    let mut table = Table::new(&["what", "target", "measured", "met"]);
    for target in targets {
        let sign = match target.bound {
            Bound::AtMost => "at most",
            Bound::AtLeast => "at least",
        };
        table.0.push(vec![
            target.what.clone(),
            format!("{sign} {}", quantity(target.limit, target.unit)),
            quantity(target.measured, target.unit),
            if target.met() { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    table
}

fn figures_table(figures: &[(String, f64, &'static str)]) -> Table {
    let mut table = Table::new(&["what", "figure"]);
    for (what, value, unit) in figures {
        table.0.push(vec![what.clone(), quantity(*value, unit)]);
    }
    table
}

/// Two places behind the point where they say something.
fn quantity(value: f64, unit: &str) -> String {
    let text = match value {
        v if v == v.round() || v.abs() >= 1000.0 => format!("{v:.0}"),
        v if v.abs() >= 100.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    };
    format!("{text} {unit}").trim_end().to_owned()
}

/// All tables, for a terminal; the targets last.
pub fn text(results: &Results, about: &About) -> String {
    let mut text = String::new();
    for (what, value) in &about.machine {
        let _ = writeln!(text, "{what}: {value}");
    }
    for tool in &about.tools {
        let _ = writeln!(text, "{}: {}", tool.name, tool.version);
    }
    let _ = writeln!(text, "\n{}", rows_table(&results.rows).plain(3));
    let _ = writeln!(text, "{}", figures_table(&results.figures).plain(1));
    for line in &about.absent {
        let _ = writeln!(text, "ABSENT: {line}");
    }
    for note in &results.notes {
        let _ = writeln!(text, "NOTE: {note}");
    }
    let _ = writeln!(text, "\n{}", targets_table(&results.targets).plain(1));
    let met = results.targets.iter().filter(|target| target.met()).count();
    let _ = writeln!(
        text,
        "{met} of {} met, in {:.0} s",
        results.targets.len(),
        about.seconds
    );
    text
}

pub fn json(results: &Results, about: &About) -> String {
    let machine: serde_json::Map<String, Value> = about
        .machine
        .iter()
        .map(|(what, value)| ((*what).to_owned(), value.as_str().into()))
        .collect();
    let tools = about.tools.iter();
    let tools: Vec<Value> = tools
        .map(|t| json!({"name": t.name, "version": t.version, "daemon": t.has_daemon()}))
        .collect();
    let value = json!({
        "version": 2,
        "machine": machine,
        "seconds": about.seconds,
        "tools": tools,
        "absent": about.absent,
        "notes": results.notes,
        "rows": results.rows.iter().map(row_json).collect::<Vec<_>>(),
        "targets": results.targets.iter().map(target_json).collect::<Vec<_>>(),
        "figures": results.figures.iter()
            .map(|(what, value, unit)| json!({"what": what, "value": value, "unit": unit}))
            .collect::<Vec<_>>(),
        "series": results.series.iter().map(|s| json!({
            "name": s.name, "title": s.title, "x": s.x, "y": s.y,
            "lines": s.lines.iter()
                .map(|(name, points)| json!({"name": name, "points": points}))
                .collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn row_json(row: &Row) -> Value {
    json!({
        "unit": row.unit,
        "dependencies": row.dependencies,
        "tool": row.tool,
        "what": row.what,
        "runs": row.samples.len(),
        "wall_min_ms": row.wall_min(),
        "wall_median_ms": row.wall_median(),
        "cpu_median_ms": row.cpu_median(),
        "memory_mb": row.memory(),
        "ratio_to_floor": row.to_floor,
        "ratio_to_ccache": row.to_ccache,
        "ratio_to_plain": row.to_plain,
        "identical": row.identical,
    })
}

fn target_json(target: &Target) -> Value {
    json!({
        "what": target.what,
        "bound": match target.bound {
            Bound::AtMost => "at most",
            Bound::AtLeast => "at least",
        },
        "target": target.limit,
        "unit": target.unit,
        "measured": target.measured,
        "met": target.met(),
    })
}

/// Writes each series as `<directory>/<name>.svg`.
pub fn charts(results: &Results, directory: &Path) {
    std::fs::create_dir_all(directory).expect("the folder for charts can be made");
    for series in &results.series {
        let file = directory.join(format!("{}.svg", series.name));
        std::fs::write(file, chart::svg(series)).expect("a chart can be written");
    }
}

/// Puts the tables into a page, in the place of what stands between the markers of `part`.
pub fn write_page(results: &Results, about: &About, page: &Path, part: &str) {
    let begin = format!("<!-- begin {part}: written by the benchmark -->");
    let end = format!("<!-- end {part} -->");
    let text = std::fs::read_to_string(page).expect("the page can be read");
    let parts = text
        .split_once(&begin)
        .and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = parts.expect("the page has its markers");
    let tables = markdown(results, about);
    let text = format!("{head}{begin}\n{tables}{end}{tail}");
    std::fs::write(page, text).expect("the page can be written");
}

fn markdown(results: &Results, about: &About) -> String {
    let mut text = String::from("\n### Machine and tools\n\n");
    let mut table = Table::new(&["what", "is"]);
    for (what, value) in &about.machine {
        table.0.push(vec![(*what).to_owned(), value.clone()]);
    }
    for tool in &about.tools {
        table.0.push(vec![tool.name.clone(), tool.version.clone()]);
    }
    text += &table.markdown();
    for line in about.absent.iter().chain(&results.notes) {
        let _ = writeln!(text, "\nAbsent: {line}");
    }
    let _ = writeln!(
        text,
        "\n### Targets\n\n{}",
        targets_table(&results.targets).markdown()
    );
    let _ = writeln!(text, "### Rows\n\n{}", rows_table(&results.rows).markdown());
    let _ = writeln!(
        text,
        "### Further figures\n\n{}",
        figures_table(&results.figures).markdown()
    );
    let _ = writeln!(text, "The whole run took {:.0} s.\n", about.seconds);
    text
}
