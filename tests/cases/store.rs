//! The store under a build: damaged, full, read-only, gone, shared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use crate::env::{Compiler, Env, each, one};
use crate::support::{Overlay, Tmpfs, cache_binary, can_mount};

fn source(env: &Env) {
    env.write(
        "a.c",
        "#include \"a.h\"\n#warning careful\nint f(void) { return A; }\n",
    );
    env.write("a.h", "#define A 1\n");
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(listing) = fs::read_dir(directory) else {
        return files;
    };
    for item in listing {
        let path = item.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Damages each file of the cache in turn, in every way of `harms`, and
/// compiles: the result must be right, and right again afterwards.
fn damage_each(env: &Env, harm: impl Fn(&Path)) {
    env.cc("-c -MD a.c").miss();
    let saved = env.root.join("saved");
    copy(&env.cache_dir(), &saved);
    for file in files_below(&saved) {
        let relative = file.strip_prefix(&saved).unwrap();
        fs::remove_dir_all(env.cache_dir()).unwrap();
        copy(&saved, &env.cache_dir());
        let victim = env.cache_dir().join(relative);
        harm(&victim);
        env.remove("a.o");
        env.remove("a.d");
        env.cc("-c -MD a.c").may_warn().right();
        env.cc("-c -MD a.c").may_warn().right();
    }
}

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp")
        .arg("-r")
        .arg(from)
        .arg(to)
        .status();
    assert!(done.unwrap().success());
}

#[test]
fn s1_every_file_truncated() {
    one(Compiler::Gcc, |env| {
        source(env);
        damage_each(env, |file| {
            let length = file.metadata().unwrap().len();
            writable(file).set_len(length / 2).unwrap();
        });
    });
}

#[test]
fn s1_every_file_empty() {
    one(Compiler::Gcc, |env| {
        source(env);
        damage_each(env, |file| writable(file).set_len(0).unwrap());
    });
}

#[test]
fn s1_every_file_flipped() {
    one(Compiler::Gcc, |env| {
        source(env);
        for place in [0, 3, 7] {
            damage_each(env, |file| {
                let mut bytes = fs::read(file).unwrap();
                // At the start, near the middle, at the end.
                let at = (bytes.len().saturating_sub(1)) * place / 7;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x41;
                }
                let _ = writable(file);
                fs::write(file, bytes).unwrap();
            });
            env.cache("clean");
            let _ = fs::remove_dir_all(env.root.join("saved"));
        }
    });
}

#[test]
fn s1_every_file_deleted() {
    one(Compiler::Gcc, |env| {
        source(env);
        damage_each(env, |file| fs::remove_file(file).unwrap());
    });
}

fn writable(file: &Path) -> fs::File {
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::OpenOptions::new().write(true).open(file).unwrap()
}

/// A damaged object is compiled anew and then served again.
#[test]
fn s1_a_damaged_object_repairs_itself() {
    each(|env| {
        source(env);
        env.cc("-c a.c").miss();
        env.cc("-c a.c").direct_hit();
        for file in files_below(&env.cache_dir().join("compile")) {
            let length = file.metadata().unwrap().len();
            writable(&file).set_len(length / 2).unwrap();
        }
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").hit();
    });
}

#[test]
fn s1_a_damaged_marker_repairs_itself() {
    one(Compiler::Gcc, |env| {
        source(env);
        env.cc("-c a.c").miss();
        for file in ["cache-format", "CACHEDIR.TAG"] {
            let file = env.cache_dir().join(file);
            for damage in 0..3 {
                match damage {
                    0 => writable(&file).set_len(7).unwrap(),
                    1 => fs::write(&file, "nonsense that nobody wrote").unwrap(),
                    _ => fs::remove_file(&file).unwrap(),
                }
                env.cc("-c a.c").hit();
            }
        }
    });
}

#[test]
fn s8_times_in_the_future() {
    each(|env| {
        source(env);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(900_000);
        for file in ["a.c", "a.h"] {
            let file = fs::File::options().append(true).open(env.work(file));
            file.unwrap().set_modified(later).unwrap();
        }
        env.cc("-c a.c").miss_then_hit();
        let text = fs::read_to_string(env.work("a.h")).unwrap();
        // Of the same size and time, and of the same tick as far as can be told.
        env.write("a.h", text.replace('1', "2"));
        let file = fs::File::options().append(true).open(env.work("a.h"));
        file.unwrap().set_modified(later).unwrap();
        env.cc("-c a.c").not_served();
    });
}

