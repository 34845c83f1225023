//! A connection to a server: plain, TLS or through a unix socket.

#![allow(
    dead_code,
    reason = "a kit: not every part is used by some test at all times"
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A test rather fails than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to reach a server.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// TCP.
    Plain(SocketAddr),
    /// TLS, whose certificate must be signed by the authority in this file.
    Tls(SocketAddr, PathBuf),
    /// A unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// A port on loopback.
    pub fn port(port: u16) -> Endpoint {
        Endpoint::Plain(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// A port on loopback that speaks TLS.
    pub fn tls(port: u16, authority: &Path) -> Endpoint {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Endpoint::Tls(address, authority.to_owned())
    }

    /// The `host:port` of a URL; `localhost` for a unix socket.
    pub fn authority(&self) -> String {
        match self {
            Endpoint::Plain(address) | Endpoint::Tls(address, _) => address.to_string(),
            Endpoint::Unix(_) => "localhost".into(),
        }
    }

    /// Connects.
    pub fn connect(&self) -> io::Result<Wire> {
        match self {
            Endpoint::Plain(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Wire::Plain(stream))
            }
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(Wire::Unix(stream))
            }
            Endpoint::Tls(address, authority) => Tls::connect(address, authority).map(Wire::Tls),
        }
    }
}

/// An open connection.
pub enum Wire {
    Plain(TcpStream),
    Unix(UnixStream),
    Tls(Tls),
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buffer),
            Wire::Unix(stream) => stream.read(buffer),
            Wire::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            Wire::Unix(stream) => stream.write(bytes),
            Wire::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Unix(stream) => stream.flush(),
            Wire::Tls(tls) => tls.input.flush(),
        }
    }
}

/// TLS by `openssl s_client`, which the certificates need anyway: no TLS library
/// only for these tests.
pub struct Tls {
    client: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Tls {
    fn connect(address: &SocketAddr, authority: &Path) -> io::Result<Tls> {
        let mut client = Command::new("timeout")
            .arg(PATIENCE.as_secs().to_string())
            .args(["openssl", "s_client", "-quiet", "-verify_quiet"])
            .args(["-verify_return_error", "-verify_ip", "127.0.0.1"])
            .arg("-CAfile")
            .arg(authority)
            .arg("-connect")
            .arg(address.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = client.stdin.take().expect("piped");
        let output = client.stdout.take().expect("piped");
        Ok(Tls {
            client,
            input,
            output,
        })
    }

    /// A client that has given up already says why to the reader.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.input.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    /// At the end of the output, what went wrong if something did.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.output.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.client.wait()?.success() {
            let mut text = String::new();
            if let Some(stderr) = &mut self.client.stderr {
                stderr.read_to_string(&mut text)?;
            }
            return Err(io::Error::other(text));
        }
        Ok(read)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // `timeout` hands TERM on; KILL it could not.
        if let Some(pid) = rustix::process::Pid::from_raw(self.client.id() as i32)
            && matches!(self.client.try_wait(), Ok(None))
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.client.wait();
    }
}
