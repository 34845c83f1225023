//! What a compile and the agent say to each other.
//!
//! A frame is `head:u32 body:u64` (lengths in bytes, little endian), the head as
//! JSON, the body as it is. The caller sends one request and reads frames until one
//! that is not [`Reply::Wait`] or [`Reply::Progress`]. Both ends are of one version:
//! the socket's name has [`VERSION`] in it.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::disk::DiskOptions;

/// Of this protocol.
pub const VERSION: u32 = 1;

/// A longer head is nonsense.
const MAX_HEAD: u32 = 16 << 20;

/// Bodies up to this size, in bytes, come in the frame; others as a file.
pub const MAX_BODY: u64 = 1 << 20;

/// What the agent is asked to do. `stores` are the configured stores, as
/// [`crate::config::stores::StoreConfig`] in JSON: the agent has no configuration
/// of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// A pack, by its namespace (empty: none) and key (64 hex digits).
    Get {
        stores: serde_json::Value,
        namespace: String,
        key: String,
    },
    /// Puts a result of the pack that this connection was given last into the local
    /// store. The frame's body is a manifest of one variant, the one that this machine
    /// found to stand. Nobody waits for an answer.
    Keep { local: Local },
    /// Something lies in the spool.
    Spooled { stores: serde_json::Value },
    /// Answers [`Reply::Done`] when the spool is empty.
    Flush { stores: serde_json::Value },
    /// What it does and has done.
    Status,
    /// Count from zero.
    Zero,
    /// Leave.
    Stop,
    /// Writes, reads, compares and deletes an object in each store, or in one.
    Check {
        stores: serde_json::Value,
        store: Option<String>,
    },
    /// Removes objects from a store. Sizes in bytes, ages in seconds.
    Clean {
        stores: serde_json::Value,
        store: String,
        max_size: Option<u64>,
        max_age: Option<u64>,
        dry_run: bool,
    },
    /// Copies what one store has and the other has not.
    Copy {
        stores: serde_json::Value,
        from: String,
        to: String,
    },
    /// Counts objects and bytes.
    Usage {
        stores: serde_json::Value,
        store: Option<String>,
    },
}

/// The caller's local store, and where a result belongs in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Local {
    pub options: DiskOptions,
    /// The caller's umask, which decides where `options` has none.
    pub umask: u32,
    /// The user's namespace.
    pub namespace: Option<String>,
    /// The key of the command's manifest: 64 hex digits.
    pub manifest: String,
    /// The key of the pack, likewise.
    pub key: String,
}

/// What a store could not do, for the user. Without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The store's name.
    pub store: String,
    pub text: String,
}

/// What the agent answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Reply {
    /// Still at it. `received` grows as long as servers send.
    Wait {
        received: u64,
    },
    /// Of something long.
    Progress {
        done: u64,
        of: u64,
    },
    /// The pack has `length` bytes and is, compressed by zstd, the frame's body; or, if
    /// larger than [`MAX_BODY`], it is the content of `file`, which is the caller's to
    /// remove.
    Found {
        store: String,
        file: Option<String>,
        length: u64,
        trouble: Vec<Trouble>,
    },
    /// No store has it.
    Absent {
        trouble: Vec<Trouble>,
    },
    Done,
    /// Something to print.
    Text {
        text: String,
        failed: bool,
    },
}

impl Reply {
    /// Whether another frame follows.
    pub fn is_interim(&self) -> bool {
        matches!(self, Reply::Wait { .. } | Reply::Progress { .. })
    }
}

/// A frame's two lengths and its head.
///
/// # Errors
/// Only for what cannot be said in JSON.
pub fn encode(head: &impl Serialize, body: usize) -> io::Result<Vec<u8>> {
    let head = serde_json::to_vec(head)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(12 + head.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&(body as u64).to_le_bytes());
    frame.extend_from_slice(&head);
    Ok(frame)
}

/// The lengths of head and body in the first 12 bytes of a frame.
///
/// # Errors
/// `InvalidData` where these cannot be lengths.
pub fn lengths(start: &[u8; 12]) -> io::Result<(usize, usize)> {
    let [a, b, c, d, body @ ..] = *start;
    let head = u32::from_le_bytes([a, b, c, d]);
    let body = u64::from_le_bytes(body);
    if head > MAX_HEAD || body > MAX_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((head as usize, body as usize))
}

/// Writes a frame.
///
/// # Errors
/// Those of the writer.
pub fn send(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let mut frame = encode(head, body.len())?;
    frame.extend_from_slice(body);
    to.write_all(&frame)
}

/// Reads a frame.
///
/// # Errors
/// Those of the reader; `InvalidData` for nonsense.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut start = [0; 12];
    from.read_exact(&mut start)?;
    let (head, body) = lengths(&start)?;
    let mut bytes = vec![0; head];
    from.read_exact(&mut bytes)?;
    let head = serde_json::from_slice(&bytes)?;
    let mut bytes = vec![0; body];
    from.read_exact(&mut bytes)?;
    Ok((head, bytes))
}
