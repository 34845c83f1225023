//! Each group of the catalogue with an older gcc and with one for another
//! processor.

use std::fs;

use crate::env::{Compiler, Env, each, one, others};

fn source(env: &Env) {
    env.write(
        "a.c",
        "#include <stddef.h>\n#include \"a.h\"\nint f(void) { int unused; return A; }\n",
    );
    env.write("a.h", "#define A 42\n");
}

#[test]
fn c1_other_compilers() {
    others(|env| {
        source(env);
        env.cc("-c a.c").miss();
        env.remove("a.o");
        env.cc("-c a.c").direct_hit();
        env.cc("-c a.c -o b.o").direct_hit();
        env.cc("-S -O2 a.c").miss_then_hit();
        env.cc("-fsyntax-only -Wall a.c").miss_then_hit();
        env.cc("-c -x c - -o c.o")
            .stdin(b"int x;\n")
            .miss_then_hit();
        env.cc("-c -Wall a.c").miss_then_hit();
        env.write("bad.c", "int f(void) { return undeclared; }\n");
        env.cc("-c bad.c").counter("compile_failed");
        env.cc("-E a.c").counter("called_for_preprocessing");
        env.cc("a.c -o a").counter("called_for_link");
        env.cc("--version").counter("no_input_file");
    });
}

#[test]
fn i2_other_compilers() {
    others(|env| {
        source(env);
        env.cc("-c a.c -Iinc -include stdbool.h").miss_then_hit();
        env.write("a.h", "#define A 43\n");
        env.cc("-c a.c -Iinc -include stdbool.h").miss();
        env.write("a.h", "#define A 42\n");
        env.cc("-c a.c -Iinc -include stdbool.h").hit();
        env.write("b.c", "#include <b.h>\nint g(void) { return B; }\n");
        env.write("late/b.h", "#define B 1\n");
        env.mkdir("early");
        env.cc("-c b.c -Iearly -Ilate").miss_then_hit();
        env.write("early/b.h", "#define B 2\n");
        env.cc("-c b.c -Iearly -Ilate").miss_then_hit();
        env.write("d.c", "const char *d = __DATE__ __FILE__;\n");
        env.cc("-c d.c").right_twice();
        env.write("s.S", ".incbin \"data\"\n");
        env.write("data", "one");
        env.cc("-c s.S").right_twice();
        env.write("data", "two");
        env.cc("-c s.S").right_twice();
    });
}

#[test]
fn i17_compilers_do_not_share() {
    one(Compiler::Gcc, |env| {
        source(env);
        for driver in ["gcc-12", "gcc-11", "aarch64-linux-gnu-gcc"] {
            if crate::support::find_program(driver).is_none() {
                crate::support::skip(&format!("{driver} is not installed"));
                continue;
            }
            let first = env.call(driver, "-c a.c").right();
            assert_eq!(first.counted.hits(), 0, "{driver}");
            let second = env.call(driver, "-c a.c").right();
            assert_eq!(second.counted.hits(), 1, "{driver}");
        }
        let again = env.call("gcc-12", "-c a.c").right();
        assert_eq!(again.counted.hits(), 1);
    });
}

#[test]
fn i18_native() {
    each(|env| {
        source(env);
        env.cc("-c a.c -O2 -march=native").miss_then_hit();
        env.cc("-c a.c -O2 -mtune=native").miss_then_hit();
        env.cc("-c a.c -O2").miss_then_hit();
    });
}

#[test]
fn o4_other_compilers() {
    others(|env| {
        source(env);
        env.mkdir("out");
        for options in [
            "-MD",
            "-MMD",
            "-MD -MP -MF x.d",
            "-MMD -MT y",
            "-Wp,-MD,z.d",
        ] {
            env.cc(&format!("-c a.c {options}")).right_twice();
        }
        env.cc("-c a.c -MD -o out/a.o").direct_hit();
        for options in [
            "-g",
            "-g -O2 -DX=1 -UY",
            "-gsplit-dwarf -g",
            "--coverage -frandom-seed=1",
            "-fstack-usage",
            "-flto -frandom-seed=1",
            "-fprofile-generate -frandom-seed=1",
            "-frecord-gcc-switches",
            "-Wa,--noexecstack",
            "-save-temps",
            "-fdump-tree-original",
            "-fopt-info-vec=remarks",
        ] {
            env.cc(&format!("-c a.c {options}")).right_twice();
        }
        env.mkdir("two");
        env.write("two/a.c", env.read("a.c"));
        env.write("two/a.h", env.read("a.h"));
        env.cc("-c a.c -g").within("two").right_twice();
        env.cc("-x c-header a.h -o a.h.gch").miss_then_hit();
        std::thread::sleep(std::time::Duration::from_millis(15));
        env.cc("-c a.c -MD").right_twice();
    });
}

#[test]
fn s1_other_compilers() {
    others(|env| {
        source(env);
        env.cc("-c a.c").miss_then_hit();
        for kind in ["compile", "manifest"] {
            let folder = env.cache_dir().join(kind);
            for path in below(&folder) {
                fs::write(&path, "no longer what it was").unwrap();
            }
            env.cc("-c a.c").right_twice();
            env.cc("-c a.c").hit();
        }
        env.cache("clean");
        env.cc("-c a.c").miss_then_hit();
    });
}

fn below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(below(&path));
        } else if path.metadata().is_ok_and(|m| m.len() > 0) {
            let _ = fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644));
            files.push(path);
        }
    }
    files
}
