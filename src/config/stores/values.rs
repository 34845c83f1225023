//! Reading the values of a section. Pure: no file is looked at.

use std::ffi::OsString;
use std::time::Duration;

use super::super::assign::{self, Raw};
use super::super::value::{self, SizeLimit};
use super::address::{Address, Credentials};
use super::{HttpLayout, Secret};

/// A compile that waits for longer than this has no use for a cache.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Servers count in seconds and not all of them up to the end of time.
const LONGEST_AGE: Duration = Duration::from_secs(36_500 * 86_400);

/// 1 to 64 of `a-z`, `0-9`, `_`, `-`.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// What S3, Google and Azure between them allow as the name of a bucket.
pub(super) fn bucket(raw: &Raw) -> Option<String> {
    let text = assign::utf8(raw)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'$');
    let valid = (1..=255).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('.')
        && !text.contains("..");
    valid.then(|| text.to_owned())
}

/// One line of text, not empty.
pub(super) fn text(raw: &Raw) -> Option<String> {
    let text = assign::utf8(raw)?;
    let valid = !text.is_empty() && !text.contains(char::is_control);
    valid.then(|| text.to_owned())
}

/// Any text but an empty one.
pub(super) fn secret(raw: &Raw) -> Option<Secret> {
    let text = assign::utf8(raw)?;
    (!text.is_empty() && !text.contains('\0')).then(|| Secret::new(text))
}

/// Bytes; `0` is no limit. A share is one of a disk, and there is none here.
pub(super) fn size(raw: &Raw) -> Option<Option<u64>> {
    match assign::size(raw)? {
        SizeLimit::Unlimited => Some(None),
        SizeLimit::Bytes(bytes) => Some(Some(bytes)),
        SizeLimit::Percent(_) => None,
    }
}

/// A length of time above zero that may be added to a clock.
pub(super) fn timeout(raw: &Raw) -> Option<Duration> {
    let timeout = value::parse_timeout(assign::utf8(raw)?)?;
    (!timeout.is_zero() && timeout <= LONGEST_TIMEOUT).then_some(timeout)
}

pub(super) fn age(raw: &Raw) -> Option<Option<Duration>> {
    assign::age(raw).filter(|age| age.is_none_or(|age| age <= LONGEST_AGE))
}

pub(super) fn layout(raw: &Raw) -> Option<HttpLayout> {
    match assign::utf8(raw)? {
        "subdirectories" => Some(HttpLayout::Subdirectories),
        "flat" => Some(HttpLayout::Flat),
        "bazel" => Some(HttpLayout::Bazel),
        _ => None,
    }
}

/// The inverse of [`layout`].
pub(super) fn show_layout(layout: HttpLayout) -> &'static str {
    match layout {
        HttpLayout::Subdirectories => "subdirectories",
        HttpLayout::Flat => "flat",
        HttpLayout::Bazel => "bazel",
    }
}

/// `http://` or `https://` without a query, and the credentials that were in it.
pub(super) fn url(raw: &Raw) -> Option<(String, Option<Credentials>)> {
    let mut address = Address::parse(assign::utf8(raw)?)?;
    let valid = matches!(address.scheme.as_str(), "http" | "https")
        && !address.host.is_empty()
        && address.query.is_none();
    let credentials = address.credentials.take();
    valid.then(|| (address.to_string(), credentials))
}

/// One URL of a Redis server, and the credentials that were in it.
fn redis_url(text: &str) -> Option<(String, Option<Credentials>)> {
    let mut address = Address::parse(text)?;
    let credentials = address.credentials.take();
    if address.query.is_some() {
        return None;
    }
    match address.scheme.as_str() {
        "redis" | "rediss" => {
            let database = address.path.trim_start_matches('/');
            let valid = !address.host.is_empty()
                && database.len() <= 5
                && database.bytes().all(|b| b.is_ascii_digit());
            valid.then(|| (address.to_string(), credentials))
        }
        "unix" | "redis+unix" => {
            let path = address.bare_path();
            let valid = address.host.is_empty() && address.port.is_none() && !path.is_empty();
            valid.then(|| (format!("unix:///{path}"), credentials))
        }
        _ => None,
    }
}

