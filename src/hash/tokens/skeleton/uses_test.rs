//! What counts as a use, against the definition read literally.

use proptest::prelude::*;

use super::*;

/// Whether a word of `texts` is `name`, or one begins it and another ends it.
fn is_used(name: &str, texts: &[String]) -> bool {
    let seen = |word: &str| {
        let mut words = texts.iter().flat_map(|text| words(text.as_bytes()));
        !word.is_empty() && words.any(|seen| seen == word.as_bytes())
    };
    let pasted = (1..name.len())
        .any(|begin| (begin..name.len()).any(|end| seen(&name[..begin]) && seen(&name[end..])));
    seen(name) || pasted
}

proptest! {
    #[test]
    fn uses_are_what_they_are_said_to_be(
        names in proptest::collection::hash_set("[AB]{1,4}", 0..30),
        texts in proptest::collection::vec("[ABc]{1,4}( [AB_]{1,4}){0,2}", 0..4),
        fixed in proptest::collection::vec("[ABc]{1,4}(-[AB]{1,4}){0,2}", 0..4),
        twice in "[AB]{1,4}",
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
            let expected = is_used(name, &all) || is_twice && *name == twice;
            prop_assert_eq!(uses.is_used(name.as_bytes()), expected, "{} in {:?}", name, all);
        }
    }
}
