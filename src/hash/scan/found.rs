//! What a scan finds.

use super::clock::Pieces;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Style {
    /// `"name"`: beside the including file first.
    Quote,
    /// `<name>`.
    Angle,
}

/// What asks for a header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Asked {
    /// `#include`, `#import`.
    Include,
    /// `#include_next`, `__has_include_next`.
    Next,
    /// `__has_include`: whether it exists, not what it says.
    Exists,
    /// Named in a macro's body, for `#include MACRO`.
    Macro,
    /// `#embed`: a file that is not source.
    Embed,
    /// `__has_embed`: whether there is one, and something in it.
    HasEmbed,
    /// `__has_include` in a macro's body: beside whom, the macro's user decides.
    ExistsAnywhere,
}

/// A header name in the text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Lookup {
    pub name: Vec<u8>,
    pub style: Style,
    pub asked: Asked,
}

impl Lookup {
    /// Whether it is looked for beside the file that asks first.
    pub fn is_quoted(&self) -> bool {
        self.style == Style::Quote
    }
}

/// What was found in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Header names, in order, repeated ones once.
    pub lookups: Vec<Lookup>,
    /// `#include MACRO` or `__has_include(MACRO)`.
    pub computed: bool,
    /// Macros whose body holds `__has_include` with something else than a header's
    /// name behind it: `#define HAS(x) __has_include(x)`.
    pub existence_macros: Vec<Vec<u8>>,
    /// `__has_include(MACRO)` and the like: what is asked for cannot be told.
    pub computed_existence: bool,
    /// `__TIME__` as a token.
    pub time: bool,
    /// `__DATE__` as a token.
    pub date: bool,
    /// `__TIMESTAMP__` as a token.
    pub timestamp: bool,
    /// Words that `##` could make one of these three of.
    pub clock_pieces: Pieces,
    /// `.incbin` or `.include` outside comments (in assembler or a string of
    /// inline assembler): a file that the compiler does not report is read.
    pub assembler_file: bool,
    /// Inline assembler whose text is not all string literals: what it reads
    /// only the preprocessor can tell.
    pub opaque_assembler: bool,
    /// Macros with such assembler in their body: what they read counts where they are
    /// called.
    pub opaque_macros: Vec<Vec<u8>>,
    /// `#embed MACRO`.
    pub computed_embed: bool,
    /// `#pragma GCC system_header` or clang's.
    pub system_header: bool,
    /// `#pragma once` or `#import`.
    pub once: bool,
    /// `#import`.
    pub imports: bool,
    /// `#pragma omp ... target`: code for other devices.
    pub offload: bool,
    /// Something the scanner does not follow (`#pragma` that reads files,
    /// `__has_embed(MACRO)`).
    pub obscure: bool,
    /// `#pragma GCC pch_preprocess`: a precompiled header that preprocessed text
    /// names is read.
    pub precompiled: bool,
    /// `#line` or a line marker: messages about what follows name another file.
    pub renumbers: bool,
    /// An escape character (0x1b): quoted source could look like colours.
    pub escape: bool,
}

impl Scan {
    /// Whether there is assembler of which only the preprocessor can tell what it reads.
    pub fn hides_assembler(&self) -> bool {
        self.opaque_assembler || !self.opaque_macros.is_empty()
    }
}
