//! What one machine compiled the other finds, on each kind of server; and what is
//! wrong with a server's settings is said in words and costs no build anything.

use std::path::Path;

use tempfile::TempDir;

use crate::machine::Machine;
use crate::s3::Credentials;
use crate::servers::cluster::Cluster;
use crate::servers::memcached::Memcached;
use crate::servers::redis::{self, Redis};
use crate::servers::webdav::{self, BASIC, BEARER, Kind, OPEN, READ_ONLY, WebDav};
use crate::servers::weed::{BUCKET, Weed};
use crate::support::{find_program, skip};
use crate::team::{self, CLANG, PLAIN, WARNS, pair};

/// Two machines with this configuration share results of both compilers.
#[track_caller]
fn shares(configuration: &str) {
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), configuration);
    let (well, said) = a.check();
    assert!(well, "{said}");
    let commands = match find_program("clang-19") {
        Some(_) => vec![PLAIN, WARNS, CLANG],
        None => {
            skip("clang not installed (.ci/setup)");
            vec![PLAIN, WARNS]
        }
    };
    for words in commands {
        let counted = a.compile(words);
        let seen = (counted.hits(), counted.get("remote_storage_write"));
        assert_eq!(seen, (0, 1), "{words:?}: {}", a.succeed(&["stats"]));
        a.flush();
        let counted = b.compile(words);
        let seen = (counted.hits(), counted.get("remote_storage_hit"));
        assert_eq!(seen, (1, 1), "{words:?}: {}", b.succeed(&["stats"]));
    }
}

/// A check says all of `words`; a compile is right, and says one line at most.
#[track_caller]
fn refused(configuration: &str, words: &[&str]) -> Machine {
    let root = TempDir::new().unwrap().keep();
    let machine = team::member(&root, "a", configuration);
    let (well, said) = machine.check();
    assert!(!well, "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
    let mut warnings = Vec::new();
    for number in 0..3 {
        machine.write("x.h", &format!("#define X {number}\n"));
        let (counted, lines) = machine.compile_and_listen(PLAIN);
        assert_eq!(counted.get("cache_miss"), 1, "{counted:?}");
        warnings.extend(lines);
        // Succeeds where the upload is hopeless and given up: the next compile tells.
        machine.cache(&["agent", "flush"]);
    }
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("store team: "), "{warnings:?}");
    machine
}

/// Ends the machine of [`refused`].
fn done(machine: Machine) {
    let root = machine.root.parent().unwrap().to_owned();
    drop(machine);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_directory() {
    let shared = TempDir::new().unwrap();
    shares(&team::directory(&shared.path().join("store"), ""));
}

#[test]
fn s3() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("real");
    shares(&team::s3(weed, weed.port(), "real", "prefix = \"plain\""));
}

#[test]
fn s3_over_tls() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("real-tls");
    let authority = weed.certificates().authority.display();
    let more = format!("ca_file = \"{authority}\"");
    let configuration = team::s3(weed, weed.tls_port(), "real-tls", &more);
    shares(&configuration.replace("http://", "https://"));
}

#[test]
fn s3_with_a_certificate_of_nobody_known() {
    let Some(weed) = Weed::shared() else { return };
    let configuration = team::s3(weed, weed.tls_port(), "real-tls", "");
    done(refused(
        &configuration.replace("http://", "https://"),
        &["certificate"],
    ));
}

#[test]
fn s3_makes_the_bucket_if_told_to() {
    let Some(weed) = Weed::shared() else { return };
    let root = TempDir::new().unwrap();
    let configuration = team::s3(weed, weed.port(), "real-new", "auto_create = true");
    // The compile itself makes it: nobody has to check first.
    let [a, b] = pair(root.path(), &configuration);
    let (_, warnings) = a.compile_and_listen(PLAIN);
    assert_eq!(warnings, [""; 0]);
    a.flush();
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
    let checked = team::s3(weed, weed.port(), "real-checked", "auto_create = true");
    shares(&checked);
}

#[test]
fn s3_without_the_bucket() {
    let Some(weed) = Weed::shared() else { return };
    let configuration = team::s3(weed, weed.port(), "real-nowhere", "");
    done(refused(&configuration, &["NoSuchBucket", "auto_create"]));
}

#[test]
fn s3_with_a_wrong_secret() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket("real");
    let right = team::s3(weed, weed.port(), "real", "prefix = \"wrong-secret\"");
    let secret = weed.impostor().secret;
    let wrong = right.replace(&weed.admin().secret, &secret);
    let machine = refused(&wrong, &["credentials"]);
    says_nowhere(&machine, &secret);
    done(machine);
}

