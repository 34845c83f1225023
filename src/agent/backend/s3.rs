//! S3 and what speaks it.
//!
//! OpenDAL does objects. Two requests it has none for are signed here: a copy of
//! an object onto itself, which renews its date, and the making of a bucket.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use opendal::{Buffer, HttpTransporter, services};
use reqsign_aws_v4::{
    Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider,
};
use reqsign_core::{Context, Env, ProvideCredential, ProvideCredentialChain, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use reqwest::Url;
use tokio::io::AsyncWrite;

use super::net::Net;
use super::object::{Objects, of_opendal, transporter};
use super::{Backend, Body, Error, Failure, Page, Put, Result};
use crate::config::stores::{Deadlines, S3, Secret};

/// Where nothing else is said: S3's own default.
const REGION: &str = "us-east-1";

/// See the module.
pub(super) struct S3Store {
    objects: Objects,
    direct: Direct,
    auto_create: bool,
}

impl S3Store {
    /// # Errors
    ///
    /// [`Failure::Config`] for settings that cannot be used.
    pub(super) fn open(config: &S3, deadlines: Deadlines) -> Result<S3Store> {
        let place = Place::of(config)?;
        let net = Net::new(&place.endpoint, config.ca_file.as_deref(), true, deadlines)?;
        let transport = transporter(net.clone());
        let direct = Direct {
            signer: match config.anonymous {
                true => None,
                false => Some(signer(config, &place.region, &transport)?),
            },
            headers: encryption(config),
            transport,
            place: place.clone(),
            name: net.place().to_owned(),
        };
        let mut service = services::S3::default()
            .bucket(&config.bucket)
            .region(&place.region)
            .endpoint(place.endpoint.as_str())
            // Its own look at this process's environment: the caller's counts.
            .disable_config_load()
            .disable_ec2_metadata()
            .server_side_encryption(config.server_side_encryption.as_deref().unwrap_or(""))
            .server_side_encryption_aws_kms_key_id(config.sse_kms_key_id.as_deref().unwrap_or(""));
        if config.virtual_host_style {
            service = service.enable_virtual_host_style();
        }
        service = match config.anonymous {
            true => service.skip_signature(),
            false => service.credential_provider_chain(credentials(config)?),
        };
        Ok(S3Store {
            objects: Objects::new(service, net)?,
            direct,
            auto_create: config.auto_create,
        })
    }
}

#[async_trait]
impl Backend for S3Store {
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>> {
        self.objects.get(name, into).await
    }

    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put> {
        self.objects.put(name, body, if_absent).await
    }

    async fn size(&self, name: &str) -> Result<Option<u64>> {
        self.objects.size(name).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.objects.delete(name).await
    }

    async fn list(&self, prefix: &str, after: Option<String>) -> Result<Page> {
        self.objects.list(prefix, after).await
    }

    async fn touch(&self, name: &str) -> Result<bool> {
        self.direct.copy_onto_itself(name).await
    }

    async fn prepare(&self) -> Result<()> {
        match self.objects.prepare().await {
            Err(error) if error.failure == Failure::NoPlace && self.auto_create => {
                self.direct.make_bucket().await
            }
            other => other,
        }
    }
}

/// Where the bucket is.
#[derive(Clone, Debug)]
struct Place {
    endpoint: Url,
    region: String,
    bucket: String,
    virtual_host_style: bool,
}

impl Place {
    fn of(config: &S3) -> Result<Place> {
        let variable = |name: &str| {
            let mut found = config.environment.iter().filter(|(key, _)| key == name);
            let value = found.next().map(|(_, value)| value.expose().to_owned());
            value.filter(|value| !value.is_empty())
        };
        if config.bucket.is_empty() {
            return Err(Error::config("no bucket is named"));
        }
        let region = config.region.clone();
        let region = region
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| REGION.to_owned());
        let endpoint = config.endpoint.clone();
        let endpoint = endpoint
            .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| match region.starts_with("cn-") {
                true => format!("https://s3.{region}.amazonaws.com.cn"),
                false => format!("https://s3.{region}.amazonaws.com"),
            });
        let endpoint = match endpoint.contains("://") {
            true => endpoint,
            false => format!("https://{endpoint}"),
        };
        let wrong = |what: &str| Error::config(format!("the endpoint: {what}"));
        let endpoint = Url::parse(&endpoint).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() {
            return Err(wrong("not one of http or https"));
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(wrong("it has credentials in it"));
        }
        Ok(Place {
            endpoint,
            region,
            bucket: config.bucket.clone(),
            virtual_host_style: config.virtual_host_style,
        })
    }

    /// The address of the bucket (`""`) or of an object in it.
    fn address(&self, name: &str) -> String {
        let name = opendal::raw::percent_encode_path(name);
        let endpoint = self.endpoint.as_str().trim_end_matches('/');
        match self.virtual_host_style {
            true => {
                let host = endpoint.replacen("://", &format!("://{}.", self.bucket), 1);
                format!("{host}/{name}")
            }
            false if name.is_empty() => format!("{endpoint}/{}", self.bucket),
            false => format!("{endpoint}/{}/{name}", self.bucket),
        }
    }

    fn is_amazon(&self) -> bool {
        let host = self.endpoint.host_str().unwrap_or("");
        host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
    }
}

