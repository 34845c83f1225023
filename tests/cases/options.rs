//! Options: what each does to the key, and which files it writes.

use crate::env::{Compiler, Env, each, each_clang, one};
use crate::support::{find_program, skip};

fn source(env: &Env) {
    env.write(
        "a.c",
        "#include \"a.h\"\nint f(int x) { if (x) return A; return V; }\n",
    );
    env.write("a.h", "#define A 1\n");
}

#[test]
fn o1_macros_and_their_order() {
    each(|env| {
        source(env);
        for args in [
            "-DV=1",
            "-DV=2",
            "-D V=2",
            "-UV -DV=1",
            "-DV=1 -UV -DV=3",
            "-DV=1 -DA=1",
            "-DV=f(1)",
            "-DV",
        ] {
            env.cc(&format!("-c a.c {args}")).right_twice();
        }
        env.cc("-c a.c -DV=1 -UV").not_served();
        env.cc("-c a.c -UV -DV=1").hit();
    });
}

#[test]
fn o1_unused_macro() {
    each(|env| {
        source(env);
        env.cc("-c a.c -DV=1").miss();
        env.cc("-c a.c -DV=1 -DUNUSED=1").right_twice();
    });
}

#[test]
fn o1_include_directories_and_their_order() {
    each(|env| {
        env.write("a.c", "#include <v.h>\nint f(void) { return V; }\n");
        env.write("one/v.h", "#define V 1\n");
        env.write("two/v.h", "#define V 2\n");
        for args in [
            "-Ione -Itwo",
            "-Itwo -Ione",
            "-I one",
            "-isystem one -Itwo",
            "-Itwo/../one",
        ] {
            env.cc(&format!("-c a.c {args}")).right_twice();
        }
    });
}

#[test]
fn o2_debug_information_and_the_working_directory() {
    each(|env| {
        for directory in ["one", "two"] {
            env.write(&format!("{directory}/a.c"), "int f(void) { return 1; }\n");
        }
        env.cc("-c a.c").within("one").miss();
        env.cc("-c a.c").within("two").hit();
        env.cc("-c -g a.c").within("one").miss();
        env.cc("-c -g a.c").within("two").miss();
        env.cc("-c -g a.c").within("one").hit();
        env.cc("-c -g a.c").within("two").hit();
        env.cc("-c -g -g0 a.c").within("one").right_twice();
        env.cc("-c -g -g0 a.c").within("two").hit();
        for level in [
            "-g1",
            "-g3",
            "-ggdb",
            "-ggdb3",
            "-gdwarf-4",
            "-gdwarf-5",
            "-g -gz",
        ] {
            env.cc(&format!("-c {level} a.c"))
                .within("one")
                .right_twice();
            env.cc(&format!("-c {level} a.c"))
                .within("two")
                .right_twice();
        }
    });
}

#[test]
fn o3_base_directory() {
    each(|env| {
        for directory in ["one", "two"] {
            env.write(
                &format!("{directory}/src/a.c"),
                "#include <h.h>\nint f(void) { return V; }\n",
            );
            env.write(&format!("{directory}/inc/h.h"), "#define V 1\n");
            env.mkdir(&format!("{directory}/early"));
        }
        let step = |directory: &str, options: &str, source: &str| {
            let path = env.work(directory).display().to_string();
            let args = format!(
                "-c {options} -I{path}/early -I{path}/inc {path}/src/{source} -o {path}/a.o"
            );
            env.cc(&args).within(directory).var("CACHE_BASE_DIR", path)
        };
        // The second checkout hits, and its dependency file names its own files.
        step("one", "-MD", "a.c").miss();
        step("two", "-MD", "a.c").direct_hit();
        step("one", "-MMD -MP", "a.c").miss();
        step("two", "-MMD -MP", "a.c").direct_hit();
        // What shows the directory is for that checkout alone.
        step("one", "-g", "a.c").miss();
        step("two", "-g", "a.c").miss();
        step("two", "-g", "a.c").direct_hit();
        for directory in ["one", "two"] {
            env.write(
                &format!("{directory}/src/w.c"),
                "int f(void) { int unused; return 1; }\n",
            );
        }
        step("one", "-Wall", "w.c").miss();
        step("two", "-Wall", "w.c").miss();
        step("one", "-Wall", "w.c").direct_hit();
        // The guard against shadowing headers looks in the checkout at hand.
        env.write("two/early/h.h", "#define V 2\n");
        step("one", "-MD", "a.c").direct_hit();
        step("two", "-MD", "a.c").not_served();
    });
}

