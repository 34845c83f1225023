use super::*;
use proptest::prelude::*;

const TEXT: &[u8] = b"/* A header. */\n#pragma once\n#include <a.h>\n#include \"b.h\"\n\
    #define HAS(x) __has_include(x)\n#define LEVEL 3 // of words\nint f(const char *);\n\x1b\n";

fn shelves() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let shelves = dir.path().join("machine/headers");
    (dir, shelves)
}

fn known(shelves: &Path, path: &str, digest: &Digest) -> Option<Header> {
    Headers::new(Some(shelves.to_owned())).get(Path::new(path), digest)
}

fn put(shelves: &Path, path: &str, text: &[u8]) -> (Digest, Header) {
    let (digest, header) = (Digest::of(text), Header::of(text));
    let mut headers = Headers::new(Some(shelves.to_owned()));
    headers.put(Path::new(path), &digest, &header);
    headers.save();
    (digest, header)
}

fn only_shelf(shelves: &Path) -> PathBuf {
    let mut files = fs_err::read_dir(shelves).unwrap();
    let shelf = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "one shelf");
    shelf
}

#[test]
fn a_header_is_known_by_its_directory_and_content() {
    let (_dir, shelves) = shelves();
    let (digest, header) = put(&shelves, "/usr/include/a.h", TEXT);
    assert_eq!(
        known(&shelves, "/usr/include/a.h", &digest),
        Some(header.clone())
    );
    // The text is the same whatever its name is.
    assert_eq!(known(&shelves, "/usr/include/b.h", &digest), Some(header));
    assert_eq!(known(&shelves, "/usr/include/x/a.h", &digest), None);
    assert_eq!(known(&shelves, "/usr/include/a.h", &Digest::of(b"")), None);
    assert!(only_shelf(&shelves).is_file());
}

#[test]
fn without_a_directory_nothing_is_known_or_written() {
    let mut headers = Headers::new(None);
    let digest = Digest::of(TEXT);
    headers.put(Path::new("/usr/include/a.h"), &digest, &Header::of(TEXT));
    headers.save();
    assert_eq!(headers.get(Path::new("/usr/include/a.h"), &digest), None);
}

#[test]
fn writers_in_turn_lose_nothing() {
    let (_dir, shelves) = shelves();
    let mut writers: Vec<Headers> = (0..4)
        .map(|_| Headers::new(Some(shelves.clone())))
        .collect();
    let texts: Vec<Vec<u8>> = (0..4)
        .map(|n| format!("int v{n};\n").into_bytes())
        .collect();
    for (writer, text) in writers.iter_mut().zip(&texts) {
        assert_eq!(writer.get(Path::new("/usr/x.h"), &Digest::of(text)), None);
        writer.put(Path::new("/usr/x.h"), &Digest::of(text), &Header::of(text));
    }
    writers.iter_mut().for_each(Headers::save);
    for text in &texts {
        let header = known(&shelves, "/usr/y.h", &Digest::of(text));
        assert_eq!(header, Some(Header::of(text)));
    }
}

#[test]
fn a_damaged_record_is_unknown_and_the_shelf_recovers() {
    let (_dir, shelves) = shelves();
    let (digest, header) = put(&shelves, "/usr/a.h", TEXT);
    let shelf = only_shelf(&shelves);
    let whole = fs_err::read(&shelf).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs_err::write(&shelf, &bytes).unwrap();
        assert_eq!(known(&shelves, "/usr/a.h", &digest), None, "byte {at}");
        fs_err::write(&shelf, &whole[..at]).unwrap();
        assert_eq!(known(&shelves, "/usr/a.h", &digest), None, "cut at {at}");
    }
    // The last cut left half a record: the next writer begins anew.
    put(&shelves, "/usr/a.h", TEXT);
    assert_eq!(known(&shelves, "/usr/a.h", &digest), Some(header));
    assert_eq!(fs_err::read(&shelf).unwrap(), whole);
}

