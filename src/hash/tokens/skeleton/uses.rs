//! Which macro names occur in a unit, whole or in parts.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

fn hash(word: &[u8]) -> u32 {
    let mut hasher = WordHasher::default();
    hasher.write(word);
    (hasher.0 ^ hasher.0 >> 32) as u32
}

/// Which macro names occur in a unit, whole or in parts.
#[derive(Default)]
pub(super) struct Uses<'a> {
    words: HashMap<&'a [u8], Use, BuildHasherDefault<WordHasher>>,
    /// Lengths of `words` by first byte: most words of a unit need no look-up.
    lengths: Vec<u64>,
    /// `words` by their hashes, once [`Words`] are read.
    hashes: FxHashMap<u32, Vec<&'a [u8]>>,
}

/// What is known of a word.
#[derive(Clone, Copy, Default)]
struct Use {
    /// How often it is defined.
    defined: u32,
    /// Stands in the unit, besides its own definition.
    seen: bool,
}

impl<'a> Uses<'a> {
    /// Whether there is no macro to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds a macro, with the parts that it could be pasted from. Before anything
    /// is read.
    pub(super) fn add(&mut self, name: &'a [u8]) {
        self.lengths.resize(256, 0);
        self.words.entry(name).or_default().defined += 1;
        let parts = (1..name.len()).flat_map(|at| [name.get(..at), name.get(at..)]);
        for word in parts.flatten().chain([name]) {
            self.words.entry(word).or_default();
            let first = word.first().copied().unwrap_or(0);
            if let Some(lengths) = self.lengths.get_mut(usize::from(first)) {
                *lengths |= 1 << word.len().min(63);
            }
        }
    }

    /// Notes the words of `text`, those in strings and comments too.
    pub(super) fn read(&mut self, text: &[u8]) {
        for word in words(text) {
            let first = word.first().copied().unwrap_or(0);
            let lengths = self.lengths.get(usize::from(first)).copied().unwrap_or(0);
            if lengths & (1 << word.len().min(63)) != 0
                && let Some(known) = self.words.get_mut(word)
            {
                known.seen = true;
            }
        }
    }

    /// Notes words that were a text's.
    pub(super) fn read_words(&mut self, words: &Words) {
        if self.hashes.is_empty() {
            for word in self.words.keys() {
                self.hashes.entry(hash(word)).or_default().push(word);
            }
        }
        for hash in &words.hashes {
            for word in self.hashes.get(hash).into_iter().flatten() {
                if let Some(known) = self.words.get_mut(word) {
                    known.seen = true;
                }
            }
        }
    }

    /// Whether the macro `name` may be used: named, defined twice, or made with
    /// `##` of a word that begins it and one that ends it.
    pub(super) fn is_used(&self, name: &[u8]) -> bool {
        let known = |word: &[u8]| self.words.get(word).copied().unwrap_or_default();
        let seen = |word: Option<&[u8]>| word.is_some_and(|word| known(word).seen);
        let whole = known(name);
        let begins = (1..name.len()).find(|at| seen(name.get(..*at)));
        let ends = (1..name.len()).rev().find(|at| seen(name.get(*at..)));
        let pasted = matches!((begins, ends), (Some(begins), Some(ends)) if begins <= ends);
        whole.seen || whole.defined > 1 || pasted
    }
}

/// FNV-1a: words are short.
struct WordHasher(u64);

impl Default for WordHasher {
    fn default() -> WordHasher {
        WordHasher(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
