//! Sources that come from standard input.

use std::fs;
use std::io::{Seek, Write};
use std::process::Stdio;

use crate::env::{Compiler, Env, each, one};
use crate::support::cache_binary;

const SOURCE: &[u8] = b"#include \"a.h\"\nint f(void) { int unused; return A; }\n";

fn header(env: &Env) {
    env.write("a.h", "#include <stddef.h>\n#define A 42\n");
}

#[test]
fn c3_source_from_standard_input() {
    each(|env| {
        header(env);
        let args = "-c -x c - -o a.o";
        env.cc(args).stdin(SOURCE).miss_then_hit();
        env.cc(args).stdin(b"int y;\n").miss_then_hit();
        env.cc(args).stdin(SOURCE).direct_hit();
        env.cc("-c -x c - -o b.o").stdin(SOURCE).direct_hit();
        env.cc("-c -xc -").stdin(SOURCE).right_twice();
        env.cc("-S -x c - -O2").stdin(SOURCE).miss_then_hit();
        env.cc("-c -x c - -Wall -o a.o")
            .stdin(SOURCE)
            .miss_then_hit();
        env.cc("-fsyntax-only -x c - -Wall")
            .stdin(SOURCE)
            .miss_then_hit();
        env.cc("-c -x c - -g -o a.o").stdin(SOURCE).miss_then_hit();
        env.cxx("-c -x c++ - -o a.o").stdin(SOURCE).miss_then_hit();
        env.cc("-c -x cpp-output - -o a.o")
            .stdin(b"int x;\n")
            .miss_then_hit();
        env.cc("-c -x assembler - -o a.o")
            .stdin(b".globl f\nf: nop\n")
            .miss_then_hit();
        env.cc("-c -x assembler-with-cpp - -o a.o")
            .stdin(b"#define F f\n.globl F\nF: nop\n")
            .miss_then_hit();
        env.cc("-c -x c - -o a.o").stdin(b"").right_twice();
        // The same text from a file is another source.
        env.write("a.c", SOURCE);
        env.cc("-c a.c -o a.o").miss();
    });
}

#[test]
fn c3_headers_of_a_source_from_standard_input() {
    each(|env| {
        header(env);
        let args = "-c -x c - -o a.o -Iinc";
        env.mkdir("inc");
        env.cc(args).stdin(SOURCE).miss_then_hit();
        env.write("a.h", "#define A 43\n");
        env.cc(args).stdin(SOURCE).miss();
        header(env);
        env.cc(args).stdin(SOURCE).hit();
        // Quoted names are looked for in the working directory.
        env.rename("a.h", "inc/a.h");
        env.cc(args).stdin(SOURCE).right_twice();
        env.write("a.h", "#define A 44\n");
        env.cc(args).stdin(SOURCE).not_served();
        env.write("sub/a.h", "#define A 45\n");
        env.cc("-c -x c - -o a.o")
            .within("sub")
            .stdin(SOURCE)
            .right_twice();
    });
}

#[test]
fn c3_preprocessor_mode_of_a_source_from_standard_input() {
    each(|env| {
        header(env);
        let args = "-c -x c - -o a.o";
        env.cc(args).stdin(SOURCE).miss();
        for comment in ["one", "two"] {
            env.write(
                "a.h",
                format!("#include <stddef.h>\n#define A 42 // {comment}\n"),
            );
            env.cc(args).stdin(SOURCE).right_twice();
        }
        env.write("a.h", "#include <stddef.h>\n#define A 43 // two\n");
        env.cc(args).stdin(SOURCE).not_served();
    });
}

#[test]
fn c3_dependency_files_of_a_source_from_standard_input() {
    each(|env| {
        header(env);
        for args in [
            "-c -x c - -o a.o -MD",
            "-c -x c - -o a.o -MMD",
            "-c -x c - -o a.o -MD -MP -MF some.d",
            "-c -x c - -o a.o -MMD -MP -MT some",
            "-c -x c - -MD",
            "-c -x c - -o a.o -Wp,-MD,other.d",
            "-c -x c - -o a.o -Wp,-MMD,other.d",
            "-c -x c - -Wp,-MMD,other.d",
        ] {
            env.cc(args).stdin(SOURCE).right_twice();
        }
        env.cc("-c -x c - -o b.o -MD").stdin(SOURCE).direct_hit();
        env.cc("-c -x c - -o b.o -MMD").stdin(SOURCE).direct_hit();
        // Without any header.
        env.cc("-c -x c - -o a.o -MMD")
            .stdin(b"int x;\n")
            .right_twice();
        env.cc("-c -x c - -o a.o -MMD -MP -nostdinc")
            .stdin(b"int x;\n")
            .right_twice();
    });
}

