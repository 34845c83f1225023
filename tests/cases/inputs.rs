//! What a compile reads: sources, headers, files named by options, the
//! environment, the compiler itself.

use std::fs;
use std::time::Duration;

use crate::env::{Compiler, each, each_clang, one};
use crate::support::{find_program, skip};

#[test]
fn i1_source_edited_and_edited_back() {
    each(|env| {
        env.write("a.c", "int f(void) { return 1; }\n");
        env.cc("-c a.c").miss();
        env.write("a.c", "int f(void) { return 2; }\n");
        env.cc("-c a.c").miss();
        env.write("a.c", "int f(void) { return 1; }\n");
        env.cc("-c a.c").hit();
    });
}

#[test]
fn i2_header_edited_deleted_renamed() {
    each(|env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#include \"deep/b.h\"\n#define A B\n");
        env.write("deep/b.h", "#define B 1\n");
        env.cc("-c a.c").miss();
        env.write("deep/b.h", "#define B 2\n");
        env.cc("-c a.c").miss();
        env.write("deep/b.h", "#define B 1\n");
        env.cc("-c a.c").hit();
        env.rename("deep/b.h", "deep/c.h");
        env.cc("-c a.c").not_served();
        env.write("a.h", "#include \"deep/c.h\"\n#define A B\n");
        env.cc("-c a.c").right_twice();
        env.remove("deep/c.h");
        env.cc("-c a.c").not_served();
        env.write("deep/c.h", "#define B 3\n");
        env.cc("-c a.c").miss();
    });
}

#[test]
fn i2_header_touched_only() {
    each(|env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#define A 1\n");
        env.cc("-c a.c").miss();
        env.age("a.h", Duration::from_secs(7));
        env.age("a.c", Duration::from_secs(9));
        env.cc("-c a.c").direct_hit();
        // Written again: another inode, the same bytes.
        env.remove("a.h");
        env.write("a.h", "#define A 1\n");
        env.cc("-c a.c").direct_hit();
    });
}

#[test]
fn i6_same_content_with_other_neighbours() {
    each(|env| {
        for (directory, value) in [("one", 1), ("two", 2)] {
            let source = "#include \"n.h\"\nint f(void) { return N; }\n";
            env.write(&format!("{directory}/a.c"), source);
            env.write(&format!("{directory}/n.h"), format!("#define N {value}\n"));
        }
        env.cc("-c one/a.c -o one.o").miss();
        env.cc("-c two/a.c -o two.o").miss();
        assert_ne!(env.read("one.o"), env.read("two.o"));
        env.cc("-c one/a.c -o one.o").direct_hit();
        env.cc("-c two/a.c -o two.o").direct_hit();
    });
}

#[test]
fn i6_same_content_in_other_working_directories() {
    each(|env| {
        for (directory, value) in [("one", 1), ("two", 2)] {
            let source = "#include \"n.h\"\nint f(void) { return N; }\n";
            env.write(&format!("{directory}/a.c"), source);
            env.write(&format!("{directory}/n.h"), format!("#define N {value}\n"));
        }
        env.cc("-c a.c").within("one").miss();
        env.cc("-c a.c").within("two").miss();
        assert_ne!(env.read("one/a.o"), env.read("two/a.o"));
        env.cc("-c a.c").within("one").hit();
        env.cc("-c a.c").within("two").hit();
    });
}

