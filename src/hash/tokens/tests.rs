use super::*;

fn of(text: &str) -> TokenDigest {
    digest(text.as_bytes(), Dialect::ANY)
}

fn cxx(text: &str) -> TokenDigest {
    let dialect = Dialect {
        raw_strings: Has::Yes,
        digit_separators: Has::Yes,
    };
    digest(text.as_bytes(), dialect)
}

/// Each pair is the same to a compiler.
#[test]
fn what_comments_say_does_not_count() {
    for (one, other) in [
        ("int a; // one\n", "int a; // two, and longer\n"),
        ("int a; // one\n", "int a;\n"),
        ("int a; /* one */\n", "int a;   \t\n"),
        ("f(/* width */ 3);\n", "f(/* abcde */ 3);\n"),
        (
            "/*\n * one\n */\nint a;\n",
            "/*\n * two, and longer\n */\nint a;\n",
        ),
        ("// one\nint a;\n", "// another\nint a;\n"),
        ("#define A 1 // one\n", "#define A 1\n"),
        ("#include \"a.h\" // one\n", "#include \"a.h\" // two\n"),
        ("#include <a.h> // one\n", "#include <a.h> // two\n"),
        ("#if A < 1 // one\n#endif\n", "#if A < 1 // two\n#endif\n"),
        (
            "#define M(x) \\\n  x // one\n",
            "#define M(x) \\\n  x // two\n",
        ),
        ("#if 0\ndon't\n#endif // a\n", "#if 0\ndon't\n#endif // b\n"),
        ("int a; // one\r\nint b;\r\n", "int a;\r\nint b;\r\n"),
        (
            "const char *s = \"/*\"; // a\n",
            "const char *s = \"/*\"; // b\n",
        ),
        ("char c = '\\''; // a\n", "char c = '\\''; // b\n"),
        (
            "int a; // a 'quote\nint b;\n",
            "int a; // a \"quote\nint b;\n",
        ),
        ("# /* abc */ define A\n", "# /* xyz */ define A\n"),
        ("\x0c\n// one\n", "\x0c\n// two\n"),
        ("int a;\n// one", "int a;\n// two"),
        ("int x; // NOLINT(a)\n", "int x;\n"),
    ] {
        assert_eq!(of(one), of(other), "{one:?} {other:?}");
    }
}

/// Each pair is different, or may be to some compiler.
#[test]
fn what_compilers_see_counts() {
    for (one, other) in [
        ("a/**/b\n", "ab\n"),
        ("a/**/b\n", "a    b\n"),
        ("a /* x */ b\n", "a /* xy */ b\n"),
        ("/* a */ int x;\n", "/* ab */int x;\n"),
        ("int a;\n// one\n", "int a;\n"),
        ("int a;\n // one\n", "int a;\n// one\n"),
        ("int a;\n\tif (b);\n", "int a;\n        if (b);\n"),
        ("/*\t*/ a;\n", "/*      */ a;\n"),
        (
            "f(); // fall through\ncase 1:\n",
            "f(); // nothing\ncase 1:\n",
        ),
        (
            "f(); /* FALLTHRU */\ncase 1:\n",
            "f(); /* FALLTRHU */\ncase 1:\n",
        ),
        (
            "f();\n/* -fallthrough */\ncase 1:\n",
            "f();\n/* -follthrough */\ncase 1:\n",
        ),
        ("int a; // \u{fc}\n", "int a; // u\n"),
        ("int a; /* /* */\n", "int a; /* ** */\n"),
        ("// a \\\nint b;\nint c;\n", "// a \\\nint d;\nint c;\n"),
        ("// a \\\nint b;\n", "// a \nint b;\n"),
        ("// a \\  \nint b;\n", "// a \nint b;\n"),
        ("#include <a//b>\n", "#include <a//c>\n"),
        (
            "#include <a/*b>\nint x; /* a */\n",
            "#include <a/*b>\nint y; /* a */\n",
        ),
        ("#include \"a//b\"\n", "#include \"a//c\"\n"),
        ("#include \"a\\\" // \"b\n", "#include \"a\\\" // \"c\n"),
        (
            "#if __has_include(<a//b>)\n#endif\n",
            "#if __has_include(<a//c>)\n#endif\n",
        ),
        ("import <a//b>;\n", "import <a//c>;\n"),
        ("int a; //??/\nint b;\n", "int a; //???\nint b;\n"),
        (
            "const char *s = R\"(// a)\";\n",
            "const char *s = R\"(// b)\";\n",
        ),
        ("R\"x(\n)\" // a\n)x\";\n", "R\"x(\n)\" // b\n)x\";\n"),
        (
            "#error don't /* a\nint b; */\n",
            "#error don't /* a\nint c; */\n",
        ),
        ("#error x /* a\n b */\n", "#error x /* a\n c */\n"),
        ("#define A a \\ // c\nx\n", "#define A a \\\nx\n"),
        ("#define X /*\nab */ 1\n", "#define X\n/* */ 1\n"),
        ("int x;\n// c", "int x;\n"),
        ("int x; // c", "int x; // c\n"),
        ("/\\\n/ a\nint b;\n", "/\\\n/ b\nint b;\n"),
        ("/* *\\\n/ int a; /* */\n", "/* *\\\n/ int b; /* */\n"),
        ("int a\\\nb; // x\n", "int a\\\nb; // y\n"),
        ("a // x\rb\n", "a // y\rb\n"),
        ("a // x\0b\n", "a // y\0b\n"),
        ("a /* x\n", "a /* y\n"),
        ("\"a // x\n", "\"a // y\n"),
        ("int a; // a\x0cb\n", "int a; // a\x0cc\n"),
        ("a\n", "a\r\n"),
        ("\u{feff}#include <a//b>\n", "\u{feff}#include <a//c>\n"),
    ] {
        assert_ne!(of(one), of(other), "{one:?} {other:?}");
        assert_ne!(cxx(one), cxx(other), "{one:?} {other:?}");
    }
}

