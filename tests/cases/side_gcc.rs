//! Files that only gcc writes: dumps, remarks, listings, prototypes.

use crate::env::{Compiler, Env, one};
use crate::side::{check, sources};

fn gcc(case: impl FnOnce(&Env)) {
    one(Compiler::Gcc, |env| {
        sources(env);
        case(env);
    });
}

/// Dumps hold addresses here and there; those of the tree passes do not.
#[test]
fn o9_dumps() {
    gcc(|env| {
        check(
            env,
            "-O1 -fdump-tree-optimized -fdump-tree-original",
            &[],
            &["-c x.c", "-S y.z.c -o out/w.q.s"],
        );
        check(env, "-O1 -fdump-rtl-expand", &["r.expand"], &["-c sub/v.c"]);
        for (options, varying) in [
            ("-da", "r."),
            ("-dap", "r."),
            ("-fdump-ipa-all", "i."),
            ("-O1 -fdump-tree-all-graph-lineno", ".c."),
            ("-fdump-lang-all -x c++", "l."),
            ("-fdump-statistics", "?"),
            ("-fdump-final-insns", "gkd"),
            ("-fdump-final-insns=.", "gkd"),
            ("-fdump-passes", "?"),
            ("-fsave-optimization-record", "opt-record"),
            (
                "-fanalyzer -fdump-analyzer -fdump-analyzer-callgraph",
                "analyzer",
            ),
            ("-fdump-noaddr -fdump-unnumbered -fdump-tree-gimple", "?"),
        ] {
            let args = format!("{options} -c x.c -o out/d.o");
            env.cc(&args).varies(varying).miss_then_hit();
        }
        // Nothing is dumped, and nothing is missing.
        env.cc("-fdump-lang-all -c x.c").miss_then_hit();
        env.cc("-fdump-tree-all -c p.S").miss_then_hit();
        env.cc("-fdump-tree-nonsense -c x.c").not_served();
        // A dump without its compile's source is not served.
        env.write("h.h", "#define H 22\n");
        env.cc("-O1 -fdump-tree-optimized -fdump-tree-original -c x.c")
            .miss_then_hit();
    });
}

#[test]
fn o9_dumps_into_files_and_streams() {
    gcc(|env| {
        check(
            env,
            "-fdump-tree-gimple=one -fdump-tree-original=out/two",
            &[],
            &["-c x.c"],
        );
        // All passes add to one file, what is there included.
        check(env, "-fdump-tree-all=all.txt", &["all.txt"], &["-c x.c"]);
        for options in [
            "-fdump-tree-gimple=stdout",
            "-fdump-tree-gimple=stderr",
            "-fdump-tree-gimple=-",
            "-fdump-final-insns=f.gkd",
            "-fdump-tree-cfg=same -fdump-tree-ssa=same",
            "-fdump-tree-cfg=none/there",
        ] {
            env.cc(&format!("{options} -c x.c"))
                .varies("gkd")
                .right_twice();
        }
        check(env, "-fdump-go-spec=go.txt", &[], &["-c x.c"]);
        env.cc("-fdump-ada-spec -c x.c")
            .counter("unsupported_compiler_option");
        env.cc("-fdump-tree-gimple -c x.c -o /dev/null")
            .right_twice();
    });
}

/// A neighbour's file that begins as a dump does is not swept in.
#[test]
fn o9_dumps_and_their_neighbours() {
    gcc(|env| {
        env.write("x.c.005t.original", "stale");
        env.write("x.c.900t.stale", "stale");
        env.cc("-fdump-tree-original -c x.c").miss_then_hit();
        env.remove("x.c.900t.stale");
        env.cc("-fdump-tree-original -c x.c").direct_hit();
        assert!(!env.exists("x.c.900t.stale"));
    });
}

#[test]
fn o9_remarks() {
    gcc(|env| {
        check(env, "-O2 -fopt-info-all=opt.txt", &[], &["-c x.c"]);
        for options in [
            "-O2 -fopt-info",
            "-O2 -fopt-info-all",
            "-O2 -fopt-info-all=stdout",
            "-O2 -fopt-info-all=stderr",
            "-O2 -fopt-info-vec=a.txt -fopt-info-inline=b.txt",
            "-O2 -fopt-info-vec=none/there",
            "-O0 -fopt-info-vec=empty.txt",
        ] {
            env.cc(&format!("{options} -c x.c -o out/r.o"))
                .right_twice();
        }
        env.cc("-O2 -fopt-info-all=other.txt -c x.c -o out/o.o")
            .right_twice();
    });
}