/// Runs `words` with the cache directory mounted read-only.
fn with_read_only_cache(env: &Env, words: &[&str]) -> std::process::Output {
    let script = format!(
        "mount --bind '{0}' '{0}' && mount -o remount,ro,bind '{0}' && exec \"$@\"",
        env.cache_dir().display()
    );
    env.command("unshare")
        .args(["--mount", "sh", "-ec", &script, "sh"])
        .arg(cache_binary())
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn s2_read_only_directory() {
    if !can_mount() {
        return;
    }
    one(Compiler::Gcc, |env| {
        source(env);
        env.write("new.c", "int new;\n");
        let expected = env.cc("-c a.c").miss();
        let object = env.read("a.o");
        env.remove("a.o");
        let before = files_below(&env.cache_dir());
        let runs = env.runs().len();
        let hit = with_read_only_cache(env, &["gcc", "-c", "a.c"]);
        assert!(hit.status.success());
        assert!(String::from_utf8_lossy(&hit.stderr).contains(&expected.stderr));
        assert_eq!(env.read("a.o"), object);
        assert_eq!(env.runs().len(), runs, "the hit was not served");
        let miss = with_read_only_cache(env, &["gcc", "-c", "new.c"]);
        assert!(miss.status.success());
        assert!(env.exists("new.o"));
        assert_eq!(files_below(&env.cache_dir()), before);
    });
}

#[test]
fn s2_lower_layer_of_an_overlay() {
    each(|env| {
        source(env);
        env.write("b.c", "int b;\n");
        env.cc("-c a.c").miss();
        env.cc("-c b.c").miss();
        let Some(mounted) = Overlay::mount(&env.cache_dir()) else {
            return;
        };
        env.cc("-c a.c").direct_hit();
        // A manifest of the layer below gets a variant, an entry goes with all of it.
        env.write("b.c", "int c;\n");
        env.cc("-c b.c").miss();
        env.cc("-c b.c").direct_hit();
        env.write("b.c", "int b;\n");
        env.cc("-c b.c").direct_hit();
        let clean = env.command(cache_binary()).arg("clean").output().unwrap();
        assert!(String::from_utf8_lossy(&clean.stdout).contains("Left: 0 entries"));
        env.cc("-c a.c").miss();
        env.cc("-c a.c").direct_hit();
        drop(mounted);
    });
}

#[test]
fn s2_read_only_setting() {
    each(|env| {
        source(env);
        env.write("new.c", "int new;\n");
        env.cc("-c a.c").miss();
        env.cc("-c a.c").var("CACHE_READ_ONLY", "true").direct_hit();
        env.cc("-c new.c")
            .var("CACHE_READ_ONLY", "true")
            .not_served();
        env.cc("-c new.c").miss();
    });
}

#[test]
fn s2_directory_missing_or_a_file() {
    one(Compiler::Gcc, |env| {
        source(env);
        env.cc("-c a.c").miss();
        fs::remove_dir_all(env.cache_dir()).unwrap();
        env.cc("-c a.c").miss();
        env.cc("-c a.c").direct_hit();
        // The parent is missing too.
        let deep = env.root.join("deep/er/cache").display().to_string();
        env.cc("-c a.c").var("CACHE_DIR", &deep).right();
        let file = env.root.join("file").display().to_string();
        fs::write(&file, "not a directory").unwrap();
        env.cc("-c a.c").var("CACHE_DIR", &file).may_warn().right();
        let below = format!("{file}/below");
        env.cc("-c a.c").var("CACHE_DIR", &below).may_warn().right();
        env.cc("-c a.c")
            .var("CACHE_DIR", "/proc/absent")
            .may_warn()
            .right();
        env.cc("-c a.c")
            .var("CACHE_DIR", "/dev/null")
            .may_warn()
            .right();
        assert_eq!(fs::read_to_string(&file).unwrap(), "not a directory");
    });
}

/// Somebody's directory that is not ours is not written to, let alone cleaned.
#[test]
fn s2_directory_of_somebody_else() {
    one(Compiler::Gcc, |env| {
        source(env);
        let own = env.root.join("documents");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("thesis.txt"), "years of work").unwrap();
        let output = env
            .command(cache_binary())
            .env("CACHE_DIR", &own)
            .arg("clean")
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(!output.stderr.is_empty());
        assert_eq!(fs::read(own.join("thesis.txt")).unwrap(), b"years of work");
        env.cc("-c a.c")
            .var("CACHE_DIR", own.display().to_string())
            .may_warn()
            .right();
        assert_eq!(fs::read(own.join("thesis.txt")).unwrap(), b"years of work");
    });
}

