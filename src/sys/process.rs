//! Running the compiler: in our place, or as a child whose streams we keep.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::processor;
use super::signals::{self, Forwarding};

/// What a child left behind.
pub struct Captured {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub status: ExitStatus,
}

/// One program to run.
pub struct Invocation<'a> {
    pub program: &'a Path,
    /// `argv[0]`, as the caller spelled it.
    pub name: &'a OsStr,
    pub args: &'a [OsString],
    /// Variables to set on top of ours.
    pub set: &'a [(&'a str, OsString)],
    /// Variables to take away.
    pub unset: &'a [&'a str],
}

/// A program that runs.
pub struct Running {
    child: Child,
    signals: Forwarding,
}

impl Running {
    /// Waits for its end. Until then it can write as much as pipes hold (64 KiB each on
    /// Linux), then it waits for us.
    pub fn finish(self) -> io::Result<Captured> {
        let output = self.child.wait_with_output()?;
        drop(self.signals);
        Ok(Captured {
            stdout: output.stdout,
            stderr: output.stderr,
            status: output.status,
        })
    }
}

impl Invocation<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.arg0(self.name).args(self.args);
        for name in self.unset {
            command.env_remove(name);
        }
        for (name, value) in self.set {
            command.env(name, value);
        }
        command
    }

    /// Becomes the program. Returns only if that failed.
    pub fn exec(&self) -> io::Error {
        self.command().exec()
    }

    /// Starts the program with our standard input; what it writes is kept for
    /// [`Running::finish`]. SIGINT, SIGTERM and SIGHUP that reach us meanwhile are
    /// passed to it.
    pub fn start(&self) -> io::Result<Running> {
        let mut command = self.command();
        command
            .stdin(Stdio::inherit())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn()?;
        let signals = signals::forward_to(child.id());
        processor::make_way_for(child.id());
        Ok(Running { child, signals })
    }

    /// Runs a helper call: our standard input, streams kept.
    pub fn query_with_input(&self) -> io::Result<Captured> {
        let output = self.command().stdin(Stdio::inherit()).output()?;
        Ok(Captured {
            stdout: output.stdout,
            stderr: output.stderr,
            status: output.status,
        })
    }

    /// Runs a helper call: no input, streams kept.
    pub fn query(&self) -> io::Result<Captured> {
        let output = self.command().stdin(Stdio::null()).output()?;
        Ok(Captured {
            stdout: output.stdout,
            stderr: output.stderr,
            status: output.status,
        })
    }
}

/// Ends this process as `status` says the child ended: the same exit code, or
/// the same signal. Returns the code for the caller to exit with if the signal
/// did not end us.
pub fn exit_like(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal() {
        signals::die_of(signal);
        return u8::try_from(128 + signal).unwrap_or(255);
    }
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1)
}

/// An anonymous file that a child can open by name through `/proc/self/fd`:
/// a temporary that a signal cannot leave behind.
pub struct Channel {
    fd: OwnedFd,
}

impl Channel {
    /// Inherited by every child started while it lives.
    pub fn new() -> io::Result<Channel> {
        let fd = rustix::fs::memfd_create(c"dependencies", rustix::fs::MemfdFlags::empty())?;
        // Some sandboxes have no /proc: better known before the compile than after.
        rustix::fs::stat(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
        Ok(Channel { fd })
    }

    /// What the child opens.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// All that was written.
    pub fn content(&self) -> io::Result<Vec<u8>> {
        let size = rustix::fs::fstat(&self.fd)?.st_size as usize;
        let mut content = vec![0; size];
        let mut done = 0;
        while done < size {
            match rustix::io::pread(&self.fd, &mut content[done..], done as u64)? {
                0 => break,
                n => done += n,
            }
        }
        content.truncate(done);
        Ok(content)
    }
}

/// Writes all of `bytes` to a standard stream of ours. A reader that went away
/// is not our failure: the compiler's own result stands.
pub fn write_stream(stream: impl AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(&stream, bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(_) => return,
        }
    }
}
