//! One clean of a store at a time: an object that only one can make.
//!
//! ```text
//! <prefix>/clean-lease = until (seconds since 1970) " " owner
//! ```
//!
//! `owner` is an agent's place on its machine. A clean that was interrupted gives its
//! lease back; one whose agent was killed left its own behind, which keeps out others
//! until it has had its time, and this machine not at all.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::backend::{Body, Put};
use super::tier::{Tier, lock};
use crate::hash::KeyHasher;
use crate::store::remote::place::Place;

/// How long a clean keeps others out unless it says again that it is alive.
const LEASE: Duration = Duration::from_secs(300);

/// What this agent holds, by store and name.
static HELD: Mutex<Option<HashSet<(String, String)>>> = Mutex::new(None);

/// The right to clean a store. Given back when dropped, at the latest.
pub struct Lease {
    tier: Arc<Tier>,
    name: String,
    owner: String,
    renewed: Mutex<Instant>,
    is_held: bool,
}

impl Lease {
    /// # Errors
    /// Why it is not to be had, in words.
    pub async fn take(place: &Place, tier: &Arc<Tier>) -> Result<Lease, String> {
        let name = match tier.config.write_prefix.as_str() {
            "" => "clean-lease".to_owned(),
            prefix => format!("{prefix}/clean-lease"),
        };
        let id = (tier.name().to_owned(), name.clone());
        if !lock(&HELD).get_or_insert_default().insert(id) {
            return Err("another clean is at it on this machine".into());
        }
        let mut lease = Lease {
            tier: tier.clone(),
            name,
            owner: owner(place),
            renewed: Mutex::new(Instant::now()),
            is_held: false,
        };
        let put = lease.put(true).await?;
        if put == Put::Exists {
            lease.take_over().await?;
        }
        lease.is_held = true;
        Ok(lease)
    }

    async fn put(&self, if_absent: bool) -> Result<Put, String> {
        let until = SystemTime::now() + LEASE;
        let until = until.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let body = Body::Bytes(format!("{until} {}", self.owner).into());
        let put = self.tier.backend.put(&self.name, body, if_absent).await;
        put.map_err(|error| error.text)
    }

    /// Takes one that is there: it is over, or our own.
    async fn take_over(&self) -> Result<(), String> {
        let mut held = Vec::new();
        let got = self.tier.backend.get(&self.name, &mut held).await;
        got.map_err(|error| error.text)?;
        let text = String::from_utf8_lossy(&held);
        let mut words = text.split_whitespace();
        let until = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let is_ours = words.next() == Some(&self.owner);
        if !is_ours && UNIX_EPOCH + Duration::from_secs(until) > SystemTime::now() {
            return Err(
                "another clean is at it; if it died, it is out of the way in some minutes".into(),
            );
        }
        self.put(false).await.map(drop)
    }

    /// Says now and then that the clean goes on.
    pub async fn renew(&self) {
        let is_due = {
            let mut renewed = lock(&self.renewed);
            let is_due = renewed.elapsed() > LEASE / 3;
            if is_due {
                *renewed = Instant::now();
            }
            is_due
        };
        if is_due {
            let _ = self.put(false).await;
        }
    }

    /// Waits until others can have it.
    pub async fn give_back(mut self) {
        self.is_held = false;
        let _ = self.tier.backend.delete(&self.name).await;
    }
}

/// Whoever asked for the clean may have gone away.
impl Drop for Lease {
    fn drop(&mut self) {
        let id = (self.tier.name().to_owned(), self.name.clone());
        if self.is_held {
            let (tier, name) = (self.tier.clone(), self.name.clone());
            tokio::spawn(async move {
                let _ = tier.backend.delete(&name).await;
                lock(&HELD).get_or_insert_default().remove(&id);
            });
        } else {
            lock(&HELD).get_or_insert_default().remove(&id);
        }
    }
}

/// There is one agent for a place, and one place of this name on a machine.
fn owner(place: &Place) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let mut hasher = KeyHasher::new("lease");
    hasher.field("place", place.directory().as_os_str().as_bytes());
    hasher.finish().hex()
}
