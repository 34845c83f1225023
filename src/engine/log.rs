//! One call's decisions in plain words, for `CACHE_LOG`.

use std::fmt::Arguments;
use std::path::Path;

/// Collects the lines of one call and appends them in one write, so that the
/// lines of parallel compiles do not mix.
#[derive(Default)]
pub struct Log {
    lines: Option<String>,
}

impl Log {
    /// A log that keeps what it is told, if `wanted`.
    pub fn new(wanted: bool) -> Log {
        Log {
            lines: wanted.then(String::new),
        }
    }

    /// Whether anybody reads it.
    pub fn is_wanted(&self) -> bool {
        self.lines.is_some()
    }

    /// Notes one line.
    pub fn note(&mut self, line: Arguments<'_>) {
        if let Some(lines) = &mut self.lines {
            lines.push_str(&format!("[{}] {line}\n", std::process::id()));
        }
    }

    /// Appends everything to the file `path`.
    pub fn flush(&mut self, path: Option<&Path>) {
        let (Some(lines), Some(path)) = (&mut self.lines, path) else {
            return;
        };
        let file = fs_err::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        if let Ok(mut file) = file {
            let _ = std::io::Write::write_all(&mut file, lines.as_bytes());
        }
        lines.clear();
    }
}
