//! Precompiled headers: made, used, stale, in the way.

use std::fs;
use std::time::Duration;

use crate::env::{Compiler, Env, each, each_clang, one};

pub fn project(env: &Env) {
    env.write(
        "p.h",
        "#ifndef P\n#define P\n#include <stddef.h>\n#include \"q.h\"\nstatic inline int p(int a) { return a + Q; }\n#endif\n",
    );
    env.write("q.h", "#define Q 1\n");
    env.write("a.c", "#include \"p.h\"\nint f(void) { return p(3); }\n");
    // What is made in the running tick of the clock is not stored.
    settle();
}

pub fn settle() {
    std::thread::sleep(Duration::from_millis(15));
}

/// The name under which the compiler looks for a precompiled `p.h`.
fn product(env: &Env) -> &'static str {
    if env.compiler.is_clang() {
        "p.h.pch"
    } else {
        "p.h.gch"
    }
}

/// A compile that uses it without being told, or by the option there is.
pub fn using(env: &Env) -> &'static str {
    if env.compiler.is_clang() {
        "-c a.c -include p.h"
    } else {
        "-c a.c"
    }
}

pub fn make(env: &Env) -> String {
    format!("-x c-header p.h -o {}", product(env))
}

/// Makes the precompiled header anew without the cache.
pub fn make_alone(env: &Env, options: &str) {
    let names = if env.compiler.is_clang() {
        "clang"
    } else {
        "gcc"
    };
    let words = format!("-x c-header p.h -o {} {options}", product(env));
    let mut command = env.command(names);
    command.args(words.split_whitespace());
    assert!(command.status().unwrap().success());
    settle();
}

#[test]
fn o11_precompiled_header_is_made_once() {
    each(|env| {
        project(env);
        let make = make(env);
        env.cc(&make).miss_then_hit();
        env.cc(&make).direct_hit();
        env.cc(&format!("{make} -c")).miss_then_hit();
        env.cc(&format!("{make} -O2 -DX")).miss_then_hit();
        env.cc(&format!("{make} -g -c")).miss_then_hit();
        env.write("q.h", "#define Q 22\n");
        settle();
        env.cc(&make).miss();
        env.cc(&make).direct_hit();
        env.write("z.h", "syntax error\n");
        env.cc("-x c-header z.h -o z.gch").counter("compile_failed");
        env.cc("-x c-header z.h -o z.gch").counter("compile_failed");
    });
}

#[test]
fn o11_precompiled_header_by_suffix_and_default_name() {
    one(Compiler::Gcc, |env| {
        project(env);
        env.mkdir("sub");
        env.write("sub/s.h", "#define S 1\n");
        settle();
        env.cc("p.h").miss_then_hit();
        assert!(env.exists("p.h.gch"));
        env.cc("-c sub/s.h").miss_then_hit();
        assert!(env.exists("sub/s.h.gch"));
        env.cxx("-c p.h").miss_then_hit();
        env.cxx("-x c++-header p.h -o other.gch").miss_then_hit();
        env.cc("-S p.h").not_served();
        env.cc("p.h sub/s.h").counter("multiple_source_files");
    });
    each_clang(|env| {
        project(env);
        // Their default names differ.
        env.cc("p.h").counter("unsupported_source_language");
        env.cc("-c p.h").counter("unsupported_source_language");
        env.cc("-c p.h -o some").miss_then_hit();
        env.cc("-c p.h -o -").not_served();
        env.cxx("-c p.h -o some").miss_then_hit();
    });
}

#[test]
fn o11_precompiled_header_with_dependency_files() {
    each(|env| {
        project(env);
        env.mkdir("out");
        let own = if env.compiler.is_clang() {
            "-o p.pch"
        } else {
            ""
        };
        for args in [
            "-x c-header p.h -o out/p.gch -MD",
            "-x c-header p.h -o out/p.gch -MMD -MP",
            "-c p.h -o out/p.gch -MMD -MF some.d -MT some",
        ] {
            env.cc(args).miss_then_hit();
        }
        env.cc(&format!("-c p.h -MD {own}")).miss_then_hit();
        env.cc(&format!("-c p.h -MMD {own}")).right_twice();
        // gcc takes these for calls that link, and names the files so.
        env.cc(&format!("p.h -MD {own}")).right_twice();
        env.cc("-fsyntax-only p.h -MD").right_twice();
        env.cc("-fsyntax-only p.h").miss_then_hit();
    });
}

