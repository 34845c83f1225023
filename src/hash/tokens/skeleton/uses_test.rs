//! What counts as a use, against the definition read literally.

use proptest::prelude::*;

use super::*;

/// Whether `name` is words of `texts`, one behind the other.
fn is_made(name: &str, texts: &[String]) -> bool {
    let seen = |word: &str| {
        let mut words = texts.iter().flat_map(|text| words(text.as_bytes()));
        words.any(|seen| seen == word.as_bytes())
    };
    let theirs = |word: &str| word.starts_with('7') || ["L", "LL"].contains(&word);
    name.is_empty()
        || (1..=name.len()).any(|at| {
            let (first, rest) = name.split_at(at);
            (seen(first) || theirs(first)) && is_made(rest, texts)
        })
}

proptest! {
    #[test]
    fn uses_are_what_they_are_said_to_be(
        names in proptest::collection::hash_set("[AB][AB7L]{0,4}", 0..30),
        texts in proptest::collection::vec("[ABc]{1,4}( [AB7]{1,4}){0,2}", 0..4),
        fixed in proptest::collection::vec("[ABc]{1,4}(-[AB]{1,4}){0,2}", 0..4),
        twice in "[AB][AB]{0,1}",
    ) {
        let mut uses = Uses::default();
        for name in &names {
            uses.add(name.as_bytes());
        }
        let is_twice = names.contains(&twice);
        if is_twice {
            uses.add(twice.as_bytes());
        }
        prop_assert_eq!(uses.is_empty(), names.is_empty());
        for text in &fixed {
            uses.read_words(&Words::of(text.as_bytes()));
        }
        for text in &texts {
            uses.read(text.as_bytes());
        }
        let all: Vec<String> = texts.into_iter().chain(fixed).collect();
        for name in &names {
            let expected = is_made(name, &all) || is_twice && *name == twice;
            prop_assert_eq!(uses.is_used(name.as_bytes()), expected, "{} in {:?}", name, all);
        }
    }
}
