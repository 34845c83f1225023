//! What the tables and rules say, compared with what the installed compilers
//! do. A compiler that is not installed is named and left out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output as Finished};

use super::depfile::{self, Phony};
use super::{Command, DriverName, Family, NoFiles, Parsed, parse, search};

const COMPILERS: [&str; 7] = [
    "gcc-11",
    "gcc-12",
    "g++-12",
    "aarch64-linux-gnu-gcc",
    "clang-14",
    "clang-19",
    "clang++-19",
];

fn run(compiler: &str, directory: &Path, args: &[OsString]) -> Option<Finished> {
    let mut process = Process::new(compiler);
    process.current_dir(directory).args(args).env("LC_ALL", "C");
    match process.output() {
        Ok(finished) => Some(finished),
        Err(_) => {
            crate::skip::skip(&format!("{compiler} is not installed"));
            None
        }
    }
}

fn installed() -> impl Iterator<Item = (&'static str, DriverName)> {
    COMPILERS.into_iter().filter_map(|name| {
        run(name, Path::new("/"), &["--version".into()])?;
        Some((name, DriverName::parse(name)?))
    })
}

fn words(line: &str) -> Vec<OsString> {
    // `_` stands for a space inside a word.
    let word = |w: &str| OsString::from(w.replace('_', " "));
    line.split_whitespace().map(word).collect()
}

/// A directory with sources in every language, and room for products.
fn sources() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    for sub in ["src", "out", "a very long name of a directory for products"] {
        std::fs::create_dir(dir.path().join(sub)).unwrap();
    }
    let code = "int g(int);\nint f(int a) { int b[9]; for (a = 0; a < 9; a++) b[a] = g(a); return b[3]; }\n";
    let mut includes = String::new();
    for n in 0..14 {
        let name = format!(
            "{}{}.h",
            "x$y #z-".get(..n % 8).unwrap_or("q"),
            "h".repeat(3 * n + 1)
        );
        write(&format!("src/{name}"), "extern int z;\n");
        includes.push_str(&format!("#include \"{name}\"\n"));
    }
    write("src/m.c", &format!("{includes}{code}"));
    write("src/f.a.c", code);
    write("src/f.cc", "int f(int a) { return a; }\n");
    write("src/f.i", "int f(int a) { return a; }\n");
    write("src/f.s", "\t.data\n");
    write("src/f.S", "#include \"s.h\"\n\t.data\n");
    write("src/s.h", "\n");
    write("src/plain", "int f(int a) { return a; }\n");
    dir
}

fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found
}

/// `out/../x` and `./x` as the listing of files has them.
fn normal(path: &Path) -> PathBuf {
    path.components()
        .filter(|c| !matches!(c, std::path::Component::CurDir))
        .collect()
}

/// Lines that all compilers take, then those of one family.
const LINES: &[&str] = &[
    "-c src/m.c",
    "-S src/m.c",
    "-c -S src/m.c -o out/m.s",
    "-c src/f.a.c",
    "-c -x c src/plain",
    "-c src/f.cc -o out/x.y.o",
    "-c src/m.c -o out/a -o out/b",
    "-c src/f.i -o out/x",
    "-MD -c src/m.c",
    "-MD -S src/m.c",
    "-MD -MP -c src/m.c -o out/x.o",
    "-MMD -MP -c src/m.c -o out/x.y.o",
    "-MD -MMD -c src/m.c",
    "-MD -c src/m.c -o out/x",
    "-MD -c src/m.c -o out/.x",
    "-MD -c src/m.c -o out/x.",
    "-MD -c src/m.c -o ././/out/./x.o",
    "-MD -c src/m.c -o ../%/out/x.o",
    "-MD -c src/m.c -o out/a_b$#:c\\#d\\_e.o",
    "-MD -c src/m.c -o a_very_long_name_of_a_directory_for_products/x.o",
    "-MD -MFout/d -c src/m.c",
    "-MD -MF out/d -MF out/e -c src/m.c",
    "-MD -MT ./a -MQ b$_c -MT z$ -MQ #y -c src/m.c",
    "-MD -MT aaaaaaaaaaaaaaaaaaaaaaaaaaaaa -MT bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb -MQ ccccccccccccccccc -MT dddddd -c src/m.c",
    "-Wp,-MD,out/d -c src/m.c -o out/x.o",
    "-Wp,-MMD,out/d -S src/m.c",
    "-Wp,-MMD,out/d -MP -MT t -c src/m.c -o out/x.o",
    "-MD -c src/f.S -o out/x.o",
    "-MD -c src/f.s -o out/x.o",
    "-MD -c src/f.i -o out/x.o",
    "-g -gsplit-dwarf -c src/m.c",
    "-g -gsplit-dwarf -c src/m.c -o out/x.y.o",
    "-g -gsplit-dwarf -c src/m.c -o out/.x",
    "-g -gsplit-dwarf -S src/m.c -o out/x.s",
    "-g -gsplit-dwarf -gno-split-dwarf -c src/m.c",
    "-g -gsplit-dwarf -g0 -c src/m.c",
    "-g -gsplit-dwarf -c src/f.s -o out/x.o",
    "-g -gsplit-dwarf -c src/f.S",
    "--coverage -c src/m.c",
    "--coverage -c src/m.c -o out/x.y.o",
    "--coverage -c src/m.c -o out/.x",
    "--coverage -S src/m.c -o out/x",
    "--coverage -c src/f.s",
    "-ftest-coverage -fstack-usage -c src/f.a.c",
    "-fprofile-arcs -c src/m.c -o out/x.o",
    "-fprofile-generate -c src/m.c -o out/x.o",
    "-fstack-usage -c src/m.c -o out/.x",
    "-fstack-usage -c src/f.i -o out/x.o",
    "-fstack-usage -c src/f.S -o out/x.o",
];