#[test]
fn i7_file_names_in_the_object() {
    each(|env| {
        let source = "#include <assert.h>\nconst char *n(int x) { assert(x); return __FILE__; }\n";
        for name in ["one.c", "two.c", "sub/one.c"] {
            env.write(name, source);
            env.cc(&format!("-c {name} -o x.o")).right_twice();
            assert!(contains(&env.read("x.o"), name.as_bytes()), "{name}");
        }
        env.cc("-c sub/one.c -o x.o").right();
        env.cc("-c ./one.c -o x.o").right();
        env.cc(&format!("-c {} -o x.o", env.work("one.c").display()))
            .right();
        // In a header, found by two spellings of one directory.
        env.write(
            "inc/h.h",
            "static const char *h(void) { return __FILE__; }\n",
        );
        env.write(
            "u.c",
            "#include \"h.h\"\nconst char *u(void) { return h(); }\n",
        );
        env.cc("-c u.c -Iinc").right_twice();
        env.cc("-c u.c -I./inc").right_twice();
        env.cc(&format!("-c u.c -I{}", env.work("inc").display()))
            .right_twice();
    });
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What other compilers understand, and assembler without files, is no reason
/// to give up.
#[test]
fn i8_assembler_that_reads_no_files() {
    each(|env| {
        env.write(
            "a.h",
            "#ifdef _MSC_VER\n#define TO_INT(i, d) __asm fld d __asm fistp i\n#endif\n\
             #define BARRIER() __asm__ __volatile__(\"\" ::: \"memory\")\n",
        );
        env.write(
            "a.c",
            "#include \"a.h\"\nint f(int x) { BARRIER(); asm volatile (\"nop\\n\\t\" \"nop\"); \
             asm(\"\" : \"+r\"(x)); return x; }\nint renamed(void) __asm__(\"other\");\n",
        );
        env.cc("-c a.c").miss_then_hit();
    });
}

#[test]
fn i9_time_macros() {
    each(|env| {
        env.write("t.c", "const char *t = __TIME__;\n");
        // The reference has its own second; only the outcome can be asked for.
        let compiler = if env.compiler.is_clang() {
            "clang"
        } else {
            "gcc"
        };
        let object = |seconds: u64| {
            std::thread::sleep(Duration::from_secs(seconds));
            let mut command = env.command(crate::support::cache_binary());
            assert!(
                command
                    .args([compiler, "-c", "t.c"])
                    .status()
                    .unwrap()
                    .success()
            );
            env.read("t.o")
        };
        let (first, second) = (object(0), object(2));
        assert_ne!(first, second, "{:?}: __TIME__ is stale", env.compiler);
        env.write("d.c", "const char *d = __DATE__;\n");
        env.cc("-c d.c").right_twice();
        env.write("s.c", "const char *s = __TIMESTAMP__;\n");
        env.cc("-c s.c").right_twice();
        env.age("s.c", Duration::from_secs(86_400 * 3));
        env.cc("-c s.c").right_twice();
        env.write("in.h", "static const char *h = __TIME__;\n");
        env.write(
            "i.c",
            "#include \"in.h\"\nconst char *f(void) { return h; }\n",
        );
        for epoch in ["1", "86401"] {
            for source in ["t.c", "d.c", "i.c"] {
                // clang knows the variable since version 16.
                if env.compiler == Compiler::Clang14 && source != "d.c" {
                    continue;
                }
                env.cc(&format!("-c {source}"))
                    .var("SOURCE_DATE_EPOCH", epoch)
                    .right_twice();
            }
        }
    });
}

#[test]
fn i9_words_in_comments_and_strings() {
    each(|env| {
        env.write(
            "a.c",
            "/* __TIME__ */ // __DATE__\nconst char *s = \"__TIMESTAMP__ __TIME__\";\nint MY__TIME__X;\n",
        );
        env.cc("-c a.c").miss_then_hit();
    });
}

#[test]
fn i12_links_and_directories_that_lie() {
    each(|env| {
        env.write("one.h", "#define V 1\n");
        env.write("two.h", "#define V 2\n");
        env.symlink("one.h", "v.h");
        env.write("a.c", "#include \"v.h\"\nint f(void) { return V; }\n");
        env.cc("-c a.c").miss();
        env.remove("v.h");
        env.symlink("two.h", "v.h");
        env.cc("-c a.c").not_served();
        env.remove("v.h");
        env.symlink("one.h", "v.h");
        env.cc("-c a.c").right();
        // A linked include directory that is turned.
        env.write("d1/w.h", "#define W 1\n");
        env.write("d2/w.h", "#define W 2\n");
        env.symlink("d1", "d");
        env.write("b.c", "#include \"w.h\"\nint f(void) { return W; }\n");
        env.cc("-c -Id b.c").miss();
        env.remove("d");
        env.symlink("d2", "d");
        env.cc("-c -Id b.c").not_served();
        // A linked working directory, and a PWD that is wrong.
        env.mkdir("real");
        env.symlink("real", "alias");
        env.write("real/c.c", "int f(void) { return __LINE__; }\n");
        for pwd in ["real", "alias", "elsewhere"] {
            let pwd = env.work(pwd).display().to_string();
            env.cc("-c -g c.c")
                .within("alias")
                .var("PWD", &pwd)
                .right_twice();
        }
    });
}

#[test]
fn i13_forced_includes() {
    each(|env| {
        env.write("a.c", "int f(void) { return V; }\n");
        env.write("pre.h", "#define V 1\n");
        for option in ["-include", "-imacros"] {
            env.cc(&format!("-c a.c {option} pre.h")).miss_then_hit();
            env.write("pre.h", "#define V 2\n");
            env.cc(&format!("-c a.c {option} pre.h")).miss();
            env.write("pre.h", "#define V 1\n");
            env.cc(&format!("-c a.c {option} pre.h")).hit();
        }
        env.write("inc/pre.h", "#define V 3\n");
        env.cc("-c a.c -Iinc -include pre.h").right_twice();
        env.remove("pre.h");
        env.cc("-c a.c -Iinc -include pre.h").right_twice();
    });
}

#[test]
fn i13_forced_precompiled_header() {
    each(|env| {
        env.write("pre.h", "#define V 1\n");
        env.write("a.c", "int f(void) { return V; }\n");
        let product = if env.compiler.is_clang() {
            "pre.h.pch"
        } else {
            "pre.h.gch"
        };
        env.cc(&format!("-x c-header pre.h -o {product}")).right();
        env.cc("-c a.c -include pre.h").right_twice();
        env.write("pre.h", "#define V 2\n");
        env.remove(product);
        env.cc("-c a.c -include pre.h").not_served();
        env.cc(&format!("-x c-header pre.h -o {product}")).right();
        env.cc("-c a.c -include pre.h").right_twice();
    });
}

#[test]
fn i14_response_files() {
    each(|env| {
        env.write("a.c", "int f(void) { return V; }\n");
        env.write("args", "-DV=1 -c\n  a.c");
        env.cc("@args").right_twice();
        env.write("args", "-DV=2 -c a.c");
        env.cc("@args").not_served();
        env.write("outer", "-c @inner");
        env.write("inner", "'-DV=3' \"a.c\"");
        env.cc("@outer").right_twice();
        env.write("inner", "-DV=4 a.c");
        env.cc("@outer").not_served();
        env.write("quoted", "-c -DV=\\\"x\\\"[0] 'a.c' -DW='a b'");
        env.cc("@quoted").right_twice();
        env.cc("-c a.c -DV=5 @absent").not_served();
        env.write("@odd.c", "int odd;\n");
        env.cc("-c ./@odd.c").right_twice();
        env.write("empty", "");
        env.cc("-c a.c -DV=6 @empty").right_twice();
    });
}

#[test]
fn i15_files_named_by_options() {
    one(Compiler::Gcc, |env| {
        env.write(
            "a.c",
            "#include <string.h>\nint f(char *p) { memset(p, 0, 9); return V; }\n",
        );
        env.write("specs", "*cc1_options:\n+ -DV=1\n\n");
        env.cc("-c a.c -specs=specs").right_twice();
        env.write("specs", "*cc1_options:\n+ -DV=2\n\n");
        env.cc("-c a.c -specs=specs").not_served();
        env.write("seed", "1");
        env.cc("-c a.c -DV=1 -fplugin-arg-x-file=seed")
            .right_twice();
    });
    one(Compiler::Clang14, |env| {
        env.write("a.c", "int f(int *p) { return *p; }\n");
        env.write("ignore", "fun:g\n");
        env.cc("-c a.c -fsanitize=address -fsanitize-ignorelist=ignore")
            .right_twice();
        env.write("ignore", "fun:f\n");
        env.cc("-c a.c -fsanitize=address -fsanitize-ignorelist=ignore")
            .not_served();
    });
}

#[test]
fn i16_search_paths_of_the_environment() {
    each(|env| {
        env.write("a.c", "#include <v.h>\nint f(void) { return V; }\n");
        env.write("one/v.h", "#define V 1\n");
        env.write("two/v.h", "#define V 2\n");
        for name in ["CPATH", "C_INCLUDE_PATH"] {
            for directory in ["one", "two", "one:two", "two:one"] {
                env.cc("-c a.c").var(name, directory).right_twice();
            }
        }
        env.cc("-c a.c").var("CPATH", "one").hit();
        env.cc("-c a.c").not_served();
        env.write("a.cc", "#include <v.h>\nint f() { return V; }\n");
        for directory in ["one", "two"] {
            env.cxx("-c a.cc")
                .var("CPLUS_INCLUDE_PATH", directory)
                .right_twice();
        }
    });
}

#[test]
fn i16_languages_colours_and_dates() {
    each(|env| {
        env.write(
            "a.c",
            "#warning \"careful\"\nint f(void) { int unused; return 1; }\n",
        );
        for (name, value) in [
            ("LANG", "C.UTF-8"),
            ("LC_ALL", "C"),
            ("LC_ALL", "C.UTF-8"),
            ("LC_MESSAGES", "de_DE.UTF-8"),
            ("GCC_COLORS", "error=01;31"),
            ("SOURCE_DATE_EPOCH", "77"),
            ("COMPILER_PATH", "/nonexistent"),
            ("SDKROOT", "/"),
        ] {
            env.cc("-c -Wall a.c").var(name, value).right_twice();
        }
    });
}

#[test]
fn i16_temporary_folder_does_not_count() {
    each(|env| {
        env.write("a.c", "int f(void) { return 1; }\n");
        fs::create_dir(env.root.join("tmp2")).unwrap();
        env.cc("-c a.c").miss();
        let other = env.root.join("tmp2").display().to_string();
        env.cc("-c a.c").var("TMPDIR", other).direct_hit();
    });
}

#[test]
fn i16_dependency_output_of_the_environment() {
    each(|env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return V; }\n");
        env.write("a.h", "#define V 1\n");
        for name in ["DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES"] {
            env.cc("-c a.c").var(name, "deps.mk").right_twice();
            env.cc("-c a.c").var(name, "deps2.mk target").right_twice();
        }
        env.cc("-c a.c").right_twice();
    });
}

