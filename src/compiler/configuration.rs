//! Configuration files of clang: options in a file, named by `--config` or found
//! beside the compiler.
//!
//! ```text
//! # a comment                         a line whose first character is #
//! -target riscv32 \                   a backslash continues the line
//!   -I <CFGDIR>/include               the directory of this file
//! @other.cfg                          relative to this file
//! ```
//!
//! From the Clang Compiler User's Manual ("Configuration files") and clang 14 and
//! 19 by experiment. The options stand in front of those of the command line, as
//! those of a response file would. A file that is read differently by different
//! versions is refused, so that the call is handed to the compiler.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::response::{ResponseFiles, tokenize};

/// What configuration files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Their options, in order.
    pub words: Vec<OsString>,
    /// All files that were read.
    pub files: Vec<PathBuf>,
}

const MAX_DEPTH: usize = 16;
const DIRECTORY: &[u8] = b"<CFGDIR>";

impl Configuration {
    /// Adds what the file `path` says. `None`: it cannot be read, or not
    /// without doubt.
    pub fn add(&mut self, path: &Path, files: &dyn ResponseFiles) -> Option<()> {
        self.add_nested(path, files, 0)
    }

    fn add_nested(&mut self, path: &Path, files: &dyn ResponseFiles, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let content = files.read(path)?;
        self.files.push(path.to_owned());
        let directory = path.parent().unwrap_or(Path::new(""));
        for word in tokenize(&logical_lines(&content))? {
            let word = with_directory(word, directory)?;
            match word.as_bytes() {
                [b'@', name @ ..] => {
                    let nested = directory.join(OsStr::from_bytes(name));
                    self.add_nested(&nested, files, depth + 1)?;
                }
                // Not allowed here, or with a meaning of their own.
                bytes
                    if bytes.starts_with(b"--config")
                        || bytes.starts_with(b"--no-default-config") =>
                {
                    return None;
                }
                [b'$', ..] => return None,
                _ => self.words.push(word),
            }
        }
        Some(())
    }

    /// Adds the files that `--config` names among `args`. `None`: one is looked
    /// for in directories of the compiler's own, or refused.
    pub fn add_named(&mut self, args: &[OsString], files: &dyn ResponseFiles) -> Option<()> {
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let name = match word.as_bytes() {
                b"--" => return Some(()),
                b"--config" => words.next()?.as_bytes(),
                bytes => match bytes.strip_prefix(b"--config=") {
                    Some(name) => name,
                    None => continue,
                },
            };
            if !name.contains(&b'/') {
                return None;
            }
            self.add(Path::new(OsStr::from_bytes(name)), files)?;
        }
        Some(())
    }
}

/// Without comments, and with continued lines joined.
fn logical_lines(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut continued = false;
    for line in content.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !continued && line.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        continued = line.ends_with(b"\\");
        out.extend_from_slice(line.strip_suffix(b"\\").unwrap_or(line));
        if !continued {
            out.push(b'\n');
        }
    }
    out
}

/// `word` with the directory of its file put in. `None`: that is not known in full.
fn with_directory(word: OsString, directory: &Path) -> Option<OsString> {
    let mut bytes = word.into_vec();
    while let Some(at) = memchr::memmem::find(&bytes, DIRECTORY) {
        let path = directory.as_os_str().as_bytes();
        if !directory.is_absolute() || memchr::memmem::find(path, DIRECTORY).is_some() {
            return None;
        }
        bytes.splice(at..at + DIRECTORY.len(), path.iter().copied());
    }
    Some(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    struct Files(HashMap<&'static str, &'static str>);

    impl ResponseFiles for Files {
        fn read(&self, path: &Path) -> Option<Vec<u8>> {
            self.0
                .get(path.to_str()?)
                .map(|text| text.as_bytes().to_vec())
        }
    }

    fn read(files: &[(&'static str, &'static str)], args: &[&str]) -> Option<Vec<String>> {
        let files = Files(files.iter().copied().collect());
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let mut configuration = Configuration::default();
        configuration.add_named(&args, &files)?;
        let words = configuration.words.into_iter();
        Some(words.map(|word| word.into_string().unwrap()).collect())
    }

    #[test]
    fn words() {
        let files = [
            (
                "/c/a.cfg",
                "# no\n-DA='x y' \\\n  -O2\n  # neither\n@sub/b.cfg\n-I <CFGDIR>/inc\n",
            ),
            ("/c/sub/b.cfg", "-isystem <CFGDIR>\r\n@c.cfg"),
            ("/c/sub/c.cfg", "-W"),
            ("./r.cfg", "@q.cfg"),
            ("./q.cfg", "-g"),
        ];
        assert_eq!(
            read(
                &files,
                &["-c", "--config", "/c/a.cfg", "x.c", "--config=./r.cfg"]
            )
            .unwrap(),
            [
                "-DA=x y", "-O2", "-isystem", "/c/sub", "-W", "-I", "/c/inc", "-g"
            ]
        );
    }

    #[test]
    fn doubt() {
        let files = [
            ("/loop", "@loop"),
            ("/nested", "--config=/x"),
            ("/open", "'a"),
            ("./relative", "-I<CFGDIR>"),
            ("/x", ""),
        ];
        for name in ["/loop", "/nested", "/open", "./relative", "/absent", "x"] {
            assert_eq!(read(&files, &["--config", name]), None, "{name}");
        }
        assert_eq!(read(&files, &["--config"]), None);
        assert_eq!(read(&files, &["--", "--config", "x"]), Some(Vec::new()));
    }
}
