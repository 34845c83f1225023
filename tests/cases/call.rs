//! The call itself: what is cached, what passes through, what comes back.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::env::{Compiler, Env, each, one};
use crate::support::{cache_binary, can_mount, find_program, skip};

const SOURCE: &str = "#include \"a.h\"\nint f(void) { return A; }\n";

fn small(env: &Env) {
    env.write("a.c", SOURCE);
    env.write("a.h", "#define A 42\n");
}

#[test]
fn c1_same_compile_twice() {
    each(|env| {
        small(env);
        env.cc("-c a.c").miss();
        env.remove("a.o");
        env.cc("-c a.c").direct_hit();
        env.cc("-c a.c").direct_hit();
        env.cc("-c a.c -O2 -o a.o").miss_then_hit();
    });
}

#[test]
fn c1_file_mode_follows_the_umask() {
    each(|env| {
        small(env);
        env.cc("-c a.c").miss();
        env.remove("a.o");
        env.cc("-c a.c").umask(0o077).direct_hit();
        let mode = env.work("a.o").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        env.remove("a.o");
        env.cc("-c a.c").umask(0o002).direct_hit();
    });
}

#[test]
fn c1_mode_of_an_existing_object_is_kept_as_the_compiler_keeps_it() {
    each(|env| {
        small(env);
        env.cc("-c a.c").miss();
        fs::set_permissions(env.work("a.o"), fs::Permissions::from_mode(0o755)).unwrap();
        env.cc("-c a.c").right();
    });
}

#[test]
fn c1_cxx_and_preprocessed_and_assembler() {
    each(|env| {
        env.write(
            "a.cc",
            "#include <vector>\nint f() { return std::vector<int>{1}.size(); }\n",
        );
        env.cxx("-c a.cc").miss_then_hit();
        env.write("b.i", "int f(void) { return 1; }\n");
        env.cc("-c b.i").miss_then_hit();
        env.write("c.ii", "int f() { return 1; }\n");
        env.cxx("-c c.ii").miss_then_hit();
        env.write("d.s", ".globl f\nf: ret\n");
        env.cc("-c d.s").right_twice();
        env.write("e.S", "#define R ret\n.globl f\nf: R\n");
        env.cc("-c e.S").right_twice();
    });
}

#[test]
fn c2_another_output_hits() {
    each(|env| {
        small(env);
        env.mkdir("out");
        env.cc("-c a.c -o one.o").miss();
        env.cc("-c a.c -o two.o").direct_hit();
        env.cc("-c a.c -oout/three.o").direct_hit();
        env.cc("-c a.c").direct_hit();
    });
}

#[test]
fn c2_output_of_another_kind_of_file() {
    each(|env| {
        small(env);
        env.mkdir("out");
        env.cc("-c a.c").miss();
        // Compilers follow a link, and unlink nothing.
        env.symlink("out/real.o", "link.o");
        env.cc("-c a.c -o link.o").right();
        env.write("hard.o", "old");
        fs::hard_link(env.work("hard.o"), env.work("other.o")).unwrap();
        env.cc("-c a.c -o hard.o").right();
    });
}

#[test]
fn c3_calls_that_pass_through() {
    each(|env| {
        small(env);
        env.write(
            "main.c",
            "int f(void); int main(void) { return f() - 42; }\n",
        );
        env.cc("-c a.c").miss();
        env.cc("-c main.c").miss();
        env.cc("a.o main.o -o program").counter("called_for_link");
        assert!(env.command("./program").status().unwrap().success());
        env.cc("a.c main.c -o program").right();
        env.cc("-E a.c").counter("called_for_preprocessing");
        env.cc("-E a.c -o a.i").counter("called_for_preprocessing");
        env.cc("-M a.c").counter("called_for_preprocessing");
        env.cc("-MM a.c").counter("called_for_preprocessing");
        env.cc("-c a.c main.c").counter("multiple_source_files");
        env.cc("-S a.c -o -").counter("output_to_stdout");
        env.cc("-c").counter("no_input_file");
        env.cc("--version").counter("no_input_file");
        env.cc("-v").counter("no_input_file");
        env.cc("-dumpmachine").counter("no_input_file");
        env.cc("-print-search-dirs").counter("no_input_file");
        // It names temporary files on standard error.
        env.cc("-### -c a.c").stderr_varies().not_served();
        env.cc("").right();
    });
}