#[test]
fn i16_overrides_of_clang() {
    each_clang(|env| {
        env.write("a.c", "int f(void) { return V; }\n");
        env.cc("-c a.c -DV=1").right_twice();
        env.cc("-c a.c -DV=1")
            .var("CCC_OVERRIDE_OPTIONS", "s/-DV=1/-DV=2/")
            .not_served();
        env.cc("-c a.c -DV=1")
            .var("CCC_OVERRIDE_OPTIONS", "# +-O2")
            .right_twice();
    });
}

#[test]
fn i17_compiler_replaced() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "const char *v = __VERSION__;\n");
        env.cc("-c a.c").miss_then_hit();
        let Some(older) = find_program("gcc-11") else {
            return skip("gcc-11 is not installed");
        };
        env.install("gcc", &older);
        env.cc("-c a.c").miss();
        env.cc("-c a.c").hit();
        env.install("gcc", &find_program("gcc-12").unwrap());
        env.cc("-c a.c").right();
    });
}

#[test]
fn i17_assembler_replaced() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return 1; }\n");
        let assembler = |symbol: &str| {
            let script = format!("#!/bin/sh\nexec /usr/bin/as --defsym {symbol}=1 \"$@\"\n");
            env.install_script("as", &script);
        };
        let own = env.root.join("bin").display().to_string();
        assembler("first");
        env.cc(&format!("-c a.c -B{own}")).right_twice();
        assembler("another");
        env.cc(&format!("-c a.c -B{own}")).not_served();
    });
}

