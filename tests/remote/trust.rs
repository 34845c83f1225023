//! Whom a machine believes, and that its secrets stay with it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use tempfile::TempDir;

use crate::machine::Machine;
use crate::real::says_nowhere;
use crate::servers::webdav::{self, BASIC, Kind, WebDav};
use crate::team::{self, FRESH, PLAIN, fresh, member};

/// A file that only its owner can read.
fn private(path: PathBuf, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// Adds lines to a section for the directory that all share.
fn section(root: &Path, more: &str) -> String {
    team::directory(&root.join("shared"), more)
}

fn hmac(root: &Path, name: &str, key: &str) -> String {
    let file = private(root.join(name), key);
    section(root, &format!("verify = \"hmac\"\nkey_file = \"{file}\""))
}

/// A miss, and it is said why: the figure `figure` counts one.
#[track_caller]
fn is_missed(machine: &Machine, words: &[&str], figure: &str) {
    let counted = machine.compile(words);
    assert_eq!((counted.hits(), counted.get("remote_storage_hit")), (0, 0));
    assert_eq!(counted.get(figure), 1, "{counted:?}");
}

const UNTRUSTED: &str = "store_team_untrusted";
const DAMAGED: &str = "store_team_damaged";

#[test]
fn who_knows_the_key_is_believed() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let (right, wrong) = (
        "the key of the team: 0123456789",
        "another key of 16 bytes or more",
    );
    let a = member(root, "a", &hmac(root, "right", right));
    let b = member(root, "b", &hmac(root, "right", right));
    let c = member(root, "c", &hmac(root, "wrong", wrong));
    let unsigned = member(root, "d", &section(root, ""));
    a.compile(PLAIN);
    a.flush();
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
    is_missed(&c, PLAIN, UNTRUSTED);
    c.cache(&["agent", "stop"]);
    // Somebody without a key.
    unsigned.write("n.c", &team::source(1));
    unsigned.compile(FRESH);
    unsigned.flush();
    b.write("n.c", &team::source(1));
    is_missed(&b, FRESH, UNTRUSTED);
    b.flush();
    // What it compiled instead is right again.
    assert_eq!(fresh(&a, 1).get("remote_storage_hit"), 1);
    for machine in [&a, &b, &c] {
        says_nowhere(machine, right);
        says_nowhere(machine, wrong);
    }
}

#[test]
fn who_signs_is_believed() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let keys: Vec<SigningKey> = [7, 8].map(|n| SigningKey::from_bytes(&[n; 32])).into();
    let public = |key: &SigningKey| STANDARD.encode(key.verifying_key().as_bytes());
    let secret = |key: &SigningKey| STANDARD.encode(key.to_bytes());
    let believes = |key: &SigningKey| {
        format!(
            "verify = \"ed25519\"\npublic_keys = [\"{}\"]\n",
            public(key)
        )
    };
    let signs = |name: &str, key: &SigningKey| {
        let file = private(root.join(name), &secret(key));
        format!("signing_key_file = \"{file}\"\n")
    };
    let main = format!("{}{}", believes(&keys[0]), signs("main", &keys[0]));
    let other = format!("{}{}", believes(&keys[1]), signs("other", &keys[1]));
    let writer = member(root, "writer", &section(root, &main));
    let reader = member(root, "reader", &section(root, &believes(&keys[0])));
    let stranger = member(root, "stranger", &section(root, &other));
    writer.compile(PLAIN);
    writer.flush();
    assert_eq!(reader.compile(PLAIN).get("remote_storage_hit"), 1);
    is_missed(&stranger, PLAIN, UNTRUSTED);
    // Without a key nothing is written.
    fresh(&reader, 1);
    reader.flush();
    assert_eq!(fresh(&writer, 1).get("remote_storage_miss"), 1);
    stranger.cache(&["agent", "flush"]);
    fresh(&stranger, 2);
    stranger.flush();
    reader.write("n.c", &team::source(2));
    is_missed(&reader, FRESH, UNTRUSTED);
    assert!(reader.check().0, "{}", reader.check().1);
    for machine in [&writer, &reader, &stranger] {
        keys.iter()
            .for_each(|key| says_nowhere(machine, &secret(key)));
    }
}

/// All objects below a directory.
fn objects(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(objects(&path)),
            false if path.file_name().unwrap().len() == 64 => found.push(path),
            false => {}
        }
    }
    found
}

