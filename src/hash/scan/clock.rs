//! Pieces of which `##` could make `__TIME__`, `__DATE__` or `__TIMESTAMP__`: the words
//! that are part of one. Whether they come to one is asked of a whole unit, since a
//! header may paste what the source names.

/// The macros of the clock.
const NAMES: [&[u8]; 3] = [b"__TIME__", b"__DATE__", b"__TIMESTAMP__"];

/// Every part of a name, each once.
const PARTS: [&[u8]; 119] = parts();

/// A set of [`PARTS`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Pieces(u128);

impl Pieces {
    /// The set with these bits ([`Pieces::bits`]).
    pub fn from_bits(bits: u128) -> Pieces {
        Pieces(bits)
    }

    /// Bit `n` stands for part `n`.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// Takes a word, which is none of the names.
    pub fn note(&mut self, word: &[u8]) {
        // Most words are longer, or have letters that the names do not have.
        let may_be = word.len() <= 12 && word.iter().all(|byte| b"_TIMEDASP".contains(byte));
        if may_be && let Some(part) = PARTS.iter().position(|part| *part == word) {
            self.0 |= 1 << part;
        }
    }

    /// Those of both.
    #[must_use]
    pub fn with(self, other: Pieces) -> Pieces {
        Pieces(self.0 | other.0)
    }

    /// Without single letters, which templates are full of.
    #[must_use]
    pub fn without_letters(self) -> Pieces {
        let is_letter = |part: &[u8]| part.len() == 1 && part != b"_";
        let letters = PARTS.iter().enumerate().filter(|(_, part)| is_letter(part));
        Pieces(letters.fold(self.0, |bits, (at, _)| bits & !(1 << at)))
    }

    /// Whether one of the names can be put together of them, each taken as often as
    /// it needs.
    pub fn make_a_name(self) -> bool {
        NAMES.iter().any(|name| self.make(name))
    }

    fn make(self, name: &[u8]) -> bool {
        let numbered = PARTS.into_iter().enumerate();
        let parts: Vec<&[u8]> = numbered
            .filter_map(|(at, part)| (self.0 >> at & 1 != 0).then_some(part))
            .collect();
        // How far the pieces reach from the beginning.
        let mut reached = vec![false; name.len() + 1];
        for at in 0..name.len() {
            if at == 0 || reached.get(at) == Some(&true) {
                let rest = name.get(at..).unwrap_or_default();
                for part in parts.iter().filter(|part| rest.starts_with(part)) {
                    if let Some(end) = reached.get_mut(at + part.len()) {
                        *end = true;
                    }
                }
            }
        }
        reached.last() == Some(&true)
    }
}

/// The pieces in the text of an option that defines a macro (`-DNAME=text`), or
/// `None` if one of the names is in it.
pub fn of_option(option: &[u8]) -> Option<Pieces> {
    let text = option.splitn(2, |byte| *byte == b'=').nth(1);
    let mut pieces = Pieces::default();
    for word in text
        .unwrap_or_default()
        .split(|byte| !super::is_word(*byte))
    {
        if NAMES.contains(&word) {
            return None;
        }
        pieces.note(word);
    }
    Some(pieces)
}

const fn parts() -> [&'static [u8]; 119] {
    let mut parts: [&[u8]; 119] = [b""; 119];
    let (mut count, mut name) = (0, 0);
    while name < NAMES.len() {
        let text = NAMES[name];
        let mut from = 0;
        while from < text.len() {
            let mut to = from + 1;
            while to <= text.len() {
                let part = text.split_at(to).0.split_at(from).1;
                if part.len() < text.len() && !holds(&parts, part) {
                    parts[count] = part;
                    count += 1;
                }
                to += 1;
            }
            from += 1;
        }
        name += 1;
    }
    assert!(count == parts.len(), "the number of parts");
    parts
}

const fn holds(parts: &[&[u8]], part: &[u8]) -> bool {
    let mut at = 0;
    while at < parts.len() {
        if are_equal(parts[at], part) {
            return true;
        }
        at += 1;
    }
    false
}

const fn are_equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
