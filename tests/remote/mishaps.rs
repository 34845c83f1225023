//! Mishaps that no proxy makes: servers that are full or that end, credentials and
//! clocks that have run away, names that nobody looks up, and the agent's own end.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::faults::{COMPILES, build};
use crate::machine::Machine;
use crate::proxy::{Fault, Proxy, Rule};
use crate::servers::eventually;
use crate::servers::redis::Redis;
use crate::servers::webdav::{Kind, OPEN, WebDav};
use crate::servers::weed::Weed;
use crate::support::can_mount;
use crate::team::{self, FRESH, fresh, member};

const ALL: i64 = COMPILES as i64;

/// Runs a build whose uploads find no room: look-ups go on as ever, one line says it,
/// `flush` names it; with room again nothing is lost.
fn full(configuration: &str, word: &str, make_room: impl FnOnce()) {
    let root = TempDir::new().unwrap();
    let a = member(root.path(), "a", configuration);
    let built = build(&a);
    let mut warnings = built.warnings.clone();
    assert_eq!(built.get("cache_miss"), ALL);
    let flushed = a.cache(&["agent", "flush"]);
    let said = String::from_utf8_lossy(&flushed.stderr).into_owned();
    assert!(!flushed.status.success(), "{said}");
    assert!(said.contains(word), "{said}");
    // Nobody could be told before it was tried: the next ones are, one of them.
    for number in COMPILES..COMPILES + 3 {
        a.write("n.c", &team::source(number));
        warnings.extend(a.compile_and_listen(FRESH).1);
        let _ = a.cache(&["agent", "flush"]);
    }
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("store team: uploads wait: "));
    assert!(warnings[0].contains(word), "{warnings:?}");
    let counted = a.counters();
    assert!(counted.get("store_team_write_errors") > 0, "{counted:?}");
    assert_eq!(counted.get("store_team_read_errors"), 0, "{counted:?}");
    assert_eq!(counted.get("store_team_skipped"), 0, "{counted:?}");
    let (well, said) = a.check();
    assert!(!well && said.contains("it has no room"), "{said}");
    make_room();
    a.flush();
    let b = member(root.path(), "b", configuration);
    for number in 0..COMPILES + 3 {
        assert_eq!(fresh(&b, number).get("remote_storage_hit"), 1, "{number}");
    }
}

#[test]
fn a_web_server_is_full() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    proxy.add(Rule::new(Fault::Answer(507)).method("PUT"));
    let path = format!("{OPEN}/full");
    full(&team::http(proxy.port(), &path, ""), "507", || {
        proxy.set(Fault::None);
    });
}

/// What is too large for a server is given up, and in the way of nothing else.
#[test]
fn one_object_is_too_large() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    proxy.add(Rule::new(Fault::Answer(413)).method("PUT").times(1));
    let root = TempDir::new().unwrap();
    let configuration = team::http(proxy.port(), &format!("{OPEN}/large"), "");
    let [a, b] = ["a", "b"].map(|name| member(root.path(), name, &configuration));
    fresh(&a, 0);
    a.flush();
    let built = build(&a);
    a.flush();
    assert_eq!(built.warnings, [""; 0]);
    let counted = a.counters();
    assert_eq!(counted.get("store_team_dropped"), 1, "{counted:?}");
    assert_eq!(counted.get("store_team_writes"), ALL - 1, "{counted:?}");
    assert_eq!(counted.get("store_team_write_errors"), 0, "{counted:?}");
    assert!(a.succeed(&["stats"]).contains("413"));
    for number in 1..COMPILES {
        assert_eq!(fresh(&b, number).get("remote_storage_hit"), 1, "{number}");
    }
}

