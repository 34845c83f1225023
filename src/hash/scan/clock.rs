//! Words of which `##` could make `__TIME__`, `__DATE__` or `__TIMESTAMP__`: each that
//! needs one other, and three or more that stand in one text.

/// The macros of the clock.
const NAMES: [&[u8]; 3] = [b"__TIME__", b"__DATE__", b"__TIMESTAMP__"];

/// What has been seen of the pieces of one text.
#[derive(Clone, Copy, Default)]
pub struct Pieces {
    /// One of two: nothing but a few underscores need stand beside it.
    one_of_two: bool,
    /// The first of three or more, of the names without their first underscore too.
    first: [bool; 2],
    /// A later one, behind two underscores or behind one.
    later: [bool; 2],
}

impl Pieces {
    /// Takes a word, which is none of the names.
    pub fn note(&mut self, word: &[u8]) {
        // Most words are longer, or have letters that the names do not have.
        if word.len() > 12 || !word.iter().all(|byte| b"_TIMEDASP".contains(byte)) {
            return;
        }
        self.one_of_two |= is_one_of_two(word);
        match word {
            b"_" => self.first[1] = true,
            b"__" | b"__T" | b"__D" => self.first[0] = true,
            // Headers are full of names of one letter.
            word => {
                let within = word.len() > 1 && NAMES.iter().any(|name| is_within(word, name));
                let behind_one = word.starts_with(b"_");
                self.later[usize::from(behind_one)] |= within;
            }
        }
    }

    /// Whether one of the names can come of it.
    pub fn are_there(&self) -> bool {
        let several = self.first.iter().zip(self.later);
        self.one_of_two || several.into_iter().any(|(first, later)| *first && later)
    }
}

/// Whether an option that defines a macro (`-DNAME=text`) has one of them in its text,
/// or a part of one that is more than underscores and a letter.
pub fn is_named(option: &[u8]) -> bool {
    let text = option.splitn(2, |byte| *byte == b'=').nth(1);
    let mut words = text
        .unwrap_or_default()
        .split(|byte| !super::is_word(*byte));
    words.any(|word| {
        let letters = word.iter().filter(|byte| **byte != b'_').count();
        letters > 1 && NAMES.iter().any(|name| is_within(word, name))
    })
}

fn is_within(word: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find(name, word).is_some()
}

/// Whether `word` is what another word could stand in front of, or behind, to make
/// one of the names.
fn is_one_of_two(word: &[u8]) -> bool {
    if word.len() < 3 || !(word.starts_with(b"__") || word.ends_with(b"__")) {
        return false;
    }
    let begins = |name: &&[u8]| word.len() > 3 && name.starts_with(word);
    NAMES
        .iter()
        .any(|name| name.ends_with(word) || begins(name))
}
