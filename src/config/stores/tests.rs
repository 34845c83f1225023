use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::keys::{Field, find_key};
use super::types::find_type;
use super::*;
use crate::config::tests::Desk;
use crate::config::{ConfigError, Environment, Origin, set_user_key, unset_user_key};

/// 32 bytes in base64.
const PUBLIC_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A word that must not be seen anywhere.
pub(super) const HUSH: &str = "hush-hush";

pub(super) fn stores(desk: &Desk) -> Result<Vec<StoreConfig>, ConfigError> {
    desk.load().unwrap().stores(&desk.env())
}

/// The stores of a user's file.
fn of_file(text: &str) -> Vec<StoreConfig> {
    stores(&Desk::new().user(text)).unwrap()
}

/// The only store of a section with these lines.
pub(super) fn section(lines: &str) -> StoreConfig {
    let mut stores = of_file(&format!("[[store]]\n{lines}\n"));
    assert_eq!(stores.len(), 1);
    stores.remove(0)
}

/// The stores of `CACHE_STORE`.
fn of_urls(text: &str) -> Vec<StoreConfig> {
    stores(&Desk::new().var(STORE_VARIABLE, text)).unwrap()
}

fn url(text: &str) -> StoreConfig {
    let mut stores = of_urls(text);
    assert_eq!(stores.len(), 1);
    stores.remove(0)
}

pub(super) fn refusal(desk: &Desk) -> String {
    let error = stores(desk).expect_err("stores that are wrong").to_string();
    assert!(!error.contains(HUSH), "{error}");
    error.replace(&desk.home().display().to_string(), "~")
}

fn s3(store: &StoreConfig) -> &S3 {
    match &store.service {
        Service::S3(s3) => s3,
        other => panic!("{other:?}"),
    }
}

