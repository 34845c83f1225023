//! Real projects, compiled on one machine and served to others: every object is the
//! compiler's, and every call that can be served is, at another checkout's path too.

use std::process::Stdio;

use tempfile::TempDir;

use crate::machine::Machine;
use crate::proxy::Proxy;
use crate::servers::redis::Redis;
use crate::servers::webdav::{Kind, OPEN, WebDav};
use crate::servers::weed::Weed;
use crate::support::corpora::unpack;
use crate::support::counters::Counters;
use crate::support::tree::Tree;
use crate::support::{cache_binary, find_program, skip};
use crate::team;

/// What a build leaves that must not depend on the cache.
const PRODUCTS: &[&str] = &[".o", ".d"];

/// A project's package and how it is built, given the words before `gcc`.
struct Project {
    package: &'static str,
    build: fn(&str) -> String,
}

/// For a generic POSIX system: no readline.
const LUA: Project = Project {
    package: "lua5.4",
    build: |wrapper| format!("make -j2 posix MYCFLAGS=-O0 CC='{wrapper}gcc -std=gnu99'"),
};

/// Without debug information, which holds the checkout's path.
const REDIS: Project = Project {
    package: "redis",
    build: |wrapper| {
        format!(
            "make -j2 MALLOC=libc USE_SYSTEMD=no OPTIMIZATION=-O0 DEBUG= DEBUG_FLAGS= \
             CC='{wrapper}gcc' CXX='{wrapper}g++'"
        )
    },
};

/// Runs a build of what is in the machine's checkout; what it leaves.
fn run(machine: &Machine, project: &Project, wrapper: &str) -> Tree {
    let line = (project.build)(wrapper);
    let output = machine
        .command("sh")
        .args(["-c", &line])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    assert!(!said.contains("cache: warning"), "{said}");
    Tree::capture(&machine.tree).only(PRODUCTS)
}

/// What stands before the compiler's name.
fn through() -> String {
    format!("{} ", cache_binary().display())
}

fn checkout(machine: &Machine, project: &Project) -> Option<()> {
    std::fs::remove_dir_all(&machine.tree).unwrap();
    unpack(project.package, &machine.tree)
}

/// Builds through the cache in a fresh checkout; what that counted.
fn cached(machine: &Machine, project: &Project, reference: &Tree) -> Option<Counters> {
    checkout(machine, project)?;
    let before = machine.counters();
    let products = run(machine, project, &through());
    let differences = reference.differences(&products);
    assert_eq!(differences, "", "{}", machine.root.display());
    Some(machine.counters().since(&before))
}

/// Cold on one machine, warm on a second one with its checkout at the same path and on
/// a third one with another, in as many requests as hits.
fn shared(project: &Project, configuration: &str, proxy: Option<&Proxy>) -> Option<()> {
    for program in ["gcc", "g++", "make"] {
        if find_program(program).is_none() {
            skip(&format!("{program} is not installed"));
            return None;
        }
    }
    let root = TempDir::new().unwrap();
    let machine = |name: &str, checkout: &str| {
        let mut machine = Machine::new(root.path(), name);
        machine.tree = root.path().join(checkout);
        std::fs::create_dir_all(&machine.tree).unwrap();
        machine.configure(configuration);
        machine.set("CACHE_BASE_DIR", machine.tree.display().to_string());
        // redis puts the time of its build into an object.
        machine.set("SOURCE_DATE_EPOCH", "1700000000");
        machine
    };
    let [a, b, c] = [("a", "here"), ("b", "here"), ("c", "there/and/deeper")]
        .map(|(name, checkout)| machine(name, checkout));
    checkout(&a, project)?;
    // That the cache's own cold build of redis is the compiler's, tests/e2e shows.
    let is_small = project.package != REDIS.package;
    let wrapper = if is_small { String::new() } else { through() };
    let reference = run(&a, project, &wrapper);
    let objects = reference.files(&[".o"]).count() as i64;
    assert!(objects > 20, "{objects}");
    // What a build makes and reads in the same moment is not stored: once more then.
    for round in 0.. {
        let again = cached(&a, project, &reference)?;
        if again.get("cache_miss") == 0 {
            break;
        }
        assert!(round < 5, "{again:?}");
    }
    a.flush();
    for machine in [b, c] {
        proxy.inspect(|proxy| proxy.forget());
        let warm = cached(&machine, project, &reference)?;
        assert_eq!(warm.get("cache_miss"), 0, "{warm:?}");
        assert_eq!(warm.hits(), warm.get("direct_cache_hit"), "{warm:?}");
        assert!(warm.hits() >= objects, "{objects} objects: {warm:?}");
        // The same source compiled twice is asked for once.
        let remote = warm.get("remote_storage_hit");
        assert!(remote >= objects * 9 / 10, "{objects} objects: {warm:?}");
        // What this build made in the moment in which it reads it is asked for, and no
        // other miss there is.
        let missed = warm.get("remote_storage_miss");
        assert!(missed <= warm.get("modified_input_file"), "{warm:?}");
        if let Some(proxy) = proxy {
            assert_eq!(proxy.count("GET") as i64, remote + missed, "{warm:?}");
        }
        assert_eq!(warm.get("store_team_hits"), remote, "{warm:?}");
    }
    Some(())
}

fn through_s3(project: &Project, name: &str) {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("builds");
    let proxy = Proxy::http(weed.port());
    let prefix = format!("prefix = \"{name}\"");
    shared(
        project,
        &team::s3(weed, proxy.port(), "builds", &prefix),
        Some(&proxy),
    );
}

#[test]
fn lua_through_s3() {
    through_s3(&LUA, "lua");
}

#[test]
fn lua_through_nginx() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let path = format!("{OPEN}/builds");
    shared(&LUA, &team::http(proxy.port(), &path, ""), Some(&proxy));
}

#[test]
fn lua_through_redis() {
    let Some(server) = Redis::shared() else {
        return;
    };
    let port = server.port();
    let configuration = format!(
        "[[store]]\nname = \"team\"\ntype = \"redis\"\n\
         url = \"redis://127.0.0.1:{port}/0\"\nprefix = \"builds\"\n"
    );
    shared(&LUA, &configuration, None);
}

#[test]
#[ignore = "takes a minute; .ci/run runs it"]
fn redis_through_s3() {
    through_s3(&REDIS, "redis");
}
