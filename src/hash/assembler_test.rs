use super::*;

fn names(list: &[Vec<u8>]) -> Vec<&str> {
    list.iter()
        .map(|name| std::str::from_utf8(name).unwrap())
        .collect()
}

/// (data, text, unclear)
fn source(text: &str) -> (Vec<String>, Vec<String>, bool) {
    let reads = of_assembler(text.as_bytes());
    let own = |list| names(list).into_iter().map(str::to_owned).collect();
    (own(&reads.data), own(&reads.text), reads.unclear)
}

fn inline(text: &str) -> (Vec<String>, bool) {
    let reads = of_preprocessed(text.as_bytes());
    let all = reads
        .data
        .iter()
        .chain(&reads.text)
        .cloned()
        .collect::<Vec<_>>();
    (
        names(&all).into_iter().map(str::to_owned).collect(),
        reads.unclear,
    )
}

#[test]
fn names_in_a_source() {
    let text = "a: .incbin \"d.bin\", 4, 8; .include \"m.s\"\n\t.INCBIN\t\"e\"\n";
    let (data, more, unclear) = source(text);
    assert_eq!(data, ["d.bin", "e"]);
    assert_eq!(more, ["m.s"]);
    assert!(!unclear);
}

#[test]
fn what_is_no_directive() {
    for text in [
        "# 1 \"a.s\"\n# reads by .incbin nothing\n/* .include it */ nop\n",
        "x.include: .include.more 3\n.include = 4\n",
        ".incbins \"a\"\n",
        "movb $'\"', %al /* .incbin it */\nmovb $'\", %al\n/* .incbin it */",
        ".macro m a\nmov\\a %eax, %ebx\n.L\\a: .long 0\nfoo_\\a\\()_bar:\n.endm\n",
    ] {
        assert!(of_assembler(text.as_bytes()).is_empty(), "{text}");
    }
}

#[test]
fn names_that_are_not_told() {
    for text in [
        ".macro m f\n.incbin \"\\f\"\n.endm\nm d.bin\n",
        ".macro m f\n.incbin \\f\n.endm\n",
        ".macro m a b\n.\\a\\b \"d\"\n.endm\n",
        ".macro m a\n.inc\\a \"d\"\n.endm\n",
        ".macro m a b\n\\a\\b \"d\"\n.endm\nm .inc bin\n",
        ".macro m a\n\\a \"d\"\n.endm\nm .incbin\n",
        ".macro m a\n\\a\\().incbin \"d\\a\"\n.endm\n",
        ".mri 1\n incbin d\n",
        ".altmacro\n.macro m a\na&bin \"d\"\n.endm\n",
        "/* \" */ .incbin d /* \" */",
    ] {
        assert!(of_assembler(text.as_bytes()).unclear, "{text}");
    }
}

#[test]
fn comments_that_are_none_hide_nothing() {
    let (data, _, _) = source("# x\r.incbin \"r\"\n");
    assert_eq!(data, ["r"]);
    // The quote of a character does not open a string.
    let (data, _, _) = source("mov $'\", %al\n.ascii \"/*\"\n.incbin \"a\"\n.ascii \"*/\"\n");
    assert_eq!(data, ["a"]);
    // Quotes that do not match: comments are not believed.
    let (data, _, _) = source("# x\n nop # 5\" wide /*\n.incbin \"a\"\n*/\n");
    assert_eq!(data, ["a"]);
}

#[test]
fn inline_assembler() {
    for (text, expected) in [
        ("asm(\".incbin \\\"a\\\"\\n\");", &["a"][..]),
        (
            "__asm__ volatile (\".inc\"\n# 3 \"x.c\"\n\"bin \" \"\\x22\" \"b c\\042\" : : \"r\"(x));",
            &["b c"],
        ),
        ("asm(R\"x(.include \"m.s\")x\");", &["m.s"]),
        (
            "__attribute__((section(\"a\\n.incbin \\\"s\\\"\"))) int x;",
            &["s"],
        ),
        (
            "#pragma clang attribute push(__attribute__((section(\"a\\n.incbin \\\"p\\\"\"))))",
            &["p"],
        ),
        ("asm goto (\"\\x2eincbin \\\"o\\\"\" :::: l);", &["o"]),
        ("int n = 1'000'000; asm(\".incbin \\\"n\\\"\");", &["n"]),
        ("char c = '\"'; asm(\".incbin \\\"c\\\"\");", &["c"]),
    ] {
        assert_eq!(
            inline(text),
            (expected.iter().map(|s| s.to_string()).collect(), false),
            "{text}"
        );
    }
    for text in [
        "asm(\".incbin %0\" : : \"i\"(1));",
        "asm(\".incbin \\\"%0\\\"\");",
        "asm(\".%c0 \\\"a\\\"\" : : \"i\"(incbin));",
        "asm((text()));",
        "asm(\"nop\" name \"nop\");",
        "asm(\"\\u002eincbin \\\"o\\\"\");",
    ] {
        assert!(inline(text).1, "{text}");
    }
    for text in [
        "puts(\"use .incbin or .include\"); asm(\"nop\\n\\tnop %0\" : \"=r\"(x));",
        "int renamed(void) __asm__(\"other\"); asm(\"\");",
        "a.include(\"x\");",
    ] {
        assert_eq!(inline(text), (Vec::new(), false), "{text}");
    }
}