#[test]
fn c4_output_that_cannot_be_written() {
    each(|env| {
        small(env);
        env.mkdir("directory.o");
        let outcome = env.cc("-c a.c -o absent/a.o").not_served();
        assert_ne!(outcome.code, Some(0));
        env.cc("-c a.c -o directory.o").not_served();
        env.cc("-c a.c -o a.o").right();
        // The same with the result in the cache.
        let outcome = env.cc("-c a.c -o absent/a.o").right();
        assert_ne!(outcome.code, Some(0));
        let outcome = env.cc("-c a.c -o directory.o").right();
        assert_ne!(outcome.code, Some(0));
    });
}

#[test]
fn c4_output_that_is_the_source() {
    each(|env| {
        small(env);
        env.cc("-c a.c").miss();
        for output in ["a.c", "./a.c"] {
            env.cc(&format!("-c a.c -o {output}")).not_served();
            small(env);
        }
        // Two products of one name.
        env.cc("-c a.c -MD -MF a.o").right();
    });
}

#[test]
fn c4_output_on_a_read_only_file_system() {
    if !can_mount() {
        return;
    }
    one(Compiler::Gcc, |env| {
        small(env);
        env.cc("-c a.c").miss();
        env.mkdir("ro");
        let script = "mount --bind ro ro && mount -o remount,ro,bind ro && exec \"$@\"";
        let run = |through: bool| {
            env.command("unshare")
                .args(["--mount", "sh", "-ec", script, "sh"])
                .args(through.then(cache_binary))
                .args(["gcc", "-c", "a.c", "-o", "ro/a.o"])
                .output()
                .unwrap()
        };
        let (alone, cached) = (run(false), run(true));
        assert!(!alone.status.success());
        assert_eq!(alone.status, cached.status);
        assert_eq!(
            String::from_utf8_lossy(&alone.stderr),
            String::from_utf8_lossy(&cached.stderr)
        );
    });
}

#[test]
fn c5_no_object_wanted() {
    each(|env| {
        small(env);
        env.cc("-c a.c -o /dev/null").right_twice();
        env.cc("-c -x c /dev/null -o empty.o").right_twice();
        env.cc("-fsyntax-only a.c").right_twice();
        env.cc("-c -fsyntax-only a.c").right_twice();
        env.cc("-S a.c").miss_then_hit();
        env.cc("-S a.c -o other.s").direct_hit();
        let kind = fs::symlink_metadata("/dev/null").unwrap().file_type();
        assert!(!kind.is_file(), "/dev/null was replaced");
    });
}

#[test]
fn c6_compile_error() {
    each(|env| {
        env.write("bad.c", "int f(void) { return undeclared; }\n");
        env.cc("-c bad.c").counter("compile_failed");
        env.cc("-c bad.c").counter("compile_failed");
        env.write("bad.o", "an old object");
        env.cc("-c bad.c -o bad.o").not_served();
        // Corrected, then broken the same way again.
        env.write("bad.c", "int f(void) { return 1; }\n");
        env.cc("-c bad.c").miss();
        env.write("bad.c", "int f(void) { return undeclared; }\n");
        env.cc("-c bad.c").not_served();
        env.cc("-c absent.c").not_served();
        env.write("include.c", "#include \"absent.h\"\n");
        env.cc("-c include.c").not_served();
        env.cc("-c include.c -MD").not_served();
    });
}

/// A compiler that does `does` whenever it is asked for an object, and else
/// what gcc does.
fn odd_compiler(env: &Env, does: &str) {
    let real = find_program("gcc-12").unwrap();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' -E '*|*' -print'*|*' -dump'*|*' -v '*|*--version*) exec '{0}' \"$@\";; esac\n{does}\n",
        real.display()
    );
    env.install_script("gcc", &script);
}

#[test]
fn c7_compiler_killed_by_a_signal() {
    one(Compiler::Gcc, |env| {
        small(env);
        odd_compiler(env, "kill -SEGV $$");
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").not_served();
    });
}

#[test]
fn c7_no_object_or_an_empty_one() {
    one(Compiler::Gcc, |env| {
        small(env);
        odd_compiler(env, "exit 0");
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").not_served();
        odd_compiler(env, ": >a.o");
        env.cc("-c a.c").not_served();
        env.remove("a.o");
        env.cc("-c a.c").not_served();
    });
}

#[test]
fn c8_warnings_are_replayed() {
    each(|env| {
        env.write(
            "w.c",
            "int f(void) { int unused; return 1; }\n#warning careful\n",
        );
        let missed = env.cc("-c -Wall w.c").miss();
        assert!(missed.stderr.contains("careful"));
        let hit = env.cc("-c -Wall w.c").direct_hit();
        assert_eq!(missed.stderr, hit.stderr);
    });
}