#[test]
fn c3_errors_in_a_source_from_standard_input() {
    each(|env| {
        header(env);
        env.cc("-c -x c - -o a.o")
            .stdin(b"int f(void) { return undeclared; }\n")
            .counter("compile_failed");
        env.cc("-c -").stdin(SOURCE).counter("source_from_stdin");
        env.cc("-c -x c - a.c").stdin(SOURCE).not_served();
        env.cc("-E -x c -").stdin(SOURCE).right();
        env.cc("-c -x c - -o -").stdin(SOURCE).right();
        env.cc("-c -x c -save-temps - -o a.o").stdin(SOURCE).right();
        env.cc("-x c -c /dev/stdin -o a.o")
            .stdin(b"int x;\n")
            .right_twice();
    });
}

#[test]
fn c3_large_source_from_standard_input() {
    each(|env| {
        let mut text = String::new();
        for at in 0..30_000 {
            text.push_str(&format!("int variable_{at} = {at};\n"));
        }
        env.cc("-fsyntax-only -x c -")
            .stdin(text.as_bytes())
            .miss_then_hit();
    });
}

fn with_file(env: &Env, through: bool, skip: u64) -> (Vec<u8>, Vec<u8>, u64) {
    let mut file = fs::File::open(env.work("source")).unwrap();
    file.seek(std::io::SeekFrom::Start(skip)).unwrap();
    let mut words = vec!["gcc", "-c", "-Wall", "-x", "c", "-", "-o", "a.o"];
    let cache = cache_binary().display().to_string();
    if through {
        words.insert(0, &cache);
    }
    let output = env
        .command(words[0])
        .args(&words[1..])
        .stdin(file.try_clone().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());
    let object = fs::read(env.work("a.o")).unwrap();
    fs::remove_file(env.work("a.o")).unwrap();
    (object, output.stderr, file.stream_position().unwrap())
}

/// A file is read from where it stands, and left at its end.
#[test]
fn c3_a_file_as_standard_input() {
    one(Compiler::Gcc, |env| {
        header(env);
        env.write("source", [b"not C at all\n", SOURCE].concat());
        let alone = with_file(env, false, 13);
        let before = env.counters();
        for _ in 0..2 {
            let cached = with_file(env, true, 13);
            assert!(alone == cached, "{alone:?} {cached:?}");
        }
        assert_eq!(env.counters().since(&before).hits(), 1);
    });
}

/// Nothing, or a directory: as the compiler takes it.
#[test]
fn c3_no_standard_input() {
    one(Compiler::Gcc, |env| {
        header(env);
        let run = |through: bool, redirection: &str| {
            let cache = cache_binary().display().to_string();
            let cache = if through { &cache } else { "" };
            let script = format!("{cache} gcc -c -x c - -o a.o {redirection}");
            let output = env.command("sh").args(["-c", &script]).output().unwrap();
            let object = fs::read(env.work("a.o")).ok();
            let _ = fs::remove_file(env.work("a.o"));
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
                object,
            )
        };
        for redirection in ["</dev/null", "<."] {
            assert_eq!(run(false, redirection), run(true, redirection));
            assert_eq!(run(false, redirection), run(true, redirection));
        }
    });
}

/// The compiler is asked only when all has been read, however slowly it comes.
#[test]
fn c3_a_slow_writer() {
    one(Compiler::Gcc, |env| {
        header(env);
        for _ in 0..2 {
            let mut child = env
                .command(cache_binary())
                .args(["gcc", "-c", "-x", "c", "-", "-o", "a.o"])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut pipe = child.stdin.take().unwrap();
            for part in SOURCE.chunks(9) {
                pipe.write_all(part).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(3));
            }
            drop(pipe);
            assert!(child.wait().unwrap().success());
        }
        let cached = env.read("a.o");
        env.cc("-c -x c - -o a.o").stdin(SOURCE).direct_hit();
        assert_eq!(env.read("a.o"), cached);
    });
}

/// What passes through after all has its input from the start.
#[test]
fn c3_passed_through_with_its_input() {
    one(Compiler::Gcc, |env| {
        header(env);
        env.cc("-c -x c - -o a.o")
            .var("CACHE_DISABLE", "1")
            .stdin(SOURCE)
            .right();
        env.cc("-c -x c - -o a.o")
            .var("CACHE_READ_ONLY", "1")
            .stdin(SOURCE)
            .right();
        env.cc("-c -x c - -o a.o")
            .var("CACHE_RECACHE", "1")
            .stdin(SOURCE)
            .right();
    });
}
