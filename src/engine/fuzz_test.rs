//! Records and messages of any content: no panic, and what is known stays known.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_record_makes_a_panic(payload: Vec<u8>, magic: bool, identity: bool, whole: bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let mut bytes = Vec::new();
        if magic {
            let head = if identity { identity::record_head() } else { search::record_head() };
            bytes.extend(head);
        }
        bytes.extend(payload);
        match whole {
            true => side::save(&path, &bytes),
            false => fs_err::write(&path, &bytes).unwrap(),
        }
        prop_assert_eq!(side::load(&path), whole.then_some(bytes));
        let _ = identity::load(&path);
        let _ = search::load(&path);
    }

    /// Taking colours out takes nothing else, and is done once.
    #[test]
    fn colours_go(pieces in proptest::collection::vec(
        proptest::sample::select(vec!["\x1b[01;31m", "\x1b[K", "\x1b[m\x1b[K", "a", " ", "\n", "\x1b", "\x1b[", "\x1b[0;", "m", "1"]), 0..20)) {
        let text = pieces.concat();
        let plain = terminal::strip_color(text.as_bytes());
        prop_assert!(plain.len() <= text.len());
        let printable = |bytes: &[u8]| bytes.iter().filter(|b| b"a \n".contains(b)).count();
        prop_assert_eq!(printable(&plain), printable(text.as_bytes()));
    }

    #[test]
    fn base_directories(word: Vec<u8>, base in "(/[a-c]{0,2}){0,3}", below in "(/[a-c]{1,2}){0,3}") {
        let here = format!("{base}{below}");
        let (base, here) = (Path::new(&base), Path::new(&here));
        let _ = base::relative(&word, base, here);
        let mut inside = base.as_os_str().as_bytes().to_owned();
        inside.extend_from_slice(b"/x");
        for path in [&word, &inside] {
            let relative = base::relative(path, base, here);
            let again = base::relative(path, base, here);
            prop_assert_eq!(&relative, &again);
            let _ = base::path_to_stored(path, base, here);
        }
    }
}
