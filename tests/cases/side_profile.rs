//! Profile data: there, changed, missing, under another name.

use std::process::Command;

use crate::env::{Compiler, Env, one};

/// A program and what a run of it left behind, for the object `x.o`.
fn trained(env: &Env, times: u32) -> Vec<u8> {
    let source = env.root.join("train");
    let _ = std::fs::remove_dir_all(&source);
    std::fs::create_dir(&source).unwrap();
    std::fs::copy(env.work("x.c"), source.join("x.c")).unwrap();
    std::fs::write(
        source.join("main.c"),
        format!(
            "int f(int); int main(void) {{ for (int i = 0; i < {times}; i++) f(i); return 0; }}\n"
        ),
    )
    .unwrap();
    let run = |program: &str, args: &str| {
        let status = Command::new(program)
            .args(args.split(' '))
            .current_dir(&source)
            .status()
            .unwrap();
        assert!(status.success());
    };
    run("gcc-12", "-O2 -frandom-seed=1 -fprofile-generate -c x.c");
    run("gcc-12", "-O2 main.c x.o -lgcov -o prog");
    run("./prog", "--");
    std::fs::read(source.join("x.gcda")).unwrap()
}

fn gcc(case: impl FnOnce(&Env)) {
    one(Compiler::Gcc, |env| {
        env.write(
            "x.c",
            "int f(int a) { if (a % 3) return a * 2; while (a > 9) a /= 2; return a; }\n",
        );
        env.mkdir("out");
        env.mkdir("p");
        case(env);
    });
}

const USE: &str = "-O2 -frandom-seed=1 -fprofile-use";

#[test]
fn o8_profile_data_of_gcc() {
    gcc(|env| {
        let (few, many) = (trained(env, 10), trained(env, 1000));
        // Absent, there, other, gone again.
        env.cc(&format!("{USE} -c x.c")).miss_then_hit();
        env.write("x.gcda", &few);
        env.cc(&format!("{USE} -c x.c")).miss_then_hit();
        env.write("x.gcda", &many);
        env.cc(&format!("{USE} -c x.c")).miss_then_hit();
        env.write("x.gcda", &few);
        env.cc(&format!("{USE} -c x.c")).direct_hit();
        env.remove("x.gcda");
        env.cc(&format!("{USE} -c x.c")).direct_hit();
        // The source has changed since.
        env.write("x.gcda", &few);
        env.write("x.c", "int f(int a) { return a ? a + 1 : 7; }\n");
        env.cc(&format!("{USE} -c x.c")).right_twice();
        env.cc(&format!("{USE} -Wno-coverage-mismatch -c x.c"))
            .right_twice();
        env.write("x.gcda", "not a profile");
        env.cc(&format!("{USE} -c x.c")).right_twice();
    });
}

#[test]
fn o8_names_of_profile_data() {
    gcc(|env| {
        let data = trained(env, 10);
        let mangled = env.work("x").display().to_string().replace('/', "#");
        for (options, name) in [
            ("-c x.c -o out/x.o", "out/x.gcda".to_owned()),
            ("-c x.c -o out/y.z.o", "out/y.z.gcda".to_owned()),
            ("-S x.c", "x.gcda".to_owned()),
            ("-dumpbase q -c x.c", "q.gcda".to_owned()),
            ("-dumpdir out/p- -c x.c", "out/p-x.gcda".to_owned()),
            ("-fprofile-dir=p -c x.c", format!("p/{mangled}.gcda")),
            ("-fprofile-use=p -c x.c", format!("p/{mangled}.gcda")),
            ("-fprofile-use=p/ -c x.c", format!("p/{mangled}.gcda")),
            (
                "-fprofile-use=q -fprofile-dir=p -c x.c",
                format!("p/{mangled}.gcda"),
            ),
            (
                "-fprofile-dir=q -fprofile-use=p -c x.c",
                format!("p/{mangled}.gcda"),
            ),
            ("-fprofile-generate=p -c x.c", format!("p/{mangled}.gcda")),
            ("-fbranch-probabilities -c x.c", "x.gcda".to_owned()),
        ] {
            let args = format!("{USE} {options}");
            env.cc(&args).right();
            env.write(&name, &data);
            env.cc(&args).not_served();
            env.cc(&args).hit();
            env.remove(&name);
            env.cc(&args).hit();
        }
        let args = format!(
            "{USE} -c {} -o {}",
            env.work("x.c").display(),
            env.work("out/a.o").display()
        );
        env.cc(&args).right();
        env.write("out/a.gcda", &data);
        env.cc(&args).not_served();
        // A directory that appears with the data.
        let args = format!("{USE}=new/dir -c x.c");
        env.cc(&args).miss_then_hit();
        env.write(&format!("new/dir/{mangled}.gcda"), &data);
        env.cc(&args).not_served();
        for options in [
            "-fprofile-use -fno-profile-use",
            "-fbranch-probabilities",
            "-fauto-profile",
            "-fauto-profile=none",
            "-fprofile-use= ",
            "-fprofile-use -fprofile-prefix-path=/tmp",
        ] {
            env.cc(&format!("-O2 -frandom-seed=1 {options} -c x.c"))
                .right_twice();
        }
    });
}

#[test]
fn o8_counters_of_gcc() {
    gcc(|env| {
        for options in [
            "-fprofile-generate",
            "-fprofile-generate=p",
            "-fprofile-arcs -fprofile-dir=p",
            "--coverage -fno-profile-arcs",
            "-ftest-coverage -fno-test-coverage",
            "--coverage -fno-test-coverage",
            "--coverage -fprofile-update=atomic",
            "--coverage -dumpdir out/",
            "--coverage -dumpbase q",
        ] {
            env.cc(&format!("-frandom-seed=1 {options} -c x.c"))
                .right_twice();
            env.cc(&format!("-frandom-seed=1 {options} -c x.c -o out/c.o"))
                .right_twice();
        }
    });
}
