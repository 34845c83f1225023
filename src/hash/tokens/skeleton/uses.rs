//! Which macro names occur in a unit, whole or in parts.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{is_word, sees_all_macros};

/// The words of a text, those in strings and comments too, each by 32 bits of a
/// hash: enough to say that a word does *not* occur. Where two words share a hash,
/// a macro stays in a skeleton that could have been left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// Without repetitions, in order.
    hashes: Vec<u32>,
    sees_all_macros: bool,
}

impl Words {
    /// The words of `text`.
    pub fn of(text: &[u8]) -> Words {
        let all: FxHashSet<u32> = words(text).map(hash).collect();
        let mut hashes: Vec<u32> = all.into_iter().collect();
        hashes.sort_unstable();
        Words {
            hashes,
            sees_all_macros: sees_all_macros(text),
        }
    }

    /// Words that have been remembered.
    pub fn from_parts(hashes: Vec<u32>, sees_all_macros: bool) -> Words {
        Words {
            hashes,
            sees_all_macros,
        }
    }

    /// The hashes of the words.
    pub fn hashes(&self) -> &[u32] {
        &self.hashes
    }

    /// Whether the text may have a compiler look at macros that nothing expands.
    pub fn see_all_macros(&self) -> bool {
        self.sees_all_macros
    }
}

/// The words of `text`, one by one.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| !is_word(*b)).filter(|word| !word.is_empty())
}

/// Parts of so many names are looked for among [`Words`]; with more names, all words
/// are noted, and the parts looked for among those.
const FEW: usize = 16;

/// Which macro names occur in a unit, whole or in parts. Words are told apart by
/// [`hash`], as in [`Words`].
#[derive(Default)]
pub(super) struct Uses<'a> {
    /// How often each is defined.
    names: FxHashMap<&'a [u8], u32>,
    /// Lengths of the names' parts by first byte: most words of a unit need no
    /// look-up.
    lengths: Vec<u64>,
    /// The names' parts, of [`FEW`] names, once [`Words`] are read.
    parts: Option<FxHashSet<u32>>,
    /// Words that stand in the unit, besides in their own definition.
    seen: FxHashSet<u32>,
}

impl<'a> Uses<'a> {
    /// Whether there is no macro to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds a macro, with the parts that it could be pasted from. Before anything
    /// is read.
    pub(super) fn add(&mut self, name: &'a [u8]) {
        self.lengths.resize(256, 0);
        let defined = self.names.entry(name).or_default();
        *defined += 1;
        if *defined > 1 {
            return;
        }
        let mut note = |first: Option<&u8>, lengths: u64| {
            let slot = first.and_then(|first| self.lengths.get_mut(usize::from(*first)));
            slot.into_iter().for_each(|slot| *slot |= lengths);
        };
        for at in 1..name.len() {
            note(name.get(at), bit(name.len() - at));
        }
        let begins = (1..=name.len()).fold(0, |bits, at| bits | bit(at));
        note(name.first(), begins);
    }

    /// Notes the words of `text`, those in strings and comments too.
    pub(super) fn read(&mut self, text: &[u8]) {
        for word in words(text) {
            let first = word.first().copied().unwrap_or(0);
            let lengths = self.lengths.get(usize::from(first)).copied().unwrap_or(0);
            if lengths & bit(word.len()) != 0 {
                self.seen.insert(hash(word));
            }
        }
    }

    /// Notes words that were a text's.
    pub(super) fn read_words(&mut self, words: &Words) {
        if self.names.len() > FEW {
            self.seen.extend(&words.hashes);
            return;
        }
        let names = &self.names;
        let parts = self.parts.get_or_insert_with(|| {
            let names = names.keys();
            let cuts = names.flat_map(|name| (0..name.len()).map(move |at| name.split_at(at)));
            let parts = cuts.flat_map(|(begin, end)| [begin, end]);
            parts.map(hash).collect()
        });
        let hashes = words.hashes.iter().filter(|hash| parts.contains(hash));
        self.seen.extend(hashes);
    }

    /// Whether the macro `name` may be used: named, defined twice, or made with
    /// `##` of a word that begins it and one that ends it.
    pub(super) fn is_used(&self, name: &[u8]) -> bool {
        let seen = |word: Option<&[u8]>| word.is_some_and(|word| self.seen.contains(&hash(word)));
        if seen(Some(name)) || self.names.get(name).is_some_and(|defined| *defined > 1) {
            return true;
        }
        let Some(begins) = (1..name.len()).find(|at| seen(name.get(..*at))) else {
            return false;
        };
        (begins..name.len()).rev().any(|at| seen(name.get(at..)))
    }
}

fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// FNV-1a: words are short.
fn hash(word: &[u8]) -> u32 {
    let hash = word.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
#[path = "uses_test.rs"]
mod tests;
