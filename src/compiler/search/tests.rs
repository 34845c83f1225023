use super::*;
use std::path::Path;

const GCC: &str = "\
Using built-in specs.
COLLECT_GCC=gcc-12
Target: x86_64-linux-gnu
Configured with: ../src/configure -v --with-pkgversion='Debian 12.2.0-14+deb12u1'
Thread model: posix
gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) 
COLLECT_GCC_OPTIONS='-E' '-v'
 /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -E -quiet -v /dev/null -dumpbase null
ignoring nonexistent directory \"/nonexist\"
ignoring duplicate directory \"/usr/include\"
  as it is a non-system directory that duplicates a system directory
#include \"...\" search starts here:
 /opt
#include <...> search starts here:
 /tmp/a b
 /usr/include
End of search list.
COMPILER_PATH=/usr/lib/gcc/x86_64-linux-gnu/12/
";

const CLANG: &str = "\
Debian clang version 19.1.7 (3~deb12u1)
Target: x86_64-pc-linux-gnu
Found candidate GCC installation: /usr/lib/gcc/x86_64-linux-gnu/11
 (in-process)
 \"/usr/lib/llvm 19/bin/clang\" -cc1 -triple x86_64-pc-linux-gnu
clang -cc1 version 19.1.7 based upon LLVM 19.1.7 default target x86_64-pc-linux-gnu
ignoring nonexistent directory \"/include\"
#include \"...\" search starts here:
#include <...> search starts here:
 /tmp (framework directory)
 /usr/lib/llvm-19/lib/clang/19/include
End of search list.
";

#[test]
fn gcc() {
    let probe = parse_probe(GCC.as_bytes()).unwrap();
    assert_eq!(probe.family, Family::Gcc);
    assert_eq!(probe.target, "x86_64-linux-gnu");
    assert_eq!(
        probe.version,
        "gcc version 12.2.0 (Debian 12.2.0-14+deb12u1)"
    );
    let cc1 = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1";
    assert_eq!(probe.cc1.as_deref(), Some(Path::new(cc1)));
    let search = probe.search;
    assert_eq!(search.quote, [Path::new("/opt")]);
    assert_eq!(
        search.angle,
        [Path::new("/tmp/a b"), Path::new("/usr/include")]
    );
    assert_eq!(search.absent, [Path::new("/nonexist")]);
}

#[test]
fn clang() {
    let probe = parse_probe(CLANG.as_bytes()).unwrap();
    assert_eq!(probe.family, Family::Clang);
    assert_eq!(probe.version, "Debian clang version 19.1.7 (3~deb12u1)");
    assert_eq!(
        probe.cc1.as_deref(),
        Some(Path::new("/usr/lib/llvm 19/bin/clang"))
    );
    assert_eq!(
        probe.search.angle,
        [Path::new("/usr/lib/llvm-19/lib/clang/19/include")]
    );
    assert_eq!(probe.search.frameworks, [Path::new("/tmp")]);
    assert_eq!(probe.search.absent, [Path::new("/include")]);
}

#[test]
fn half_an_answer_is_none() {
    for text in [GCC, CLANG] {
        let end = text.find("End of").unwrap();
        assert_eq!(parse_probe(&text.as_bytes()[..end]), None);
    }
    assert_eq!(parse_probe(b"tcc version 0.9\nEnd of search list.\n"), None);
}

/// Lines of a probe's answer and noise, in any order.
fn answer() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let lines: Vec<String> = [GCC, CLANG]
        .iter()
        .flat_map(|text| text.lines().map(str::to_owned))
        .chain([" \"/a\\".to_owned(), " (framework directory)".to_owned()])
        .collect();
    let line = prop_oneof![
        4 => proptest::sample::select(lines).prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.join(&b'\n'))
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_a_panic(bytes in answer(), cut: proptest::sample::Index) {
        let cut = cut.index(bytes.len() + 1);
        for text in [&bytes[..], &bytes[..cut]] {
            if let Some(probe) = parse_probe(text) {
                let end = b"End of search list.";
                proptest::prop_assert!(text.windows(end.len()).any(|w| w == end));
                proptest::prop_assert!(probe.version.contains("version "));
            }
        }
    }
}
