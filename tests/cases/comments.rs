//! Comments: an edit that no compiler can see hits, one that it may see does not.

use crate::env::{Compiler, Env, each, each_clang, one};

const OPTIONS: &str = "-Wall -Wextra -O1";

/// Debug information without checksums of the sources.
fn debug(env: &Env) -> &'static str {
    match env.compiler.is_clang() {
        true => "-g -gdwarf-4",
        false => "-g",
    }
}

#[test]
fn i1_comment_edited_in_the_source() {
    each(|env| {
        env.write("a.c", "// one\nint f(void) { return 1; } // x\n");
        env.cc("-c a.c").miss();
        env.write("a.c", "// two, longer\nint f(void) { return 1; }\n");
        env.cc("-c a.c").direct_hit();
        env.cc("-c a.c").direct_hit();
        env.write("a.c", "// one\nint f(void) { return 1; } // x\n");
        env.cc("-c a.c").direct_hit();
        // Columns and lines do not move.
        let options = format!("-c a.c {OPTIONS} {}", debug(env));
        env.cc(&options).miss();
        env.write("a.c", "/* three */\nint f(void) { return 1; } /* y */\n");
        env.cc(&options).direct_hit();
        env.write("a.c", "/* three */\n int f(void) { return 1; } /* y */\n");
        env.cc(&options).miss();
        env.write("a.c", "\n/* three */\nint f(void) { return 1; } /* y */\n");
        env.cc(&options).miss();
    });
}

#[test]
fn i1_comment_edited_in_a_header() {
    each(|env| {
        let header = |comment: &str| {
            format!(
                "/* {comment}\n * {comment}\n */\n#ifndef H\n#define H /* {comment} */\n\
                 static inline int h(int x) {{ return __LINE__ + x; }} // {comment}\n#endif\n"
            )
        };
        env.write("h.h", header("one"));
        env.write("a.c", "#include \"h.h\"\nint f(void) { return h(1); }\n");
        let options = format!("-c a.c -MD {OPTIONS} {}", debug(env));
        env.cc(&options).miss();
        for comment in ["two", "three words now", "it's \"quoted\"", "one"] {
            env.write("h.h", header(comment));
            env.cc(&options).direct_hit();
        }
        // Code all the same.
        env.write("h.h", header("one").replace("+ x", "- x"));
        env.cc(&options).miss();
        env.write("h.h", header("four").replace("+ x", "- x"));
        env.cc(&options).direct_hit();
        env.write("h.h", header("five"));
        env.cc(&options).direct_hit();
    });
}

#[test]
fn i1_comments_that_are_seen() {
    let parts = [
        // -Wimplicit-fallthrough
        ("/* fall through */", "/* fell through */"),
        ("// FALLTHRU", "// FALL"),
        // -Wcomment
        ("/* a */", "/* /* */"),
        ("// a", "// a \\"),
        // -Wbidi-chars
        ("// a", "// \u{202e}"),
        // -Wmisleading-indentation: a line's first column
        ("          // b", "// b"),
    ];
    each(|env| {
        for (index, (one, other)) in parts.into_iter().enumerate() {
            let source = |comment: &str| {
                format!(
                    "int f{index}(int x) {{\n  switch (x) {{\n  case 1:\n    x += 2;\n{comment}\n  \
                     case 2:\n    return x;\n  }}\n  if (x)\n    x++;\n  return x;\n}}\n"
                )
            };
            let options = format!("-c a.c {OPTIONS}");
            env.write("a.c", source(one));
            env.cc(&options).right();
            env.write("a.c", source(other));
            env.cc(&options).not_served();
            env.write("a.c", source(one));
            env.cc(&options).right_twice();
        }
    });
}

#[test]
fn i1_what_looks_like_a_comment() {
    let pairs = [
        ("const char *s = \"// a\";", "const char *s = \"// b\";"),
        (
            "const char *s = \"/* a */\";",
            "const char *s = \"/* b */\";",
        ),
        (
            "#define S(x) #x\nconst char *s = S(a/**/b);",
            "#define S(x) #x\nconst char *s = S(ab);",
        ),
        (
            "#define S(x) #x\nconst char *s = S(a /* */ b);",
            "#define S(x) #x\nconst char *s = S(a/**/b);",
        ),
        (
            "#define P a \\\n + 1 // x\nint a;\nint g(void) { return P; }",
            "#define P a \\\n + 2 // x\nint a;\nint g(void) { return P; }",
        ),
        ("int v = '//' == 1; // a", "int v = '/+' == 1; // a"),
        ("int v = 6 /\\\n/ 2\n;", "int v = 6 /\\\n/ 3\n;"),
        ("int v = 1 //\\\n + 2\n;", "int v = 1 //\n + 2\n;"),
    ];
    each(|env| {
        for (one, other) in pairs {
            for text in [one, other, one] {
                env.write("a.c", format!("{text}\n"));
                env.cc("-c a.c -w").right_twice();
            }
        }
        env.write("dir/b", "#define V 1\n");
        env.write("dir/c", "#define V 2\n");
        for name in ["dir//b", "dir//c"] {
            for (open, close) in [('"', '"'), ('<', '>')] {
                env.write("a.c", format!("#include {open}{name}{close}\nint v = V;\n"));
                env.cc("-c a.c -I.").right_twice();
            }
        }
    });
}

