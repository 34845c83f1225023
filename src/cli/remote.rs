//! `cache agent`, `cache store`, `cache push`, `cache pull`, and `cache clean --store`:
//! what is asked of the agent and printed as it answers.

use anyhow::Context as _;

use super::args::{AgentCommand, CleanArgs, StoreCommand};
use super::progress::Bar;
use crate::config::stores::StoreConfig;
use crate::config::{Config, Environment, SizeLimit};
use crate::store::remote::client::Client;
use crate::store::remote::place::Place;
use crate::store::remote::protocol::{Reply, Request};

/// The configured remote stores and the way to the agent.
pub struct Remote {
    client: Client,
    stores: Vec<StoreConfig>,
}

impl Remote {
    pub fn new(config: &Config, env: &Environment) -> anyhow::Result<Remote> {
        let stores = config.stores(env)?;
        Ok(Remote {
            client: Client {
                place: Place::of(&config.dir),
                stores: serde_json::to_value(&stores)?,
                idle: config.agent_idle,
            },
            stores,
        })
    }

    fn must_have_stores(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.stores.is_empty(),
            "no remote store is configured; docs/stores.md tells how"
        );
        Ok(())
    }

    fn ask(&self, request: &Request, doing: &'static str) -> anyhow::Result<String> {
        let mut bar = Bar::new(doing);
        let answer = self
            .client
            .ask(request, &mut |done, of| bar.show(done, of))
            .context("cache-agent cannot be reached");
        bar.finish();
        match answer?.0 {
            Reply::Text { text, failed } => {
                anyhow::ensure!(!failed, "{text}");
                Ok(match text.is_empty() || text.ends_with('\n') {
                    true => text,
                    false => text + "\n",
                })
            }
            _ => Ok(String::new()),
        }
    }

    pub fn agent(&self, command: &AgentCommand) -> anyhow::Result<String> {
        let request = match command {
            AgentCommand::Status => Request::Status,
            AgentCommand::Stop => Request::Stop,
            AgentCommand::Flush => {
                if self.stores.is_empty() {
                    return Ok(String::new());
                }
                let stores = self.client.stores.clone();
                // Without an agent and with nothing to do, none is started; one that is
                // there may still write what it found into the local store.
                if self.client.place.spooled().is_empty() {
                    self.client.ask_if_there(&Request::Flush { stores })?;
                    return Ok(String::new());
                }
                return self.ask(&Request::Flush { stores }, "Uploading");
            }
        };
        let waiting = self.client.place.spooled().len();
        Ok(match self.client.ask_if_there(&request)? {
            None => format!("No agent is running; {waiting} waiting for upload\n"),
            Some(Reply::Text { text, .. }) => text,
            Some(_) => {
                self.client.wait_for_the_end();
                String::new()
            }
        })
    }

    pub fn store(&self, command: &StoreCommand) -> anyhow::Result<String> {
        self.must_have_stores()?;
        let stores = self.client.stores.clone();
        match command {
            StoreCommand::Check { store } => {
                let store = store.clone();
                self.ask(&Request::Check { stores, store }, "Checking")
            }
            StoreCommand::Usage { store } => {
                let store = store.clone();
                self.ask(&Request::Usage { stores, store }, "Counting")
            }
        }
    }

    pub fn copy(&self, from: &str, to: &str) -> anyhow::Result<String> {
        self.must_have_stores()?;
        let request = Request::Copy {
            stores: self.client.stores.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        self.ask(&request, "Copying")
    }

    pub fn clean(&self, wanted: &CleanArgs, store: &str) -> anyhow::Result<String> {
        self.must_have_stores()?;
        anyhow::ensure!(
            wanted.namespace.is_none(),
            "--namespace and --store do not go together yet: objects of all namespaces are cleaned"
        );
        let max_size = match wanted.max_size {
            None => None,
            Some(SizeLimit::Bytes(bytes)) => Some(bytes),
            Some(_) => anyhow::bail!("--max-size of a remote store is in bytes: 500M, 20G"),
        };
        let configured = self.stores.iter().find(|found| found.name == store);
        let has_limit = configured.is_some_and(|store| store.max_size.is_some());
        anyhow::ensure!(
            max_size.is_some() || wanted.max_age.is_some() || has_limit || configured.is_none(),
            "give --max-size or --max-age (--max-size 0 removes everything), or set max_size of the store"
        );
        let request = Request::Clean {
            stores: self.client.stores.clone(),
            store: store.to_owned(),
            max_size,
            max_age: wanted.max_age.map(|age| age.as_secs()),
            dry_run: wanted.dry_run,
        };
        self.ask(&request, "Cleaning")
    }
}
