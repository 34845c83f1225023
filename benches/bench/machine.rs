//! What the figures were made on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Lines of (what, text).
pub fn describe(root: &Path) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let kernel = format!(
        "{} {}",
        read("/proc/sys/kernel/ostype"),
        read("/proc/sys/kernel/osrelease")
    );
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| w != "--bench")
        .collect();
    vec![
        ("arguments", words.join(" ")),
        ("date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        (
            "processor",
            format!("{} ({cores} cores)", field("/proc/cpuinfo", "model name")),
        ),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", kernel),
        (
            "file system",
            said("stat", &["-f", "-c", "%T", &root.display().to_string()]),
        ),
        ("to make a file there", format!("{:.0} us", file_cost(root))),
        ("compiler", said("/usr/bin/gcc", &["--version"])),
        (
            "load before",
            load.split(' ').next().unwrap_or_default().to_owned(),
        ),
    ]
}

/// The median of what an empty file in a new folder takes, in microseconds: tens of
/// them, or hundreds where many were removed lately.
fn file_cost(root: &Path) -> f64 {
    let folder = root.join("files");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let mut times: Vec<f64> = (0..101)
        .map(|number| {
            let begun = Instant::now();
            fs::File::create(folder.join(number.to_string())).expect("a file can be made");
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The value of the first line `name : value`.
fn field(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or_else(|| "?".to_owned(), |(_, value)| value.trim().to_owned())
}

/// The first line that a command prints.
fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or("?").trim().to_owned()
}
