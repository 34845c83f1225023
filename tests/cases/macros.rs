//! Macros that nothing names: changing one hits, unless it can be seen.

use std::time::Duration;

use crate::env::{Compiler, Env, each, each_clang, one};

const OPTIONS: &str = "-Wall -Wextra -O1";

fn options(env: &Env) -> String {
    let debug = match env.compiler.is_clang() {
        true => "-g -gdwarf-4",
        false => "-g",
    };
    format!("{OPTIONS} {debug}")
}

/// A unit with `config.h` and the header `h.h`, in which `macros` stand.
fn unit(env: &Env, config: &str, macros: &str) {
    env.write("config.h", config);
    env.write(
        "h.h",
        format!(
            "#ifndef H_H\n#define H_H\nint g(void);\n{macros}\nint h(void);\n\
             #define CALL(x) ((x) + WIDTH)\n#endif\n"
        ),
    );
    env.write(
        "a.c",
        "#include \"config.h\"\n#include <stddef.h>\n#include \"h.h\"\n\
         int f(int x) { return CALL(x) + __LINE__; }\n",
    );
}

#[test]
fn i1_macro_that_nothing_names() {
    each(|env| {
        let compile = |dependencies: &str| {
            let args = format!("-c a.c {} {dependencies}", options(env));
            env.cc(&args)
        };
        for dependencies in ["", "-MMD"] {
            unit(
                env,
                "#define WIDTH 1\n#define MY_VERSION \"1.0\"\n",
                "#define OTHER_ONE 1",
            );
            compile(dependencies).miss();
            for (config, macros) in [
                // Another value, in any header.
                (
                    "#define WIDTH 1\n#define MY_VERSION \"2.0\"\n",
                    "#define OTHER_ONE 1",
                ),
                (
                    "#define WIDTH 1\n#define MY_VERSION \"2.0\"\n",
                    "#define OTHER_ONE (2 + 2)",
                ),
                // Others before, behind and in place of them.
                (
                    "/* new */\n#define FIRST_ONE\n#define WIDTH 1\n\n#define MAX_OF(a, b) \\\n  ((a) > (b))\n",
                    "#define OTHER_NAME 'x'",
                ),
                ("#define WIDTH 1\n", "#define OTHER_ONE 1"),
            ] {
                unit(env, config, macros);
                compile(dependencies).direct_hit();
                compile(dependencies).direct_hit();
            }
            // One that is named.
            unit(env, "#define WIDTH 2\n", "#define OTHER_ONE 1");
            compile(dependencies).miss();
            unit(
                env,
                "#define WIDTH 2\n#define CALLS 3\n",
                "#define OTHER_ONE 1",
            );
            compile(dependencies).direct_hit();
            // Lines move.
            unit(
                env,
                "#define WIDTH 2\n",
                "#define OTHER_ONE 1\n#define SECOND_ONE 2",
            );
            compile(dependencies).miss();
            env.remove("a.o");
        }
    });
}

/// Names that decide something without being called.
#[test]
fn i1_macro_that_is_asked_for() {
    let uses = [
        ("#ifdef KNOB_ONE\nint v = 1;\n#else\nint v = 2;\n#endif", ""),
        ("#if defined KNOB_ONE && KNOB_ONE > 5\nint v;\n#endif", ""),
        (
            "#define CAT(a, b) a ## b\n#define XCAT(a, b) CAT(a, b)\nint v = XCAT(KNOB, _ONE);",
            "",
        ),
        ("#define KNOB(n) KNOB_ ## n\nint v = KNOB(ONE);", ""),
        ("int v = VALUE;", "-DVALUE=KNOB_ONE"),
        ("#pragma push_macro(\"KNOB_ONE\")\nint v;", ""),
        ("#define USED KNOB_ONE\nint v = USED;", ""),
        ("int v;\n#pragma GCC poison hidden", ""),
        ("int v;", "-DKNOB_ONE=1"),
        ("int v;", "-Wp,-DKNOB_ONE=1"),
    ];
    each(|env| {
        for (index, (code, options)) in uses.into_iter().enumerate() {
            let name = format!("a{index}.c");
            env.write(&name, format!("#include \"k.h\"\n{code}\n"));
            let compile = || env.cc(&format!("-c {name} {options}"));
            env.write("k.h", "#define KNOB_ONE 1\n");
            compile().right();
            env.write("k.h", "#define KNOB_ONE 10\n");
            compile().not_served();
            env.write("k.h", "\n");
            compile().right();
        }
    });
}