#[test]
fn o9_names_of_gcc() {
    gcc(|env| {
        let files = "-fstack-usage -fcallgraph-info -ftest-coverage -g -gsplit-dwarf \
                     -fdump-tree-original -frandom-seed=1";
        for names in [
            "-dumpbase other",
            "-dumpbase other.c -dumpbase-ext .c",
            "-dumpbase other.c -dumpbase-ext .x",
            "-dumpbase .c -dumpbase-ext .c",
            "-dumpbase out/other.c -dumpdir sub/",
            "-dumpdir out/",
            "-dumpdir out/p-",
            "-dumpbase-ext .c",
        ] {
            env.cc(&format!("{files} {names} -c x.c")).right_twice();
            env.cc(&format!("{files} {names} -c x.c -o out/n.m.o"))
                .right_twice();
        }
        env.cc(&format!("{files} -dumpdir out/ -c x.c"))
            .direct_hit();
        env.cc("-save-temps -dumpdir out/p- -c x.c -o sub/z.o")
            .miss_then_hit();
        env.cc("-save-temps=cwd -dumpdir out/p- -c x.c -o sub/z.o")
            .miss_then_hit();
        env.cc("-dumpdir out/p- -save-temps=cwd -c x.c -o sub/z.o")
            .miss_then_hit();
        env.cc("-dumpbase= -c x.c").varies(".c.").right_twice();
        for source in ["-x c plain", "-x c x.c.in", "-x c out/../x.c"] {
            env.write("plain", "int p;\n");
            env.write("x.c.in", "int p;\n");
            let args = format!("-fstack-usage -fdump-tree-original {source}");
            env.cc(&format!("{args} -c")).right_twice();
            env.cc(&format!("{args} -c -o out/s.t.o")).right_twice();
            env.cc(&format!("{args} -c -o out/.o")).right_twice();
        }
    });
}

#[test]
fn o9_prototypes() {
    gcc(|env| {
        check(
            env,
            "-aux-info protos.txt",
            &[],
            &["-c x.c", "-S y.z.c -o out/a.s"],
        );
        env.cc("-aux-info none/there -c x.c").right_twice();
        env.cc("-aux-info=joined.txt -c x.c").right_twice();
        env.cc("-aux-info other.txt -c x.c").direct_hit();
    });
}

/// Listings name a temporary file unless there is a pipe.
#[test]
fn o9_files_of_the_assembler() {
    gcc(|env| {
        for option in ["-Wa,-a=out/l.txt", "-Wa,-adhlns=l.txt", "-Wa,--MD,asm.d"] {
            check(env, &format!("-pipe {option}"), &[], &["-c x.c"]);
        }
        for options in ["-Wa,-ahlms=l.txt", "-Wa,-al=l.txt -g -O2", "-Wa,--MD,l.txt"] {
            env.cc(&format!("{options} -c x.c"))
                .varies("l.txt")
                .miss_then_hit();
        }
        env.cc("-Wa,-adhln -pipe -c x.c").miss_then_hit();
        env.cc("-Wa,-adhln -c x.c").stdout_varies().miss_then_hit();
        env.cc("-Xassembler -a=l.txt -pipe -c x.c").miss_then_hit();
        env.cc("-Xassembler --MD -Xassembler l.txt -pipe -c x.c")
            .miss_then_hit();
        env.cc("-Xassembler --MD -c x.c").right_twice();
        env.cc("-Wa,--MD -c x.c").right_twice();
        env.cc("-Wa,-a=l.txt -S x.c").miss_then_hit();
        env.cc("-Wa,-a=l.txt,--MD,m.txt -c q.s -o out/q.o")
            .right_twice();
        env.cc("-Wa,-a=l.txt,--MD,m.txt -c p.S -o out/p.o")
            .varies("l.txt")
            .varies("m.txt")
            .right_twice();
        // Where it cannot be written it goes to standard output.
        env.cc("-pipe -Wa,-a=none/there -c x.c").right_twice();
        env.mkdir("none");
        env.cc("-pipe -Wa,-a=none/there -c x.c").miss_then_hit();
        for options in [
            "-Wa,--gdwarf-5 -c q.s",
            "-Wa,-g -c q.s",
            "-Wa,--gdwarf-sections,--fatal-warnings -c x.c",
            "-Wa,-L,-R,--strip-local-absolute,--no-pad-sections -c x.c",
            "-Wa,--statistics -c x.c",
            "-Wa,-o,other.o -c x.c",
            "-Wa,-I,sub -c x.c",
        ] {
            env.cc(options).stderr_varies().right_twice();
        }
    });
}
