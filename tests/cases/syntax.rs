//! Calls that make no product: messages and further files alone.

use crate::env::{Env, each, each_clang};

const SOURCE: &str = "#include \"a.h\"\nint f(void) { int unused; return A; }\n";

fn source(env: &Env) {
    env.write("a.c", SOURCE);
    env.write("a.h", "#include <stddef.h>\n#define A 42\n");
}

#[test]
fn c5_syntax_only_makes_nothing() {
    each(|env| {
        source(env);
        for args in [
            "-fsyntax-only a.c",
            "-fsyntax-only -c a.c",
            "-fsyntax-only -S a.c",
            "-fsyntax-only -Wall a.c",
            "-fsyntax-only -Wall -g -O2 -c a.c",
            "-c -fsyntax-only a.c -DX -o other.o",
        ] {
            env.cc(args).miss_then_hit();
        }
        assert!(!env.exists("a.o") && !env.exists("other.o"));
        // What stands where the product would go stays as it is.
        env.write("a.o", "mine");
        env.cc("-fsyntax-only -c a.c").direct_hit();
        env.cc("-fsyntax-only -c a.c -o /dev/null").right_twice();
        env.mkdir("directory.o");
        env.cc("-fsyntax-only -c a.c -o directory.o").right_twice();
        env.cc("-fsyntax-only -c a.c -o absent/a.o").right_twice();
        assert_eq!(env.text("a.o"), "mine");
        // The same options with a product are another command.
        env.cc("-Wall -g -O2 -c a.c").miss();
        env.cc("-Wall -g -O2 -c a.c").direct_hit();
    });
}

#[test]
fn c5_syntax_only_with_messages_and_errors() {
    each(|env| {
        source(env);
        let missed = env.cc("-fsyntax-only -Wall a.c").miss();
        assert!(missed.stderr.contains("unused"));
        env.cc("-fsyntax-only -Wall a.c").direct_hit();
        env.cc("-fsyntax-only -Wall -Werror a.c")
            .counter("compile_failed");
        env.cc("-fsyntax-only -Wall -Werror a.c")
            .counter("compile_failed");
        env.write("a.h", "#define A undeclared\n");
        env.cc("-fsyntax-only -Wall a.c").counter("compile_failed");
        env.write("a.h", "#include <stddef.h>\n#define A 42\n");
        env.cc("-fsyntax-only -Wall a.c").hit();
        env.write("a.h", "#include <stddef.h>\n#define A 4\n");
        env.cc("-fsyntax-only -Wall a.c").miss();
    });
}

#[test]
fn c5_syntax_only_with_dependency_files() {
    each(|env| {
        source(env);
        env.mkdir("out");
        for args in [
            "-fsyntax-only a.c -MD",
            "-fsyntax-only a.c -MMD -MP",
            "-fsyntax-only -c a.c -MD -o out/a.o",
            "-fsyntax-only a.c -MMD -MF out/some.d",
            "-fsyntax-only -S a.c -MD -MT some -MQ other",
        ] {
            env.cc(args).miss_then_hit();
        }
        env.cc("-fsyntax-only -c a.c -MD -o out/b.o").direct_hit();
        assert!(env.exists("out/b.d"));
    });
}

#[test]
fn c5_syntax_only_with_further_files() {
    each(|env| {
        source(env);
        env.cc("-fsyntax-only a.c -fstack-usage").right_twice();
        // gcc stamps the notes with a random number.
        let seed = if env.compiler.is_clang() {
            ""
        } else {
            "-frandom-seed=1"
        };
        env.cc(&format!("-fsyntax-only -c a.c --coverage {seed} -o x.o"))
            .right_twice();
        env.cc("-fsyntax-only -c a.c -g -gsplit-dwarf")
            .right_twice();
    });
    each_clang(|env| {
        source(env);
        env.cc("-fsyntax-only -Wall a.c --serialize-diagnostics a.dia")
            .miss_then_hit();
    });
}

#[test]
fn c5_syntax_only_of_other_languages() {
    each(|env| {
        env.write("a.i", "int f(void) { return 1; }\n");
        env.cc("-fsyntax-only a.i").miss_then_hit();
        env.write("a.s", ".globl f\nf: nop\n");
        env.cc("-c -fsyntax-only a.s")
            .counter("unsupported_compiler_option");
        env.write("b.c", "int x;\n");
        env.cc("-fsyntax-only a.i b.c")
            .counter("multiple_source_files");
        env.write("a.cc", "#include <vector>\nstd::vector<int> v;\n");
        env.cxx("-fsyntax-only a.cc").miss_then_hit();
    });
}

/// Options that write files do so without a product, or not.
#[test]
fn c5_syntax_only_with_options_that_write() {
    each(|env| {
        source(env);
        env.mkdir("out");
        let mut options = vec!["-save-temps", "-save-temps=obj", "-MD -save-temps", "-H"];
        if env.compiler.is_clang() {
            options.extend([
                "-fsave-optimization-record -O2",
                "--serialize-diagnostics a.dia -Wall",
                "-emit-llvm",
            ]);
        } else {
            options.extend([
                "-aux-info protos",
                "-fdump-tree-original",
                "-fdump-tree-all -O2",
                "-fcallgraph-info",
                "-fopt-info-vec=remarks -O2",
                "-Wa,-a=listing",
                "-dumpbase other.c",
            ]);
        }
        for option in options {
            env.cc(&format!("-fsyntax-only a.c {option}")).right_twice();
            env.cc(&format!("-fsyntax-only -c a.c {option} -o out/b.o"))
                .right_twice();
        }
    });
}
