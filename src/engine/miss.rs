//! A miss: the compiler runs, what it says is passed on, and the result is stored.

use std::os::unix::ffi::OsStrExt;

use super::ahead::{self, Ahead};
use super::surroundings::Surroundings;
use super::terminal::Terminal;
use super::{Cached, End, comments, compile, key, notice, observe, record, sides, undeclared};
use crate::entry::BlobName;
use crate::hash::Key;
use crate::stats::Counter;
use crate::sys::clock::Nanos;
use crate::sys::{memory, process};

/// Names under which a result may be found besides its manifest.
pub struct ResultKeys {
    /// From the preprocessed text.
    pub preprocessed: Option<Key>,
    /// Of the command's kin, where there is no manifest.
    pub kin: Option<Key>,
}

impl Cached<'_> {
    /// Runs the compiler, passes on what it says, and stores the result. `manifest` is
    /// what is stored of this command.
    pub(super) fn compile(
        &mut self,
        keys: &ResultKeys,
        ingredients: &key::Ingredients<'_>,
        manifest: Option<&[u8]>,
        terminal: &Terminal,
    ) -> End {
        if self.command.traits.has_unknown {
            self.watch = Some(undeclared::Watch::begin(self.command));
        }
        self.before = sides::Before::look(self.command);
        let newest = self.newest_input(manifest);
        let family = self.identity.family;
        let running = match compile::start(&self.call, family, self.command, terminal, newest) {
            Ok(running) => running,
            Err(error) => return End::HandOver(Counter::InternalError, error.to_string()),
        };
        if !self.config.read_only {
            self.ahead = self.prepare(keys, ingredients, manifest, running.started);
        }
        let compiled = match running.finish() {
            Ok(compiled) => compiled,
            Err(error) => return End::HandOver(Counter::InternalError, error.to_string()),
        };
        let streams = &compiled.captured;
        process::write_stream(rustix::stdio::stdout(), &streams.stdout);
        process::write_stream(rustix::stdio::stderr(), &streams.stderr);
        self.tally.compiled(compiled.duration);
        if !streams.status.success() {
            observe::leave(self, &compiled);
            self.tally.count(Counter::CompileFailed, "");
            return End::Status(streams.status);
        }
        if self.config.read_only {
            observe::leave(self, &compiled);
            self.tally.count(Counter::CacheMiss, "");
            self.tally.count_also(Counter::ReadOnlyMiss);
            return End::Exit(0);
        }
        match record::record(self, &compiled, keys.preprocessed) {
            Ok(()) => {
                if let Some(key) = &keys.kin {
                    self.join_kin(key);
                }
                let recached = self.config.recache;
                let counter = if recached {
                    Counter::Recache
                } else {
                    Counter::CacheMiss
                };
                self.tally.count(counter, "");
                self.tally.count_also(Counter::LocalStorageWrite);
                self.tally.note(format_args!("miss: compiled and stored"));
            }
            // A store that fails does not make the call uncacheable.
            Err(refusal) if refusal.counter == Counter::StoreError => {
                self.tally.note(format_args!("not stored: {}", refusal.why));
                self.tally.count(Counter::CacheMiss, "");
                self.tally.count_also(Counter::StoreError);
                let text = format!("{}; compiling without the cache", refusal.why);
                let topic = self.config.dir.as_os_str().as_bytes();
                notice::say_once(self.environment, topic, &text);
            }
            Err(refusal) => {
                self.tally
                    .note(format_args!("compiled, not stored: {}", refusal.why));
                self.tally.count(refusal.counter, &refusal.why);
            }
        }
        End::Exit(0)
    }

    /// What takes time and can be done while the compiler runs. `started` is when it
    /// began.
    fn prepare(
        &mut self,
        keys: &ResultKeys,
        ingredients: &key::Ingredients<'_>,
        manifest: Option<&[u8]>,
        started: Nanos,
    ) -> Option<Ahead> {
        memory::expect_many_buffers();
        let listed = ahead::list(self, manifest);
        let blobs = record::expected_blobs(self.command);
        // See `key::direct_key`.
        let result = keys.preprocessed.unwrap_or(self.manifest);
        self.stores.results.expect_put(&result, &blobs);
        let manifests = &self.stores.manifests;
        manifests.expect_put(&self.manifest, &[BlobName::MANIFEST]);
        // A first compile may fail: it joins its kin when it has a manifest.
        if manifest.is_some()
            && self.config.direct_mode
            && let Some(key) = self.kin_key(ingredients)
        {
            self.join_kin(&key);
        }
        if !listed.is_empty() {
            self.search = self.search_paths();
        }
        let around = self.search.clone();
        let around = around.map(|search| Surroundings::of(self, search));
        ahead::read(comments::Blind::new(self), listed, around.as_ref(), started)
    }
}
