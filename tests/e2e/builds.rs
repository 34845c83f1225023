//! lua, redis and fmt: cold, warm, touched, checked out again, with a restored
//! cache directory.

use std::fs;
use std::path::Path;

use crate::project::{CLANG_14, CLANG_19, Drivers, GCC, Project, long};
use crate::support::corpora::unpack;
use crate::support::{find_program, skip};

fn prepare_lua(tree: &Path) -> Option<()> {
    unpack("lua5.4", tree)
}

/// lua's makefile for a generic POSIX system: no readline.
fn build_lua(drivers: &Drivers, wrapper: &str) -> String {
    let c = drivers.c;
    format!("make -j2 posix CC='{wrapper}{c} -std=gnu99'")
}

/// lua without optimisation: for what is about the cache, not about the compiler.
pub fn quick_lua() -> Option<Project> {
    Project::new(GCC, prepare_lua, |drivers, wrapper| {
        build_lua(drivers, wrapper) + " MYCFLAGS=-O0"
    })
}

fn prepare_redis(tree: &Path) -> Option<()> {
    unpack("redis", tree)
}

fn build_redis(drivers: &Drivers, wrapper: &str) -> String {
    let (c, cxx) = (drivers.c, drivers.cxx);
    format!(
        "make -j2 MALLOC=libc USE_SYSTEMD=no OPTIMIZATION=-O1 CC='{wrapper}{c}' CXX='{wrapper}{cxx}'"
    )
}

/// fmt's own tests, with googletest where its tarball expects it.
fn prepare_fmt(tree: &Path) -> Option<()> {
    unpack("fmtlib", tree)?;
    let gtest = tree.join("test/gtest");
    unpack("googletest", &gtest.join("source"))?;
    fs::write(
        gtest.join("CMakeLists.txt"),
        "find_package(Threads)\n\
         add_library(gtest STATIC source/googletest/src/gtest-all.cc source/googlemock/src/gmock-all.cc)\n\
         target_include_directories(gtest PUBLIC source/googletest/include source/googlemock/include \
         PRIVATE source/googletest source/googlemock)\n\
         target_link_libraries(gtest PUBLIC Threads::Threads)\n",
    )
    .unwrap();
    Some(())
}

fn build_fmt(drivers: &Drivers, wrapper: &str) -> String {
    let launcher = match wrapper {
        "" => "",
        _ => "-DCMAKE_CXX_COMPILER_LAUNCHER=cache -DCMAKE_C_COMPILER_LAUNCHER=cache",
    };
    let (c, cxx) = (drivers.c, drivers.cxx);
    format!(
        "cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=Debug -DFMT_DOC=OFF \
         -DCMAKE_C_COMPILER={c} -DCMAKE_CXX_COMPILER={cxx} {launcher} && ninja -C build -j2 \
         fmt test-main args-test assert-test core-test os-test printf-test unicode-test"
    )
}

/// Cold and warm, and then every way in which a tree and a cache directory
/// come back with the same content.
fn cold_and_warm(project: &Project, check: &dyn Fn(&Project)) {
    let name = project.drivers.c;
    let reference = project.reference();
    check(project);

    project.checkout().unwrap();
    let cold = project.cached();
    cold.same_as(&reference, "cold");
    check(project);
    eprintln!("{name}: cold: {:?}", cold.counted);
    // What a build makes and reads in the same moment is compiled and not
    // stored, and counted; the next build finds it settled.
    if cold.counted.get("modified_input_file") > 0 {
        let again = {
            project.checkout().unwrap();
            project.cached()
        };
        again.same_as(&reference, "cold once more");
        eprintln!("{name}: once more: {:?}", again.counted);
    }

    project.checkout().unwrap();
    let warm = project.cached();
    warm.same_as(&reference, "warm after a fresh checkout");
    warm.all_direct_hits("warm after a fresh checkout");
    check(project);

    project.checkout().unwrap();
    project.touch_headers();
    let touched = project.cached();
    touched.same_as(&reference, "headers touched");
    touched.all_direct_hits("headers touched");

    project.copy_cache_dir();
    project.checkout().unwrap();
    let restored = project.cached();
    restored.same_as(&reference, "restored cache directory");
    restored.all_direct_hits("restored cache directory");

    eprintln!(
        "{name}: {} objects; without {:.1} s, cold {:.1} s, warm {:.1} s",
        reference.objects, reference.seconds, cold.seconds, warm.seconds
    );
}

fn lua_works(project: &Project) {
    project.shell("test \"$(src/lua -e 'print(6 * 7)')\" = 42");
}

fn build_lua_with(drivers: Drivers) {
    if let Some(project) = Project::new(drivers, prepare_lua, build_lua) {
        cold_and_warm(&project, &lua_works);
    }
}

#[test]
fn lua_with_gcc() {
    build_lua_with(GCC);
}

#[test]
fn lua_with_clang_14() {
    build_lua_with(CLANG_14);
}

#[test]
fn lua_with_clang_19() {
    build_lua_with(CLANG_19);
}

fn redis_works(project: &Project) {
    project.shell("src/redis-server --version | grep -q 'build='");
    project.shell("src/redis-cli --version");
}

/// Some of redis's own tests; all of them with `CACHE_TEST_LONG`.
fn test_redis(project: &Project) {
    if find_program("tclsh8.6").is_none() {
        return skip("tclsh8.6 is not installed");
    }
    let some = "--single unit/type/string --single unit/type/set --single unit/protocol";
    let tests = if long() { "" } else { some };
    project.shell(&format!(
        "./runtest --baseport 29111 --clients 2 --timeout 600 {tests} >log 2>&1 || \
         {{ tail -n 30 log >&2; exit 1; }}"
    ));
}

fn build_redis_with(drivers: Drivers) {
    if let Some(project) = Project::new(drivers, prepare_redis, build_redis) {
        cold_and_warm(&project, &redis_works);
        test_redis(&project);
    }
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn redis_with_gcc() {
    build_redis_with(GCC);
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn redis_with_clang_14() {
    build_redis_with(CLANG_14);
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn redis_with_clang_19() {
    build_redis_with(CLANG_19);
}

fn fmt_works(project: &Project) {
    for test in ["args", "assert", "core", "os", "printf", "unicode"] {
        project.shell(&format!("build/bin/{test}-test >/dev/null"));
    }
}

fn build_fmt_with(drivers: Drivers) {
    for program in ["cmake", "ninja"] {
        if find_program(program).is_none() {
            return skip(&format!("{program} is not installed"));
        }
    }
    if let Some(project) = Project::new(drivers, prepare_fmt, build_fmt) {
        cold_and_warm(&project, &fmt_works);
    }
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn fmt_with_gcc_cmake_and_ninja() {
    build_fmt_with(GCC);
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn fmt_with_clang_19_cmake_and_ninja() {
    build_fmt_with(CLANG_19);
}
