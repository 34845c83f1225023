//! HTTP and WebDAV servers: GET, PUT, HEAD, DELETE.
//!
//! What servers do differently, and what is done about it:
//!
//! - Parents: nginx makes them, Apache's mod_dav answers 409 and wants MKCOL first.
//!   What was made is remembered; from the first 409 on a parent that is not known
//!   is made before a body is sent in vain.
//! - `If-None-Match: *`: Apache honours it, nginx overwrites.
//! - Listing: PROPFIND, where there is WebDAV in full.

mod listing;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, IF_NONE_MATCH};
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use reqwest::{Method, StatusCode, Url};
use tokio::io::AsyncWrite;

use super::net::{Answer, Load, Net, secret_header};
use super::{Backend, Body, Error, Failure, Page, Put, Result};
use crate::config::stores::{Deadlines, Http, HttpLayout};

/// See the module.
pub(super) struct HttpStore {
    net: Net,
    /// Without a slash at its end.
    base: Url,
    layout: HttpLayout,
    headers: HeaderMap,
    /// Parents that are there, as paths below the base.
    parents: Mutex<HashSet<String>>,
    /// The server has asked for parents.
    wants_parents: AtomicBool,
}

impl HttpStore {
    /// # Errors
    ///
    /// [`Failure::Config`] for a URL, header or file that cannot be used.
    pub(super) fn open(config: &Http, deadlines: Deadlines) -> Result<HttpStore> {
        let base = base_url(&config.url)?;
        let headers = headers(config)?;
        let net = Net::new(
            &base,
            config.ca_file.as_deref(),
            !headers.is_empty(),
            deadlines,
        )?;
        Ok(HttpStore {
            net,
            base,
            layout: config.layout,
            headers,
            parents: Mutex::default(),
            wants_parents: AtomicBool::new(false),
        })
    }

    fn url(&self, path: &str) -> Result<Url> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments
                    .pop_if_empty()
                    .extend(path.split('/').filter(|part| !part.is_empty()));
            }
            Err(()) => return Err(Error::config("the URL is no place for files")),
        }
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        extra: Option<(HeaderName, HeaderValue)>,
        load: Option<Load>,
    ) -> Result<Answer> {
        let mut headers = self.headers.clone();
        headers.extend(extra);
        self.net.send(method, self.url(path)?, headers, load).await
    }

    async fn put_once(&self, path: &str, body: &Body, if_absent: bool) -> Result<Answer> {
        let condition = if_absent.then(|| (IF_NONE_MATCH, HeaderValue::from_static("*")));
        let load = Load::of(body).await?;
        self.send(Method::PUT, path, condition, Some(load)).await
    }

    fn known_parents(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.parents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the directories above `path` that are not known to be there.
    async fn make_parents(&self, path: &str) -> Result<()> {
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
        for parent in ends {
            if self.known_parents().contains(parent) {
                continue;
            }
            let mut answer = self.make_directory(self.url(parent)?).await?;
            if answer.status == StatusCode::CONFLICT {
                self.make_base().await?;
                answer = self.make_directory(self.url(parent)?).await?;
            }
            let status = answer.status;
            // 405, and of some servers 301: it is there.
            if !status.is_success() && !matches!(status.as_u16(), 301 | 405) {
                return Err(answer.failure("MKCOL"));
            }
            self.known_parents().insert(parent.to_owned());
        }
        Ok(())
    }

    /// Makes what the section's URL names, from the top. Where that cannot be done it
    /// is there, or what is put below tells.
    async fn make_base(&self) -> Result<()> {
        let path = self.base.path().trim_end_matches('/').to_owned();
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
        for end in ends.chain([path.len()]) {
            let mut url = self.base.clone();
            url.set_path(&path[..end]);
            self.make_directory(url).await?;
        }
        Ok(())
    }

    async fn make_directory(&self, mut url: Url) -> Result<Answer> {
        let method = Method::from_bytes(b"MKCOL").expect("a token");
        // With a slash at its end, as a directory is named.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("");
        }
        let headers = self.headers.clone();
        let mut answer = self.net.send(method, url, headers, None).await?;
        answer.body.discard().await;
        Ok(answer)
    }

    fn has_parents(&self, path: &str) -> bool {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.known_parents().contains(parent),
            None => true,
        }
    }
}

