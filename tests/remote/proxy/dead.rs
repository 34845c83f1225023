//! A host that is not there: nobody even completes the handshake.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

use crate::servers::free_ports;
use crate::wire::Endpoint;

/// A port of loopback on which connections are neither made nor refused, as with a
/// host that is switched off: its queue is full for good.
pub struct DeadPort {
    address: SocketAddr,
    _listener: OwnedFd,
    _queued: Vec<TcpStream>,
}

impl DeadPort {
    /// Makes one.
    pub fn new() -> DeadPort {
        let (listener, address) = loop {
            let [port] = free_ports();
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let made = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            if bind(&made, &address).is_ok() && listen(&made, 0).is_ok() {
                break (made, address);
            }
        };
        let mut queued = Vec::new();
        // Linux takes one more than it was told; then it drops what comes.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queued.push(stream);
            assert!(queued.len() < 100, "the queue does not fill up");
        }
        DeadPort {
            address,
            _listener: listener,
            _queued: queued,
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The port as a plain server.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Plain(self.address)
    }
}