#[test]
fn s3_by_somebody_who_may_only_read() {
    let Some(weed) = Weed::shared() else { return };
    weed.bucket(BUCKET);
    let right = team::s3(weed, weed.port(), BUCKET, "prefix = \"real-reader\"");
    let reader = weed.reader();
    let reading = right
        .replace(&weed.admin().access, &reader.access)
        .replace(&weed.admin().secret, &reader.secret);
    done(refused(&reading, &["write", "credentials"]));
    // It is no trouble for who does not try, and he has what the others wrote.
    let root = TempDir::new().unwrap();
    let a = team::member(root.path(), "a", &right);
    a.compile(PLAIN);
    a.flush();
    let b = team::member(root.path(), "b", &format!("{reading}read_only = true\n"));
    assert!(b.check().0, "{}", b.check().1);
    let (counted, warnings) = b.compile_and_listen(PLAIN);
    assert_eq!((counted.get("remote_storage_hit"), warnings.len()), (1, 0));
    b.compile(WARNS);
    b.flush();
}

/// The recipe for GitHub's service: all by variables, and a key that can only read.
#[test]
fn s3_as_a_pull_request_has_it() {
    let Some(weed) = Weed::shared() else { return };
    let bucket = weed.bucket(BUCKET);
    let root = TempDir::new().unwrap();
    let machine = |name: &str, identity: &Credentials, is_pull_request: bool| {
        let mut machine = team::member(root.path(), name, "");
        let endpoint = format!("http%3A%2F%2F127.0.0.1%3A{}", weed.port());
        let more = format!("region=eu-central-1&read_only={is_pull_request}");
        let url = format!("s3://{BUCKET}/actions?endpoint={endpoint}&{more}");
        machine.set("CACHE_STORE", url);
        machine.set("AWS_ACCESS_KEY_ID", &identity.access);
        machine.set("AWS_SECRET_ACCESS_KEY", &identity.secret);
        machine
    };
    let main = machine("main", weed.admin(), false);
    main.compile(PLAIN);
    main.flush();
    let objects = bucket.list("actions/").len();
    let pull = machine("pull", weed.reader(), true);
    let (counted, warnings) = pull.compile_and_listen(PLAIN);
    assert_eq!((counted.get("remote_storage_hit"), warnings.len()), (1, 0));
    let (_, warnings) = pull.compile_and_listen(WARNS);
    assert_eq!(warnings, [""; 0]);
    pull.flush();
    assert!(pull.check().0, "{}", pull.check().1);
    assert_eq!(bucket.list("actions/").len(), objects);
    // Whoever takes that setting out is still held back, and the build goes on.
    let liar = machine("liar", weed.reader(), false);
    liar.compile_and_listen(WARNS);
    let flushed = liar.cache(&["agent", "flush"]);
    assert!(!flushed.status.success());
    assert_eq!(bucket.list("actions/").len(), objects);
    for machine in [&main, &pull, &liar] {
        says_nowhere(machine, &weed.admin().secret);
        says_nowhere(machine, &weed.reader().secret);
        says_nothing_of_it(machine, &weed.reader().secret);
    }
}

/// Not even its environment, while it is there, tells the agent's secrets.
#[track_caller]
fn says_nothing_of_it(machine: &Machine, secret: &str) {
    let Some(agent) = machine.agent() else { return };
    let variables = std::fs::read(format!("/proc/{agent}/environ")).unwrap();
    assert!(!holds(&variables, secret), "the agent's environment");
}

fn web(kind: Kind) {
    let Some(server) = WebDav::shared(kind) else {
        return;
    };
    let port = server.port();
    shares(&team::http(port, &format!("{OPEN}/real"), ""));
    let (user, password) = (webdav::USER, webdav::PASSWORD);
    let basic = format!("username = \"{user}\"\npassword = \"{password}\"");
    shares(&team::http(port, &format!("{BASIC}/real"), &basic));
    let bearer = format!("bearer_token = \"{}\"", webdav::TOKEN);
    shares(&team::http(port, &format!("{BEARER}/real"), &bearer));
    let authority = server.certificates().authority.display();
    let tls = team::http(
        server.tls_port(),
        &format!("{OPEN}/real-tls"),
        &format!("ca_file = \"{authority}\""),
    );
    shares(&tls.replace("http://", "https://"));
    let wrong = basic.replace(password, "not-the-secret");
    let machine = refused(
        &team::http(port, &format!("{BASIC}/real"), &wrong),
        &["credentials"],
    );
    says_nowhere(&machine, "not-the-secret");
    done(machine);
    done(refused(
        &team::http(port, &format!("{READ_ONLY}/real"), ""),
        &["write"],
    ));
}

#[test]
fn nginx() {
    web(Kind::Nginx);
}

