//! A progress bar on a terminal, once something has taken a while.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What takes longer shows how far it is.
const PATIENCE: Duration = Duration::from_millis(500);

pub struct Bar {
    doing: &'static str,
    started: Instant,
    terminal: bool,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// `doing` is a word like "Cleaning".
    pub fn new(doing: &'static str) -> Bar {
        Bar {
            doing,
            started: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            bar: None,
        }
    }

    pub fn show(&mut self, done: u64, all: u64) {
        if !self.terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let doing = self.doing;
        let bar = self.bar.get_or_insert_with(|| {
            let template = format!("{doing} [{{bar:40}}] {{pos}} of {{len}} ({{eta}} left)");
            let style = ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(all).with_style(style.progress_chars("=> "))
        });
        bar.set_length(all);
        bar.set_position(done);
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
