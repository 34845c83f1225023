//! No command line makes the parser panic, and what it says holds together.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::compiler::options::{common, rows};
use crate::compiler::{Class, Command};

struct Same(Vec<u8>);

impl ResponseFiles for Same {
    fn read(&self, _: &Path) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
}

/// Words drawn from the tables, with tails, among files and noise.
fn word() -> impl Strategy<Value = String> {
    let all: Vec<&'static str> = [common::ROWS, rows(Family::Gcc), rows(Family::Clang)]
        .iter()
        .flat_map(|rows| rows.iter().map(|row| row.spelling))
        .collect();
    let tails = [
        "", "", "x", "=", "=a/b", "o.o", "a,b", ",", "-MD,x", "native", "*",
    ];
    prop_oneof![
        6 => (proptest::sample::select(all), proptest::sample::select(tails.to_vec()))
            .prop_map(|(row, tail)| format!("{row}{tail}")),
        3 => proptest::sample::select(vec!["a.c", "b.cc", "-c", "-S", "x.s", "c", "none", "out/x.o", "-", "@r", "", "."])
            .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn check(command: &Command, count: usize) {
    let words: usize = command.args.iter().map(|arg| arg.words.len()).sum();
    assert_eq!(words, count, "no word is lost");
    let unknown = command.args.iter().any(|arg| arg.class == Class::Unknown);
    assert!(command.traits.has_unknown || !unknown);
    assert!(!command.output.as_os_str().is_empty());
    let mut roles: Vec<_> = command.outputs.iter().map(|o| o.role).collect();
    roles.sort();
    roles.dedup();
    assert_eq!(roles.len(), command.outputs.len(), "a role occurs once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_line(words in proptest::collection::vec(word(), 0..12), clang in any::<bool>(), cxx in any::<bool>()) {
        let family = if clang { Family::Clang } else { Family::Gcc };
        let driver = DriverName { family: Some(family), cxx };
        let mut args: Vec<OsString> = words.iter().map(OsString::from).collect();
        args.extend(["-c".into(), "m.c".into()]);
        args.retain(|a| a != "@r");
        if let Parsed::Compile(command) = parse(family, driver, &args, &response::NoFiles, &["-f*".to_owned()]) {
            check(&command, args.len());
        }
    }

    #[test]
    fn any_response_file(content in proptest::collection::vec(any::<u8>(), 0..60)) {
        let driver = DriverName { family: Some(Family::Gcc), cxx: false };
        let args = ["@r".into(), "-c".into(), "m.c".into()];
        let _ = parse(Family::Gcc, driver, &args, &Same(content), &[]);
    }

    #[test]
    fn any_bytes(lines in proptest::collection::vec(proptest::collection::vec(1u8.., 0..12), 0..6)) {
        use std::os::unix::ffi::OsStringExt as _;
        let driver = DriverName { family: Some(Family::Clang), cxx: true };
        let mut args: Vec<OsString> = lines.into_iter().map(OsString::from_vec).collect();
        args.extend(["-c".into(), "m.c".into()]);
        let _ = parse(Family::Clang, driver, &args, &response::NoFiles, &[]);
    }
}
