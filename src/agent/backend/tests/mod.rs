//! The backends against servers of a few lines, in this process: what each status
//! and each kind of broken answer is called, and how many requests are made. Real
//! servers are in the integration tests.

mod directory;
mod http;
mod memcached;
mod object;
mod redis;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Backend, Body, Failure, Listed, Result, open};
use crate::config::stores::{Deadlines, Service, StoreConfig, Trust};

/// The name of an object as the agent gives them.
const NAME: &str = "team/ab/ab00000000000000000000000000000000000000000000000000000000000042";

/// A machine under load must not fail a test that is not about time.
const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(20),
    response: Duration::from_secs(20),
    stall: Duration::from_secs(20),
};

/// For tests that wait until a deadline has passed.
const HASTY: Deadlines = Deadlines {
    connect: Duration::from_millis(150),
    response: Duration::from_millis(150),
    stall: Duration::from_millis(150),
};

fn config(service: Service, deadlines: Deadlines) -> StoreConfig {
    StoreConfig {
        name: "remote".to_owned(),
        service,
        read_only: false,
        write_only: false,
        read_prefixes: vec![String::new()],
        write_prefix: String::new(),
        max_size: None,
        max_blob_bytes: None,
        trust: Trust::Checksum,
        deadlines,
    }
}

async fn get(backend: &dyn Backend, name: &str) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let len = backend.get(name, &mut bytes).await?;
    Ok(len.map(|len| {
        assert_eq!(len, bytes.len() as u64);
        bytes
    }))
}

fn body(bytes: impl Into<Bytes>) -> Body {
    Body::Bytes(bytes.into())
}

/// What is in a file, as a body.
fn file(directory: &tempfile::TempDir, bytes: &[u8]) -> Body {
    let path: PathBuf = directory.path().join("body");
    fs_err::write(&path, bytes).unwrap();
    Body::File(path, bytes.len() as u64)
}

/// All pages of a listing.
async fn list(backend: &dyn Backend, prefix: &str) -> Vec<Listed> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = backend.list(prefix, after).await.unwrap();
        all.extend(page.objects);
        after = page.next;
        if after.is_none() {
            all.sort_by(|a, b| a.name.cmp(&b.name));
            return all;
        }
    }
}

/// The failure of what must fail.
fn failure<T: std::fmt::Debug>(result: Result<T>) -> Failure {
    result.unwrap_err().failure
}

fn opened(service: Service, deadlines: Deadlines) -> Arc<dyn Backend> {
    open(&config(service, deadlines)).unwrap()
}

/// A port that nobody listens at.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Time is up only when it is: a deadline test that passes at once tests nothing.
async fn times_out<T: std::fmt::Debug>(what: impl Future<Output = Result<T>>) {
    let started = std::time::Instant::now();
    let error = what.await.unwrap_err();
    assert_eq!(error.failure, Failure::Timeout, "{error}");
    assert!(started.elapsed() >= HASTY.stall, "{error}");
}
