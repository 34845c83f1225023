//! Keeping what is to be remembered of each store.

use std::time::{Duration, SystemTime};

use super::tier::Tier;
use crate::store::remote::state::State;

/// Brings the entry of a store up to date.
pub fn note(state: &mut State, tier: &Tier) {
    let entry = state.0.entry(tier.name().to_owned()).or_default();
    entry.figures = tier.figures();
    entry.trouble = tier.last_trouble();
    entry.down_since = match (tier.reading.is_open(), entry.down_since) {
        (false, _) => None,
        (true, Some(since)) => Some(since),
        (true, None) => Some(now()),
    };
}

/// Gives a store that is opened anew what is remembered of it.
pub fn recall(state: &State, tier: &Tier) {
    let Some(entry) = state.0.get(tier.name()) else {
        return;
    };
    tier.continue_from(entry.figures.clone());
    if let Some(since) = entry.down_since {
        let age = Duration::from_secs(now().saturating_sub(since));
        tier.reading.remember(age);
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
