//! Which macro names occur in a unit, whole or in pieces that `##` can put together.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::render::render;
use super::super::{Dialect, comments};
use super::{is_word, sees_all_macros};

/// The words of a text, those in strings too, each by 32 bits of a hash: enough to
/// say that a word does *not* occur. Those in comments count where it cannot be told
/// for sure what is one; in a language in which `//` begins none, nobody may ask. Where
/// two words share a hash, a macro stays in a skeleton that could have been left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// Without repetitions, in order.
    hashes: Vec<u32>,
    sees_all_macros: bool,
}

impl Words {
    /// The words of `text`.
    pub fn of(text: &[u8]) -> Words {
        let spans = comments(text, Dialect::ANY);
        let page = spans.map(|spans| render(text, &spans));
        let said = page.as_ref().map_or(text, |page| &page.text);
        let all: FxHashSet<u32> = words(said).map(hash).collect();
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

/// Words that compilers' own macros consist of (`__INT64_C(c)` is `c ## L`), other than
/// numbers, names that are theirs, and words in lower case.
const THEIRS: [&[u8]; 6] = [b"F", b"L", b"LL", b"U", b"UL", b"ULL"];

/// Which macro names occur in a unit, whole or in pieces. Words are told apart by
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

    /// Adds a macro, with the parts that it could be pasted of. Before anything
    /// is read.
    pub(super) fn add(&mut self, name: &'a [u8]) {
        self.lengths.resize(256, 0);
        let defined = self.names.entry(name).or_default();
        *defined += 1;
        if *defined > 1 {
            return;
        }
        let mut lengths = 0;
        for (number, byte) in name.iter().rev().enumerate() {
            lengths |= bit(number + 1);
            if let Some(slot) = self.lengths.get_mut(usize::from(*byte)) {
                *slot |= lengths;
            }
        }
    }

    /// Notes the words of `text`, all of them.
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
            let ends = names.flat_map(|name| (0..name.len()).filter_map(|at| name.get(at..)));
            ends.flat_map(|end| parts_of(end).map(|(_, hash)| hash))
                .collect()
        });
        let hashes = words.hashes.iter().filter(|hash| parts.contains(hash));
        self.seen.extend(hashes);
    }

    /// Whether the macro `name` may be used: named, defined twice, or put together
    /// with `##` of words that are there, or that compilers bring.
    pub(super) fn is_used(&self, name: &[u8]) -> bool {
        if self.names.get(name).is_some_and(|defined| *defined > 1) {
            return true;
        }
        // Up to where it can be put together.
        let mut made = vec![false; name.len() + 1];
        for start in 0..name.len() {
            let rest = name.get(start..).unwrap_or_default();
            if start > 0 && !made.get(start).is_some_and(|made| *made) {
                continue;
            }
            for (length, hash) in parts_of(rest) {
                let part = rest.get(..length).unwrap_or_default();
                let is_there = self.seen.contains(&hash) || may_be_theirs(part);
                if is_there && let Some(made) = made.get_mut(start + length) {
                    *made = true;
                }
            }
        }
        made.last().is_some_and(|made| *made)
    }
}

/// Whether a compiler's macro may stand for the word: a number (`__LINE__`), a type, a
/// name of its own.
fn may_be_theirs(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_digit)
        || !word.iter().any(u8::is_ascii_uppercase)
        || word.starts_with(b"__")
        // `_MIPS_ISA` is `_MIPS_ISA_MIPS32`, which is nothing.
        || word.starts_with(b"_MIPS_")
        || THEIRS.contains(&word)
}

fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// What `text` may begin with: lengths, and hashes of so much of it.
fn parts_of(text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
    let hashes = text.iter().scan(BASIS, |hash, byte| {
        *hash = step(*hash, *byte);
        Some(fold(*hash))
    });
    (1..).zip(hashes)
}

/// FNV-1a: words are short.
fn hash(word: &[u8]) -> u32 {
    fold(word.iter().fold(BASIS, |hash, byte| step(hash, *byte)))
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn fold(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
#[path = "uses_test.rs"]
mod tests;
