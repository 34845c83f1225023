//! Inline assembler in the bodies of macros: such a macro reads nothing where nothing
//! names it, and to preprocess the source for it takes as long as a tenth of a compile.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use crate::engine::Cached;
use crate::engine::comments::{self, Sources, Text};
use crate::engine::observe::Dependency;
use crate::hash::Digest;
use crate::hash::tokens::skeleton::{self, File};

/// Whether one of `macros` may be called somewhere in `files` or in an option.
pub fn may_be_called(
    cached: &Cached<'_>,
    files: &[Dependency],
    macros: BTreeSet<&Vec<u8>>,
) -> bool {
    if macros.is_empty() {
        return false;
    }
    let sources = Sources::of(cached);
    // Where it is not clear what a comment is, what is in one may be a call.
    let Some(dialect) = sources.dialect() else {
        return true;
    };
    let mut headers = sources.headers();
    let mut text = |file: &Dependency| {
        // Precompiled, perhaps, with macros that name these.
        file.scan.as_ref()?;
        if comments::is_fixed(&file.path)
            && let Some(header) = headers.get(&file.path, &file.digest)
        {
            return Some(Text::Fixed(header.summary));
        }
        let content = crate::hash::file::read(&file.path)?.bytes;
        (Digest::of(&content) == file.digest).then_some(Text::Changing(content, None))
    };
    let Some(texts) = files.iter().map(&mut text).collect::<Option<Vec<Text>>>() else {
        return true;
    };
    let unit: Vec<File<'_>> = texts.iter().map(Text::file).collect();
    let options = cached.command.args.iter().flat_map(|arg| &arg.words);
    let options = options.flat_map(|word| comments::spoken(word.as_bytes()));
    !skeleton::are_only_defined(&macros, &unit, &options.collect::<Vec<_>>(), dialect)
}
