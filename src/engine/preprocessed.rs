//! The preprocessor mode: what the compiler would see, not where it came from.
//!
//! Used only after a direct miss, when there is an older result to find, and
//! only where the preprocessed text says all that the result depends on: no
//! debug information, and no warnings at all (`-w`). With warnings it does not: a
//! compiler says nothing about an empty body if its semicolon comes from a macro,
//! or about an odd comparison in a macro of the system's, and the text is the same
//! without the macro. What changes in comments and in macros that nothing names,
//! the direct mode finds by itself ([`super::comments`]).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Call, dependencies};
use crate::compiler::{Arg, Class, Command, Product};
use crate::sys::process::Captured;

/// The preprocessed source.
pub struct Text {
    pub bytes: Vec<u8>,
    /// The files it came from, the main source included, as spelled.
    pub files: Vec<PathBuf>,
}

impl Text {
    /// Whether `word` stands in the text, line markers aside.
    pub fn holds(&self, word: &[u8]) -> bool {
        let lines = self.bytes.split(|b| *b == b'\n');
        let mut lines = lines.filter(|line| !line.starts_with(b"# "));
        lines.any(|line| memchr::memmem::find(line, word).is_some())
    }
}

/// Whether the mode may be used for `command`.
pub fn may_be_used(command: &Command) -> bool {
    let traits = &command.traits;
    let silent = |word: &OsString| word == "-w" || word == "--no-warnings";
    let mut words = command.args.iter().filter_map(|arg| arg.words.first());
    words.any(silent)
        && !(traits.layout_matters
            || traits.no_preprocessing
            || traits.has_unknown
            || traits.records_command
            || traits.opaque_product)
        && command.product == Product::Code
        && command.inputs.is_empty()
        && command.outputs.is_empty()
        && command.dumps.is_none()
        && command.profile.is_none()
}

/// Words in the text that make the result depend on where tokens stand.
const POSITION: [&[u8]; 5] = [
    b"__builtin_LINE",
    b"__builtin_COLUMN",
    b"__builtin_source_location",
    b"source_location",
    b"#pragma GCC diagnostic",
];

/// Runs the preprocessor. `None`: it failed, had something to say, or the text
/// does not say enough.
pub fn preprocess(call: &Call<'_>, command: &Command) -> Option<Text> {
    let answer = run(call, command)?;
    let says_enough = answer.stderr.is_empty()
        && !POSITION
            .iter()
            .any(|word| memchr::memmem::find(&answer.stdout, word).is_some());
    if !says_enough {
        return None;
    }
    let files = files(&answer.stdout)?;
    Some(Text {
        bytes: answer.stdout,
        files,
    })
}

/// The preprocessed text, whatever was said about it. `None`: it failed.
pub fn expand(call: &Call<'_>, command: &Command) -> Option<Vec<u8>> {
    run(call, command).map(|answer| answer.stdout)
}

/// Everything that is said when `first` and `last` stand around the arguments:
/// the text and the messages.
pub fn expand_with(
    call: &Call<'_>,
    command: &Command,
    first: &[&str],
    last: &[&str],
) -> Option<Captured> {
    let words = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
    let mut args = words(first);
    args.extend(arguments(command));
    args.extend(words(last));
    ask(call, &args)
}

/// The arguments of `command` for a preprocessor run of our own: without the
/// product, its name, dependency options and further files.
pub fn arguments(command: &Command) -> Vec<OsString> {
    arguments_of(command, |_| true)
}

/// Those of [`arguments`] that `counts` is true of.
pub fn arguments_of(command: &Command, counts: impl Fn(&Arg) -> bool) -> Vec<OsString> {
    let args = command.args.iter().filter(|arg| counts(arg));
    args.filter(|arg| !matches!(arg.class, Class::Silent | Class::CompileOnly))
        // Those that nothing comes of count, since clang says so.
        .flat_map(dependencies::without_dependency_options)
        .filter(|word| word != "-c" && word != "-S")
        .collect()
}

fn run(call: &Call<'_>, command: &Command) -> Option<Captured> {
    let mut args = arguments(command);
    args.push("-E".into());
    ask(call, &args)
}

fn ask(call: &Call<'_>, args: &[OsString]) -> Option<Captured> {
    call.ask(args).ok().filter(|answer| answer.status.success())
}

/// The files named in line markers (`# 12 "file" 1 3`, GCC manual,
/// "Preprocessor Output"). `None` if a name has an escape that is not `\\` or `\"`.
fn files(text: &[u8]) -> Option<Vec<PathBuf>> {
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        let Some(rest) = line.strip_prefix(b"# ") else {
            continue;
        };
        let Some(open) = memchr::memchr(b'"', rest) else {
            continue;
        };
        let mut name = Vec::new();
        let mut bytes = rest.get(open + 1..)?.iter();
        loop {
            match bytes.next()? {
                b'"' => break,
                b'\\' => match bytes.next()? {
                    byte @ (b'\\' | b'"') => name.push(*byte),
                    _ => return None,
                },
                byte => name.push(*byte),
            }
        }
        let real = !name.starts_with(b"<") && !name.ends_with(b"//");
        if real && names.insert(name.clone()) {
            found.push(PathBuf::from(OsStr::from_bytes(&name)));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::files;
    use std::path::PathBuf;

    #[test]
    fn line_markers() {
        let text =
            b"# 0 \"x.c\"\n# 0 \"<built-in>\"\n# 1 \"a\\\\\\\"b.h\" 1 3\n# 2 \"x.c\" 2\nint;\n";
        let expected: Vec<PathBuf> = vec!["x.c".into(), "a\\\"b.h".into()];
        assert_eq!(files(text), Some(expected));
    }
}