#[test]
fn o11_precompiled_header_is_used() {
    each(|env| {
        project(env);
        env.cc(&make(env)).miss();
        settle();
        let using = using(env);
        for more in ["", "-MD", "-MMD", "-MD -MP -MF x.d", "-fsyntax-only", "-S"] {
            env.cc(&format!("{using} {more}")).miss_then_hit();
        }
        // Restored by the cache, and used again.
        let object = env.read("a.o");
        env.remove(product(env));
        env.cc(&make(env)).direct_hit();
        env.cc(using).direct_hit();
        assert_eq!(env.read("a.o"), object);
        env.remove("a.o");
        env.cc(&format!("{using} -DUNUSED")).right();
    });
}

#[test]
fn o11_precompiled_header_with_debug_information() {
    each(|env| {
        project(env);
        env.cc(&format!("{} -g", make(env))).miss_then_hit();
        settle();
        env.cc(&format!("{} -g", using(env))).miss_then_hit();
        env.cc(&format!("{} -g -O2 -MD", using(env))).right_twice();
    });
}

#[test]
fn o11_header_edited_and_the_precompiled_one_made_again() {
    each(|env| {
        project(env);
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss_then_hit();
        env.write("q.h", "#define Q 100\n");
        settle();
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss_then_hit();
    });
}

#[test]
fn o11_header_edited_and_the_precompiled_one_left_stale() {
    each(|env| {
        project(env);
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss_then_hit();
        env.write("q.h", "#define Q 100\n");
        settle();
        // gcc takes the old one without a word; clang stops.
        let outcome = env.cc(using(env)).right();
        assert_eq!(outcome.code == Some(0), !env.compiler.is_clang());
        env.cc(using(env)).right();
        env.write("q.h", "#define Q 1\n");
        settle();
        env.cc(using(env)).right_twice();
    });
}

#[test]
fn o11_header_touched() {
    each(|env| {
        project(env);
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss_then_hit();
        let time = env.modified("q.h");
        env.age("q.h", Duration::from_secs(86_400));
        settle();
        let outcome = env.cc(using(env)).right();
        assert_eq!(outcome.code == Some(0), !env.compiler.is_clang());
        // With the time that it had, all is well again.
        env.set_modified("q.h", time);
        settle();
        env.cc(using(env)).direct_hit();
        // Made again, it holds other times.
        env.age("q.h", Duration::from_secs(86_400));
        settle();
        env.cc(&make(env)).right();
        settle();
        env.cc(using(env)).right_twice();
    });
}

#[test]
fn o11_precompiled_header_without_times() {
    each_clang(|env| {
        project(env);
        let make = format!("{} -Xclang -fno-pch-timestamp", make(env));
        env.cc(&make).miss_then_hit();
        env.age("q.h", Duration::from_secs(86_400));
        settle();
        env.cc(&make).direct_hit();
        settle();
        env.cc(using(env)).right_twice();
        env.age("q.h", Duration::from_secs(2 * 86_400));
        settle();
        env.cc(using(env)).right_twice();
        env.write("q.h", "#define Q 3\n");
        settle();
        env.cc(using(env)).right();
    });
}

#[test]
fn o11_precompiled_header_appears_and_vanishes() {
    each(|env| {
        project(env);
        env.cc(using(env)).miss_then_hit();
        let plain = env.read("a.o");
        // With other content than the header now has.
        env.write("q.h", "#define Q 50\n");
        make_alone(env, "");
        env.write("q.h", "#define Q 1\n");
        settle();
        env.cc(using(env)).right();
        env.cc(using(env)).right();
        fs::remove_file(env.work(product(env))).unwrap();
        env.cc(using(env)).hit();
        assert_eq!(env.read("a.o"), plain);
    });
}

