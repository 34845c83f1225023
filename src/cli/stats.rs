//! `cache stats`.

use std::time::SystemTime;

use anyhow::Context as _;

use super::args::{Format, StatsArgs};
use super::{open_store, output};
use crate::config::Config;
use crate::stats::{Journal, Local, NamespaceUsage, RemoteStore, Report};
use crate::store::Store as _;
use crate::store::remote::client::Client;
use crate::store::remote::place::Place;
use crate::store::remote::state::State;

pub fn run(config: &Config, wanted: &StatsArgs) -> anyhow::Result<String> {
    let journal = Journal::new(&config.dir).umask(config.umask);
    if wanted.zero {
        journal
            .zero()
            .with_context(|| format!("cannot write to {}", config.dir.display()))?;
        Client::zero(&Place::of(&config.dir)).context("cannot zero the remote stores' figures")?;
        return Ok("Counting from zero from now on.\n".to_owned());
    }
    let since = wanted.since.as_ref();
    let start = since.and_then(|since| SystemTime::now().checked_sub(since.length));
    let fold = journal
        .fold(start)
        .with_context(|| format!("cannot read the journal in {}", config.dir.display()))?;
    let local = match local(config) {
        Ok(local) => Some(local),
        Err(error) => {
            output::complain("warning", &format!("{error:#}"));
            None
        }
    };
    let report = Report {
        fold,
        local,
        since: since.map(|since| since.text.clone()),
        stores: remote_stores(config),
    };
    Ok(match wanted.format {
        Format::Human => report.human(),
        Format::Json => report.json(),
    })
}

fn remote_stores(config: &Config) -> Vec<RemoteStore> {
    let place = Place::of(&config.dir);
    Client::have_figures_written(&place);
    let state = State::read(&place);
    let stores = state.0.into_iter().map(|(name, remembered)| RemoteStore {
        name,
        figures: remembered.figures.all(),
        is_down: remembered.down_since.is_some(),
        trouble: remembered.trouble,
    });
    stores.collect()
}

fn local(config: &Config) -> anyhow::Result<Local> {
    let store = open_store(config)?;
    let usage = store.stats()?;
    let namespaces = store.usage_by_namespace()?.into_iter();
    Ok(Local {
        dir: config.dir.display().to_string(),
        entries: usage.entries,
        bytes: usage.bytes,
        max_bytes: config.max_size_bytes(),
        namespaces: namespaces
            .map(|(name, usage)| NamespaceUsage {
                name,
                entries: usage.entries,
                bytes: usage.bytes,
            })
            .collect(),
    })
}
