//! Connections to nodes: made when needed, kept, made again when they broke.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline};
use redis::{RedisConnectionInfo, RedisError, ServerErrorKind};
use rustls::ClientConfig;
use tokio::task::JoinHandle;
use url::Url;

use crate::agent::backend::stream::{Endpoint, Pulse};
use crate::agent::backend::{Error, Failure, Result, fault, tls};
use crate::config::stores::{Deadlines, Redis, Secret};

/// One server, by its address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    Tcp { host: String, port: u16, tls: bool },
    Unix(PathBuf),
}

impl Node {
    fn endpoint(&self) -> Endpoint {
        match self.clone() {
            Node::Tcp { host, port, tls } => Endpoint::Tcp { host, port, tls },
            Node::Unix(path) => Endpoint::Unix(path),
        }
    }

    /// For messages.
    pub(super) fn place(&self) -> String {
        self.endpoint().place()
    }
}

/// What a request came to, if not to an answer.
pub(super) enum Fault {
    /// The slot is at this address now.
    Moved(String),
    /// The key may be at this address; only this once.
    Ask(String),
    Failed(Error),
}

impl Fault {
    pub(super) fn into_error(self) -> Error {
        match self {
            Fault::Failed(error) => error,
            Fault::Moved(_) | Fault::Ask(_) => Error::config(
                "the server is part of a cluster, and the store is not configured as one",
            ),
        }
    }
}

/// The nodes of a section and the connections to them.
pub(super) struct Nodes {
    named: Vec<Node>,
    greeting: RedisConnectionInfo,
    tls: Option<Arc<ClientConfig>>,
    deadlines: Deadlines,
    password: Option<Secret>,
    links: Mutex<HashMap<Node, Arc<Link>>>,
}

impl Nodes {
    /// # Errors
    ///
    /// [`Failure::Config`].
    pub(super) fn new(config: &Redis, deadlines: Deadlines) -> Result<Nodes> {
        let mut named = Vec::new();
        let mut database = 0;
        for endpoint in &config.endpoints {
            let (node, number) = parse(endpoint)?;
            named.push(node);
            database = number;
        }
        if named.is_empty() {
            return Err(Error::config("no endpoint is named"));
        }
        if !config.cluster && named.len() > 1 {
            return Err(Error::config("several endpoints, but no cluster"));
        }
        if config.cluster && database != 0 {
            return Err(Error::config("a cluster has no numbered databases"));
        }
        let mut greeting = RedisConnectionInfo::default()
            .set_db(database)
            .set_skip_set_lib_name();
        if let Some(username) = &config.username {
            greeting = greeting.set_username(username);
        }
        if let Some(password) = &config.password {
            greeting = greeting.set_password(password.expose());
        }
        let secured = named
            .iter()
            .any(|node| matches!(node, Node::Tcp { tls: true, .. }));
        let tls = match secured {
            true => Some(Arc::new(tls::client(config.ca_file.as_deref())?)),
            false => None,
        };
        Ok(Nodes {
            named,
            greeting,
            tls,
            deadlines,
            password: config.password.clone(),
            links: Mutex::default(),
        })
    }

    /// The nodes that the section names.
    pub(super) fn named(&self) -> &[Node] {
        &self.named
    }

    /// The first of them.
    pub(super) fn any(&self) -> &Node {
        &self.named[0]
    }

    /// A connection to the first of them. Errors as [`Nodes::link`].
    pub(super) async fn first(&self) -> Result<Arc<Link>> {
        self.link(self.any()).await
    }

    /// The node that `from` calls `address`: `host:port`, without a host its own.
    ///
    /// # Errors
    ///
    /// [`Failure::Broken`] if it is no address.
    pub(super) fn beside(&self, from: &Node, address: &str) -> Result<Node> {
        let strange = || Error::broken(&from.place(), "it names a node without an address");
        let Node::Tcp { host, tls, .. } = from else {
            return Err(strange());
        };
        let (other, port) = address.rsplit_once(':').ok_or_else(strange)?;
        let other = other.trim_start_matches('[').trim_end_matches(']');
        Ok(Node::Tcp {
            host: match other {
                "" | "?" => host.clone(),
                other => other.to_owned(),
            },
            port: port.parse().map_err(|_| strange())?,
            tls: *tls,
        })
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Node, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to a node: the one that is there, or a new one.
    ///
    /// # Errors
    ///
    /// [`Failure::Connect`], [`Failure::Timeout`], [`Failure::Denied`],
    /// [`Failure::NoPlace`].
    pub(super) async fn link(&self, node: &Node) -> Result<Arc<Link>> {
        if let Some(link) = self.links().get(node)
            && link.is_usable()
        {
            return Ok(Arc::clone(link));
        }
        // Not under the lock: with a dead server all would wait in a row.
        let made = Arc::new(self.fresh(node).await?);
        let mut links = self.links();
        let kept = links
            .entry(node.clone())
            .or_insert_with(|| Arc::clone(&made));
        if !kept.is_usable() {
            *kept = made;
        }
        Ok(Arc::clone(kept))
    }

    /// A connection of one's own. Errors as [`Nodes::link`].
    pub(super) async fn fresh(&self, node: &Node) -> Result<Link> {
        let place = node.place();
        let stream = node
            .endpoint()
            .connect(self.tls.as_ref(), &self.deadlines)
            .await?;
        let pulse = stream.pulse();
        // The deadlines are ours to watch.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let greeting = MultiplexedConnection::new_with_config(&self.greeting, stream, config);
        let greeted = pulse.watch(&place, 0, &self.deadlines, greeting).await?;
        let (connection, driver) = match greeted {
            Ok(greeted) => greeted,
            Err(error) => {
                return Err(translate(&place, &error, self.password.as_ref()).into_error());
            }
        };
        Ok(Link {
            connection,
            driver: tokio::spawn(driver),
            pulse,
            place,
            deadlines: self.deadlines,
            password: self.password.clone(),
            given_up: Mutex::new(false),
        })
    }
}

/// A connection that many may ask at a time.
pub(super) struct Link {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
    pulse: Arc<Pulse>,
    place: String,
    deadlines: Deadlines,
    password: Option<Secret>,
    /// A request got no answer in time; those after it would not either.
    given_up: Mutex<bool>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    fn is_usable(&self) -> bool {
        let given_up = *self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        !given_up && !self.pulse.is_closed() && !self.driver.is_finished()
    }

