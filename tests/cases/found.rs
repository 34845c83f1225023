//! What the random test found, each in its smallest form.

use crate::env::{Compiler, each, each_clang, one};

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

/// What becomes of a file that is there already, its mode and its other name,
/// depends on who writes the product: the compiler, its own assembler, or `as`.
#[test]
fn c2_who_writes_into_what_is_there() {
    each(|env| {
        env.write("a.c", "int a;\n");
        env.write("b.S", ".data\n.long 1\n");
        env.write("c.s", ".data\n.long 2\n");
        let mut calls = vec![
            "-c a.c -o x",
            "-c b.S -o x",
            "-c c.s -o x",
            "-S a.c -o x",
            "-c -flto -frandom-seed=1 a.c -o x",
        ];
        if env.compiler.is_clang() {
            calls.extend([
                "-fno-integrated-as -c a.c -o x",
                "-fno-integrated-as -c b.S -o x",
                "-S -emit-llvm a.c -o x",
                "-c -emit-llvm a.c -o x",
                "-S b.S -o x",
            ]);
        }
        for call in calls {
            env.cc(call).right();
            for content in ["", "something longer than nothing"] {
                for mode in ["600", "755", "444"] {
                    let _ = std::fs::remove_file(env.work("x"));
                    env.write("x", content);
                    let chmod = env.command("chmod").args([mode, "x"]).status();
                    assert!(chmod.unwrap().success());
                    env.cc(call).right();
                }
            }
            env.remove("x");
            env.write("x", "shared");
            std::fs::hard_link(env.work("x"), env.work("y")).unwrap();
            env.cc(call).right();
            env.remove("y");
        }
    });
}

/// Dependency options in other spellings, and among others in one `-Wp,` list:
/// what the file leaves out counts all the same.
#[test]
fn o4_other_spellings_of_dependency_options() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include <s.h>\nint a = S;\n");
        for options in [
            "--write-user-dependencies",
            "--write-user-dependencies -MF x.d",
            "--write-dependencies --write-user-dependencies",
            "--write-dependencies -MF /dev/null",
            "--write-user-dependencies -MF /dev/null",
            "-Wp,-DX=1,-MMD,x.d",
            "-Wp,-MP,-MMD,x.d",
            "-Wp,-MT,-MMD,-MMD,x.d",
            "-Wp,-MMD,x.d,-MT,-MMD",
            "-Wp,-MMD,-MMD",
            "-Wp,-DX=1,-MD,/dev/null",
            "-Wp,-MMD,/dev/null,-MT,x",
            "-MMD -MT -MMD",
            "-MMD -MF -MMD",
        ] {
            let call = || env.cc(&format!("-isystem sys {options} -c a.c"));
            env.write("sys/s.h", "#define S 1\n");
            call().right_twice();
            env.write("sys/s.h", "#define S 2\n");
            call().right_twice();
            env.write("sys/s.h", "#define S 1\n");
            call().hit();
        }
    });
}

/// Options about a dependency file that is not asked for, or that such a source
/// does not have: nothing is written, and what clang says about it comes back.
#[test]
fn o5_options_of_no_dependency_file() {
    each(|env| {
        env.write("a.s", ".data\n.long 1\n");
        env.write("a.i", "int a;\n");
        env.write("a.c", "int a;\n");
        for options in [
            "-MF x.d",
            "-MT x",
            "-MQ x",
            "-MP",
            "-MD -MF x.d -MT y -MP",
            "-MMD",
        ] {
            for source in ["a.s", "a.i"] {
                env.cc(&format!("{options} -c {source}")).miss_then_hit();
            }
            let call = env.cc(&format!("{options} -c a.c"));
            match env.compiler {
                Compiler::Gcc if !options.starts_with("-MD") && !options.starts_with("-MMD") => {
                    call.not_served()
                }
                _ => call.miss_then_hit(),
            };
        }
    });
}