/// The text of the header does not say what a stale precompiled one holds.
#[test]
fn o11_stale_precompiled_header_and_the_preprocessor_mode() {
    one(Compiler::Gcc, |env| {
        project(env);
        env.cc("-c a.c").miss();
        env.write("q.h", "#define Q 1 // a comment\n");
        settle();
        env.cc("-c a.c").right();
        env.write("q.h", "#define Q 1 // another\n");
        settle();
        env.cc("-c a.c").right();
        env.write("q.h", "#define Q 50\n");
        make_alone(env, "");
        env.write("q.h", "#define Q 1 // a third\n");
        settle();
        env.cc("-c a.c").right();
        env.cc("-c a.c").right();
    });
}

#[test]
fn o11_precompiled_header_replaced_by_another() {
    each(|env| {
        project(env);
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss_then_hit();
        // Same time and size, perhaps, but other content.
        let time = env.modified(product(env));
        env.write("q.h", "#define Q 7\n");
        make_alone(env, "");
        env.set_modified(product(env), time);
        settle();
        env.cc(using(env)).right_twice();
        make_alone(env, "-DOTHER=1");
        env.cc(using(env)).right_twice();
        make_alone(env, "-O2");
        env.cc(using(env)).right_twice();
    });
}

#[test]
fn o11_precompiled_header_that_does_not_fit() {
    one(Compiler::Gcc, |env| {
        project(env);
        make_alone(env, "-O2 -g");
        for options in ["", "-Winvalid-pch", "-H", "-Winvalid-pch -H -MD"] {
            env.cc(&format!("-c a.c {options}")).miss_then_hit();
        }
        env.cc("-c a.c -O2 -g -Winvalid-pch").miss_then_hit();
        // It becomes valid.
        make_alone(env, "");
        env.cc("-c a.c -Winvalid-pch").miss_then_hit();
        env.cc("-c a.c -H").miss_then_hit();
        // And is no precompiled header at all.
        env.write("p.h.gch", "nonsense");
        settle();
        env.cc("-c a.c -Winvalid-pch").miss_then_hit();
        env.cc("-c a.c").miss_then_hit();
    });
}

#[test]
fn o11_directory_of_precompiled_headers() {
    one(Compiler::Gcc, |env| {
        project(env);
        env.mkdir("p.h.gch");
        let make = |name: &str, options: &str| {
            let words = format!("-x c-header p.h -o p.h.gch/{name} {options}");
            let mut command = env.command("gcc");
            command.args(words.split_whitespace());
            assert!(command.status().unwrap().success());
            settle();
        };
        make("fast", "-O2");
        env.cc("-c a.c -Winvalid-pch").miss_then_hit();
        env.cc("-c a.c -O2").miss_then_hit();
        make("plain", "");
        env.cc("-c a.c -Winvalid-pch").miss_then_hit();
        env.write("q.h", "#define Q 9\n");
        make("plain", "");
        env.cc("-c a.c").miss_then_hit();
        env.remove("p.h.gch/plain");
        env.cc("-c a.c -Winvalid-pch").right_twice();
        env.rename("p.h.gch/fast", "p.h.gch/other");
        env.cc("-c a.c -O2").right_twice();
    });
}

#[test]
fn o11_precompiled_header_elsewhere_on_the_search_path() {
    one(Compiler::Gcc, |env| {
        project(env);
        env.mkdir("inc");
        env.mkdir("early");
        env.rename("p.h", "inc/p.h");
        env.rename("q.h", "inc/q.h");
        let gch = |path: &str, q: &str| {
            env.write("inc/q.h", format!("#define Q {q}\n"));
            let mut command = env.command("gcc");
            command.args(["-x", "c-header", "inc/p.h", "-o", path]);
            assert!(command.status().unwrap().success());
            env.write("inc/q.h", "#define Q 1\n");
            settle();
        };
        let using = "-c a.c -Iearly -Iinc";
        settle();
        env.cc(using).miss_then_hit();
        gch("inc/p.h.gch", "2");
        env.cc(using).miss_then_hit();
        // Without a header beside it.
        gch("early/p.h.gch", "3");
        env.cc(using).miss_then_hit();
        gch("early/p.h.gch", "4");
        env.cc(using).miss_then_hit();
        env.remove("early/p.h.gch");
        env.cc(using).right_twice();
        gch("p.h.gch", "5");
        env.cc(using).miss_then_hit();
        let forced = format!("{using} -include p.h -Winvalid-pch");
        env.cc(&forced).miss_then_hit();
        env.remove("p.h.gch");
        env.cc(&forced).right_twice();
    });
}