    /// Sends one request, of about `len` bytes.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: &Cmd,
        len: u64,
    ) -> std::result::Result<T, Fault> {
        let mut connection = self.connection.clone();
        self.wait(len, request.query_async(&mut connection)).await
    }

    /// Sends several requests in one go.
    pub(super) async fn ask_all<T: FromRedisValue>(
        &self,
        requests: &Pipeline,
        len: u64,
    ) -> std::result::Result<T, Fault> {
        let mut connection = self.connection.clone();
        self.wait(len, requests.query_async(&mut connection)).await
    }

    async fn wait<T>(
        &self,
        len: u64,
        answer: impl Future<Output = redis::RedisResult<T>>,
    ) -> std::result::Result<T, Fault> {
        let answer = self.pulse.watch(&self.place, len, &self.deadlines, answer);
        match answer.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(translate(&self.place, &error, self.password.as_ref())),
            Err(late) => {
                *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = true;
                Err(Fault::Failed(late))
            }
        }
    }
}

/// `redis://host:port/db`, `rediss://...`, `unix:///path?db=n`.
fn parse(endpoint: &str) -> Result<(Node, i64)> {
    // Never quoted: what is wrong with it may be the password in it.
    let wrong = |what: &str| Error::config(format!("an endpoint: {what}"));
    let url = Url::parse(endpoint).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "it has credentials in it; they belong into options of their own",
        ));
    }
    let number = |text: &str| match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| wrong("the database is a number")),
    };
    let tls = match url.scheme() {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        "unix" | "redis+unix" | "valkey+unix" => {
            let database = url.query_pairs().find(|(key, _)| key == "db");
            let database = database.map_or(Ok(0), |(_, value)| number(&value))?;
            return Ok((Node::Unix(PathBuf::from(url.path())), database));
        }
        _ => return Err(wrong("not one of redis, rediss or unix")),
    };
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| wrong("it names no host"))?;
    let node = Node::Tcp {
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port: url.port().unwrap_or(6379),
        tls,
    };
    Ok((node, number(url.path().trim_matches('/'))?))
}

/// What an error is called here.
fn translate(place: &str, error: &RedisError, password: Option<&Secret>) -> Fault {
    if let Some((to, _)) = error.redirect_node() {
        let to = to.to_owned();
        return match error.kind() {
            ErrorKind::Server(ServerErrorKind::Ask) => Fault::Ask(to),
            _ => Fault::Moved(to),
        };
    }
    let code = error.code().unwrap_or("");
    let detail = error.detail().unwrap_or("");
    let failure = match (error.kind(), code) {
        (ErrorKind::AuthenticationFailed, _) => Failure::Denied,
        (_, "NOAUTH" | "NOPERM" | "WRONGPASS" | "READONLY" | "DENIED") => Failure::Denied,
        (_, "OOM" | "MISCONF") => Failure::Full,
        (_, "LOADING" | "BUSY" | "CLUSTERDOWN" | "TRYAGAIN" | "MASTERDOWN" | "NOREPLICAS") => {
            Failure::Server
        }
        (_, "ERR") if detail.contains("DB index") => Failure::NoPlace,
        (_, "ERR") if detail.contains("unknown command") => Failure::Unsupported,
        (_, "ERR") if detail.contains("max number of clients") => Failure::Server,
        (_, "ERR") if detail.contains("invalid password") || detail.contains("AUTH") => {
            Failure::Denied
        }
        (ErrorKind::InvalidClientConfig, _) => Failure::Config,
        _ if error.is_timeout() => Failure::Timeout,
        _ if error.is_connection_refusal() => Failure::Connect,
        _ => Failure::Broken,
    };
    let mut text = match code {
        "" => fault::last_cause(error),
        code => format!("{code} {detail}"),
    };
    if let Some(secret) = password.filter(|secret| !secret.expose().is_empty()) {
        text = text.replace(secret.expose(), "<hidden>");
    }
    Fault::Failed(Error::new(failure, format!("{place}: {}", text.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_understood() {
        let tcp = |host: &str, port, tls| Node::Tcp {
            host: host.to_owned(),
            port,
            tls,
        };
        let good = [
            ("redis://host", tcp("host", 6379, false), 0),
            ("rediss://host:1/3", tcp("host", 1, true), 3),
            ("redis://[::1]:7000/", tcp("::1", 7000, false), 0),
            (
                "unix:///run/r.sock?db=2",
                Node::Unix("/run/r.sock".into()),
                2,
            ),
        ];
        for (text, node, database) in good {
            assert_eq!(parse(text).unwrap(), (node, database), "{text}");
        }
        for bad in [
            "redis://:hunter2@host",
            "http://hunter2",
            "redis://host/hunter2",
            "hunter2",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.failure, Failure::Config);
            assert!(!error.text.contains("hunter2"), "{error}");
        }
    }
}
