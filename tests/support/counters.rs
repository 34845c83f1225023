//! The statistics counters, as `cache stats --format json` prints them: one
//! flat object.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Whole-number counters by name. Other fields are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(pub BTreeMap<String, i64>);

impl Counters {
    /// Asks the program under test; `environment` is complete (nothing is inherited).
    pub fn read<'a>(
        environment: impl IntoIterator<Item = (&'a String, &'a String)>,
        directory: &Path,
    ) -> Counters {
        let output = Command::new(super::cache_binary())
            .args(["stats", "--format", "json"])
            .env_clear()
            .envs(environment)
            .current_dir(directory)
            .output()
            .expect("cache stats runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "cache stats failed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Counters::parse(&text)
    }

    /// Reads the JSON text.
    pub fn parse(text: &str) -> Counters {
        let value: serde_json::Value =
            serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text:?}"));
        let object = value.as_object().expect("one flat object");
        Counters(
            object
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_i64()?)))
                .collect(),
        )
    }

    /// A counter; one that is not there has not counted.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What was counted since `before`; zeros are left out.
    pub fn since(&self, before: &Counters) -> Counters {
        Counters(
            self.0
                .iter()
                .map(|(name, now)| (name.clone(), now - before.get(name)))
                .filter(|(_, difference)| *difference != 0)
                .collect(),
        )
    }

    /// Hits of either mode.
    pub fn hits(&self) -> i64 {
        self.get("direct_cache_hit") + self.get("preprocessed_cache_hit")
    }

    /// Calls that were looked up.
    pub fn cacheable(&self) -> i64 {
        self.hits() + self.get("cache_miss")
    }
}
