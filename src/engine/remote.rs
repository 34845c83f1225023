//! Stores on other machines: asked after the local one, and handed what a compile
//! gave.
//!
//! What is asked for is named by the command and the content of its source, so that
//! two states of a project do not crowd each other out: what differs between the
//! variants under one name is headers.

use std::io::Write;

use super::Cached;
use super::direct::{self, Lookup};
use super::hit::Served;
use super::notice;
use super::session::disk_options;
use super::terminal::Terminal;
use crate::entry::Entry;
use crate::entry::manifest::{self, NewVariant};
use crate::hash::{Key, KeyHasher};
use crate::stats::Counter;
use crate::store::remote::client::{self, Client, Link};
use crate::store::remote::pack::{self, Pack, PackedResult};
use crate::store::remote::place::Place;
use crate::store::remote::protocol::{Local, MAX_BODY, Trouble};
use crate::store::remote::spool;
use crate::store::remote::unpack::Unpacking;

/// The remote stores, for one call.
pub struct Remote {
    client: Client,
    namespace: String,
    key: Key,
    /// Names of the stores that are written to.
    written: Vec<String>,
    is_read: bool,
    /// What they had, which did not stand.
    pack: Option<Pack>,
}

impl Cached<'_> {
    /// The remote stores, if there are any and they can be asked about this call.
    pub fn remote(&mut self) -> Option<Remote> {
        if !self.config.direct_mode {
            return None;
        }
        let stores = match self.config.stores(self.environment) {
            Ok(stores) => stores,
            Err(error) => {
                let text = format!("{error}; going on without remote stores");
                notice::say_once(self.environment, text.as_bytes(), &text);
                return None;
            }
        };
        if stores.is_empty() {
            return None;
        }
        // Nobody would ever empty the spool.
        if let Err(error) = client::program() {
            self.tally.count_also(Counter::RemoteStorageError);
            self.say(&[Trouble {
                store: String::new(),
                text: error.to_string(),
            }]);
            return None;
        }
        let mut hasher = KeyHasher::new("remote");
        hasher.field(
            "namespace",
            self.config
                .namespace
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
        );
        hasher.field("manifest", &self.manifest.0);
        if self.call.input.is_none() {
            let (digest, _) = crate::hash::file::digest(self.table, &self.command.source)?;
            hasher.field("source", &digest.0);
        }
        let read_only = self.config.read_only;
        let written = stores.iter().filter(|store| !store.read_only && !read_only);
        Some(Remote {
            namespace: self.config.namespace.clone().unwrap_or_default(),
            key: hasher.finish(),
            written: written.map(|store| store.name.clone()).collect(),
            is_read: stores.iter().any(|store| !store.write_only),
            pack: None,
            client: Client {
                place: Place::of(&self.config.dir),
                stores: serde_json::to_value(&stores).ok()?,
                idle: self.config.agent_idle,
            },
        })
    }

    /// Serves what a remote store has, and keeps it in the local one.
    pub fn remote_hit(&mut self, remote: &mut Remote, terminal: &Terminal) -> Served {
        if !remote.is_read || self.config.recache {
            return Served::Miss("remote stores are not read".into());
        }
        let answer = match remote.client.get(&remote.namespace, &remote.key) {
            Ok(answer) => answer,
            Err(error) => {
                self.tally.count_also(Counter::RemoteStorageError);
                let trouble = Trouble {
                    store: String::new(),
                    text: format!("cache-agent: {error}"),
                };
                self.say(&[trouble]);
                return Served::Miss(format!("cache-agent: {error}"));
            }
        };
        if !answer.trouble.is_empty() {
            self.tally.count_also(Counter::RemoteStorageError);
            self.say(&answer.trouble);
        }
        let found = answer.found.and_then(|found| {
            let pack = found.unpacker.unpack(found.pack, &remote.key)?;
            Some((found.store, pack, found.link))
        });
        let Some((store, Unpacking { manifest, results }, link)) = found else {
            self.tally.count_also(Counter::RemoteStorageMiss);
            return Served::Miss("no remote store has it".into());
        };
        let standing = self.standing(&manifest, terminal);
        let Some(pack) = results.wait() else {
            self.tally.count_also(Counter::RemoteStorageMiss);
            return Served::Miss("what a remote store has is no pack".into());
        };
        let served = self.serve_packed(standing, &pack, (&remote.key, link), terminal);
        match &served {
            Served::Exit => {
                self.tally.count_also(Counter::RemoteStorageHit);
                self.tally.note(format_args!("remote hit: from {store}"));
            }
            Served::Miss(_) => self.tally.count_also(Counter::RemoteStorageMiss),
        }
        remote.pack = Some(pack);
        served
    }

    /// `standing` is what stands of the pack's manifest, `origin` the pack's key, and whom
    /// it came from.
    fn serve_packed(
        &mut self,
        standing: Lookup<'_>,
        pack: &Pack,
        origin: (&Key, Link),
        terminal: &Terminal,
    ) -> Served {
        let found = match standing {
            Lookup::Found(found) => found,
            Lookup::Stale(why) => return Served::Miss(why),
            Lookup::Unreadable => return Served::Miss("its manifest cannot be read".into()),
        };
        let variant = &found.variant;
        let Some(result) = pack.result(&variant.result) else {
            return Served::Miss("its result is not with it".into());
        };
        if let Err(failure) = self.serve_entry(&result, variant, terminal) {
            return Served::Miss(failure);
        }
        self.tally
            .saved(Counter::DirectCacheHit, u64::from(variant.duration_ms));
        if !self.config.read_only
            && let Err(error) = self.keep(&found, &result, origin)
        {
            self.tally.note(format_args!("not kept: {error}"));
        }
        Served::Exit
    }

    /// Has the result put into the local store, with the stamps of this machine, so that
    /// the next hit looks no further. The agent does it, which has the pack: the caller
    /// has got all that it waits for.
    fn keep(
        &mut self,
        found: &direct::Match<'_>,
        result: &PackedResult,
        (key, link): (&Key, Link),
    ) -> Result<(), String> {
        let nonsense = || "its manifest makes no sense".to_owned();
        let manifest = found.alone().ok_or_else(nonsense)?;
        if manifest.len() as u64 > MAX_BODY {
            let variant = manifest::variants(&manifest).and_then(|mut all| all.next());
            let variant = variant.as_ref().and_then(manifest::to_new);
            let variant = variant.ok_or_else(nonsense)?;
            let stored = self.store_result(&result.to_entry(), &variant);
            return stored.map_err(|error| {
                self.tally.count_also(Counter::StoreError);
                error.to_string()
            });
        }
        let local = Local {
            options: disk_options(self.config),
            umask: crate::sys::fs::umask(),
            namespace: self.config.namespace.clone(),
            manifest: self.manifest.hex(),
            key: key.hex(),
        };
        let kept = link.keep(local, &manifest);
        kept.map_err(|error| format!("cache-agent: {error}"))
    }

    /// Hands a result to the remote stores.
    pub fn offer(&mut self, key: &Key, entry: &Entry, variant: &NewVariant) {
        let Some(remote) = self.remote.take() else {
            return;
        };
        if remote.written.is_empty() {
            return;
        }
        if !remote.client.may_spool() {
            self.tally.count_also(Counter::RemoteStorageError);
            self.tally
                .note(format_args!("not handed over: the spool is full"));
            return;
        }
        let head = spool::Head {
            namespace: remote.namespace.clone(),
            key: remote.key.hex(),
            stores: remote.written.clone(),
        };
        let older = remote.pack.as_ref();
        let manifest = |keys: &[Key]| packed_manifest(keys, variant, older);
        let write =
            |out: &mut dyn Write| pack::write(out, &remote.key, (key, entry), older, &manifest);
        let place = &remote.client.place;
        let added = place.make().and_then(|()| spool::add(place, &head, &write));
        match added {
            Ok(()) => {
                self.tally.count_also(Counter::RemoteStorageWrite);
                // The pack is safe; the next agent finds it.
                if let Err(error) = remote.client.spooled() {
                    self.tally.note(format_args!("cache-agent: {error}"));
                }
            }
            Err(error) => {
                self.tally.count_also(Counter::RemoteStorageError);
                self.tally.note(format_args!("not handed over: {error}"));
            }
        }
    }

    /// One line for each store in a while.
    fn say(&mut self, trouble: &[Trouble]) {
        for Trouble { store, text } in trouble {
            let line = match store.as_str() {
                "" => format!("{text}; going on without remote stores"),
                store => format!("store {store}: {text}; going on without it"),
            };
            self.tally.note(format_args!("{line}"));
            let topic = format!("{}\n{store}", self.config.dir.display());
            notice::say_once(self.environment, topic.as_bytes(), &line);
        }
    }
}

/// The manifest of the results with these keys, the first of which is `newest`'s.
fn packed_manifest(keys: &[Key], newest: &NewVariant, older: Option<&Pack>) -> Vec<u8> {
    let mut variants = vec![newest.clone()];
    let others = older.and_then(|older| manifest::variants(older.manifest()));
    for variant in others.into_iter().flatten() {
        if variant.result != newest.result && keys.contains(&variant.result) {
            variants.extend(manifest::to_new(&variant));
        }
    }
    manifest::portable(&variants)
}