#[test]
fn an_object_under_another_name_is_a_miss() {
    for verify in [false, true] {
        let root = TempDir::new().unwrap();
        let root = root.path();
        let configuration = match verify {
            true => hmac(root, "key", "the key of the team: 0123456789"),
            false => section(root, ""),
        };
        let a = member(root, "a", &configuration);
        let b = member(root, "b", &configuration);
        fresh(&a, 1);
        a.flush();
        let [first] = &objects(&root.join("shared"))[..] else {
            panic!("one object")
        };
        fresh(&a, 2);
        a.flush();
        let all = objects(&root.join("shared"));
        let second = all.iter().find(|path| *path != first).unwrap();
        std::fs::copy(first, second).unwrap();
        b.write("n.c", &team::source(2));
        is_missed(&b, FRESH, DAMAGED);
        assert_eq!(fresh(&b, 1).get("remote_storage_hit"), 1);
    }
}

/// Places in an object, from its start or, if negative, from its end: of each field of
/// the head (src/agent/envelope.rs), and of its content.
const PLACES: &[isize] = &[
    0, 8, 12, 43, 44, 52, 60, 91, 92, 93, 125, 188, 189, 196, 197, 210, -20, -1,
];

/// An altered object, whatever the byte, is a miss that counts one event.
#[track_caller]
fn any_altered_byte_is_one_miss(more: impl Fn(&Path) -> String) {
    let root = TempDir::new().unwrap();
    let configuration = section(root.path(), &more(root.path()));
    let a = member(root.path(), "a", &configuration);
    a.compile(PLAIN);
    a.flush();
    let [object] = &objects(&root.path().join("shared"))[..] else {
        panic!("one object")
    };
    let whole = std::fs::read(object).unwrap();
    // One that leaves what it finds as it is.
    let b = member(
        root.path(),
        "b",
        &format!("{configuration}read_only = true\n"),
    );
    for place in PLACES {
        let at = place.rem_euclid(whole.len() as isize) as usize;
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        std::fs::write(object, altered).unwrap();
        let before = b.counters();
        assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 0, "byte {at}");
        let counted = b.counters().since(&before);
        let events = counted.get(DAMAGED) + counted.get(UNTRUSTED);
        assert_eq!(events, 1, "byte {at}: {counted:?}");
        assert_eq!(counted.get("remote_storage_error"), 1, "byte {at}");
        b.succeed(&["clean"]);
    }
    std::fs::write(object, &whole).unwrap();
    assert_eq!(b.compile(PLAIN).get("remote_storage_hit"), 1);
}

#[test]
fn any_altered_byte_of_an_object_is_one_miss() {
    any_altered_byte_is_one_miss(|_| String::new());
    any_altered_byte_is_one_miss(|root| {
        let file = private(root.join("key"), "the key of the team: 0123456789");
        format!("verify = \"hmac\"\nkey_file = \"{file}\"\n")
    });
    let key = SigningKey::from_bytes(&[9; 32]);
    any_altered_byte_is_one_miss(|root| {
        let public = STANDARD.encode(key.verifying_key().as_bytes());
        let file = private(root.join("key"), &STANDARD.encode(key.to_bytes()));
        format!(
            "verify = \"ed25519\"\npublic_keys = [\"{public}\"]\nsigning_key_file = \"{file}\"\n"
        )
    });
}

#[test]
fn a_password_is_said_nowhere() {
    let Some(server) = WebDav::shared(Kind::Nginx) else {
        return;
    };
    let root = TempDir::new().unwrap();
    let more = format!(
        "username = \"{}\"\npassword = \"{}\"",
        webdav::USER,
        webdav::PASSWORD
    );
    let path = format!("{BASIC}/secrets");
    let mut a = member(root.path(), "a", &team::http(server.port(), &path, &more));
    a.set("CACHE_LOG", a.root.join("log").display().to_string());
    // Down, so that there is something in the spool.
    let wrong = team::http(server.port(), &format!("{BASIC}/secrets"), &more)
        .replace(webdav::PASSWORD, "not-the-secret");
    a.configure(&wrong);
    let (_, warnings) = a.compile_and_listen(PLAIN);
    assert_eq!(warnings.len(), 1);
    assert!(!warnings[0].contains("not-the-secret"), "{warnings:?}");
    says_nowhere(&a, "not-the-secret");
    a.configure(&team::http(server.port(), &path, &more));
    fresh(&a, 1);
    a.flush();
    let log = std::fs::read_to_string(a.root.join("log")).unwrap();
    assert!(log.contains("remote") || log.contains("store"), "{log}");
    for secret in [
        webdav::PASSWORD,
        &STANDARD.encode(format!("{}:{}", webdav::USER, webdav::PASSWORD)),
    ] {
        says_nowhere(&a, secret);
    }
}
