//! The servers and the proxy do what the tests of remote stores take for granted.

mod faults;
mod processes;
mod redis;
mod webdav;
mod weed;