/// URLs of Redis servers, and the credentials, which must be the same in all.
pub(super) fn redis_urls(raw: &Raw) -> Option<(Vec<String>, Option<Credentials>)> {
    let mut urls = Vec::new();
    let mut credentials: Option<Credentials> = None;
    for item in strings(raw)? {
        let (url, these) = redis_url(&item)?;
        if let (Some(these), Some(others)) = (&these, &credentials)
            && these != others
        {
            return None;
        }
        credentials = credentials.or(these);
        urls.push(url);
    }
    (!urls.is_empty()).then_some((urls, credentials))
}

/// `host:port`, also as `memcached://host:port`, and the credentials in it.
pub(super) fn host_and_port(raw: &Raw) -> Option<(String, Option<Credentials>)> {
    const PORT: u16 = 11211;
    let text = assign::utf8(raw)?;
    let mut address = match text.contains("://") {
        true => Address::parse(text)?,
        false => Address::parse(&format!("memcached://{text}"))?,
    };
    let valid = address.scheme == "memcached"
        && !address.host.is_empty()
        && matches!(address.path.as_str(), "" | "/")
        && address.query.is_none();
    let credentials = address.credentials.take();
    valid.then(|| (address.host_and_port(PORT), credentials))
}

/// Components joined by `/`, or nothing. The rule for each is that of a store's
/// namespaces, which has the last word.
pub(super) fn prefix(text: &str) -> Option<String> {
    let valid = text.is_empty() || text.split('/').all(assign::is_namespace);
    valid.then(|| text.to_owned())
}

/// At least one prefix; an empty one can only be in an array.
pub(super) fn prefixes(raw: &Raw) -> Option<Vec<String>> {
    let prefixes: Option<Vec<String>> = strings(raw)?.iter().map(|text| prefix(text)).collect();
    prefixes.filter(|prefixes| !prefixes.is_empty())
}

/// Ed25519's public keys.
pub(super) fn public_keys(raw: &Raw) -> Option<Vec<String>> {
    let keys = strings(raw)?;
    (!keys.is_empty() && keys.iter().all(|key| is_32_bytes(key))).then_some(keys)
}

/// Whether `text` is base64 of 32 bytes: 43 digits of which the last has two
/// bits to spare, and a `=`.
fn is_32_bytes(text: &str) -> bool {
    let digits = text.strip_suffix('=').unwrap_or(text);
    let digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    digits.len() == 43
        && digits.bytes().all(digit)
        && digits.ends_with(|last| "AEIMQUYcgkosw048".contains(last))
}

/// `Name: value`, each an item of an array or a line.
pub(super) fn headers(raw: &Raw) -> Option<Vec<(String, Secret)>> {
    let lines: Vec<String> = match raw {
        Raw::List(items) => utf8_items(items)?,
        _ => assign::utf8(raw)?.lines().map(str::to_owned).collect(),
    };
    let headers: Option<Vec<(String, Secret)>> = lines.iter().map(|line| header(line)).collect();
    headers.filter(|headers| !headers.is_empty())
}

/// RFC 9110, 5.1 and 5.5, with values in ASCII.
fn header(line: &str) -> Option<(String, Secret)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim();
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let in_value = |b: u8| matches!(b, b'\t' | b' '..=b'~');
    let valid = !name.is_empty() && name.bytes().all(in_name) && value.bytes().all(in_value);
    valid.then(|| (name.to_owned(), Secret::new(value)))
}

/// The items of an array, or of a text with commas or white space.
fn strings(raw: &Raw) -> Option<Vec<String>> {
    let items = assign::items(raw, |byte| byte == b',' || byte.is_ascii_whitespace())?;
    utf8_items(&items)
}

fn utf8_items(items: &[OsString]) -> Option<Vec<String>> {
    let items = items.iter().map(|item| item.to_str().map(str::to_owned));
    items.collect()
}
