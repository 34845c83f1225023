//! The servers and the proxy do what the tests of remote stores take for granted.

mod faults;
mod processes;
mod redis;
mod webdav;
mod weed;

/// The content of an object: neighbours differ, and nothing repeats soon.
fn bytes(length: u32) -> Vec<u8> {
    (0..length)
        .map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect()
}
