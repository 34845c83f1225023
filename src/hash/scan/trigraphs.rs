//! Trigraphs: whether they are replaced depends on options, so that a text with
//! some is read both ways, and what either reading finds counts.

use super::Scan;

/// The trigraphs of C17 5.2.1.1 replaced.
pub(super) fn replaced(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"??") {
        out.extend_from_slice(&rest[..at]);
        const TRIGRAPHS: &[(u8, u8)] = &[
            (b'=', b'#'),
            (b'/', b'\\'),
            (b'\'', b'^'),
            (b'(', b'['),
            (b')', b']'),
            (b'!', b'|'),
            (b'<', b'{'),
            (b'>', b'}'),
            (b'-', b'~'),
        ];
        let third = rest.get(at + 2).copied();
        let meaning = TRIGRAPHS.iter().find(|(byte, _)| Some(*byte) == third);
        out.push(meaning.map_or(b'?', |(_, byte)| *byte));
        rest = &rest[at + if meaning.is_some() { 3 } else { 1 }..];
    }
    out.extend_from_slice(rest);
    out
}

impl Scan {
    /// What either of two readings of a text found.
    pub(super) fn join(&mut self, other: Scan) {
        for lookup in other.lookups {
            if !self.lookups.contains(&lookup) {
                self.lookups.push(lookup);
            }
        }
        for name in other.existence_macros {
            if !self.existence_macros.contains(&name) {
                self.existence_macros.push(name);
            }
        }
        for name in other.opaque_macros {
            if !self.opaque_macros.contains(&name) {
                self.opaque_macros.push(name);
            }
        }
        self.computed_existence |= other.computed_existence;
        self.computed |= other.computed;
        self.time |= other.time;
        self.date |= other.date;
        self.timestamp |= other.timestamp;
        self.clock_pieces = self.clock_pieces.with(other.clock_pieces);
        self.assembler_file |= other.assembler_file;
        self.opaque_assembler |= other.opaque_assembler;
        self.computed_embed |= other.computed_embed;
        self.system_header |= other.system_header;
        self.once |= other.once;
        self.imports |= other.imports;
        self.offload |= other.offload;
        self.obscure |= other.obscure;
        self.precompiled |= other.precompiled;
        self.escape |= other.escape;
    }
}
