//! Calls that are not for a cache: what they take above the bare compiler.

use crate::Bench;
use crate::measure::Call;
use crate::results::{Results, Row};

pub fn measure(bench: &Bench, results: &mut Results) {
    let directory = bench.root().join("passthrough");
    std::fs::create_dir_all(&directory).expect("a folder");
    let text = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
    std::fs::write(directory.join("main.c"), text).expect("a source");
    let gcc = |words: &[&str]| {
        let words = std::iter::once(&"/usr/bin/gcc").chain(words);
        Call::new(&directory, words)
    };
    bench
        .helpers
        .run(&gcc(&["-c", "main.c", "-o", "main.o"]), None);
    let calls = [
        ("link", gcc(&["main.o", "-o", "main"])),
        ("-E", gcc(&["-E", "main.c", "-o", "main.i"])),
        ("--version", gcc(&["--version"])),
    ];
    for (name, call) in &calls {
        bench.say(&format!("pass-through: {name}"));
        one(bench, name, call, results);
    }
}

/// The bare compiler and every tool, in turn.
fn one(bench: &Bench, name: &str, call: &Call, results: &mut Results) {
    let row = |tool: &str| Row::new(name, 0, tool, "pass");
    let mut plain = row("plain");
    let mut rows: Vec<Row> = bench.tools.iter().map(|tool| row(&tool.name)).collect();
    for tool in &bench.tools {
        bench.helpers.run(call, Some(tool));
    }
    for _ in 0..bench.options.times(60, 20) {
        plain.add(bench.helpers.run(call, None));
        for (tool, row) in bench.tools.iter().zip(&mut rows) {
            row.add(bench.helpers.run(call, Some(tool)));
        }
    }
    for row in &mut rows {
        row.to_plain = Some(row.ratio_to(&plain));
        results.figure(
            format!("pass-through, {name}: {} above bare", row.tool),
            row.above(&plain),
            "ms",
        );
    }
    if let Some(ours) = rows.first() {
        let what = format!("pass-through, {name}: above the bare compiler");
        results.at_most(what, 0.5, "ms", ours.above(&plain));
    }
    results.rows.push(plain);
    results.rows.extend(rows);
}