#[test]
fn o11_name_of_the_precompiled_header_by_a_macro() {
    one(Compiler::Gcc, |env| {
        project(env);
        env.write(
            "b.c",
            "#define STR(x) #x\n#define NAME(x) STR(x)\n#include NAME(p.h)\nint f(void) { return p(3); }\n",
        );
        env.write("c.c", "#include HEADER\nint f(void) { return p(3); }\n");
        settle();
        env.cc("-c b.c").right_twice();
        env.write("q.h", "#define Q 60\n");
        make_alone(env, "");
        env.write("q.h", "#define Q 1\n");
        settle();
        env.cc("-c b.c").right_twice();
        env.cc("-c c.c -DHEADER=\"p.h\"").right_twice();
        env.remove("p.h.gch");
        env.cc("-c b.c").right_twice();
        env.cc("-c c.c -DHEADER=\"p.h\"").right_twice();
    });
}

/// Messages quote the lines of headers as they are now.
#[test]
fn o11_messages_that_quote_a_header() {
    each(|env| {
        project(env);
        env.write("q.h", "#define Q 1\n#define BAD(x) int x; (void)0\n");
        env.write(
            "a.c",
            "#include \"p.h\"\nint f(void) { BAD(y); return p(3); }\n",
        );
        settle();
        make_alone(env, "-Wall");
        let using = format!("{} -Wall", using(env));
        env.cc(&using).miss_then_hit();
        env.write("q.h", "#define Q 1\n#define BAD(z) int z; (void)0\n");
        settle();
        env.cc(&using).right();
        env.cc(&using).right();
    });
}

/// What a precompiled header includes once is compared with what is there now.
#[test]
fn o11_header_included_once() {
    one(Compiler::Gcc, |env| {
        project(env);
        env.write("once.h", "#pragma once\n#define ONCE 1\n");
        env.write("p.h", "#include \"once.h\"\n#define Q ONCE\n");
        env.write(
            "a.c",
            "#include \"p.h\"\n#include \"once.h\"\nint f(void) { return ONCE; }\n",
        );
        settle();
        make_alone(env, "");
        env.cc("-c a.c").miss_then_hit();
        env.write("once.h", "#pragma once\n#undef ONCE\n#define ONCE 2\n");
        settle();
        env.cc("-c a.c").right_twice();
    });
}

#[test]
fn o11_the_way_of_cmake() {
    each(|env| {
        env.write("pch.hxx", "#pragma once\n#include \"v.h\"\n");
        env.write("v.h", "#include <vector>\n#define V 1\n");
        env.write("pch.hxx.cxx", "/* generated */\n");
        env.write("a.cxx", "int f() { return std::vector<int>{V}.size(); }\n");
        settle();
        let (make, using) = if env.compiler.is_clang() {
            (
                "-Winvalid-pch -Xclang -emit-pch -Xclang -include -Xclang pch.hxx -x c++-header -MD -MT pch.hxx.pch -MF pch.d -o pch.hxx.pch -c pch.hxx.cxx",
                "-Winvalid-pch -Xclang -include-pch -Xclang pch.hxx.pch -Xclang -include -Xclang pch.hxx -MD -MT a.o -MF a.o.d -o a.o -c a.cxx",
            )
        } else {
            (
                "-Winvalid-pch -x c++-header -include pch.hxx -MD -MT pch.hxx.gch -MF pch.d -o pch.hxx.gch -c pch.hxx.cxx",
                "-Winvalid-pch -include pch.hxx -MD -MT a.o -MF a.o.d -o a.o -c a.cxx",
            )
        };
        env.cxx(make).miss_then_hit();
        settle();
        env.cxx(using).miss_then_hit();
        // Again over what is there, as a second build does.
        env.cxx(make).direct_hit();
        settle();
        env.cxx(using).direct_hit();
        env.write("v.h", "#include <vector>\n#define V 2\n");
        settle();
        env.cxx(make).miss();
        settle();
        env.cxx(using).miss_then_hit();
        env.write("v.h", "#include <vector>\n#define V 1\n");
        settle();
        env.cxx(make).right();
        settle();
        env.cxx(using).right_twice();
    });
}

