use super::*;

#[test]
fn names_and_escapes() {
    let text = b"a\\ b.o: x\\ y.c d$$.h \\\n e\\#.h\n";
    let (target, rest) = split_target(text).unwrap();
    assert_eq!(target, b"a\\ b.o");
    let (names, tail) = split_names(rest);
    assert!(tail.is_empty());
    let plain: Vec<_> = names.iter().map(|n| unescape(n)).collect();
    assert_eq!(plain, [&b"x y.c"[..], b"d$.h", b"e#.h"]);
    assert_eq!(unescape(b"a\\\\\\ b"), b"a\\ b");
    assert_eq!(unescape(b"a\\b"), b"a\\b");
}

#[test]
fn what_gcc_writes() {
    let text = b"x.o: x.c /usr/include/stdc-predef.h /usr/include/stdio.h \\\n /usr/include/x86_64-linux-gnu/bits/libc-header-start.h \\\n /usr/include/features.h h.h\n/usr/include/stdc-predef.h:\n/usr/include/stdio.h:\n/usr/include/x86_64-linux-gnu/bits/libc-header-start.h:\n/usr/include/features.h:\nh.h:\n";
    let (style, file) = detect(text).unwrap();
    assert_eq!(style.writer, Writer::Gcc);
    assert!(style.phony && !style.blank);
    let user = without(&file, |name| !name.starts_with(b"/usr/"));
    assert_eq!(write(&style, &user), b"x.o: x.c h.h\nh.h:\n");
    let moved = DepFile {
        target: b"a/very/long/name/of/a/directory/x.o".to_vec(),
        ..file.clone()
    };
    assert!(write(&style, &moved).starts_with(
        b"a/very/long/name/of/a/directory/x.o: x.c /usr/include/stdc-predef.h \\\n"
    ));
    let (again, stored) = decode(&encode(&style, &file)).unwrap();
    assert_eq!(again, style);
    assert_eq!(stored.names, file.names);
}

#[test]
fn foreign_layouts_are_refused() {
    for text in [&b""[..], b"x.o", b"x.o: a.c  b.h\n", b"x.o: a.c\ny.o: b.c\n", b"\n"] {
        assert!(detect(text).is_none(), "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn the_stored_form_is_pinned() {
    let style = Style { writer: Writer::Clang, phony: true, blank: false };
    let file = DepFile { target: b"x".to_vec(), names: vec![b"a".to_vec()], main: 0 };
    assert_eq!(
        encode(&style, &file),
        b"cachedep\x01\0\0\0\x01\x01\0\0\0\0\0\x01\0\0\0\x01\0\0\0a\0"
    );
}

/// The compilers that are installed, asked to write files of many shapes.
#[test]
fn every_installed_compiler_is_reproduced() {
    let mut compilers = 0;
    for compiler in ["gcc", "gcc-11", "gcc-12", "clang-14", "clang-19"] {
        compilers += usize::from(reproduce(compiler));
    }
    if compilers == 0 {
        eprintln!("SKIPPED: no compiler is installed");
    }
}

fn reproduce(compiler: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let mut source = String::from("#include <stdio.h>\n");
    for length in [1, 20, 30, 33, 34, 35, 36, 37, 38, 39, 40, 60, 64, 65, 66, 67, 68, 69, 70, 71, 72, 90] {
        for odd in ["", " $#"] {
            let name = format!("{}{odd}.h", "n".repeat(length));
            fs_err::write(dir.path().join(&name), "").unwrap();
            source.push_str(&format!("#include \"{name}\"\n"));
        }
    }
    fs_err::write(dir.path().join("a b.c"), source).unwrap();
    for length in (1..40).step_by(4) {
        let object = format!("{}.o", "o".repeat(length));
        for options in [&["-MD"][..], &["-MMD"], &["-MD", "-MP"], &["-MMD", "-MP"]] {
            let status = std::process::Command::new(compiler)
                .args(["-fsyntax-only", "-MF", "out.d", "-MT", &object])
                .args(options)
                .arg("a b.c")
                .current_dir(dir.path())
                .status();
            let Ok(status) = status else {
                eprintln!("SKIPPED: {compiler} is not installed");
                return false;
            };
            assert!(status.success());
            let text = fs_err::read(dir.path().join("out.d")).unwrap();
            let found = detect(&text);
            assert!(found.is_some(), "{compiler}: {}", String::from_utf8_lossy(&text));
            let (style, file) = found.unwrap();
            assert_eq!(style.phony, options.len() == 2);
            assert_eq!(file.target, object.as_bytes());
            for name in &file.names {
                let path = unescape(name);
                let path = String::from_utf8(path).unwrap();
                assert!(dir.path().join(&path).exists(), "{path}");
            }
        }
    }
    true
}

proptest::proptest! {
    #[test]
    fn never_panics(text in proptest::collection::vec(
        proptest::sample::select(b"a: \\\n#$.".to_vec()), 0..60)) {
        if let Some((style, file)) = detect(&text) {
            proptest::prop_assert_eq!(write(&style, &file), text);
        }
    }

    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
        let mut framed = b"cachedep\x01\0\0\0".to_vec();
        framed.extend(bytes);
        decode(&framed);
    }
}
