//! The guard against the file system: what appears later must be seen.

use std::path::{Path, PathBuf};

use super::super::direct::{self, Lookup as Found};
use super::*;
use crate::entry::manifest::{NewVariant, with_variant};
use crate::hash::{InodeTable, Key};
use crate::sys::clock;

struct Tree {
    dir: tempfile::TempDir,
    /// Whether the last guard was the one that had been foreseen.
    foreseen: std::cell::Cell<bool>,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Tree {
        let tree = Tree {
            dir: tempfile::tempdir().unwrap(),
            foreseen: Default::default(),
        };
        for (name, text) in files {
            tree.write(name, text);
        }
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// The guard of `sources` when searching `angle`, as a manifest.
    fn guard(&self, sources: &[&str], angle: &[&str]) -> Vec<u8> {
        self.try_guard(sources, angle).unwrap()
    }

    fn try_guard(&self, sources: &[&str], angle: &[&str]) -> Result<Vec<u8>, Unguarded> {
        let plain = self.guard_while(sources, angle, None);
        let foreseen = self.guard_while(sources, angle, Some(&|| ()));
        if let (Ok(plain), Ok(foreseen)) = (&plain, &foreseen) {
            assert_eq!(plain, foreseen, "what was asked ahead changes the guard");
        }
        plain
    }

    /// With `meanwhile`, much is asked ahead, and `meanwhile` happens before the rest.
    fn guard_while(
        &self,
        sources: &[&str],
        angle: &[&str],
        meanwhile: Option<&dyn Fn()>,
    ) -> Result<Vec<u8>, Unguarded> {
        clock::settle();
        let read: Vec<(PathBuf, Scan)> = sources
            .iter()
            .map(|name| {
                let path = self.path(name);
                let scan = crate::hash::scan::scan(&fs_err::read(&path).unwrap());
                (path, scan)
            })
            .collect();
        let sources: Vec<Source<'_>> = read
            .iter()
            .map(|(path, scan)| Source { path, scan })
            .collect();
        let all: Vec<PathBuf> = angle.iter().map(|dir| self.path(dir)).collect();
        let (there, absent): (Vec<_>, Vec<_>) = all.into_iter().partition(|dir| dir.exists());
        let places = Places {
            quote: &[],
            angle: &there,
            absent: &absent,
            same: &[],
            by_content: true,
            here: Path::new("/"),
            others: &[],
            before: &Before::default(),
            precompiled: &[".gch"],
            forced: &[],
            defined: &[],
        };
        let now = clock::coarse_now();
        let known = meanwhile.map(|meanwhile| {
            let (known, alike) = [(); 2].map(|()| foresee(&sources, &places, now)).into();
            meanwhile();
            let unmoved = read.iter().map(|(path, _)| path.as_os_str()).collect();
            let settled = alike.confirmed(&unmoved).settle(&sources, &places, now);
            self.foreseen.set(settled.is_ok());
            known.confirmed(&unmoved)
        });
        let known = known.unwrap_or_default();
        let directories = guard(&sources, &places, now, known)?.directories;
        let variant = NewVariant {
            result: Key([0; 32]),
            duration_ms: 0,
            flags: 0,
            skeleton: crate::hash::tokens::TokenDigest::NONE,
            conditions: vec![],
            files: vec![],
            directories,
        };
        Ok(with_variant(None, &variant))
    }

    /// Whether the guard still holds, and whether it did so by stamps alone.
    fn holds(&self, manifest: &[u8]) -> Option<bool> {
        let mut table = InodeTable::new(self.path(".table"));
        let found = direct::find(
            manifest,
            &mut table,
            None,
            &mut |_| None,
            &|_| true,
            &super::super::precompiled::Named::default(),
            std::path::Path::new("/nowhere/a.o"),
        );
        match found {
            Found::Found(found) => Some(found.by_stamps),
            Found::Stale(_) => None,
            Found::Unreadable => panic!("unreadable"),
        }
    }
}

#[test]
fn i3_a_header_in_an_earlier_directory() {
    let tree = Tree::new(&[
        ("x.c", "#include <h.h>\n"),
        ("b/h.h", ""),
        ("a/other.h", ""),
    ]);
    let manifest = tree.guard(&["x.c", "b/h.h"], &["a", "b"]);
    assert_eq!(tree.holds(&manifest), Some(true));
    tree.write("a/unrelated.h", "");
    assert_eq!(tree.holds(&manifest), Some(false));
    tree.write("b/h2.h", "");
    assert!(tree.holds(&manifest).is_some());
    tree.write("a/h.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn what_changes_after_it_was_asked_ahead_is_asked_again() {
    let new = || {
        Tree::new(&[
            ("x.c", "#include <s/h.h>\n#include <e.h>\n"),
            ("b/s/h.h", ""),
            ("b/e.h", ""),
            ("a/o.h", ""),
        ])
    };
    let sources = ["x.c", "b/s/h.h", "b/e.h"];
    let guard = |tree: &Tree, meanwhile: &dyn Fn()| {
        tree.guard_while(&sources, &["a", "b"], Some(meanwhile))
    };

    let tree = new();
    let appears = guard(&tree, &|| tree.write("a/e.h", ""));
    assert!(matches!(appears, Err(Unguarded::Late(path)) if path.ends_with("a/e.h")));

    let tree = new();
    let appears = guard(&tree, &|| tree.write("a/s/h.h", ""));
    assert!(matches!(appears, Err(Unguarded::Late(_))));

    // Moved there, with times of long ago but for the directory's own.
    let tree = new();
    tree.write("old/h.h", "");
    clock::settle();
    let moved = guard(&tree, &|| {
        fs_err::rename(tree.path("old"), tree.path("a/s")).unwrap();
    });
    assert!(matches!(moved, Err(Unguarded::Late(_))));

    // What is gone afterwards is not said to be there.
    let tree = new();
    let gone = guard(&tree, &|| {
        fs_err::remove_dir_all(tree.path("b/s")).unwrap();
    });
    let manifest = gone.unwrap();
    assert!(tree.holds(&manifest).is_some());
    tree.write("b/s/h.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn a_guard_that_was_foreseen_stands_while_the_answers_are_the_same() {
    let new = || {
        Tree::new(&[
            (
                "x.c",
                "#include \"l.h\"\n#include <h.h>\n#if 0\n#include <u.h>\n#endif\n",
            ),
            ("l.h", "#if __has_include(\"maybe.h\")\n#endif\n"),
            ("b/h.h", ""),
            ("b/u.h", ""),
            ("a/o.h", ""),
        ])
    };
    let (sources, places) = (["x.c", "l.h", "b/h.h"], ["n", "a", "b"]);
    let same = |meanwhile: &dyn Fn(&Tree)| {
        let tree = new();
        let while_it_ran = tree.guard_while(&sources, &places, Some(&|| meanwhile(&tree)));
        (tree.foreseen.get(), while_it_ran.map(drop))
    };
    assert!(same(&|_| ()).0);
    assert!(same(&|tree| tree.write("b/u.h", "other")).0);
    // Of a name that nobody reports, it is not known whether it was there.
    let (foreseen, guard) = same(&|tree| tree.write("x.o", ""));
    assert!(!foreseen && matches!(guard, Err(Unguarded::Vanished(_))));
    let (foreseen, guard) = same(&|tree| tree.write("n/h.h", ""));
    assert!(!foreseen && guard.is_err());
    assert!(!same(&|tree| fs_err::remove_file(tree.path("b/u.h")).unwrap()).0);

    // Products come into directories all the time. The next hit looks at those again.
    let tree = new();
    tree.write("l.h", "");
    clock::settle();
    let manifest = tree.guard_while(&sources, &places, Some(&|| tree.write("x.o", "")));
    assert!(tree.foreseen.get());
    let manifest = manifest.unwrap();
    assert_eq!(tree.holds(&manifest), Some(false));
    tree.write("h.h", "");
    assert!(tree.holds(&manifest).is_some());
    tree.write("a/h.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn a_guard_with_headers_that_are_read_once_is_foreseen_too() {
    let once = "#pragma once\nint h;\n";
    let same = |meanwhile: &dyn Fn(&Tree)| {
        let tree = Tree::new(&[
            (
                "x.c",
                "#include <h.h>\n#if 0\n#include <u.h>\n#include <l.h>\n#endif\n",
            ),
            ("b/h.h", once),
            ("b/u.h", "int u;\n"),
            ("real/l.h", "int l;\n"),
            ("twin/l.h", once),
        ]);
        std::os::unix::fs::symlink(tree.path("real/l.h"), tree.path("b/l.h")).unwrap();
        let while_it_ran = tree.guard_while(&["x.c", "b/h.h"], &["b"], Some(&|| meanwhile(&tree)));
        (tree.foreseen.get(), while_it_ran.map(drop))
    };
    assert!(matches!(same(&|_| ()), (true, Ok(()))));
    assert!(matches!(
        same(&|tree| tree.write("b/x.o", "")),
        (true, Ok(()))
    ));
    // One that was not read, and is another now: it may have been taken for h.h.
    for written in ["b/u.h", "real/l.h"] {
        let late = same(&|tree| tree.write(written, "int other;\n"));
        assert!(matches!(late, (false, Err(Unguarded::Late(_)))));
    }
    // The other way round, with times of long ago.
    let twin = same(&|tree| {
        fs_err::rename(tree.path("real"), tree.path("old")).unwrap();
        fs_err::rename(tree.path("twin"), tree.path("real")).unwrap();
    });
    assert!(matches!(twin, (false, Err(Unguarded::Twin(_)))));
}

#[test]
fn what_is_written_in_place_after_it_was_asked_ahead() {
    let guard = |source: &str, written: &str| {
        let tree = Tree::new(&[
            ("x.c", source),
            ("b/h.h", "int h;\n"),
            ("b/unread.h", "int u;\n"),
            ("b/h.h.gch", "old"),
        ]);
        tree.guard_while(
            &["x.c", "b/h.h"],
            &["b"],
            Some(&|| tree.write(written, "new")),
        )
        .map(drop)
    };
    let plain = "#include <h.h>\n#if 0\n#include <unread.h>\n#endif\n";
    let once = format!("#pragma once\n{plain}");
    // Nothing in it has a say.
    assert!(guard(plain, "b/unread.h").is_ok());
    // It may have been taken for another.
    assert!(matches!(
        guard(&once, "b/unread.h"),
        Err(Unguarded::Late(_))
    ));
    assert!(matches!(guard(plain, "b/h.h.gch"), Err(Unguarded::Late(_))));
}

#[test]
fn a_search_directory_that_was_absent_appears_meanwhile() {
    let tree = Tree::new(&[("x.c", "#include <h.h>\n"), ("b/h.h", "")]);
    let appears = tree.guard_while(
        &["x.c", "b/h.h"],
        &["n/a", "b"],
        Some(&|| fs_err::create_dir_all(tree.path("n/a")).unwrap()),
    );
    assert!(matches!(appears, Err(Unguarded::Late(path)) if path.ends_with("n/a")));
}

#[test]
fn i4_an_earlier_directory_appears() {
    let tree = Tree::new(&[("x.c", "#include <h.h>\n"), ("b/h.h", "")]);
    let manifest = tree.guard(&["x.c", "b/h.h"], &["n/a", "b"]);
    assert!(tree.holds(&manifest).is_some());
    fs_err::create_dir_all(tree.path("n")).unwrap();
    assert!(tree.holds(&manifest).is_some());
    fs_err::create_dir_all(tree.path("n/a")).unwrap();
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn i3_a_directory_on_the_way_to_a_header_appears() {
    let tree = Tree::new(&[
        ("x.c", "#include <s/h.h>\n"),
        ("b/s/h.h", ""),
        ("a/o.h", ""),
    ]);
    let manifest = tree.guard(&["x.c", "b/s/h.h"], &["a", "b"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("a/s/h.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn a_quoted_name_beside_the_file_that_asks() {
    let tree = Tree::new(&[
        ("x.c", "#include <s/h.h>\n"),
        ("b/s/h.h", "#include \"i.h\"\n"),
        ("b/i.h", ""),
    ]);
    let manifest = tree.guard(&["x.c", "b/s/h.h", "b/i.h"], &["b"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("b/s/i.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn i5_what_has_include_asked_for() {
    let text = "#if __has_include(<maybe.h>)\n#endif\n#if __has_include(<sure.h>)\n#endif\n";
    let tree = Tree::new(&[("x.c", text), ("a/sure.h", "")]);
    let manifest = tree.guard(&["x.c"], &["a"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("a/maybe.h", "");
    assert_eq!(tree.holds(&manifest), None);
    fs_err::remove_file(tree.path("a/maybe.h")).unwrap();
    assert!(tree.holds(&manifest).is_some());
    fs_err::remove_file(tree.path("a/sure.h")).unwrap();
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn include_next_behind_the_file_that_asks() {
    let tree = Tree::new(&[
        ("x.c", "#include <h.h>\n"),
        ("a/h.h", "#include_next <h.h>\n"),
        ("b/o.h", ""),
        ("c/h.h", ""),
    ]);
    let manifest = tree.guard(&["x.c", "a/h.h", "c/h.h"], &["a", "b", "c"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("b/h.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn names_made_by_macros() {
    let tree = Tree::new(&[
        ("x.c", "#define H <h.h>\n#include H\n"),
        ("b/h.h", ""),
        ("a/o.h", ""),
    ]);
    let manifest = tree.guard(&["x.c", "b/h.h"], &["a", "b"]);
    tree.write("a/h.h", "");
    assert_eq!(tree.holds(&manifest), None);

    let pasted = Tree::new(&[
        ("x.c", "#define P(a) <a##h.h>\n#include P(x)\n"),
        ("b/xh.h", ""),
        ("a/o.h", ""),
    ]);
    let manifest = pasted.guard(&["x.c", "b/xh.h"], &["a", "b"]);
    assert!(pasted.holds(&manifest).is_some());
    pasted.write("a/xh.h", "");
    assert_eq!(pasted.holds(&manifest), None);
}

#[test]
fn a_precompiled_header_appears_or_is_there() {
    let tree = Tree::new(&[("x.c", "#include <h.h>\n"), ("b/h.h", "")]);
    let manifest = tree.guard(&["x.c", "b/h.h"], &["b"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("b/h.h.gch", "");
    assert_eq!(tree.holds(&manifest), None);
    // Its content counts then, which is not the guard's business.
    let manifest = tree.guard(&["x.c", "b/h.h"], &["b"]);
    assert!(tree.holds(&manifest).is_some());
}

#[test]
fn a_directory_of_precompiled_headers() {
    let tree = Tree::new(&[
        ("x.c", "#include <h.h>\n"),
        ("b/h.h", ""),
        ("b/h.h.gch/one", ""),
    ]);
    let manifest = tree.guard(&["x.c", "b/h.h"], &["b"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("b/h.h.gch/two", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn a_link_to_nothing_comes_to_life() {
    let tree = Tree::new(&[("x.c", "#include <h.h>\n"), ("b/h.h", ""), ("a/o.h", "")]);
    std::os::unix::fs::symlink(tree.path("elsewhere/h.h"), tree.path("a/h.h")).unwrap();
    let manifest = tree.guard(&["x.c", "b/h.h"], &["a", "b"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("elsewhere/h.h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn a_directory_with_a_headers_name() {
    let tree = Tree::new(&[("x.c", "#include <h>\n"), ("b/h", ""), ("a/h/o.h", "")]);
    let manifest = tree.guard(&["x.c", "b/h"], &["a", "b"]);
    assert!(tree.holds(&manifest).is_some());
    tree.write("a/h/p.h", "");
    assert!(tree.holds(&manifest).is_some());
    fs_err::remove_dir_all(tree.path("a/h")).unwrap();
    tree.write("a/h", "");
    assert_eq!(tree.holds(&manifest), None);
}

#[test]
fn i12_a_search_directory_is_a_link_that_moves() {
    let tree = Tree::new(&[
        ("x.c", "#include <h.h>\n"),
        ("b/h.h", ""),
        ("one/o.h", ""),
        ("two/h.h", ""),
    ]);
    let link = tree.path("a");
    std::os::unix::fs::symlink(tree.path("one"), &link).unwrap();
    let manifest = tree.guard(&["x.c", "b/h.h"], &["a", "b"]);
    assert!(tree.holds(&manifest).is_some());
    fs_err::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(Path::new("two"), &link).unwrap();
    assert_eq!(tree.holds(&manifest), None);
}
