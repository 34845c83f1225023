//! Small records beside the store, in `.machine`: what was learnt about this
//! machine. Losing one costs a question to the compiler, nothing else.
//!
//! ```text
//! file = payload check:u64      (check = xxh3-64 of the payload)
//! ```

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// Longer records are not ours.
const LONGEST: u64 = 1 << 24;

/// The payload of a record, if it is whole.
pub fn load(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = crate::sys::fs::read_small(path, LONGEST).ok()?;
    let payload = bytes.len().checked_sub(8)?;
    let check = u64::from_le_bytes(*bytes.get(payload..)?.first_chunk()?);
    bytes.truncate(payload);
    (check == xxh3_64(&bytes)).then_some(bytes)
}

/// Writes a record aside and moves it into place. A failure is no failure.
pub fn save(path: &Path, payload: &[u8]) {
    let _ = try_save(path, payload);
}

fn try_save(path: &Path, payload: &[u8]) -> std::io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let mut bytes = payload.to_owned();
    bytes.extend_from_slice(&xxh3_64(payload).to_le_bytes());
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    std::io::Write::write_all(&mut file, &bytes)?;
    file.persist(path)?;
    Ok(())
}
