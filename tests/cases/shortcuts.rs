//! Attempts on the shortcuts of a hit: what a stamp, a directory's stamp or a
//! remembered compiler could overlook. The list of shortcuts is in
//! docs/architecture.md.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::env::{Compiler, Env, each, is_compile, one};
use crate::support::{cache_binary, can_mount, find_program};

/// A source and two headers of one size and one time, `a.h` and `other.h`.
fn two_headers(env: &Env) -> SystemTime {
    env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
    env.write("a.h", "#define A 1\n");
    env.write("other.h", "#define A 2\n");
    let time = SystemTime::now() - Duration::from_secs(500);
    for name in ["a.h", "other.h"] {
        env.set_modified(name, time);
    }
    time
}

#[test]
fn i2_header_replaced_by_rename_between_hits() {
    each(|env| {
        two_headers(env);
        env.cc("-c a.c").miss_then_hit();
        env.rename("a.h", "old.h");
        env.rename("other.h", "a.h");
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").direct_hit();
        // And back: the same inode as at first, moved twice.
        env.rename("old.h", "a.h");
        env.cc("-c a.c").direct_hit();
    });
}

#[test]
fn i2_header_edited_through_its_other_name() {
    each(|env| {
        let time = two_headers(env);
        env.mkdir("elsewhere");
        fs::hard_link(env.work("a.h"), env.work("elsewhere/name.h")).unwrap();
        env.cc("-c a.c").miss_then_hit();
        env.write("elsewhere/name.h", "#define A 3\n");
        env.set_modified("elsewhere/name.h", time);
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").direct_hit();
    });
}

#[test]
fn i11_times_set_forth_and_back() {
    one(Compiler::Gcc, |env| {
        let time = two_headers(env);
        env.cc("-c a.c").miss_then_hit();
        let day = Duration::from_secs(86_400);
        for (value, time) in [(2, time + 10_000 * day), (3, time - day), (4, time)] {
            env.write("a.h", format!("#define A {value}\n"));
            env.set_modified("a.h", time);
            env.cc("-c a.c").not_served();
            env.cc("-c a.c").right();
        }
    });
}

#[test]
fn i12_header_is_a_link_that_moves() {
    each(|env| {
        let time = two_headers(env);
        env.rename("a.h", "one.h");
        env.rename("other.h", "two.h");
        env.symlink("one.h", "a.h");
        env.cc("-c a.c").miss_then_hit();
        env.symlink("two.h", "link");
        env.rename("link", "a.h");
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").direct_hit();
        // The link stays, its target is another file.
        env.write("new.h", "#define A 3\n");
        env.set_modified("new.h", time);
        env.rename("new.h", "two.h");
        env.cc("-c a.c").not_served();
        // A file in the place of the link.
        env.write("file", "#define A 4\n");
        env.set_modified("file", time);
        env.rename("file", "a.h");
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").direct_hit();
        // And a link in the place of the file, to what was not seen before.
        env.write("five.h", "#define A 5\n");
        env.set_modified("five.h", time);
        env.symlink("five.h", "link");
        env.rename("link", "a.h");
        env.cc("-c a.c").not_served();
    });
}

#[test]
fn i12_directory_replaced() {
    each(|env| {
        let time = SystemTime::now() - Duration::from_secs(500);
        env.write("a.c", "#include <a.h>\nint f(void) { return A; }\n");
        for (directory, value) in [("v1", 1), ("v2", 2), ("v3", 3)] {
            let header = format!("{directory}/sub/a.h");
            env.write(&header, format!("#define A {value}\n"));
            env.set_modified(&header, time);
        }
        env.rename("v1", "inc");
        let args = "-c a.c -Iinc/sub";
        env.cc(args).miss_then_hit();
        env.rename("inc", "v1");
        env.rename("v2", "inc");
        env.cc(args).not_served();
        env.cc(args).direct_hit();
        // A link in its place, then another.
        env.rename("inc", "v2");
        env.symlink("v1", "inc");
        env.cc(args).hit();
        env.symlink("v3", "link");
        env.rename("link", "inc");
        env.cc(args).not_served();
    });
}