#[test]
fn a_shelf_does_not_grow_for_ever() {
    let (_dir, shelves) = shelves();
    let (digest, _) = put(&shelves, "/usr/a.h", TEXT);
    let shelf = only_shelf(&shelves);
    let record = fs_err::read(&shelf).unwrap();
    let mut many = record.repeat(LONGEST as usize / record.len());
    fs_err::write(&shelf, &many).unwrap();
    assert!(known(&shelves, "/usr/a.h", &digest).is_some());
    // Whatever a record's length leaves free, this one does not fit in.
    let other = format!("#include \"{}\"\n", "o".repeat(record.len()));
    put(&shelves, "/usr/a.h", other.as_bytes());
    assert!(fs_err::metadata(&shelf).unwrap().len() < 1000);
    many.extend(record);
    many.extend([0; 1000]);
    fs_err::write(&shelf, &many).unwrap();
    assert!(known(&shelves, "/usr/a.h", &digest).is_none());
    put(&shelves, "/usr/a.h", TEXT);
    assert!(known(&shelves, "/usr/a.h", &digest).is_some());
}

#[test]
fn what_cannot_be_written_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs_err::write(&file, "in the way").unwrap();
    let (digest, _) = put(&file, "/usr/a.h", TEXT);
    assert_eq!(known(&file, "/usr/a.h", &digest), None);
    assert_eq!(fs_err::read(&file).unwrap(), b"in the way");
}

/// A change of what a scan or a summary says of a text needs another [`SEED`]:
/// change it, then this digest.
#[test]
fn the_meaning_of_a_record_is_in_its_check() {
    let every = b"#include <a>\n#include_next \"b\"\n#import <c>\n#embed <d>\n#if __has_include(<e>)\n\
        #elif __has_embed(<f>)\n#elif __has_include_next(<g>)\n#endif\n#define H <h>\n#include H\n\
        #define I(x) __has_include(x)\n#if I(<i>)\n#endif\n__TIME__ __DATE__ __TIMESTAMP__\n\
        CAT(__, TIME, __) asm(\".incbin \\\"j\\\"\"); asm(K); #pragma GCC system_header\n#pragma once\n#line 7 \"l\"\n\
        #pragma omp target\n_Pragma(\"GCC dependency \\\"m\\\"\")\n#pragma GCC poison n\n\
        #pragma GCC diagnostic warning \"-Wdocumentation\"\nR\"(o)\" 1'000 '\\'' \"\\\\\" ??/\nx\r\ny\rz\n";
    // In that one it cannot be told what is a comment.
    let plain = b"int a; /* b */ char *c = \"d\"; // e\n#define F(g) g ## _\n";
    let texts = [&every[..], plain].map(|text| encode(&Digest([0; 32]), &Header::of(text)));
    let records = texts.map(|record| record.get(12..).unwrap().to_vec());
    let meaning = (SEED, Digest::of(&records.concat()).to_string());
    let known = "ff35f47223fb8997b137f7424bd9f4a7d81bb3c0daca7f1d359f193ee4551ff0";
    assert_eq!(meaning, (0x6361_6368_6505, known.into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_any_text_says_is_remembered(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        let record = encode(&Digest::of(&text), &Header::of(&text));
        prop_assert_eq!(decode(&record[12..]), Some(Header::of(&text)));
    }

    #[test]
    fn any_bytes_are_a_shelf(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let (_dir, shelves) = shelves();
        let (digest, header) = put(&shelves, "/usr/a.h", TEXT);
        fs_err::write(only_shelf(&shelves), &bytes).unwrap();
        prop_assert_eq!(known(&shelves, "/usr/a.h", &digest), None);
        put(&shelves, "/usr/a.h", TEXT);
        let found = known(&shelves, "/usr/a.h", &digest);
        prop_assert!(found.is_none() || found == Some(header));
    }
}
