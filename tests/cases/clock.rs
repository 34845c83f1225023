//! The clock as an input: `__TIME__` and its kin, however they are written.

use std::time::Duration;

use crate::env::{Compiler, Env, each, one};

#[test]
fn i9_macros_of_the_clock_that_nobody_uses() {
    each(|env| {
        env.write(
            "stamp.h",
            "#define BUILT __DATE__ \" \" __TIME__\n#define SOURCE_TIME __TIMESTAMP__\n",
        );
        env.write("a.c", "#include \"stamp.h\"\nint x;\n");
        env.cc("-c a.c").miss_then_hit();
        env.write("b.c", "#include \"stamp.h\"\nconst char *b = BUILT;\n");
        assert_eq!(refused_for_time(env, "b.c", &[]), 1);
        // A definition of the user's own stands for the clock.
        env.write("c.c", "const char *t = __TIME__;\n");
        env.cc("-c c.c -Wno-builtin-macro-redefined -D__TIME__=\"12\"")
            .miss_then_hit();
    });
}

#[test]
fn i9_clock_put_together() {
    each(|env| {
        let sources = [
            "#define CAT(a, b) a##b\nconst char *t = CAT(__TI, ME__);\n",
            "#define CAT(a, b) a##b\nconst char *t = CAT(__, TIME__);\n",
            "#define CAT(a, b) a##b\nconst char *t = CAT(__TIME, __);\n",
            "const char *t = __TI\\\nME__;\n",
            "const char *t = NOW;\n",
            "#define CAT(a, b, c) a##b##c\nconst char *t = CAT(__, TIME, __);\n",
            "#define CAT(a, b, c) a##b##c\nconst char *t = CAT(__T, IME, __);\n",
            "#define CAT(a, b, c) a##b##c\nconst char *t = CAT(_, _TIME_, _);\n",
            "#define CAT_(a, b) a##b\n#define CAT(a, b) CAT_(a, b)\nconst char *t = CAT(__, CAT(LAST, __));\n",
        ];
        for source in sources {
            env.write("t.c", source);
            assert_eq!(
                refused_for_time(env, "t.c", &["-DNOW=__TIME__", "-DLAST=TIME"]),
                1,
                "{source}"
            );
        }
    });
}

/// Compiles `source`, whose object shows the second, and says how often that
/// was a reason not to store it.
fn refused_for_time(env: &Env, source: &str, options: &[&str]) -> i64 {
    let name = if env.compiler.is_clang() {
        "clang"
    } else {
        "gcc"
    };
    let before = env.counters();
    let mut command = env.command(crate::support::cache_binary());
    command.args([name, "-c", source]).args(options);
    assert!(command.status().unwrap().success());
    env.counters().since(&before).get("uncacheable_time_macro")
}

#[test]
fn i9_timestamp_follows_the_files() {
    each(|env| {
        let day = Duration::from_secs(86_400);
        env.write("s.h", "static const char *h = __TIMESTAMP__;\n");
        env.write(
            "s.c",
            "#include \"s.h\"\nconst char *f(void) { return h; }\nconst char *s = __TIMESTAMP__;\n",
        );
        env.age("s.c", day * 3);
        env.age("s.h", day * 5);
        env.cc("-c s.c").miss_then_hit();
        env.age("s.c", day * 4);
        env.cc("-c s.c").miss_then_hit();
        env.age("s.h", day * 6);
        env.cc("-c s.c").miss_then_hit();
        // The times of the two changed places.
        env.age("s.c", day * 6);
        env.age("s.h", day * 4);
        env.cc("-c s.c").not_served();
        let (hour, zone) = (Duration::from_secs(3600), "Asia/Tokyo");
        env.age("s.c", hour);
        env.cc("-c s.c").miss();
        env.cc("-c s.c").var("TZ", zone).miss_then_hit();
        env.cc("-c s.c").direct_hit();
        env.cc("-c s.c")
            .var("SOURCE_DATE_EPOCH", "77")
            .miss_then_hit();
    });
}

#[test]
fn i9_an_epoch_that_the_compiler_does_not_know() {
    one(Compiler::Clang14, |env| {
        env.write("t.c", "const char *t = __TIME__;\n");
        let mut objects = Vec::new();
        for _ in 0..2 {
            let mut command = env.command(crate::support::cache_binary());
            command
                .args(["clang", "-c", "t.c"])
                .env("SOURCE_DATE_EPOCH", "77");
            assert!(command.status().unwrap().success());
            objects.push(env.read("t.o"));
            std::thread::sleep(Duration::from_millis(1100));
        }
        assert_ne!(objects[0], objects[1]);
    });
}

#[test]
fn i9_pragmas_that_look_at_times() {
    one(Compiler::Gcc, |env| {
        env.write("old.h", "");
        env.write("a.c", "_Pragma(\"GCC dependency \\\"old.h\\\"\")\nint x;\n");
        env.age("old.h", Duration::from_secs(100));
        env.cc("-c a.c").right_twice();
        env.age("a.c", Duration::from_secs(1000));
        env.cc("-c a.c").right_twice();
    });
}

/// One file pastes what another one, or an option, names.
#[test]
fn i9_clock_put_together_of_several_files() {
    const PASTE: &str = "#define CAT_(a, b, c) a##b##c\n#define CAT(a, b, c) CAT_(a, b, c)\n";
    each(|env| {
        for (header, source, option) in [
            ("#define CLOCK(x) CAT(__, x, __)\n", "CLOCK(TIME)", "-DA"),
            (
                "#define CLOCK(x) CAT(__, x, END)\n",
                "CLOCK(TIME)",
                "-DEND=__",
            ),
            (
                "#define CLOCK(x) CAT(__, x, __)\n",
                "CLOCK(LAST)",
                "-DLAST=TIME",
            ),
            (
                "#define CLOCK CAT(BEGIN, TI, ME__)\n",
                "CLOCK",
                "-DBEGIN=__",
            ),
            (
                "#define L __\n#define R E__\n",
                "CAT(L, CAT(T, I, M), R)",
                "-DA",
            ),
            (
                "#define CLOCK(x) CAT(_, x, _)\n",
                "CLOCK(CAT(_TI, ME, _))",
                "-DA",
            ),
        ] {
            env.write("paste.h", format!("{PASTE}{header}"));
            env.write(
                "t.c",
                format!("#include \"paste.h\"\nconst char *t = {source};\n"),
            );
            let refused = refused_for_time(env, "t.c", &[option]);
            assert_eq!(refused, 1, "{header}{source} {option}");
        }
        // What pastes nothing of the clock's is stored.
        env.write(
            "paste.h",
            format!("{PASTE}#define NAME(x) CAT(__, x, __)\n"),
        );
        env.write(
            "n.c",
            "#include \"paste.h\"\nint NAME(TIM), NAME(TIMES), TIM;\n",
        );
        env.cc("-c n.c").miss_then_hit();
    });
}
