use super::*;

fn variant(seed: u8) -> NewVariant {
    NewVariant {
        result: Key([seed; 32]),
        duration_ms: 1234,
        flags: HAS_STDERR,
        skeleton: TokenDigest([7; 16]),
        conditions: vec![(ConditionKind::Date, Digest([9; 32]))],
        files: vec![
            NewFile {
                path: b"x.c".to_vec(),
                digest: Digest([seed; 32]),
                tokens: TokenDigest([seed; 16]),
                stamp: Stamp::NONE,
            },
            NewFile {
                path: b"/usr/include/stdio.h".to_vec(),
                digest: Digest([2; 32]),
                tokens: TokenDigest::NONE,
                stamp: Stamp {
                    device: 1,
                    inode: 2,
                    size: 3,
                    modified: 4,
                    changed: 5,
                },
            },
        ],
        directories: vec![NewDirectory {
            path: b"include".to_vec(),
            stamp: Stamp::NONE,
            names: vec![
                (Expectation::Absent, b"stdio.h".to_vec()),
                (Expectation::File, b"config.h".to_vec()),
            ],
        }],
    }
}

#[derive(Default, PartialEq, Debug)]
struct Seen(Vec<String>);

impl Visitor for Seen {
    fn condition(&mut self, kind: ConditionKind, digest: Digest) -> bool {
        self.0.push(format!("{kind:?} {digest}"));
        true
    }
    fn file(&mut self, file: FileCheck<'_>) -> bool {
        self.0.push(format!(
            "{:?} {} {}",
            file.path, file.digest, file.stamp.size
        ));
        true
    }
    fn directory(&mut self, directory: DirectoryCheck<'_>) -> bool {
        let names: Vec<_> = directory.names().collect();
        self.0.push(format!(
            "{:?} {:?} {}",
            directory.path, names, directory.stamp.size
        ));
        true
    }
}

#[test]
fn what_was_written_is_read() {
    let bytes = with_variant(None, &variant(1));
    let all: Vec<_> = variants(&bytes).unwrap().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].result, Key([1; 32]));
    assert_eq!(all[0].duration_ms, 1234);
    assert_eq!(all[0].flags, HAS_STDERR);
    let mut seen = Seen::default();
    assert_eq!(all[0].visit(&mut seen), Some(true));
    assert_eq!(seen.0.len(), 4);
    assert!(seen.0[3].contains("config.h"));
}

#[test]
fn the_newest_comes_first_and_the_same_is_replaced() {
    let one = with_variant(None, &variant(1));
    let two = with_variant(Some(&one), &variant(2));
    let again = with_variant(Some(&two), &variant(1));
    let results: Vec<_> = variants(&again).unwrap().map(|v| v.result.0[0]).collect();
    assert_eq!(results, [1, 2]);
}

#[test]
fn the_number_of_variants_is_bounded() {
    let mut bytes = None;
    for seed in 0..100 {
        bytes = Some(with_variant(bytes.as_deref(), &variant(seed)));
    }
    assert_eq!(
        variants(&bytes.unwrap()).unwrap().count(),
        write::MAX_VARIANTS as usize
    );
}

#[test]
fn states_are_replaced() {
    let bytes = with_variant(Some(&with_variant(None, &variant(1))), &variant(2));
    let state = |size| State {
        stamp: Stamp {
            size,
            ..Stamp::NONE
        },
        content: (size == 8).then_some((Digest([0xdd; 32]), TokenDigest([0xee; 16]))),
    };
    let stamped = with_states(&bytes, 1, &[state(7), state(8), state(9)]).unwrap();
    let mut seen = Seen::default();
    variants(&stamped).unwrap().nth(1).unwrap().visit(&mut seen);
    assert!(seen.0[1].ends_with(" 7") && seen.0[2].ends_with(" 8") && seen.0[3].ends_with(" 9"));
    assert!(seen.0[1].contains(&Digest([1; 32]).to_string()));
    assert!(seen.0[2].contains(&Digest([0xdd; 32]).to_string()));
    let (mut old, mut new) = (Seen::default(), Seen::default());
    variants(&bytes).unwrap().next().unwrap().visit(&mut old);
    variants(&stamped).unwrap().next().unwrap().visit(&mut new);
    assert_eq!(old, new);
    assert!(with_states(&bytes, 1, &[state(7)]).is_none());
}

/// A variant of many files, the first of which is another each time.
fn large(seed: u8) -> NewVariant {
    let mut variant = variant(seed);
    let stdio = variant.files[1].clone();
    variant.files.extend((0..200).map(|number| NewFile {
        path: format!("/usr/include/{number}.h").into_bytes(),
        ..stdio.clone()
    }));
    variant
}

#[test]
fn what_variants_have_in_common_stands_once() {
    let one = with_variant(None, &large(1));
    let two = with_variant(Some(&one), &large(2));
    let more = two.len() - one.len();
    // Where 201 files and a directory stand, one file, and the rest.
    assert!(more < 203 * 4 + 250, "{more}");
    let seen = |bytes: &[u8], index| {
        let mut seen = Seen::default();
        let variant = variants(bytes).unwrap().nth(index).unwrap();
        assert_eq!(variant.visit(&mut seen), Some(true));
        seen
    };
    assert_eq!(seen(&two, 0), seen(&with_variant(None, &large(2)), 0));
    assert_eq!(seen(&two, 1), seen(&one, 0));
    // What is found for one is not said of the other.
    let state = State {
        stamp: Stamp::NONE,
        content: Some((Digest([0xdd; 32]), TokenDigest([0xee; 16]))),
    };
    let mut states = vec![state; 202];
    states.push(State {
        content: None,
        ..state
    });
    for index in [0, 1] {
        let stamped = with_states(&two, index, &states).unwrap();
        assert_ne!(seen(&stamped, index), seen(&two, index));
        assert_eq!(seen(&stamped, 1 - index), seen(&two, 1 - index));
    }
    // Taken out of it, it is as it was alone.
    let oldest = variants(&two).unwrap().nth(1).unwrap();
    assert_eq!(of_one(&oldest), one);
    let new = to_new(&oldest).unwrap();
    assert_eq!(with_variant(None, &new), one);
}

