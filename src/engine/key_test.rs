//! What changes a key, where no compiler can show it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::*;
use crate::compiler::{DriverName, NoFiles, Parsed};

fn key_on(processor: &[u8], options: &str) -> Key {
    let args: Vec<OsString> = options
        .split_whitespace()
        .map(OsString::from)
        .chain(["-c", "a.c"].map(OsString::from))
        .collect();
    let driver = DriverName::parse("gcc").unwrap();
    let parsed = crate::compiler::parse(Family::Gcc, driver, &args, &NoFiles, &[]);
    let Parsed::Compile(command) = parsed else {
        panic!("{options}");
    };
    let identity = Identity {
        family: Family::Gcc,
        digest: Digest([1; 32]),
        version: String::new(),
        files: Vec::new(),
        configurations: Default::default(),
    };
    manifest_key(&Ingredients {
        command: &command,
        identity: &identity,
        compiler: identity.digest,
        driver: OsStr::new("gcc"),
        program: Path::new("/usr/bin/gcc"),
        argv: &args,
        processor: Some(processor.to_owned()),
        input: None,
        working_directory: &PathBuf::from("/work"),
        hash_dir: true,
        base_dir: None,
        environment: &Environment::from_pairs::<String, String>([]),
        ignore_locale: false,
        ignore_random_seed: false,
    })
}

/// There is one processor here; the key is made as if there were two.
#[test]
fn i18_another_processor() {
    for option in ["-march=native", "-mtune=native", "-mcpu=native"] {
        let (one, two) = (key_on(b"one", option), key_on(b"two", option));
        assert_ne!(one, two, "{option}");
        assert_eq!(one, key_on(b"one", option));
    }
    for option in ["", "-march=x86-64", "-O2"] {
        assert_eq!(key_on(b"one", option), key_on(b"two", option), "{option}");
    }
}

#[test]
fn a_result_is_in_the_shard_of_its_manifest() {
    let manifest = key_on(b"one", "");
    let of = |byte| {
        let file = NewFile {
            path: b"a.c".to_vec(),
            digest: Digest([byte; 32]),
            tokens: crate::hash::tokens::TokenDigest::NONE,
            stamp: crate::sys::Stamp::NONE,
        };
        direct_key(&manifest, &[file], &[])
    };
    assert_ne!(of(1), of(2));
    assert_eq!(of(1).0[0], manifest.0[0]);
    assert_eq!(of(2).0[0], manifest.0[0]);
}