#[test]
fn where_the_language_decides_both_ways_are_followed() {
    // A raw string here, a string and a comment there.
    let raw = "const char *s = R\"(\" // a\n)\";\n";
    let other = "const char *s = R\"(\" // b\n)\";\n";
    assert_ne!(of(raw), of(other));
    assert_ne!(cxx(raw), cxx(other));
    // Behind it, all agree.
    for after in ["int a; // x\n", "int a; // y\n"] {
        assert_eq!(
            cxx(&format!("s = R\"(\n)\"; {after}")),
            cxx("s = R\"(\n)\"; int a;\n")
        );
        assert_eq!(
            of(&format!("s = R\"(abc)\"; {after}")),
            of("s = R\"(abc)\"; int a;\n")
        );
    }
    // A number with separators, or a number and the start of a character.
    assert_eq!(cxx("a = 1'000; // it's\n"), cxx("a = 1'000; // its\n"));
    assert_ne!(of("a = 1'000; // it's\n"), of("a = 1'000; // its\n"));
    assert_eq!(of("a = 1'000'000; // it\n"), of("a = 1'000'000; // is\n"));
}

#[test]
fn wide_lines_count_roughly() {
    let line = |width: usize| format!("int a; //{}\n", "x".repeat(width));
    assert_eq!(of(&line(10)), of(&line(100)));
    assert_ne!(of(&line(100)), of(&line(1000)));
    assert_ne!(of(&line(3000)), of(&line(3001)));
    let two = columns(b"int a;\nint b;\n");
    assert_eq!((two.taken, two.at_most), (3 * 128, 3 * 128));
    let wide = format!("{}\nshort\n{}\nshort\n", "x".repeat(300), "x".repeat(1000));
    let wide = columns(wide.as_bytes());
    assert_eq!(wide.taken, 512 + 512 + 1024 + 128 + 128);
    assert_eq!(wide.at_most, 5 * 1024);
}

#[test]
fn the_digest_is_pinned() {
    let TokenDigest(digest) = of("int a; /* b */ int c; // d\n");
    assert_eq!(
        digest.map(|b| format!("{b:02x}")).concat(),
        "e324faac01f8ae6b9c018a09828cc11a"
    );
}

proptest::proptest! {
    /// Whatever the bytes, nothing panics, and the content of a file with an
    /// unclear token is its digest.
    #[test]
    fn any_bytes(text in "(//|/\\*|\\*/|\\\\\n|\n|\"|'|R\"\\(|\\)\"|#|<|>|a| |\t|\r|1)*") {
        of(&text);
        cxx(&text);
    }
}

#[test]
fn each_content_has_a_place_of_its_own_for_each_language() {
    let one = Digest::of(b"one");
    let places = [
        place(&one, Dialect::ANY),
        place(&Digest::of(b"two"), Dialect::ANY),
        place(
            &one,
            Dialect {
                raw_strings: Has::Yes,
                ..Dialect::ANY
            },
        ),
        place(
            &one,
            Dialect {
                digit_separators: Has::Yes,
                ..Dialect::ANY
            },
        ),
    ];
    for (index, place) in places.iter().enumerate() {
        assert!(places.iter().skip(index + 1).all(|other| other != place));
        assert!(
            place.device > u64::from(u32::MAX),
            "no device has this number"
        );
    }
}

#[test]
fn a_summary_names_what_its_text_names() {
    use super::skeleton::{File, Words, are_unnamed, skeleton};
    let fixed = b"int f(void); /* IN_A_COMMENT */ \"IN_TEXT\" JOIN(LE, VEL)\n";
    let words = Words::of(fixed);
    let named = |name: &str| !are_unnamed(&[name.as_bytes().to_vec()], &[File::Fixed(&words)]);
    assert!(named("f") && named("IN_TEXT") && !named("IN_A_COMMENT"));
    assert!(named("LEVEL"), "put together of two words");
    assert!(!named("ELSEWHERE"));
    let unit = |text: &'static str| {
        let files = [File::Changing(text.as_bytes(), None), File::Fixed(&words)];
        skeleton(&files, &[], Dialect::ANY)
    };
    let plain = unit("#define ELSEWHERE 1\nint x;\n");
    assert!(plain.is_some());
    assert_eq!(plain, unit("#define ELSEWHERE 2\nint x;\n"));
    assert_ne!(
        unit("#define LEVEL 1\nint x;\n"),
        unit("#define LEVEL 2\nint x;\n")
    );
    // What is a comment and what is not, cannot be told.
    let torn = Words::of(b"/* IN_A_COMMENT");
    assert!(!are_unnamed(
        &[b"IN_A_COMMENT".to_vec()],
        &[File::Fixed(&torn)]
    ));
    let poison = Words::of(b"#pragma GCC poison x\n");
    assert_eq!(skeleton(&[File::Fixed(&poison)], &[], Dialect::ANY), None);
}
