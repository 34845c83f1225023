//! Google Cloud Storage and Azure Blob. Recency cannot be renewed there without
//! sending the object again, so it is not.

use opendal::services;
use reqwest::Url;

use super::http::base64;
use super::net::Net;
use super::object::Objects;
use super::{Error, Result};
use crate::config::stores::{Deadlines, Secret};

const GOOGLE: &str = "https://storage.googleapis.com";

/// A bucket of Google Cloud Storage. `credential` is a service account's key: the
/// JSON text, that in base64, or the path of its file; without one the usual chain
/// is gone through.
///
/// # Errors
///
/// [`super::Failure::Config`].
pub(super) fn gcs(
    bucket: &str,
    endpoint: Option<&str>,
    credential: Option<&Secret>,
    anonymous: bool,
    deadlines: Deadlines,
) -> Result<Objects> {
    let endpoint = endpoint.unwrap_or(GOOGLE);
    let mut service = services::Gcs::default().bucket(bucket).endpoint(endpoint);
    if let Some(credential) = credential {
        let text = credential.expose().trim();
        service = match text.bytes().next() {
            Some(b'{') => service.credential(&base64(text.as_bytes())),
            Some(b'/') => service.credential_path(text),
            _ => service.credential(text),
        };
    }
    if anonymous {
        service = service.skip_signature();
    }
    Objects::new(service, net(endpoint, deadlines)?)
}

/// What a section says about Azure.
pub(super) struct Azure<'a> {
    pub(super) container: &'a str,
    pub(super) endpoint: &'a str,
    pub(super) account: Option<&'a str>,
    pub(super) key: Option<&'a Secret>,
    pub(super) sas_token: Option<&'a Secret>,
}

/// A container of Azure Blob.
///
/// # Errors
///
/// [`super::Failure::Config`].
pub(super) fn azblob(azure: &Azure<'_>, deadlines: Deadlines) -> Result<Objects> {
    let mut service = services::Azblob::default()
        .container(azure.container)
        .endpoint(azure.endpoint);
    if let Some(account) = azure.account {
        service = service.account_name(account);
    }
    if let Some(key) = azure.key {
        service = service.account_key(key.expose());
    }
    if let Some(token) = azure.sas_token {
        service = service.sas_token(token.expose().trim_start_matches('?'));
    }
    Objects::new(service, net(azure.endpoint, deadlines)?)
}

fn net(endpoint: &str, deadlines: Deadlines) -> Result<Net> {
    let url = Url::parse(endpoint).map_err(|error| Error::config(format!("endpoint: {error}")))?;
    Net::new(&url, None, true, deadlines)
}