/// A directory that names are absent from, replaced by one that has them.
#[test]
fn i3_earlier_directory_replaced() {
    each(|env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("late/a.h", "#define A 1\n");
        env.write("early/b.h", "");
        env.write("full/a.h", "#define A 2\n");
        let args = "-c a.c -Iearly -Ilate";
        env.cc(args).miss_then_hit();
        env.rename("early", "empty");
        env.rename("full", "early");
        env.cc(args).not_served();
        env.rename("early", "full");
        env.symlink("empty", "early");
        env.cc(args).hit();
        env.symlink("full", "link");
        env.rename("link", "early");
        env.cc(args).right();
        let last = env.read("a.o");
        env.rename("empty", "gone");
        env.symlink("gone", "link");
        env.rename("link", "early");
        env.cc(args).right();
        assert_ne!(env.read("a.o"), last);
    });
}

/// Two names of one directory are searched once; when the link moves on, the
/// second is searched too.
#[test]
fn i3_two_names_of_one_directory_part() {
    each(|env| {
        env.write("a.c", "#include <a.h>\nint f(void) { return A; }\n");
        env.write("late/a.h", "#define A 1\n");
        env.write("full/a.h", "#define A 2\n");
        env.mkdir("empty");
        env.symlink("empty", "second");
        let args = "-c a.c -Iempty -Isecond -Ilate";
        env.cc(args).miss_then_hit();
        env.symlink("full", "link");
        env.rename("link", "second");
        env.cc(args).not_served();
        env.cc(args).right();
        env.symlink("empty", "link");
        env.rename("link", "second");
        env.cc(args).right();
    });
}

/// What a link leads to can come and go without its directory changing.
#[test]
fn i5_existence_through_a_link() {
    each(|env| {
        env.write(
            "a.c",
            "#if __has_include(<a.h>)\nint f(void) { return 1; }\n#else\nint f(void) { return 2; }\n#endif\n",
        );
        env.write("there/real.h", "");
        env.mkdir("inc");
        env.symlink("../there/real.h", "inc/a.h");
        let args = "-c a.c -Iinc";
        env.cc(args).miss_then_hit();
        env.cc(args).direct_hit();
        env.rename("there/real.h", "there/away.h");
        env.cc(args).not_served();
        env.cc(args).hit();
        env.rename("there/away.h", "there/real.h");
        env.cc(args).right_twice();
    });
}

/// A link to nothing, passed over until its target comes; hits in between must
/// not make the directory trusted.
#[test]
fn i3_link_to_nothing_comes_to_life() {
    each(|env| {
        env.write("a.c", "#include <a.h>\nint f(void) { return A; }\n");
        env.write("late/a.h", "#define A 1\n");
        env.mkdir("there");
        env.mkdir("early");
        env.symlink("../there/thing", "early/a.h");
        let args = "-c a.c -Iearly -Ilate";
        env.cc(args).miss_then_hit();
        for _ in 0..3 {
            env.cc(args).direct_hit();
            std::thread::sleep(Duration::from_millis(20));
        }
        env.write("there/thing", "#define A 2\n");
        env.cc(args).not_served();
        env.cc(args).right();
    });
}

/// A link to a directory is passed over; then it leads to a file.
#[test]
fn i3_link_to_a_directory_becomes_a_header() {
    each(|env| {
        env.write("a.c", "#include <a.h>\nint f(void) { return A; }\n");
        env.write("late/a.h", "#define A 1\n");
        env.mkdir("there/thing");
        env.mkdir("early");
        env.symlink("../there/thing", "early/a.h");
        let args = "-c a.c -Iearly -Ilate";
        env.cc(args).right_twice();
        for _ in 0..3 {
            env.cc(args).direct_hit();
            std::thread::sleep(Duration::from_millis(20));
        }
        fs::remove_dir(env.work("there/thing")).unwrap();
        env.write("there/thing", "#define A 2\n");
        env.cc(args).right_twice();
    });
}

