//! `cache clean`.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressStyle};

use super::args::CleanArgs;
use super::open_store;
use crate::config::Config;
use crate::store::{CleanOptions, Limits, Namespace, Store, Usage};

/// A clean that takes longer shows how far it is.
const PATIENCE: Duration = Duration::from_millis(500);

pub fn run(config: &Config, wanted: &CleanArgs) -> anyhow::Result<String> {
    if config.read_only && !wanted.dry_run {
        anyhow::bail!("the configuration says `read_only`; nothing was removed");
    }
    let root = open_store(config)?;
    let store: Box<dyn Store> = match &wanted.namespace {
        None => Box::new(root),
        Some(name) => root.namespace(&Namespace::new(name)?),
    };
    let options = CleanOptions {
        limits: limits(config, wanted),
        dry_run: wanted.dry_run,
    };
    let mut bar = Bar::new();
    let cleaned = store.clean(&options, &mut |done, all| bar.show(done, all))?;
    bar.finish();
    Ok(format!(
        "{} {} from {}\nLeft: {}\n",
        if wanted.dry_run {
            "Would remove"
        } else {
            "Removed"
        },
        usage(cleaned.removed),
        place(config, wanted),
        usage(cleaned.left),
    ))
}

/// Without a limit, everything goes.
fn limits(config: &Config, wanted: &CleanArgs) -> Limits {
    let disk = || crate::sys::disk::size_of_file_system(&config.dir);
    let max_size = wanted.max_size.map(|size| {
        // A share of a disk that says nothing about itself: keep all.
        size.resolve(disk, u64::MAX).unwrap_or(0)
    });
    match (max_size, wanted.max_age) {
        (None, None) => Limits {
            max_size: Some(0),
            max_age: None,
        },
        (max_size, max_age) => Limits { max_size, max_age },
    }
}

fn usage(usage: Usage) -> String {
    let entries = if usage.entries == 1 {
        "entry"
    } else {
        "entries"
    };
    let size = ByteSize(usage.bytes).display().iec();
    format!("{} {entries}, {size}", usage.entries)
}

fn place(config: &Config, wanted: &CleanArgs) -> String {
    let dir = config.dir.display();
    match &wanted.namespace {
        None => dir.to_string(),
        Some(name) => format!("namespace {name} of {dir}"),
    }
}

/// A progress bar on a terminal, once it has taken a while.
struct Bar {
    started: Instant,
    terminal: bool,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new() -> Bar {
        Bar {
            started: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            bar: None,
        }
    }

    fn show(&mut self, done: u64, all: u64) {
        if !self.terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let template = "Cleaning [{bar:40}] {pos} of {len} ({eta} left)";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(all).with_style(style.progress_chars("=> "))
        });
        bar.set_length(all);
        bar.set_position(done);
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