#[test]
fn o2_prefix_maps() {
    each(|env| {
        for directory in ["one", "two"] {
            let text = "#include \"h.h\"\nconst char *f(void) { return __FILE__; }\n";
            env.write(&format!("{directory}/a.c"), text);
            env.write(&format!("{directory}/h.h"), "int h;\n");
        }
        for option in ["debug", "file"] {
            for directory in ["one", "two"] {
                let path = env.work(directory).display().to_string();
                env.cc(&format!("-c -g -f{option}-prefix-map={path}=/src a.c"))
                    .within(directory)
                    .right_twice();
            }
        }
        // The second directory hits, and its object does not name the first.
        let path = env.work("one").display().to_string();
        env.cc(&format!("-c -g -O1 -ffile-prefix-map={path}=. a.c"))
            .within("one")
            .miss();
        let path = env.work("two").display().to_string();
        env.cc(&format!("-c -g -O1 -ffile-prefix-map={path}=. a.c"))
            .within("two")
            .hit();
    });
}

#[test]
fn o6_split_debug_information() {
    each(|env| {
        source(env);
        env.cc("-c -DV=1 -g -gsplit-dwarf a.c").right_twice();
        for name in ["a.o", "a.dwo"] {
            if env.exists(name) {
                env.remove(name);
            }
        }
        env.cc("-c -DV=1 -g -gsplit-dwarf a.c").right();
        assert!(env.exists("a.dwo"));
        env.cc("-c -DV=1 -g -gsplit-dwarf a.c -o b.o").right_twice();
        env.mkdir("out");
        env.cc("-c -DV=1 -g -gsplit-dwarf a.c -o out/a.o")
            .right_twice();
        env.cc("-c -DV=1 -gsplit-dwarf a.c -o c.o").right_twice();
        env.cc("-c -DV=1 -gsplit-dwarf -g1 a.c -o d.o")
            .right_twice();
        env.cc("-c -DV=1 -gsplit-dwarf -g0 a.c -o e.o")
            .right_twice();
    });
}

/// gcc puts a random number into instrumented objects and into byte code for
/// the link; an option fixes it.
fn seed(env: &Env) -> &'static str {
    match env.compiler.is_clang() {
        true => "",
        false => "-frandom-seed=1",
    }
}

#[test]
fn o7_coverage() {
    each(|env| {
        source(env);
        let seed = seed(env);
        env.mkdir("out");
        for option in [
            "--coverage",
            "-ftest-coverage",
            "-fprofile-arcs -ftest-coverage",
        ] {
            env.cc(&format!("-c -DV=1 {seed} {option} a.c"))
                .right_twice();
            for name in ["a.o", "a.gcno"] {
                env.remove(name);
            }
            env.cc(&format!("-c -DV=1 {seed} {option} a.c")).right();
            assert!(env.exists("a.gcno"));
            env.cc(&format!("-c -DV=1 {seed} {option} a.c -o out/b.o"))
                .right_twice();
        }
        env.cc(&format!("-c -DV=1 {seed} -fprofile-arcs a.c"))
            .right_twice();
        env.cc(&format!("-c -DV=1 {seed} -fprofile-generate a.c"))
            .right_twice();
    });
    one(Compiler::Gcc, |env| {
        source(env);
        env.cc("-c -DV=1 -frandom-seed=1 --coverage -fprofile-abs-path a.c")
            .right_twice();
    });
}