const GCC_LINES: &[&str] = &[
    "-fcallgraph-info=su,da -c src/m.c -o out/.x",
    "-aux-info out/aux -c -x c src/m.c",
    "-Wp,-MMD,out/d,-MT,t,-MP -c src/m.c",
    "-fopt-info-vec -O2 -c src/m.c",
];

const CLANG_LINES: &[&str] = &[
    "--serialize-diagnostics out/d -c src/m.c",
    "-serialize-diagnostics out/d -S src/m.c",
    "-emit-llvm -c -MD src/m.c",
    "-emit-llvm -S src/m.c",
    "-flto -S src/m.c",
    "-g -gsplit-dwarf=single -c src/m.c",
    "-g -gsplit-dwarf=split -c src/m.c",
    "-Xclang -fno-pch-timestamp -c src/m.c",
    "-fprofile-instr-generate -fcoverage-mapping -c src/m.c",
    "-MD -c -o out/x.o -- src/m.c",
];

/// Every file that appears is predicted, and every predicted one appears
/// unless it is optional.
#[test]
fn the_files_of_a_compile_are_predicted() {
    // C++ drivers name files as their C twins do.
    for (compiler, driver) in installed().filter(|(_, driver)| !driver.cxx) {
        let family = driver.family.unwrap();
        let own = match family {
            Family::Gcc => GCC_LINES,
            Family::Clang => CLANG_LINES,
        };
        for line in LINES.iter().chain(own) {
            let dir = sources();
            let name = dir.path().file_name().unwrap().to_str().unwrap();
            let args = words(&line.replace('%', name));
            let command = match parse(family, driver, &args, &NoFiles, &[]) {
                Parsed::Compile(command) => command,
                Parsed::PassThrough(pass) => panic!("{compiler} {line}: {pass:?}"),
            };
            let before = files(dir.path());
            let finished = run(compiler, dir.path(), &args).unwrap();
            let stderr = String::from_utf8_lossy(&finished.stderr);
            if stderr.contains("cannot execute") {
                crate::skip::skip(&format!("{compiler} {line}: {stderr}"));
                continue;
            }
            assert!(finished.status.success(), "{compiler} {line}: {stderr}");
            let appeared: BTreeSet<PathBuf> = &files(dir.path()) - &before;
            compare(
                &format!("{compiler} {line}"),
                dir.path(),
                &command,
                &appeared,
            );
            if let Some(dependencies) = &command.dependencies {
                let bytes = std::fs::read(dir.path().join(&dependencies.path)).unwrap();
                let found = depfile::detect_for(family, &bytes, &dependencies.target);
                let text = String::from_utf8_lossy(&bytes);
                let target = String::from_utf8_lossy(&dependencies.target);
                let (_, file) =
                    found.unwrap_or_else(|| panic!("{compiler} {line}: {target}: {text}"));
                assert_eq!(
                    file.phony != Phony::None,
                    dependencies.phony,
                    "{compiler} {line}"
                );
                for path in file.paths() {
                    use std::os::unix::ffi::OsStrExt as _;
                    let path = dir.path().join(std::ffi::OsStr::from_bytes(&path));
                    assert!(path.exists(), "{compiler} {line}: {}", path.display());
                }
            }
        }
    }
}

