//! What is noted while the words of a line are gone through.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::forward::Frontend;
use super::sides::Sides;
use crate::compiler::command::{Arg, Input, PassThrough};
use crate::compiler::family::{Family, Language};
use crate::compiler::options::Marks;

/// What is known of the line so far.
pub(super) struct Line<'a> {
    pub(super) family: Family,
    pub(super) cxx: bool,
    pub(super) ignore_options: &'a [String],
    pub(super) args: Vec<Arg>,
    pub(super) sources: Vec<(&'a OsStr, Option<Language>)>,
    /// The last `-x`: `None` by suffix, `Some(None)` a name that is not known.
    pub(super) language: Option<Option<Language>>,
    pub(super) compile: bool,
    pub(super) assemble: bool,
    pub(super) emit_llvm: bool,
    pub(super) syntax_only: bool,
    /// `-Xclang -emit-pch`.
    pub(super) emit_pch: bool,
    pub(super) output: Option<&'a OsStr>,
    pub(super) dependency: DependencyOptions<'a>,
    pub(super) inputs: Vec<Input>,
    pub(super) forced_includes: Vec<OsString>,
    pub(super) roles: Vec<(&'static str, Option<&'a OsStr>)>,
    pub(super) sides: Sides<'a>,
    pub(super) marks: Marks,
    pub(super) debug: bool,
    pub(super) split_dwarf: bool,
    pub(super) native: bool,
    pub(super) integrated_assembler: bool,
    pub(super) explicit_color: bool,
    pub(super) architectures: usize,
    /// A word of `-Xassembler` whose value is the next one.
    pub(super) assembler_word: Option<&'a [u8]>,
    /// What the next `-Xclang` word is to the one before.
    pub(super) frontend: Option<Frontend>,
    pub(super) blockers: Blockers,
}

/// The first reason of each kind not to cache, in order of precedence.
#[derive(Default)]
pub(super) struct Blockers {
    pub(super) information: Option<String>,
    pub(super) preprocessing: Option<String>,
    /// Stops before linking, so that a missing `-c` says nothing.
    pub(super) no_link: bool,
    pub(super) other: Option<PassThrough>,
}

#[derive(Default)]
pub(super) struct DependencyOptions<'a> {
    pub(super) all: bool,
    pub(super) user_only: bool,
    pub(super) file: Option<&'a OsStr>,
    /// (quoted, target)
    pub(super) targets: Vec<(bool, OsString)>,
    pub(super) phony: bool,
    /// `-Wp,-MD,file` of gcc: (user headers only, file).
    pub(super) preprocessor: Option<(bool, PathBuf)>,
    /// Indices of the arguments that only matter to the dependency file.
    pub(super) args: Vec<usize>,
}

impl<'a> Line<'a> {
    pub(super) fn new(family: Family, cxx: bool, ignore_options: &'a [String]) -> Line<'a> {
        Line {
            family,
            cxx,
            ignore_options,
            args: Vec::new(),
            sources: Vec::new(),
            language: None,
            compile: false,
            assemble: false,
            emit_llvm: false,
            syntax_only: false,
            emit_pch: false,
            output: None,
            dependency: DependencyOptions::default(),
            inputs: Vec::new(),
            forced_includes: Vec::new(),
            roles: Vec::new(),
            sides: Sides::default(),
            marks: Marks::NONE,
            debug: false,
            split_dwarf: false,
            native: false,
            integrated_assembler: family == Family::Clang,
            explicit_color: false,
            architectures: 0,
            assembler_word: None,
            frontend: None,
            blockers: Blockers::default(),
        }
    }
}
