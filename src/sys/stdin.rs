//! Standard input as a source: read once, and given to every child that wants it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

use rustix::fs::{FileType, MemfdFlags, OFlags};

/// Standard input that has been read and can be read again.
pub struct StandardInput {
    /// All of it, from where it stood.
    pub bytes: Vec<u8>,
    /// Where it begins in the file that is our standard input now.
    start: u64,
}

impl StandardInput {
    /// Reads it. A file stays where it is; anything else is read to its end, and
    /// an anonymous file with the same content takes its place. `None`: it is
    /// closed, a terminal, or nothing that a compiler could read; left as it is.
    ///
    /// # Errors
    /// If it cannot be read, or not be put back.
    pub fn take() -> io::Result<Option<StandardInput>> {
        let stdin = rustix::stdio::stdin();
        let Ok(stat) = rustix::fs::fstat(stdin) else {
            return Ok(None);
        };
        let flags = rustix::fs::fcntl_getfl(stdin)?;
        let access = flags & OFlags::ACCMODE;
        if access == OFlags::WRONLY || flags.contains(OFlags::PATH) {
            return Ok(None);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => StandardInput::of_file().map(Some),
            FileType::Directory => Ok(None),
            _ if rustix::termios::isatty(stdin) => Ok(None),
            _ => StandardInput::of_stream().map(Some),
        }
    }

    fn of_file() -> io::Result<StandardInput> {
        let mut file = File::from(rustix::stdio::stdin().as_fd().try_clone_to_owned()?);
        let start = file.stream_position()?;
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        file.seek(SeekFrom::Start(start))?;
        read.map(|_| StandardInput { bytes, start })
    }

    fn of_stream() -> io::Result<StandardInput> {
        let mut stream = File::from(rustix::stdio::stdin().as_fd().try_clone_to_owned()?);
        let mut bytes = Vec::new();
        let read = read_all(&mut stream, &mut bytes);
        let mut file = File::from(rustix::fs::memfd_create(c"source", MemfdFlags::CLOEXEC)?);
        file.write_all(&bytes)?;
        file.rewind()?;
        rustix::stdio::dup2_stdin(&file)?;
        read.map(|()| StandardInput { bytes, start: 0 })
    }

    /// Lets the next child read it from its beginning.
    pub fn rewind(&self) -> io::Result<()> {
        rustix::fs::seek(
            rustix::stdio::stdin(),
            rustix::fs::SeekFrom::Start(self.start),
        )?;
        Ok(())
    }

    /// Leaves it read to its end, as a compiler does.
    pub fn finish(&self) {
        let _ = rustix::fs::seek(rustix::stdio::stdin(), rustix::fs::SeekFrom::End(0));
    }
}

/// Reads to the end, also from a stream that does not block.
fn read_all(stream: &mut File, bytes: &mut Vec<u8>) -> io::Result<()> {
    loop {
        match stream.read_to_end(bytes) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut wait = [rustix::event::PollFd::new(
                    stream,
                    rustix::event::PollFlags::IN,
                )];
                rustix::event::poll(&mut wait, None)?;
            }
            Err(error) => return Err(error),
        }
    }
}
