//! Where a command's compiler looks for headers: what the guard follows names
//! through.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Cached;
use super::before::Before;
use super::shadow::Places;
use crate::compiler::search::SearchPaths;
use crate::compiler::{Class, Command, Family, Product};
use crate::hash::scan::{Asked, Lookup, Style};

/// [`Places`], owned.
pub struct Surroundings<'a> {
    search: SearchPaths,
    same: Vec<(PathBuf, PathBuf)>,
    forced: Vec<Vec<u8>>,
    defined: Vec<Lookup>,
    precompiled: &'static [&'static str],
    by_content: bool,
    here: &'a Path,
}

impl<'a> Surroundings<'a> {
    /// Those of a command that searches `search`.
    pub fn of(cached: &Cached<'a>, search: SearchPaths) -> Surroundings<'a> {
        let command = cached.command;
        let is_gcc = cached.identity.family == Family::Gcc;
        // clang looks for them beside forced headers alone, which are inputs that
        // the command names; gcc not while it makes one.
        let makes_one = command.product == Product::PrecompiledHeader;
        let forced = command.forced_includes.iter();
        Surroundings {
            same: super::search::same_directories(&search),
            search,
            forced: forced.map(|name| name.as_bytes().to_owned()).collect(),
            defined: defined_names(command),
            precompiled: if is_gcc && !makes_one { &[".gch"] } else { &[] },
            by_content: is_gcc,
            here: cached.working_directory,
        }
    }

    /// Directories on the search path that did not exist.
    pub fn absent(&self) -> &[PathBuf] {
        &self.search.absent
    }

    /// What the guard needs.
    pub fn places<'s>(
        &'s self,
        absent: &'s [PathBuf],
        others: &'s [(PathBuf, PathBuf)],
        before: &'s Before,
    ) -> Places<'s> {
        Places {
            quote: &self.search.quote,
            angle: &self.search.angle,
            absent,
            precompiled: self.precompiled,
            same: &self.same,
            by_content: self.by_content,
            here: self.here,
            others,
            before,
            forced: &self.forced,
            defined: &self.defined,
        }
    }
}

/// Header names in `-D` options, for `#include MACRO`.
fn defined_names(command: &Command) -> Vec<Lookup> {
    let mut found = Vec::new();
    for arg in &command.args {
        if arg.class != Class::Macro {
            continue;
        }
        for word in &arg.words {
            for (open, close, style) in [(b'"', b'"', Style::Quote), (b'<', b'>', Style::Angle)] {
                let bytes = word.as_bytes();
                let Some(start) = memchr::memchr(open, bytes) else {
                    continue;
                };
                let rest = bytes.get(start + 1..).unwrap_or_default();
                if let Some(end) = memchr::memchr(close, rest) {
                    found.push(Lookup {
                        name: rest.get(..end).unwrap_or_default().to_owned(),
                        style,
                        asked: Asked::Macro,
                    });
                }
            }
        }
    }
    found
}
