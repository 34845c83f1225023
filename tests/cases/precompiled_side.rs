//! Files that options write beside a precompiled header, and headers made again.

use std::time::Duration;

use crate::env::{each, each_clang};
use crate::precompiled::{make, make_alone, project, settle, using};

/// Options that write files do so beside a precompiled header, too, or not.
#[test]
fn o11_precompiled_header_with_options_that_write() {
    each(|env| {
        project(env);
        env.mkdir("out");
        let mut options = vec!["-save-temps", "-save-temps=obj", "-MD -save-temps"];
        if env.compiler.is_clang() {
            options.extend([
                "-MJ compile.json",
                "-fsave-optimization-record -O2",
                "--serialize-diagnostics a.dia -Wall",
                "-gsplit-dwarf -g",
                "--coverage",
            ]);
        } else {
            options.extend([
                "-aux-info protos",
                "-fdump-tree-original",
                "-fcallgraph-info",
                "-fstack-usage",
                "-fopt-info-vec=remarks -O2",
                "-Wa,-a=listing",
                "-dumpbase other.c",
                "-gsplit-dwarf -g",
                "--coverage -frandom-seed=1",
            ]);
        }
        for option in options {
            env.cc(&format!("-c p.h {option} -o out/p.h.gch"))
                .right_twice();
            if !env.compiler.is_clang() {
                env.cc(&format!("-c p.h {option}")).right_twice();
                env.cc(&format!("p.h {option}")).right_twice();
            }
        }
    });
}

/// A fresh checkout or a new build directory: the sources have other times, and
/// clang makes another precompiled header; what is compiled with it is the same.
#[test]
fn o11_precompiled_header_made_again_with_other_times() {
    each_clang(|env| {
        project(env);
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss_then_hit();
        env.cc(&format!("{} -g -MD", using(env))).miss_then_hit();
        for days in [3, 2] {
            for name in ["p.h", "q.h", "a.c"] {
                env.age(name, Duration::from_secs(days * 86_400));
            }
            settle();
            env.cc(using(env)).not_served();
            env.cc(&make(env)).miss();
            settle();
            env.cc(using(env)).direct_hit();
            env.cc(using(env)).direct_hit();
            env.cc(&format!("{} -g -MD", using(env))).direct_hit();
        }
        // Touched afterwards, it is refused by clang.
        env.age("q.h", Duration::from_secs(9 * 86_400));
        settle();
        assert_ne!(env.cc(using(env)).not_served().code, Some(0));
        // Other content, or another way to make it, is another header.
        env.write("q.h", "#define Q 5\n");
        settle();
        env.cc(&make(env)).miss();
        settle();
        env.cc(using(env)).miss();
        env.write("q.h", "#define Q 1\n");
        env.age("q.h", Duration::from_secs(4 * 86_400));
        settle();
        env.cc(&format!("{} -DEXTRA=1", make(env))).right();
        settle();
        env.cc(using(env)).not_served();
        // Made without the cache: nothing is known about it.
        make_alone(env, "");
        env.cc(using(env)).right_twice();
    });
}
