//! What macros in a precompiled header do to the source that uses it, whether the
//! header's text is still there or not.

use crate::env::{Compiler, Env, each, one};
use crate::precompiled::{make_alone, settle, using};
use crate::support::cache_binary;

const PASTE: &str = "#define CAT_(a, b, c) a##b##c\n#define CAT(a, b, c) CAT_(a, b, c)\n";

/// Makes `header` and has `source` use it; each time `step` is called.
fn each_way(env: &Env, header: &str, source: &str, step: impl Fn()) {
    for text_stays in [true, false] {
        env.write("p.h", header);
        env.write("a.c", format!("#include \"p.h\"\n{source}"));
        settle();
        make_alone(env, "");
        if !text_stays {
            // clang compares its time.
            if env.compiler.is_clang() {
                continue;
            }
            env.remove("p.h");
            settle();
        }
        step();
    }
}

/// Compiles through the cache, and says how often that was not stored.
fn not_stored(env: &Env) -> i64 {
    let name = if env.compiler.is_clang() {
        "clang"
    } else {
        "gcc"
    };
    let before = env.counters();
    let mut command = env.command(cache_binary());
    command.arg(name).args(using(env).split(' '));
    assert!(command.status().unwrap().success());
    env.counters().since(&before).get("uncacheable_calls")
}

#[test]
fn i9_clock_in_the_macros_of_a_precompiled_header() {
    each(|env| {
        for (header, source) in [
            ("#define NOW __TIME__\n", "const char *t = NOW;\n"),
            (
                "#define NOW __TIME__\n",
                "const char *t = NOW;\n#undef NOW\n",
            ),
            (
                "#define CLOCK(x) CAT(__, x, __)\n",
                "const char *t = CLOCK(TIME);\n",
            ),
            (
                "#define SHOWS\n",
                "#ifdef SHOWS\nconst char *t = __TIME__;\n#endif\n",
            ),
            (
                "#define NOW __TIME__\n#pragma push_macro(\"NOW\")\n#undef NOW\n",
                "#pragma pop_macro(\"NOW\")\nconst char *t = NOW;\n",
            ),
        ] {
            each_way(env, &format!("{PASTE}{header}"), source, || {
                assert_eq!(not_stored(env), 1, "{header}{source}");
            });
        }
        // One that nobody uses, or that says the day.
        for source in ["int x;\n", "const char *d = DAY;\n"] {
            let header = "#define NOW __TIME__\n#define DAY __DATE__\n";
            each_way(env, header, source, || {
                env.cc(using(env)).right_twice();
                env.cc(using(env)).direct_hit();
            });
        }
    });
}

#[test]
fn i9_timestamp_in_the_macros_of_a_precompiled_header() {
    each(|env| {
        let (header, source) = ("#define AT __TIMESTAMP__\n", "const char *t = AT;\n");
        each_way(env, header, source, || {
            for days in [3, 5] {
                env.age("a.c", std::time::Duration::from_secs(days * 86_400));
                env.cc(using(env)).right_twice();
            }
        });
    });
}

#[test]
fn i5_has_include_in_the_macros_of_a_precompiled_header() {
    each(|env| {
        let header = "#define HAS(x) __has_include(x)\n#define WHAT \"maybe.h\"\n\
                      #define HAS_IT __has_include(\"maybe.h\")\n";
        for condition in [
            "HAS(\"maybe.h\")",
            "HAS(WHAT)",
            "HAS_IT",
            "__has_include(WHAT)",
        ] {
            let source = format!("#if {condition}\nint yes;\n#else\nint no[2];\n#endif\n");
            each_way(env, header, &source, || {
                env.cc(using(env)).right_twice();
                env.write("maybe.h", "");
                settle();
                env.cc(using(env)).right_twice();
                env.remove("maybe.h");
                settle();
                env.cc(using(env)).right_twice();
            });
        }
    });
}

#[test]
fn i3_include_of_a_macro_of_a_precompiled_header() {
    each(|env| {
        env.mkdir("first");
        env.mkdir("second");
        env.write("second/w.h", "int second[2];\n");
        let options = format!("{} -Ifirst -Isecond", using(env));
        each_way(env, "#define WHAT <w.h>\n", "#include WHAT\n", || {
            env.cc(&options).right_twice();
            env.write("first/w.h", "int first;\n");
            settle();
            env.cc(&options).right_twice();
            env.remove("first/w.h");
        });
    });
}

/// gcc is asked once which macros one holds, and again when it is another one.
#[test]
fn o11_macros_of_a_precompiled_header_are_asked_for_once() {
    one(Compiler::Gcc, |env| {
        env.write("p.h", "#define ONE 1\n");
        settle();
        make_alone(env, "");
        let asked = |env: &Env| env.runs().iter().filter(|run| run.contains("-dM")).count();
        let mut expected = 0;
        for n in 0..4 {
            env.write(
                &format!("u{n}.c"),
                format!("#include \"p.h\"\nint x{n} = ONE;\n"),
            );
            settle();
            if n % 2 == 0 {
                expected += 1;
            }
            if n == 2 {
                env.write("p.h", "#define ONE 1\n#define NOW __TIME__\n");
                settle();
                make_alone(env, "");
            }
            env.cc(&format!("-c u{n}.c")).miss_then_hit();
            assert_eq!(asked(env), expected, "{n}: {:?}", env.runs());
        }
    });
}
