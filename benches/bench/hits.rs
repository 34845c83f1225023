//! Direct hits: time against the floor and against ccache, memory.

use crate::Bench;
use crate::results::{Results, Row};
use crate::units::Unit;

/// MB that a hit may take.
const MEMORY: f64 = 6.0;
/// The same for the unit with thousands of dependencies.
const MEMORY_LARGE: f64 = 12.0;

/// A peer that takes longer than this, in milliseconds, does not hit: three times say it.
const COMPILES: f64 = 1000.0;

pub fn measure(bench: &Bench, results: &mut Results) {
    for unit in &bench.units {
        bench.say(&format!(
            "hits: {} ({} dependencies)",
            unit.name,
            unit.dependencies.len()
        ));
        let object = bench.warm(unit);
        let (mut hits, floor) = take_turns(bench, unit, &object);
        judge(&mut hits, &floor, unit, results);
        results.rows.extend(hits);
        results.rows.push(floor);
    }
}

/// The tools and the floor program, in turn.
fn take_turns(bench: &Bench, unit: &Unit, object: &[u8]) -> (Vec<Row>, Row) {
    let row = |name: &str| Row::new(unit.name, unit.dependencies.len(), name, "hit");
    let mut hits: Vec<Row> = bench.tools.iter().map(|tool| row(&tool.name)).collect();
    let mut floor = row("floor");
    for _ in 0..bench.options.runs {
        for (tool, row) in bench.tools.iter().zip(&mut hits) {
            if !tool.is_ours() && row.samples.len() >= 3 && row.wall_min() > COMPILES {
                continue;
            }
            unit.take_object();
            row.add(bench.helpers.compile(unit, Some(tool)));
            row.compare(&unit.take_object(), object);
        }
        floor.add(bench.helpers.floor(unit, object));
        floor.compare(&unit.take_object(), object);
    }
    (hits, floor)
}

/// Fills in the ratios; the first row is ours.
fn judge(hits: &mut [Row], floor: &Row, unit: &Unit, results: &mut Results) {
    let fastest = fastest_ccache(hits);
    for row in hits.iter_mut() {
        row.to_floor = Some(row.wall_min() / floor.wall_min());
        row.to_ccache = fastest.map(|ccache| row.wall_median() / ccache);
    }
    let Some(ours) = hits.first() else { return };
    let name = unit.name;
    let ratio = ours.to_floor.unwrap_or_default();
    results.at_most(format!("hit, {name}: minimum to floor"), 1.5, "x", ratio);
    match ours.to_ccache {
        Some(ratio) => {
            let what = format!("hit, {name}: median to the faster ccache");
            results.at_most(what, 0.45, "x", ratio);
        }
        None => results.note("no ccache is here: its ratios are missing"),
    }
    let limit = if unit.is_huge() { MEMORY_LARGE } else { MEMORY };
    results.at_most(format!("hit, {name}: memory"), limit, "MB", ours.memory());
}

/// Median milliseconds of the faster of the ccaches, over one set of rows.
fn fastest_ccache(rows: &[Row]) -> Option<f64> {
    let ccaches = rows.iter().filter(|row| row.tool.starts_with("ccache"));
    ccaches.map(Row::wall_median).reduce(f64::min)
}
