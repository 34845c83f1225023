//! HTTP/1.1 messages as far as a proxy must understand them (RFC 9112): where they
//! begin and end.

use std::io::{self, BufRead, Read};

/// A head longer than this is an error.
const LONGEST: usize = 64 * 1024;

/// Start line and headers.
pub struct Head {
    /// As it came, with the empty line.
    pub bytes: Vec<u8>,
    /// The words of the start line.
    pub start: Vec<String>,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Known(u64),
    Chunked,
    /// Until the connection ends.
    Open,
}

/// A piece of a body in transit.
pub enum Piece<'a> {
    Content(&'a [u8]),
    /// Between chunks.
    Frame(&'a [u8]),
}

impl Head {
    /// Reads one; `None` at the end of the connection.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            let room = (LONGEST - before) as u64;
            reader.take(room).read_until(b'\n', &mut bytes)?;
            let line = &bytes[before..];
            if bytes.is_empty() {
                return Ok(None);
            }
            if !line.ends_with(b"\n") {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if line == b"\r\n" || line == b"\n" {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines = text.lines();
        let start = lines.next().unwrap_or_default();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Head {
            start: start.split(' ').map(str::to_owned).collect(),
            bytes,
            headers,
        }))
    }

    /// A word of the start line, empty if it has fewer.
    pub fn word(&self, number: usize) -> &str {
        self.start.get(number).map_or("", String::as_str)
    }

    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    pub fn status(&self) -> Option<u16> {
        self.word(1).parse().ok()
    }

    /// Whether the connection is to end after this message.
    pub fn closes(&self) -> bool {
        let connection = self.header("connection").unwrap_or_default();
        connection.eq_ignore_ascii_case("close")
            || self.start.iter().any(|word| word == "HTTP/1.0")
                && !connection.eq_ignore_ascii_case("keep-alive")
    }

    /// How long the body of this request is.
    pub fn request_length(&self) -> Length {
        match self.length() {
            Length::Open => Length::Known(0),
            length => length,
        }
    }

    /// How long the body of this answer to a request of `method` is.
    pub fn answer_length(&self, method: &str) -> Length {
        match self.status() {
            _ if method == "HEAD" => Length::Known(0),
            Some(100..=199 | 204 | 304) => Length::Known(0),
            _ => self.length(),
        }
    }

    fn length(&self) -> Length {
        let coding = self.header("transfer-encoding").unwrap_or_default();
        if coding.to_ascii_lowercase().ends_with("chunked") {
            return Length::Chunked;
        }
        let length = self.header("content-length");
        length
            .and_then(|l| l.parse().ok())
            .map_or(Length::Open, Length::Known)
    }

    /// The head with another length of the body.
    pub fn with_length(&self, length: u64) -> Vec<u8> {
        let text = String::from_utf8_lossy(&self.bytes);
        text.split_inclusive("\r\n")
            .map(|line| match line.to_ascii_lowercase() {
                lower if lower.starts_with("content-length:") => {
                    format!("content-length: {length}\r\n")
                }
                _ => line.to_owned(),
            })
            .collect::<String>()
            .into_bytes()
    }
}

/// Reads a body and hands it on piece by piece as it comes. What `hand` returns as
/// an error ends it (the inner result); `Err` is the reader's.
pub fn body<E>(
    reader: &mut impl BufRead,
    length: Length,
    mut hand: impl FnMut(Piece) -> Result<(), E>,
) -> io::Result<Result<(), E>> {
    match length {
        Length::Known(length) => content(reader, length, &mut hand),
        Length::Open => content(reader, u64::MAX, &mut hand),
        Length::Chunked => loop {
            let line = line(reader)?;
            let text = String::from_utf8_lossy(&line);
            let digits = text.split([';', '\r']).next().unwrap_or_default();
            let length = u64::from_str_radix(digits.trim(), 16)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            if let Err(end) = hand(Piece::Frame(&line)) {
                return Ok(Err(end));
            }
            if length > 0
                && let Err(end) = content(reader, length, &mut hand)?
            {
                return Ok(Err(end));
            }
            // The end of the chunk; after the last one trailers up to an empty line.
            loop {
                let end = self::line(reader)?;
                if let Err(end) = hand(Piece::Frame(&end)) {
                    return Ok(Err(end));
                }
                if length > 0 || end == b"\r\n" {
                    break;
                }
            }
            if length == 0 {
                return Ok(Ok(()));
            }
        },
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.take(LONGEST as u64).read_until(b'\n', &mut line)?;
    match line.ends_with(b"\n") {
        true => Ok(line),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// So many bytes; `u64::MAX` is until the end.
fn content<E>(
    reader: &mut impl BufRead,
    length: u64,
    hand: &mut impl FnMut(Piece) -> Result<(), E>,
) -> io::Result<Result<(), E>> {
    let mut left = length;
    while left > 0 {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return match length {
                u64::MAX => Ok(Ok(())),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let take = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if let Err(end) = hand(Piece::Content(&bytes[..take])) {
            return Ok(Err(end));
        }
        reader.consume(take);
        left -= take as u64;
    }
    Ok(Ok(()))
}
