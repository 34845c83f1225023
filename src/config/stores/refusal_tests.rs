//! What is wrong, and the way out.

use super::tests::refusal;
use super::*;
use crate::config::tests::Desk;
use crate::config::{ConfigError, find, set_user_key, unset_user_key};

/// What is said about a section with these lines, without the file's name.
fn wrong(lines: &str) -> String {
    let desk = Desk::new().user(&format!("[[store]]\n{lines}\n"));
    let error = refusal(&desk);
    error.replace("~/.config/cache/config.toml", "FILE")
}

fn wrong_url(text: &str) -> String {
    refusal(&Desk::new().var(STORE_VARIABLE, text))
}

#[test]
fn what_is_wrong_in_a_section_is_said_with_the_way_out() {
    let s3 = |lines: &str| wrong(&format!("type = 's3'\nbucket = 'b'\n{lines}"));
    insta::assert_snapshot!(wrong("bucket = 'b'"), @"FILE:1: store `store1`: `type` is missing; add it: it takes `s3`, `http`, `redis`, `directory`, `memcached`, `gcs` or `azblob`");
    insta::assert_snapshot!(wrong("type = 's4'"), @r#"FILE:2: store `store1`: `type` cannot be "s4"; it takes `s3`, `http`, `redis`, `directory`, `memcached`, `gcs` or `azblob`; change or remove it"#);
    insta::assert_snapshot!(wrong("name = 'team'\ntype = 's3'"), @"FILE:1: store `team`: `bucket` is missing; add it: it takes a name of letters, digits, `-`, `_`, `.` and `$`");
    insta::assert_snapshot!(wrong("type = 'http'"), @"FILE:1: store `store1`: `url` is missing; add it: it takes `http://HOST...` or `https://HOST...`, without a query");
    insta::assert_snapshot!(s3("name = 'Team'"), @r#"FILE:4: store `store1`: `name` cannot be "Team"; it takes 1 to 64 small letters, digits, `_` and `-`; change or remove it"#);
    insta::assert_snapshot!(s3("buckt = 'x'"), @"FILE:4: store `store1`: there is no key `buckt` in a `[[store]]` (did you mean `bucket`?); change or remove it");
    insta::assert_snapshot!(s3("url = 'http://h'"), @"FILE:4: store `store1`: `url` is for stores of type `http`, `redis`, and this one is `s3`; remove it, or change `type`");
    insta::assert_snapshot!(s3("password_env = 'X'"), @"FILE:4: store `store1`: `password` is for stores of type `http`, `redis`, `memcached`, and this one is `s3`; remove it, or change `type`");
    insta::assert_snapshot!(s3("region_env = 'X'"), @"FILE:4: store `store1`: there is no key `region_env` in a `[[store]]`; change or remove it; a store of type `s3` has `type`, `name`, `read_only`, `write_only`, `prefix`, `read_prefixes`, `write_prefix`, `max_size`, `max_blob_bytes`, `connect_timeout`, `response_timeout`, `stall_timeout`, `verify`, `key_file`, `public_keys`, `signing_key_file`, `bucket`, `region`, `endpoint`, `access_key`, `secret_key`, `session_token`, `anonymous`, `virtual_host_style`, `auto_create`, `server_side_encryption`, `sse_kms_key_id`, `ca_file`");
    insta::assert_snapshot!(s3("read_only = true\nwrite_only = true"), @"FILE:4: store `store1`: `read_only` and `write_only` do not go together; keep one of them");
    insta::assert_snapshot!(s3("prefix = 'a'\nwrite_prefix = 'b'"), @"FILE:4: store `store1`: `prefix` and `write_prefix` do not go together; keep one of them");
    insta::assert_snapshot!(s3("prefix = '../x'"), @r#"FILE:4: store `store1`: `prefix` cannot be "../x"; it takes names joined by `/`, each of 1 to 64 letters, digits, `_`, `-` and `.`, not starting with `.` and not two hexadecimal digits; change or remove it"#);
    insta::assert_snapshot!(s3("read_prefixes = []"), @"FILE:4: store `store1`: `read_prefixes` cannot be []; it takes an array of at least one prefix, each as `write_prefix` has it (in a URL separated by commas); change or remove it");
    insta::assert_snapshot!(s3("connect_timeout = '0'"), @r#"FILE:4: store `store1`: `connect_timeout` cannot be "0"; it takes a length of time above zero like `1s` or `1500ms`, up to `1h`; change or remove it"#);
    insta::assert_snapshot!(s3("max_size = '10%'"), @r#"FILE:4: store `store1`: `max_size` cannot be "10%"; it takes a size like `50G` or `64MiB`, or `0` for no limit; change or remove it"#);
    insta::assert_snapshot!(s3("access_key = 'x'"), @"FILE:4: store `store1`: `access_key` needs `secret_key` as well; add it, or remove `access_key`");
    insta::assert_snapshot!(s3("access_key = 'x'\naccess_key_env = 'X'"), @"FILE:5: store `store1`: there is more than one value of a key: `access_key`, `access_key_env`; keep one of them");
    insta::assert_snapshot!(s3("access_key_env = 'X'"), @"FILE:4: store `store1`: `access_key_env` names the environment variable X, which is not set; set it, or remove `access_key_env`");
    insta::assert_snapshot!(s3("access_key_file = 'no'"), @"FILE:4: store `store1`: `access_key_file` names ~/.config/cache/no, which cannot be used: No such file or directory (os error 2); put the file right, or remove `access_key_file`");
    insta::assert_snapshot!(s3("access_key = 'x'\nsecret_key = 'y'\nanonymous = true"), @"FILE:4: store `store1`: `access_key` and `anonymous` do not go together; keep one of them");
    insta::assert_snapshot!(s3("endpoint = 'ftp://hush-hush@h'"), @"FILE:4: store `store1`: `endpoint` cannot be what it is; it takes `http://HOST...` or `https://HOST...`, without a query; change or remove it");
    insta::assert_snapshot!(s3("key_file = '/k'"), @r#"FILE:4: store `store1`: `key_file` needs `verify = "hmac"` as well; add it, or remove `key_file`"#);
    insta::assert_snapshot!(s3("verify = 'ed25519'\npublic_keys = ['short']"), @r#"FILE:5: store `store1`: `public_keys` cannot be ["short"]; it takes an array of at least one key: 32 bytes in base64; change or remove it"#);
    insta::assert_snapshot!(s3("server_side_encryption = 'yes'"), @r#"FILE:4: store `store1`: `server_side_encryption` cannot be "yes"; it takes `AES256`, `aws:kms` or `aws:kms:dsse`; change or remove it"#);
    insta::assert_snapshot!(s3("secret_key = 17"), @"FILE:4: store `store1`: `secret_key` cannot be what it is; it takes a text; change or remove it");
    insta::assert_snapshot!(wrong("type = 'http'\nurl = 'http://me:hush-hush@h'\nusername = 'me'"), @"FILE:4: store `store1`: there is more than one value of a key: `username of url`, `username`; keep one of them");
    insta::assert_snapshot!(wrong("type = 'gcs'\nbucket = 'b'\nendpoint = 'http://me:hush-hush@h'"), @"FILE:4: store `store1`: `endpoint` cannot be what it is; it takes a URL without a user and a password; change or remove it");
    insta::assert_snapshot!(wrong("type = 'redis'\nurl = 'redis://h/db'"), @"FILE:3: store `store1`: `url` cannot be what it is; it takes `redis://HOST:PORT/DB`, `rediss://...` (TLS) or `unix:///PATH`, or an array of them with the same credentials; change or remove it");
    insta::assert_snapshot!(wrong("type = 'directory'\npath = ''"), @r#"FILE:3: store `store1`: `path` cannot be ""; it takes a path (in a URL an absolute one); change or remove it"#);
    let twice =
        "type = 's3'\nbucket = 'b'\nname = 'x'\n[[store]]\ntype = 's3'\nbucket = 'c'\nname = 'x'";
    insta::assert_snapshot!(wrong(twice), @"FILE:8: store `x`: there is another store of this name; give each a `name` of its own");
}

#[test]
fn what_is_wrong_in_the_variable_is_said_without_secrets() {
    insta::assert_snapshot!(wrong_url("ftp://hush-hush@h"), @"environment variable CACHE_STORE: store `store1`: this is not the URL of a store; it takes `s3://BUCKET/PREFIX`, `http://HOST/PATH`, `https://HOST/PATH`, `redis://HOST:PORT/DB`, `rediss://HOST`, `redis+unix:///PATH`, `file:///DIRECTORY`, `memcached://HOST:PORT`, `gcs://BUCKET/PREFIX`, `azblob://CONTAINER/PREFIX`; put it right or take it out");
    insta::assert_snapshot!(wrong_url("file:///a hush-hush"), @"environment variable CACHE_STORE: store `store2`: this is not the URL of a store; it takes `s3://BUCKET/PREFIX`, `http://HOST/PATH`, `https://HOST/PATH`, `redis://HOST:PORT/DB`, `rediss://HOST`, `redis+unix:///PATH`, `file:///DIRECTORY`, `memcached://HOST:PORT`, `gcs://BUCKET/PREFIX`, `azblob://CONTAINER/PREFIX`; put it right or take it out");
    insta::assert_snapshot!(wrong_url("s3://b/a%zz"), @"environment variable CACHE_STORE: store `store1`: this is not the URL of a store; it takes `s3://BUCKET/PREFIX`, `http://HOST/PATH`, `https://HOST/PATH`, `redis://HOST:PORT/DB`, `rediss://HOST`, `redis+unix:///PATH`, `file:///DIRECTORY`, `memcached://HOST:PORT`, `gcs://BUCKET/PREFIX`, `azblob://CONTAINER/PREFIX`; put it right or take it out");
    insta::assert_snapshot!(wrong_url("gcs://hush-hush:x@b"), @"environment variable CACHE_STORE: store `store1`: this is not the URL of a store; it takes `s3://BUCKET/PREFIX`, `http://HOST/PATH`, `https://HOST/PATH`, `redis://HOST:PORT/DB`, `rediss://HOST`, `redis+unix:///PATH`, `file:///DIRECTORY`, `memcached://HOST:PORT`, `gcs://BUCKET/PREFIX`, `azblob://CONTAINER/PREFIX`; put it right or take it out");
    insta::assert_snapshot!(wrong_url("s3://b:80"), @"environment variable CACHE_STORE: store `store1`: this is not the URL of a store; it takes `s3://BUCKET/PREFIX`, `http://HOST/PATH`, `https://HOST/PATH`, `redis://HOST:PORT/DB`, `rediss://HOST`, `redis+unix:///PATH`, `file:///DIRECTORY`, `memcached://HOST:PORT`, `gcs://BUCKET/PREFIX`, `azblob://CONTAINER/PREFIX`; put it right or take it out");
    insta::assert_snapshot!(wrong_url("file:///a?name=x file:///b?name=x"), @"environment variable CACHE_STORE: store `x`: there is another store of this name; give each a `name` of its own");
    insta::assert_snapshot!(wrong_url("s3://b?access_key=a&secret_key=x&hush-hush+/=1"), @"environment variable CACHE_STORE: store `store1`: a parameter of the URL is not a key of a `[[store]]`; remove it, or write `&` in values as `%26`; a store of type `s3` has `type`, `name`, `read_only`, `write_only`, `prefix`, `read_prefixes`, `write_prefix`, `max_size`, `max_blob_bytes`, `connect_timeout`, `response_timeout`, `stall_timeout`, `verify`, `key_file`, `public_keys`, `signing_key_file`, `bucket`, `region`, `endpoint`, `access_key`, `secret_key`, `session_token`, `anonymous`, `virtual_host_style`, `auto_create`, `server_side_encryption`, `sse_kms_key_id`, `ca_file`");
    insta::assert_snapshot!(wrong_url("http://h/?ca_file=relative"), @r#"environment variable CACHE_STORE: store `store1`: `ca_file` cannot be "relative"; it takes a path (in a URL an absolute one); change or remove it"#);
    insta::assert_snapshot!(wrong_url("s3://b/prefix?prefix=other"), @"environment variable CACHE_STORE: store `store1`: there is more than one value of a key: `prefix`, `prefix`; keep one of them");
    insta::assert_snapshot!(wrong_url("azblob://c"), @"environment variable CACHE_STORE: store `store1`: `endpoint` is missing; add it: it takes `http://HOST...` or `https://HOST...`, without a query");
}

#[test]
fn stores_are_sections_of_the_users_own_file() {
    let load = |desk: Desk| desk.error();
    insta::assert_snapshot!(load(Desk::new().project("\n[[store]]\ntype = 's3'\n")), @"~/checkout/.cache.toml:2: a project file may not have `[[store]]` sections, since it arrives with a checkout; remove them, and if you want the stores, have the sections in your own file or set CACHE_STORE");
    insta::assert_snapshot!(load(Desk::new().user("[store]\ntype = 's3'\n")), @"~/.config/cache/config.toml:1: `store` is not a key but a section; write `[[store]]`, in double brackets, and the store's keys below it");
    insta::assert_snapshot!(load(Desk::new().user("store = 's3://hush-hush@b'\n")), @"~/.config/cache/config.toml:1: `store` is not a key but a section; write `[[store]]`, in double brackets, and the store's keys below it");
    let desk = Desk::new().user("[[store]]\ntype = 's3'\n");
    let set = set_user_key(&desk.env(), &desk.cwd(), "store", "s3://b").unwrap_err();
    assert!(matches!(set, ConfigError::StoreAsKey { .. }));
    let unset = unset_user_key(&desk.env(), "store")
        .unwrap_err()
        .to_string();
    let unset = unset.replace(&desk.home().display().to_string(), "~");
    insta::assert_snapshot!(unset, @"cache config set: stores are sections, not a key; write, change or remove `[[store]]` in your own file (~/.config/cache/config.toml), or set CACHE_STORE");
    assert!(find("store").is_none());
}