#[test]
fn o8_profile_data() {
    one(Compiler::Gcc, |env| {
        source(env);
        env.cc("-c -DV=1 -O2 -fprofile-use a.c").right_twice();
        env.cc("-c -DV=1 -O2 -fprofile-use=a.gcda a.c")
            .right_twice();
        env.write("a.gcda", "not a profile");
        env.cc("-c -DV=1 -O2 -fprofile-use a.c").right_twice();
        env.cc("-c -DV=1 -O2 -fprofile-use=a.gcda a.c")
            .right_twice();
    });
    each_clang(|env| {
        source(env);
        env.cc("-c -DV=1 -O2 -fprofile-instr-generate a.c")
            .right_twice();
        env.cc("-c -DV=1 -O2 -fprofile-instr-use=absent.profdata a.c")
            .not_served();
    });
}

/// Every option here writes a file that a cache may not know. Each must be
/// there after every call, from a clean tree too.
#[test]
fn o9_further_files() {
    let common = [
        "-save-temps",
        "-save-temps=obj",
        "-Wa,-a=listing",
        "-Wa,-adhln=x.lst",
    ];
    let gcc = [
        "-fstack-usage",
        "-fcallgraph-info",
        "-fdump-tree-original",
        "-fdump-rtl-expand",
        "-da",
        "-fopt-info-vec=opt.txt",
        "-aux-info protos",
        "-fdiagnostics-format=json-file",
        "-fsave-optimization-record",
        "-dumpbase other",
        "-dumpdir out/ -fstack-usage",
        // Without a pipe the assembler names a temporary file there.
        "-pipe -Wa,--MD,asm.d",
        "-fdump-final-insns",
        "-fdump-go-spec=go.txt",
    ];
    let clang = [
        "-ftime-trace",
        "-fsave-optimization-record",
        "-foptimization-record-file=opt.yaml",
        "--serialize-diagnostics diag.bin",
        "-MJ fragment.json",
        "-fstack-usage",
        "-fproc-stat-report=stat.txt",
    ];
    each(|env| {
        source(env);
        env.mkdir("out");
        let own: &[&str] = if env.compiler.is_clang() {
            &clang
        } else {
            &gcc
        };
        for option in common.iter().chain(own) {
            // These hold times, process numbers or temporary names.
            let varies = [
                "-ftime-trace",
                "-fproc-stat-report=stat.txt",
                "-fsave-optimization-record",
            ]
            .contains(option)
                || option.starts_with("-Wa,");
            let args = format!("-c -DV=1 -O1 a.c {option}");
            if varies {
                files_are_there(env, &args);
            } else {
                env.cc(&args).right_twice();
            }
            clear(env);
        }
    });
}

/// The same exit code and names after a miss and after a second call as
/// without the cache.
fn files_are_there(env: &Env, args: &str) {
    let driver = if env.compiler.is_clang() {
        "clang"
    } else {
        "gcc"
    };
    let names = |through: bool| {
        clear(env);
        let mut command = match through {
            true => env.command(crate::support::cache_binary()),
            false => env.command("env"),
        };
        let status = command.arg(driver).args(args.split(' ')).status().unwrap();
        (status.code(), listing(env))
    };
    let expected = names(false);
    assert_eq!(names(true), expected, "{:?} {args}", env.compiler);
    assert_eq!(names(true), expected, "{:?} {args}, again", env.compiler);
}

fn listing(env: &Env) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(env.work(""))
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn clear(env: &Env) {
    for name in listing(env) {
        if !matches!(name.as_str(), "a.c" | "a.h" | "out") {
            env.remove(&name);
        }
    }
}

#[test]
fn o10_languages() {
    each(|env| {
        let c = "int f(void) { return sizeof 'a'; }\n";
        for suffix in ["c", "cc", "cpp", "cxx", "c++", "C", "cp", "CPP", "i", "ii"] {
            let name = format!("x.{suffix}");
            env.write(&name, c.replace("void", ""));
            env.cc(&format!("-c {name} -o x.o")).right_twice();
        }
        env.write("plain", c);
        env.cc("-c -x c plain -o plain.o").miss_then_hit();
        env.cc("-c -xc plain -o plain.o").right_twice();
        env.cc("-c plain -o none.o").right_twice();
        env.cc("-c -x c++ -x none x.c -o x.o").right_twice();
        env.cc("-c x.c -x c++ -o x.o").right_twice();
        env.cc("-c -x nonsense plain -o plain.o").not_served();
        env.cc("-c -x cpp-output plain -o plain.o").right_twice();
        env.write("h.hpp", "inline int h() { return 1; }\n");
        env.cxx("-c h.hpp -o h.gch").right_twice();
    });
}