#[test]
fn s3_no_space_left() {
    if !can_mount() {
        return;
    }
    one(Compiler::Gcc, |env| {
        source(env);
        // Sizes at which different writes of a store fail.
        for kilobytes in [4, 8, 16, 24, 32, 48, 64, 96] {
            let mounted = Tmpfs::mount(&env.cache_dir(), kilobytes * 1024);
            for number in 0..12 {
                let name = format!("n{number}.c");
                env.write(
                    &name,
                    format!("const char a{number}[] = \"{:x<3000}\";\n", number),
                );
                env.cc(&format!("-c -MD {name}")).may_warn().right();
                env.cc(&format!("-c -MD {name}")).may_warn().right();
            }
            drop(mounted);
        }
    });
}

fn spawn(env: &Env, words: &[&str]) -> Child {
    env.command(cache_binary())
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn s4_twenty_at_once() {
    each(|env| {
        env.write("a.c", "#include <stdio.h>\nint f(void) { return 1; }\n");
        let driver = if env.compiler.is_clang() {
            "clang"
        } else {
            "gcc"
        };
        let mut alone = env.command(driver);
        assert!(
            alone
                .args(["-c", "a.c", "-o", "alone.o"])
                .status()
                .unwrap()
                .success()
        );
        let before = env.counters();
        for round in 0..2 {
            let children: Vec<Child> = (0..20)
                .map(|n| spawn(env, &[driver, "-c", "a.c", "-o", &format!("{n}.o")]))
                .collect();
            for (number, mut child) in children.into_iter().enumerate() {
                assert!(child.wait().unwrap().success());
                let object = format!("{number}.o");
                assert_eq!(env.read(&object), env.read("alone.o"), "round {round}");
                env.remove(&object);
            }
        }
        let counted = env.counters().since(&before);
        assert_eq!(counted.cacheable(), 40, "{counted:?}");
        assert!(counted.hits() >= 20, "the second round hits: {counted:?}");
        // One entry: cleaned away, nothing is left.
        env.cache("clean");
        env.cc("-c a.c").miss();
    });
}

#[test]
fn s4_counters_of_different_calls_add_up() {
    one(Compiler::Gcc, |env| {
        source(env);
        let before = env.counters();
        let mut children = Vec::new();
        for number in 0..20 {
            let name = format!("s{number}.c");
            env.write(&name, format!("int x{number};\n"));
            children.push(spawn(env, &["gcc", "-c", &name]));
            children.push(spawn(env, &["gcc", "-E", &name]));
            children.push(spawn(env, &["gcc", "-c", "absent.c"]));
        }
        for mut child in children {
            child.wait().unwrap();
        }
        let counted = env.counters().since(&before);
        assert_eq!(counted.get("cache_miss"), 20, "{counted:?}");
        assert_eq!(counted.get("called_for_preprocessing"), 20, "{counted:?}");
    });
}

#[test]
fn s5_killed_at_any_moment() {
    one(Compiler::Gcc, |env| {
        env.write(
            "a.c",
            "#include <stdio.h>\n#include <stdlib.h>\nint f(void) { return 1; }\n",
        );
        let mut alone = env.command("gcc");
        assert!(
            alone
                .args(["-c", "a.c", "-o", "alone.o"])
                .status()
                .unwrap()
                .success()
        );
        for step in 0..40 {
            if step % 8 == 0 {
                env.cache("clean");
            }
            let mut child = spawn(env, &["gcc", "-c", "a.c", "-o", "../killed.o"]);
            std::thread::sleep(Duration::from_micros(2500 * step));
            let _ = child.kill();
            let _ = child.wait();
            env.cc("-c a.c -o whole.o").right();
            assert_eq!(env.read("whole.o"), env.read("alone.o"));
        }
        // The compilers of killed calls may still be at work; let them end.
        std::thread::sleep(Duration::from_millis(500));
        for item in fs::read_dir(env.root.join("tmp")).unwrap() {
            let _ = fs::remove_file(item.unwrap().path());
        }
        env.cc("-c a.c -o whole.o").hit();
        let stats = env.cache("stats --format json");
        assert!(!stats.stdout.is_empty());
        // Nothing of the killed calls is left when all is cleaned.
        env.cache("clean");
        let left: Vec<PathBuf> = files_below(&env.cache_dir().join("compile"));
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn s6_cleaned_while_compiles_run() {
    one(Compiler::Gcc, |env| {
        source(env);
        let mut alone = env.command("gcc");
        assert!(
            alone
                .args(["-c", "a.c", "-o", "alone.o"])
                .output()
                .unwrap()
                .status
                .success()
        );
        for _ in 0..8 {
            let children: Vec<Child> = (0..6)
                .map(|n| spawn(env, &["gcc", "-c", "a.c", "-o", &format!("{n}.o")]))
                .collect();
            env.cache("clean");
            for (number, mut child) in children.into_iter().enumerate() {
                assert!(child.wait().unwrap().success());
                assert_eq!(env.read(&format!("{number}.o")), env.read("alone.o"));
            }
        }
    });
}

#[test]
fn s7_object_modified_afterwards() {
    each(|env| {
        source(env);
        for link in ["false", "true"] {
            let step = || env.cc("-c -g a.c").var("CACHE_HARD_LINK", link);
            env.cache("clean");
            step().miss();
            env.remove("a.o");
            step().hit();
            // Changed in place, as strip and objcopy do with their output.
            let mut bytes = env.read("a.o");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            bytes.truncate(bytes.len() - 8);
            fs::set_permissions(env.work("a.o"), fs::Permissions::from_mode(0o644)).unwrap();
            env.write("a.o", bytes);
            step().right();
            env.remove("a.o");
            step().right();
        }
    });
}

#[test]
fn s8_entries_from_the_future() {
    one(Compiler::Gcc, |env| {
        source(env);
        env.cc("-c a.c").miss();
        for days in [-4000_i64, 4000] {
            let span = Duration::from_secs(days.unsigned_abs() * 86_400);
            let now = SystemTime::now();
            let time = if days < 0 { now - span } else { now + span };
            for file in files_below(&env.cache_dir()) {
                fs::File::open(file).unwrap().set_modified(time).unwrap();
            }
            env.cc("-c a.c").hit();
            env.cache("stats");
            env.cache("clean --max-size 1G");
            env.cc("-c a.c").hit();
        }
    });
}

#[test]
fn s9_restored_cache_directory() {
    each(|env| {
        source(env);
        env.cc("-c -MD a.c").miss();
        let saved = env.root.join("saved");
        copy(&env.cache_dir(), &saved);
        fs::remove_dir_all(env.cache_dir()).unwrap();
        copy(&saved, &env.cache_dir());
        env.cc("-c -MD a.c").direct_hit();
        // At another path.
        let step = env
            .cc("-c -MD a.c")
            .var("CACHE_DIR", saved.display().to_string());
        let runs = env.runs().len();
        step.right();
        let added = env.runs().len() - runs;
        assert_eq!(added, 1, "only the reference may have run the compiler");
        // Sources that were checked out again.
        for name in ["a.c", "a.h"] {
            let text = env.read(name);
            env.remove(name);
            env.write(name, text);
        }
        env.cc("-c -MD a.c").direct_hit();
    });
}

#[test]
fn s10_files_of_an_unknown_version() {
    one(Compiler::Gcc, |env| {
        source(env);
        env.cc("-c a.c").miss();
        for file in files_below(&env.cache_dir()) {
            if file.file_name().is_some_and(|name| name == "cache-format") {
                let _ = writable(&file);
                fs::write(&file, "99\n").unwrap();
            }
        }
        env.command(cache_binary()).arg("stats").output().unwrap();
        // What a later version has written is neither read nor destroyed.
        env.write("b.c", "int b;\n");
        let mut compile = env.command(cache_binary());
        let output = compile.args(["gcc", "-c", "b.c"]).output().unwrap();
        assert!(output.status.success());
        assert!(env.exists("b.o"));
    });
}
