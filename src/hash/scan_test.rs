use super::clock::Pieces;
use super::*;

fn names(text: &str) -> Vec<String> {
    scan(text.as_bytes())
        .lookups
        .into_iter()
        .map(|l| {
            let name = String::from_utf8(l.name).unwrap();
            let quoted = match l.style {
                Style::Quote => format!("\"{name}\""),
                Style::Angle => format!("<{name}>"),
            };
            match l.asked {
                Asked::Include => quoted,
                asked => format!("{asked:?} {quoted}"),
            }
        })
        .collect()
}

#[test]
fn header_names() {
    assert_eq!(
        names("#include <a.h>\n # include \"b.h\"\n"),
        ["<a.h>", "\"b.h\""]
    );
    assert_eq!(names("%:include <a.h>"), ["<a.h>"]);
    assert_eq!(names("#inc\\\nlude <a.h>"), ["<a.h>"]);
    assert_eq!(names("#include \\  \n <a.h>"), ["<a.h>"]);
    assert_eq!(names("/* x */ # /* y */ include /* z */ <a.h>"), ["<a.h>"]);
    assert_eq!(names("#include_next <a.h>"), ["Next <a.h>"]);
    assert_eq!(names("#import \"a.h\"\n#import \"a.h\""), ["\"a.h\""]);
    assert_eq!(
        names("#if defined(X) && __has_include(<a.h>)"),
        ["Exists <a.h>"]
    );
    assert_eq!(
        names("#define F \"f.h\"\n#define V(x) <v/x.h>"),
        ["Macro \"f.h\"", "Macro <v/x.h>"]
    );
    assert!(scan(b"#include F").computed);
}

