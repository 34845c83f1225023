//! Projects with flags, compilers' names and makefiles of all sorts: git, zstd,
//! curl, a kernel's makefile, precompiled headers. Cold and warm, and their own
//! tests with what the cache gave back.

use std::path::Path;

use crate::project::{CLANG_14, CLANG_19, Drivers, GCC, Project, fixture, long};
use crate::support::corpora::unpack;
use crate::support::{find_program, skip};

/// What is not looked up in one build, by counter.
type Passed = &'static [(&'static str, i64)];

/// Cold; then warm in a fresh checkout, with headers touched and the cache
/// directory copied. `check` tries what was built.
fn cold_then_warm(project: &Project, passed: Passed, check: &dyn Fn(&Project)) {
    let name = project.drivers.c;
    let reference = project.reference();

    project.checkout().unwrap();
    let cold = project.cached();
    cold.same_as(&reference, "cold");
    eprintln!("{name}: cold: {:?}", cold.counted);
    if cold.counted.get("modified_input_file") > 0 {
        // What a build makes and reads in the same moment is not stored yet.
        project.checkout().unwrap();
        let again = project.cached();
        again.same_as(&reference, "cold once more");
        eprintln!("{name}: once more: {:?}", again.counted);
    } else {
        cold.passed_by(passed, "cold");
    }

    project.copy_cache_dir();
    project.checkout().unwrap();
    project.touch_headers();
    let warm = project.cached();
    warm.same_as(&reference, "warm");
    warm.all_direct_hits("warm");
    warm.passed_by(passed, "warm");
    check(project);
    eprintln!(
        "{name}: {} objects; without {:.1} s, cold {:.1} s, warm {:.1} s",
        reference.objects, reference.seconds, cold.seconds, warm.seconds
    );
}

/// The compilers by their plain names, found as links to the cache.
fn masqueraded(wrapper: &str) -> &'static str {
    match wrapper {
        "" => "",
        _ => "export PATH=\"$LINKS:$PATH\"; ",
    }
}

fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| find_program(name).is_none());
    if let Some(name) = missing {
        skip(&format!("{name} is not installed"));
    }
    missing.is_none()
}

// git ----------------------------------------------------------------------

const GIT_WITHOUT: &str = "NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 \
                           NO_TCLTK=1 NO_REGEX=1 COMPUTE_HEADER_DEPENDENCIES=yes";

