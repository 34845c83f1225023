//! An answer on its way to the client, with its fault.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::{Fault, Shared};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In good order.
    Close,
    /// With a reset.
    Reset,
}

/// One answer.
pub struct Answer<'a> {
    shared: &'a Shared,
    client: &'a TcpStream,
    fault: Fault,
    /// Bytes sent, and those of the body among them.
    sent: u64,
    body: u64,
}

impl<'a> Answer<'a> {
    pub fn new(shared: &'a Shared, client: &'a TcpStream, fault: Fault) -> Answer<'a> {
        Answer {
            shared,
            client,
            fault,
            sent: 0,
            body: 0,
        }
    }

    /// Sends bytes that are not of the body. `Err`: the connection is to end so.
    pub fn head(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.send(bytes, false)
    }

    /// Sends bytes of the body.
    pub fn body(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.send(bytes, true)
    }

    fn send(&mut self, bytes: &[u8], of_body: bool) -> Result<(), End> {
        if let Fault::Delay(time) = self.fault
            && self.sent == 0
            && !self.shared.pause(time)
        {
            return Err(End::Close);
        }
        let room = match self.fault {
            Fault::ResetAfter(n) | Fault::HalfCloseAfter(n) | Fault::StallAfter(n) => n - self.sent,
            Fault::TruncateBody(n) | Fault::ShortenBody(n) if of_body => n - self.body,
            _ => u64::MAX,
        };
        let take = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let corrupt = match self.fault {
            Fault::CorruptBody(at) if of_body => at.checked_sub(self.body),
            _ => None,
        };
        let mut bytes = bytes[..take].to_vec();
        if let Some(byte) = corrupt.and_then(|at| bytes.get_mut(at as usize)) {
            *byte = !*byte;
        }
        if self.client.write_all(&bytes).is_err() {
            return Err(End::Close);
        }
        self.sent += take as u64;
        if of_body {
            self.body += take as u64;
        }
        self.strike(of_body)
    }

    /// The fault strikes when its number of bytes is reached.
    fn strike(&self, of_body: bool) -> Result<(), End> {
        match self.fault {
            Fault::ResetAfter(n) if self.sent == n => Err(End::Reset),
            Fault::StallAfter(n) if self.sent == n => Err(swallow(self.client)),
            Fault::HalfCloseAfter(n) if self.sent == n => {
                let _ = self.client.shutdown(Shutdown::Write);
                Err(swallow(self.client))
            }
            Fault::TruncateBody(n) if of_body && self.body == n => Err(End::Close),
            _ => Ok(()),
        }
    }
}

/// Reads and forgets what the client sends until it is tired of it.
pub fn swallow(mut client: &TcpStream) -> End {
    let mut buffer = [0; 16384];
    while matches!(client.read(&mut buffer), Ok(length) if length > 0) {}
    End::Close
}
