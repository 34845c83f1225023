//! A directory that several machines share, most often by NFS.
//!
//! ```text
//! <path>/CACHEDIR.TAG             for backup programs
//! <path>/cache-format             "cache-format shared 1": ours, and how it is laid out
//! <path>/<prefix>/<hh>/<key>      an object
//! <path>/<prefix>/<hh>/.new-*     one that is being written
//! ```
//!
//! An object is written aside, flushed and renamed. Without the two files at the
//! root nothing is read, written or deleted: a mistyped path must not cost anybody
//! their files.
//!
//! Each call is made on a thread of its own and given up after the section's
//! deadlines: a server that is gone makes NFS wait for as long as it takes, and the
//! thread with it, but nobody else.

mod files;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::files::{below, claim, found, look_into, of_file, read, write};
use super::{Backend, Body, Error, Failure, Page, Put, Result};
use crate::config::stores::Deadlines;
use crate::sys::fs;

/// See the module.
pub(super) struct DirectoryStore {
    root: PathBuf,
    read_only: bool,
    deadlines: Deadlines,
    /// The root was seen to be ours.
    checked: Arc<AtomicBool>,
}

/// How a call that runs on another thread shows that it gets on.
struct Pulse {
    started: Instant,
    /// Milliseconds from `started` to the last movement.
    moved: AtomicU64,
    /// It waits for whoever takes what it reads.
    held: AtomicBool,
}

impl Pulse {
    fn beat(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(millis.max(1), Ordering::Relaxed);
    }
}

impl DirectoryStore {
    pub(super) fn open(path: &Path, read_only: bool, deadlines: Deadlines) -> DirectoryStore {
        DirectoryStore {
            root: path.to_owned(),
            read_only,
            deadlines,
            checked: Arc::default(),
        }
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }

    /// Until the first movement.
    fn patience(&self) -> Duration {
        self.deadlines.connect + self.deadlines.response
    }

    /// Does `work` on a thread of its own; gives up on it when it does not move.
    async fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &Pulse) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let pulse = Arc::new(Pulse {
            started: Instant::now(),
            moved: AtomicU64::new(0),
            held: AtomicBool::new(false),
        });
        let (root, theirs) = (self.root.clone(), Arc::clone(&pulse));
        let mut task = tokio::task::spawn_blocking(move || work(&root, &theirs));
        loop {
            let moved = pulse.moved.load(Ordering::Relaxed);
            let limit = match moved {
                0 => self.patience(),
                _ => self.deadlines.stall,
            };
            let until = pulse.started + Duration::from_millis(moved) + limit;
            tokio::select! {
                biased;
                done = &mut task => {
                    return done.map_err(|_| Error::broken(&self.place(), "a thread failed"))?;
                }
                () = tokio::time::sleep_until(until) => {
                    if pulse.held.load(Ordering::Relaxed) {
                        pulse.beat();
                    } else if pulse.moved.load(Ordering::Relaxed) == moved {
                        return Err(Error::late(&self.place(), "nothing done", limit));
                    }
                }
            }
        }
    }

    /// As [`DirectoryStore::away`], in a root that is ours.
    async fn inside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &Pulse) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (checked, read_only) = (Arc::clone(&self.checked), self.read_only);
        self.away(move |root, pulse| {
            if !checked.load(Ordering::Relaxed) {
                claim(root, read_only)?;
                pulse.beat();
                checked.store(true, Ordering::Relaxed);
            }
            let done = work(root, pulse);
            if matches!(&done, Err(error) if error.failure != Failure::Full) {
                // Unmounted, perhaps: look again before the next.
                checked.store(false, Ordering::Relaxed);
            }
            done
        })
        .await
    }
}

#[async_trait]
impl Backend for DirectoryStore {
    async fn get(
        &self,
        name: &str,
        into: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>> {
        let path = below(name)?;
        let (sender, pieces) = mpsc::channel::<Bytes>(2);
        let reading = self.inside(move |root, pulse| read(&root.join(path), &sender, pulse));
        let writing = async move {
            // Closed when this ends, however it does.
            let mut pieces = pieces;
            while let Some(piece) = pieces.recv().await {
                into.write_all(&piece)
                    .await
                    .map_err(|error| Error::broken("writing what came", error))?;
            }
            Ok(())
        };
        let (len, written) = tokio::join!(reading, writing);
        written?;
        len
    }

    async fn put(&self, name: &str, body: Body, if_absent: bool) -> Result<Put> {
        let path = below(name)?;
        self.inside(move |root, pulse| write(root, &path, &body, if_absent, pulse))
            .await
    }

    async fn size(&self, name: &str) -> Result<Option<u64>> {
        let path = below(name)?;
        self.inside(move |root, _| {
            let path = root.join(path);
            match found(fs::stat(&path)) {
                Ok(stat) => Ok(stat.map(|stat| stat.len)),
                Err(error) => Err(of_file(&path, &error)),
            }
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let path = below(name)?;
        self.inside(move |root, _| {
            let path = root.join(path);
            let gone = found(fs::unlink(&path)).map(drop);
            gone.map_err(|error| of_file(&path, &error))
        })
        .await
    }

    /// One directory a page; `after` is those that are still to be looked into, one
    /// per line.
    async fn list(&self, prefix: &str, after: Option<String>) -> Result<Page> {
        let mut open: Vec<String> = match &after {
            Some(paths) => paths.lines().map(str::to_owned).collect(),
            None => vec![prefix.to_owned()],
        };
        let Some(directory) = open.pop() else {
            return Ok(Page::default());
        };
        let path = match directory.as_str() {
            "" => PathBuf::new(),
            directory => below(directory)?,
        };
        let sweep = !self.read_only;
        let listing =
            self.inside(move |root, pulse| look_into(&root.join(path), &directory, sweep, pulse));
        let (objects, directories) = listing.await?;
        open.extend(directories);
        let next = (!open.is_empty()).then(|| open.join("\n"));
        Ok(Page { objects, next })
    }

    async fn touch(&self, name: &str) -> Result<bool> {
        let path = below(name)?;
        self.inside(move |root, _| {
            let path = root.join(path);
            let file = match found(fs::open(&path)) {
                Ok(Some(file)) => file,
                Ok(None) => return Ok(false),
                Err(error) => return Err(of_file(&path, &error)),
            };
            match fs::touch(&file) {
                Ok(()) => Ok(true),
                // Somebody else's file in a directory that all may write to.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
                Err(error) => Err(of_file(&path, &error)),
            }
        })
        .await
    }

    async fn prepare(&self) -> Result<()> {
        self.checked.store(false, Ordering::Relaxed);
        self.inside(|_, _| Ok(())).await
    }
}
