//! Where the agent of a user and cache directory is to be found.
//!
//! ```text
//! <cache directory>/.agent/<uid>@<host>/   mode 0700
//!     socket-<version>    the agent listens here, mode 0600
//!     lock                held by the agent while it lives
//!     spool/              packs to upload: durable once renamed to *.pack
//!     unreachable         touched by whoever could not reach the agent
//!     state.json          what the agent remembers: counters, what is down
//! ```

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::protocol::VERSION;
use crate::sys::fs;

/// The directory of one agent.
#[derive(Clone, Debug)]
pub struct Place {
    directory: PathBuf,
}

impl Place {
    /// For the calling user, on this host.
    pub fn of(cache: &Path) -> Place {
        let user = rustix::process::geteuid().as_raw();
        let system = rustix::system::uname();
        let host: String = system
            .nodename()
            .to_string_lossy()
            .chars()
            .map(
                |c| match c.is_ascii_alphanumeric() || c == '-' || c == '.' {
                    true => c,
                    false => '_',
                },
            )
            .collect();
        Place {
            directory: cache.join(".agent").join(format!("{user}@{host}")),
        }
    }

    /// One that is known by its path.
    pub fn at(directory: PathBuf) -> Place {
        Place { directory }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The cache directory that it belongs to.
    pub fn cache(&self) -> &Path {
        let above = self.directory.parent().and_then(Path::parent);
        above.unwrap_or(&self.directory)
    }

    pub fn spool(&self) -> PathBuf {
        self.directory.join("spool")
    }

    pub fn lock(&self) -> PathBuf {
        self.directory.join("lock")
    }

    pub fn state(&self) -> PathBuf {
        self.directory.join("state.json")
    }

    pub fn unreachable(&self) -> PathBuf {
        self.directory.join("unreachable")
    }

    /// The socket's name in [`Place::directory`].
    pub fn socket_name(&self) -> String {
        format!("socket-{VERSION}")
    }

    /// Makes the directories, for the user alone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(&self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.spool())
    }

    /// A path to the socket that is short enough for the kernel, however deep the
    /// cache is, and good while the file is open.
    ///
    /// # Errors
    /// That the directory cannot be opened.
    pub fn socket(&self) -> io::Result<(File, PathBuf)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = File::from(rustix::fs::open(&self.directory, flags, Mode::empty())?);
        let path = format!(
            "/proc/self/fd/{}/{}",
            directory.as_raw_fd(),
            self.socket_name()
        );
        Ok((directory, path.into()))
    }

    /// Packs in the spool with their sizes in bytes, oldest first.
    pub fn spooled(&self) -> Vec<(PathBuf, u64)> {
        let spool = self.spool();
        let names = fs::list(&spool).unwrap_or_default();
        let mut packs: Vec<(PathBuf, u64)> = names
            .into_iter()
            .map(|(name, _)| spool.join(name))
            .filter(|path| path.extension() == Some(OsStr::from_bytes(b"pack")))
            .filter_map(|path| Some((fs_err::metadata(&path).ok()?.len(), path)))
            .map(|(size, path)| (path, size))
            .collect();
        packs.sort();
        packs
    }

    /// Whether the agent could not be reached within `time`.
    pub fn was_unreachable(&self, time: Duration) -> bool {
        fs_err::metadata(self.unreachable())
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|then| then.elapsed().is_ok_and(|age| age < time))
    }
}