#[test]
fn c8_standard_output_is_replayed() {
    one(Compiler::Gcc, |env| {
        small(env);
        let real = find_program("gcc-12").unwrap();
        odd_compiler(
            env,
            &format!(
                "printf 'bytes \\001\\377\\n'\nexec '{}' \"$@\"",
                real.display()
            ),
        );
        let outcome = env.cc("-c a.c").right_twice();
        assert!(outcome.stdout.starts_with("bytes "));
    });
}

/// Runs a command on a terminal (by `script` of util-linux) and gives what it showed.
fn on_a_terminal(env: &Env, words: &[&str]) -> String {
    let line = words.join(" ");
    let output = env
        .command("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "xterm")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn c9_colour() {
    if find_program("script").is_none() {
        return skip("`script` of util-linux is not installed");
    }
    each(|env| {
        env.write("w.c", "#warning careful\nint x;\n");
        let compiler = if env.compiler.is_clang() {
            "clang"
        } else {
            "gcc"
        };
        let cache = cache_binary().display().to_string();
        let alone = on_a_terminal(env, &[compiler, "-c", "w.c"]);
        assert!(alone.contains('\x1b'), "no colour to compare");
        // Stored without a terminal, asked for on one, and the other way round.
        env.cc("-c w.c").miss();
        assert_eq!(alone, on_a_terminal(env, &[&cache, compiler, "-c", "w.c"]));
        env.cc("-c w.c").right();
        env.cache("clean");
        assert_eq!(alone, on_a_terminal(env, &[&cache, compiler, "-c", "w.c"]));
        env.cc("-c w.c").right();
        assert_eq!(alone, on_a_terminal(env, &[&cache, compiler, "-c", "w.c"]));
        for option in ["always", "never", "auto"] {
            env.cc(&format!("-c w.c -fdiagnostics-color={option}"))
                .right_twice();
        }
        env.cc("-c w.c").var("GCC_COLORS", "").right();
    });
}

#[test]
fn c10_masquerade() {
    each(|env| {
        small(env);
        let compiler = if env.compiler.is_clang() {
            "clang"
        } else {
            "gcc"
        };
        let links = env.root.join("links");
        fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(cache_binary(), links.join(compiler)).unwrap();
        let path = format!(
            "{}:{}/bin:/usr/bin:/bin",
            links.display(),
            env.root.display()
        );
        env.cc("-c a.c").miss();
        let expected = env.read("a.o");
        env.remove("a.o");
        let before = env.counters();
        let status = env
            .command(compiler)
            .env("PATH", &path)
            .args(["-c", "a.c"])
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(env.read("a.o"), expected);
        assert_eq!(env.counters().since(&before).hits(), 1);
        // By its path, and twice in a row.
        let status = env
            .command(links.join(compiler))
            .env("PATH", &path)
            .args(["-c", "a.c"])
            .status()
            .unwrap();
        assert!(status.success());
        let mut twice = env.command(cache_binary());
        twice.arg(cache_binary()).args([compiler, "-c", "a.c"]);
        assert!(twice.status().unwrap().success());
        assert_eq!(env.read("a.o"), expected);
        // The link named as the compiler.
        let mut named = env.command(cache_binary());
        named.env("PATH", &path).args([compiler, "-c", "a.c"]);
        assert!(named.status().unwrap().success());
        assert_eq!(env.read("a.o"), expected);
        // Nothing but the links: not found rather than endless.
        let lost = env
            .command(links.join(compiler))
            .env("PATH", &links)
            .args(["-c", "a.c"])
            .output()
            .unwrap();
        assert_eq!(lost.status.code(), Some(127));
        assert!(!lost.stderr.is_empty());
    });
}

/// gcc finds its parts by looking for its own name on the PATH: a link must not
/// make it look beside the link.
#[test]
fn c10_masquerade_of_drivers_that_look_for_themselves() {
    one(Compiler::Gcc, |env| {
        small(env);
        let links = env.root.join("links");
        fs::create_dir(&links).unwrap();
        for name in ["cc", "gcc", "gcc-12", "clang-14", "clang-19"] {
            if find_program(name).is_none() {
                continue;
            }
            std::os::unix::fs::symlink(cache_binary(), links.join(name)).unwrap();
            let path = format!("{}:/usr/bin:/bin", links.display());
            for (program, args) in [
                (name.to_owned(), ["-c", "a.c", "-oa.o"]),
                (
                    links.join(name).display().to_string(),
                    ["-c", "a.c", "-ob.o"],
                ),
                (name.to_owned(), ["-E", "a.c", "-oa.i"]),
            ] {
                let mut command = env.command(&program);
                let output = command.env("PATH", &path).args(args).output().unwrap();
                assert!(
                    output.status.success(),
                    "{program}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
    });
}

#[test]
fn c10_absolute_paths_and_versioned_names() {
    one(Compiler::Gcc, |env| {
        small(env);
        for name in [
            "gcc-12",
            "gcc-11",
            "x86_64-linux-gnu-gcc-12",
            "/usr/bin/gcc-12",
        ] {
            match find_program(name) {
                None => skip(&format!("{name} is not installed")),
                Some(_) => {
                    env.call(name, "-c a.c").right();
                    let outcome = env.call(name, "-c a.c").right();
                    assert_eq!(outcome.counted.hits(), 1, "{name}");
                }
            }
        }
    });
}

#[test]
fn c11_descriptors_environment_and_directory_reach_the_compiler() {
    one(Compiler::Gcc, |env| {
        small(env);
        let real = find_program("gcc-12").unwrap();
        odd_compiler(
            env,
            &format!(
                "read line; printf '%s %s %s\\n' \"$line\" \"$SOME_VARIABLE\" \"$(pwd)\" >seen; \
                 echo token >&7\nexec '{}' \"$@\"",
                real.display()
            ),
        );
        let output = env
            .command("sh")
            .args(["-c", "exec \"$@\" 7>descriptor", "sh"])
            .arg(cache_binary())
            .args(["gcc", "-c", "a.c"])
            .env("SOME_VARIABLE", "value")
            .stdin(Stdio::from(input(env, b"from stdin\n")))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let expected = format!("from stdin value {}/work\n", env.root.display());
        assert_eq!(env.text("seen"), expected);
        assert_eq!(env.text("descriptor"), "token\n");
    });
}

fn input(env: &Env, bytes: &[u8]) -> fs::File {
    fs::write(env.root.join("input"), bytes).unwrap();
    fs::File::open(env.root.join("input")).unwrap()
}

#[test]
fn c11_interrupted() {
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        one(Compiler::Gcc, |env| {
            small(env);
            // The compiler dies of the signal as gcc's driver does; a terminal
            // sends it to the whole process group.
            let started = env.root.join("started");
            let script = format!("echo >'{}'; exec sleep 60", started.display());
            odd_compiler(env, &script);
            let mut child = env
                .command("env")
                // Whoever runs the tests in the background ignores it.
                .args(["--default-signal=INT,TERM", "setsid"])
                .arg(cache_binary())
                .args(["gcc", "-c", "a.c"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let wrapper = child.id();
            while !started.exists() {
                std::thread::sleep(Duration::from_millis(10));
            }
            let sent = Command::new("kill")
                .args([format!("-{signal}"), "--".into(), format!("-{wrapper}")])
                .status()
                .unwrap();
            assert!(sent.success());
            let status = child.wait().unwrap();
            let mut rest = String::new();
            let _ = child.stdout.take().unwrap().read_to_string(&mut rest);
            assert!(
                status.signal() == Some(number) || status.code() == Some(128 + number),
                "{signal}: {status:?}"
            );
            assert!(!env.exists("a.o"));
            assert_eq!(temporaries(env), Vec::<String>::new());
        });
    }
}

/// Names in `work` that no step of these cases makes.
fn temporaries(env: &Env) -> Vec<String> {
    fs::read_dir(env.work(""))
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !matches!(name.as_str(), "a.c" | "a.h" | "a.o"))
        .collect()
}

#[test]
fn c12_compiler_not_found() {
    one(Compiler::Gcc, |env| {
        for name in ["absent-gcc", "/absent/gcc", "gcc-99"] {
            let output = env
                .command(cache_binary())
                .args([name, "-c", "a.c"])
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(127), "{name}");
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(message.contains(name), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    });
}

#[test]
fn c12_program_that_is_no_compiler() {
    one(Compiler::Gcc, |env| {
        let output = env
            .command(cache_binary())
            .args(["sh", "-c", "cat; exit 3"])
            .stdin(Stdio::from(input(env, b"text")))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"text");
        std::io::stdout().flush().unwrap();
    });
}
