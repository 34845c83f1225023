//! `-MMD`: which headers are the system's is a matter of how they were reached,
//! and the file says what the compiler's own would.

use crate::env::{Env, each};

/// Headers that are below a system directory and elsewhere, and sources that
/// reach them in different manners.
fn project(env: &Env) {
    for (name, text) in [
        ("sys/s.h", "#include \"sub/t.h\"\nextern int s;\n"),
        ("sys/sub/t.h", "extern int t;\n"),
        (
            "sys/asks.h",
            "#include \"config.h\"\n#include <own.h>\nextern int asks;\n",
        ),
        ("sys/computes.h", "#include COMPUTED\n"),
        (
            "sys/marked.h",
            "#pragma GCC system_header\n#include \"config.h\"\n",
        ),
        ("inc/config.h", "extern int config;\n"),
        ("inc/own.h", "extern int own;\n"),
        ("inc/up.h", "#include \"../sys/s.h\"\n"),
        (
            "inc/marked.h",
            "#pragma GCC system_header\n#include \"config.h\"\n",
        ),
        ("beside.c", "#include \"sys/s.h\"\nint a;\n"),
        ("angle.c", "#include <s.h>\nint a;\n"),
        ("up.c", "#include \"inc/up.h\"\nint a;\n"),
        (
            "both.c",
            "#include \"s.h\"\n#include \"sys/sub/t.h\"\nint a;\n",
        ),
        (
            "sys/e.c",
            "#include \"s.h\"\n#include \"sub/t.h\"\nint a;\n",
        ),
        (
            "sys/f.c",
            "#include \"sub/t.h\"\n#include \"s.h\"\nint a;\n",
        ),
        ("asks.c", "#include <asks.h>\nint a;\n"),
        (
            "asks2.c",
            "#include \"inc/config.h\"\n#include <asks.h>\nint a;\n",
        ),
        (
            "asks3.c",
            "#include <asks.h>\n#include \"inc/config.h\"\nint a;\n",
        ),
        (
            "computes.c",
            "#define COMPUTED <own.h>\n#include <computes.h>\nint a;\n",
        ),
        (
            "computes2.c",
            "#define HEADER \"inc/own.h\"\n#include HEADER\nint a;\n",
        ),
        (
            "marked.c",
            "#include <s.h>\n#include \"inc/marked.h\"\nint a;\n",
        ),
        ("marked2.c", "#include <marked.h>\nint a;\n"),
        ("next.c", "#include_next <s.h>\nint a;\n"),
        (
            "usual.c",
            "#include <stdio.h>\n#include <stdlib.h>\n#include <limits.h>\n#include <pthread.h>\n#include \"inc/own.h\"\nint a;\n",
        ),
    ] {
        env.write(name, text);
    }
}

const SOURCES: &[&str] = &[
    "beside.c",
    "angle.c",
    "up.c",
    "both.c",
    "sys/e.c",
    "sys/f.c",
    "asks.c",
    "asks2.c",
    "asks3.c",
    "computes.c",
    "computes2.c",
    "marked.c",
    "marked2.c",
    "next.c",
    "usual.c",
];

fn right_with(options: &[&str]) {
    each(|env| {
        project(env);
        let here = env.work("").display().to_string();
        for options in options {
            let options = options.replace("$PWD/", &here);
            for (number, source) in SOURCES.iter().enumerate() {
                // What cannot be told from the text, the compiler is asked.
                let phony = ["", "-MP -MF y.d "][number % 2];
                let call = env.cc(&format!("-MMD {phony}-Iinc {options} -c {source} -o x.o"));
                call.right_twice();
            }
        }
    });
}

#[test]
fn o4_user_headers_below_a_system_directory() {
    right_with(&[
        "-isystem sys",
        "-isystem sys -I.",
        "-isystem $PWD/sys",
        "-idirafter sys",
    ]);
}

#[test]
fn o4_user_headers_in_directories_that_are_both() {
    right_with(&[
        "-Isys -isystem sys",
        "-Isys/sub -isystem sys",
        "-isystem sys/sub -Isys",
        "-isystem . -Isys",
        "-iquote sys -isystem sys",
        "-I inc/../sys -isystem sys",
        "-I/usr/include -idirafter sys",
    ]);
}

/// The usual case asks nobody.
#[test]
fn o4_user_headers_of_ordinary_sources() {
    each(|env| {
        project(env);
        env.write(
            "a.cc",
            "#include <vector>\n#include <string>\n#include \"inc/own.h\"\nint a;\n",
        );
        let before = env.runs().len();
        env.cxx("-MMD -Iinc -isystem sys -c a.cc").miss_then_hit();
        let runs = env.runs().split_off(before);
        let asked = runs.iter().filter(|run| run.contains(" -MM ")).count();
        assert_eq!(asked, 0, "{runs:#?}");
        env.cc("-MMD -Iinc -c usual.c").miss_then_hit();
        // Where the compiler was asked, the answer is kept.
        for source in ["both.c", "asks2.c"] {
            let call = || env.cc(&format!("-MMD -Iinc -isystem sys -c {source}"));
            call().right();
            call().direct_hit();
        }
    });
}
