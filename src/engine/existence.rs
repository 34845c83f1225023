//! `__has_include` behind macros: `#define HAS(x) __has_include(x)` in one file
//! and `#if HAS(<a.h>)` in another.
//!
//! Where such macros are defined, the files that use them are scanned again with
//! the macros' names known. What cannot be told that way (a name that a macro
//! makes) is not stored: what was asked for could come or go unnoticed.

use super::observe::Dependency;
use super::record::{Refusal, refuse};
use crate::hash::Digest;
use crate::hash::scan::{self, Scan};
use crate::stats::Counter;

/// Macros on macros, at most so many deep.
const DEPTH: usize = 4;

/// Completes the scans of `files` by what their macros ask for, and those in `hidden`.
pub fn resolve(files: &mut [Dependency], hidden: &[Scan]) -> Result<(), Refusal> {
    let mut known = Vec::new();
    for _ in 0..DEPTH {
        if let Some(file) = files.iter().find(|file| {
            let scan = file.scan.as_ref();
            scan.is_some_and(|scan| scan.computed_existence)
        }) {
            return refuse(
                Counter::UnsupportedCodeDirective,
                format!("{} computes what __has_include asks", file.path.display()),
            );
        }
        let names = macros(files, hidden);
        if names.len() == known.len() {
            return Ok(());
        }
        known = names;
        for file in &mut *files {
            scan_again(file, &known)?;
        }
    }
    refuse(
        Counter::UnsupportedCodeDirective,
        "__has_include is hidden behind too many macros",
    )
}

/// The macros of all files that do what `__has_include` does.
fn macros(files: &[Dependency], hidden: &[Scan]) -> Vec<Vec<u8>> {
    let scans = files.iter().filter_map(|file| file.scan.as_ref());
    let mut names: Vec<Vec<u8>> = scans
        .chain(hidden)
        .flat_map(|scan| scan.existence_macros.iter().cloned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn scan_again(file: &mut Dependency, names: &[Vec<u8>]) -> Result<(), Refusal> {
    if file.scan.is_none() {
        return Ok(());
    }
    let content = crate::hash::file::read(&file.path);
    let Some(content) = content.filter(|content| Digest::of(&content.bytes) == file.digest) else {
        return refuse(
            Counter::ModifiedInputFile,
            format!("{} changed after the compile", file.path.display()),
        );
    };
    file.scan = Some(scan::scan_with(&content.bytes, names));
    Ok(())
}
