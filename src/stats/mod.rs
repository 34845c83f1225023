//! Statistics: what happened, call by call, and sums of it.
//!
//! Each call appends one [`Event`] to a [`Journal`]; everything that is
//! reported is a fold over the journal. [`Counter`] is the table of what can
//! be counted.

mod counters;
mod journal;
mod record;
mod reference;
mod report;
mod totals;

use std::collections::BTreeMap;

pub use counters::{Counter, Group};
pub use journal::Journal;
pub use record::{Event, LONGEST_DETAIL};
pub use reference::reference_page;
pub use report::{Local, NamespaceUsage, RemoteStore, Report};
pub use totals::Totals;

/// What a journal sums up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    /// Everything.
    pub all: Totals,
    /// By configured namespace; the empty name stands for none.
    pub namespaces: BTreeMap<String, Totals>,
    /// When counting was last started from zero (milliseconds since 1970), 0 for never.
    pub zeroed_ms: u64,
    /// What could not be read.
    pub notes: Vec<String>,
}
