//! Listing by WebDAV's PROPFIND, a directory at a time.
//!
//! `Depth: infinity` is refused by most servers, so the tree is walked: what is
//! still to be looked at is the place where the listing goes on, one path per line.

use std::time::SystemTime;

use quick_xml::events::Event;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

use super::{HttpStore, name_of};
use crate::agent::backend::net::Load;
use crate::agent::backend::{Error, Failure, Listed, Page, Result};

/// Bytes of a listing that are read: some hundred thousand entries.
const MOST: u64 = 128 << 20;

const ASK: &str = r#"<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>"#;

/// One `response` of a multistatus body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    href: String,
    is_directory: bool,
    size: Option<u64>,
    modified: Option<SystemTime>,
}

impl HttpStore {
    /// The objects of one directory; the first is that of `prefix`.
    pub(super) async fn list_one(&self, prefix: &str, after: Option<String>) -> Result<Page> {
        let mut open: Vec<String> = match &after {
            Some(paths) => paths.lines().map(str::to_owned).collect(),
            None => vec![prefix.to_owned()],
        };
        let Some(directory) = open.pop() else {
            return Ok(Page::default());
        };
        let mut page = Page::default();
        for found in self.look_into(&directory).await? {
            let Some(path) = self.path_of_href(&found.href) else {
                continue;
            };
            if path == directory {
                continue;
            }
            if found.is_directory {
                open.push(path);
            } else if let Some(size) = found.size {
                page.objects.push(Listed {
                    name: name_of(self.layout, &path),
                    size,
                    modified: found.modified,
                });
            }
        }
        page.next = (!open.is_empty()).then(|| open.join("\n"));
        Ok(page)
    }

    async fn look_into(&self, directory: &str) -> Result<Vec<Found>> {
        let mut url = self.url(directory)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("");
        }
        let mut headers = self.headers.clone();
        headers.insert(
            HeaderName::from_static("depth"),
            HeaderValue::from_static("1"),
        );
        headers.insert(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        let method = Method::from_bytes(b"PROPFIND").expect("a token");
        let load = Load::parts([ASK.into()]);
        let mut answer = self.net.send(method, url, headers, Some(load)).await?;
        match answer.status {
            StatusCode::MULTI_STATUS => {
                let text = answer.body.text(MOST).await?;
                parse(&text).map_err(|what| Error::broken(self.net.place(), what))
            }
            status => {
                answer.body.discard().await;
                let mut error = answer.failure("PROPFIND");
                match status.as_u16() {
                    404 => return Ok(Vec::new()),
                    // Servers without WebDAV: "what is this?" in their words, or
                    // the page that a GET would show.
                    200 | 400 | 405 | 415 | 501 => error.failure = Failure::Unsupported,
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// The path below the base that a listing's `href` names; `None`: elsewhere,
    /// or no name that we would have given.
    fn path_of_href(&self, href: &str) -> Option<String> {
        // By its path alone: a server behind a proxy may call itself by another name.
        let url = self.base.join(href).ok()?;
        let base = self.base.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base)?.trim_matches('/');
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=@,/".contains(&byte);
        let below = unescape(below)?;
        let is_hidden = |part: &str| part.is_empty() || part.starts_with('.');
        let fits = below.is_empty() || !below.split('/').any(is_hidden);
        (below.bytes().all(is_ours) && fits).then_some(below)
    }
}

/// Undoes percent-encoding; `None` if what comes out is no ASCII.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let byte = u8::from_str_radix(after.get(..2)?, 16).ok()?;
        plain.push(char::from(byte).is_ascii().then_some(char::from(byte))?);
        rest = after.get(2..)?;
    }
    plain.push_str(rest);
    Some(plain)
}

/// Reads a multistatus body (RFC 4918). Prefixes are the server's choice, so only
/// local names count.
fn parse(text: &[u8]) -> std::result::Result<Vec<Found>, String> {
    let mut reader = quick_xml::Reader::from_reader(text);
    let mut found = Vec::new();
    let mut current = Found::default();
    let mut words = String::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => return Ok(found),
            Event::Start(element) => {
                words.clear();
                match element.local_name().as_ref() {
                    "response" => current = Found::default(),
                    "collection" => current.is_directory = true,
                    _ => {}
                }
            }
            Event::Empty(element) if element.local_name().as_ref() == "collection" => {
                current.is_directory = true;
            }
            Event::Text(piece) => {
                words.push_str(&piece);
            }
            Event::GeneralRef(reference) => match reference.as_ref() {
                "amp" => words.push('&'),
                // No name of ours has the others.
                _ => words.push('\u{fffd}'),
            },
            Event::End(element) => match element.local_name().as_ref() {
                "href" => current.href = words.trim().to_owned(),
                "getcontentlength" => current.size = words.trim().parse().ok(),
                "getlastmodified" => current.modified = http_date(words.trim()),
                "response" => found.push(std::mem::take(&mut current)),
                _ => {}
            },
            _ => {}
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<SystemTime> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    Some(SystemTime::from(zoned.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apache_and_nginx_are_understood() {
        let apache = br#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:"><D:href>/dav/p/</D:href><D:propstat><D:prop>
<lp1:resourcetype><D:collection/></lp1:resourcetype>
<lp1:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</lp1:getlastmodified></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
<D:response><D:href>/dav/p/a%2Bb</D:href><D:propstat><D:prop>
<lp1:resourcetype/><lp1:getcontentlength>42</lp1:getcontentlength>
<lp1:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</lp1:getlastmodified></D:prop></D:propstat></D:response>
</D:multistatus>"#;
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777);
        let found = parse(apache).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].is_directory && found[0].size.is_none());
        assert_eq!(
            found[1],
            Found {
                href: "/dav/p/a%2Bb".into(),
                is_directory: false,
                size: Some(42),
                modified: Some(time),
            }
        );
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(unescape("a%2Bb%2e").unwrap(), "a+b.");
        assert_eq!(unescape("%252e").unwrap(), "%2e");
        assert_eq!(unescape("%c3%a4"), None);
        assert_eq!(unescape("%2"), None);
    }
}
