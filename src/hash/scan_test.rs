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
    assert!(scan(b"#if __has_include(F)").computed);
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
fn assembler_that_macros_make() {
    let scan = |text: &str| scan(text.as_bytes()).opaque_assembler;
    assert!(!scan(
        "asm(\"nop\"); __asm__ volatile (\"a\"\n\"b\" : \"=r\"(x));"
    ));
    assert!(!scan("int f(void) __asm__(\"g\");"));
    assert!(scan("asm(\".\" S(inc) S(bin));"));
    assert!(scan("#define A __asm__\n"));
    assert!(!scan("#define N(i,d) __asm fld d __asm fistp i\n"));
    assert!(super::scan(b"asm(\".inc\" \"bin 1\");").assembler_file);
}

#[test]
fn the_rest() {
    assert!(scan(b"#pragma GCC system_header").system_header);
    assert!(scan(b"#embed NAME").computed_embed);
    assert!(scan(b"int x = __has_embed(NAME);").obscure);
    assert!(!scan(b"").obscure);
}

proptest::proptest! {
    #[test]
    fn never_panics(text in proptest::collection::vec(
        proptest::sample::select(b"\"'\\\n#/*%: R()<>x0'.uinclude__TIME__?".to_vec()), 0..80)) {
        scan(&text);
    }
}
