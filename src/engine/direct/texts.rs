//! The sources of a variant, read as they were found to be.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::engine::comments::{self, Sources, Text};
use crate::entry::manifest::{ConditionKind, DirectoryCheck, FileCheck, State, Variant, Visitor};
use crate::hash::Digest;
use crate::hash::headers::{Header, Headers};
use crate::hash::tokens::TokenDigest;

/// The content of `path`, if it still has `digest`.
pub fn text(path: &CStr, digest: Digest) -> Option<Vec<u8>> {
    let content = crate::hash::file::read(path)?;
    (Digest::of(&content.bytes) == digest).then_some(content.bytes)
}

/// The files of a variant, all of which hold what it says, or what `states` says
/// where there is one. `None`: one changed.
pub fn texts(variant: &Variant<'_>, states: &[State], sources: Sources<'_>) -> Option<Vec<Text>> {
    let mut texts = Texts {
        states,
        headers: sources.headers(),
        found: Vec::new(),
    };
    let whole = variant.visit(&mut texts) == Some(true);
    texts.headers.save();
    whole.then_some(texts.found)
}

/// Reads all files of a variant, as they were found to be.
struct Texts<'s> {
    states: &'s [State],
    headers: Headers,
    found: Vec<Text>,
}

impl Visitor for Texts<'_> {
    fn condition(&mut self, _: ConditionKind, _: Digest) -> bool {
        true
    }

    fn file(&mut self, file: FileCheck<'_>) -> bool {
        let state = self.states.get(self.found.len());
        let (digest, tokens) = state
            .and_then(|state| state.content)
            .unwrap_or((file.digest, file.tokens));
        let path = Path::new(OsStr::from_bytes(file.path.to_bytes()));
        let changing = tokens != TokenDigest::NONE;
        let known = match changing {
            true => None,
            false => self.headers.get(path, &digest),
        };
        if let Some(header) = known {
            self.found.push(Text::Fixed(header.summary));
            return true;
        }
        let Some(text) = text(file.path, digest) else {
            return false;
        };
        self.found.push(match changing {
            true => Text::Changing(text, None),
            false => {
                let header = Header::of(&text);
                if comments::is_fixed(path) {
                    self.headers.put(path, &digest, &header);
                }
                Text::Fixed(header.summary)
            }
        });
        true
    }

    fn directory(&mut self, _: DirectoryCheck<'_>) -> bool {
        true
    }
}
