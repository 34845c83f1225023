//! URLs, as far as stores need them.
//!
//! ```text
//! scheme://[user[:password]@][host[:port]][/path][?query]
//! ```
//! The generic syntax of RFC 3986 without fragments. Host names are ASCII: what
//! else there is would have to come in through a table larger than this program.

use std::fmt;

/// A URL in its parts.
#[derive(Clone, PartialEq)]
pub(super) struct Address {
    /// In small letters.
    pub scheme: String,
    /// Decoded; `None` if there is no `@`.
    pub credentials: Option<Credentials>,
    /// A name, an IPv4 address, or an IPv6 address in brackets; may be empty.
    pub host: String,
    pub port: Option<u16>,
    /// Empty or from the first `/` on, as written.
    pub path: String,
    /// What follows the `?`, as written.
    pub query: Option<String>,
}

/// `user:password` of a URL; empty ones are `None`.
#[derive(Clone, PartialEq)]
pub(super) struct Credentials {
    pub user: Option<String>,
    pub password: Option<String>,
}

impl Address {
    /// Takes `text` apart; `None` if it is no URL.
    pub fn parse(text: &str) -> Option<Address> {
        let unfit = |c: char| c.is_whitespace() || c.is_control() || c == '#';
        if text.contains(unfit) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let in_scheme = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme)
        {
            return None;
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // The last one: an `@` in a password is often left as it is.
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (Some(Credentials::parse(credentials)?), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        decode(path)?;
        Some(Address {
            scheme: scheme.to_ascii_lowercase(),
            credentials,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            query,
        })
    }

    /// `key=value` pairs of the query, decoded; `None` if it has other parts. A
    /// `+` is a plus: keys in base64 have it, and nobody has to write spaces.
    pub fn parameters(&self) -> Option<Vec<(String, String)>> {
        let query = self.query.as_deref().unwrap_or_default();
        let pair = |part: &str| {
            let (key, value) = part.split_once('=')?;
            Some((decode(key)?, decode(value)?))
        };
        let parts = query.split('&').filter(|part| !part.is_empty());
        parts.map(pair).collect()
    }

    /// The path, decoded, without slashes around it.
    pub fn bare_path(&self) -> String {
        // Cannot fail: `parse` decoded it once.
        let path = decode(&self.path).unwrap_or_default();
        path.trim_matches('/').to_owned()
    }

    /// `host:port`, with `port` where the URL has none.
    pub fn host_and_port(&self, port: u16) -> String {
        format!("{}:{}", self.host, self.port.unwrap_or(port))
    }
}

impl Credentials {
    fn parse(text: &str) -> Option<Credentials> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let some = |text: &str| {
            let text = decode(text)?;
            Some((!text.is_empty()).then_some(text))
        };
        Some(Credentials {
            user: some(user)?,
            password: some(password)?,
        })
    }
}

/// Without credentials and query, and without a slash at the end.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.path.trim_end_matches('/'))
    }
}

/// Splits `host[:port]`; `None` if it is neither.
fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    let after_brackets = place.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match place.get(after_brackets..)?.find(':') {
        Some(at) => {
            let (host, port) = place.split_at_checked(after_brackets + at)?;
            let port = port.get(1..)?;
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            let port: u16 = digits.then_some(port)?.parse().ok()?;
            (host, Some((port != 0).then_some(port)?))
        }
        None => (place, None),
    };
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let valid = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$')),
    };
    valid.then_some((host, port))
}

/// Replaces `%41` by `A`; `None` if an escape is broken or the result no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => u8::try_from(digit(rest.next()?)? * 16 + digit(rest.next()?)?).ok()?,
            plain => plain,
        };
        bytes.push(byte);
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then_some(text)
}
