//! Files that only clang writes: remarks, traces, diagnostics, commands.

use crate::env::{Compiler, Env, each_clang};
use crate::side::{check, sources};

fn clang(case: impl Fn(&Env)) {
    each_clang(|env| {
        sources(env);
        case(env);
    });
}

#[test]
fn o9_optimization_records() {
    clang(|env| {
        check(
            env,
            "-O2 -fsave-optimization-record",
            &[],
            &["-c x.c", "-S y.z.c -o out/w.s"],
        );
        check(
            env,
            "-O2 -foptimization-record-file=out/rec.y",
            &[],
            &["-c sub/v.c"],
        );
        for options in [
            "-fsave-optimization-record=yaml",
            "-fsave-optimization-record=nonsense",
            "-foptimization-record-passes=inline",
            "-fsave-optimization-record -fno-save-optimization-record",
            "-foptimization-record-file=f.y -fno-save-optimization-record",
            "-fno-save-optimization-record -foptimization-record-file=f.y",
            "-foptimization-record-file=none/f.y",
            "-fsave-optimization-record -flto",
            "-fsave-optimization-record -emit-llvm",
            "-Rpass=.* -Rpass-missed=.*",
        ] {
            env.cc(&format!("-O2 {options} -c x.c -o out/r.o"))
                .right_twice();
        }
        env.cc("-O2 -fsave-optimization-record -c x.c -o out/other.o")
            .direct_hit();
        env.cc("-O2 -foptimization-record-file=new.y -c sub/v.c")
            .right_twice();
        env.cc("-O2 -fsave-optimization-record -c p.S")
            .right_twice();
        env.write("h.h", "#define H 2\n");
        env.cc("-O2 -fsave-optimization-record -c x.c").not_served();
    });
}

/// The times are those of the compile that was stored.
#[test]
fn o9_time_traces() {
    clang(|env| {
        check(
            env,
            "-ftime-trace",
            &["json"],
            &["-c x.c", "-S y.z.c -o out/w.s"],
        );
        env.cc("-ftime-trace -c x.c -o out/other.o")
            .varies("json")
            .direct_hit();
        env.cc("-ftime-trace -ftime-trace-granularity=1 -c x.c")
            .varies("json")
            .miss_then_hit();
        if env.compiler == Compiler::Clang14 {
            return;
        }
        check(env, "-ftime-trace=t.json", &["json"], &["-c x.c"]);
        for options in [
            "-ftime-trace=out",
            "-ftime-trace=out/",
            "-ftime-trace=t.json -ftime-trace",
        ] {
            env.cc(&format!("{options} -c x.c"))
                .varies("json")
                .miss_then_hit();
            env.cc(&format!("{options} -c x.c -o sub/y.o"))
                .varies("json")
                .right_twice();
        }
        // A file by the name of what was a directory, and the other way round.
        env.cc("-ftime-trace=place -c x.c")
            .varies("place")
            .miss_then_hit();
        env.remove("place");
        env.mkdir("place");
        env.cc("-ftime-trace=place -c x.c").varies("place").right();
        env.cc("-ftime-trace=none/there -c x.c").right_twice();
    });
}

#[test]
fn o9_compile_commands() {
    clang(|env| {
        check(env, "-MJ mj.json", &[], &["-c x.c", "-S y.z.c -o out/w.s"]);
        // The command of the assembler names a temporary file.
        env.cc("-MJ mj.json -c p.S").varies("mj.json").right_twice();
        env.cc("-MJ mj.json -c x.c").right();
        env.cc("-MJ mj.json -c x.c").hit();
        env.cc("-MJ mj.json -c x.c -o other.o").right_twice();
        env.cc("-MJ mj.json -c v.c").within("sub").right_twice();
        env.cc("-MJmj.json -c v.c").within("sub").right_twice();
        env.cc("-MJ none/mj.json -c x.c").right_twice();
    });
}

#[test]
fn o9_serialized_diagnostics() {
    clang(|env| {
        env.write("x.c", "int f(int a) { int unused; return a; }\n");
        check(
            env,
            "-Wall --serialize-diagnostics d.dia",
            &[],
            &["-c x.c", "-S x.c", "-c p.S"],
        );
        env.cc("-Wall --serialize-diagnostics e.dia -c x.c")
            .direct_hit();
        env.cc("-Wall -serialize-diagnostics none/e.dia -c x.c")
            .right_twice();
        env.cc("-Wall -serialize-diagnostics d.dia -c q.s")
            .right_twice();
    });
}

#[test]
fn o9_more_files_of_clang() {
    clang(|env| {
        check(env, "-save-stats", &[], &["-c x.c"]);
        check(env, "-save-stats=obj", &[], &["-c y.z.c -o out/w.o"]);
        check(
            env,
            "-O2 -flto=thin -fthin-link-bitcode=t.bc",
            &[],
            &["-c x.c"],
        );
        for options in [
            "-fthin-link-bitcode=t.bc",
            "-fstack-usage",
            "-fstack-usage -fno-stack-usage",
            "-object-file-name=foo",
            "-object-file-name foo",
            "-fcrash-diagnostics-dir=out",
            "-g -gsplit-dwarf -save-temps=obj",
            "-emit-llvm -save-temps",
            "-fno-integrated-as -save-temps",
            "-fembed-bitcode",
            "-fembed-offload-object=h.h",
            "-dumpdir out/",
            "-fdiagnostics-format=sarif",
        ] {
            env.cc(&format!("{options} -c x.c -o out/m.o"))
                .right_twice();
        }
        // An object of clang's own assembler is written in place.
        check(env, "-via-file-asm", &[], &["-c x.c"]);
        check(env, "-Wall", &[], &["-c p.S -o out/p.o", "-c q.s"]);
        check(env, "-fno-integrated-as", &[], &["-c x.c"]);
        for options in [
            "-fproc-stat-report=stat.txt",
            "-ftime-report",
            "-working-directory out",
        ] {
            env.cc(&format!("{options} -c x.c"))
                .varies("stat")
                .stderr_varies()
                .counter("unsupported_compiler_option");
        }
    });
}

#[test]
fn o9_files_of_the_assembler_behind_clang() {
    clang(|env| {
        let own = "-fno-integrated-as -pipe";
        for option in ["-Wa,-adhlns=l.txt", "-Wa,--MD,asm.d"] {
            env.cc(&format!("{own} {option} -c x.c"))
                .varies("l.txt")
                .varies("asm.d")
                .miss_then_hit();
        }
        for options in [
            "-Wa,-a=l.txt",
            "-Wa,--MD,asm.d",
            "-Wa,--noexecstack,--fatal-warnings",
            "-Wa,-L",
            "-Wa,-march=generic64",
            "-Wa,-mrelax-relocations=no",
            "-Wa,-g",
            "-Wa,--compress-debug-sections -g",
        ] {
            env.cc(&format!("{options} -c x.c")).right_twice();
        }
    });
}
