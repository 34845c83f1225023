//! sys

pub mod disk;
