//! memcached.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::OnceLock;

use super::process::Process;

/// What must be here.
const NEEDS: &[&str] = &["memcached"];

/// A running server.
pub struct Memcached {
    process: Process,
    port: u16,
}

impl Memcached {
    /// The server that all tests of this process share. `None`, said loudly: it is not
    /// installed.
    pub fn shared() -> Option<&'static Memcached> {
        static SHARED: OnceLock<Memcached> = OnceLock::new();
        super::present(NEEDS).then(|| SHARED.get_or_init(|| super::start(Memcached::attempt)))
    }

    fn attempt() -> Result<Memcached, String> {
        let [port] = super::free_ports();
        let number = port.to_string();
        let program = super::program(NEEDS[0]).expect("looked for before");
        // Names its user for the case that this is root, who it does not want to be.
        let arguments = ["-l", "127.0.0.1", "-p", &number, "-u", "nobody", "-t", "1"];
        let mut process = Process::start(super::directory(), &program, arguments, &[]);
        let own = format!("STAT pid {}", process.id());
        super::wait_ready(&mut process, || {
            first_line(port).is_ok_and(|line| line == own)
        })?;
        Ok(Memcached { process, port })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Of what it tells about itself: its process number.
fn first_line(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"stats\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
