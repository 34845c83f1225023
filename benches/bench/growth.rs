//! How a hit's time grows: with dependencies, with the object, with variants.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Bench;
use crate::results::{Results, Series, minimum};
use crate::units::Unit;

/// Headers to a folder.
const FOLDER: usize = 100;

pub fn measure(bench: &Bench, results: &mut Results) {
    let growth = Growth { bench };
    results.series.push(growth.dependencies());
    results.series.push(growth.object_size());
    results.series.push(growth.variants());
}

struct Growth<'a> {
    bench: &'a Bench,
}

impl Growth<'_> {
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.bench.root().join("growth").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Adds the minima of hits of `unit` at `x`, of the tools and the floor.
    fn point(&self, unit: &Unit, x: f64, series: &mut Series) {
        let tools = self.bench.plain_tools();
        let object = self.bench.prime(unit, tools.iter().copied());
        let mut times = vec![Vec::new(); tools.len() + 1];
        for _ in 0..self.bench.options.times(20, 7) {
            for (tool, times) in tools.iter().zip(&mut times) {
                unit.take_object();
                times.push(self.bench.helpers.compile(unit, Some(tool)).ms());
                let made = unit.take_object();
                assert!(made == object, "{}: another object", tool.name);
            }
            times[tools.len()].push(self.bench.helpers.floor(unit, &object).ms());
        }
        let names = tools.iter().map(|tool| tool.name.as_str()).chain(["floor"]);
        for (name, times) in names.zip(&times) {
            series.add(name, x, minimum(times));
        }
    }

    fn dependencies(&self) -> Series {
        let mut series = Series {
            name: "dependencies",
            title: "Time of a hit over the number of dependencies",
            x: "dependencies",
            y: "ms (minimum)",
            x_log: true,
            y_log: true,
            lines: Vec::new(),
        };
        let most = self.bench.options.times(10_000, 1000);
        for count in [10, 30, 100, 300, 1000, 3000, 10_000] {
            if count <= most {
                self.bench.say(&format!("growth: {count} dependencies"));
                let unit = headers(&self.folder(&format!("d{count}")), count);
                self.point(&unit, count as f64, &mut series);
            }
        }
        series
    }

    fn object_size(&self) -> Series {
        let mut series = Series {
            name: "object-size",
            title: "Time of a hit over the size of the object",
            x: "bytes",
            y: "ms (minimum)",
            x_log: true,
            y_log: true,
            lines: Vec::new(),
        };
        let most = self.bench.options.times(30_000_000, 1_000_000);
        for size in [10_000, 100_000, 1_000_000, 10_000_000, 30_000_000] {
            if size <= most {
                self.bench
                    .say(&format!("growth: an object of {size} bytes"));
                let folder = self.folder(&format!("o{size}"));
                let text = format!("const char data[] =\n{};\n", words(size));
                fs::write(folder.join("data.c"), text).expect("a source");
                let unit = Unit::new("object", folder, "data.c", "/usr/bin/gcc", &[]);
                self.point(&unit, size as f64, &mut series);
            }
        }
        series
    }

    /// One command, a header that had many contents.
    fn variants(&self) -> Series {
        let mut series = Series {
            name: "variants",
            title: "Time of a hit over the variants in a manifest",
            x: "variants",
            y: "ms (minimum)",
            x_log: false,
            y_log: false,
            lines: Vec::new(),
        };
        let folder = self.folder("variants");
        fs::write(folder.join("v.h"), "int v0;\n").expect("a header");
        let text = "#include <stdio.h>\n#include <string.h>\n#include \"v.h\"\n";
        fs::write(folder.join("v.c"), text).expect("a source");
        let unit = Unit::new("variants", folder, "v.c", "/usr/bin/gcc", &[]);
        let mut held = 0;
        for count in [1, 2, 4, 8, 12, 16, 20, 24] {
            self.bench.say(&format!("growth: {count} variants"));
            for number in held..count {
                self.variant(&unit, number);
            }
            held = count;
            let newest = self.hits(&unit);
            self.variant(&unit, 0);
            let oldest = self.hits(&unit);
            series.add("newest variant", count as f64, newest);
            series.add("oldest variant", count as f64, oldest);
        }
        series
    }

    /// Gives the header its content with this number, and has it compiled.
    fn variant(&self, unit: &Unit, number: usize) {
        let header = unit.directory.join("v.h");
        fs::write(header, format!("int v{number};\n")).expect("a header");
        std::thread::sleep(Duration::from_millis(30));
        self.hit(unit);
        self.hit(unit);
    }

    fn hit(&self, unit: &Unit) -> f64 {
        let ours = self.bench.ours();
        self.bench.helpers.compile(unit, Some(ours)).ms()
    }

    fn hits(&self, unit: &Unit) -> f64 {
        let times: Vec<f64> = (0..20).map(|_| self.hit(unit)).collect();
        minimum(&times)
    }
}

/// A source that includes `count` headers, in folders of a hundred.
fn headers(folder: &Path, count: usize) -> Unit {
    let mut text = String::new();
    for n in 0..count {
        let part = format!("h{}", n / FOLDER);
        if n % FOLDER == 0 {
            fs::create_dir_all(folder.join(&part)).expect("a folder");
        }
        let name = format!("{part}/n{n}.h");
        fs::write(folder.join(&name), format!("extern int n{n};\n")).expect("a header");
        writeln!(text, "#include \"{name}\"").expect("text grows");
    }
    fs::write(folder.join("all.c"), text).expect("a source");
    Unit::new("headers", folder.to_owned(), "all.c", "/usr/bin/gcc", &[])
}

/// String literals of `size` characters that compress about as well as code does.
fn words(size: usize) -> String {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let dictionary: Vec<String> = (0..2048)
        .map(|_| format!("{:08x}", next() as u32))
        .collect();
    let mut text = String::with_capacity(size + size / 16);
    let mut written = 0;
    while written < size {
        text.push('"');
        for _ in 0..16 {
            text += &dictionary[next() as usize % dictionary.len()];
            written += 8;
        }
        text += "\"\n";
    }
    text
}