#[async_trait]
impl Backend for HttpStore {
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>> {
        let path = path_of(self.layout, name)?;
        let mut answer = self.send(Method::GET, &path, None, None).await?;
        match answer.status {
            StatusCode::OK => answer.body.copy(into).await.map(Some),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                answer.body.discard().await;
                Ok(None)
            }
            _ => {
                answer.body.discard().await;
                Err(answer.failure("GET"))
            }
        }
    }

    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put> {
        let path = path_of(self.layout, name)?;
        if self.wants_parents.load(Ordering::Relaxed) && !self.has_parents(&path) {
            self.make_parents(&path).await?;
        }
        let mut answer = self.put_once(&path, &body, if_absent).await?;
        if matches!(answer.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND)
            && path.contains('/')
        {
            answer.body.discard().await;
            self.wants_parents.store(true, Ordering::Relaxed);
            // Somebody may have cleaned up what was there.
            self.known_parents().clear();
            self.make_parents(&path).await?;
            answer = self.put_once(&path, &body, if_absent).await?;
        }
        answer.body.discard().await;
        match answer.status {
            status if status.is_success() => Ok(Put::Done),
            StatusCode::PRECONDITION_FAILED if if_absent => Ok(Put::Exists),
            _ => Err(answer.failure("PUT")),
        }
    }

    async fn size(&self, name: &str) -> Result<Option<u64>> {
        let path = path_of(self.layout, name)?;
        let answer = self.send(Method::HEAD, &path, None, None).await?;
        match answer.status {
            StatusCode::OK => {
                let length = answer.headers.get(CONTENT_LENGTH);
                let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
                length.map(Some).ok_or_else(|| {
                    Error::new(
                        Failure::Unsupported,
                        format!("{}: HEAD does not say the length", self.net.place()),
                    )
                })
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            _ => Err(answer.failure("HEAD")),
        }
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let path = path_of(self.layout, name)?;
        let mut answer = self.send(Method::DELETE, &path, None, None).await?;
        answer.body.discard().await;
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(answer.failure("DELETE")),
        }
    }

    async fn list(&self, prefix: &str, after: Option<String>) -> Result<Page> {
        if self.layout == HttpLayout::Bazel {
            let text = format!("{}: Bazel's caches do not list", self.net.place());
            return Err(Error::new(Failure::Unsupported, text));
        }
        self.list_one(prefix, after).await
    }

    async fn touch(&self, _name: &str) -> Result<bool> {
        Ok(false)
    }

    /// There is nothing to make. Whether the server answers and knows us is seen
    /// by a HEAD of the base; that it shows nobody its directories is no fault.
    async fn prepare(&self) -> Result<()> {
        let answer = self.send(Method::HEAD, "", None, None).await?;
        match answer.status.as_u16() {
            300..=399 | 401 | 407 | 500..=599 if answer.status != StatusCode::NOT_IMPLEMENTED => {
                Err(answer.failure("HEAD"))
            }
            _ => Ok(()),
        }
    }
}

