//! `cache clean`.

use bytesize::ByteSize;

use super::args::CleanArgs;
use super::open_store;
use super::progress::Bar;
use crate::config::Config;
use crate::store::{CleanOptions, Limits, Namespace, Store, Usage};

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
    let mut bar = Bar::new("Cleaning");
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
