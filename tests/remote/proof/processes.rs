//! No server outlives the tests, and no file of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::http::Http;
use crate::proxy::Proxy;
use crate::servers::process::Process;
use crate::servers::redis::{Ports, Redis};
use crate::servers::webdav::{Kind, WebDav};
use crate::servers::{directory, eventually, free_ports, start};

/// A server with a worker that does not end with it by itself.
fn with_worker() -> Process {
    let script = "sleep 1000 & echo $! >worker; echo started; wait";
    let server = Process::start(directory(), Path::new("/bin/sh"), ["-c", script], &[]);
    eventually("the server says something", || server.log() == "started\n");
    server
}

/// Its process numbers.
fn numbers(server: &Process) -> Vec<String> {
    let worker = fs::read_to_string(server.directory().join("worker")).unwrap();
    vec![server.id().to_string(), worker.trim().to_owned()]
}

/// Whether the process runs; one that nobody has waited for yet does not.
fn runs(number: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[test]
fn dropped_is_gone() {
    let server = with_worker();
    let numbers = numbers(&server);
    let directory = server.directory().to_owned();
    assert!(numbers.iter().all(|number| runs(number)) && directory.exists());
    drop(server);
    assert!(!directory.exists());
    assert!(!numbers.iter().any(|number| runs(number)));
}

#[test]
fn one_that_ends_by_itself_is_noticed() {
    let script = "echo no such thing >&2; exit 3";
    let mut server = Process::start(directory(), Path::new("/bin/sh"), ["-c", script], &[]);
    eventually("it has ended", || server.ended().is_some());
    assert_eq!(server.ended().unwrap().code(), Some(3));
    assert_eq!(server.log(), "no such thing\n");
    let directory = server.directory().to_owned();
    drop(server);
    assert!(!directory.exists());
}

/// Where `waits_to_be_killed` tells what it has started.
const TOLD: &str = "CACHE_TEST_TELL_SERVER";

#[test]
#[ignore = "the other half of a_killed_test_leaves_nothing"]
fn waits_to_be_killed() {
    static SERVER: std::sync::OnceLock<Process> = std::sync::OnceLock::new();
    let Some(path) = std::env::var_os(TOLD).map(PathBuf::from) else {
        return;
    };
    let server = SERVER.get_or_init(with_worker);
    let mut text = server.directory().display().to_string();
    for number in numbers(server) {
        text += &format!("\n{number}");
    }
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[test]
fn a_killed_test_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("told");
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact"])
        .arg("proof::processes::waits_to_be_killed")
        .env(TOLD, &told)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the test tells what it has started", || told.exists());
    let text = fs::read_to_string(told).unwrap();
    let mut lines = text.lines();
    let server_directory = PathBuf::from(lines.next().unwrap());
    let numbers: Vec<&str> = lines.collect();
    assert!(numbers.len() == 2 && numbers.iter().all(|number| runs(number)));
    test.kill().unwrap();
    test.wait().unwrap();
    eventually("the server and its files are gone", || {
        !server_directory.exists() && !numbers.iter().any(|number| runs(number))
    });
}

/// Somebody else of the same kind has taken the port, and answers there.
#[test]
fn a_taken_port_means_another_try() {
    for kind in Kind::ALL {
        let Some(other) = WebDav::shared(kind) else {
            continue;
        };
        let taken = Proxy::http(other.port());
        let tries = AtomicU32::new(0);
        let server = start(|| {
            let [port, tls_port] = free_ports();
            match tries.fetch_add(1, Ordering::Relaxed) {
                0 => WebDav::attempt(kind, [taken.port(), tls_port]),
                1 => WebDav::attempt(kind, [port, taken.port()]),
                _ => WebDav::attempt(kind, [port, tls_port]),
            }
        });
        assert_eq!(tries.into_inner(), 3, "{kind:?}");
        let identity = Http::new(server.endpoint()).get("/identity").text();
        let own = server.process().directory().display().to_string();
        assert_eq!(identity, own, "{kind:?}");
    }
    let Some(other) = Redis::shared() else { return };
    let taken = Proxy::raw(other.port());
    let tries = AtomicU32::new(0);
    let redis = start(|| {
        let [free, tls] = free_ports();
        let plain = match tries.fetch_add(1, Ordering::Relaxed) {
            0 => taken.port(),
            _ => free,
        };
        let bus = None;
        Redis::attempt(Ports { plain, tls, bus }, "")
    });
    assert_eq!(tries.into_inner(), 2);
    assert_ne!(redis.port(), taken.port());
}
