//! Which file systems keep change times that can be relied on.
//!
//! A stamp vouches for a content only if every write moves the change time, no
//! user can set it, and this machine sees it move at once. Local file systems
//! with inodes of their own do that. Not so
//!
//! - network file systems (NFS, CIFS, 9p, Ceph, AFS, ...): attributes are cached
//!   for seconds up to a minute, the clock is another machine's;
//! - FUSE (sshfs, virtiofs, ...): the times are what a program says;
//! - FAT and exFAT: what stands there as change time is the modification time,
//!   which `touch` sets;
//! - images (squashfs, erofs, ISO 9660): a new image in the place of the old one
//!   can have the same inodes and times with other contents.
//!
//! There files are read again, and directories asked for each name, in every
//! call. What is not in the list counts as such.

use std::os::fd::AsFd;
use std::sync::Mutex;

/// Types of `statfs` (linux/magic.h) that are relied on.
#[cfg(target_os = "linux")]
const RELIABLE: &[u64] = &[
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs: what it shows is on one of the others, or does not change
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0xca45_1a4e, // bcachefs
    0x3153_464a, // JFS
    0x3434,      // NILFS
    0x5265_4973, // ReiserFS
    0x2405_1905, // UBIFS
    0xf15f,      // eCryptfs
];

/// Devices that were asked for: a build has few of them.
static KNOWN: Mutex<Vec<(u64, bool)>> = Mutex::new(Vec::new());

/// Whether change times on the file system of `file`, which has `device` as its
/// device number, can be relied on. Asked once per device.
pub fn is_reliable(file: impl AsFd, device: u64) -> bool {
    remembered(device, || Some(kind(&rustix::fs::fstatfs(file).ok()?)))
}

/// As [`is_reliable`], for what `path` leads to.
pub fn is_reliable_at(path: impl rustix::path::Arg, device: u64) -> bool {
    remembered(device, || Some(kind(&rustix::fs::statfs(path).ok()?)))
}

fn remembered(device: u64, kind: impl FnOnce() -> Option<u64>) -> bool {
    let mut known = KNOWN.lock().unwrap_or_else(|broken| broken.into_inner());
    if let Some((_, reliable)) = known.iter().find(|(known, _)| *known == device) {
        return *reliable;
    }
    let reliable = kind().is_some_and(is_reliable_kind);
    known.push((device, reliable));
    reliable
}

#[cfg(target_os = "linux")]
fn kind(stat: &rustix::fs::StatFs) -> u64 {
    // The type is of 32 bits; where the field is signed it may be extended.
    u64::from(stat.f_type as u32)
}

#[cfg(target_os = "linux")]
fn is_reliable_kind(kind: u64) -> bool {
    RELIABLE.contains(&kind)
}

/// Whether the file system is local (`MNT_LOCAL`).
#[cfg(not(target_os = "linux"))]
fn kind(stat: &rustix::fs::StatFs) -> u64 {
    u64::from(stat.f_flags & 0x1000 != 0)
}

#[cfg(not(target_os = "linux"))]
fn is_reliable_kind(kind: u64) -> bool {
    kind != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_not_known_to_be_local_is_not_relied_on() {
        assert!(is_reliable_kind(0xef53));
        let others = [
            ("NFS", 0x6969),
            ("CIFS", 0xff53_4d42),
            ("SMB2", 0xfe53_4d42),
            ("9p", 0x0102_1997),
            ("FUSE, virtiofs", 0x6573_5546),
            ("Ceph", 0x00c3_6400),
            ("AFS", 0x6b41_4653),
            ("FAT", 0x4d44),
            ("exFAT", 0x2011_bab0),
            ("squashfs", 0x7371_7368),
            ("erofs", 0xe0f5_e1e2),
            ("ISO 9660", 0x9660),
            ("proc", 0x9fa0),
            ("unknown", 0x1234_5678),
        ];
        for (name, kind) in others {
            assert!(!is_reliable_kind(kind), "{name}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn asks_the_kernel() {
        let stat = rustix::fs::stat("/proc/version").unwrap();
        assert!(!is_reliable_at("/proc/version", stat.st_dev));
        let file = fs_err::File::open("/proc/version").unwrap();
        assert!(!is_reliable(&file, stat.st_dev));
    }

    #[test]
    fn a_device_is_asked_once() {
        let device = u64::MAX - 7;
        assert!(!remembered(device, || None));
        assert!(!remembered(device, || unreachable!()));
    }
}
