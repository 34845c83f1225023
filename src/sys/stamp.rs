//! Stamps: what `stat` says about a file, as a promise about its content.

use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat};

use super::clock::Nanos;
use super::filesystem;

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

    /// The stamp of what no stamp can vouch for, now or later: a directory with a
    /// link in it, say, whose target changes elsewhere. Unlike [`Stamp::NONE`] it
    /// is not replaced by a better one.
    pub const NEVER: Stamp = Stamp {
        device: u64::MAX,
        inode: u64::MAX,
        ..Stamp::NONE
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
        latest < now.saturating_sub(self.coarseness())
    }

    /// Whether the last change may have come at `time` or later: always true if
    /// it did; where times are whole seconds also for a while before.
    pub fn is_since(&self, time: Nanos) -> bool {
        self.changed >= time.saturating_sub(self.coarseness())
    }

    /// As [`Stamp::is_since`], of the content alone: the names, of a directory.
    pub fn is_modified_since(&self, time: Nanos) -> bool {
        self.modified >= time.saturating_sub(self.coarseness())
    }

    /// By how much the times may be too early.
    fn coarseness(&self) -> Nanos {
        let whole = |time: Nanos| time % 1_000_000_000 == 0;
        match whole(self.modified) && whole(self.changed) {
            true => WHOLE_SECONDS,
            false => 0,
        }
    }

    /// The stamp if it is settled, else [`Stamp::NONE`].
    pub fn if_settled(self, now: Nanos) -> Stamp {
        if self.is_settled(now) {
            self
        } else {
            Stamp::NONE
        }
    }

    /// The stamp if it is settled and `file`, which it is of, lies where stamps can
    /// be relied on ([`filesystem`]), else [`Stamp::NONE`].
    pub fn if_reliable(self, now: Nanos, file: impl AsFd) -> Stamp {
        match self.is_settled(now) && filesystem::is_reliable(file, self.device) {
            true => self,
            false => Stamp::NONE,
        }
    }

    /// As [`Stamp::if_reliable`], of what `path` leads to.
    pub fn if_reliable_at(self, now: Nanos, path: impl rustix::path::Arg) -> Stamp {
        match self.is_settled(now) && filesystem::is_reliable_at(path, self.device) {
            true => self,
            false => Stamp::NONE,
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

/// Whether an `lstat` answer is about a symbolic link.
pub fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn stamp(modified: Nanos, changed: Nanos) -> Stamp {
        Stamp {
            device: 1,
            inode: 2,
            size: 3,
            modified,
            changed,
        }
    }

    #[test]
    fn settled_is_before_the_tick_that_runs() {
        let now = 100 * SECOND + 4_000_000;
        assert!(stamp(5, now - 1).is_settled(now));
        // The same tick, and the future: by either time.
        for time in [now, now + 1, now + 3600 * SECOND] {
            assert!(!stamp(5, time).is_settled(now));
            assert!(!stamp(time, 5).is_settled(now));
            assert_eq!(stamp(5, time).if_settled(now), Stamp::NONE);
        }
    }

    #[test]
    fn whole_seconds_settle_when_the_next_has_passed() {
        let written = stamp(100 * SECOND, 100 * SECOND);
        for (after, settled) in [(0, false), (1, false), (2, false), (3, true)] {
            assert_eq!(
                written.is_settled((100 + after) * SECOND),
                settled,
                "{after}"
            );
        }
        // `touch -d` sets whole seconds; the change time tells what wrote them.
        assert!(stamp(100 * SECOND, 100 * SECOND + 1).is_settled(100 * SECOND + 2));
    }

    /// Written in the second in which something began, or in the one before, whose
    /// end a file system of two-second steps cannot tell from its beginning.
    #[test]
    fn whole_seconds_may_be_later_than_they_say() {
        let began = 100 * SECOND + 700_000_000;
        assert!(stamp(100 * SECOND, 100 * SECOND).is_since(began));
        assert!(stamp(99 * SECOND, 99 * SECOND).is_since(began));
        assert!(!stamp(98 * SECOND, 98 * SECOND).is_since(began));
        assert!(!stamp(7, began - 1).is_since(began));
        assert!(stamp(7, began).is_since(began));
    }

    #[test]
    fn no_file_has_the_stamps_that_stand_for_none() {
        let real = Stamp::of_path("/").unwrap();
        assert_ne!(real, Stamp::NONE);
        assert_ne!(real, Stamp::NEVER);
        assert_ne!(Stamp::NONE, Stamp::NEVER);
        assert_eq!(Stamp::decode(&Stamp::NEVER.encode()), Stamp::NEVER);
    }
}