#[test]
fn apache() {
    web(Kind::Apache);
}

fn redis_section(url: &str, more: &str) -> String {
    format!("[[store]]\nname = \"team\"\ntype = \"redis\"\nurl = {url}\n{more}\n")
}

#[test]
fn redis_plain_by_socket_and_over_tls() {
    let Some(server) = Redis::shared() else {
        return;
    };
    let plain = format!("\"redis://127.0.0.1:{}/0\"", server.port());
    shares(&redis_section(&plain, "prefix = \"real-plain\""));
    let socket = format!("\"unix://{}\"", server.socket().display());
    shares(&redis_section(&socket, "prefix = \"real-socket\""));
    let tls = format!("\"rediss://127.0.0.1:{}/0\"", server.tls_port());
    let authority = server.certificates().authority.display();
    let more = format!("ca_file = \"{authority}\"\nprefix = \"real-tls\"\nttl = \"1h\"");
    shares(&redis_section(&tls, &more));
    done(refused(&redis_section(&tls, ""), &["certificate"]));
}

#[test]
fn redis_with_users() {
    let Some(server) = Redis::guarded() else {
        return;
    };
    let url = format!("\"redis://127.0.0.1:{}/0\"", server.port());
    let user = |[name, password]: [&str; 2]| {
        format!("username = \"{name}\"\npassword = \"{password}\"\nprefix = \"real-users\"")
    };
    shares(&redis_section(&url, &user(redis::ADMIN)));
    let secret = "not-the-secret";
    let machine = refused(
        &redis_section(&url, &user([redis::ADMIN[0], secret])),
        &["credentials"],
    );
    says_nowhere(&machine, secret);
    done(machine);
    done(refused(
        &redis_section(&url, "prefix = \"real-users\""),
        &["credentials"],
    ));
    let elsewhere = user(redis::READER).replace("real-users", "real-reader");
    done(refused(
        &redis_section(&url, &elsewhere),
        &["write", "credentials"],
    ));
    // Keys of others.
    done(refused(
        &redis_section(&url, &user(redis::CONFINED)),
        &["credentials"],
    ));
}

#[test]
fn redis_in_a_cluster() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let urls: Vec<String> = cluster
        .nodes()
        .iter()
        .map(|node| format!("\"redis://127.0.0.1:{}\"", node.port()))
        .collect();
    let more = "cluster = true\nprefix = \"real-cluster\"";
    shares(&redis_section(&format!("[{}]", urls.join(", ")), more));
}

#[test]
fn memcached() {
    let Some(server) = Memcached::shared() else {
        return;
    };
    let configuration = format!(
        "[[store]]\nname = \"team\"\ntype = \"memcached\"\n\
         endpoint = \"127.0.0.1:{}\"\nprefix = \"real\"\nttl = \"1h\"\n",
        server.port()
    );
    shares(&configuration);
    // More than its largest item: dropped and counted, and in the way of no other.
    let root = TempDir::new().unwrap();
    let [a, b] = pair(root.path(), &configuration);
    let (mut bytes, mut state) = (String::new(), 1_u32);
    for _ in 0..600_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes += &format!("{},", state as i32);
    }
    a.write("n.c", &format!("int large[] = {{ {bytes} }};\n"));
    let (_, warnings) = a.compile_and_listen(team::FRESH);
    assert_eq!(warnings, [""; 0]);
    a.flush();
    assert_eq!(a.counters().get("store_team_dropped"), 1);
    team::fresh(&a, 70);
    a.flush();
    assert_eq!(team::fresh(&b, 70).get("remote_storage_hit"), 1);
}

/// No file that the cache wrote, and nothing that it says, has `secret` in it.
#[track_caller]
pub fn says_nowhere(machine: &Machine, secret: &str) {
    for words in [
        &["stats"][..],
        &["agent", "status"],
        &["store", "check"],
        &["config"],
    ] {
        let output = machine.cache(words);
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8_lossy(&stream).into_owned();
            assert!(!text.contains(secret), "cache {words:?}: {text}");
        }
    }
    if let Some(agent) = machine.agent() {
        let words = std::fs::read(format!("/proc/{agent}/cmdline")).unwrap();
        assert!(!holds(&words, secret), "the agent's command line");
    }
    look_for(&machine.root.join("cache"), secret);
    look_for(&machine.root.join("run"), secret);
    if let Ok(log) = std::fs::read(machine.root.join("log")) {
        assert!(!holds(&log, secret), "{}", String::from_utf8_lossy(&log));
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|part| part == secret.as_bytes())
}

fn look_for(directory: &Path, secret: &str) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            look_for(&path, secret);
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert!(!holds(&bytes, secret), "{}", path.display());
        }
    }
}
