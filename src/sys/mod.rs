//! The platform: files, clocks, processes, terminals. Knows nothing of ours.

pub mod clone;
pub mod fs;
