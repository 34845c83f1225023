//! The formats on disk, byte for byte: who changes one changes its version.

use proptest::prelude::*;

use super::*;

const INDEX: &str = "\
    6361636865696478 01000000 02000000 \
    0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 \
    06 6f7574707574 01 e803000000000000 6400000000000000 \
    efcdab89674523011032547698badcfe \
    06 737464657272 00 0500000000000000 0500000000000000 \
    01000000000000000000000000000000 ";

fn index() -> Index {
    let row = |name, encoding, raw_len, stored_len, check| Row {
        name,
        encoding,
        raw_len,
        stored_len,
        check,
    };
    let key = std::array::from_fn(|n| n as u8 + 1);
    let check = 0xfedc_ba98_7654_3210_0123_4567_89ab_cdef;
    Index {
        key: Key(key),
        rows: vec![
            row(BlobName::OUTPUT, Encoding::Zstd, 1000, 100, check),
            row(BlobName::STDERR, Encoding::Raw, 5, 5, 1),
        ],
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[test]
fn the_index_is_pinned() {
    let mut wanted = bytes_of(INDEX);
    let check = xxhash_rust::xxh3::xxh3_128(&wanted);
    wanted.extend_from_slice(&check.to_le_bytes());
    assert_eq!(index().encode(), wanted);
    assert_eq!(Index::decode(&wanted), Ok(index()));
    let hex: String = wanted.iter().map(|b| format!("{b:02x}")).collect();
    assert!(hex.ends_with("5406638c75fd514dc4d8e9a2ffb86a3b"), "{hex}");
}

#[test]
fn the_checksum_in_the_index_is_of_the_stored_bytes() {
    let dir = temporary();
    let store = plain(dir.path());
    store.put_entry(&key(1), &entry()).expect("to store");
    let path = path_of(dir.path(), &key(1));
    let index = Index::decode(&fs_err::read(path.join("index")).expect("an index"));
    let index = index.expect("a good index");
    assert_eq!(index.rows.len(), 4);
    for row in &index.rows {
        let stored = fs_err::read(path.join(row.name.as_str())).expect("the blob's file");
        assert_eq!(stored.len() as u64, row.stored_len);
        assert_eq!(xxhash_rust::xxh3::xxh3_128(&stored), row.check);
        // One plain zstd frame, as `zstdcat` reads it.
        let raw = match row.encoding {
            Encoding::Raw => stored,
            Encoding::Zstd => zstd::stream::decode_all(&*stored).expect("a zstd frame"),
        };
        assert_eq!(raw.len() as u64, row.raw_len);
    }
    let packed = index.row(&BlobName::DEPENDENCIES).expect("a row");
    assert_eq!(packed.encoding, Encoding::Zstd);
    let noise = index.row(&BlobName::OUTPUT).expect("a row");
    assert_eq!(noise.encoding, Encoding::Raw, "compressing gained nothing");
}

/// While there is room blobs lie as they are, and then they are compressed.
#[test]
fn blobs_are_compressed_when_the_store_is_crowded() {
    let dir = temporary();
    let options = DiskOptions {
        max_size: Some(1 << 20),
        compression: Compress::WhenCrowded,
        ..DiskOptions::default()
    };
    let store = open(dir.path(), options);
    let encoding = |n: u32| {
        let index = fs_err::read(path_of(dir.path(), &key(n)).join("index")).expect("an index");
        let index = Index::decode(&index).expect("a good index");
        index.row(&BlobName::DEPENDENCIES).expect("a row").encoding
    };
    store.put_entry(&key(1), &entry()).expect("to store");
    assert_eq!(encoding(1), Encoding::Raw);
    let mut filling = Entry::default();
    filling.insert(BlobName::OUTPUT, noise(600_000));
    store.put_entry(&key(2), &filling).expect("to store");
    store.put_entry(&key(3), &entry()).expect("to store");
    assert_eq!(encoding(3), Encoding::Zstd);
    assert!(is_whole(&store, &key(1)) && is_whole(&store, &key(3)));
}

#[test]
fn any_changed_byte_of_an_index_is_noticed() {
    let good = index().encode();
    for at in 0..good.len() {
        for flip in [1, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            assert!(Index::decode(&bad).is_err(), "byte {at}");
        }
        assert!(Index::decode(&good[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn another_version_of_the_index_is_refused() {
    let mut bytes = index().encode();
    bytes[8] = 2;
    let end = bytes.len() - 16;
    let check = xxhash_rust::xxh3::xxh3_128(&bytes[..end]);
    bytes[end..].copy_from_slice(&check.to_le_bytes());
    assert_eq!(Index::decode(&bytes), Err("index of another version"));
}

proptest! {
    /// Also behind a right checksum nothing panics.
    #[test]
    fn no_index_makes_the_parser_panic(
        head in any::<bool>(),
        mut body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = Index::decode(&body);
        if head {
            let mut start = index().encode()[..16].to_vec();
            start.append(&mut body);
            body = start;
        }
        let check = xxhash_rust::xxh3::xxh3_128(&body);
        body.extend_from_slice(&check.to_le_bytes());
        let _ = Index::decode(&body);
    }

    #[test]
    fn what_is_encoded_is_decoded(
        names in proptest::collection::btree_set("[a-z][a-z0-9_-]{0,63}", 0..9),
        raw: u64, stored: u64, check: u128, zstd: bool,
    ) {
        let rows = names.iter().map(|text| Row {
            name: name(text),
            encoding: if zstd { Encoding::Zstd } else { Encoding::Raw },
            raw_len: if zstd { raw } else { stored },
            stored_len: stored,
            check,
        });
        let index = Index { key: key(7), rows: rows.collect() };
        prop_assert_eq!(Index::decode(&index.encode()), Ok(index));
    }

    #[test]
    fn no_ledger_makes_the_parser_panic(text in "(usage 1 complete 12\n)?[0-9a-z ./\n-]{0,80}") {
        let check = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        let _ = Book::decode(text.as_bytes());
        let _ = Book::decode(format!("{text}check {check:016x}\n").as_bytes());
    }
}

#[test]
fn the_marker_is_pinned() {
    let dir = temporary();
    let root = dir.path().join("made/with/parents");
    let store = plain(&root);
    store
        .put(&key(1), &BlobName::OUTPUT, b"x")
        .expect("to store");
    let tag = fs_err::read_to_string(root.join("CACHEDIR.TAG")).expect("a tag");
    assert_eq!(
        tag,
        "Signature: 8a477f597d28d172789f06886806bc55\n\
         # This directory is a compiler cache (`cache`); it may be deleted at any time.\n"
    );
    let format = |clone| Format { clone }.encode();
    assert_eq!(format(false), "cache-format 1\nclone no\n");
    assert_eq!(format(true), "cache-format 1\nclone yes\n");
    let found = fs_err::read_to_string(root.join("cache-format")).expect("a format");
    assert!([format(true), format(false)].contains(&found));
}

#[test]
fn the_ledger_is_pinned() {
    let usage = |entries, bytes| Usage { entries, bytes };
    let totals = [
        (String::new(), usage(1, 8192)),
        ("compile".to_owned(), usage(200_000, 5_368_709_120)),
        ("project/manifest".to_owned(), usage(0, 0)),
    ];
    let mut book = Book {
        complete: true,
        epoch: 1_795_000_000_123_456_789,
        totals: totals.into_iter().collect(),
    };
    assert_eq!(
        book.encode(),
        "usage 1 complete  1795000000123456789\n\
         \x20          1                 8192 .\n\
         \x20     200000           5368709120 compile\n\
         \x20          0                    0 project/manifest\n\
         check af178cc6e56dc4e4\n"
    );
    assert_eq!(Book::decode(book.encode().as_bytes()), Some(book.clone()));
    book.complete = false;
    assert!(book.encode().starts_with("usage 1 counting "));
    assert_eq!(Book::decode(book.encode().as_bytes()), Some(book));
}

#[test]
fn the_plan_is_what_its_head_says() {
    use super::plan::{Plan, Victim};
    let victim = |used, byte, namespace: &str| Victim {
        used,
        key: Key([byte; 32]),
        namespace: namespace.to_owned(),
    };
    let mut position = Key([0; 32]);
    position.0[0] = 0x7f;
    let plan = Plan {
        position,
        seen: 1234,
        hidden: Usage {
            entries: 5,
            bytes: 20480,
        },
        victims: [victim(17, 0xab, ""), victim(18, 1, "project/compile")].into(),
    };
    let text = format!(
        "evict-plan 3 7f{} 1234\nhidden 5 20480\n17 {} .\n18 {} project/compile\nend\n",
        "00".repeat(31),
        "ab".repeat(32),
        "01".repeat(32)
    );
    assert_eq!(plan.encode(), text);
    assert_eq!(Plan::decode(&text), Some(plan.clone()));
    // The plan of the version before, and a line that leads out of the store.
    assert_eq!(Plan::decode(&text.replacen('3', "2", 1)), None);
    let led_out = Plan::decode(&text.replace("project/compile", "../..")).expect("a plan");
    assert_eq!(led_out.victims, [victim(17, 0xab, "")]);
}

#[test]
fn the_recount_is_what_its_head_says() {
    use super::recount::Recount;
    let usage = |entries, bytes| Usage { entries, bytes };
    let recount = Recount {
        epoch: 99,
        position: Key([0x80; 32]),
        found: [
            ("".to_owned(), usage(1, 4096)),
            ("a/b".to_owned(), usage(2, 8192)),
        ]
        .into(),
    };
    let text = format!(
        "recount 1 99 {}\n1 4096 .\n2 8192 a/b\nend\n",
        "80".repeat(32)
    );
    assert_eq!(recount.encode(), text);
    assert_eq!(Recount::decode(&text), Some(recount));
    for bad in [
        text.replacen('1', "2", 1),
        text.replace("end\n", ""),
        text.replace("a/b", "../b"),
        text.replace("4096", "x"),
    ] {
        assert_eq!(Recount::decode(&bad), None, "{bad}");
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    let dir = temporary();
    let store = plain(dir.path());
    let view = store.namespace(&namespace("compile"));
    view.put_entry(&Key([0xc0; 32]), &entry())
        .expect("to store");
    let path = dir.path().join("compile/c0").join("c0".repeat(32));
    let mut names: Vec<_> = fs::list(&path)
        .expect("the entry")
        .into_iter()
        .filter_map(|(name, _)| name.into_string().ok())
        .collect();
    names.sort();
    let wanted = ["dependencies", "index", "output", "stderr", "stdout"];
    assert_eq!(names, wanted);
    assert_eq!(leftovers(dir.path()), 0);
}