#[test]
fn many_variants_of_many_files_are_kept() {
    let mut bytes = None;
    for seed in 0..30 {
        bytes = Some(with_variant(bytes.as_deref(), &large(seed)));
    }
    let bytes = bytes.unwrap();
    assert_eq!(variants(&bytes).unwrap().count(), 24);
    assert!(bytes.len() < 64 << 10, "{}", bytes.len());
}

#[test]
fn every_truncation_and_every_flipped_byte_is_survived() {
    let bytes = with_variant(Some(&with_variant(None, &variant(1))), &variant(2));
    for len in 0..bytes.len() {
        for variant in variants(&bytes[..len]).into_iter().flatten() {
            variant.visit(&mut Seen::default());
        }
    }
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0xff;
        for variant in variants(&broken).into_iter().flatten() {
            variant.visit(&mut Seen::default());
        }
        with_variant(Some(&broken), &super::tests::variant(3));
    }
}

#[test]
fn the_format_is_pinned() {
    let bytes = with_variant(None, &variant(1));
    assert_eq!(&bytes[..8], b"cacheman");
    assert_eq!(bytes[8..12], 4u32.to_le_bytes());
    assert_eq!(bytes.len(), 420);
    assert_eq!(
        Digest::of(&bytes).to_string(),
        "1edf455807d55eb7543fd0ef9232f4e4eac4a3b7ea5dda4afa77055022e67e25"
    );
}

/// Looks at all there is, as the engine does.
fn look(bytes: &[u8]) -> usize {
    let mut count = 0;
    for variant in variants(bytes).into_iter().flatten() {
        count += 1;
        variant.visit(&mut Seen::default());
    }
    count
}

fn any_variant() -> impl proptest::strategy::Strategy<Value = NewVariant> {
    use proptest::prelude::*;
    let text = || proptest::collection::vec(1u8.., 0..20);
    let stamp = || {
        any::<(u64, u64, u64, i64, i64)>().prop_map(|(device, inode, size, modified, changed)| {
            Stamp {
                device,
                inode,
                size,
                modified,
                changed,
            }
        })
    };
    let files = proptest::collection::vec((text(), any::<[u8; 32]>(), stamp()), 0..5);
    let names = proptest::collection::vec((0u8..3, text()), 0..4);
    let directories = proptest::collection::vec((text(), stamp(), names), 0..4);
    (
        any::<[u8; 32]>(),
        any::<u32>(),
        any::<u32>(),
        files,
        directories,
    )
        .prop_map(
            |(result, duration_ms, flags, files, directories)| NewVariant {
                result: Key(result),
                duration_ms,
                flags,
                skeleton: TokenDigest::NONE,
                conditions: vec![(ConditionKind::Directory, Digest([3; 32]))],
                files: files
                    .into_iter()
                    .map(|(path, digest, stamp)| NewFile {
                        path,
                        digest: Digest(digest),
                        tokens: TokenDigest::NONE,
                        stamp,
                    })
                    .collect(),
                directories: directories
                    .into_iter()
                    .map(|(path, stamp, names)| NewDirectory {
                        path,
                        stamp,
                        names: names
                            .into_iter()
                            .filter_map(|(kind, name)| Some((Expectation::from_raw(kind)?, name)))
                            .collect(),
                    })
                    .collect(),
            },
        )
}

/// A state that replaces all there is.
const ANYHOW: State = State {
    stamp: Stamp::NONE,
    content: Some((Digest([1; 32]), TokenDigest([2; 16]))),
};

proptest::proptest! {
    /// Arbitrary bytes behind a right beginning, numbers that lie included.
    #[test]
    fn no_bytes_make_a_panic(tail: Vec<u8>, count: u32) {
        let mut bytes = b"cacheman".to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(tail);
        look(&bytes);
        let repaired = with_variant(Some(&bytes), &variant(1));
        proptest::prop_assert!(look(&repaired) >= 1);
        let _ = with_states(&bytes, 0, &[ANYHOW]);
    }

    /// Whatever is written is read as it was; and damaged anywhere, something
    /// can still be added to it.
    #[test]
    fn written_and_damaged(
        list in proptest::collection::vec(any_variant(), 1..5),
        damage in proptest::collection::vec(
            (proptest::prelude::any::<proptest::sample::Index>(), 0u8..), 0..4),
        cut: proptest::sample::Index,
    ) {
        let mut bytes = Vec::new();
        for variant in &list {
            bytes = with_variant(Some(&bytes), variant);
            let newest = variants(&bytes).and_then(|mut all| all.next());
            proptest::prop_assert_eq!(newest.map(|v| v.result), Some(variant.result));
            let mut seen = Seen::default();
            let whole = newest.and_then(|v| v.visit(&mut seen));
            proptest::prop_assert_eq!(whole, Some(true));
            let parts = 1 + variant.files.len() + variant.directories.len();
            proptest::prop_assert_eq!(seen.0.len(), parts);
        }
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1).max(bytes.len() / 2));
        look(&bytes);
        let _ = with_states(&bytes, 1, &[ANYHOW; 3]);
        proptest::prop_assert!(look(&with_variant(Some(&bytes), &list[0])) >= 1);
    }
}