fn http(store: &StoreConfig) -> &Http {
    match &store.service {
        Service::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

fn redis(store: &StoreConfig) -> &Redis {
    match &store.service {
        Service::Redis(redis) => redis,
        other => panic!("{other:?}"),
    }
}

fn exposed(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(Secret::expose)
}

// --- the tables ---

#[test]
fn the_rows_fit_the_types_that_they_name() {
    for kind in TYPES {
        let blank = (kind.blank)();
        assert_eq!(blank.type_name(), kind.name);
        let json = serde_json::to_value(&blank).unwrap();
        assert_eq!(json["type"], kind.name);
        for trust in [
            Trust::Checksum,
            Trust::Hmac {
                key_file: PathBuf::new(),
            },
            Trust::Ed25519 {
                public_keys: Vec::new(),
                signing_key_file: None,
            },
        ] {
            let mut store = kind.blank_store("x".into());
            store.trust = trust;
            for key in STORE_KEYS {
                let fits = key.types.contains(&kind.name)
                    && key.verify.is_none_or(|verify| verify == store.trust.name());
                assert_eq!(
                    key.field.applies(&mut store),
                    fits,
                    "{} {}",
                    kind.name,
                    key.name
                );
            }
        }
        if let Some((user, password)) = kind.credentials {
            assert!(find_key(user, kind.name).is_some());
            assert!(find_key(password, kind.name).unwrap().secret());
        }
    }
}

#[test]
fn a_key_has_one_row_for_a_type_and_refers_to_others_of_it() {
    for (index, key) in STORE_KEYS.iter().enumerate() {
        assert!(key.doc.ends_with('.'), "{}", key.name);
        assert!(!key.doc.contains('|') && !key.accepts().contains('|'));
        for kind in key.types {
            assert!(find_type(kind).is_some(), "{}", key.name);
            let same = |other: &&StoreKey| other.name == key.name && other.types.contains(kind);
            assert_eq!(STORE_KEYS.iter().filter(same).count(), 1, "{}", key.name);
            for other in key.needs.iter().chain(key.excludes) {
                assert!(find_key(other, kind).is_some(), "{}: {other}", key.name);
            }
            // `x_file` is the file with the secret `x` only if nothing else is.
            for suffix in ["_file", "_env"] {
                let other = find_key(&format!("{}{suffix}", key.name), kind);
                assert!(!key.secret() || other.is_none(), "{}", key.name);
            }
        }
        assert!(index > 0 || matches!(key.field, Field::Type));
    }
}

// --- the file ---

#[test]
fn a_section_with_everything() {
    let store = section(
        r#"
        name = "team"
        type = "s3"
        bucket = "ccache"
        region = "eu-central-1"
        endpoint = "http://127.0.0.1:8333/"
        access_key = "AKIA"
        secret_key = "s/3+="
        session_token = "token"
        virtual_host_style = true
        auto_create = true
        server_side_encryption = "aws:kms"
        sse_kms_key_id = "alias/x"
        ca_file = "~/ca.pem"
        read_only = false
        write_only = true
        read_prefixes = ["pr-17", "main", ""]
        write_prefix = "team/pr-17"
        max_size = "50G"
        max_blob_bytes = "64MiB"
        connect_timeout = "2s"
        response_timeout = "1500ms"
        stall_timeout = "1m"
        verify = "checksum"
        "#,
    );
    assert_eq!(store.name, "team");
    assert!(store.write_only && !store.read_only);
    assert_eq!(store.read_prefixes, ["pr-17", "main", ""]);
    assert_eq!(store.write_prefix, "team/pr-17");
    assert_eq!(store.max_size, Some(50_000_000_000));
    assert_eq!(store.max_blob_bytes, Some(64 << 20));
    assert_eq!(store.deadlines.connect, Duration::from_secs(2));
    assert_eq!(store.deadlines.response, Duration::from_millis(1500));
    assert_eq!(store.deadlines.stall, Duration::from_secs(60));
    assert_eq!(store.trust, Trust::Checksum);
    let s3 = s3(&store);
    assert_eq!(s3.bucket, "ccache");
    assert_eq!(s3.region.as_deref(), Some("eu-central-1"));
    assert_eq!(s3.endpoint.as_deref(), Some("http://127.0.0.1:8333"));
    assert_eq!(exposed(&s3.access_key), Some("AKIA"));
    assert_eq!(exposed(&s3.secret_key), Some("s/3+="));
    assert_eq!(exposed(&s3.session_token), Some("token"));
    assert!(s3.virtual_host_style && s3.auto_create && !s3.anonymous);
    assert_eq!(s3.server_side_encryption.as_deref(), Some("aws:kms"));
    assert_eq!(s3.sse_kms_key_id.as_deref(), Some("alias/x"));
    assert!(s3.ca_file.as_ref().unwrap().ends_with("ca.pem"));
}

#[test]
fn a_section_with_as_little_as_can_be() {
    let store = section("type = 's3'\nbucket = 'b'");
    let expected = StoreConfig {
        service: Service::S3(S3 {
            bucket: "b".into(),
            ..S3::default()
        }),
        read_prefixes: vec![String::new()],
        ..find_type("s3").unwrap().blank_store("store1".into())
    };
    assert_eq!(store, expected);
    assert_eq!(store.deadlines, Deadlines::default());
}

#[test]
fn sections_keep_their_order_and_leave_keys_alone() {
    let desk = Desk::new().user(
        "disable = true\n[[store]]\ntype = 'directory'\npath = 'near'\n\
         [[store]]\nname = 'far'\ntype = 'directory'\npath = '/far'\n",
    );
    assert!(desk.load().unwrap().disable);
    let stores = stores(&desk).unwrap();
    let names: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
    assert_eq!(names, ["store1", "far"]);
    let path = desk.user_file().parent().unwrap().join("near");
    assert_eq!(stores[0].service, Service::Directory { path });
    let config = desk.load().unwrap();
    assert_eq!(
        config.store_origin(&desk.env()),
        Origin::UserFile(desk.user_file())
    );
    assert!(of_file("store = []\n").is_empty());
    assert!(of_file("").is_empty());
}

#[test]
fn every_type_has_its_section() {
    let store = section(
        "type = 'http'\nurl = 'https://me:p%40ss@h:8/x/'\nlayout = 'bazel'\nheaders = ['X-A: 1', 'X-B: c d']",
    );
    let http = http(&store);
    assert_eq!(http.url, "https://h:8/x");
    assert_eq!(http.layout, HttpLayout::Bazel);
    assert_eq!(http.username.as_deref(), Some("me"));
    assert_eq!(exposed(&http.password), Some("p@ss"));
    assert_eq!(http.headers[1], ("X-B".into(), Secret::new("c d")));

    let store = section(
        "type = 'redis'\nurl = ['redis://:pw@a:1/2', 'rediss://b']\ncluster = true\nttl = '7d'",
    );
    let redis = redis(&store);
    assert_eq!(redis.endpoints, ["redis://a:1/2", "rediss://b"]);
    assert!(redis.cluster && redis.username.is_none());
    assert_eq!(exposed(&redis.password), Some("pw"));
    assert_eq!(redis.ttl, Some(Duration::from_secs(7 * 86_400)));

    let store = section("type = 'memcached'\nendpoint = '[::1]'\nttl = 'none'");
    let Service::Memcached { endpoint, ttl, .. } = &store.service else {
        panic!("{store:?}");
    };
    assert_eq!((endpoint.as_str(), *ttl), ("[::1]:11211", None));

    let store = section("type = 'gcs'\nbucket = 'b'\nanonymous = true");
    assert!(matches!(
        &store.service,
        Service::Gcs {
            anonymous: true,
            ..
        }
    ));

    let store = section(
        "type = 'azblob'\ncontainer = 'c'\nendpoint = 'https://a.example'\naccount = 'a'\naccount_key = 'k=='",
    );
    let Service::Azblob { account, key, .. } = &store.service else {
        panic!("{store:?}");
    };
    assert_eq!((account.as_deref(), exposed(key)), (Some("a"), Some("k==")));
}

#[test]
fn one_kind_of_prefix_follows_the_other() {
    let prefixes = |lines: &str| {
        let store = section(&format!("type = 's3'\nbucket = 'b'\n{lines}"));
        (store.read_prefixes.join(","), store.write_prefix)
    };
    let pair = |read: &str, write: &str| (read.to_owned(), write.to_owned());
    assert_eq!(prefixes("prefix = 'a/b'"), pair("a/b", "a/b"));
    assert_eq!(prefixes("prefix = ''"), pair("", ""));
    assert_eq!(prefixes("read_prefixes = ['a', 'b']"), pair("a,b", "a"));
    assert_eq!(prefixes("write_prefix = 'a'"), pair("a", "a"));
    assert_eq!(
        prefixes("read_prefixes = ['a']\nwrite_prefix = ''"),
        pair("a", "")
    );
}

#[test]
fn a_secret_may_be_in_a_file_or_a_variable() {
    let desk = Desk::new()
        .user("[[store]]\ntype = 's3'\nbucket = 'b'\naccess_key_file = 'id'\nsecret_key_env = 'CACHE_MINE'\n")
        .var("CACHE_MINE", "of a variable");
    fs::write(desk.user_file().with_file_name("id"), "of a file\n").unwrap();
    let stores = stores(&desk).unwrap();
    assert_eq!(exposed(&s3(&stores[0]).access_key), Some("of a file"));
    assert_eq!(exposed(&s3(&stores[0]).secret_key), Some("of a variable"));
    // That variable has an effect.
    let unknown = desk.load().unwrap().unknown_variables(&desk.env());
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_callers_aws_variables_come_along() {
    let desk = Desk::new()
        .var("AWS_REGION", "r")
        .var("AWS_PROFILE", "")
        .var("AWS_ACCESS_KEY_ID", HUSH)
        .var("MY_AWS_REGION", "x")
        .user("[[store]]\ntype = 's3'\nbucket = 'b'\n");
    let stores = stores(&desk).unwrap();
    let expected = [
        ("AWS_ACCESS_KEY_ID".to_owned(), Secret::new(HUSH)),
        ("AWS_REGION".to_owned(), Secret::new("r")),
    ];
    assert_eq!(s3(&stores[0]).environment, expected);
}

#[test]
fn a_switch_that_is_off_contradicts_nothing() {
    section("type = 's3'\nbucket = 'b'\nread_only = false\nwrite_only = true");
    section("type = 's3'\nbucket = 'b'\nanonymous = false\naccess_key = 'x'\nsecret_key = 'y'");
}

// --- whom to believe ---

fn key_file(mode: u32) -> (Desk, PathBuf) {
    let desk = Desk::new();
    let path = desk.home().join("key");
    fs::write(&path, HUSH).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (desk, path)
}

#[test]
fn keys_to_sign_with_are_nobody_elses() {
    let hmac = "[[store]]\ntype = 's3'\nbucket = 'b'\nverify = 'hmac'\nkey_file = '~/key'\n";
    let (desk, path) = key_file(0o600);
    let store = stores(&desk.user(hmac)).unwrap().remove(0);
    assert_eq!(store.trust, Trust::Hmac { key_file: path });
    let (desk, _) = key_file(0o604);
    insta::assert_snapshot!(refusal(&desk.user(hmac)), @"~/.config/cache/config.toml:5: store `store1`: `key_file` names ~/key, which other users may read, so that it proves nothing; make a new key and `chmod 600` its file");
    insta::assert_snapshot!(refusal(&Desk::new().user(hmac)), @"~/.config/cache/config.toml:5: store `store1`: `key_file` names ~/key, which cannot be used: No such file or directory (os error 2); put the file right, or remove `key_file`");
}

#[test]
fn without_a_key_to_sign_with_a_store_is_only_read() {
    let base = format!(
        "[[store]]\ntype = 's3'\nbucket = 'b'\nverify = 'ed25519'\npublic_keys = ['{PUBLIC_KEY}']\n"
    );
    let store = of_file(&base).remove(0);
    assert!(store.read_only);
    let (desk, path) = key_file(0o600);
    let desk = desk.user(&format!("{base}signing_key_file = '~/key'\n"));
    let store = stores(&desk).unwrap().remove(0);
    assert!(!store.read_only);
    let expected = Trust::Ed25519 {
        public_keys: vec![PUBLIC_KEY.into()],
        signing_key_file: Some(path),
    };
    assert_eq!(store.trust, expected);
    let desk = Desk::new().user(&format!("{base}write_only = true\n"));
    insta::assert_snapshot!(refusal(&desk), @"~/.config/cache/config.toml:6: store `store1`: `write_only` needs `signing_key_file` as well; add it, or remove `write_only`");
}

// --- CACHE_STORE ---

#[test]
fn urls_are_sections_in_short() {
    let store = url(
        "s3://ccache/team/main/?region=eu&endpoint=http://127.0.0.1:9000&name=x&secret_key=a%26b+c%25&access_key=id",
    );
    assert_eq!(store.name, "x");
    assert_eq!(store.write_prefix, "team/main");
    assert_eq!(store.read_prefixes, ["team/main"]);
    assert_eq!(
        s3(&store).endpoint.as_deref(),
        Some("http://127.0.0.1:9000")
    );
    assert_eq!(exposed(&s3(&store).secret_key), Some("a&b+c%"));

    let store = url("s3://id:key@b?read_prefixes=pr,main");
    assert_eq!(exposed(&s3(&store).access_key), Some("id"));
    assert_eq!(exposed(&s3(&store).secret_key), Some("key"));
    assert_eq!(
        (store.read_prefixes.len(), store.write_prefix.as_str()),
        (2, "pr")
    );

    let store = url("HTTPS://me:a@b:c@host:8/x%20y?layout=flat&response_timeout=300ms");
    assert_eq!(http(&store).url, "https://host:8/x%20y");
    assert_eq!(http(&store).username.as_deref(), Some("me"));
    assert_eq!(exposed(&http(&store).password), Some("a@b:c"));
    assert_eq!(http(&store).layout, HttpLayout::Flat);
    assert_eq!(store.deadlines.response, Duration::from_millis(300));

    assert_eq!(
        redis(&url("rediss://me@h:1/0")).endpoints,
        ["rediss://h:1/0"]
    );
    let store = url("redis+unix:///run/redis.sock?prefix=main");
    assert_eq!(redis(&store).endpoints, ["unix:///run/redis.sock"]);
    assert_eq!(store.write_prefix, "main");

    let store = url("file:///mnt/a%20b/");
    let path = "/mnt/a b".into();
    assert_eq!(store.service, Service::Directory { path });
    assert!(matches!(
        url("memcached://h:1").service,
        Service::Memcached { endpoint, .. } if endpoint == "h:1"
    ));
    assert!(matches!(
        url("gcs://b/main").service,
        Service::Gcs { bucket, .. } if bucket == "b"
    ));
    let store = url("azblob://a:k==@c/p?endpoint=http://h/a");
    assert!(matches!(
        store.service,
        Service::Azblob {
            account: Some(_),
            key: Some(_),
            ..
        }
    ));
}

#[test]
fn the_variable_replaces_the_files_sections() {
    let file = "[[store]]\ntype = 's3'\nbucket = 'b'\n";
    let names = |value: &str| -> Vec<String> {
        let desk = Desk::new().user(file).var(STORE_VARIABLE, value);
        let stores = stores(&desk).unwrap();
        stores.into_iter().map(|store| store.name).collect()
    };
    assert_eq!(
        names(" file:///a\n\tfile:///b?name=b file:///c "),
        ["store1", "b", "store3"]
    );
    assert!(names("none").is_empty());
    // As every empty variable, it is not set.
    assert_eq!(names(""), ["store1"]);
    let desk = Desk::new().user(file).var(STORE_VARIABLE, "none");
    let config = desk.load().unwrap();
    assert_eq!(
        config.store_origin(&desk.env()),
        Origin::Environment(STORE_VARIABLE)
    );
    assert!(config.unknown_variables(&desk.env()).is_empty());
}

// --- editing ---

#[test]
fn setting_keys_leaves_sections_alone() {
    let sections = "# the team's\n[[store]] # near\ntype = 's3'\nbucket = 'b'\n\n[[store]]\ntype = 's3'\nbucket = 'c'\nmax_size = \"1G\"\n";
    let desk = Desk::new().user(sections);
    set_user_key(&desk.env(), &desk.cwd(), "max_size", "2G").unwrap();
    set_user_key(&desk.env(), &desk.cwd(), "hash_dir", "no").unwrap();
    unset_user_key(&desk.env(), "max_size").unwrap();
    let text = fs::read_to_string(desk.user_file()).unwrap();
    assert!(text.ends_with(sections), "{text}");
    let config = desk.load().unwrap();
    assert!(!config.hash_dir);
    assert_eq!(config.stores(&desk.env()).unwrap().len(), 2);
}

// --- secrets ---

#[test]
fn secrets_are_not_shown() {
    let lines = [
        format!(
            "type = 's3'\nbucket = 'b'\naccess_key = '{HUSH}'\nsecret_key = '{HUSH}'\nsession_token = '{HUSH}'"
        ),
        format!("type = 'http'\nurl = 'http://me:{HUSH}@h'\nheaders = ['X-A: {HUSH}']"),
        format!("type = 'http'\nurl = 'http://h'\nbearer_token = '{HUSH}'"),
        format!("type = 'redis'\nurl = 'redis://:{HUSH}@h'"),
        format!("type = 'memcached'\nendpoint = 'me:{HUSH}@h:1'"),
        format!("type = 'gcs'\nbucket = 'b'\ncredential = '{HUSH}'"),
        format!("type = 'azblob'\ncontainer = 'b'\nendpoint = 'https://a:{HUSH}@h'"),
        format!("type = 'azblob'\ncontainer = 'b'\nendpoint = 'https://h'\nsas_token = '{HUSH}'"),
    ];
    for lines in lines {
        let desk = Desk::new()
            .user(&format!("[[store]]\n{lines}\n"))
            .var("AWS_SECRET_ACCESS_KEY", HUSH);
        let config = desk.load().unwrap();
        assert!(!format!("{config:?}").contains(HUSH));
        let stores = config.stores(&desk.env()).unwrap();
        assert!(!format!("{stores:?}").contains(HUSH));
        for (key, value) in stores.iter().flat_map(show) {
            assert!(!value.to_string().contains(HUSH), "{key}");
        }
        // The agent needs them.
        assert!(serde_json::to_string(&stores).unwrap().contains(HUSH));
    }
}

#[test]
fn secrets_that_others_may_read_are_noted() {
    let notes = |text: &str, mode: u32| {
        let desk = Desk::new().user(text);
        fs::set_permissions(desk.user_file(), fs::Permissions::from_mode(mode)).unwrap();
        let id = desk.user_file().with_file_name("id");
        fs::write(&id, "x").unwrap();
        fs::set_permissions(id, fs::Permissions::from_mode(mode)).unwrap();
        assert!(stores(&desk).is_ok());
        let notes = desk.load().unwrap().store_notes(&desk.env());
        notes
            .join("\n")
            .replace(&desk.home().display().to_string(), "~")
    };
    let inline = "[[store]]\ntype = 'redis'\nurl = 'redis://h'\npassword = 'x'\n";
    insta::assert_snapshot!(notes(inline, 0o644), @"~/.config/cache/config.toml has a secret of a store in it and other users may read it; `chmod 600 ~/.config/cache/config.toml`");
    assert_eq!(notes(inline, 0o600), "");
    let in_url = "[[store]]\ntype = 'redis'\nurl = 'redis://:x@h'\n";
    assert_ne!(notes(in_url, 0o644), "");
    let in_file = "[[store]]\ntype = 'redis'\nurl = 'redis://h'\npassword_file = 'id'\n";
    insta::assert_snapshot!(notes(in_file, 0o644), @"~/.config/cache/id has a secret of a store in it and other users may read it; `chmod 600 ~/.config/cache/id`");
    let none = "[[store]]\ntype = 'redis'\nurl = 'redis://h'\n";
    assert_eq!(notes(none, 0o644), "");
}

// --- any text ---

/// Neither reads nor shows with a panic.
fn try_out(desk: &Desk) {
    if let Ok(config) = desk.load() {
        let _ = config.store_notes(&desk.env());
        let _ = config.unknown_variables(&desk.env());
        match config.stores(&desk.env()) {
            Ok(stores) => stores.iter().for_each(|store| drop(show(store))),
            Err(error) => drop(error.to_string()),
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_url_makes_a_panic(text in "((s3|http|redis|redis\\+unix|file|memcached|gcs|azblob)://)?\\PC{0,40}") {
        if let Ok(sections) = of_variable(text.as_ref()) {
            let env = Environment::from_pairs([("HOME", "/nowhere")]);
            let _ = notes(&sections, &env);
            let _ = read(&sections, &env).map_err(|error| error.to_string());
        }
    }

    /// Sections of real keys with any values.
    #[test]
    fn no_section_makes_a_panic(
        kind in 0..TYPES.len(),
        lines in proptest::collection::vec(
            (0..STORE_KEYS.len(), "(|_file|_env)", "(\"[^\"\\\\\n]{0,20}\"|'[a-z:/@?%.\\[\\]]{0,20}'|true|-?[0-9]{1,25}|\\[\"[^\"\\\\\n]{0,12}\"\\]|1979-05-27)"),
            0..8),
    ) {
        let mut text = format!("[[store]]\ntype = '{}'\n", TYPES[kind].name);
        for (key, suffix, value) in lines {
            text.push_str(&format!("{}{suffix} = {value}\n", STORE_KEYS[key].name));
        }
        try_out(&Desk::new().user(&text));
    }

    /// A secret that was not written as it should be does not come out again.
    #[test]
    fn no_error_has_the_secret(
        before in "(s3://|http://|redis://|memcached://|gcs://|azblob://|)[a-z:%]{0,4}",
        after in "[@:/?&=%#]{0,3}[a-z]{0,3}[@:/?&=%]{0,2}",
    ) {
        let secret = "Q7+Q7";
        let text = format!("{before}:{secret}@{after}");
        let desk = Desk::new().user(&format!("[[store]]\ntype = 'http'\nurl = '{text}'\n"));
        let error = stores(&desk).map(|_| ()).map_err(|error| error.to_string());
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
        let desk = Desk::new().var(STORE_VARIABLE, &text);
        let error = stores(&desk).map(|_| ()).map_err(|error| error.to_string());
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
    }
}
