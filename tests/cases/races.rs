//! Files that change while the compiler looks at them, and times that lie.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::env::{Compiler, Env, each, one};
use crate::support::{cache_binary, find_program};

/// A gcc that runs `after` when it has compiled.
fn compiler_that_then(env: &Env, after: &str) {
    let real = find_program("gcc-12").unwrap();
    let script = format!(
        "#!/bin/sh\n'{}' \"$@\"\ncode=$?\ncase \" $* \" in *' -E '*|*-print*|*--version*|*-dump*) ;; *) {after};; esac\nexit $code\n",
        real.display()
    );
    env.install_script("gcc", &script);
}

fn through_cache(env: &Env, args: &[&str]) -> Vec<u8> {
    let mut command = env.command(cache_binary());
    let output = command.arg("gcc").args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    env.read("a.o")
}

#[test]
fn i10_input_changed_while_the_compiler_runs() {
    for (changed, text) in [
        ("a.c", "#include \"a.h\"\nint f(void) { return A + 1; }\n"),
        ("a.h", "#define A 9\n"),
    ] {
        one(Compiler::Gcc, |env| {
            env.write("a.c", "#include \"a.h\"\nint f(void) { return A + 0; }\n");
            env.write("a.h", "#define A 1\n");
            env.write("new", text);
            // The object is of the old text; the new text is there when the
            // compiler ends. Nothing may be stored under the new text.
            compiler_that_then(env, &format!("cat new >{changed}"));
            let old = through_cache(env, &["-c", "a.c"]);
            compiler_that_then(env, ":");
            // Another script is another compiler; come back to the first.
            compiler_that_then(env, &format!("cat new >{changed}"));
            let new = through_cache(env, &["-c", "a.c"]);
            assert_ne!(old, new, "{changed}: the object of the old text was served");
            let mut real = env.command("/usr/bin/gcc-12");
            assert!(real.args(["-c", "a.c"]).status().unwrap().success());
            assert_eq!(new, env.read("a.o"), "{changed}");
        });
    }
}

/// What the last compile read is read again while the next one runs; here it
/// changes after that.
#[test]
fn i10_header_changed_after_it_was_read_ahead() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A + 0; }\n");
        env.write("a.h", "#define A 1\n");
        env.write("new", "#define A 9\n");
        compiler_that_then(env, "if [ -e go ]; then rm go; sleep 0.1; cat new >a.h; fi");
        through_cache(env, &["-c", "a.c"]);
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A + 7; }\n");
        env.write("go", "");
        let old = through_cache(env, &["-c", "a.c"]);
        assert_eq!(env.read("a.h"), b"#define A 9\n");
        let new = through_cache(env, &["-c", "a.c"]);
        assert_ne!(old, new, "the object of the old header was served");
        let mut real = env.command("/usr/bin/gcc-12");
        assert!(real.args(["-c", "a.c"]).status().unwrap().success());
        assert_eq!(new, env.read("a.o"));
    });
}

#[test]
fn i10_input_swapped_and_swapped_back() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#define A 1\n");
        let first = through_cache(env, &["-c", "a.c"]);
        // What the compiler reads is not what is there before and after.
        let real = find_program("gcc-12").unwrap();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' -E '*|*-print*|*--version*|*-dump*) exec '{0}' \"$@\";; esac\n\
             mv a.h aside; echo '#define A 2' >a.h\n'{0}' \"$@\"; code=$?\nmv aside a.h\nexit $code\n",
            real.display()
        );
        env.install_script("gcc", &script);
        let second = through_cache(env, &["-c", "a.c"]);
        assert_ne!(first, second);
        env.install("gcc", &real);
        assert_eq!(through_cache(env, &["-c", "a.c"]), first);
    });
}

#[test]
fn i10_header_that_appears_while_the_compiler_runs() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("late/a.h", "#define A 1\n");
        env.mkdir("early");
        compiler_that_then(env, "echo '#define A 2' >early/a.h");
        let args = ["-c", "a.c", "-Iearly", "-Ilate"];
        let old = through_cache(env, &args);
        let new = through_cache(env, &args);
        assert_ne!(old, new, "the object without the new header was served");
    });
}

#[test]
fn i10_inputs_from_the_future() {
    each(|env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#define A 1\n");
        let future = SystemTime::now() + Duration::from_secs(86_400);
        env.set_modified("a.h", future);
        env.cc("-c a.c").right_twice();
        env.write("a.h", "#define A 2\n");
        env.set_modified("a.h", future);
        env.cc("-c a.c").not_served();
    });
}

#[test]
fn i11_same_size_and_time_with_other_content() {
    each(|env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#define A 1\n");
        env.age("a.h", Duration::from_secs(500));
        env.age("a.c", Duration::from_secs(500));
        env.cc("-c a.c").miss_then_hit();
        // In place: the same inode.
        let time = env.modified("a.h");
        env.write("a.h", "#define A 2\n");
        env.set_modified("a.h", time);
        env.cc("-c a.c").not_served();
        // Replaced: another inode.
        env.write("new", "#define A 3\n");
        env.set_modified("new", time);
        fs::rename(env.work("new"), env.work("a.h")).unwrap();
        env.cc("-c a.c").not_served();
        let time = env.modified("a.c");
        env.write("a.c", "#include \"a.h\"\nint g(void) { return A; }\n");
        env.set_modified("a.c", time);
        env.cc("-c a.c").not_served();
    });
}

#[test]
fn i11_edits_faster_than_the_clock() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        let object = |value: u32| {
            env.write("a.h", format!("#define A {value}\n"));
            through_cache(env, &["-c", "a.c"])
        };
        // Each value must give its own object every time, hit or miss.
        let expected: Vec<_> = (0..4).map(object).collect();
        for round in 0..10 {
            for value in 0..4 {
                let index = value as usize;
                assert_eq!(
                    object(value),
                    expected[index],
                    "round {round}, value {value}"
                );
            }
        }
    });
}
