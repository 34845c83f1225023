//! Where a compiler looks for headers, and who it is: read from what
//! `<cc> <probe arguments> -E -v -x LANG /dev/null` prints on stderr with
//! `LC_ALL=C`.
//!
//! ```text
//! Target: x86_64-linux-gnu
//! gcc version 12.2.0 (Debian 12.2.0-14+deb12u1)
//!  /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -E -quiet -v ...
//! ignoring nonexistent directory "/nonexist"
//! ignoring duplicate directory "/usr/include"
//!   as it is a non-system directory that duplicates a system directory
//! #include "..." search starts here:
//!  /opt
//! #include <...> search starts here:
//!  /tmp (framework directory)
//!  /usr/include
//! End of search list.
//! ```

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::command::{Class, Command};
use super::family::Family;

/// Header directories, in the order in which they are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPaths {
    /// Searched for `#include "..."` only, after the includer's own directory.
    pub quote: Vec<PathBuf>,
    /// Searched for both forms.
    pub angle: Vec<PathBuf>,
    /// Would be searched if they existed. The place in the order is not
    /// known: if one appears, the probe has to be made again.
    pub absent: Vec<PathBuf>,
    /// Left out of the lists because they are one of the directories in them by
    /// another name: as long as they are.
    pub duplicates: Vec<PathBuf>,
    /// Framework directories; a header in one is found by a rule of its own.
    pub frameworks: Vec<PathBuf>,
}

/// What the same text says about the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub family: Family,
    /// The compiler proper: gcc's `cc1`, `cc1plus`, ...; the binary behind
    /// `clang -cc1`, which is often not the one that was called.
    pub cc1: Option<PathBuf>,
    /// The line with the version.
    pub version: String,
    /// The target triple; empty if none is printed.
    pub target: String,
    pub search: SearchPaths,
}

/// The arguments of a compile that the probe needs: those that change where
/// headers are found.
pub fn probe_args(command: &Command) -> Vec<OsString> {
    let counts = |class: &Class| matches!(class, Class::Search | Class::KeyAndSearch);
    let args = command.args.iter().filter(|arg| counts(&arg.class));
    args.flat_map(|arg| arg.words.iter().cloned()).collect()
}

/// Reads the probe's stderr. `None`: it is not of a compiler we know.
pub fn parse_probe(stderr: &[u8]) -> Option<Probe> {
    let mut lines = Lines::default();
    for line in stderr.split(|&b| b == b'\n') {
        lines.take(line.strip_suffix(b"\r").unwrap_or(line));
    }
    let (family, version) = lines.version?;
    if !lines.complete {
        return None;
    }
    Some(Probe {
        family,
        cc1: lines.cc1,
        version,
        target: lines.target,
        search: lines.search,
    })
}

/// Only the search paths.
pub fn parse_search_paths(stderr: &[u8]) -> Option<SearchPaths> {
    parse_probe(stderr).map(|probe| probe.search)
}

#[derive(Default)]
struct Lines {
    version: Option<(Family, String)>,
    target: String,
    cc1: Option<PathBuf>,
    search: SearchPaths,
    list: List,
    complete: bool,
}

#[derive(Default, Clone, Copy)]
enum List {
    #[default]
    Outside,
    Quote,
    Angle,
}

impl Lines {
    fn take(&mut self, line: &[u8]) {
        match line {
            b"#include \"...\" search starts here:" => self.list = List::Quote,
            b"#include <...> search starts here:" => self.list = List::Angle,
            b"End of search list." => {
                self.list = List::Outside;
                self.complete = true;
            }
            _ => match self.list {
                List::Outside => self.other(line),
                _ => self.directory(line),
            },
        }
    }

    fn directory(&mut self, line: &[u8]) {
        let Some(name) = line.strip_prefix(b" ") else {
            return;
        };
        let (name, framework) = match name.strip_suffix(b" (framework directory)") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.strip_suffix(b" (headermap)").unwrap_or(name);
        let path = PathBuf::from(OsStr::from_bytes(name));
        match self.list {
            _ if framework => self.search.frameworks.push(path),
            List::Quote => self.search.quote.push(path),
            List::Angle => self.search.angle.push(path),
            List::Outside => {}
        }
    }

    fn other(&mut self, line: &[u8]) {
        if let Some(rest) = line.strip_prefix(b"ignoring nonexistent directory \"") {
            let name = rest.strip_suffix(b"\"").unwrap_or(rest);
            self.search.absent.push(OsStr::from_bytes(name).into());
        } else if let Some(rest) = line.strip_prefix(b"ignoring duplicate directory \"") {
            let name = rest.strip_suffix(b"\"").unwrap_or(rest);
            self.search.duplicates.push(OsStr::from_bytes(name).into());
        } else if let Some(target) = line.strip_prefix(b"Target: ") {
            self.target = String::from_utf8_lossy(target).trim().to_owned();
        } else if line.starts_with(b" ") {
            self.cc1 = self.cc1.take().or_else(|| compiler_proper(line));
        } else if self.version.is_none() {
            self.version = version(line);
        }
    }
}

/// `gcc version 12.2.0 ...`, `clang version 19.1.7 ...`, with a vendor's name
/// in front.
fn version(line: &[u8]) -> Option<(Family, String)> {
    let text = std::str::from_utf8(line).ok()?.trim();
    if text.starts_with("gcc version ") {
        return Some((Family::Gcc, text.to_owned()));
    }
    let at = text.find("clang version ")?;
    let vendor = &text[..at];
    let plain = vendor.chars().all(|c| c.is_alphanumeric() || c == ' ');
    plain.then(|| (Family::Clang, text.to_owned()))
}

/// The program of a line ` /path/cc1plus -E ...` or ` "/path/clang" -cc1 ...`.
fn compiler_proper(line: &[u8]) -> Option<PathBuf> {
    let line = line.strip_prefix(b" ")?;
    if let Some(quoted) = line.strip_prefix(b"\"") {
        let (name, rest) = unquote(quoted)?;
        let is_frontend = rest.starts_with(b" \"-cc1\"") || rest.starts_with(b" -cc1");
        return is_frontend.then(|| PathBuf::from(OsStr::from_bytes(&name)));
    }
    const PROGRAMS: [&[u8]; 4] = [b"/cc1 ", b"/cc1plus ", b"/cc1obj ", b"/cc1objplus "];
    let end = PROGRAMS.iter().find_map(|program| {
        let at = line.windows(program.len()).position(|w| w == *program)?;
        Some(at + program.len() - 1)
    })?;
    Some(OsStr::from_bytes(line.get(..end)?).into())
}

/// Reads up to the closing quote; a backslash makes the next byte plain.
fn unquote(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut name = Vec::new();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some((name, bytes.get(at + 1..)?)),
            b'\\' => {
                at += 1;
                name.push(*bytes.get(at)?);
            }
            byte => name.push(*byte),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests;