#[test]
fn redis_is_full() {
    let Some(server) = Redis::start("maxmemory 1\nmaxmemory-policy noeviction") else {
        return;
    };
    let configuration = format!(
        "[[store]]\nname = \"team\"\ntype = \"redis\"\nurl = \"redis://127.0.0.1:{}/0\"\n",
        server.port()
    );
    full(&configuration, "OOM", || {
        let more = server.admin().call(&["CONFIG", "SET", "maxmemory", "0"]);
        assert!(more.unwrap().is_ok());
    });
}

/// What S3 says of credentials and clocks: one request, one line, words of a check.
#[test]
fn tokens_expire_and_clocks_differ() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("mishaps");
    for (status, code, word) in [
        (400, "ExpiredToken", "session token"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "SignatureDoesNotMatch", "secret key"),
        (403, "InvalidAccessKeyId", "access key"),
    ] {
        let proxy = Proxy::http(weed.port());
        proxy.set(Fault::Code(status, code));
        let root = TempDir::new().unwrap();
        let token = "session_token = \"the-token-of-an-hour\"";
        let a = member(
            root.path(),
            "a",
            &team::s3(weed, proxy.port(), "mishaps", token),
        );
        let built = build(&a);
        assert_eq!(built.get("remote_storage_error"), ALL, "{code}");
        assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
        assert!(built.warnings[0].contains(code), "{:?}", built.warnings);
        assert_eq!(built.get("store_team_read_errors"), 1, "{code}");
        assert!(proxy.count("GET") <= 3, "{:?}", proxy.requests());
        let (well, said) = a.check();
        assert!(
            !well && said.contains(code) && said.contains(word),
            "{said}"
        );
        crate::real::says_nowhere(&a, "the-token-of-an-hour");
        crate::real::says_nowhere(&a, &weed.admin().secret);
    }
}

/// The resolver of this machine's agent asks somebody who never answers.
#[test]
fn nobody_looks_up_the_servers_name() {
    if !can_mount() {
        return;
    }
    let silent = "127.0.0.77";
    let Ok(_nameserver) = UdpSocket::bind((silent, 53)) else {
        return eprintln!("SKIPPED: port 53 of {silent} cannot be had");
    };
    for section in [
        "type = \"http\"\nurl = \"http://cache.example.com/objects\"",
        "type = \"redis\"\nurl = \"redis://cache.example.com:6379/0\"",
        "type = \"s3\"\nbucket = \"b\"\nendpoint = \"http://s3.example.com\"\n\
         access_key = \"a\"\nsecret_key = \"s\"",
    ] {
        let root = TempDir::new().unwrap();
        let configuration = format!("[[store]]\nname = \"team\"\n{section}\n");
        let a = member(root.path(), "a", &configuration);
        let resolver = root.path().join("resolv.conf");
        std::fs::write(&resolver, format!("nameserver {silent}\n")).unwrap();
        // The agent that this starts stays with that file.
        let script = "mount --bind \"$1\" /etc/resolv.conf && exec \"$2\" store check";
        let checked = a
            .command("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .args([&resolver, &a.program])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(said.contains("no connection"), "{said}");
        assert!(said.contains("example.com"), "{said}");
        let built = build(&a);
        assert_eq!(built.get("remote_storage_error"), ALL);
        assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
        let counted = &built.counted;
        assert_eq!(counted.get("store_team_read_errors"), 1, "{counted:?}");
        assert_eq!(counted.get("store_team_skipped"), ALL - 1, "{counted:?}");
    }
}

#[test]
fn a_server_ends_in_the_middle_of_a_build() {
    let Some(server) = WebDav::start(Kind::Apache) else {
        return;
    };
    let root = TempDir::new().unwrap();
    let a = member(
        root.path(),
        "a",
        &team::http(server.port(), &format!("{OPEN}/ends"), ""),
    );
    for number in 0..3 {
        fresh(&a, number);
    }
    drop(server);
    let built = build(&a);
    assert_eq!(built.counted.hits(), 3);
    assert_eq!(built.get("remote_storage_error"), ALL - 3);
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert!(built.get("store_team_read_errors") <= 3);
}

fn kill(machine: &Machine) {
    let agent = machine.agent().expect("it runs");
    let agent = rustix::process::Pid::from_raw(agent as i32).unwrap();
    rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
}

/// Whoever comes next starts another one, and nothing is lost.
#[test]
fn the_agent_is_killed_in_the_middle_of_a_build() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let root = TempDir::new().unwrap();
    let configuration = team::http(proxy.port(), &format!("{OPEN}/kill"), "");
    let [a, b] = ["a", "b"].map(|name| member(root.path(), name, &configuration));
    for (machine, is_warm) in [(&a, 0), (&b, 1)] {
        for number in 0..COMPILES {
            machine.write("n.c", &team::source(number));
            let (counted, warnings) = machine.compile_and_listen(FRESH);
            assert_eq!(warnings, [""; 0]);
            assert_eq!(counted.get("remote_storage_hit"), is_warm, "{counted:?}");
            assert_eq!(counted.get("remote_storage_error"), 0, "{counted:?}");
            if number % 3 == 0 {
                kill(machine);
            }
        }
        machine.flush();
    }
    // While it has a look-up in hand.
    let c = member(root.path(), "c", &configuration);
    proxy.set(Fault::Delay(Duration::from_millis(700)));
    fresh(&c, 0);
    c.write("n.c", &team::source(1));
    std::thread::scope(|scope| {
        let compile = scope.spawn(|| c.compile_and_listen(FRESH));
        eventually("the look-up is under way", || {
            proxy.count("GET") > COMPILES + 1
        });
        kill(&c);
        let (counted, warnings) = compile.join().unwrap();
        assert_eq!(warnings, [""; 0]);
        assert_eq!(counted.get("remote_storage_hit"), 1, "{counted:?}");
    });
}