/// The URL that names are below, checked.
fn base_url(text: &str) -> Result<Url> {
    // Never quoted: what is wrong with it may be the password in it.
    let mut url = Url::parse(text).map_err(|error| Error::config(format!("the URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Error::config("the URL is not one of http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let text = "the URL has credentials in it; they belong into options of their own";
        return Err(Error::config(text));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config("the URL has a query or fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn headers(config: &Http) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let value = secret_header(name, value.expose())?;
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let parsed = parsed.map_err(|_| Error::config(format!("{name:?} is no header")))?;
        headers.append(parsed, value);
    }
    match (&config.username, &config.bearer_token) {
        (Some(_), Some(_)) => {
            let text = "a username and a bearer token: only one of them can be sent";
            return Err(Error::config(text));
        }
        (Some(username), None) => {
            let password = config
                .password
                .as_ref()
                .map_or("", |secret| secret.expose());
            let value = basic(username, password)
                .map_err(|_| Error::config("the username or password cannot be sent"))?;
            headers.insert(AUTHORIZATION, value);
        }
        (None, Some(token)) => {
            let value = secret_header("bearer token", &format!("Bearer {}", token.expose()))?;
            headers.insert(AUTHORIZATION, value);
        }
        (None, None) => {}
    }
    Ok(headers)
}

/// RFC 7617.
fn basic(username: &str, password: &str) -> std::result::Result<HeaderValue, InvalidHeaderValue> {
    let text = format!(
        "Basic {}",
        base64(format!("{username}:{password}").as_bytes())
    );
    let mut value = HeaderValue::from_str(&text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// RFC 4648, padded.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(match digit > group.len() {
                true => '=',
                false => char::from(DIGITS[index as usize]),
            });
        }
    }
    text
}

/// Where below the base the object of a name (`prefix/hh/key`) is.
///
/// # Errors
///
/// [`Failure::Unsupported`] if the layout has no place for the name.
fn path_of(layout: HttpLayout, name: &str) -> Result<String> {
    match layout {
        HttpLayout::Subdirectories => Ok(name.to_owned()),
        HttpLayout::Flat => {
            let mut parts: Vec<&str> = name.split('/').collect();
            if let [.., hh, key] = parts[..]
                && hh.len() == 2
                && key.starts_with(hh)
            {
                parts.remove(parts.len() - 2);
            }
            Ok(parts.join("/"))
        }
        HttpLayout::Bazel => {
            let key = name.rsplit('/').next().unwrap_or(name);
            let is_digest = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
            match is_digest {
                true => Ok(format!("ac/{key}")),
                false => Err(Error::new(
                    Failure::Unsupported,
                    format!("{name}: Bazel's layout has names of 64 hex digits only"),
                )),
            }
        }
    }
}

/// The name of what is at a path, the inverse of [`path_of`].
fn name_of(layout: HttpLayout, path: &str) -> String {
    let (parent, key) = path.rsplit_once('/').unwrap_or(("", path));
    match layout {
        HttpLayout::Flat
            if key.len() > 2 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            let slash = if parent.is_empty() { "" } else { "/" };
            format!("{parent}{slash}{}/{key}", &key[..2])
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ab00000000000000000000000000000000000000000000000000000000000042";

    #[test]
    fn each_layout_has_its_paths() {
        let name = format!("team/ab/{KEY}");
        let path = |layout| path_of(layout, &name).unwrap();
        assert_eq!(path(HttpLayout::Subdirectories), name);
        assert_eq!(path(HttpLayout::Flat), format!("team/{KEY}"));
        assert_eq!(path(HttpLayout::Bazel), format!("ac/{KEY}"));
        let refused = path_of(HttpLayout::Bazel, "team/ab/abcd").unwrap_err();
        assert_eq!(refused.failure, Failure::Unsupported);
        for layout in [HttpLayout::Subdirectories, HttpLayout::Flat] {
            assert_eq!(name_of(layout, &path(layout)), name);
        }
        let bare = format!("ab/{KEY}");
        assert_eq!(path_of(HttpLayout::Flat, &bare).unwrap(), KEY);
        assert_eq!(name_of(HttpLayout::Flat, KEY), bare);
    }

    #[test]
    fn base64_as_in_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn urls_with_secrets_are_refused_without_repeating_them() {
        for url in [
            "http://me:hunter2@host/",
            "https://host/?hunter2",
            "ftp://hunter2/",
            "http://[hunter2",
        ] {
            let error = base_url(url).unwrap_err();
            assert_eq!(error.failure, Failure::Config);
            assert!(!error.text.contains("hunter2"), "{error}");
        }
    }
}
