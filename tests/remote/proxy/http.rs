//! A connection of a proxy that knows HTTP: request by request.

use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};

use super::answer::{Answer, End, swallow};
use super::message::{self, Head, Length, Piece};
use super::{Fault, Request, Shared};

/// The connection to the server, made for the first request that goes there.
type Server = BufReader<TcpReader>;

/// Reads from a socket that others may shut down.
struct TcpReader(Arc<TcpStream>);

impl std::io::Read for TcpReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

/// Serves a client until one side is done with it.
pub fn serve(shared: &Shared, number: u64, client: &Arc<TcpStream>) -> End {
    let mut connection = Connection {
        shared,
        number,
        client,
        reader: BufReader::new(TcpReader(Arc::clone(client))),
        server: None,
    };
    loop {
        if let Err(end) = connection.exchange() {
            return end;
        }
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    number: u64,
    client: &'a TcpStream,
    reader: BufReader<TcpReader>,
    server: Option<Server>,
}

impl Connection<'_> {
    /// One request and its answer. `Err`: the connection is to end so.
    fn exchange(&mut self) -> Result<(), End> {
        self.request_comes()?;
        let head = Head::read(&mut self.reader).ok().flatten();
        let head = head.ok_or(End::Close)?;
        let (method, path) = (head.word(0), head.word(1));
        let fault = self.shared.fault(method, path);
        let index = {
            let mut state = self.shared.lock();
            state.requests.push(Request {
                method: method.into(),
                path: path.into(),
                status: None,
                connection: self.number,
            });
            state.requests.len() - 1
        };
        // A client that waits for a word before it sends the body need not send it.
        let waits = head.header("expect").is_some();
        match fault {
            Fault::BlackHole => Err(swallow(self.client)),
            Fault::Answer(_) | Fault::Code(..) if !waits => {
                let length = head.request_length();
                let read = message::body::<End>(&mut self.reader, length, |_| Ok(()));
                read.map_err(|_| End::Close)??;
                self.answer_self(index, fault, method, head.closes())
            }
            Fault::Answer(_) | Fault::Code(..) | Fault::AnswerEarly(_) => {
                self.answer_self(index, fault, method, true)?;
                Err(End::Close)
            }
            _ => self.forward(&head, fault, index, waits),
        }
    }

    /// Waits for a request; while there is none the server may have had enough.
    fn request_comes(&mut self) -> Result<(), End> {
        let Some(server) = &self.server else {
            return Ok(());
        };
        if !self.reader.buffer().is_empty() {
            return Ok(());
        }
        let mut both = [
            PollFd::new(self.client, PollFlags::IN),
            PollFd::new(&*server.get_ref().0, PollFlags::IN),
        ];
        loop {
            match poll(&mut both, None) {
                Ok(_) if !both[0].revents().is_empty() => return Ok(()),
                Ok(_) if !both[1].revents().is_empty() => return Err(End::Close),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(End::Close),
            }
        }
    }

    /// An answer of the proxy's own, in the words of S3, which mean nothing elsewhere.
    fn answer_self(
        &self,
        index: usize,
        fault: Fault,
        method: &str,
        close: bool,
    ) -> Result<(), End> {
        let (status, code) = match fault {
            Fault::Code(status, code) => (status, code),
            Fault::Answer(status) | Fault::AnswerEarly(status) => (status, code(status)),
            _ => (500, code(500)),
        };
        self.log_status(index, status);
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <Error><Code>{code}</Code><Message>injected</Message></Error>"
        );
        let connection = if close { "connection: close\r\n" } else { "" };
        let mut text = format!(
            "HTTP/1.1 {status} Injected\r\ncontent-type: application/xml\r\n\
             content-length: {}\r\n{connection}\r\n",
            body.len()
        );
        if method != "HEAD" {
            text += &body;
        }
        let mut client = self.client;
        if client.write_all(text.as_bytes()).is_err() {
            return Err(End::Close);
        }
        if close {
            // A close with bytes unread would be a reset, and lose the answer.
            let _ = client.shutdown(Shutdown::Write);
            return Err(swallow(client));
        }
        Ok(())
    }

    fn log_status(&self, index: usize, status: u16) {
        // Gone if the log was forgotten meanwhile.
        if let Some(request) = self.shared.lock().requests.get_mut(index) {
            request.status = Some(status);
        }
    }

    /// Hands the request on, and the answer back with its fault.
    fn forward(&mut self, head: &Head, fault: Fault, index: usize, waits: bool) -> Result<(), End> {
        let server = match &mut self.server {
            Some(server) => server,
            none => {
                let made = self.shared.connect(self.number).map_err(|_| End::Close)?;
                none.insert(BufReader::new(TcpReader(made)))
            }
        };
        let out = Arc::clone(&server.get_ref().0);
        let mut taken = (&*out).write_all(&head.bytes).is_ok();
        let mut answer_head = None;
        if waits {
            let first = read_head(server)?;
            match first.status() {
                Some(100) => (&*self.client)
                    .write_all(&first.bytes)
                    .map_err(|_| End::Close)?,
                _ => {
                    answer_head = Some(first);
                    taken = false;
                }
            }
        }
        if taken {
            let length = head.request_length();
            let sent = message::body(&mut self.reader, length, |piece| {
                let (Piece::Content(bytes) | Piece::Frame(bytes)) = piece;
                (&*out).write_all(bytes)
            });
            // A server that does not want more may have answered all the same.
            taken = sent.map_err(|_| End::Close)?.is_ok();
        }
        let answer_head = match answer_head {
            Some(head) => head,
            None => loop {
                let head = read_head(server)?;
                if !matches!(head.status(), Some(100..=199)) {
                    break head;
                }
            },
        };
        self.log_status(index, answer_head.status().unwrap_or(0));
        let length = answer_head.answer_length(head.word(0));
        let server = self.server.as_mut().expect("connected above");
        let mut answer = Answer::new(self.shared, self.client, fault);
        match (fault, length) {
            (Fault::ShortenBody(n), Length::Known(length)) if n < length => {
                answer.head(&answer_head.with_length(n))?;
            }
            _ => answer.head(&answer_head.bytes)?,
        }
        let sent = message::body(server, length, |piece| match piece {
            Piece::Content(bytes) => answer.body(bytes),
            Piece::Frame(bytes) => answer.head(bytes),
        });
        sent.map_err(|_| End::Close)??;
        let last = head.closes() || answer_head.closes() || length == Length::Open;
        if !taken {
            let _ = self.client.shutdown(Shutdown::Write);
            return Err(swallow(self.client));
        }
        match last {
            true => Err(End::Close),
            false => Ok(()),
        }
    }
}

fn read_head(server: &mut Server) -> Result<Head, End> {
    Head::read(server).ok().flatten().ok_or(End::Close)
}

/// What S3 calls a status.
fn code(status: u16) -> &'static str {
    match status {
        403 => "AccessDenied",
        404 => "NoSuchKey",
        500 => "InternalError",
        503 => "SlowDown",
        507 => "InsufficientStorage",
        _ => "Injected",
    }
}
