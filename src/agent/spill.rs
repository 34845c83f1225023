//! Bytes on their way: in memory while they are few, in a file when they are many.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// As many bytes are held in memory.
const IN_MEMORY: usize = 8 << 20;

/// Bytes that all objects together have grown by.
static RECEIVED: AtomicU64 = AtomicU64::new(0);

/// How many bytes have come so far, of whatever: while this grows, servers send.
pub fn received() -> u64 {
    RECEIVED.load(Ordering::Relaxed)
}

/// A growing object. Its file has no name.
pub struct Spill {
    directory: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
}

impl Spill {
    /// Empty; files are made in `directory`.
    pub fn new(directory: &Path) -> Spill {
        Spill {
            directory: directory.to_owned(),
            memory: Vec::new(),
            file: None,
            length: 0,
        }
    }

    pub fn len(&self) -> u64 {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// From its start.
    ///
    /// # Errors
    /// Those of the file.
    pub fn into_reader(self) -> io::Result<Box<dyn Read + Send>> {
        match self.file {
            None => Ok(Box::new(io::Cursor::new(self.memory))),
            Some(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                Ok(Box::new(io::BufReader::with_capacity(1 << 16, file)))
            }
        }
    }

    /// All of it, if it is held in memory.
    pub fn in_memory(&self) -> Option<&[u8]> {
        self.file.is_none().then_some(&*self.memory)
    }

    /// What is held in memory.
    ///
    /// # Errors
    /// With what there is, if it is in a file.
    pub fn into_memory(self) -> Result<Vec<u8>, Spill> {
        match self.file {
            None => Ok(self.memory),
            Some(_) => Err(self),
        }
    }
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Some(file) => file.write(bytes)?,
            None if self.memory.len() + bytes.len() <= IN_MEMORY => {
                self.memory.extend_from_slice(bytes);
                bytes.len()
            }
            None => {
                let mut file = tempfile::tempfile_in(&self.directory)?;
                file.write_all(&self.memory)?;
                self.memory = Vec::new();
                let written = file.write(bytes)?;
                self.file = Some(file);
                written
            }
        };
        self.length += written as u64;
        RECEIVED.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Local files do not wait.
impl AsyncWrite for Spill {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_stay_in_memory_and_many_come_back_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        for count in [0, 3, 9] {
            let mut spill = Spill::new(directory.path());
            let piece = vec![count as u8; 1 << 20];
            for _ in 0..count {
                spill.write_all(&piece).unwrap();
            }
            assert_eq!(spill.len(), count << 20);
            let mut back = Vec::new();
            spill.into_reader().unwrap().read_to_end(&mut back).unwrap();
            assert_eq!(back.len() as u64, count << 20);
            assert!(back.iter().all(|byte| *byte == count as u8));
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
