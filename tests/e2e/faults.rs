//! Faults under a build of lua: whatever happens to the cache directory, the
//! build succeeds and its objects are the compiler's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::builds::quick_lua;
use crate::project::{Built, Project, for_each_file, wait_until};
use crate::support::{Tmpfs, can_mount};

/// Builds lua without the cache and then, through it, with `harm` done in the
/// middle; once from a cold cache and once from a warm one; and a last time
/// with the damage left as it is.
fn under_a_build(harm: impl Fn(&Project)) {
    let Some(project) = quick_lua() else { return };
    let reference = project.reference();
    for state in ["cold", "warm", "afterwards"] {
        project.checkout().unwrap();
        if state == "afterwards" {
            project.finish_same(&reference, state);
            continue;
        }
        let child = project.start();
        // lapi.o is among the first of 34.
        wait_until(|| project.tree().join("src/ldo.o").exists());
        harm(&project);
        let products = project.finish(child);
        let differences = reference.products.differences(&products);
        assert!(differences.is_empty(), "{state}:\n{differences}");
    }
}

/// Flips bytes all over the cache directory, by a fixed sequence.
fn damage(directory: &Path) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for_each_file_if_there(directory, &mut |path| {
        let Ok(mut bytes) = fs::read(path) else {
            return;
        };
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let length = bytes.len().max(1) as u64;
            if let Some(byte) = bytes.get_mut((state >> 16) as usize % length as usize) {
                *byte ^= (state >> 8) as u8 | 1;
            }
        }
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o644));
        let _ = fs::write(path, bytes);
    });
}

fn for_each_file_if_there(directory: &Path, act: &mut dyn FnMut(&Path)) {
    let Ok(listing) = fs::read_dir(directory) else {
        return;
    };
    for item in listing.flatten() {
        match item.file_type() {
            Ok(kind) if kind.is_dir() => for_each_file_if_there(&item.path(), act),
            Ok(kind) if kind.is_file() => act(&item.path()),
            _ => {}
        }
    }
}

#[test]
fn damaged_under_a_build() {
    under_a_build(|project| damage(&project.cache_dir()));
}

/// Takes the cache directory away in one step, as a person's `rm -rf` of
/// something in use does not.
fn take_away(project: &Project) {
    let aside = project.root.join("taken-away");
    if fs::rename(project.cache_dir(), &aside).is_ok() {
        // A call at work may still write there.
        while aside.exists() {
            let _ = fs::remove_dir_all(&aside);
        }
    }
}

#[test]
fn removed_under_a_build() {
    under_a_build(take_away);
}

#[test]
fn cleaned_under_a_build() {
    under_a_build(|project| {
        let done = project.command("cache").arg("clean").output().unwrap();
        assert!(done.status.success(), "{done:?}");
    });
}

#[test]
fn replaced_by_a_file_under_a_build() {
    under_a_build(|project| {
        // A call may make the directory anew before the file is there.
        while fs::write(project.cache_dir(), "in the way").is_err() {
            take_away(project);
        }
    });
}

#[test]
fn full_disk_under_a_build() {
    if !can_mount() {
        return;
    }
    for kilobytes in [16, 128, 400] {
        let Some(project) = quick_lua() else { return };
        let reference = project.reference();
        let mounted = Tmpfs::mount(&project.cache_dir(), kilobytes * 1024);
        for what in ["full disk, cold", "full disk, warm"] {
            project.checkout().unwrap();
            project.finish_same(&reference, what);
        }
        drop(mounted);
    }
}

#[test]
fn read_only_under_a_build() {
    if !can_mount() {
        return;
    }
    let Some(project) = quick_lua() else { return };
    let reference = project.reference();
    for state in ["cold", "warm"] {
        let mounted = Tmpfs::mount(&project.cache_dir(), 64 << 20);
        if state == "warm" {
            project.checkout().unwrap();
            project.finish_same(&reference, "before it is read-only");
        }
        project.checkout().unwrap();
        let child = project.start();
        if state == "cold" {
            wait_until(|| project.tree().join("src/ldo.o").exists());
        }
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(project.cache_dir())
            .stderr(Stdio::null())
            .status();
        // A remount is refused while a file is open for writing: try again until the end.
        if !done.unwrap().success() {
            eprintln!("{state}: the file system was busy and stayed writable");
        }
        let products = project.finish(child);
        let differences = reference.products.differences(&products);
        assert!(differences.is_empty(), "read-only, {state}:\n{differences}");
        drop(mounted);
    }
}

impl Project {
    fn finish_same(&self, reference: &Built, what: &str) {
        let products = self.finish(self.start());
        let differences = reference.products.differences(&products);
        assert!(differences.is_empty(), "{what}:\n{differences}");
    }
}

#[test]
fn twenty_compilers_at_once() {
    let Some(project) = quick_lua() else { return };
    let mut sources = Vec::new();
    for_each_file(&project.tree().join("src"), &mut |path| {
        if path.extension().is_some_and(|e| e == "c") {
            sources.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    });
    for round in ["cold", "warm"] {
        let before = project.counters();
        let mut calls = 0;
        for batch in 0..10 {
            let children: Vec<_> = (0..20)
                .map(|n| {
                    // Neighbouring batches share sources: the same work at once, too.
                    let source = &sources[(batch * 3 + n / 2) % sources.len()];
                    let object = format!("{n}.o");
                    calls += 1;
                    project
                        .command("cache")
                        .current_dir(project.tree().join("src"))
                        .args(["gcc", "-O1", "-c", source, "-o", &object])
                        .spawn()
                        .unwrap()
                })
                .collect();
            for mut child in children {
                assert!(child.wait().unwrap().success());
            }
        }
        let counted = project.counters().since(&before);
        assert_eq!(counted.cacheable(), calls, "{round}: {counted:?}");
        if round == "warm" {
            assert_eq!(counted.get("direct_cache_hit"), calls, "{counted:?}");
        }
    }
}