/// Makes a program of its own for this machine, beside this agent.
fn install(machine: &mut Machine, agent: &str) {
    let directory = machine.root.join("installed");
    std::fs::create_dir(&directory).unwrap();
    // By another process: what this one has open for writing, one that another thread
    // starts just then has open as well, and it cannot be executed.
    let script = "cp \"$1\" \"$2/cache\" && printf %s \"$3\" >\"$2/cache-agent\" &&
        chmod 755 \"$2/cache-agent\"";
    let done = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .args([&machine.program, &directory])
        .arg(agent)
        .status();
    assert!(done.unwrap().success());
    machine.program = directory.join("cache");
}

/// It ends at once, never listens, or is no program: one compile waits, one line.
#[test]
fn the_agent_cannot_be_started() {
    for agent in ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 20\n", "\n"] {
        let root = TempDir::new().unwrap();
        let shared = root.path().join("shared");
        let mut a = member(root.path(), "a", &team::directory(&shared, ""));
        install(&mut a, agent);
        let log = a.root.join("log");
        a.set("CACHE_LOG", log.display().to_string());
        let built = build(&a);
        assert_eq!(built.counted.hits(), 0);
        assert_eq!(built.get("cache_miss"), ALL);
        assert_eq!(built.get("remote_storage_error"), ALL, "{agent:?}");
        assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
        assert!(built.warnings[0].contains("cache-agent: "));
        assert!(built.warnings[0].contains("going on without remote stores"));
        // Two words each, of the look-up and of the upload, but for the first look-up.
        let log = std::fs::read_to_string(log).unwrap();
        let without_a_wait = log.matches("out of reach a moment ago").count();
        assert!(without_a_wait > COMPILES, "{without_a_wait}: {log}");
        let (well, said) = a.check();
        assert!(
            !well && said.contains("cache-agent cannot be reached"),
            "{said}"
        );
        assert!(shared_is_empty(&shared));
        a.program = crate::support::cache_binary();
        a.flush();
    }
}

fn shared_is_empty(shared: &Path) -> bool {
    std::fs::read_dir(shared).map_or(true, |mut entries| entries.next().is_none())
}
