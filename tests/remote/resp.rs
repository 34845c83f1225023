//! A very small Redis client (RESP2).

#![allow(
    dead_code,
    reason = "a kit: not every part is used by some test at all times"
)]

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::wire::{Endpoint, Wire};

/// What Redis answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Simple(String),
    /// A refusal, beginning with its kind: `NOAUTH`, `NOPERM`, `MOVED`, `OOM`...
    Error(String),
    Number(i64),
    Bytes(Vec<u8>),
    Nothing,
    List(Vec<Reply>),
}

impl Reply {
    /// Whether this is `+OK`.
    pub fn is_ok(&self) -> bool {
        *self == Reply::Simple("OK".into())
    }

    /// The first word of a refusal.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Reply::Error(text) => text.split(' ').next(),
            _ => None,
        }
    }

    /// Bytes as text.
    pub fn text(&self) -> String {
        match self {
            Reply::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// A connection to a Redis server.
pub struct Resp(BufReader<Wire>);

impl Resp {
    /// Connects; nobody is logged in.
    pub fn connect(endpoint: &Endpoint) -> io::Result<Resp> {
        Ok(Resp(BufReader::new(endpoint.connect()?)))
    }

    /// One command.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        let wire = self.0.get_mut();
        wire.write_all(&bytes)?;
        wire.flush()?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let Some(line) = line.strip_suffix("\r\n") else {
            let text = format!("the reply ends after {line:?}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        };
        let nonsense = || io::Error::new(io::ErrorKind::InvalidData, format!("{line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(nonsense)?;
        let number = || rest.parse::<i64>().map_err(|_| nonsense());
        Ok(match kind {
            "+" => Reply::Simple(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Number(number()?),
            "$" | "*" if number()? < 0 => Reply::Nothing,
            "$" => {
                let mut bytes = vec![0; number()? as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Bytes(bytes)
            }
            "*" => Reply::List(
                (0..number()?)
                    .map(|_| self.reply())
                    .collect::<io::Result<_>>()?,
            ),
            _ => return Err(nonsense()),
        })
    }
}
