//! The platform: stamps of files, clocks, processes, the search for programs.
//!
//! Everything that asks the kernel in a way of its own stands here, behind
//! functions that the rest of the program can be read without knowing.

pub mod clock;
pub mod clone;
pub mod codec;
pub mod cpu;
pub mod detach;
pub mod disk;
pub mod filesystem;
pub mod fs;
pub mod memory;
pub mod paths;
pub mod process;
pub mod processor;
pub mod signals;
pub mod stamp;
pub mod start;
pub mod stdin;
pub mod unique;

pub use stamp::Stamp;
