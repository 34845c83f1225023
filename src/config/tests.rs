use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

/// A home with a user file and a checkout below it.
pub(super) struct Desk {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Desk {
    pub(super) fn new() -> Desk {
        let desk = Desk {
            root: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        };
        fs::create_dir_all(desk.cwd()).unwrap();
        fs::create_dir_all(desk.user_file().parent().unwrap()).unwrap();
        desk
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub(super) fn cwd(&self) -> PathBuf {
        self.home().join("checkout/src")
    }

    pub(super) fn user_file(&self) -> PathBuf {
        self.home().join(".config/cache/config.toml")
    }

    pub(super) fn project_file(&self) -> PathBuf {
        self.home().join("checkout").join(PROJECT_FILE)
    }

    pub(super) fn user(self, text: &str) -> Desk {
        fs::write(self.user_file(), text).unwrap();
        self
    }

    pub(super) fn project(self, text: &str) -> Desk {
        fs::write(self.project_file(), text).unwrap();
        fs::set_permissions(self.project_file(), fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    pub(super) fn var(mut self, name: &str, value: &str) -> Desk {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(super) fn env(&self) -> Environment {
        let home = ("HOME".to_owned(), self.home().display().to_string());
        Environment::from_pairs(self.variables.iter().cloned().chain([home]))
    }

    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.env(), &self.cwd())
    }

    /// The error's text with the temporary home as `~`.
    pub(super) fn error(&self) -> String {
        let error = self.load().expect_err("a configuration that is wrong");
        error
            .to_string()
            .replace(&self.home().display().to_string(), "~")
    }
}

fn origin(config: &Config, key: &str) -> Origin {
    config.origin(find(key).unwrap())
}

fn shown(config: &Config, key: &str) -> String {
    config.show(find(key).unwrap()).to_string()
}

#[test]
fn keys_and_variables_are_unique_and_follow_one_pattern() {
    let mut names = Vec::new();
    for key in KEYS {
        assert_eq!(
            key.variables[0],
            format!("CACHE_{}", key.name.to_ascii_uppercase())
        );
        names.push(key.name);
        names.extend(key.variables);
        assert!(key.doc.ends_with('.'), "{}", key.name);
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_key_reads_back_what_it_shows() {
    let desk = Desk::new();
    let config = desk.load().unwrap();
    for key in KEYS {
        let text = config.show(key).to_string();
        let mut env = desk.variables.clone();
        env.push((key.variables[0].into(), text));
        env.push(("HOME".into(), desk.home().display().to_string()));
        let again = Config::load(&Environment::from_pairs(env), &desk.cwd()).unwrap();
        assert_eq!(again.show(key), config.show(key), "{}", key.name);
        assert_eq!(again.origin(key), Origin::Environment(key.variables[0]));
    }
}

#[test]
fn without_any_source_defaults_apply() {
    let desk = Desk::new();
    let config = desk.load().unwrap();
    assert_eq!(config.dir, desk.home().join(".cache/cache"));
    assert_eq!(config.max_size_bytes(), Some(5 << 30));
    assert_eq!(origin(&config, "max_size"), Origin::Default);
    let expected = Config {
        dir: config.dir.clone(),
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn environment_over_project_over_user_over_default() {
    let desk = Desk::new()
        .user("namespace = 'user'\nhash_dir = false\nmax_size = '1G'\ndisable = true\n")
        .project("namespace = 'project'\nhash_dir = true\n")
        .var("CACHE_NAMESPACE", "environment");
    let config = desk.load().unwrap();
    assert_eq!(config.namespace.as_deref(), Some("environment"));
    assert!(config.hash_dir);
    assert!(config.disable);
    assert_eq!(
        origin(&config, "namespace"),
        Origin::Environment("CACHE_NAMESPACE")
    );
    assert_eq!(
        origin(&config, "hash_dir"),
        Origin::ProjectFile(desk.project_file())
    );
    assert_eq!(
        origin(&config, "max_size"),
        Origin::UserFile(desk.user_file())
    );
    assert_eq!(origin(&config, "recache"), Origin::Default);
}

#[test]
fn an_empty_variable_is_not_set_and_none_undoes_a_file() {
    let desk = Desk::new().user("namespace = 'user'\nmax_age = '3d'\n");
    let config = desk.var("CACHE_NAMESPACE", "").var("CACHE_MAX_AGE", "none");
    let config = config.load().unwrap();
    assert_eq!(config.namespace.as_deref(), Some("user"));
    assert_eq!(config.max_age, None);
}

#[test]
fn the_teaching_variable_wins_over_its_alias_in_any_order() {
    for swap in [false, true] {
        let mut pairs = vec![("CACHE_LOG", "/short"), ("CACHE_LOG_FILE", "/long")];
        if swap {
            pairs.reverse();
        }
        pairs.push(("HOME", "/nowhere"));
        let config = Config::load(&Environment::from_pairs(pairs), Path::new("/")).unwrap();
        assert_eq!(config.log_file.as_deref(), Some(Path::new("/long")));
    }
    let env = Environment::from_pairs([("CACHE_LOG", "x.log"), ("HOME", "/nowhere")]);
    let config = Config::load(&env, Path::new("/")).unwrap();
    assert_eq!(config.log_file.as_deref(), Some(Path::new("/x.log")));
}

#[test]
fn every_type_reads_its_spellings_from_a_file() {
    let config = Desk::new()
        .user(
            r#"
            max_size = 1_000_000
            max_age = "1d12h"
            read_only = 1
            recache = "yes"
            base_dir = "."
            compiler_check = "command:%compiler% -v"
            sloppiness = ["time_macros", "locale"]
            compression_level = 19
            extra_files_to_hash = ["a", "/b", "~/c"]
            ignore_options = "-Wfoo -fbar*"
            prefix_command = ["nice", "-n", "5"]
            compiler = "gcc-12"
            path = "/opt/bin:/usr/bin"
            log_file = "~/log"
            umask = "002"
            "#,
        )
        .load()
        .unwrap();
    assert_eq!(config.max_size, SizeLimit::Bytes(1_000_000));
    assert_eq!(config.max_age, Some(Duration::from_secs(36 * 3600)));
    assert!(config.read_only && config.recache);
    assert_eq!(
        config.compiler_check,
        CompilerCheck::Command("%compiler% -v".into())
    );
    assert_eq!(config.sloppiness.to_string(), "locale,time_macros");
    assert_eq!(config.compression_level, 19);
    assert_eq!(config.ignore_options, ["-Wfoo", "-fbar*"]);
    assert_eq!(config.prefix_command, ["nice", "-n", "5"]);
    assert_eq!(config.compiler.as_deref(), Some(Path::new("gcc-12")));
    assert_eq!(config.path.unwrap(), "/opt/bin:/usr/bin");
    assert_eq!(config.umask, Some(0o002));
}

#[test]
fn relative_paths_count_from_their_file() {
    let desk = Desk::new()
        .user("extra_files_to_hash = ['a', '/b', '~/c']\nlog_file = '~/log'\n")
        .project("base_dir = '.'\n");
    let config = desk.load().unwrap();
    let folder = desk.home().join(".config/cache");
    assert_eq!(
        config.extra_files_to_hash,
        [folder.join("a"), "/b".into(), desk.home().join("c")]
    );
    assert_eq!(config.log_file, Some(desk.home().join("log")));
    assert_eq!(config.base_dir, Some(desk.home().join("checkout")));
}

#[test]
fn sizes() {
    let bytes = |text: &str| match SizeLimit::parse(text) {
        Some(SizeLimit::Bytes(bytes)) => Some(bytes),
        _ => None,
    };
    assert_eq!(bytes("5G"), Some(5_000_000_000));
    assert_eq!(bytes("500M"), Some(500_000_000));
    assert_eq!(bytes("500 MB"), Some(500_000_000));
    assert_eq!(bytes("1.5GiB"), Some(1_610_612_736));
    assert_eq!(bytes("2Ti"), Some(2 << 40));
    assert_eq!(bytes("12345"), Some(12345));
    assert_eq!(bytes("3k"), Some(3000));
    assert_eq!(SizeLimit::parse("0"), Some(SizeLimit::Unlimited));
    assert_eq!(SizeLimit::parse("10%"), Some(SizeLimit::Percent(10.0)));
    assert_eq!(SizeLimit::parse("2.5 %"), Some(SizeLimit::Percent(2.5)));
    for wrong in [
        "", "G", "-1", "5X", "0%", "101%", "NaN%", "inf", "1e3", "5 G B",
    ] {
        assert_eq!(SizeLimit::parse(wrong), None, "{wrong}");
    }
    for text in ["5GB", "5GiB", "1536MiB", "12345", "10%", "0", "2.5%"] {
        assert_eq!(SizeLimit::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn a_share_of_the_disk() {
    let tenth = SizeLimit::Percent(10.0);
    assert_eq!(tenth.resolve(|| Some(2000), 7), Some(200));
    assert_eq!(tenth.resolve(|| None, 7), Some(7));
    assert_eq!(SizeLimit::Unlimited.resolve(|| unreachable!(), 7), None);
    let config = Config {
        dir: "/does/not/exist".into(),
        max_size: tenth,
        ..Config::default()
    };
    assert!(config.max_size_bytes().unwrap() > 0);
}

#[test]
fn lengths_of_time() {
    let seconds = |text: &str| parse_duration(text).map(|d| d.as_secs());
    assert_eq!(seconds("30d"), Some(2_592_000));
    assert_eq!(seconds("12h"), Some(43_200));
    assert_eq!(seconds("1d 12h"), Some(129_600));
    assert_eq!(seconds("90s"), Some(90));
    assert_eq!(seconds("0"), Some(0));
    for wrong in [
        "",
        "d",
        "30",
        "3x",
        "-1d",
        "1d2",
        "99999999999999999999s",
        "30000000000000000w",
    ] {
        assert_eq!(seconds(wrong), None, "{wrong}");
    }
    for text in ["30d", "2w", "1d12h", "1m30s", "0"] {
        assert_eq!(show_duration(parse_duration(text).unwrap()), text);
    }
}

#[test]
fn a_bad_value_is_named_with_what_is_accepted_and_the_way_out() {
    let variable = |name: &str, value: &str| Desk::new().var(name, value).error();
    insta::assert_snapshot!(variable("CACHE_MAX_SIZE", "5X"), @"environment variable CACHE_MAX_SIZE: `max_size` cannot be \"5X\"; it takes a size like `5G`, `500M`, `1.5GiB`, a share of the disk like `10%`, or `0` for no limit; change or unset CACHE_MAX_SIZE");
    insta::assert_snapshot!(variable("CACHE_DISABLE", "perhaps"), @"environment variable CACHE_DISABLE: `disable` cannot be \"perhaps\"; it takes `true` or `false` (also `1`/`0`, `yes`/`no`, `on`/`off`); change or unset CACHE_DISABLE");
    insta::assert_snapshot!(variable("CACHE_DIR", "relative"), @"environment variable CACHE_DIR: `dir` cannot be \"relative\"; it takes an absolute path (in a file also `~/...`); change or unset CACHE_DIR");
    let file = |text: &str| Desk::new().user(text).error();
    insta::assert_snapshot!(file("\n# mine\numask = 22\n"), @"~/.config/cache/config.toml:3: `umask` cannot be 22; it takes octal digits like `002` (in a file as a string: `\"002\"`), or `none`; change or remove the line, or `cache config set umask ...`");
    insta::assert_snapshot!(file("sloppiness = ['time_macros', 'timemacros']"), @"~/.config/cache/config.toml:1: `sloppiness` cannot be [\"time_macros\", \"timemacros\"]; it takes names out of clang_index_store, file_stat_matches, file_stat_matches_ctime, gcno_cwd, incbin, include_file_ctime, include_file_mtime, ivfsoverlay, locale, modules, pch_defines, random_seed, system_headers, time_macros (`timemacros` is none of them); change or remove the line, or `cache config set sloppiness ...`");
    insta::assert_snapshot!(file("hash_dir = 'x'\nmax_sise = 3\n"), @"~/.config/cache/config.toml:1: `hash_dir` cannot be \"x\"; it takes `true` or `false` (also `1`/`0`, `yes`/`no`, `on`/`off`); change or remove the line, or `cache config set hash_dir ...`");
    insta::assert_snapshot!(file("hash-dir = true\n"), @"~/.config/cache/config.toml:1: there is no key `hash-dir` (did you mean `hash_dir`?); `cache config` lists them all");
    insta::assert_snapshot!(file("[remote]\nurl = 1\n"), @"~/.config/cache/config.toml:1: there is no key `remote`; `cache config` lists them all");
    insta::assert_snapshot!(file("max_size = \"5G\nread_only = true"), @r#"~/.config/cache/config.toml:1: invalid basic string, expected `"`; put the file right or remove it"#);
    insta::assert_snapshot!(file("max_age = 30"), @"~/.config/cache/config.toml:1: `max_age` cannot be 30; it takes a length of time like `30d`, `12h`, `1d12h` (w, d, h, m, s), or `none`; change or remove the line, or `cache config set max_age ...`");
    insta::assert_snapshot!(file("compiler_check = 'contents'"), @"~/.config/cache/config.toml:1: `compiler_check` cannot be \"contents\"; it takes `content`, `mtime`, `none`, `string:TEXT` or `command:COMMAND` (`%compiler%` in it stands for the compiler); change or remove the line, or `cache config set compiler_check ...`");
}

#[test]
fn every_key_refuses_a_value_of_another_type_without_a_panic() {
    for key in KEYS {
        for value in ["1979-05-27", "{ a = 1 }", "[1]", "99999999999999999999"] {
            let desk = Desk::new().user(&format!("{} = {value}\n", key.name));
            assert!(desk.load().is_err(), "{} = {value}", key.name);
        }
    }
}

#[test]
fn a_project_file_may_set_only_what_is_harmless() {
    for key in KEYS.iter().filter(|key| !key.harmless) {
        let desk = Desk::new().project(&format!("{} = '1'\n", key.name));
        assert!(
            matches!(desk.load(), Err(ConfigError::NotHarmless { .. })),
            "{}",
            key.name
        );
    }
    let dangerous = [
        "dir",
        "log_file",
        "prefix_command",
        "compiler",
        "path",
        "compiler_check",
        "extra_files_to_hash",
        "temporary_dir",
        "max_size",
        "max_age",
        "sloppiness",
        "ignore_options",
        "umask",
        "hard_link",
    ];
    for name in dangerous {
        assert!(!find(name).unwrap().harmless, "{name}");
    }
    let error = Desk::new()
        .project("\nprefix_command = 'sh -c evil'\n")
        .error();
    insta::assert_snapshot!(error, @"~/checkout/.cache.toml:2: a project file may not set `prefix_command`, since it arrives with a checkout; remove the line, and if you want the setting, make it your own: `cache config set prefix_command ...` or CACHE_PREFIX_COMMAND=...");
}

#[test]
fn the_nearest_project_file_counts_and_the_home_has_none() {
    let desk = Desk::new().project("namespace = 'outer'\n");
    fs::write(desk.home().join(PROJECT_FILE), "namespace = 'home'\n").unwrap();
    assert_eq!(desk.load().unwrap().namespace.as_deref(), Some("outer"));
    let inner = desk.cwd().join(PROJECT_FILE);
    fs::write(&inner, "namespace = 'inner'\n").unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(desk.load().unwrap().namespace.as_deref(), Some("inner"));
    fs::remove_file(inner).unwrap();
    fs::remove_file(desk.project_file()).unwrap();
    assert_eq!(desk.load().unwrap().namespace, None);
}

#[test]
fn a_project_file_others_may_write_is_passed_over_with_a_note() {
    let desk = Desk::new().project("namespace = 'project'\n");
    fs::set_permissions(desk.project_file(), fs::Permissions::from_mode(0o666)).unwrap();
    let config = desk.load().unwrap();
    assert_eq!(config.namespace, None);
    assert_eq!(
        config.notes,
        [format!(
            "{} is ignored: everybody may write to it",
            desk.project_file().display()
        )]
    );
}

#[test]
fn a_project_file_of_another_user_is_passed_over_with_a_note() {
    let desk = Desk::new().project("log_file = '/etc/passwd'\n");
    if std::os::unix::fs::chown(desk.project_file(), Some(12345), None).is_err() {
        crate::skip::say_skipped("only root can give files away");
        return;
    }
    let config = desk.load().unwrap();
    assert_eq!(config.log_file, None);
    assert!(config.notes[0].ends_with("it belongs to another user"));
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hang() {
    let desk = Desk::new();
    let made = std::process::Command::new("mkfifo")
        .arg(desk.project_file())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        crate::skip::skip("no mkfifo");
        return;
    }
    assert!(desk.error().contains("not a file"));
}

#[test]
fn the_user_file_may_be_named_by_a_variable() {
    let desk = Desk::new();
    let path = desk.home().join("mine.toml");
    fs::write(&path, "recache = true\n").unwrap();
    let desk = desk.var(CONFIG_PATH_VARIABLE, &path.display().to_string());
    assert!(desk.load().unwrap().recache);
    fs::remove_file(&path).unwrap();
    assert!(!desk.load().unwrap().recache);
}

#[test]
fn without_a_home_the_directory_must_be_set() {
    let none: [(&str, &str); 0] = [];
    let error = Config::load(&Environment::from_pairs(none), Path::new("/")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no home directory to keep the cache in; set CACHE_DIR"
    );
    let env = Environment::from_pairs([("CACHE_DIR", "/c")]);
    assert_eq!(
        Config::load(&env, Path::new("/")).unwrap().dir,
        Path::new("/c")
    );
}

#[test]
fn unknown_variables_do_not_matter_but_are_listed() {
    let desk = Desk::new()
        .var("CACHE_MAXSIZE", "1G")
        .var("CACHE_DIR", "/c")
        .var("CACHE_CONFIG_PATH", "/none")
        .var("MY_CACHE", "1");
    let config = desk.load().unwrap();
    assert_eq!(config.unknown_variables(&desk.env()), ["CACHE_MAXSIZE"]);
}

#[test]
fn set_keeps_comments_and_order() {
    let desk = Desk::new().user("# mine\nhash_dir = true # why\n\nmax_size = \"1G\"\n");
    let set = |key: &str, value: &str| set_user_key(&desk.env(), &desk.cwd(), key, value);
    set("hash_dir", "no").unwrap();
    set("max_size", "20G").unwrap();
    set("ignore_options", "-fa -fb").unwrap();
    set("compression_level", "3").unwrap();
    set("base_dir", ".").unwrap();
    let text = fs::read_to_string(desk.user_file()).unwrap();
    let text = text.replace(&desk.home().display().to_string(), "~");
    insta::assert_snapshot!(text, @r#"
    # mine
    hash_dir = false # why

    max_size = "20G"
    ignore_options = ["-fa", "-fb"]
    compression_level = 3
    base_dir = "~/checkout/src"
    "#);
    let config = desk.load().unwrap();
    assert_eq!(shown(&config, "max_size"), "20GB");
    unset_user_key(&desk.env(), "max_size").unwrap();
    assert_eq!(desk.load().unwrap().max_size, Config::default().max_size);
}

#[test]
fn set_validates_before_it_writes_and_makes_the_file() {
    let desk = Desk::new();
    let set = |key: &str, value: &str| set_user_key(&desk.env(), &desk.cwd(), key, value);
    assert!(matches!(
        set("max_size", "5X"),
        Err(ConfigError::BadValue { .. })
    ));
    assert!(matches!(
        set("nonsense", "1"),
        Err(ConfigError::UnknownKey { .. })
    ));
    assert!(!desk.user_file().exists());
    fs::remove_dir_all(desk.home().join(".config")).unwrap();
    let path = set("disable", "1").unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "disable = true\n");
    fs::write(desk.user_file(), "a = \n").unwrap();
    assert!(matches!(
        set("disable", "1"),
        Err(ConfigError::Syntax { .. })
    ));
}

proptest::proptest! {
    #[test]
    fn no_value_makes_a_panic(text in ".{0,30}", key in 0..KEYS.len()) {
        let variable = KEYS[key].variables[0];
        let env = Environment::from_pairs([(variable, text.as_str()), ("HOME", "/nowhere")]);
        if let Ok(config) = Config::load(&env, Path::new("/")) {
            KEYS.iter().for_each(|key| drop(config.show(key).to_string()));
        }
    }

    #[test]
    fn no_file_makes_a_panic(text in "[a-z_]{0,9} ?=? ?.{0,30}") {
        let found = file::Found { path: "x".into(), text };
        let _ = file::parse(&found);
    }

    /// Files of real keys with any values, beside an environment of any bytes.
    #[test]
    fn no_configuration_makes_a_panic(
        lines in proptest::collection::vec(
            (0..KEYS.len(), "([\"'\\[{]?[^\n]{0,12}[\"'\\]}]?|true|-?[0-9]{1,25}|[0-9]{1,5}[%GMkdhw]|1979-05-27)"), 0..6),
        bytes in proptest::collection::vec(1u8.., 0..20),
        key in 0..KEYS.len(),
    ) {
        let desk = Desk::new();
        let text: String = lines.iter().map(|(key, value)| format!("{} = {value}\n", KEYS[*key].name)).collect();
        fs::write(desk.user_file(), &text).unwrap();
        fs::write(desk.project_file(), &text).unwrap();
        let value = OsString::from_vec(bytes);
        let env = Environment::from_pairs([
            (KEYS[key].variables[0], value),
            ("HOME", desk.home().into_os_string()),
        ]);
        if let Ok(config) = Config::load(&env, &desk.cwd()) {
            KEYS.iter().for_each(|key| drop(config.show(key).to_string()));
        }
    }
}
