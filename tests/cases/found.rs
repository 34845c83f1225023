//! What the random test found, each in its smallest form.

use crate::env::each_clang;

/// The object holds the command line of the compiler proper, and with it what
/// the cache would ask it for.
#[test]
fn o12_embedded_command_line() {
    each_clang(|env| {
        env.write("a.c", "int a;\n");
        for option in ["-fembed-bitcode=marker", "-fembed-bitcode"] {
            env.cc(&format!("{option} -c a.c")).right_twice();
            env.cc(&format!("{option} -S a.c")).right_twice();
        }
        env.cc("-fembed-bitcode=off -c a.c").miss_then_hit();
    });
}