/// Pieces that stand in no file: the compiler's own.
#[test]
fn i1_macro_that_is_put_together_of_what_no_text_says() {
    let paste = "#define CAT(a, b) a ## b\n#define XCAT(a, b) CAT(a, b)\n";
    let constant = "#ifdef __INT64_C_SUFFIX__\nlong v = XCAT(KNOB, __INT64_C_SUFFIX__);\n\
                    #else\nlong v = __INT64_C(KNOB);\n#endif";
    let uses = [
        ("KNOB_4", "int v = XCAT(KNOB_, __LINE__);"),
        ("KNOB_0", "int v = XCAT(KNOB_, __COUNTER__);"),
        (
            "KNOB_0_KNOB",
            "int v = XCAT(XCAT(KNOB_, __COUNTER__), _KNOB);",
        ),
        ("KNOBL", constant),
    ];
    each(|env| {
        for (index, (name, code)) in uses.into_iter().enumerate() {
            let source = format!("c{index}.c");
            env.write(&source, format!("#include \"k.h\"\n{paste}{code}\n"));
            let compile = || env.cc(&format!("-c {source}"));
            env.write("k.h", format!("#define {name} 1\n"));
            compile().right();
            env.write("k.h", format!("#define {name} 10\n"));
            compile().not_served();
        }
    });
}

/// A name whose parts all units have somewhere, but that nobody makes of them.
#[test]
fn i1_macro_whose_ends_are_words() {
    each(|env| {
        let code = "struct A { int P; };\n#define CAT(a, b) a ## b\nint CAT(A, P);\n";
        env.write("e.c", format!("#include \"k.h\"\n{code}"));
        let compile = || env.cc("-c e.c");
        env.write("k.h", "#define AUTOCONF_TIMESTAMP \"yesterday\"\n");
        compile().miss();
        env.write("k.h", "#define AUTOCONF_TIMESTAMP \"today\"\n");
        compile().direct_hit();
    });
}

/// Macros that nothing uses, but about which a compiler has something to say.
#[test]
fn i1_macro_that_compilers_talk_about() {
    let macros = [
        "#define LATE_ONE 1\n#define LATE_ONE 2",
        "#define __LINE__ 3",
        "#define __GNUC__ 1",
        "#define linux 7",
        "#define defined 1",
        "#define __VA_ARGS__ 1",
        "#define if while",
        "#define LATE_ONE(a,a) a",
        "#define LATE_ONE(a, ...) a",
        "#define LATE_ONE(a) #b",
        "#define LATE_ONE ## b",
        "#define LATE_ONE\"text\"",
        "#define LATE_ONE __VA_ARGS__",
        "#define LATE_ONE \"text\"suffix",
        "#define LATE_ONE 'x",
        "#define LATE_ONE(",
        "#define 3D",
        "#define",
        "#define LATE_ONE \\ ",
        "#define LATE\u{fc}_ONE 1",
        "#define LATE_ONE hidden",
        "#undef __FILE__",
        "#undef LATE_ONE extra",
        "#define PRESENT 2",
        "#define F(x) x\n#define FROM_F F(\n#define LATE_ONE 2",
    ];
    each(|env| {
        for (index, text) in macros.into_iter().enumerate() {
            let name = format!("a{index}.c");
            // A poisoned name makes the whole unit one in which macros count.
            let poison = match text.contains("hidden") {
                true => "#pragma GCC poison hidden",
                false => "",
            };
            env.write(
                &name,
                format!("#include \"k.h\"\n{poison}\n#include \"l.h\"\nint v;\n"),
            );
            let compile = || env.cc(&format!("-c {name} -Wall -Wextra -pedantic"));
            env.write("k.h", "#define PRESENT 1\n");
            env.write("l.h", "\n");
            compile().right();
            env.write("l.h", format!("{text}\n"));
            compile().right();
            env.write("l.h", "#define LATE_ONE 5\n");
            compile().right();
        }
    });
}

#[test]
fn i1_macro_in_odd_places() {
    each(|env| {
        let sources = [
            // Among a macro's arguments.
            ("#define F(x) x\nint v = F(\n@\n1);\n", "-pedantic"),
            ("#define F(x, y) y\nint v = F(\")\",\n@\n1);\n", "-pedantic"),
            // Where indentation is looked at.
            (
                "int f(int x) {\n  if (x)\n    x++;\n@\n    x--;\n  return x;\n}\n",
                "-Wall",
            ),
            // Behind what looks like a guard.
            ("#ifndef NAME_OF_IT\n@\nint v;\n#endif\n", ""),
        ];
        for (index, (source, options)) in sources.into_iter().enumerate() {
            for text in [
                "",
                "#define NAME_OF_IS 1",
                "  #define NAME_OF_IS 1",
                "#define NAME_OF_IS 2",
                "",
            ] {
                let name = format!("b{index}.c");
                env.write(&name, format!("#include \"h{index}.h\"\n"));
                env.write(&format!("h{index}.h"), source.replace('@', text));
                env.cc(&format!("-c {name} {options}")).right_twice();
            }
        }
    });
}

