//! Files that options write beside a precompiled header.

use crate::env::each;
use crate::precompiled::project;

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
