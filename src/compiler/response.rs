//! Response files: `@file` on a command line.
//!
//! Both families take GNU quoting: white space separates, `'...'` and `"..."`
//! group, and a backslash makes the next byte plain everywhere, inside quotes
//! too. They differ in corners (an empty word in quotes, a backslash before a
//! line end, NUL, a byte-order mark); a file with one of those is refused, so
//! that the call is handed to the compiler.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// Reads response files. The parser touches the file system only through this.
pub trait ResponseFiles {
    /// The content of `path`, relative to the working directory of the
    /// compile; `None` if it cannot be read.
    fn read(&self, path: &Path) -> Option<Vec<u8>>;
}

/// No response file exists.
pub struct NoFiles;

impl ResponseFiles for NoFiles {
    fn read(&self, _: &Path) -> Option<Vec<u8>> {
        None
    }
}

/// Why a command line could not be expanded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file cannot be read. gcc and clang then take `@file` for a source
    /// of that name, and usually fail.
    #[error("response file cannot be read")]
    Unreadable(OsString),
    /// Files that name each other, or more words than any real command line has.
    #[error("response files nest too deeply or hold too much")]
    TooMuch(OsString),
    /// The content is read differently by different compilers.
    #[error("response file with unclear content")]
    Unclear(OsString),
}

/// The words after expansion, and whether a response file was among them.
#[derive(Debug, PartialEq, Eq)]
pub struct Expanded {
    pub args: Vec<OsString>,
    pub used_response_file: bool,
}

const MAX_DEPTH: usize = 32;
const MAX_BYTES: usize = 32 << 20;

/// Replaces every `@file` in `args` by the words of that file, recursively.
///
/// # Errors
/// See [`Error`]; each carries the `@file` word.
pub fn expand(args: &[OsString], files: &dyn ResponseFiles) -> Result<Expanded, Error> {
    let mut expanded = Expanded {
        args: Vec::with_capacity(args.len()),
        used_response_file: false,
    };
    let mut budget = MAX_BYTES;
    for arg in args {
        expand_word(arg, files, &mut expanded, &mut budget, 0)?;
    }
    Ok(expanded)
}

fn expand_word(
    word: &OsStr,
    files: &dyn ResponseFiles,
    out: &mut Expanded,
    budget: &mut usize,
    depth: usize,
) -> Result<(), Error> {
    let Some(name) = word.as_bytes().strip_prefix(b"@") else {
        out.args.push(word.to_owned());
        return Ok(());
    };
    if name.is_empty() {
        return Err(Error::Unreadable(word.to_owned()));
    }
    if depth >= MAX_DEPTH {
        return Err(Error::TooMuch(word.to_owned()));
    }
    let content = files
        .read(Path::new(OsStr::from_bytes(name)))
        .ok_or_else(|| Error::Unreadable(word.to_owned()))?;
    *budget = budget
        .checked_sub(content.len().max(1))
        .ok_or_else(|| Error::TooMuch(word.to_owned()))?;
    out.used_response_file = true;
    let words = tokenize(&content).ok_or_else(|| Error::Unclear(word.to_owned()))?;
    for word in words {
        expand_word(&word, files, out, budget, depth + 1)?;
    }
    Ok(())
}

/// Splits the content of a response file into words. `None` where the
/// families disagree.
pub fn tokenize(content: &[u8]) -> Option<Vec<OsString>> {
    let byte_order_marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    if content.contains(&0) || byte_order_marks.iter().any(|m| content.starts_with(m)) {
        return None;
    }
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote: Option<u8> = None;
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (_, b'\\') => match bytes.next() {
                None | Some(b'\n' | b'\r') => return None,
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            (Some(q), b) if b == q => quote = None,
            (Some(_), b) => word.get_or_insert_default().push(b),
            (None, b'\'' | b'"') => {
                word.get_or_insert_default();
                quote = Some(byte);
            }
            (None, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) => finish(&mut word, &mut words)?,
            (None, b) => word.get_or_insert_default().push(b),
        }
    }
    if quote.is_some() {
        return None;
    }
    finish(&mut word, &mut words)?;
    Some(words)
}

