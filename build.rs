//! Links the program statically and at a fixed address where glibc can be had
//! that way: the dynamic linker, its five libraries and the relocations cost a
//! hit more than all of its own work (docs/performance.md has the figures).
//!
//! `-C target-feature=+crt-static` would say the same, but for build scripts and
//! procedural macros too, which cannot be static, unless every build names its
//! target. So the linker is asked directly: with `-static` it still meets the
//! `-Bdynamic -lgcc_s -lc ...` that rustc writes for a dynamic program, and finds
//! scripts of these names that lead to the archives.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The libraries that rustc names, and the archives that hold the same.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("gcc_s", &["libgcc_eh.a"]),
    ("util", &["libutil.a"]),
    ("rt", &["librt.a"]),
    ("pthread", &["libpthread.a"]),
    ("m", &["libm.a"]),
    ("dl", &["libdl.a"]),
    // It calls what stands before it on the command line: GNU ld does not look back.
    ("c", &["libc.a", "libgcc.a", "libgcc_eh.a"]),
];

/// A linker script that puts the functions of a hit side by side (`scripts/order`):
/// spread over the program, they cost a hit a quarter of its time in page faults.
const ORDER: &str = "link/order.ld";

/// What glibc says of itself where `src/sys/start/glibc.rs` fits it.
const KNOWN_STARTS: &[&str] = &["stable release version 2.36."];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rustc-check-cfg=cfg(own_start)");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let native = env::var("HOST") == env::var("TARGET");
    let glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if !native || !glibc {
        return;
    }
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let archive = |name: &str| {
        let asked = format!("-print-file-name={name}");
        let answer = Command::new(&linker).arg(asked).output().ok()?;
        let path = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim());
        // Just the name: there is none.
        path.is_absolute().then_some(path)
    };
    let directory = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("static");
    fs::create_dir_all(&directory).expect("OUT_DIR can be written");
    for (library, files) in LIBRARIES {
        let mut script = "GROUP (".to_owned();
        for file in *files {
            let Some(path) = archive(file) else {
                println!(
                    "cargo::warning={file} is not installed: linked dynamically, hits are slower"
                );
                return;
            };
            script += &format!(" \"{}\"", path.display());
        }
        fs::write(directory.join(format!("lib{library}.so")), script + " )\n")
            .expect("OUT_DIR can be written");
    }
    let flags = [&format!("-L{}", directory.display()), "-static", "-no-pie"];
    for flag in flags {
        println!("cargo::rustc-link-arg-bin=cache={flag}");
    }
    if !chooses_linker() {
        let order = env::current_dir().expect("cargo sets it").join(ORDER);
        // GNU ld wants the option; without it, it looks for the place among its input.
        println!("cargo::rustc-link-arg-bin=cache=-T");
        println!("cargo::rustc-link-arg-bin=cache={}", order.display());
    }
    let is_known = archive("libc.a")
        .and_then(|path| fs::read(path).ok())
        .is_some_and(|libc| KNOWN_STARTS.iter().any(|version| holds(&libc, version)));
    if is("CARGO_CFG_TARGET_ARCH", "x86_64") && is_known {
        println!("cargo::rustc-cfg=own_start");
    }
}

/// Whether the user names a linker: GNU ld and lld were seen to follow a script that
/// inserts sections, others may not.
fn chooses_linker() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut flags = flags.split('\u{1f}');
    env::var_os("RUSTC_LINKER").is_some()
        || flags.any(|flag| flag.contains("link-arg") || flag.contains("linker"))
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len())
        .any(|found| found == part.as_bytes())
}
