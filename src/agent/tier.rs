//! One configured store, as the agent knows it: its connection, whether it is up,
//! what it is known not to have, and what it has done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::backend::{self, Backend, Failure};
use super::breaker::{Breaker, Permit};
use super::envelope::Keys;
use crate::config::stores::StoreConfig;
use crate::store::remote::state::Figures;

/// How long it is believed that something is not there.
const ABSENCE: Duration = Duration::from_secs(60);

/// More absent names are not remembered.
const MAX_ABSENT: usize = 100_000;

/// How long after a touch an object is not touched again.
pub const TOUCH_EVERY: Duration = Duration::from_secs(24 * 3600);

/// A store.
pub struct Tier {
    pub config: StoreConfig,
    pub backend: Arc<dyn Backend>,
    pub keys: Keys,
    /// Reading and writing fail apart: a full store still has what it has.
    pub reading: Breaker,
    pub writing: Breaker,
    absent: Mutex<HashMap<String, Instant>>,
    touched: Mutex<HashMap<String, Instant>>,
    /// Of all stores of this name: settings change, the store stays.
    figures: Arc<Mutex<Figures>>,
    last_trouble: Mutex<Option<String>>,
    /// Why uploads wait, if nobody has been told yet: there is no caller to tell when
    /// they fail.
    untold: Mutex<Option<String>>,
}

impl Tier {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// What is wrong with the settings, in words.
    pub fn open(config: StoreConfig) -> Result<Tier, String> {
        let keys = Keys::read(&config.trust)?;
        let backend = backend::open(&config).map_err(|error| error.text)?;
        Ok(Tier {
            config,
            backend,
            keys,
            reading: Breaker::default(),
            writing: Breaker::default(),
            absent: Mutex::default(),
            touched: Mutex::default(),
            figures: Arc::default(),
            last_trouble: Mutex::default(),
            untold: Mutex::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether anything may be written to it, and would be believed.
    pub fn is_written(&self) -> bool {
        !self.config.read_only && self.keys.can_write()
    }

    /// Names under which a pack is looked for.
    pub fn read_names(&self, namespace: &str, key: &str) -> Vec<String> {
        let prefixes = self.config.read_prefixes.iter();
        prefixes
            .map(|prefix| name(prefix, namespace, key))
            .collect()
    }

    /// The name under which a pack is put.
    pub fn write_name(&self, namespace: &str, key: &str) -> String {
        name(&self.config.write_prefix, namespace, key)
    }

    /// Whether `name` was not there a moment ago.
    pub fn is_known_absent(&self, name: &str) -> bool {
        let absent = lock(&self.absent);
        absent
            .get(name)
            .is_some_and(|since| since.elapsed() < ABSENCE)
    }

    pub fn note_absent(&self, name: String) {
        let mut absent = lock(&self.absent);
        if absent.len() >= MAX_ABSENT {
            absent.retain(|_, since| since.elapsed() < ABSENCE);
        }
        if absent.len() < MAX_ABSENT {
            absent.insert(name, Instant::now());
        }
    }

    pub fn note_present(&self, name: &str) {
        lock(&self.absent).remove(name);
    }

    /// Changes the figures.
    pub fn count(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut lock(&self.figures));
    }

    pub fn figures(&self) -> Figures {
        lock(&self.figures).clone()
    }

    /// Takes over what an earlier agent counted.
    pub fn continue_from(&self, figures: Figures) {
        *lock(&self.figures) = figures;
    }

    /// Counts together with `other`, which has the same name.
    pub fn count_with(&mut self, other: &Tier) {
        self.figures = other.figures.clone();
    }

    /// What went wrong last, for people.
    pub fn last_trouble(&self) -> Option<String> {
        lock(&self.last_trouble).clone()
    }

    /// Touches an object that was used, at most once a day, so that what deletes old
    /// objects deletes unused ones.
    pub fn keep_recent(self: &Arc<Tier>, name: String) {
        if !self.is_written() {
            return;
        }
        {
            let mut touched = lock(&self.touched);
            if touched.len() > MAX_ABSENT {
                touched.clear();
            }
            let recent = touched
                .get(&name)
                .is_some_and(|then| then.elapsed() < TOUCH_EVERY);
            if recent {
                return;
            }
            touched.insert(name.clone(), Instant::now());
        }
        let tier = self.clone();
        tokio::spawn(async move {
            let _ = tier.backend.touch(&name).await;
        });
    }

    /// A request failed: whether to tell the user, who has not heard of it yet.
    pub fn note_failure(&self, breaker: &Breaker, error: &backend::Error) -> bool {
        *lock(&self.last_trouble) = Some(error.text.clone());
        breaker.failed(error.failure)
    }

    /// A look-up failed. A server that does not answer takes no uploads either: they
    /// need not find that out again, eight at a time.
    pub fn note_unread(&self, error: &backend::Error) {
        self.note_failure(&self.reading, error);
        if matches!(error.failure, Failure::Connect | Failure::Timeout) {
            self.writing.failed(error.failure);
        }
    }

    /// An upload failed. That it took too long may be its size; without a connection
    /// nothing can be read.
    pub fn note_unwritten(&self, error: &backend::Error) {
        if error.failure == Failure::TooLarge {
            // The server is well, and the next one may be smaller.
            *lock(&self.last_trouble) = Some(error.text.clone());
            return self.writing.worked();
        }
        if error.failure == Failure::Connect {
            self.reading.failed(error.failure);
        }
        self.count(|figures| figures.write_errors += 1);
        if self.note_failure(&self.writing, error) {
            *lock(&self.untold) = Some(format!("uploads wait: {}", error.text));
        }
    }

    /// What the next caller is to hear of uploads.
    pub fn take_untold(&self) -> Option<String> {
        lock(&self.untold).take()
    }

    /// Whether to read now. Starts a probe where it is time for one.
    pub fn may_read(self: &Arc<Tier>) -> bool {
        match self.reading.permit() {
            Permit::Ask => true,
            Permit::Wait => false,
            Permit::Probe => {
                let tier = self.clone();
                tokio::spawn(async move {
                    // As a look-up asks: not every server, or user, can do more.
                    let name = tier.read_names("", PROBE).swap_remove(0);
                    match tier.backend.get(&name, &mut tokio::io::sink()).await {
                        Ok(_) => tier.reading.worked(),
                        Err(error) => {
                            tier.note_failure(&tier.reading, &error);
                        }
                    }
                });
                false
            }
        }
    }

    /// Whether to write now; an upload is its own probe, since nobody waits for it.
    pub fn may_write(&self) -> bool {
        self.writing.permit() != Permit::Wait
    }
}

/// Asked for to see whether a store is up.
const PROBE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The object's name: `prefix/namespace/hh/key`, without what is empty.
fn name(prefix: &str, namespace: &str, key: &str) -> String {
    let shard = key.get(..2).unwrap_or_default();
    let parts = [prefix, namespace, shard, key];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("/")
}

/// Whether a failure may be gone the next time, so that an upload is worth keeping.
pub fn may_pass(failure: Failure) -> bool {
    !matches!(failure, Failure::Unsupported | Failure::TooLarge)
}

/// A poisoned lock holds what it held.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
