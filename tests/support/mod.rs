//! What the test binaries share: finding programs, skipping loudly, reading
//! counters, comparing trees of files.

#![allow(
    dead_code,
    reason = "each test binary includes this and uses its own part"
)]

pub mod corpora;
pub mod counters;
mod skip;
pub mod tree;

use std::path::{Path, PathBuf};

pub use skip::{say_skipped, skip};

/// The program under test. `CACHE_TEST_BINARY` names another one to try the
/// tests themselves on.
pub fn cache_binary() -> PathBuf {
    match std::env::var_os("CACHE_TEST_BINARY") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_cache")),
    }
}

/// Where `name` is on the PATH.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Whether this process can mount file systems, which the tests of full and
/// read-only disks need. If not, says that the test is skipped: no installation
/// gives an unprivileged container this right, so CI goes on as well.
pub fn can_mount() -> bool {
    let script = "mount -t tmpfs -o size=4096 tmpfs /mnt";
    let can = rustix::process::geteuid().is_root()
        && std::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .output()
            .is_ok_and(|o| o.status.success());
    if !can {
        say_skipped("needs the right to mount");
    }
    can
}

/// A tmpfs of `bytes` bytes at `dir`, unmounted when dropped.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    pub fn mount(dir: &Path, bytes: u64) -> Tmpfs {
        std::fs::create_dir_all(dir).unwrap();
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(dir)
            .status()
            .unwrap();
        assert!(done.success(), "cannot mount a tmpfs at {}", dir.display());
        Tmpfs(dir.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.0)
            .status();
    }
}

/// An overlay in place of the directory `dir`, whose content is its lower layer now, as a
/// step of an image's build finds what an earlier one left. Unmounted when dropped. `None`,
/// said aloud: that is not possible here.
pub struct Overlay(PathBuf);

impl Overlay {
    pub fn mount(dir: &Path) -> Option<Overlay> {
        if !can_mount() {
            return None;
        }
        let layer = |name: &str| dir.with_extension(name);
        std::fs::rename(dir, layer("lower")).unwrap();
        for new in [dir.to_owned(), layer("upper"), layer("work")] {
            std::fs::create_dir(new).unwrap();
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            layer("lower").display(),
            layer("upper").display(),
            layer("work").display()
        );
        let done = std::process::Command::new("mount")
            .args(["-t", "overlay", "-o", &options, "overlay"])
            .arg(dir)
            .status();
        if !done.is_ok_and(|status| status.success()) {
            say_skipped("needs a file system that an overlay can lie on");
            return None;
        }
        Some(Overlay(dir.to_owned()))
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.0)
            .status();
    }
}

/// A file system of its own in a file: `options` are those of `mke2fs`.
pub struct Image {
    file: PathBuf,
    directory: PathBuf,
}

impl Image {
    /// Makes the image and mounts it at `directory`. `None`, said aloud: that is
    /// not possible here.
    pub fn mount(file: &Path, directory: &Path, options: &[&str]) -> Option<Image> {
        if !can_mount() {
            return None;
        }
        std::fs::create_dir_all(directory).unwrap();
        let made = std::process::Command::new("/usr/sbin/mke2fs")
            .args(["-q", "-F"])
            .args(options)
            .arg(file)
            .arg("8M")
            .status();
        let image = Image {
            file: file.to_owned(),
            directory: directory.to_owned(),
        };
        if !made.is_ok_and(|status| status.success()) || !image.attach() {
            say_skipped("needs mke2fs and loop devices");
            return None;
        }
        let _ = std::fs::remove_dir(directory.join("lost+found"));
        Some(image)
    }

    fn attach(&self) -> bool {
        let done = std::process::Command::new("mount")
            .args(["-o", "loop"])
            .arg(&self.file)
            .arg(&self.directory)
            .status();
        done.is_ok_and(|status| status.success())
    }

    fn detach(&self) -> bool {
        let done = std::process::Command::new("umount")
            .arg(&self.directory)
            .status();
        done.is_ok_and(|status| status.success())
    }

    /// Sets fields of an inode as no program can while the file system is
    /// mounted; `false`, said aloud: there is no `debugfs`.
    pub fn forge(&self, name: &str, fields: &[(&str, String)]) -> bool {
        assert!(self.detach());
        let forged = fields.iter().all(|(field, value)| {
            let request = format!("set_inode_field /{name} {field} {value}");
            let done = std::process::Command::new("/usr/sbin/debugfs")
                .args(["-w", "-R", &request])
                .arg(&self.file)
                .output();
            done.is_ok_and(|output| output.status.success())
        });
        assert!(self.attach());
        if !forged {
            say_skipped("needs debugfs");
        }
        forged
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.directory)
            .status();
    }
}

/// Writes a program, in a process of its own: what another thread starts meanwhile would
/// hold our file open for writing until its `exec`, and nothing runs a file that is
/// (`ETXTBSY`).
pub fn write_program(path: &std::path::Path, content: &[u8]) {
    use std::io::Write as _;
    let mut install = std::process::Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    install.stdin.take().unwrap().write_all(content).unwrap();
    assert!(install.wait().unwrap().success());
}

/// [`write_program`] of a copy.
pub fn copy_program(from: &std::path::Path, to: &std::path::Path) {
    let mut copy = std::process::Command::new("cp");
    assert!(copy.arg(from).arg(to).status().unwrap().success());
}