#[test]
fn o11_options_of_precompiled_headers() {
    each_clang(|env| {
        project(env);
        env.write(
            "p.hpp",
            "#include <vector>\ninline int p() { return std::vector<int>{1}.size(); }\n",
        );
        env.write("a.cc", "int f() { return p(); }\n");
        settle();
        for option in [
            "-fpch-instantiate-templates",
            "-fpch-codegen",
            "-fpch-debuginfo -g",
        ] {
            env.cxx(&format!("-x c++-header p.hpp -o p.pch {option}"))
                .miss_then_hit();
            settle();
            env.cxx(&format!("-c a.cc -include-pch p.pch {option}"))
                .right_twice();
        }
        env.cxx("-c a.cc -include-pch absent.pch").not_served();
        // One made from another.
        env.write("r.hpp", "#define R 1\n");
        settle();
        env.cxx("-x c++-header r.hpp -include-pch p.pch -o r.pch -fpch-debuginfo -g")
            .right_twice();
        settle();
        env.cxx("-c a.cc -include-pch r.pch -fpch-debuginfo -g")
            .right_twice();
        env.age("p.hpp", Duration::from_secs(86_400));
        settle();
        env.cxx("-c a.cc -include-pch r.pch -fpch-debuginfo -g")
            .right();
    });
    one(Compiler::Gcc, |env| {
        project(env);
        env.cc("-x c-header p.h -o p.h.gch -MD -fpch-deps")
            .miss_then_hit();
        settle();
        env.cc("-c a.c -MD -fpch-deps").miss_then_hit();
        env.cc("-c a.c -MMD -fpch-deps -MP").right_twice();
        env.cc("-c a.c -fpch-preprocess").miss_then_hit();
        // Which dependencies it holds is the user's choice.
        env.cc("-x c-header p.h -o p.h.gch -MMD").miss_then_hit();
        settle();
        env.cc("-c a.c -MD -fpch-deps").right_twice();
        env.cc("-x c-header p.h -o p.h.gch").miss_then_hit();
        settle();
        env.cc("-c a.c -MD -fpch-deps").right_twice();
    });
}

#[test]
fn o11_precompiled_header_in_another_directory() {
    each(|env| {
        for place in ["one", "two"] {
            env.write(&format!("{place}/p.h"), "#include \"q.h\"\n#define P Q\n");
            env.write(&format!("{place}/q.h"), "#define Q 1\n");
            env.write(
                &format!("{place}/a.c"),
                "#include \"p.h\"\nint f(void) { return P; }\n",
            );
        }
        settle();
        for place in ["one", "two"] {
            env.cc(&make(env)).within(place).right_twice();
            settle();
            env.cc(using(env)).within(place).right_twice();
        }
        env.write("two/q.h", "#define Q 2\n");
        settle();
        env.cc(&make(env)).within("two").right();
        settle();
        env.cc(using(env)).within("two").right_twice();
        env.cc(using(env)).within("one").direct_hit();
    });
}

/// Preprocessed text that names a precompiled header.
#[test]
fn o11_preprocessed_text_with_a_precompiled_header() {
    one(Compiler::Gcc, |env| {
        project(env);
        make_alone(env, "");
        env.cc("-E -fpch-preprocess a.c -o a.i").right();
        assert!(env.text("a.i").contains("pch_preprocess"));
        env.cc("-c a.i -fpch-preprocess -o one.o").right_twice();
        env.write("q.h", "#define Q 40\n");
        make_alone(env, "");
        env.cc("-c a.i -fpch-preprocess -o one.o").right_twice();
    });
}
