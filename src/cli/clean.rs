//! `cache clean`.

use std::time::Duration;

use bytesize::ByteSize;

use super::args::CleanArgs;
use super::open_store;
use super::progress::Bar;
use crate::config::{Config, Environment};
use crate::store::disk::DiskStore;
use crate::store::{CleanOptions, Limits, Namespace, Store as _, Usage};
use crate::sys::detach;

/// What is left to be done after this time goes on without us.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn run(config: &Config, env: &Environment, wanted: &CleanArgs) -> anyhow::Result<String> {
    if config.read_only && !wanted.dry_run {
        anyhow::bail!("the configuration says `read_only`; nothing was removed");
    }
    let root = open_store(config)?;
    let store: DiskStore = match &wanted.namespace {
        None => root,
        Some(name) => root.namespace_with(&Namespace::new(name)?, Limits::default()),
    };
    if wanted.rest {
        detach::behind_others();
        store.free_removed(&mut |_, _| ())?;
        return Ok(String::new());
    }
    let options = CleanOptions {
        limits: limits(config, wanted),
        dry_run: wanted.dry_run,
        patience: patience(env, wanted),
    };
    let mut bar = Bar::new("Cleaning");
    let cleaned = store.clean(&options, &mut |done, all| bar.show(done, all))?;
    bar.finish();
    let mut text = format!(
        "{} {} from {}\nLeft: {}\n",
        if wanted.dry_run {
            "Would remove"
        } else {
            "Removed"
        },
        usage(cleaned.removed),
        place(config, wanted),
        usage(cleaned.left),
    );
    if cleaned.freeing > 0 {
        match go_on(wanted) {
            Ok(()) => text.push_str(
                "Their disk space is being freed in the background (`cache clean --wait` waits for that)\n",
            ),
            // Nobody else would.
            Err(_) => store.free_removed(&mut |_, _| ())?,
        }
    }
    Ok(text)
}

/// How long to wait for the space to be free; `None` = as long as it takes.
fn patience(env: &Environment, wanted: &CleanArgs) -> Option<Duration> {
    match wanted.wait {
        Some(time) => time,
        None if env.in_ci() => None,
        None => Some(PATIENCE),
    }
}

/// Starts a process that frees what is left, and does not wait for it.
fn go_on(wanted: &CleanArgs) -> std::io::Result<()> {
    let name = wanted.namespace.as_deref();
    let words: Vec<&str> = name
        .into_iter()
        .flat_map(|name| ["--namespace", name])
        .collect();
    detach::start_freeing(None, &words)
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
