//! What a web server says that it was asked: lines of method, target and status.

use std::fs;
use std::path::PathBuf;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub status: u16,
}

/// An access log in the format `METHOD TARGET STATUS`.
#[derive(Clone, Debug)]
pub struct AccessLog(pub PathBuf);

impl AccessLog {
    /// The lines written so far, complete ones only. A server writes a line after
    /// it has answered, so that the last ones may be missing.
    pub fn lines(&self) -> Vec<Logged> {
        let bytes = fs::read(&self.0).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| parse(line.trim_end()).unwrap_or_else(|| panic!("{line:?}")))
            .collect()
    }
}

fn parse(line: &str) -> Option<Logged> {
    let (rest, status) = line.rsplit_once(' ')?;
    let (method, path) = rest.split_once(' ')?;
    Some(Logged {
        method: method.into(),
        path: path.into(),
        status: status.parse().ok()?,
    })
}
