//! Little-endian building blocks of our binary formats.
//!
//! A [`Reader`] never panics and never reads outside its input: every method
//! answers `None` when the input ends early, so that a truncated or foreign
//! file is "not readable" and nothing worse.

/// Reads values from the front of a byte slice.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(head)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|b| b[0])
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(|b| u32::from_le_bytes(*b))
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(|b| u64::from_le_bytes(*b))
    }

    /// A `u32` length, that many bytes, and a NUL that is not part of the length.
    pub fn text(&mut self) -> Option<&'a std::ffi::CStr> {
        let len = self.u32()? as usize;
        let bytes = self.take(len.checked_add(1)?)?;
        std::ffi::CStr::from_bytes_with_nul(bytes).ok()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Appends values to a buffer; the counterpart of [`Reader`].
#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn new() -> Writer {
        Writer::default()
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// See [`Reader::text`]. `text` must not contain NUL (paths and names never do);
    /// if it does, the reader will refuse the whole.
    pub fn text(&mut self, text: &[u8]) {
        self.u32(text.len() as u32);
        self.raw(text);
        self.u8(0);
    }
}
