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
    insta::assert_snapshot!(wrong("bucket = 'b'"), @"");
    insta::assert_snapshot!(wrong("type = 's4'"), @"");
    insta::assert_snapshot!(wrong("name = 'team'\ntype = 's3'"), @"");
    insta::assert_snapshot!(wrong("type = 'http'"), @"");
    insta::assert_snapshot!(s3("name = 'Team'"), @"");
    insta::assert_snapshot!(s3("buckt = 'x'"), @"");
    insta::assert_snapshot!(s3("url = 'http://h'"), @"");
    insta::assert_snapshot!(s3("password_env = 'X'"), @"");
    insta::assert_snapshot!(s3("region_env = 'X'"), @"");
    insta::assert_snapshot!(s3("read_only = true\nwrite_only = true"), @"");
    insta::assert_snapshot!(s3("prefix = 'a'\nwrite_prefix = 'b'"), @"");
    insta::assert_snapshot!(s3("prefix = '../x'"), @"");
    insta::assert_snapshot!(s3("read_prefixes = []"), @"");
    insta::assert_snapshot!(s3("connect_timeout = '0'"), @"");
    insta::assert_snapshot!(s3("max_size = '10%'"), @"");
    insta::assert_snapshot!(s3("access_key = 'x'"), @"");
    insta::assert_snapshot!(s3("access_key = 'x'\naccess_key_env = 'X'"), @"");
    insta::assert_snapshot!(s3("access_key_env = 'X'"), @"");
    insta::assert_snapshot!(s3("access_key_file = 'no'"), @"");
    insta::assert_snapshot!(s3("access_key = 'x'\nsecret_key = 'y'\nanonymous = true"), @"");
    insta::assert_snapshot!(s3("endpoint = 'ftp://hush-hush@h'"), @"");
    insta::assert_snapshot!(s3("key_file = '/k'"), @"");
    insta::assert_snapshot!(s3("verify = 'ed25519'\npublic_keys = ['short']"), @"");
    insta::assert_snapshot!(s3("server_side_encryption = 'yes'"), @"");
    insta::assert_snapshot!(s3("secret_key = 17"), @"");
    insta::assert_snapshot!(wrong("type = 'http'\nurl = 'http://me:hush-hush@h'\nusername = 'me'"), @"");
    insta::assert_snapshot!(wrong("type = 'gcs'\nbucket = 'b'\nendpoint = 'http://me:hush-hush@h'"), @"");
    insta::assert_snapshot!(wrong("type = 'redis'\nurl = 'redis://h/db'"), @"");
    insta::assert_snapshot!(wrong("type = 'directory'\npath = ''"), @"");
    let twice =
        "type = 's3'\nbucket = 'b'\nname = 'x'\n[[store]]\ntype = 's3'\nbucket = 'c'\nname = 'x'";
    insta::assert_snapshot!(wrong(twice), @"");
}

#[test]
fn what_is_wrong_in_the_variable_is_said_without_secrets() {
    insta::assert_snapshot!(wrong_url("ftp://hush-hush@h"), @"");
    insta::assert_snapshot!(wrong_url("file:///a hush-hush"), @"");
    insta::assert_snapshot!(wrong_url("s3://b/a%zz"), @"");
    insta::assert_snapshot!(wrong_url("gcs://hush-hush:x@b"), @"");
    insta::assert_snapshot!(wrong_url("s3://b:80"), @"");
    insta::assert_snapshot!(wrong_url("file:///a?name=x file:///b?name=x"), @"");
    insta::assert_snapshot!(wrong_url("s3://b?access_key=a&secret_key=x&hush-hush+/=1"), @"");
    insta::assert_snapshot!(wrong_url("http://h/?ca_file=relative"), @"");
    insta::assert_snapshot!(wrong_url("s3://b/prefix?prefix=other"), @"");
    insta::assert_snapshot!(wrong_url("azblob://c"), @"");
}

#[test]
fn stores_are_sections_of_the_users_own_file() {
    let load = |desk: Desk| desk.error();
    insta::assert_snapshot!(load(Desk::new().project("\n[[store]]\ntype = 's3'\n")), @"");
    insta::assert_snapshot!(load(Desk::new().user("[store]\ntype = 's3'\n")), @"");
    insta::assert_snapshot!(load(Desk::new().user("store = 's3://hush-hush@b'\n")), @"");
    let desk = Desk::new().user("[[store]]\ntype = 's3'\n");
    let set = set_user_key(&desk.env(), &desk.cwd(), "store", "s3://b").unwrap_err();
    assert!(matches!(set, ConfigError::StoreAsKey { .. }));
    let unset = unset_user_key(&desk.env(), "store")
        .unwrap_err()
        .to_string();
    let unset = unset.replace(&desk.home().display().to_string(), "~");
    insta::assert_snapshot!(unset, @"");
    assert!(find("store").is_none());
}