#[test]
fn i1_raw_strings_whole() {
    each(|env| {
        let source = |text: &str, comment: &str| {
            format!("const char *s = R\"x(// {text}\n)\" /* {text} */ )x\"; // {comment}\n")
        };
        env.write("a.cc", source("one", "a"));
        env.cxx("-c a.cc").miss();
        env.write("a.cc", source("one", "b"));
        env.cxx("-c a.cc").direct_hit();
        env.write("a.cc", source("two", "b"));
        env.cxx("-c a.cc").miss();
        env.write("b.cc", "int v = 1'000; // it's\n");
        env.cxx("-c b.cc").miss();
        env.write("b.cc", "int v = 1'000; // its\n");
        env.cxx("-c b.cc").direct_hit();
        env.cxx("-c b.cc -std=c++11").right();
        env.write("b.cc", "int v = 1'000; // it's\n");
        env.cxx("-c b.cc -std=c++11").right();
    });
}

#[test]
fn i1_comments_where_two_slashes_are_none() {
    each(|env| {
        for standard in ["-std=c89", "-ansi", "-std=iso9899:199409", "-std=gnu89"] {
            for divisor in ["2", "3"] {
                env.write("a.c", format!("int v = 12 //**/ {divisor}\n;\n"));
                env.cc(&format!("-c a.c {standard}")).right_twice();
            }
        }
        // The first of them is warned about.
        env.write("b.c", "int v;\n");
        env.cc("-c b.c -std=gnu89 -pedantic").right_twice();
        env.write("b.c", "int v; // a\n");
        env.cc("-c b.c -std=gnu89 -pedantic").not_served();
    });
}

#[test]
fn i1_comments_beside_messages() {
    each(|env| {
        env.write("a.c", "int f(void) { int unused; return 1; } // one\n");
        env.cc("-c a.c -Wall").miss_then_hit();
        env.write("a.c", "int f(void) { int unused; return 1; } // two\n");
        env.cc("-c a.c -Wall").miss();
    });
}

#[test]
fn i1_comments_in_files_that_no_message_quotes() {
    each(|env| {
        let header = |comment: &str| {
            format!("static inline int h(int x) {{ return x; }} // {comment}\n#define UNUSED 1\n")
        };
        let warns = |comment: &str| {
            format!("static inline int w(int x) {{ int unused; return x; }} // {comment}\n")
        };
        let source = "#include \"h.h\"\nint f(void) { int unused; return h(1); }\n";
        env.write("h.h", header("one"));
        env.write("a.c", source);
        env.cc("-c a.c -Wall").miss_then_hit();
        env.write("h.h", header("two"));
        env.cc("-c a.c -Wall").direct_hit();
        env.cc("-c a.c -Wall").direct_hit();
        // Messages may suggest macros.
        env.write("h.h", header("two").replace("UNUSED", "OTHER"));
        env.cc("-c a.c -Wall").miss();
        // A message about the header itself.
        env.write("w.h", warns("one"));
        env.write("b.c", format!("#include \"w.h\"\n{source}"));
        env.cc("-c b.c -Wall").miss_then_hit();
        env.write("w.h", warns("two"));
        env.cc("-c b.c -Wall").miss();
        env.write("h.h", header("three").replace("UNUSED", "OTHER"));
        env.cc("-c b.c -Wall").direct_hit();
        // Messages that do not say where.
        for option in ["-fno-show-source-location", "-fdiagnostics-format=json"] {
            env.write("w.h", warns("one"));
            env.cc(&format!("-c b.c -Wall {option}")).right();
            env.write("w.h", warns("two"));
            env.cc(&format!("-c b.c -Wall {option}")).not_served();
        }
    });
}

#[test]
fn i1_messages_that_quote_a_file_of_line_directives() {
    each(|env| {
        env.write("gram.y", "first { one }\nint unused; /* one */\n");
        env.write(
            "a.c",
            "int f(void) {\n#line 2 \"gram.y\"\nint unused;\nreturn 1; }\n",
        );
        env.cc("-c a.c -Wall").right();
        env.cc("-c a.c -Wall").right();
        env.write("gram.y", "first { one }\nint unused; /* two */\n");
        env.cc("-c a.c -Wall").right();
        env.remove("gram.y");
        env.cc("-c a.c -Wall").right();
        env.write("gram.y", "first { one }\nint unused; /* two */\n");
        env.cc("-c a.c -Wall").right();
        // Markers in preprocessed text.
        env.write("q.c", "int f(void) { int unused; return 1; } // one\n");
        env.write(
            "p.i",
            "# 1 \"q.c\"\nint f(void) { int unused; return 1; }\n",
        );
        env.cc("-c p.i -Wall").miss_then_hit();
        env.write("q.c", "int f(void) { int unused; return 1; } // two\n");
        env.cc("-c p.i -Wall").right();
    });
}

