//! Servers and networks that fail: the compile is right, waits once, and says so once.

use std::time::Duration;

use tempfile::TempDir;

use crate::machine::Machine;
use crate::proxy::{DeadPort, Fault, Proxy};
use crate::servers::eventually;
use crate::servers::webdav::{Kind, OPEN, WebDav};
use crate::servers::weed::Weed;
use crate::support::counters::Counters;
use crate::team::{self, PLAIN, fresh, pair};

/// Compiles of a build.
pub const COMPILES: usize = 12;

/// Far more than any of these builds takes, and less than waiting for each compile.
const HANGS: Duration = Duration::from_secs(60);

/// What a build saw.
pub struct Built {
    pub counted: Counters,
    pub warnings: Vec<String>,
}

impl Built {
    pub fn get(&self, name: &str) -> i64 {
        self.counted.get(name)
    }
}

/// The sources that the other machine has compiled before.
pub fn build(machine: &Machine) -> Built {
    let (before, spent) = (machine.counters(), machine.spent());
    let mut warnings = Vec::new();
    for number in 0..COMPILES {
        machine.write("n.c", &team::source(number));
        warnings.extend(machine.compile_and_listen(team::FRESH).1);
    }
    let took = machine.spent() - spent;
    assert!(took < HANGS, "{took:?}");
    // For the figures in docs/stores.md; to be seen with --nocapture.
    eprintln!("{COMPILES} compiles took {took:?}");
    let counted = machine.counters().since(&before);
    Built { counted, warnings }
}

/// A server with the results of a build, and a machine that gets to it by a proxy.
struct Scene {
    proxy: Proxy,
    b: Machine,
    _a: Machine,
    _root: TempDir,
}

/// `name` keeps tests apart.
fn scene(name: &str) -> Option<Scene> {
    let server = WebDav::shared(Kind::Nginx)?;
    let path = format!("{OPEN}/faults-{name}");
    let root = TempDir::new().unwrap();
    let a = team::member(root.path(), "a", &team::http(server.port(), &path, ""));
    for number in 0..COMPILES {
        fresh(&a, number);
    }
    a.flush();
    let proxy = Proxy::http(server.port());
    let b = team::member(root.path(), "b", &team::http(proxy.port(), &path, ""));
    Some(Scene {
        proxy,
        b,
        _a: a,
        _root: root,
    })
}

/// With this fault no look-up works: every compile counts that, one line says it, and
/// the server is asked `gets` times at most.
fn unreachable(name: &str, fault: Fault, gets: usize) {
    let Some(scene) = scene(name) else { return };
    let (proxy, b) = (&scene.proxy, &scene.b);
    proxy.set(fault);
    let built = build(b);
    let all = COMPILES as i64;
    assert_eq!(built.counted.hits(), 0);
    assert_eq!(built.get("cache_miss"), all);
    assert_eq!(
        built.get("remote_storage_error"),
        all,
        "{:?}",
        built.counted
    );
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert!(
        built.warnings[0].contains("store team: "),
        "{:?}",
        built.warnings
    );
    // On a busy machine the pause may be over meanwhile, and the agent tries.
    let asked = proxy.count("GET");
    assert!(asked <= gets + 2, "{:?}", proxy.requests());
    assert!(proxy.connections() <= 10, "{}", proxy.connections());
    let (errors, skipped) = (
        built.get("store_team_read_errors"),
        built.get("store_team_skipped"),
    );
    assert_eq!(errors + skipped, all, "{:?}", built.counted);
    assert!(skipped >= all - 3, "{:?}", built.counted);
    assert!(b.succeed(&["stats"]).contains("Remote store team (down)"));
    // Nothing is lost, and it says why it waits.
    let flushed = b.cache(&["agent", "flush"]);
    let said = String::from_utf8_lossy(&flushed.stderr).into_owned();
    assert!(!flushed.status.success());
    assert!(said.contains("12 results are not uploaded"), "{said}");
    assert!(said.contains("store team: "), "{said}");
    proxy.set(Fault::None);
    b.flush();
    assert!(proxy.count("PUT") >= COMPILES);
}

#[test]
fn connections_are_refused() {
    unreachable("refused", Fault::Refuse, 0);
}

#[test]
fn nothing_answers() {
    unreachable("hole", Fault::BlackHole, 1);
}

#[test]
fn answers_take_two_seconds() {
    unreachable("slow", Fault::Delay(Duration::from_secs(2)), 1);
}

#[test]
fn the_server_has_an_error() {
    unreachable("error", Fault::Answer(500), 3);
}

#[test]
fn the_server_refuses() {
    unreachable("denied", Fault::Answer(403), 1);
}

#[test]
fn connections_are_reset() {
    unreachable("reset", Fault::ResetAfter(40), 3);
}

