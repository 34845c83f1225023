//! Looking after stores: cleaning, copying, flushing; and the agent as a process.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::machine::Machine;
use crate::proxy::{Fault, Proxy};
use crate::servers::redis::Redis;
use crate::servers::webdav::{Kind, OPEN, WebDav};
use crate::servers::weed::Weed;
use crate::team::{self, PLAIN, fresh, member, pair};

/// Fills the store with four objects and makes it smaller step by step.
fn cleans(configuration: &str) {
    let root = TempDir::new().unwrap();
    let a = member(root.path(), "a", configuration);
    for number in 0..4 {
        fresh(&a, number);
        a.flush();
    }
    let usage = || a.succeed(&["store", "usage"]);
    assert!(usage().contains("4 objects"), "{}", usage());
    let clean = |words: &[&str]| a.succeed(&[&["clean", "--store", "team"], words].concat());
    let said = clean(&["--max-size", "0", "--dry-run"]);
    assert!(said.contains("would remove 4 objects"), "{said}");
    assert!(usage().contains("4 objects"), "{}", usage());
    let said = clean(&["--max-age", "1h"]);
    assert!(said.contains("removed 0 objects"), "{said}");
    let said = clean(&["--max-size", "1K"]);
    assert!(said.contains("removed "), "{said}");
    let said = clean(&["--max-size", "0"]);
    assert!(said.contains("0 B left"), "{said}");
    assert!(usage().contains("0 objects"), "{}", usage());
    // The lease is given back: nothing is in the way of the next.
    clean(&["--max-size", "0"]);
}

#[test]
fn a_directory_is_cleaned() {
    let shared = TempDir::new().unwrap();
    cleans(&team::directory(&shared.path().join("store"), ""));
}

#[test]
fn a_bucket_is_cleaned() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("keeping");
    cleans(&team::s3(
        weed,
        weed.port(),
        "keeping",
        "prefix = \"clean\"",
    ));
}

#[test]
fn redis_is_cleaned() {
    let Some(server) = Redis::shared() else {
        return;
    };
    cleans(&format!(
        "[[store]]\nname = \"team\"\ntype = \"redis\"\n\
         url = \"redis://127.0.0.1:{}/0\"\nprefix = \"keeping\"\n",
        server.port()
    ));
}

#[test]
fn a_web_server_is_cleaned() {
    for kind in Kind::ALL {
        let Some(server) = WebDav::shared(kind) else {
            continue;
        };
        cleans(&team::http(server.port(), &format!("{OPEN}/keeping"), ""));
    }
}

#[test]
fn one_cleans_at_a_time() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket("keeping");
    let root = TempDir::new().unwrap();
    let configuration = team::s3(weed, weed.port(), "keeping", "prefix = \"lease\"");
    let [a, b] = pair(root.path(), &configuration);
    fresh(&a, 1);
    a.flush();
    let hour = 3600;
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let words = ["clean", "--store", "team", "--max-size", "0"];
    // Another machine is at it.
    bucket.put("lease/clean-lease", (now + hour).to_string().as_bytes());
    let refused = b.cache(&words);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("another clean is at it"), "{said}");
    assert_eq!(bucket.list("lease/").len(), 2);
    // It died some time ago.
    bucket.put("lease/clean-lease", (now - hour).to_string().as_bytes());
    b.succeed(&words);
    assert_eq!(bucket.list("lease/"), [""; 0]);
    // At the same moment each either cleans or says why not.
    std::thread::scope(|scope| {
        for machine in [&a, &b] {
            scope.spawn(|| {
                let output = machine.cache(&words);
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(
                    output.status.success() || said.contains("another clean"),
                    "{said}"
                );
            });
        }
    });
    assert_eq!(bucket.list("lease/"), [""; 0]);
}

/// Whoever asked for it goes away: the next clean goes on at once. The agent is killed:
/// the same one goes on by the next agent.
#[test]
fn a_clean_is_interrupted_and_goes_on() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket("keeping");
    let proxy = Proxy::http(weed.port());
    let slow = Fault::Delay(std::time::Duration::from_millis(200));
    let root = TempDir::new().unwrap();
    let configuration = team::s3(weed, proxy.port(), "keeping", "prefix = \"stopped\"");
    let a = member(root.path(), "a", &configuration);
    let words = ["clean", "--store", "team", "--max-size", "0"];
    for kills_agent in [false, true] {
        const OBJECTS: usize = 80;
        for number in 0..OBJECTS {
            bucket.put(&format!("stopped/ab/{number:064x}"), b"an object");
        }
        proxy.set(Fault::None);
        proxy.add(crate::proxy::Rule::new(slow).method("DELETE"));
        proxy.forget();
        let mut clean = a.command(&a.program);
        clean.args(words).stdout(Stdio::null());
        let mut clean = clean.spawn().unwrap();
        crate::servers::eventually("objects go", || proxy.count("DELETE") > 20);
        match kills_agent {
            true => kill(a.agent().expect("it runs")),
            false => clean.kill().unwrap(),
        }
        assert_eq!(clean.wait().unwrap().success(), kills_agent);
        if !kills_agent {
            crate::servers::eventually("the lease is given back", || {
                let left = bucket.list("stopped/");
                left.iter().all(|name| !name.contains("clean-lease"))
            });
            proxy.set(Fault::None);
            let left = bucket.list("stopped/").len();
            assert!((1..OBJECTS).contains(&left), "{left}");
            let said = a.succeed(&words);
            assert!(said.contains("0 B left"), "{said}");
        }
        assert_eq!(bucket.list("stopped/"), [""; 0]);
    }
}

