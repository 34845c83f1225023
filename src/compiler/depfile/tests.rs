use super::*;
use proptest::prelude::*;

fn file(target: &str, names: &[&str], phony: Phony) -> DepFile {
    DepFile {
        target: target.as_bytes().to_vec(),
        names: names.iter().map(|n| n.as_bytes().to_vec()).collect(),
        phony,
    }
}

#[test]
fn what_gcc_wrote() {
    let bytes = b"out/m.o: src/m.c /usr/include/stdc-predef.h src/a\\ b.h src/x$$y.h \\\n src/p\\#q.h src/c:d.h\n";
    let (style, dep) = detect(Family::Gcc, bytes).unwrap();
    assert_eq!(style, Style::Gcc);
    assert_eq!(dep.target, b"out/m.o");
    let paths: Vec<_> = dep.paths().map(|p| String::from_utf8(p).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "src/m.c",
            "/usr/include/stdc-predef.h",
            "src/a b.h",
            "src/x$y.h",
            "src/p#q.h",
            "src/c:d.h"
        ]
    );
    assert_eq!(
        retarget(style, &dep, b"m.o"),
        b"m.o: src/m.c /usr/include/stdc-predef.h src/a\\ b.h src/x$$y.h src/p\\#q.h \\\n src/c:d.h\n"
    );
}

#[test]
fn what_clang_wrote() {
    let (style, dep) = detect(
        Family::Clang,
        b"o: src/n.c src/n.h src/m.h\n\nsrc/n.h:\n\nsrc/m.h:\n",
    )
    .unwrap();
    assert_eq!((style, dep.phony), (Style::ClangBlank, Phony::AllBut(0)));
    let (style, dep) =
        detect(Family::Clang, b"o: list src/n.c src/n.h\nlist:\nsrc/n.h:\n").unwrap();
    assert_eq!((style, dep.phony), (Style::Clang, Phony::AllBut(1)));
}

#[test]
fn foreign_files_are_not_understood() {
    for bytes in [
        &b""[..],
        b"a",
        b"a:",
        b"a: b",
        b"a: b  c\n",
        b"a: b\nc: d\n",
        b"a: \\\n b\n",
        b"a: b\n\n",
    ] {
        assert_eq!(
            detect(Family::Gcc, bytes),
            None,
            "{:?}",
            bytes.escape_ascii().to_string()
        );
    }
}

#[test]
fn a_known_target_may_look_like_a_rule() {
    let bytes = b"a: b c: d.c\n";
    let (_, dep) = detect_for(Family::Gcc, bytes, b"a: b c").unwrap();
    assert_eq!(dep.names, [b"d.c"]);
    assert_eq!(detect_for(Family::Gcc, bytes, b"b"), None);
}

#[test]
fn targets_wrap() {
    let target = |n: usize| vec![b'x'; n];
    let gcc = join_targets(Style::Gcc, &[target(40), target(32), target(30)]);
    assert_eq!(gcc.iter().filter(|&&b| b == b'\n').count(), 1);
    let clang = join_targets(Style::Clang, &[target(40), target(34)]);
    assert!(clang.ends_with(&[b" \\\n  ".to_vec(), target(34)].concat()));
}

#[test]
fn leaving_names_out_keeps_the_source() {
    let dep = file("o", &["/usr/a.h", "/usr/m.c", "b.h"], Phony::AllBut(1));
    let left = without(&dep, |name| !name.starts_with(b"/usr"));
    assert_eq!(left, file("o", &["/usr/m.c", "b.h"], Phony::AllBut(0)));
}

#[test]
fn empty_rules_come_and_go() {
    let dep = file("o", &["a.c", "b.h"], Phony::AllBut(0));
    let plain = with_phony(&dep, false).unwrap();
    assert_eq!(plain.phony, Phony::None);
    assert_eq!(with_phony(&dep, true), Some(dep));
    assert_eq!(with_phony(&plain, true), None);
    let alone = file("o", &["a.c"], Phony::None);
    assert_eq!(with_phony(&alone, true), Some(alone));
}

#[test]
fn the_stored_form_is_pinned() {
    let dep = file("o", &["a.c", "b"], Phony::AllBut(0));
    let bytes = encode(&Style::Clang, &dep);
    assert_eq!(
        bytes,
        b"dep1\x01\x01\0\0\0\x01\0\0\0o\x02\0\0\0\x03\0\0\0a.c\x01\0\0\0b"
    );
    assert_eq!(decode(&bytes), Some((Style::Clang, dep)));
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), None);
    }
    assert_eq!(decode(b"dep1\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff"), None);
    assert_eq!(decode(b"dep2\0\0\0\0\0\0\0\0\0\0\0\0\0"), None);
}

proptest! {
    #[test]
    fn quoting_is_undone(name in proptest::collection::vec(
        prop_oneof![Just(b'\\'), Just(b' '), Just(b'$'), Just(b'#'), Just(b':'), b'a'..=b'z'], 0..20)) {
        // A name that ends in a backslash or has two dollars side by side is
        // still undone, since quoting doubles every dollar.
        prop_assert_eq!(unescape(&quote(&name)), name);
    }

    #[test]
    fn written_files_are_detected(
        target in "[a-z./]{1,90}",
        names in proptest::collection::vec("[a-z./$# ]{1,60}[a-z]", 1..12),
        style in 0..3usize, phony in any::<bool>(),
    ) {
        let dep = DepFile {
            target: target.into_bytes(),
            names: names.iter().map(|n| quote(n.as_bytes())).collect(),
            phony: if phony && names.len() > 1 { Phony::AllBut(0) } else { Phony::None },
        };
        let (family, style) = [
            (Family::Gcc, Style::Gcc),
            (Family::Clang, Style::Clang),
            (Family::Clang, Style::ClangBlank),
        ][style];
        let bytes = write(style, &dep);
        let (found, read) = detect_for(family, &bytes, &dep.target).unwrap();
        prop_assert_eq!(write(found, &read), bytes);
        prop_assert_eq!(&read, &dep);
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\\'), Just(b' '), Just(b'\n'), Just(b':'), any::<u8>()], 0..60)) {
        for family in [Family::Gcc, Family::Clang] {
            if let Some((style, dep)) = detect(family, &bytes) {
                prop_assert_eq!(write(style, &dep), bytes.clone());
                prop_assert_eq!(decode(&encode(&style, &dep)), Some((style, dep)));
            }
        }
        let _ = decode(&bytes);
        let _ = unescape(&bytes);
        let _ = decode(&[b"dep1\0".to_vec(), bytes].concat());
    }
}
