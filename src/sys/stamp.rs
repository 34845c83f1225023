//! Stamps: what `stat` says about a file, as a promise about its content.

use rustix::fs::{FileType, Stat};

use super::clock::Nanos;

/// Device, inode, size, modification and change time of a file or directory.
///
/// Two equal stamps, the earlier one [settled](Stamp::is_settled) when it was
/// taken, mean equal content: every write moves the change time, which a user
/// cannot set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Nanoseconds since the epoch.
    pub modified: Nanos,
    /// Nanoseconds since the epoch.
    pub changed: Nanos,
}

/// Times of file systems that keep whole seconds (or two, FAT) are settled
/// only after this long.
const WHOLE_SECONDS: Nanos = 2_100_000_000;

impl Stamp {
    /// Bytes of the encoded form.
    pub const LEN: usize = 40;

    /// The stamp that equals no file's: always verified anew.
    pub const NONE: Stamp = Stamp {
        device: 0,
        inode: 0,
        size: 0,
        modified: 0,
        changed: 0,
    };

    /// The stamp in a `stat` answer.
    pub fn of(stat: &Stat) -> Stamp {
        let nanos = |seconds: i64, nanos: u64| {
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(nanos as i64)
        };
        Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size as u64,
            modified: nanos(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanos(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// The stamp of what `path` leads to.
    pub fn of_path(path: impl rustix::path::Arg) -> rustix::io::Result<Stamp> {
        rustix::fs::stat(path).map(|stat| Stamp::of(&stat))
    }

    /// Whether both are of one file or directory.
    pub fn is_same_file(&self, other: &Stamp) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether a change after `now` (a reading of [`super::clock::coarse_now`]
    /// taken before the content was read) must show in the stamp.
    ///
    /// Times at or after `now` lie in a tick that is still running, or in the
    /// future: another write could leave them as they are.
    pub fn is_settled(&self, now: Nanos) -> bool {
        let latest = self.modified.max(self.changed);
        let coarse = self.modified % 1_000_000_000 == 0 && self.changed % 1_000_000_000 == 0;
        let margin = if coarse { WHOLE_SECONDS } else { 0 };
        latest < now.saturating_sub(margin)
    }

    /// The stamp if it is settled, else [`Stamp::NONE`].
    pub fn if_settled(self, now: Nanos) -> Stamp {
        if self.is_settled(now) {
            self
        } else {
            Stamp::NONE
        }
    }

    /// Device, inode, size, modified, changed; 8 bytes each, little endian.
    pub fn encode(&self) -> [u8; Stamp::LEN] {
        let mut bytes = [0; Stamp::LEN];
        let words = [
            self.device,
            self.inode,
            self.size,
            self.modified as u64,
            self.changed as u64,
        ];
        for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The reverse of [`Stamp::encode`].
    pub fn decode(bytes: &[u8; Stamp::LEN]) -> Stamp {
        let word = |i: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[i * 8..i * 8 + 8]);
            u64::from_le_bytes(word)
        };
        Stamp {
            device: word(0),
            inode: word(1),
            size: word(2),
            modified: word(3) as i64,
            changed: word(4) as i64,
        }
    }
}

/// Whether a `stat` answer is about a directory.
pub fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Whether a `stat` answer is about a regular file.
pub fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Whether a `stat` answer is about the null device, whose content is no bytes.
pub fn is_null(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && rustix::fs::major(stat.st_rdev) == 1
        && rustix::fs::minor(stat.st_rdev) == 3
}
