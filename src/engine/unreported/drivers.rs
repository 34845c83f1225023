//! What drivers read by themselves or because an option leads them to it: specs,
//! programs below `-B`, the lists of sanitizers.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::preprocessed;
use super::super::record::Refusal;
use super::{Inquiry, not_followed};
use crate::compiler::Family;

impl Inquiry<'_, '_> {
    fn values(&self, options: &[&str]) -> Vec<PathBuf> {
        let joined = |words: &[OsString]| {
            let first = words.first()?.as_bytes();
            let rest = options
                .iter()
                .find_map(|option| first.strip_prefix(option.as_bytes()))?;
            let value = match rest.is_empty() {
                true => words.get(1)?.as_bytes(),
                false => rest,
            };
            Some(PathBuf::from(OsStr::from_bytes(value)))
        };
        let args = &self.cached.command.args;
        args.iter().filter_map(|arg| joined(&arg.words)).collect()
    }

    /// `-specs=f`: gcc looks for it among its libraries first. One may include
    /// others.
    pub(super) fn specs(&mut self) -> Result<(), Refusal> {
        if self.cached.identity.family != Family::Gcc {
            return Ok(());
        }
        let mut pending: Vec<Vec<u8>> = Vec::new();
        for name in self.values(&["-specs=", "--specs="]) {
            pending.push(name.into_os_string().into_encoded_bytes());
        }
        if pending.is_empty() {
            return Ok(());
        }
        let places = self.library_places()?;
        while let Some(name) = pending.pop() {
            for path in self.required(&name, &places)? {
                let content = crate::hash::file::read(&path);
                let Some(content) = content.filter(|c| !c.stamp.is_since(self.started)) else {
                    return not_followed(&path);
                };
                for file in included_specs(&content.bytes) {
                    if !pending.contains(&file) && file != name {
                        pending.push(file);
                    }
                }
                if pending.len() > 64 {
                    return not_followed(&path);
                }
            }
        }
        Ok(())
    }

    /// The directories in which gcc looks for its own files, and the working one.
    fn library_places(&self) -> Result<Vec<PathBuf>, Refusal> {
        let call = &self.cached.call;
        let answer =
            preprocessed::expand_with(call, self.cached.command, &["-print-search-dirs"], &[]);
        let text = answer.map(|answer| answer.stdout).unwrap_or_default();
        let mut lines = text.split(|b| *b == b'\n');
        let Some(list) = lines.find_map(|line| line.strip_prefix(b"libraries: =")) else {
            return not_followed(Path::new("-specs="));
        };
        let mut places = vec![PathBuf::new()];
        places.extend(crate::sys::paths::search_path(Some(OsStr::from_bytes(
            list,
        ))));
        Ok(places)
    }

    /// `-B`: what is not below the prefix must stay so, for every name that a
    /// compile looks for there.
    pub(super) fn prefixes(&mut self) -> Result<(), Refusal> {
        let names = self.cached.identity.below_prefix();
        for prefix in self.values(&["-B"]) {
            for name in &names {
                self.look_for(name.as_os_str().as_bytes(), std::slice::from_ref(&prefix))?;
            }
            // A prefix that is no directory is one of names.
            if !prefix.is_dir() {
                for name in &names {
                    let mut joined = prefix.clone().into_os_string();
                    joined.push(name);
                    self.look_for(joined.as_bytes(), &[PathBuf::new()])?;
                }
            }
        }
        Ok(())
    }

    /// clang's sanitizers have lists beside its headers, if they are installed.
    pub(super) fn default_lists(&mut self) -> Result<(), Refusal> {
        if self.cached.identity.family != Family::Clang || self.values(&["-fsanitize="]).is_empty()
        {
            return Ok(());
        }
        let call = &self.cached.call;
        let first = ["-print-resource-dir"];
        let answer = preprocessed::expand_with(call, self.cached.command, &first, &[]);
        let Some(answer) = answer else {
            return not_followed(Path::new("-fsanitize="));
        };
        let directory = Path::new(OsStr::from_bytes(answer.stdout.trim_ascii()));
        let place = directory.join("share");
        for sanitizer in SANITIZERS {
            let name = format!("{sanitizer}_ignorelist.txt");
            self.look_for(name.as_bytes(), std::slice::from_ref(&place))?;
        }
        self.look_for(b"dfsan_abilist.txt", std::slice::from_ref(&place))?;
        Ok(())
    }
}

/// Sanitizers with a list of their own (clang 14 and 19, `SanitizerArgs.cpp`).
const SANITIZERS: [&str; 9] = [
    "asan", "cfi", "hwasan", "memtag", "msan", "nsan", "rtsan", "tsan", "ubsan",
];

/// `%include <f>`, `%include_noerr <f>` in a file of specs (GCC manual, "Spec Files").
fn included_specs(text: &[u8]) -> Vec<Vec<u8>> {
    let name = |line: &[u8]| {
        let rest = line.strip_prefix(b"%include")?;
        let rest = rest.strip_prefix(b"_noerr").unwrap_or(rest);
        let rest = rest.trim_ascii().strip_prefix(b"<")?;
        let end = memchr::memchr(b'>', rest)?;
        rest.get(..end).map(<[u8]>::to_owned)
    };
    text.split(|b| *b == b'\n').filter_map(name).collect()
}
