//! Tables that several processes share, damaged, cut off and written at once
//! while they are in use; and file systems and clocks that say little.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::env::{Compiler, Env, one};
use crate::support::{Image, cache_binary, find_program, skip};

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for item in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = item.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A sequence that looks random and is the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides.max(1)
    }
}

/// `below` holds `a.c`; compiled through the cache there: the object.
fn object(env: &Env, below: &str) -> Vec<u8> {
    let directory = env.work(below);
    let object = directory.join("a.o");
    let _ = fs::remove_file(&object);
    let mut command = env.command(cache_binary());
    let output = command
        .args(["gcc", "-c", "a.c"])
        .current_dir(&directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read(object).unwrap()
}

/// What the compiler alone makes of it.
fn object_alone(env: &Env, below: &str) -> Vec<u8> {
    let directory = env.work(below);
    let mut command = env.command(find_program("gcc-12").unwrap());
    let done = command
        .args(["-c", "a.c"])
        .current_dir(&directory)
        .status()
        .unwrap();
    assert!(done.success());
    fs::read(directory.join("a.o")).unwrap()
}

/// Does harm to one of the files, at an offset that the dice choose. Results are
/// only cut off: a bit that flips under a copy is no case of this world.
fn harm(file: &Path, dice: &mut Dice) {
    let is_result = file.components().any(|part| part.as_os_str() == "compile");
    let _ = fs::set_permissions(file, fs::Permissions::from_mode(0o644));
    let Ok(open) = fs::OpenOptions::new().read(true).write(true).open(file) else {
        return;
    };
    let length = open.metadata().unwrap().size();
    let at = dice.roll(length + 1);
    match dice.roll(4) {
        0 => drop(open.set_len(at)),
        1 => drop(fs::remove_file(file)),
        2 if !is_result => drop(open.write_all_at(b"garbage", at)),
        _ if !is_result => {
            let mut byte = [0];
            let _ = open.read_at(&mut byte, at);
            let _ = open.write_all_at(&[byte[0] ^ 0x41], at);
        }
        _ => {}
    }
}

#[test]
fn s1_tables_damaged_while_calls_run() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        let texts: Vec<String> = (1..4).map(|value| format!("#define A {value}\n")).collect();
        let expected: Vec<_> = texts
            .iter()
            .map(|text| {
                env.write("a.h", text);
                object_alone(env, "")
            })
            .collect();
        object(env, "");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut dice = Dice(0x2026_1121);
                while !over.load(Ordering::Relaxed) {
                    let files = files_below(&env.cache_dir());
                    // What makes the directory ours is not a table.
                    let files: Vec<&PathBuf> = files
                        .iter()
                        .filter(|file| {
                            !file.ends_with("cache-format") && !file.ends_with("CACHEDIR.TAG")
                        })
                        .collect();
                    if let Some(file) = files.get(dice.roll(files.len() as u64) as usize) {
                        harm(file, &mut dice);
                    }
                    std::thread::sleep(Duration::from_millis(dice.roll(15)));
                }
            });
            let mut dice = Dice(7);
            for call in 0..90 {
                let index = dice.roll(3) as usize;
                // Half of the time nothing changes, so that there is something to hit.
                if call % 2 == 0 {
                    env.write("a.h", &texts[index]);
                }
                let text = env.text("a.h");
                let index = texts.iter().position(|known| *known == text).unwrap();
                let right = object(env, "") == expected[index];
                if !right {
                    over.store(true, Ordering::Relaxed);
                }
                assert!(right, "call {call}: not the object of {text:?}");
            }
            over.store(true, Ordering::Relaxed);
        });
        // What is left repairs itself.
        env.cc("-c a.c").may_warn().right();
        env.cc("-c a.c").may_warn().right();
    });
}

/// Killed at any moment of calls that write the manifest, the inode table, the
/// record of the compiler and the journal anew.
#[test]
fn s5_killed_while_tables_are_updated() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#define A 1\n");
        env.cc("-c a.c").miss();
        for step in 0..60_u64 {
            // Other stamps, the same contents; now and then all of a new machine.
            env.write("a.h", "#define A 1\n");
            if step % 10 == 0 {
                let _ = fs::remove_dir_all(env.cache_dir().join(".machine"));
            }
            std::thread::sleep(Duration::from_millis(10));
            let mut command = env.command(cache_binary());
            let mut child = command
                .args(["gcc", "-c", "a.c", "-o", "../killed.o"])
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_micros(step * 150));
            let _ = child.kill();
            child.wait().unwrap();
            if step % 6 == 5 {
                env.cc("-c a.c").right();
            }
        }
        // The compilers of killed calls may still be at work; let them end.
        std::thread::sleep(Duration::from_millis(500));
        for item in fs::read_dir(env.root.join("tmp")).unwrap() {
            let _ = fs::remove_file(item.unwrap().path());
        }
        env.cc("-c a.c").right_twice();
    });
}

/// Two trees whose commands are the same to the letter share a manifest, and
/// write it at once: each gets its own object every time.
#[test]
fn s4_one_manifest_written_by_two() {
    one(Compiler::Gcc, |env| {
        for (below, value) in [("one", 1), ("two", 2)] {
            env.write(
                &format!("{below}/a.c"),
                "#include \"a.h\"\nint f(void) { return A; }\n",
            );
            env.write(&format!("{below}/a.h"), format!("#define A {value}\n"));
        }
        let expected = ["one", "two"].map(|below| object_alone(env, below));
        std::thread::scope(|scope| {
            for (index, below) in ["one", "two"].into_iter().enumerate() {
                let expected = &expected[index];
                scope.spawn(move || {
                    for call in 0..25 {
                        // Touched: another stamp for the manifest each time.
                        env.age(&format!("{below}/a.h"), Duration::from_secs(call));
                        assert!(object(env, below) == *expected, "{below}, call {call}");
                    }
                });
            }
        });
    });
}