#[test]
fn answers_stand_still() {
    unreachable("halt", Fault::StallAfter(40), 1);
}

#[test]
fn the_host_is_switched_off() {
    let dead = DeadPort::new();
    let root = TempDir::new().unwrap();
    let b = team::member(root.path(), "b", &team::http(dead.port(), "/x", ""));
    let built = build(&b);
    assert_eq!(built.get("remote_storage_error"), COMPILES as i64);
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert_eq!(
        built.get("store_team_read_errors"),
        1,
        "{:?}",
        built.counted
    );
}

/// The server is well, what it sends is not: a miss that repairs itself.
fn spoiled(name: &str, fault: Fault) {
    let Some(scene) = scene(name) else { return };
    let (proxy, b) = (&scene.proxy, &scene.b);
    proxy.set(fault);
    let built = build(b);
    let all = COMPILES as i64;
    assert_eq!(built.counted.hits(), 0);
    assert_eq!(built.get("store_team_damaged"), all, "{:?}", built.counted);
    assert_eq!(built.get("remote_storage_error"), all);
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    proxy.set(Fault::None);
    b.flush();
    assert_eq!(proxy.count("PUT"), COMPILES);
}

#[test]
fn a_byte_is_another() {
    spoiled("corrupt", Fault::CorruptBody(200));
}

#[test]
fn a_part_is_sent_as_the_whole() {
    spoiled("shorten", Fault::ShortenBody(100));
}

/// Objects do not arrive whole, while uploads work: so many look-ups find that out.
fn interrupted(name: &str, fault: Fault, errors: i64) {
    let Some(scene) = scene(name) else { return };
    let (proxy, b) = (&scene.proxy, &scene.b);
    proxy.set(fault);
    let built = build(b);
    assert_eq!(built.counted.hits(), 0);
    assert_eq!(built.get("remote_storage_error"), COMPILES as i64);
    let counted = &built.counted;
    assert_eq!(counted.get("store_team_read_errors"), errors, "{counted:?}");
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
}

#[test]
fn bodies_are_cut_off() {
    interrupted("truncate", Fault::TruncateBody(100), 3);
}

#[test]
fn connections_are_reset_in_the_middle_of_an_object() {
    interrupted("reset-body", Fault::ResetAfter(400), 3);
}

#[test]
fn objects_stand_still() {
    interrupted("stall", Fault::StallAfter(400), 1);
}

#[test]
fn a_server_freezes_in_the_middle_of_a_build_and_comes_back() {
    let Some(server) = WebDav::start(Kind::Nginx) else {
        return;
    };
    let root = TempDir::new().unwrap();
    let path = format!("{OPEN}/frozen");
    let [a, b] = pair(root.path(), &team::http(server.port(), &path, ""));
    a.compile(PLAIN);
    a.flush();
    for number in 0..3 {
        fresh(&b, number);
    }
    b.flush();
    server.process().freeze();
    let built = build(&b);
    // The first three it has itself.
    assert_eq!(built.counted.hits(), 3);
    assert_eq!(built.get("remote_storage_error"), COMPILES as i64 - 3);
    assert_eq!(
        built.get("store_team_read_errors"),
        1,
        "{:?}",
        built.counted
    );
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert!(!b.cache(&["agent", "flush"]).status.success());
    server.process().thaw();
    b.flush();
    // Nobody does anything: a look-up lets the agent try, once the pause is over.
    eventually("the server is used again", || {
        std::thread::sleep(Duration::from_millis(500));
        b.succeed(&["clean", "--max-size", "0"]);
        b.compile(PLAIN).get("remote_storage_hit") == 1
    });
    assert!(!b.succeed(&["stats"]).contains("(down)"));
}

/// Another protocol stack: S3.
#[test]
fn an_object_store_stops_and_goes_on() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("faults");
    let proxy = Proxy::http(weed.port());
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), &team::s3(weed, proxy.port(), "faults", ""));
    a.compile(PLAIN);
    a.flush();
    for fault in [
        Fault::BlackHole,
        Fault::Answer(503),
        Fault::Answer(403),
        Fault::Refuse,
    ] {
        let name = format!("{fault:?}").replace(['(', ')'], "-");
        let c = team::member(
            root.path(),
            &name,
            &team::s3(weed, proxy.port(), "faults", ""),
        );
        proxy.forget();
        proxy.set(fault);
        let built = build(&c);
        assert_eq!(
            built.get("remote_storage_error"),
            COMPILES as i64,
            "{fault:?}"
        );
        assert_eq!(built.warnings.len(), 1, "{fault:?}: {:?}", built.warnings);
        assert!(proxy.count("GET") <= 5, "{fault:?}: {:?}", proxy.requests());
        assert!(!c.cache(&["agent", "flush"]).status.success(), "{fault:?}");
        proxy.set(Fault::None);
        c.flush();
    }
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
}