fn compare(what: &str, dir: &Path, command: &Command, appeared: &BTreeSet<PathBuf>) {
    let real = |path: &Path| {
        let whole = dir.join(path);
        let parent = whole.parent().unwrap().canonicalize().unwrap();
        let whole = parent.join(whole.file_name().unwrap());
        whole
            .strip_prefix(dir.canonicalize().unwrap())
            .unwrap()
            .to_owned()
    };
    let mut required = BTreeSet::from([real(&command.output)]);
    required.extend(command.dependencies.iter().map(|d| real(&d.path)));
    let mut allowed = required.clone();
    for output in &command.outputs {
        allowed.insert(real(&output.path));
        if !output.optional {
            required.insert(real(&output.path));
        }
    }
    let appeared: BTreeSet<PathBuf> = appeared.iter().map(|p| normal(p)).collect();
    assert!(
        appeared.is_subset(&allowed),
        "{what}: {appeared:?} beyond {allowed:?}"
    );
    assert!(
        required.is_subset(&appeared),
        "{what}: {appeared:?} without {required:?}"
    );
}

/// A dependency file of one call becomes that of a call with another target.
#[test]
fn dependency_files_are_retargeted() {
    for (compiler, driver) in installed() {
        let family = driver.family.unwrap();
        let dir = sources();
        let line = |target: &str| {
            words(&format!(
                "-MD -MP -MF out/d -MT {target} -c src/m.c -o out/x.o"
            ))
        };
        let written = |target: &str| {
            let finished = run(compiler, dir.path(), &line(target)).unwrap();
            assert!(finished.status.success());
            std::fs::read(dir.path().join("out/d")).unwrap()
        };
        let (style, file) = depfile::detect_for(family, &written("t"), b"t").unwrap();
        for length in 1..90 {
            let target = "t".repeat(length);
            let expected = depfile::retarget(style, &file, target.as_bytes());
            if length % 11 == 0 {
                assert_eq!(written(&target), expected, "{compiler} {length}");
            }
            let read = depfile::detect_for(family, &expected, target.as_bytes()).unwrap();
            assert_eq!(read.1.names, file.names);
        }
    }
}

/// `-MMD` is `-MD` without the names that are in system directories.
#[test]
fn user_headers_are_what_is_left_of_all() {
    for (compiler, driver) in installed() {
        let family = driver.family.unwrap();
        let dir = sources();
        let code = "#include <stddef.h>\n#include \"s.h\"\n";
        std::fs::write(dir.path().join("src/u.c"), code).unwrap();
        let written = |option: &str| {
            let args = words(&format!(
                "{option} -MP -MF out/d -MT t -c src/u.c -o out/x.o"
            ));
            assert!(run(compiler, dir.path(), &args).unwrap().status.success());
            std::fs::read(dir.path().join("out/d")).unwrap()
        };
        let (style, all) = depfile::detect_for(family, &written("-MD"), b"t").unwrap();
        let user = depfile::without(&all, |name| !name.starts_with(b"/usr/"));
        assert_eq!(depfile::write(style, &user), written("-MMD"), "{compiler}");
    }
}

#[test]
fn the_probe_is_understood() {
    for (compiler, driver) in installed() {
        let language = if driver.cxx { "c++" } else { "c" };
        let line = format!("-isystem /nonexist -I/tmp -E -v -x {language} /dev/null");
        let finished = run(compiler, Path::new("/"), &words(&line)).unwrap();
        let probe = search::parse_probe(&finished.stderr).unwrap();
        assert_eq!(Some(probe.family), driver.family, "{compiler}");
        assert!(probe.cc1.unwrap().is_file(), "{compiler}");
        assert!(probe.search.angle.starts_with(&[PathBuf::from("/tmp")]));
        assert!(probe.search.absent.contains(&PathBuf::from("/nonexist")));
        assert!(
            probe.search.angle.iter().all(|dir| dir.is_dir()),
            "{compiler}"
        );
        assert!(!probe.target.is_empty());
    }
}
