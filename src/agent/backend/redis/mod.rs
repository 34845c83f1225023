//! Redis and Valkey: one value per object.
//!
//! Connections are made here and only spoken over by the `redis` crate: that way
//! the deadlines see each byte come, and a value of any size may take its time. A
//! cluster needs no more than knowing which node has which slots.

mod cluster;
mod node;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use self::cluster::{Slots, slot_of};
use self::node::{Fault, Link, Node, Nodes};
use super::{Backend, Body, Error, Failure, Listed, Page, Put, Result, fault};
use crate::config::stores::{Deadlines, Redis};

/// What a server takes as one value, in bytes (`proto-max-bulk-len`).
const LARGEST: u64 = 512 << 20;
/// Keys looked at for one page of a listing.
const PAGE: usize = 1000;
/// Nodes a request is sent on to, at most, while a cluster moves its slots.
const REDIRECTIONS: usize = 3;

/// See the module.
pub(super) struct RedisStore {
    nodes: Nodes,
    /// `None`: no cluster.
    slots: Option<Slots>,
    ttl: Option<Duration>,
}

impl RedisStore {
    /// # Errors
    ///
    /// [`Failure::Config`] for endpoints or files that cannot be used.
    pub(super) fn open(config: &Redis, deadlines: Deadlines) -> Result<RedisStore> {
        let nodes = Nodes::new(config, deadlines)?;
        Ok(RedisStore {
            nodes,
            slots: config.cluster.then(Slots::default),
            ttl: config.ttl.filter(|ttl| !ttl.is_zero()),
        })
    }

    /// Asks the node that has `key`. `len`: bytes that are sent.
    async fn ask<T: FromRedisValue>(&self, key: &str, request: &Cmd, len: u64) -> Result<T> {
        let Some(slots) = &self.slots else {
            let link = self.nodes.first().await?;
            return link.ask(request, len).await.map_err(Fault::into_error);
        };
        let slot = slot_of(key.as_bytes());
        let mut node = slots.node(slot, &self.nodes).await?;
        let mut only_now = false;
        for _ in 0..REDIRECTIONS {
            let link = self.nodes.link(&node).await?;
            let answer = match only_now {
                false => link.ask(request, len).await,
                true => asking(&link, request, len).await,
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(Fault::Moved(to)) => {
                    node = self.nodes.beside(&node, &to)?;
                    slots.forget();
                    only_now = false;
                }
                Err(Fault::Ask(to)) => {
                    node = self.nodes.beside(&node, &to)?;
                    only_now = true;
                }
                Err(Fault::Failed(error)) => {
                    if matches!(error.failure, Failure::Connect | Failure::Timeout) {
                        // Perhaps another node has taken over.
                        slots.forget();
                    }
                    return Err(error);
                }
            }
        }
        let text = "the cluster sends us from node to node";
        Err(Error::broken(&node.place(), text))
    }

    /// The nodes that hold something, in an order that stays.
    async fn masters(&self) -> Result<Vec<Node>> {
        match &self.slots {
            None => Ok(vec![self.nodes.any().clone()]),
            Some(slots) => slots.masters(&self.nodes).await,
        }
    }
}

/// A request to a node that is about to get the slot.
async fn asking<T: FromRedisValue>(
    link: &Link,
    request: &Cmd,
    len: u64,
) -> std::result::Result<T, Fault> {
    let mut both = Pipeline::with_capacity(2);
    both.add_command(cmd("ASKING")).ignore();
    both.add_command(request.clone());
    let (answer,): (T,) = link.ask_all(&both, len).await?;
    Ok(answer)
}

#[async_trait]
impl Backend for RedisStore {
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>> {
        let mut request = cmd("GET");
        request.arg(name);
        let value: Option<Vec<u8>> = self.ask(name, &request, 0).await?;
        let Some(value) = value else {
            return Ok(None);
        };
        into.write_all(&value)
            .await
            .map_err(|error| Error::broken("writing what came", error))?;
        Ok(Some(value.len() as u64))
    }

    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put> {
        let value = whole(body).await?;
        let mut request = cmd("SET");
        request.arg(name).arg(value.as_ref());
        if let Some(ttl) = self.ttl {
            request.arg("PX").arg(millis(ttl));
        }
        if if_absent {
            request.arg("NX");
        }
        match self.ask(name, &request, value.len() as u64).await? {
            Value::Okay => Ok(Put::Done),
            Value::Nil if if_absent => Ok(Put::Exists),
            _ => Err(Error::broken("SET", "the answer makes no sense")),
        }
    }