fn finish(word: &mut Option<Vec<u8>>, words: &mut Vec<OsString>) -> Option<()> {
    if let Some(word) = word.take() {
        if word.is_empty() {
            return None;
        }
        words.push(OsString::from_vec(word));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    struct Files(HashMap<&'static str, &'static str>);

    impl ResponseFiles for Files {
        fn read(&self, path: &Path) -> Option<Vec<u8>> {
            self.0.get(path.to_str()?).map(|s| s.as_bytes().to_vec())
        }
    }

    fn words(text: &str) -> Option<Vec<String>> {
        let words = tokenize(text.as_bytes())?;
        Some(
            words
                .into_iter()
                .map(|w| w.into_string().unwrap())
                .collect(),
        )
    }

    #[test]
    fn quoting() {
        for (text, expected) in [
            ("-c a.c\n-o  b.o\n", &["-c", "a.c", "-o", "b.o"][..]),
            ("'a b' \"c d\" e\\ f", &["a b", "c d", "e f"]),
            ("-DX=\\\"y\\\"", &["-DX=\"y\""]),
            ("'a\\'b'", &["a'b"]),
            ("\"it's\" 'say \"x\"'", &["it's", "say \"x\""]),
            ("a'b c'd", &["ab cd"]),
            ("a\\\\b", &["a\\b"]),
            ("", &[]),
            (" \t\r\n", &[]),
        ] {
            let expected: Vec<String> = expected.iter().map(|s| s.to_string()).collect();
            assert_eq!(words(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn disputed_content_is_refused() {
        for text in [
            "''",
            "a \"\" b",
            "a\\",
            "a\\\nb",
            "'open",
            "\u{feff}-c",
            "a\0b",
        ] {
            assert_eq!(words(text), None, "{text:?}");
        }
    }

    #[test]
    fn nesting() {
        let files = Files(HashMap::from([
            ("a", "-c @b x.c"),
            ("b", "-O2 -g"),
            ("loop", "@loop"),
        ]));
        let args = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        let got = expand(&args(&["-Wall", "@a"]), &files).unwrap();
        assert_eq!(got.args, args(&["-Wall", "-c", "-O2", "-g", "x.c"]));
        assert!(got.used_response_file);
        assert!(matches!(
            expand(&args(&["@loop"]), &files),
            Err(Error::TooMuch(_))
        ));
        assert!(matches!(
            expand(&args(&["@no"]), &files),
            Err(Error::Unreadable(_))
        ));
        assert!(matches!(
            expand(&args(&["@"]), &files),
            Err(Error::Unreadable(_))
        ));
    }

    /// Any files, some of which name each other.
    struct Any(Vec<Vec<u8>>);

    impl ResponseFiles for Any {
        fn read(&self, path: &Path) -> Option<Vec<u8>> {
            let number: usize = path.to_str()?.parse().ok()?;
            self.0.get(number).cloned()
        }
    }

    proptest::proptest! {
        /// What is quoted comes back, whatever the words are.
        #[test]
        fn quoting_is_undone(words in proptest::collection::vec(
            proptest::collection::vec(1u8.., 1..12), 0..8), style in 0..3usize) {
            let mut content = Vec::new();
            for word in &words {
                let quote: &[u8] = [&b""[..], b"'", b"\""][style];
                content.extend_from_slice(quote);
                for &byte in word {
                    let plain = byte.is_ascii_alphanumeric() || (style > 0 && b" \t\n".contains(&byte));
                    content.extend((!plain).then_some(b'\\'));
                    content.push(byte);
                }
                content.extend_from_slice(quote);
                content.push(b'\n');
            }
            let wanted: Vec<OsString> = words.iter().cloned().map(OsString::from_vec).collect();
            match tokenize(&content) {
                Some(found) => proptest::prop_assert_eq!(found, wanted),
                // A backslash before a line end is read in two ways.
                None => proptest::prop_assert!(
                    words.iter().flatten().any(|b| b"\n\r".contains(b))
                ),
            }
        }

        #[test]
        fn any_files_end(files in proptest::collection::vec("[@0-3 a'\"\\\\\n]{0,30}", 0..4)) {
            let files = Any(files.into_iter().map(String::into_bytes).collect());
            let _ = expand(&["@0".into(), "-c".into(), "@1".into()], &files);
        }

        #[test]
        fn any_bytes(content: Vec<u8>) {
            if let Some(words) = tokenize(&content) {
                proptest::prop_assert!(words.iter().all(|word| !word.is_empty()));
            }
        }
    }
}