/// A mapping of a file that another process cuts off kills with SIGBUS: none of
/// a hit's files may be mapped to be shared.
#[test]
fn s1_nothing_is_mapped_that_others_write() {
    let Some(strace) = find_program("strace") else {
        return skip("strace is not installed");
    };
    one(Compiler::Gcc, |env| {
        env.write("a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("a.h", "#define A 1\n");
        env.cc("-c a.c").miss_then_hit();
        let log = env.root.join("trace");
        let mut command = env.command(&strace);
        let output = command
            .args(["-f", "-y", "-e", "trace=mmap", "-o"])
            .arg(&log)
            .arg(cache_binary())
            .args(["gcc", "-c", "a.c"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = fs::read_to_string(&log).unwrap();
        let work = env.root.display().to_string();
        let mapped: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("MAP_SHARED") || line.contains(&work))
            .collect();
        assert!(mapped.is_empty(), "{mapped:#?}");
    });
}

/// File times of whole seconds: ext3 with small inodes.
#[test]
fn i11_whole_seconds() {
    one(Compiler::Gcc, |env| {
        let options = ["-t", "ext3", "-I", "128"];
        let image = env.root.join("image");
        let Some(_mounted) = Image::mount(&image, &env.work("disk"), &options) else {
            return;
        };
        env.write("disk/a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        let time = SystemTime::now() - Duration::from_secs(500);
        let expected: Vec<_> = (0..4)
            .map(|value| {
                env.write("disk/a.h", format!("#define A {value}\n"));
                object_alone(env, "disk")
            })
            .collect();
        for call in 0..30 {
            let value = call % 4;
            // In place, the same size, the same time, often the same second.
            env.write("disk/a.h", format!("#define A {value}\n"));
            env.set_modified("disk/a.h", time);
            assert!(object(env, "disk") == expected[value], "call {call}");
            assert!(object(env, "disk") == expected[value], "call {call}, again");
        }
        // When the second is over, results are kept; an edit in a later one is seen.
        std::thread::sleep(Duration::from_millis(2500));
        object(env, "disk");
        let hits = env.counters().hits();
        assert!(object(env, "disk") == expected[1]);
        assert_eq!(env.counters().hits(), hits + 1, "nothing is kept here");
        env.write("disk/a.h", "#define A 3\n");
        env.set_modified("disk/a.h", time);
        assert!(object(env, "disk") == expected[3]);
    });
}

/// A header that is edited within the second in which the compile began.
#[test]
fn i10_whole_seconds_and_an_edit_meanwhile() {
    one(Compiler::Gcc, |env| {
        let options = ["-t", "ext3", "-I", "128"];
        let image = env.root.join("image");
        let Some(_mounted) = Image::mount(&image, &env.work("disk"), &options) else {
            return;
        };
        env.write("disk/a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("disk/a.h", "#define A 2\n");
        let two = object_alone(env, "disk");
        let real = find_program("gcc-12").unwrap();
        // Compiles, and then the header has the other text.
        let script = format!(
            "#!/bin/sh\n'{}' \"$@\" || exit\ncase \" $* \" in *' -E '*) ;; *' -c '*) echo '#define A 2' >a.h;; esac\n",
            real.display()
        );
        env.install_script("gcc", &script);
        for call in 0..4 {
            env.write("disk/a.h", "#define A 1\n");
            std::thread::sleep(Duration::from_millis(2200 + call * 130));
            let one = object(env, "disk");
            assert!(one != two);
            // The header says 2 now. What was kept must not say 1.
            env.install_script("gcc", &script);
            assert!(object(env, "disk") == two, "call {call}");
        }
    });
}

/// The clock was an hour ahead when the header was written, and was set back.
#[test]
fn s8_clock_set_back() {
    one(Compiler::Gcc, |env| {
        let image = env.root.join("image");
        let Some(mounted) = Image::mount(&image, &env.work("disk"), &["-t", "ext4", "-I", "256"])
        else {
            return;
        };
        env.write("disk/a.c", "#include \"a.h\"\nint f(void) { return A; }\n");
        env.write("disk/a.h", "#define A 2\n");
        let two = object_alone(env, "disk");
        env.write("disk/a.h", "#define A 1\n");
        let one = object_alone(env, "disk");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let later = format!("@{}", now.as_secs() + 3600);
        if !mounted.forge("a.h", &[("ctime", later.clone()), ("mtime", later)]) {
            return;
        }
        let changed = env.work("disk/a.h").metadata().unwrap().ctime();
        assert!(
            changed > now.as_secs() as i64 + 3000,
            "not forged: {changed}"
        );
        for _ in 0..3 {
            assert!(object(env, "disk") == one);
        }
        // Written by the clock as it is now: earlier than before.
        let time = env.modified("disk/a.h");
        env.write("disk/a.h", "#define A 2\n");
        env.set_modified("disk/a.h", time);
        for _ in 0..3 {
            assert!(object(env, "disk") == two);
        }
    });
}
