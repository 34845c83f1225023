//! What the agent remembers from one life to the next: figures of each store, and
//! which are down. `cache stats` reads it while no agent runs.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::place::Place;

macro_rules! figures {
    ($($name:ident $doc:literal;)*) => {
        /// What a store has done, since it was first used.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Figures {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Figures {
            /// All figures by name.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

figures! {
    hits "Look-ups that found an object.";
    kept "Results that were put into the local store after a hit.";
    not_kept "Results that could not be, or not in time.";
    misses "Look-ups that found none.";
    read_errors "Look-ups that failed.";
    skipped "Look-ups that were not made, because the store was down.";
    damaged "Objects that were not what had been written.";
    untrusted "Objects that `verify` did not believe.";
    writes "Objects written.";
    write_errors "Writes that failed.";
    dropped "Objects that were given up: too large, or too old by the time the store was up.";
    bytes_read "Bytes of objects read.";
    bytes_written "Bytes of objects written.";
}

/// Of one store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub figures: Figures,
    /// Since when it has been down, in seconds since 1970; `None`: it is up.
    pub down_since: Option<u64>,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// All stores, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(pub BTreeMap<String, Remembered>);

impl State {
    /// What is remembered; nothing if that cannot be read.
    pub fn read(place: &Place) -> State {
        fs_err::read(place.state())
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// # Errors
    /// Those of the file system; what was there stays then.
    pub fn write(&self, place: &Place) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(place.directory())?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(place.state()).map_err(|error| error.error)?;
        Ok(())
    }
}
