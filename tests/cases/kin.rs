//! Commands without a manifest that others can answer: macros on the command
//! line that nothing names, the same source at another path.

use crate::env::{Env, each, each_clang};

fn source(env: &Env) {
    env.write(
        "h.h",
        "#define CAT(a, b) a ## b\n#ifdef ASKED_FOR\nint asked;\n#endif\n",
    );
    env.write(
        "a.c",
        "#include <assert.h>\n#include \"h.h\"\nint f(int x) { assert(x); return CAT(VAL, UE); }\n",
    );
}

#[test]
fn o1_macro_on_the_command_line_that_nothing_names() {
    each(|env| {
        source(env);
        let debug = match env.compiler.is_clang() {
            true => "-g -gdwarf-4",
            false => "-g",
        };
        for options in ["", "-Wall -Wextra -O1 -MD"] {
            let compile = |macros: &str| {
                let args = format!("-c a.c -DVALUE=1 {options} {debug} {macros}");
                env.cc(&args)
            };
            compile("").miss();
            for macros in [
                "-DMY_KNOB",
                "-DMY_KNOB=2",
                "-D MY_KNOB=(2+x)",
                "-UMY_KNOB",
                "-DMY_KNOB=1 -DMY_OTHER=\"text\"",
                "-DMY_KNOB(a)=a",
            ] {
                compile(macros).direct_hit();
                compile(macros).direct_hit();
            }
            // The header is asked again.
            compile("-DMY_THIRD").direct_hit();
            env.write(
                "h.h",
                "#define CAT(a, b) a ## b\n#ifdef MY_THIRD\nint third;\n#endif\n",
            );
            compile("-DMY_THIRD").not_served();
            compile("-DMY_FOURTH").not_served();
            source(env);
            for macros in [
                "-DVALUE=2",
                "-UVALUE -DVALUE=3",
                "-DASKED_FOR",
                "-DNDEBUG",
                "-DVAL=5",
                "-DMY_KNOB -DVALUE=MY_KNOB",
                "-D_REENTRANT",
                "-DMY_KNOB -DMY_KNOB=2",
                "-DMY_KNOB=\\",
                "-DMY_KNOB='",
                "-DMY_KNOB=#",
                "-Dlinux=3",
                "-D3D",
                "-DMY_KNOB -g3",
                "-DMY_KNOB -Wunused-macros",
                "-DMY_KNOB -O2",
                "-DMY_KNOB -include h.h",
            ] {
                compile(macros).not_served();
            }
            source(env);
            env.remove("a.o");
        }
    });
}

#[test]
fn o1_macro_on_the_command_line_where_the_product_holds_it() {
    each(|env| {
        source(env);
        for options in [
            "-g -frecord-gcc-switches",
            "-g -grecord-gcc-switches",
            "-S -fverbose-asm",
        ] {
            for macros in ["", "-DMY_KNOB", "-DMY_KNOB=2"] {
                env.cc(&format!("-c a.c -DVALUE=1 {options} {macros}"))
                    .right_twice();
            }
        }
    });
}

#[test]
fn i7_same_source_at_another_path() {
    each(|env| {
        for directory in ["one", "two", "six"] {
            env.write(
                &format!("{directory}/n.h"),
                "#include <stddef.h>\n#define N 1\n",
            );
            env.write(
                &format!("{directory}/x.c"),
                "#include \"n.h\"\nstatic int g(int x) { return x + N; }\nint f(int x) { return g(x); }\n",
            );
        }
        for options in ["", "-O2 -Wall -Wextra"] {
            env.cc(&format!("-c one/x.c -o x.o {options}")).miss();
            env.cc(&format!("-c two/x.c -o x.o {options}")).hit();
            env.cc(&format!("-c two/x.c -o x.o {options}")).direct_hit();
            env.write("two/n.h", "#include <stddef.h>\n#define N 2\n");
            env.cc(&format!("-c two/x.c -o x.o {options}")).not_served();
            env.write("two/n.h", "#include <stddef.h>\n#define N 1\n");
            // Other names or options.
            env.write("two/y.c", env.read("one/x.c"));
            env.cc(&format!("-c two/y.c -o x.o {options}")).not_served();
            env.cc(&format!("-c six/x.c -o x.o {options} -DN=1"))
                .not_served();
            env.cc(&format!("-c six/x.c -o x.o {options} -g"))
                .not_served();
            env.remove("two/y.c");
        }
    });
}

#[test]
fn i7_same_source_at_another_path_that_shows() {
    let sources = [
        "#include <assert.h>\nint f(int x) { assert(x); return 1; }\n",
        "const char *f(void) { return __FILE__; }\n",
        "int f(void) { return sizeof __FILE__; }\n",
        "#include \"n.h\"\nconst char *f(void) { return name(); }\n",
        "#if __has_include(\"m.h\")\nint v = 1;\n#else\nint v = 2;\n#endif\n",
        "#include \"../n.h\"\nint v = sizeof name();\n",
        "int f(void) { return __builtin_LINE(); }\n",
    ];
    each(|env| {
        env.write("seven/m.h", "");
        env.write("n.h", "static inline int name(void) { return 1; }\n");
        for (index, source) in sources.into_iter().enumerate() {
            for directory in ["one", "seven", "longer/path"] {
                let name = format!("{directory}/x{index}.c");
                env.write(&name, source);
                env.write(
                    &format!("{directory}/n.h"),
                    "static inline const char *name(void) { return __FILE__; }\n",
                );
                env.cc(&format!("-c {name} -o x.o -w")).right_twice();
                env.cc(&format!("-c {name} -o x.o -fsanitize=undefined"))
                    .right();
                env.cc(&format!("-c {name} -o x.o -MD")).right_twice();
            }
        }
    });
}

#[test]
fn i7_same_cxx_source_at_another_path() {
    let source = "namespace { struct S { S(); int v; }; S::S() : v(1) {} S s; }\n\
                  auto l = [](int x) { return x; };\n\
                  template <typename T> const char *t(T) { return __PRETTY_FUNCTION__; }\n\
                  struct { int a; } u;\nvoid *p = &u;\n";
    each(|env| {
        for (index, more) in ["", "const char *c() { return t(l); }\n"]
            .into_iter()
            .enumerate()
        {
            for directory in ["one", "two", "six"] {
                let name = format!("{directory}/x{index}.cc");
                env.write(&name, format!("{source}{more}"));
                env.cxx(&format!("-c {name} -o x.o")).right_twice();
                env.cxx(&format!("-c {name} -S -o x.s")).right_twice();
                env.cxx(&format!("-c {name} -o x.o -O2 -fno-exceptions"))
                    .right_twice();
            }
        }
    });
    each_clang(|env| {
        for directory in ["one", "two"] {
            let name = format!("{directory}/x.c");
            env.write(
                &name,
                "static int f(void) { return 1; }\nint (*g)(void) = f;\n",
            );
            env.cc(&format!("-c {name} -o x.o -funique-internal-linkage-names"))
                .right_twice();
            env.cc(&format!("-c {name} -o x.bc -emit-llvm"))
                .right_twice();
        }
    });
}