/// The headers that encrypt what is written.
fn encryption(config: &S3) -> Vec<(&'static str, String)> {
    let kind = (
        "x-amz-server-side-encryption",
        &config.server_side_encryption,
    );
    let key = (
        "x-amz-server-side-encryption-aws-kms-key-id",
        &config.sse_kms_key_id,
    );
    let set = [kind, key].into_iter();
    set.filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}

/// Requests that OpenDAL has none for.
struct Direct {
    transport: HttpTransporter,
    /// `None`: anonymous.
    signer: Option<Signer<Credential>>,
    /// Sent with whatever writes an object.
    headers: Vec<(&'static str, String)>,
    place: Place,
    /// For messages.
    name: String,
}

impl Direct {
    async fn put(
        &self,
        address: String,
        headers: &[(&'static str, String)],
        body: String,
    ) -> std::result::Result<Buffer, opendal::Error> {
        let mut request = http::Request::put(address);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let failed = |what: &str| opendal::Error::new(opendal::ErrorKind::ConfigInvalid, what);
        let request = request
            .body(())
            .map_err(|_| failed("a setting cannot be sent"))?;
        let (mut parts, ()) = request.into_parts();
        if let Some(signer) = &self.signer {
            signer
                .sign(&mut parts, None)
                .await
                .map_err(|error| failed("the request could not be signed").set_source(error))?;
        }
        // Its value was needed for the signature; the client sets its own.
        parts.headers.remove(http::header::HOST);
        let request = http::Request::from_parts(parts, Buffer::from(body));
        Ok(self.transport.send(request).await?.into_body())
    }

    /// A new date for an object: the server copies it onto itself, which it does
    /// only if something changes, so its (no) metadata is replaced.
    async fn copy_onto_itself(&self, name: &str) -> Result<bool> {
        let source = opendal::raw::percent_encode_path(name);
        let source = format!("/{}/{source}", self.place.bucket);
        let mut headers = self.headers.clone();
        headers.push(("x-amz-copy-source", source));
        headers.push(("x-amz-metadata-directive", "REPLACE".to_owned()));
        match self
            .put(self.place.address(name), &headers, String::new())
            .await
        {
            // A copy may fail after the head of its answer was sent.
            Ok(answer) => match answer.to_vec().windows(6).any(|word| word == b"<Error") {
                true => Err(Error::new(
                    Failure::Server,
                    format!("{}: the copy failed", self.name),
                )),
                false => Ok(true),
            },
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => Ok(false),
            Err(error) => match of_opendal(&self.name, error) {
                error if error.failure == Failure::Unsupported => Ok(false),
                error => Err(error),
            },
        }
    }

    async fn make_bucket(&self) -> Result<()> {
        let region = &self.place.region;
        // Others than Amazon have one region, by whatever name.
        let body = match self.place.is_amazon() && region != REGION {
            true => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
            false => String::new(),
        };
        let made = self.put(self.place.address(""), &[], body).await;
        match made.map_err(|error| of_opendal(&self.name, error)) {
            Ok(_) => Ok(()),
            // Another machine was faster.
            Err(error) if error.text.contains("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn signer(config: &S3, region: &str, transport: &HttpTransporter) -> Result<Signer<Credential>> {
    let context = Context::new()
        .with_file_read(TokioFileRead)
        .with_http_send(transport.clone())
        .with_env(Caller::of(config));
    let signer = RequestSigner::new("s3", region);
    Ok(Signer::new(context, credentials(config)?, signer))
}

/// The keys of the section, else the usual chain in the caller's environment.
fn credentials(config: &S3) -> Result<ProvideCredentialChain<Credential>> {
    let chain = ProvideCredentialChain::new();
    match (&config.access_key, &config.secret_key) {
        (Some(access), Some(secret)) => {
            let mut keys = StaticCredentialProvider::new(access.expose(), secret.expose());
            if let Some(token) = &config.session_token {
                keys = keys.with_session_token(token.expose());
            }
            Ok(chain.push(keys))
        }
        (None, None) => Ok(chain.push(UsualChain {
            chain: DefaultCredentialProvider::new(),
            caller: Caller::of(config),
        })),
        _ => Err(Error::config(
            "an access key and a secret key go together; only one is set",
        )),
    }
}

/// The environment of whoever asked for the compile, as far as it is Amazon's.
#[derive(Clone)]
struct Caller(Arc<HashMap<String, Secret>>);

impl Caller {
    fn of(config: &S3) -> Caller {
        Caller(Arc::new(config.environment.iter().cloned().collect()))
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Caller")
    }
}

impl Env for Caller {
    fn var(&self, key: &str) -> Option<String> {
        self.0.get(key).map(|value| value.expose().to_owned())
    }

    fn vars(&self) -> HashMap<String, String> {
        let all = self.0.iter();
        all.map(|(key, value)| (key.clone(), value.expose().to_owned()))
            .collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        // The agent serves one user only: home is the same.
        Some(directories::BaseDirs::new()?.home_dir().to_owned())
    }
}

/// Environment, `~/.aws`, SSO, web identity, container, machine; OpenDAL hands its
/// providers this process's environment, which is put right here.
#[derive(Debug)]
struct UsualChain {
    chain: DefaultCredentialProvider,
    caller: Caller,
}

impl ProvideCredential for UsualChain {
    type Credential = Credential;

    async fn provide_credential(
        &self,
        context: &Context,
    ) -> reqsign_core::Result<Option<Credential>> {
        let context = context.clone().with_env(self.caller.clone());
        self.chain.provide_credential(&context).await
    }
}
