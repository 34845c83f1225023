//! The spool: packs that wait for their upload.
//!
//! A file is written under a name of its own and renamed to `<time>-<pid>-<random>.pack`;
//! from then on the upload happens even if everything is killed meanwhile.
//!
//! ```text
//! spooled = head:u32 (length) head as JSON, pack
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::hash::Key;
use crate::sys::{clock, unique};

/// More than this, in bytes, does not wait: what comes then is not uploaded.
pub const MAX_SIZE: u64 = 2 << 30;

/// What is to be done with the pack. The stores' settings are not in it: they hold
/// secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub namespace: String,
    pub key: String,
    /// Names of the stores that have not got it yet.
    pub stores: Vec<String>,
}

/// Puts a pack into the spool. `write` writes it.
///
/// # Errors
/// Those of the file system and of `write`; nothing is left behind then.
pub fn add(
    place: &Place,
    head: &Head,
    write: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let spool = place.spool();
    let millis = clock::coarse_now() / 1_000_000;
    let name = format!(
        "{millis:015}-{}-{:016x}",
        std::process::id(),
        unique::random()
    );
    let aside = spool.join(format!("{name}.new"));
    let made = fill(&aside, head, write)
        .and_then(|()| fs_err::rename(&aside, spool.join(format!("{name}.pack"))));
    if made.is_err() {
        let _ = fs_err::remove_file(&aside);
    }
    made
}

fn fill(
    path: &Path,
    head: &Head,
    write: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let head = serde_json::to_vec(head)?;
    out.write_all(
        &u32::try_from(head.len())
            .map_err(io::Error::other)?
            .to_le_bytes(),
    )?;
    out.write_all(&head)?;
    write(&mut out)?;
    out.flush()
}

/// Opens a spooled pack: its head, and the file positioned at the pack, with the
/// pack's length.
///
/// # Errors
/// Those of the file system; `InvalidData` for a file that is none.
pub fn open(path: &Path) -> io::Result<(Head, File, u64)> {
    let mut file = File::open(path)?;
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > 1 << 20 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut head = vec![0; length as usize];
    file.read_exact(&mut head)?;
    let head: Head = serde_json::from_slice(&head)?;
    if Key::from_hex(&head.key).is_none() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let rest = file.metadata()?.len() - file.stream_position()?;
    Ok((head, file, rest))
}