#[test]
fn i1_macros_that_products_hold_or_warnings_count() {
    let edit = |env: &Env, options: &str| {
        for value in ["1", "2"] {
            env.write("a.c", "#include \"k.h\"\nint v;\n");
            env.write("k.h", format!("#define KNOB_ONE {value}\n"));
            env.cc(&format!("-c a.c {options}")).not_served();
        }
    };
    each(|env| {
        for options in ["-g3 -gdwarf-4", "-ggdb3", "-g -g3", "-Wunused-macros"] {
            edit(env, options);
        }
    });
    each_clang(|env| edit(env, "-g"));
    each_clang(|env| edit(env, "-g -gdwarf-4 -fdebug-macro"));
    one(Compiler::Gcc, |env| {
        env.write(
            "a.c",
            "#pragma GCC diagnostic warning \"-Wunused-macros\"\n\n\nint v;\n",
        );
        env.cc("-c a.c").miss();
        env.write(
            "a.c",
            "#pragma GCC diagnostic warning \"-Wunused-macros\"\n\n#define KNOB_ONE 1\nint v;\n",
        );
        env.cc("-c a.c").miss();
    });
}

#[test]
fn i1_headers_that_an_edit_makes_equal() {
    each(|env| {
        env.write("a.c", "#include \"one.h\"\n#include \"two.h\"\n");
        let text = |value: &str| format!("#pragma once\nint v;\n#define KNOB_{value}\n");
        env.write("one.h", text("A"));
        env.write("two.h", text("BB"));
        env.cc("-c a.c").right();
        env.write("two.h", text("A"));
        let time = env.modified("one.h");
        env.set_modified("two.h", time);
        env.cc("-c a.c").right_twice();
    });
}

/// One text after preprocessing, with a warning and without.
#[test]
fn i1_same_text_with_other_macros() {
    each(|env| {
        let source = |body: &str| {
            format!("void g(void);\n#define EMPTY ;\nvoid f(int x) {{ if (x) {body}\n g(); }}\n")
        };
        for options in ["-c a.c", "-c a.c -w"] {
            for body in ["g();", "EMPTY", ";", "EMPTY", "x;", ";"] {
                env.write("a.c", source(body));
                env.cc(options).right();
            }
        }
    });
}

/// A header that is passed over because another has its content.
#[test]
fn i2_headers_of_one_content() {
    each(|env| {
        let header = "#pragma once\nstatic int v(void) { return 1; }\n";
        let other = "#pragma once\nstatic int w(void) { return 1; }\n";
        env.write("a/h.h", header);
        env.write("b/k.h", header);
        env.symlink("../a/h.h", "b/l.h");
        for name in ["k", "l"] {
            let text = format!(
                "#include \"a/h.h\"\n#include \"b/{name}.h\"\nint f(void) {{ return v(); }}\n"
            );
            env.write(&format!("{name}.c"), text);
        }
        env.set_modified("b/k.h", env.modified("a/h.h"));
        for name in ["k.c", "l.c"] {
            env.cc(&format!("-c {name} -w")).right_twice();
        }
        // To gcc, the time alone makes it another.
        env.age("b/k.h", Duration::from_secs(10));
        env.cc("-c k.c -w").right_twice();
        env.write("b/k.h", other);
        env.cc("-c k.c -w").right_twice();
        env.remove("b/l.h");
        env.write("b/l.h", other);
        env.cc("-c l.c -w").right_twice();
        // Both were read, and become one.
        env.age("b/k.h", Duration::from_secs(20));
        env.write("b/k.h", "#pragma once\nint t;\n");
        env.write("a/h.h", "#pragma once\nint t;\n");
        env.age("a/h.h", Duration::from_secs(30));
        env.write("k.c", "#include \"a/h.h\"\n#include \"b/k.h\"\n");
        env.cc("-c k.c -Wredundant-decls").right_twice();
        env.set_modified("b/k.h", env.modified("a/h.h"));
        env.cc("-c k.c -Wredundant-decls").right_twice();
    });
}

/// The product names the inode of the source.
#[test]
fn i6_offloaded_code_is_named_after_the_inode() {
    each(|env| {
        for text in ["#pragma omp target", "_Pragma(\"omp target\")"] {
            env.write(
                "a.c",
                format!("void g(int *p) {{\n{text}\n{{ *p = 1; }}\n}}\n"),
            );
            env.cc("-c -fopenmp -frandom-seed=1 a.c").right_twice();
            env.write("other.c", env.read("a.c"));
            env.rename("other.c", "a.c");
            env.cc("-c -fopenmp -frandom-seed=1 a.c").right_twice();
        }
    });
}