#[test]
fn existence_behind_macros() {
    assert_eq!(
        names("#define A __has_include(\"a.h\")\n#define B __has_include(<b.h>)"),
        [
            "Macro \"a.h\"",
            "ExistsAnywhere \"a.h\"",
            "Macro <b.h>",
            "Exists <b.h>"
        ]
    );
    let macros = |text: &str| {
        let scan = scan(text.as_bytes());
        assert!(!scan.computed_existence, "{text}");
        let names = scan.existence_macros.into_iter();
        names
            .map(|name| String::from_utf8(name).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(macros("#define HAS(x) __has_include(x)"), ["HAS"]);
    assert_eq!(
        macros("#define HAS(x) \\\n (Y && __has_include ( x ))"),
        ["HAS"]
    );
    assert_eq!(macros("#define HAS __has_include\nint x;"), ["HAS"]);
    assert!(macros("#ifndef __has_include\n#define __has_include(x) 0\n#endif").is_empty());
    assert!(macros("#if defined(__has_include) && 1\n#elif defined __has_include\n").is_empty());
    for text in [
        "#if __has_include(F)",
        "#elif !__has_include(S(x))",
        "#define H(x) __has_include_next(x)",
    ] {
        assert!(scan(text.as_bytes()).computed_existence, "{text}");
    }

    let has = [b"HAS".to_vec()];
    let with = |text: &str| scan_with(text.as_bytes(), &has);
    assert_eq!(with("#if HAS(<a.h>)").lookups.len(), 1);
    assert!(with("#if HAS(A)").computed_existence);
    assert_eq!(with("#define M(x) HAS(x)").existence_macros, [b"M"]);
    assert_eq!(with("#ifdef HAS\nint x = HAS(y);"), scan(b""));
}

/// Both readings count: with trigraphs and without.
#[test]
fn trigraphs() {
    for (text, expected) in [
        ("??=include <a.h>", &["<a.h>"][..]),
        ("// x ??/\n#include <a.h>\n", &["<a.h>"]),
        ("/* ??/  \n */\n#include <a.h>\n", &["<a.h>"]),
        ("char *s = \"??/\"\n#include <a.h>\n\";", &["<a.h>"]),
        ("#include \"??/a.h\"", &["\"??/a.h\"", "\"\\a.h\""]),
        ("#incl??/\nude <a.h>", &["<a.h>"]),
    ] {
        assert_eq!(names(text), expected, "{text}");
    }
    assert!(scan(b"char *t = __TI??/\nME__;").time);
    for text in [
        "",
        "/* objects/??/?{38} ??= */",
        "int x = a ?? b;",
        "// ??/ x",
    ] {
        assert_eq!(scan(text.as_bytes()), Scan::default(), "{text}");
    }
}

#[test]
fn odd_files() {
    assert_eq!(names("\u{feff}#include <a.h>\n"), ["<a.h>"]);
    assert_eq!(names("int x;\r#include <a.h>\r"), ["<a.h>"]);
    assert_eq!(names("// x\r#include <a.h>\n"), ["<a.h>"]);
    assert_eq!(names("int x;\r\n#include <a.h>\r\n"), ["<a.h>"]);
}

#[test]
fn not_in_comments_or_strings() {
    assert!(names("// #include <a.h>\n/*\n#include <b.h>\n*/").is_empty());
    assert!(names("char *s = \"\\\n#include <b.h>\";").is_empty());
    assert!(names("auto s = R\"x(\n#include <b.h>\n)x\";").is_empty());
    assert_eq!(
        names("auto s = R\"x()\" \" )x\";\n#include <b.h>\n"),
        ["<b.h>"]
    );
    assert_eq!(names("char c = '\"';\n#include <b.h>"), ["<b.h>"]);
    assert_eq!(names("#if 0\ndon't\n#endif\n#include <b.h>"), ["<b.h>"]);
    assert_eq!(
        names("int i = 1'000'000; char c = '\\'';\n#include <b.h>"),
        ["<b.h>"]
    );
    assert_eq!(names("#error it's\n#include <b.h>"), ["<b.h>"]);
    assert_eq!(
        names("x // a \\\n#include <a.h>\n#include <b.h>"),
        ["<b.h>"]
    );
}

#[test]
fn time_macros() {
    let scan = |text: &str| scan(text.as_bytes());
    assert!(scan("char *t = __TIME__;").time);
    assert!(scan("char *t = __DA\\\nTE__;").date);
    assert!(scan("#define T __TIMESTAMP__").timestamp);
    for text in [
        "// __TIME__",
        "/* __DATE__ */",
        "\"__TIME__\"",
        "x__TIME__",
        "'__DATE__'",
    ] {
        let found = scan(text);
        assert!(!found.time && !found.date, "{text}");
    }
}

#[test]
fn assembler_files() {
    let scan = |text: &str| scan(text.as_bytes()).assembler_file;
    assert!(scan("asm(\".incbin \\\"x\\\"\");"));
    assert!(scan("\t.incbin \"x\"\n"));
    assert!(scan(" .include \"x\"\n"));
    assert!(!scan("/* .incbin */ // .include\n"));
    assert!(scan("#define A __stringify(.incbin F)"));
    assert!(scan("asm(\"x\\n\\t.incbin \\\"f\\\"\");"));
    assert!(!scan("a.inc = 1;"));
    assert!(!scan(
        "s = (struct o){ .include = 1 }; a.include; p().include; a.include_dirs;"
    ));
    assert!(!scan("char *s = \"conf.include\";"));
}

#[test]
fn pieces_of_the_macros_of_the_clock() {
    let make = |texts: &[&str]| {
        let pieces = texts.iter().map(|text| scan(text.as_bytes()).clock_pieces);
        pieces.fold(Pieces::default(), Pieces::with).make_a_name()
    };
    for text in [
        "CAT(__TI, ME__)",
        "CAT(__, TIME__)",
        "CAT(__DATE, __)",
        "CAT(_, _TIMESTAMP__)",
        "CAT(__, TIME, __)",
        "CAT(__T, IME, __)",
        "CAT(_, _TIME_, _)",
        "CAT(__, T, IME, __)",
        "CAT(_, T, I, M, E)",
        "#define F(x) __##x##__\n#define G TIME\n",
        "_ (\"\") CAT(__D, ATE_, _)",
    ] {
        assert!(make(&[text]), "{text}");
    }
    assert!(make(&["#define CLOCK(x) CAT(__, x)", "CLOCK(TIME__)"]));
    assert!(make(&["_##x", "_##y", "DA", "TE"]));
    for text in [
        "_(\"text\") TIME DATE ST",
        "_ (\"text\") CAT(__, DATE_, x)",
        "__CONCAT(__, name) HAVE_TIME T S",
        "#define UPDATE TIMESTAMP\n",
        "_T(\"x\") __START__ IME",
        "__ TIM ATE STAMP__ MESTAMP",
    ] {
        assert!(!make(&[text]), "{text}");
    }
    let all = scan(b"CAT(__, T, I, M, E, _)").clock_pieces;
    assert!(all.make_a_name() && !all.without_letters().make_a_name());
    let of_option = |option: &str| super::clock::of_option(option.as_bytes());
    for option in [
        "-DNOW=__TIME__",
        "NOW=x __DATE__",
        "-Wp,-DA=b,-DC=__TIMESTAMP__",
    ] {
        assert_eq!(of_option(option), None, "{option}");
    }
    for (option, text) in [
        ("-DA=TIME", "TIME"),
        ("A=__", "__"),
        ("-DTIME=1", ""),
        ("-DHAVE_CLOCK_GETTIME", ""),
        ("-Wp,-DA=b,-DC=IME__", "IME__"),
        ("-D", ""),
    ] {
        let pieces = scan(text.as_bytes()).clock_pieces;
        assert_eq!(of_option(option), Some(pieces), "{option}");
    }
}

#[test]
fn assembler_that_macros_make() {
    let scan = |text: &str| scan(text.as_bytes()).opaque_assembler;
    assert!(!scan(
        "asm(\"nop\"); __asm__ volatile (\"a\"\n\"b\" : \"=r\"(x));"
    ));
    assert!(!scan("int f(void) __asm__(\"g\");"));
    assert!(scan("asm(\".\" S(inc) S(bin));"));
    assert!(!scan("#define A __asm__\n"));
    let macros = |text: &str| super::scan(text.as_bytes()).opaque_macros;
    let text = "#define A __asm__\n#define B(x) \\\n asm(x)\n#define C() asm(\"c\")\n";
    assert_eq!(macros(text), [b"A", b"B"]);
    assert_eq!(macros("#define A\nasm(S(c));\n"), Vec::<Vec<u8>>::new());
    assert!(!scan("#define N(i,d) __asm fld d __asm fistp i\n"));
    assert!(super::scan(b"asm(\".inc\" \"bin 1\");").assembler_file);
}

#[test]
fn the_rest() {
    assert!(scan(b"#pragma GCC system_header").system_header);
    assert!(scan(b"#embed NAME").computed_embed);
    assert!(scan(b"#if __has_embed(NAME)").computed_existence);
    assert!(!scan(b"int __has_embed(NAME);").computed_existence);
    assert!(scan(b"_Pragma(\"GCC dependency \\\"a\\\"\")").obscure);
    assert!(scan(b"DO(GCC dependency \"a\")").obscure);
    assert!(!scan(b"_Pragma(\"once\")\nint dependency; int GCC;").obscure);
    assert!(!scan(b"").obscure);
}

/// Text made of what the scanner looks for.
fn pieces() -> impl proptest::strategy::Strategy<Value = Vec<String>> {
    let pieces = [
        "#include <a.h>\n",
        "#include \"b.h\"\n",
        "__TIME__",
        "__DATE__ ",
        "\"",
        "'",
        "R\"x(",
        ")x\"",
        "/*",
        "*/",
        "//",
        "\n",
        " ",
        "\\",
        "\\\n",
        "asm(\"",
        "\")",
        ".incbin",
        "#embed <x>\n",
        "#define A <c.h>\n",
        "__has_include(<d.h>)",
        "1'0",
        "u8",
        "x",
        "#pragma GCC system_header\n",
        "??/\n",
        "\t",
        "(",
        ")",
        "#if ",
        "\u{e4}",
    ];
    proptest::collection::vec(
        proptest::sample::select(pieces.map(str::to_owned).to_vec()),
        0..30,
    )
}

proptest::proptest! {
    #[test]
    fn never_panics(text in proptest::collection::vec(
        proptest::sample::select(b"\"'\\\n#/*%: R()<>x0'.uinclude__TIME__?".to_vec()), 0..80)) {
        scan(&text);
    }

    #[test]
    fn no_bytes_make_a_panic(text: Vec<u8>) {
        scan(&text);
    }

    #[test]
    fn no_pieces_make_a_panic(pieces in pieces()) {
        scan(pieces.concat().as_bytes());
    }

    /// Lines that go on change nothing, wherever they are broken - outside raw
    /// strings, in which they are text.
    #[test]
    fn splices_do_not_count(pieces in pieces(), at: proptest::sample::Index) {
        let plain = |text: &String| !text.contains(['R', '?']) && text.is_ascii();
        let text = pieces.into_iter().filter(plain).collect::<Vec<_>>().concat();
        let mut at = at.index(text.len() + 1);
        while text[..at].ends_with('\\') {
            at -= 1;
        }
        let spliced = format!("{}\\\n{}", &text[..at], &text[at..]);
        proptest::prop_assert_eq!(scan(text.as_bytes()), scan(spliced.as_bytes()), "{}", spliced);
    }

    /// A comment on a line of its own says nothing, and hides nothing.
    #[test]
    fn comments_do_not_count(before in pieces(), after in pieces(), words in "[ a-zA-Z_.<>#'\"]{0,20}") {
        let plain = |text: &String| !text.contains(['"', '\'', '/', '*', '\\', '?', 'R', '(']) && !text.contains(".inc");
        let before: Vec<String> = before.into_iter().filter(plain).collect();
        let after: Vec<String> = after.into_iter().filter(|text| !text.contains(".inc")).collect();
        let (before, after) = (before.concat(), after.concat());
        let without = format!("{before}\n\n{after}");
        let with = format!("{before}\n/*{words}*/ // {words} __TIME__\n{after}");
        proptest::prop_assert_eq!(scan(without.as_bytes()), scan(with.as_bytes()), "{}", with);
    }
}

/// A large text of anything takes no more than its share of time.
#[test]
fn time_is_linear() {
    for piece in [
        "/*",
        "//",
        "\"",
        "R\"(",
        "R\"x(",
        "#include ",
        "\\\n",
        "\\ ",
        "'",
        "asm(",
        "asm(\"a\"",
        "(",
        "#",
        "1'",
        "#define A <",
        ".incbin",
    ] {
        let text = piece.repeat((1 << 17) / piece.len());
        let begun = std::time::Instant::now();
        scan(text.as_bytes());
        let took = begun.elapsed();
        assert!(took.as_secs() < 5, "{piece:?}: {took:?}");
    }
}
