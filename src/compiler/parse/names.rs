//! Names that the compilers make up: products, dependency files, targets,
//! files beside the product.
//!
//! From gcc 11/12 and clang 14/19 by experiment; `tests/compilers.rs` compares
//! with what the installed compilers write.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::compiler::depfile;
use crate::compiler::family::Family;

/// Where the suffix of `path` begins, its dot included; the length if there
/// is none. A name that is nothing but a suffix (`.x`) has one if
/// `bare_suffix`.
pub fn suffix_at(path: &[u8], bare_suffix: bool) -> usize {
    let base = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    match path.iter().rposition(|&b| b == b'.') {
        Some(dot) if dot > base || (dot == base && bare_suffix) => dot,
        _ => path.len(),
    }
}

fn with_suffix(path: &[u8], suffix: &str, bare_suffix: bool) -> PathBuf {
    let stem = path.get(..suffix_at(path, bare_suffix)).unwrap_or(path);
    let mut name = stem.to_vec();
    name.push(b'.');
    name.extend_from_slice(suffix.as_bytes());
    PathBuf::from(OsString::from_vec(name))
}

/// The last component of `path` as spelled.
pub fn base_name(path: &OsStr) -> &OsStr {
    let bytes = path.as_bytes();
    OsStr::from_bytes(bytes.rsplit(|&b| b == b'/').next().unwrap_or(bytes))
}

/// The product without `-o`: the source's name in the working directory.
/// `None` if nothing is left of the name without its suffix.
pub fn default_output(source: &OsStr, suffix: &str) -> Option<PathBuf> {
    let base = base_name(source).as_bytes();
    if base.is_empty() || suffix_at(base, true) == 0 {
        return None;
    }
    Some(with_suffix(base, suffix, true))
}

/// The dependency file without `-MF`: beside the product.
pub fn default_dependency_file(output: &Path) -> PathBuf {
    with_suffix(output.as_os_str().as_bytes(), "d", true)
}

/// A file beside the product. gcc keeps a name that is nothing but a suffix.
pub fn beside(family: Family, output: &Path, suffix: &str) -> PathBuf {
    let bare_suffix = family == Family::Clang;
    with_suffix(output.as_os_str().as_bytes(), suffix, bare_suffix)
}

/// The rule's target when no `-MT` or `-MQ` is given. `given` is the value of
/// `-o`. The default is named after an object even under `-S`.
pub fn default_target(family: Family, source: &OsStr, given: Option<&OsStr>) -> Option<Vec<u8>> {
    let name = match given {
        Some(output) => output.to_owned(),
        // gcc's preprocessor knows no name to make another of.
        None if family == Family::Gcc && source == "-" => source.to_owned(),
        None => default_output(source, "o")?.into_os_string(),
    };
    Some(depfile::quote(simplified(family, name.as_bytes())))
}

/// gcc drops `./` from the front of names in dependency files.
pub fn simplified(family: Family, name: &[u8]) -> &[u8] {
    if family == Family::Clang {
        return name;
    }
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./") {
        let slashes = rest.iter().take_while(|&&b| b == b'/').count();
        name = rest.get(slashes..).unwrap_or_default();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        let dep = |p: &str| {
            default_dependency_file(Path::new(p))
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(dep("out/x.o"), "out/x.d");
        assert_eq!(dep("out/x.y.o"), "out/x.y.d");
        assert_eq!(dep("out.d/x"), "out.d/x.d");
        assert_eq!(dep("out/.foo"), "out/.d");
        assert_eq!(dep("out/foo."), "out/foo.d");
        let su = |f, p: &str| beside(f, Path::new(p), "su").to_str().unwrap().to_owned();
        assert_eq!(su(Family::Gcc, "out/.x"), "out/.x.su");
        assert_eq!(su(Family::Clang, "out/.x"), "out/.su");
        assert_eq!(su(Family::Gcc, "x.y.o"), "x.y.su");
        let out = |p: &str| default_output(OsStr::new(p), "o");
        assert_eq!(out("src/f.a.c"), Some("f.a.o".into()));
        assert_eq!(out("src/f"), Some("f.o".into()));
        assert_eq!(out("src/.c"), None);
        assert_eq!(out("src/"), None);
    }

    #[test]
    fn leading_dots() {
        for (name, expected) in [
            ("././/out/./n.o", "out/./n.o"),
            (".//out/n.o", "out/n.o"),
            ("../n.o", "../n.o"),
            ("n.o", "n.o"),
        ] {
            assert_eq!(
                simplified(Family::Gcc, name.as_bytes()),
                expected.as_bytes()
            );
            assert_eq!(simplified(Family::Clang, name.as_bytes()), name.as_bytes());
        }
    }
}