#[test]
fn o10_objective_c() {
    each(|env| {
        if env.compiler == Compiler::Gcc
            && !std::path::Path::new("/usr/lib/gcc/x86_64-linux-gnu/12/cc1obj").exists()
        {
            return skip("gobjc-12 is not installed");
        }
        env.write("a.h", "#define V 1\n");
        env.write(
            "a.m",
            "#import \"a.h\"\n#import \"a.h\"\nint f(void) { return V; }\n",
        );
        env.cc("-c a.m").right_twice();
        env.write("a.h", "#define V 2\n");
        env.cc("-c a.m").not_served();
        if env.compiler.is_clang() {
            env.write("b.mm", "#import \"a.h\"\nint f() { return V; }\n");
            env.cxx("-c b.mm").right_twice();
        }
    });
}

#[test]
fn o11_precompiled_headers() {
    each(|env| {
        env.write("p.h", "#include \"q.h\"\n#define P Q\n");
        env.write("q.h", "#define Q 1\n");
        env.write("a.c", "#include \"p.h\"\nint f(void) { return P; }\n");
        let clang = env.compiler.is_clang();
        let product = if clang { "p.h.pch" } else { "p.h.gch" };
        let make = format!("-x c-header p.h -o {product}");
        let using = if clang {
            "-c a.c -include-pch p.h.pch"
        } else {
            "-c a.c"
        };
        env.cc(&make).right_twice();
        env.cc(using).right_twice();
        env.write("q.h", "#define Q 22\n");
        env.cc(&make).right_twice();
        env.cc(using).right_twice();
    });
}

#[test]
fn o12_recorded_switches() {
    each(|env| {
        source(env);
        for option in ["-frecord-gcc-switches", "-grecord-gcc-switches -g"] {
            env.cc(&format!("-c -DV=1 a.c {option}")).right_twice();
            env.cc(&format!("-c a.c -DV=1 {option}")).right_twice();
            env.cc(&format!("-c a.c -D V=1 {option}")).right_twice();
            env.cc(&format!("-c a.c -DV=1 {option} -o b.o"))
                .right_twice();
        }
        if env.compiler.is_clang() {
            env.cc("-c -DV=1 a.c -g -grecord-command-line")
                .right_twice();
            env.cc("-c a.c -DV=1 -g -grecord-command-line")
                .right_twice();
            env.cc("-c a.c -DV=1 -g -grecord-command-line -o b.o")
                .right_twice();
        }
    });
}

#[test]
fn o13_targets() {
    each(|env| {
        source(env);
        env.cc("-c -DV=1 a.c").right_twice();
        env.cc("-c -DV=1 -m32 a.c").right_twice();
        env.cc("-c -DV=1 -mx32 a.c").right_twice();
        env.cc("-c -DV=1 -march=haswell a.c").right_twice();
        env.cc("-c -DV=1 -march=native a.c").right_twice();
        if env.compiler.is_clang() {
            env.cc("-c -DV=1 --target=aarch64-linux-gnu a.c")
                .right_twice();
            env.cc("-c -DV=1 -target aarch64-linux-gnu a.c")
                .right_twice();
            env.cc("-c -DV=1 --target=x86_64-linux-gnu a.c")
                .right_twice();
        }
    });
    one(Compiler::Gcc, |env| {
        let Some(cross) = find_program("aarch64-linux-gnu-gcc") else {
            return skip("aarch64-linux-gnu-gcc is not installed");
        };
        source(env);
        env.install("aarch64-linux-gnu-gcc", &cross);
        env.call("aarch64-linux-gnu-gcc", "-c -DV=1 a.c")
            .miss_then_hit();
        env.cc("-c -DV=1 a.c").miss();
    });
}