#[test]
fn stores_are_copied() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("keeping");
    let root = TempDir::new().unwrap();
    let bucket = team::s3(weed, weed.port(), "keeping", "prefix = \"copy\"");
    let near = team::directory(&root.path().join("near"), "").replace("team", "near");
    let [a, b] = pair(root.path(), &bucket);
    for number in 0..3 {
        fresh(&a, number);
    }
    a.flush();
    b.configure(&format!("{near}{bucket}"));
    let said = b.succeed(&["pull", "near", "team"]);
    assert!(said.contains("copied 3 of 3 objects"), "{said}");
    let said = b.succeed(&["push", "team", "near"]);
    assert!(said.contains("copied 0 of 0 objects"), "{said}");
    // From the nearer one now.
    let counted = fresh(&b, 1);
    assert_eq!(counted.get("store_near_hits"), 1, "{counted:?}");
    let unknown = b.cache(&["push", "near", "nowhere"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        !unknown.status.success() && said.contains("there is no store"),
        "{said}"
    );
}

fn spooled(machine: &Machine) -> usize {
    let spool = machine.agent_dir().unwrap().join("spool");
    spool.read_dir().unwrap().count()
}

/// Whether a killed process is gone: it is nobody's child here.
pub fn kill(process: u32) {
    let process = process.to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &process])
        .status();
    assert!(killed.unwrap().success());
    crate::servers::eventually("the agent is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z"))
    });
}

#[test]
fn an_agent_that_is_killed_while_it_uploads_loses_nothing() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let root = TempDir::new().unwrap();
    let path = format!("{OPEN}/killed");
    let slow = "response_timeout = \"30s\"";
    let a = member(root.path(), "a", &team::http(proxy.port(), &path, slow));
    fresh(&a, 0);
    a.flush();
    proxy.add(crate::proxy::Rule::new(Fault::BlackHole).method("PUT"));
    for number in 1..5 {
        fresh(&a, number);
    }
    crate::servers::eventually("uploads are under way", || proxy.open_connections() > 1);
    kill(a.agent().expect("it runs"));
    assert_eq!(spooled(&a), 4);
    proxy.set(Fault::None);
    a.flush();
    assert_eq!(spooled(&a), 0);
    let b = member(root.path(), "b", &team::http(server.port(), &path, ""));
    for number in 0..5 {
        assert_eq!(fresh(&b, number).get("remote_storage_hit"), 1, "{number}");
    }
}

#[test]
fn a_flush_says_what_it_could_not_send_and_keeps_it() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let proxy = Proxy::http(server.port());
    let root = TempDir::new().unwrap();
    let path = format!("{OPEN}/flush");
    let a = member(root.path(), "a", &team::http(proxy.port(), &path, ""));
    proxy.set(Fault::Refuse);
    a.compile(PLAIN);
    for _ in 0..2 {
        let output = a.cache(&["agent", "flush"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(said.contains("1 result is not uploaded"), "{said}");
        assert!(said.contains("store team: "), "{said}");
        assert_eq!(spooled(&a), 1);
        let status = a.succeed(&["agent", "status"]);
        assert!(status.contains("1 waiting for upload"), "{status}");
        assert!(
            status.contains("store team: down; uploads wait"),
            "{status}"
        );
    }
    // One answer of a kind that may pass is told as well.
    proxy.set(Fault::Answer(500));
    let output = a.cache(&["agent", "flush"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("store team: ") && said.contains("500"),
        "{said}"
    );
    proxy.set(Fault::None);
    a.flush();
    assert_eq!(spooled(&a), 0);
}

/// A build whose output is read to its end does not wait for the agent.
#[test]
fn the_agent_holds_nothing_of_the_build() {
    let root = TempDir::new().unwrap();
    let a = member(
        root.path(),
        "a",
        &team::directory(&root.path().join("shared"), ""),
    );
    let script = format!(
        "{} gcc -c x.c 9>&1",
        crate::support::cache_binary().display()
    );
    let mut shell = a.command(Path::new("sh"));
    let mut shell = shell
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut all = String::new();
    // Each ends only when nobody holds it any more.
    shell
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut all)
        .unwrap();
    shell
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut all)
        .unwrap();
    assert!(shell.wait().unwrap().success(), "{all}");
    let agent = a.agent().expect("it runs");
    for descriptor in std::fs::read_dir(format!("/proc/{agent}/fd"))
        .unwrap()
        .flatten()
    {
        let target = std::fs::read_link(descriptor.path()).unwrap_or_default();
        assert!(
            !target.starts_with("pipe:") && !target.starts_with(&a.tree),
            "{target:?}"
        );
    }
    let directory = std::fs::read_link(format!("/proc/{agent}/cwd")).unwrap();
    assert_eq!(directory, Path::new("/"));
}

/// A store is known by its name: with a longer deadline it is the same store.
#[test]
fn figures_go_on_when_settings_change() {
    let root = TempDir::new().unwrap();
    let shared = root.path().join("shared");
    let a = member(root.path(), "a", &team::directory(&shared, ""));
    fresh(&a, 1);
    for (number, more) in [
        (2, "stall_timeout = \"9s\""),
        (3, ""),
        (4, "read_only = false"),
    ] {
        a.configure(&team::directory(&shared, more));
        fresh(&a, number);
        assert_eq!(a.counters().get("store_team_misses"), number as i64);
    }
}

/// The next agent may be started while the last one is still leaving.
#[test]
fn an_agent_takes_over_from_one_that_leaves() {
    let root = TempDir::new().unwrap();
    let a = member(
        root.path(),
        "a",
        &team::directory(&root.path().join("shared"), ""),
    );
    fresh(&a, 1);
    a.succeed(&["agent", "stop"]);
    let lock = std::fs::File::open(a.agent_dir().unwrap().join("lock")).unwrap();
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(fresh(&a, 2).get("remote_storage_error"), 0));
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(lock);
    });
    assert!(a.agent().is_some());
}
