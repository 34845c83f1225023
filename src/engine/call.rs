//! One call of a compiler, and questions to it about the caller's source.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::sys::process::{Captured, Invocation};
use crate::sys::stdin::StandardInput;

/// One call of a compiler.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The compiler's file.
    pub program: &'a Path,
    /// The compiler as the caller spelled it.
    pub name: &'a OsStr,
    /// Its arguments, as the caller wrote them.
    pub args: &'a [OsString],
    /// `prefix_command`, as words; empty: none.
    pub prefix_command: &'a [OsString],
    /// `PATH`.
    pub path: Option<&'a OsStr>,
    /// Standard input, where it is the source.
    pub input: Option<&'a StandardInput>,
}

impl Call<'_> {
    /// Has the compiler answer a question about the caller's source.
    pub(super) fn ask(&self, args: &[OsString]) -> std::io::Result<Captured> {
        self.ask_with(args, &[])
    }

    /// As [`Call::ask`], with these variables.
    pub(super) fn ask_with(
        &self,
        args: &[OsString],
        set: &[(&str, OsString)],
    ) -> std::io::Result<Captured> {
        let invocation = Invocation {
            program: self.program,
            name: self.name,
            args,
            set,
            unset: &[],
        };
        match self.input {
            Some(input) => {
                input.rewind()?;
                invocation.query_with_input()
            }
            None => invocation.query(),
        }
    }
}
