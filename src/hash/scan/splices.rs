//! Line splices: a backslash at the end of a line joins it with the next.

/// Whether a backslash ends a line (white space between is allowed by gcc).
pub(super) fn has_splice(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', text).any(|at| splice_length(&text[at + 1..]).is_some())
}

/// After a backslash: how many bytes up to and including the newline.
fn splice_length(rest: &[u8]) -> Option<usize> {
    let blank = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | 0x0b | 0x0c))
        .count();
    (rest.get(blank) == Some(&b'\n')).then_some(blank + 1)
}

/// `text` without its splices.
pub(super) fn join_lines(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match splice_length(rest) {
            Some(length) => rest = &rest[length..],
            None => out.push(b'\\'),
        }
    }
    out.extend_from_slice(rest);
    out
}