    async fn size(&self, name: &str) -> Result<Option<u64>> {
        let mut request = cmd("STRLEN");
        request.arg(name);
        let len: u64 = self.ask(name, &request, 0).await?;
        if len > 0 {
            return Ok(Some(len));
        }
        // Nothing there, or nothing in it.
        let mut request = cmd("EXISTS");
        request.arg(name);
        let exists: bool = self.ask(name, &request, 0).await?;
        Ok(exists.then_some(0))
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let mut request = cmd("DEL");
        request.arg(name);
        let _removed: u64 = self.ask(name, &request, 0).await?;
        Ok(())
    }

    /// `after` is the index of the node and its cursor. A key may come twice.
    async fn list(&self, prefix: &str, after: Option<String>) -> Result<Page> {
        let (index, cursor) = match &after {
            None => (0, 0_u64),
            Some(text) => text
                .split_once(':')
                .and_then(|(index, cursor)| Some((index.parse().ok()?, cursor.parse().ok()?)))
                .ok_or_else(|| Error::broken("SCAN", "no place of ours to go on from"))?,
        };
        let masters = self.masters().await?;
        let Some(node) = masters.get(index) else {
            return Ok(Page::default());
        };
        // A connection of its own, on which looking does not count as using; what
        // does not know that (before 7.2) refuses, and that is all right.
        let link = self.nodes.fresh(node).await?;
        let mut request = cmd("CLIENT");
        request.arg("NO-TOUCH").arg("ON");
        let _ = link.ask::<Value>(&request, 0).await;
        let mut request = cmd("SCAN");
        request.arg(cursor).arg("MATCH").arg(pattern(prefix));
        request.arg("COUNT").arg(PAGE);
        let (cursor, keys): (u64, Vec<String>) =
            link.ask(&request, 0).await.map_err(Fault::into_error)?;
        let next = match cursor {
            0 if index + 1 < masters.len() => Some(format!("{}:0", index + 1)),
            0 => None,
            cursor => Some(format!("{index}:{cursor}")),
        };
        let objects = describe(&link, keys).await?;
        Ok(Page { objects, next })
    }

    async fn touch(&self, name: &str) -> Result<bool> {
        let Some(ttl) = self.ttl else {
            return Ok(false);
        };
        let mut request = cmd("PEXPIRE");
        request.arg(name).arg(millis(ttl));
        self.ask(name, &request, 0).await
    }

    async fn prepare(&self) -> Result<()> {
        match &self.slots {
            Some(slots) => {
                slots.forget();
                slots.masters(&self.nodes).await.map(drop)
            }
            None => {
                let link = self.nodes.first().await?;
                let pong: std::result::Result<Value, Fault> = link.ask(&cmd("PING"), 0).await;
                pong.map(drop).map_err(Fault::into_error)
            }
        }
    }
}

/// Sizes and ages of keys, those that are gone left out.
async fn describe(link: &Link, keys: Vec<String>) -> Result<Vec<Listed>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut ages = Pipeline::with_capacity(keys.len());
    let mut sizes = Pipeline::with_capacity(keys.len());
    for key in &keys {
        ages.cmd("OBJECT").arg("IDLETIME").arg(key);
        sizes.cmd("STRLEN").arg(key);
    }
    // The ages first: asking for a length may count as use. With an LFU policy there
    // are none.
    let ages: Vec<Option<u64>> = link.ask_all(&ages, 0).await.unwrap_or_default();
    let sizes: Vec<u64> = link.ask_all(&sizes, 0).await.map_err(Fault::into_error)?;
    let now = SystemTime::now();
    let mut ages = ages.into_iter();
    let described = keys.into_iter().zip(sizes).map(|(name, size)| Listed {
        name,
        size,
        modified: ages
            .next()
            .flatten()
            .and_then(|idle| now.checked_sub(Duration::from_secs(idle))),
    });
    Ok(described.filter(|listed| listed.size > 0).collect())
}

/// A body in one piece, as a value is sent.
async fn whole(body: Body) -> Result<Bytes> {
    let len = match &body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::File(_, len) => *len,
    };
    if len > LARGEST {
        let text = format!("{len} bytes are more than a value of Redis may have");
        return Err(Error::new(Failure::TooLarge, text));
    }
    match body {
        Body::Bytes(bytes) => Ok(bytes),
        Body::File(path, len) => {
            let unreadable =
                |error| Error::broken(&path.display().to_string(), fault::last_cause(&error));
            let mut file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
            file.read_exact(&mut bytes).await.map_err(unreadable)?;
            Ok(bytes.into())
        }
    }
}

fn millis(ttl: Duration) -> u64 {
    // Zero would be refused.
    u64::try_from(ttl.as_millis())
        .unwrap_or(u64::MAX >> 1)
        .max(1)
}

/// The pattern of all names below a prefix.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 2);
    for c in prefix.chars() {
        if "*?[]\\^".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    if !prefix.is_empty() {
        pattern.push('/');
    }
    pattern.push('*');
    pattern
}