#[test]
fn o14_warnings_are_those_of_the_compiler() {
    each(|env| {
        env.write(
            "a.c",
            "#define EMPTY\n#define SELF(x) ((x) == (x))\n\
             int f(int x) { switch (x) { case 1: x++; /* fall through */ case 2: return 2; }\n\
             EMPTY; if (SELF(x)) return 1; return 0; return 3; }\n",
        );
        let options =
            "-Wall -Wextra -Wunreachable-code -Wtautological-compare -Wimplicit-fallthrough";
        env.cc(&format!("-c {options} a.c")).right_twice();
        env.cc(&format!("-c -Werror {options} a.c")).right_twice();
        env.cc("-c -Werror -pedantic a.c").right_twice();
        env.cc("-c -w a.c").right_twice();
        if env.compiler.is_clang() {
            env.cc("-c -Weverything a.c").right_twice();
            env.write("h.h", "/* \\param nothing */ int g(int x);\n");
            env.write("b.c", "#include \"h.h\"\n");
            env.cc("-c -Wdocumentation b.c").right_twice();
        }
    });
}

#[test]
fn o16_link_time_optimisation() {
    each(|env| {
        source(env);
        let seed = seed(env);
        env.cc(&format!("-c -DV=1 -O2 -flto {seed} a.c"))
            .right_twice();
        env.cc(&format!("-c -DV=1 -O2 -flto -ffat-lto-objects {seed} a.c"))
            .right_twice();
        if env.compiler.is_clang() {
            env.cc("-c -DV=1 -O2 -flto=thin a.c").right_twice();
        }
    });
}

#[test]
fn o17_options_for_the_parts_of_the_driver() {
    each(|env| {
        source(env);
        env.cc("-c a.c -Wp,-DV=1").right_twice();
        env.cc("-c a.c -Wp,-DV=2").right_twice();
        env.cc("-c a.c -Wp,-DV=1,-DA=1").right_twice();
        env.cc("-c a.c -Xpreprocessor -DV=1").right_twice();
        env.cc("-c a.c -Xpreprocessor -DV=2").right_twice();
        env.cc("-c a.c -DV=1 -Wa,--noexecstack").right_twice();
        env.cc("-c a.c -DV=1 -Xassembler --noexecstack")
            .right_twice();
        env.write("inc/v.h", "#define W 1\n");
        env.write("b.c", "#include <v.h>\nint w = W;\n");
        env.cc("-c b.c -Wp,-Iinc").right_twice();
        env.write("inc/v.h", "#define W 2\n");
        env.cc("-c b.c -Wp,-Iinc").not_served();
        if env.compiler.is_clang() {
            env.cc("-c a.c -Xclang -DV=1").right_twice();
            env.cc("-c a.c -Xclang -DV=2").right_twice();
            env.cc("-c -DV=1 -- a.c").right_twice();
            env.cc("-c a.c -DV=1 -mllvm -inline-threshold=5")
                .right_twice();
        }
    });
}

#[test]
fn o18_unknown_options_that_write_files() {
    one(Compiler::Gcc, |env| {
        source(env);
        let real = find_program("gcc-12").unwrap();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"gcc $*\" >>'{0}/log'\nfor word; do shift; case $word in \
             --frobnicate) echo extra >extra.out ;; --frobnicate-to=*) cat \"${{word#*=}}\" >>/dev/null ;; \
             *) set -- \"$@\" \"$word\" ;; esac; done\nexec '{1}' \"$@\"\n",
            env.root.display(),
            real.display()
        );
        env.install_script("gcc", &script);
        env.cc("-c -DV=1 a.c --frobnicate").not_served();
        env.remove("extra.out");
        env.cc("-c -DV=1 a.c --frobnicate").not_served();
        assert_eq!(env.text("extra.out"), "extra\n");
        // One that names a file: its content counts.
        env.write("named", "1");
        env.cc("-c -DV=1 a.c --frobnicate-to=named").right_twice();
        env.write("named", "2");
        env.cc("-c -DV=1 a.c --frobnicate-to=named").not_served();
    });
}

#[test]
fn o18_options_nobody_has_heard_of() {
    each(|env| {
        source(env);
        env.cc("-c -DV=1 a.c -fno-such-option-at-all").not_served();
        env.cc("-c -DV=1 a.c --nonsense").not_served();
        env.cc("-c -DV=1 a.c -Wno-such-warning-at-all")
            .right_twice();
    });
}