/// A compiler of the same size and time as the one before.
#[test]
fn i17_compiler_of_the_same_size_and_time() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return A; }\n");
        let real = find_program("gcc-12").unwrap();
        let script =
            |value: u32| format!("#!/bin/sh\nexec '{}' -DA={value} \"$@\"\n", real.display());
        let compiler = env.root.join("bin/gcc");
        let time = SystemTime::now() - Duration::from_secs(500);
        let date = || {
            fs::File::open(&compiler)
                .unwrap()
                .set_modified(time)
                .unwrap()
        };
        env.install_script("gcc", &script(1));
        date();
        env.cc("-c a.c").right_twice();
        let hits = env.counters().hits();
        assert_eq!(hits, 1, "the compiler is not remembered");
        // Another file, then the same file with other content.
        env.install_script("gcc", &script(2));
        date();
        env.cc("-c a.c").not_served();
        fs::write(&compiler, script(3)).unwrap();
        date();
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").right();
    });
}

/// A compiler that is replaced between the question who it is and its run: what
/// it made is not kept in the name of the old one.
#[test]
fn i17_compiler_replaced_while_it_is_asked() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return A; }\n");
        let real = find_program("gcc-12").unwrap();
        let real = real.display();
        let one = format!("#!/bin/sh\nexec '{real}' -DA=1 \"$@\"\n");
        // Becomes another compiler in the moment of the compile: as if an
        // installation had been faster than the start of the process.
        let turncoat = format!(
            "#!/bin/sh\ncase \" $* \" in *' -c '*) cp -p two gcc.new; mv gcc.new ../bin/gcc; exec '{real}' -DA=2 \"$@\";; esac\nexec '{real}' -DA=1 \"$@\"\n"
        );
        let two = format!("#!/bin/sh\nexec '{real}' -DA=2 \"$@\"\n");
        env.install_script("two", &two);
        env.rename("../bin/two", "two");
        env.install_script("gcc", &turncoat);
        let run = || {
            let mut command = env.command(crate::support::cache_binary());
            let output = command.args(["gcc", "-c", "a.c"]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        run();
        env.install_script("gcc", &turncoat);
        let hits = env.counters().hits();
        run();
        assert_eq!(
            env.counters().hits(),
            hits,
            "kept for the compiler that it was before"
        );
        env.install_script("gcc", &one);
        env.cc("-c a.c").right_twice();
    });
}

/// Headers below `/usr` are not read again for what they say. Here they change all
/// the same, each time with the size and the time they had.
#[test]
fn s1_a_header_changes_that_is_known() {
    if !can_mount() {
        return;
    }
    each(|env| {
        let time = SystemTime::now() - Duration::from_secs(500);
        env.mkdir("library");
        let says = |name: &str, text: &str| {
            env.write(&format!("library/{name}.h"), format!("{text:60}\n"));
            env.set_modified(&format!("library/{name}.h"), time);
        };
        let driver = match env.compiler.is_clang() {
            true => "clang",
            false => "gcc",
        };
        let compiles = || env.runs().iter().filter(|run| is_compile(run)).count();
        let script = "mount --bind library /usr/local/include && exec \"$@\"";
        let compile = |through: bool| {
            let output = env
                .command("unshare")
                .args(["--mount", "sh", "-ec", script, "sh"])
                .args(through.then(cache_binary))
                .args([driver, "-c", "a.c"])
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            env.read("a.o")
        };
        // Compiled alone, through the cache, and, unless it must not be stored, again.
        let mut edits = 0;
        let mut step = |stored: bool| {
            edits += 1;
            env.write(
                "a.c",
                format!("#include <one.h>\nint f{edits}(void) {{ return A; }}\n"),
            );
            let alone = compile(false);
            let runs = compiles();
            assert_eq!(compile(true), alone, "edit {edits}");
            assert!(compiles() > runs, "edit {edits}: was it compiled?");
            let runs = compiles();
            assert_eq!(compile(true), alone, "edit {edits}");
            assert_eq!(compiles() > runs, !stored, "edit {edits}: was it stored?");
        };
        says("one", "#define A 1");
        says("two", "#define A 2");
        step(true);
        step(true);
        says("one", "#define A 3");
        step(true);
        // Another file is asked for,
        says("one", "#include <two.h>");
        step(true);
        says("two", "#define A 4");
        step(true);
        // or what no one can store.
        says("two", "#define A sizeof(__TIME__)");
        step(false);
        says("two", "#define A 5 /* __TIME__ */");
        step(true);
        // What was there before comes back.
        says("one", "#define A 1");
        step(true);
    });
}
