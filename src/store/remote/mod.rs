//! Stores on other machines, as a compile sees them: one object per command and
//! source ([`pack`]), asked for and handed over through the agent ([`client`]), which
//! alone knows servers.

pub mod client;
pub mod pack;
pub mod place;
pub mod protocol;
pub mod spool;
pub mod state;
pub mod unpack;