fn prepare_git(tree: &Path) -> Option<()> {
    unpack("git", tree)
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn git_with_gcc() {
    let build = |drivers: &Drivers, wrapper: &str| {
        let c = drivers.c;
        format!("make -j2 all {GIT_WITHOUT} CFLAGS='-O0 -Wall' CC='{wrapper}{c}'")
    };
    let Some(project) = Project::new(GCC, prepare_git, build) else {
        return;
    };
    cold_then_warm(&project, &[("called_for_link", 9)], &|project| {
        let some = "t0000-basic.sh t0001-init.sh t0027-auto-crlf.sh t3200-branch.sh";
        let tests = match long() {
            true => "t[0-9]*.sh",
            false => some,
        };
        project.shell(&format!(
            "cd t && for test in {tests}; do sh ./$test -q >$test.log 2>&1 || \
             {{ tail -n 30 $test.log >&2; exit 1; }}; done"
        ));
    });
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn git_library_with_clang_19() {
    let build = |drivers: &Drivers, wrapper: &str| {
        let c = drivers.c;
        format!("make -j2 libgit.a {GIT_WITHOUT} CC='{wrapper}{c}'")
    };
    if let Some(project) = Project::new(CLANG_19, prepare_git, build) {
        cold_then_warm(&project, &[], &|_| {});
    }
}

// zstd ---------------------------------------------------------------------

/// Its makefiles put a digest of the compiler's name into paths, so it is built
/// behind links.
fn build_zstd(drivers: &Drivers, wrapper: &str, tests: &str) -> String {
    let (c, cxx, links) = (drivers.c, drivers.cxx, masqueraded(wrapper));
    let with = format!(
        "CC={c} CXX={cxx} MOREFLAGS='-g -O1' HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0 \
         ZSTD_LEGACY_SUPPORT=0"
    );
    format!("{links}make -j2 -C programs zstd {with} && make -j2 -C tests {tests} {with}")
}

fn prepare_zstd(tree: &Path) -> Option<()> {
    unpack("libzstd", tree)
}

fn zstd_works(project: &Project, tests: &str) {
    project.shell(&format!("cd tests && {tests} 2>&1"));
    let zstd = "programs/zstd -q";
    project.shell(&format!(
        "{zstd} -c lib/zstd.h | {zstd} -d | cmp - lib/zstd.h"
    ));
    if long() {
        project.shell("make -C tests test");
    }
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn zstd_with_gcc() {
    let build = |drivers: &Drivers, wrapper: &str| build_zstd(drivers, wrapper, "poolTests fuzzer");
    let Some(project) = Project::new(GCC, prepare_zstd, build) else {
        return;
    };
    let passed = &[("called_for_link", 10), ("no_input_file", 5)];
    cold_then_warm(&project, passed, &|project| {
        zstd_works(project, "./poolTests && ./fuzzer -i10");
    });
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn zstd_with_clang_19() {
    let build = |drivers: &Drivers, wrapper: &str| build_zstd(drivers, wrapper, "poolTests");
    let Some(project) = Project::new(CLANG_19, prepare_zstd, build) else {
        return;
    };
    // Two options are tried by compiling something.
    let passed = &[
        ("called_for_link", 9),
        ("no_input_file", 5),
        ("compile_failed", 2),
    ];
    cold_then_warm(&project, passed, &|project| {
        zstd_works(project, "./poolTests");
    });
}

// curl ---------------------------------------------------------------------

fn build_curl_with(drivers: Drivers) {
    let build = |drivers: &Drivers, wrapper: &str| {
        let launcher = match wrapper {
            "" => "",
            _ => "-DCMAKE_C_COMPILER_LAUNCHER=cache",
        };
        let c = drivers.c;
        format!(
            "cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER={c} {launcher} \
             -DCURL_ENABLE_SSL=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_ZLIB=OFF \
             -DCURL_DISABLE_LDAP=ON -DUSE_LIBIDN2=OFF -DENABLE_MANUAL=OFF -DBUILD_TESTING=OFF && \
             ninja -C build -j2"
        )
    };
    if !have(&["cmake", "ninja"]) {
        return;
    }
    let prepare = |tree: &Path| unpack("curl", tree);
    let Some(project) = Project::new(drivers, prepare, build) else {
        return;
    };
    cold_then_warm(&project, &[], &|project| {
        project.shell("build/src/curl --version");
        project.shell("build/src/curl -s file://$PWD/README | cmp - README");
    });
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn curl_with_gcc_cmake_and_ninja() {
    build_curl_with(GCC);
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn curl_with_clang_19_cmake_and_ninja() {
    build_curl_with(CLANG_19);
}

// Precompiled headers -------------------------------------------------------

/// In all the ways that CMake has. Without debug information: with it, gcc itself
/// makes one of a few objects out of the same precompiled header and source.
///
/// clang looks at the times of the headers, so what comes back in a fresh checkout
/// would be no use: there it compiles, unless it is told to look at contents.
fn build_precompiled_with(drivers: Drivers, build: fn(&Drivers, &str) -> String, anywhere: bool) {
    if !have(&["cmake", "ninja"]) {
        return;
    }
    let prepare = |tree: &Path| fixture("precompiled", tree);
    let Some(project) = Project::new(drivers, prepare, build) else {
        return;
    };
    let works = || project.shell("cd build && ctest --output-on-failure >&2");
    let reference = project.reference();
    project.checkout().unwrap();
    let cold = project.cached();
    cold.same_as(&reference, "cold");
    cold.passed_by(&[], "cold");
    works();
    match anywhere {
        true => project.checkout().unwrap(),
        false => project.shell("find build -name '*.o' -delete -o -name '*.pch' -delete"),
    }
    let warm = project.cached();
    warm.same_as(&reference, "warm");
    warm.all_direct_hits("warm");
    warm.passed_by(&[], "warm");
    works();

    project.checkout().unwrap();
    let fresh = project.cached();
    fresh.same_as(&reference, "fresh checkout");
    // What is in the precompiled header changes.
    project.shell("sed -i \"s/'.t'/'+'/\" words/words.h");
    project.cached();
    project.shell("build/tool --count a+a | grep -q 'a 2'");
    eprintln!(
        "{}: precompiled: {} objects; without {:.1} s, cold {:.1} s, warm {:.1} s",
        drivers.c, reference.objects, reference.seconds, cold.seconds, warm.seconds
    );
}

fn build_precompiled(drivers: &Drivers, wrapper: &str, flags: &str) -> String {
    let launcher = match wrapper {
        "" => "",
        _ => "-DCMAKE_CXX_COMPILER_LAUNCHER=cache -DCMAKE_C_COMPILER_LAUNCHER=cache",
    };
    let (c, cxx) = (drivers.c, drivers.cxx);
    format!(
        "cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER={c} \
         -DCMAKE_CXX_COMPILER={cxx} -DCMAKE_C_FLAGS='{flags}' -DCMAKE_CXX_FLAGS='-Wall {flags}' \
         {launcher} && ninja -C build -j2"
    )
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn precompiled_headers_with_gcc() {
    build_precompiled_with(
        GCC,
        |drivers, wrapper| build_precompiled(drivers, wrapper, ""),
        true,
    );
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn precompiled_headers_with_clang_14() {
    build_precompiled_with(
        CLANG_14,
        |drivers, wrapper| build_precompiled(drivers, wrapper, ""),
        false,
    );
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn precompiled_headers_with_clang_19() {
    build_precompiled_with(
        CLANG_19,
        |drivers, wrapper| build_precompiled(drivers, wrapper, "-Xclang -fno-pch-timestamp"),
        true,
    );
}

// A kernel's makefile --------------------------------------------------------

fn build_kernel_with(drivers: Drivers, passed: Passed) {
    let build = |drivers: &Drivers, wrapper: &str| {
        let (c, links) = (drivers.c, masqueraded(wrapper));
        format!("{links}make -j2 CC={c}")
    };
    let prepare = |tree: &Path| fixture("kernel", tree);
    let Some(project) = Project::new(drivers, prepare, build) else {
        return;
    };
    cold_then_warm(&project, passed, &|project| {
        project.shell("ar t lib/built-in.a | grep -q crc.o && nm vmlinux.o | grep -q ' T start'");
        project.shell("! grep -q objfix=0 lib/crc.o && grep -q objfix=1 lib/crc.o");
        project.shell("grep -q 'define TASK_STACK 8' include/generated/offsets.h");
        // Nothing is out of date; then one header is.
        let c = project.drivers.c;
        let make = |then: &str| {
            project.shell(&format!(
                "PATH=\"$LINKS:$PATH\" make CC={c} >made || exit 1; {then}"
            ));
        };
        make("! grep ' CC ' made");
        project.shell("touch include/asm/page.h");
        let before = project.counters();
        make("grep -q ' CC lib/crc.o' made");
        let counted = project.counters().since(&before);
        assert!(counted.hits() >= 8, "{counted:?}");
        assert_eq!(counted.get("cache_miss"), 0, "{counted:?}");
    });
}

#[test]
fn kernel_makefile_with_gcc() {
    build_kernel_with(
        GCC,
        &[
            ("called_for_link", 2),
            ("called_for_preprocessing", 1),
            ("no_input_file", 2),
            ("compile_failed", 1),
        ],
    );
}

#[test]
fn kernel_makefile_with_clang_14() {
    build_kernel_with(
        CLANG_14,
        &[
            ("called_for_link", 2),
            ("called_for_preprocessing", 1),
            ("no_input_file", 2),
            ("compile_failed", 8),
        ],
    );
}

#[test]
fn kernel_makefile_with_clang_19() {
    build_kernel_with(
        CLANG_19,
        &[
            ("called_for_link", 2),
            ("called_for_preprocessing", 1),
            ("no_input_file", 2),
            ("compile_failed", 7),
        ],
    );
}