#[test]
fn i1_comments_where_products_hold_the_source() {
    let edit = |env: &Env, options: &str| {
        env.write("a.c", "int f(int x) { return x; } // one\n");
        env.cc(&format!("-c a.c {options}")).right();
        env.write("a.c", "int f(int x) { return x; } // two\n");
        env.cc(&format!("-c a.c {options}")).not_served();
    };
    each(|env| {
        for options in [
            "-S -fverbose-asm -g",
            "--coverage -frandom-seed=1",
            "-fprofile-generate -frandom-seed=1",
            "-C",
        ] {
            edit(env, options);
        }
    });
    // Checksums of files in DWARF 5, the default.
    each_clang(|env| {
        for options in [
            "-g",
            "-g1",
            "-gdwarf-5",
            "-gdwarf-4 -gdwarf-5",
            "-Weverything",
            "-Wdocumentation",
            "-fprofile-instr-generate -fcoverage-mapping",
        ] {
            edit(env, options);
        }
    });
    each_clang(|env| {
        env.write("a.c", "/** \\param y */ int f(int x); // a\n");
        env.write("b.c", "#pragma clang diagnostic warning \"-Wdocumentation\"\n/** \\param x */\nint f(int x);\n");
        env.cc("-c b.c").right();
        let text = env.text("b.c").replace("param x", "param y");
        env.write("b.c", text);
        env.cc("-c b.c").not_served();
    });
    one(Compiler::Gcc, |env| {
        env.write(
            "a.c",
            "int f(int x) { switch (x) { case 1: x++; // a\n case 2: x++; } return x; }\n",
        );
        env.cc("-c a.c -Wimplicit-fallthrough=1").right();
        env.write(
            "a.c",
            "int f(int x) { switch (x) { case 1: x++;\n case 2: x++; } return x; }\n",
        );
        env.cc("-c a.c -Wimplicit-fallthrough=1").not_served();
    });
}

#[test]
fn i1_comments_at_the_end_of_a_file() {
    each_clang(|env| {
        for (one, other) in [("// a\n", "// a"), ("\n", "\n// a"), ("// a\n", "// b\n")] {
            env.write("a.c", format!("int v;\n{one}"));
            env.cc("-c a.c -Wnewline-eof").right();
            env.write("a.c", format!("int v;\n{other}"));
            env.cc("-c a.c -Wnewline-eof").right_twice();
        }
    });
}

#[test]
fn i1_comments_and_the_guard_against_shadowing() {
    each(|env| {
        env.write("late/h.h", "#define V 1\n");
        env.mkdir("early");
        env.write("a.c", "#include <h.h> // one\nint v = V;\n");
        env.cc("-c a.c -Iearly -Ilate").miss();
        env.write("a.c", "#include <h.h> // two\nint v = V;\n");
        env.cc("-c a.c -Iearly -Ilate").direct_hit();
        env.write("early/h.h", "#define V 2\n");
        env.cc("-c a.c -Iearly -Ilate").miss();
    });
}

#[test]
fn i1_comments_in_assembler_and_preprocessed_sources() {
    each(|env| {
        for name in ["a.S", "a.s", "a.i"] {
            let text = |comment: &str| match name {
                "a.i" => format!("int v; // {comment}\n"),
                _ => format!(".globl v // {comment}\nv: # {comment}\n"),
            };
            env.write(name, text("one"));
            env.cc(&format!("-c {name}")).right();
            env.write(name, text("two"));
            env.cc(&format!("-c {name}")).right_twice();
        }
    });
}

/// A driver that adds options of its own.
#[test]
fn i1_comments_behind_a_wrapper_that_wants_debug_information() {
    each(|env| {
        let (name, program) = match env.compiler {
            Compiler::Clang14 => ("clang", "clang-14"),
            Compiler::Clang19 => ("clang", "clang-19"),
            _ => ("gcc", "gcc-12"),
        };
        let script = format!("#!/bin/sh\nexec {program} -g3 \"$@\"\n");
        env.install_script(name, &script);
        for text in ["one", "two"] {
            env.write(
                "a.c",
                format!("#define UN_USED \"{text}\"\nint v; // {text}\n"),
            );
            env.cc("-c a.c").right();
        }
    });
}