#[test]
fn i17_compiler_check() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return 1; }\n");
        let real = find_program("gcc-12").unwrap();
        let path = env.root.join("bin/gcc");
        let touched = |seconds| {
            let file = fs::File::open(&path).unwrap();
            let time = std::time::SystemTime::now() - Duration::from_secs(seconds);
            file.set_modified(time).unwrap();
        };
        let check = |value: &str| env.cc("-c a.c").var("CACHE_COMPILER_CHECK", value);
        check("mtime").miss();
        check("mtime").hit();
        touched(1000);
        check("mtime").not_served();
        check("content").miss();
        touched(2000);
        check("content").hit();
        check("string:v1").miss();
        check("string:v1").hit();
        check("string:v2").miss();
        check("none").right();
        env.install("gcc", &real);
        check("none").right();
    });
}

#[test]
fn i19_two_compilers_behind_one_name() {
    one(Compiler::Clang14, |env| {
        let (Some(newer), Some(older)) = (find_program("clang-19"), find_program("clang-14"))
        else {
            return skip("clang-14 and clang-19 are not both installed");
        };
        env.write("a.c", "const char *v = __VERSION__;\n");
        env.cc("-c a.c").miss();
        env.install("clang", &newer);
        env.cc("-c a.c").miss();
        env.install("clang", &older);
        env.cc("-c a.c").right();
    });
}

#[test]
fn i19_driver_and_language_count() {
    each(|env| {
        env.write(
            "a.c",
            "#ifdef __cplusplus\nint cxx;\n#else\nint c;\n#endif\n",
        );
        env.cc("-c a.c").right_twice();
        env.cxx("-c a.c").right_twice();
        env.cc("-c -x c++ a.c").right_twice();
        env.cc("-c -x c a.c").right_twice();
        env.cc("-x c-header a.c -o a.gch").right_twice();
        env.cc("-c a.c").hit();
    });
}
