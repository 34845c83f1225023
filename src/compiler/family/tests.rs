use super::*;

fn driver(name: &str) -> Option<(Option<Family>, bool)> {
    DriverName::parse(name).map(|d| (d.family, d.cxx))
}

#[test]
fn drivers_are_known_by_name() {
    let gcc = Some(Family::Gcc);
    let clang = Some(Family::Clang);
    for (name, family, cxx) in [
        ("gcc", gcc, false),
        ("g++", gcc, true),
        ("cc", None, false),
        ("c++", None, true),
        ("clang", clang, false),
        ("clang++", clang, true),
        ("gcc-12", gcc, false),
        ("g++-4.8", gcc, true),
        ("gcc-4.9.2", gcc, false),
        ("clang-14", clang, false),
        ("clang++-19", clang, true),
        ("x86_64-linux-gnu-g++", gcc, true),
        ("x86_64-linux-gnu-gcc-12", gcc, false),
        ("aarch64-linux-gnu-gcc", gcc, false),
        ("arm-none-eabi-g++", gcc, true),
        ("avr-gcc", gcc, false),
        ("armv7a-linux-androideabi21-clang++", clang, true),
        ("x86_64-linux-gnu-cc", None, false),
        ("c99-gcc", gcc, false),
    ] {
        assert_eq!(driver(name), Some((family, cxx)), "{name}");
    }
}

#[test]
fn other_tools_are_not_drivers() {
    for name in [
        "gcc-ar",
        "gcc-nm",
        "gcc-ranlib",
        "gcc-ar-12",
        "x86_64-linux-gnu-gcc-ar-12",
        "clang-format",
        "clang-format-14",
        "clang-tidy",
        "clang-cpp",
        "clang-cpp-14",
        "clang-cl",
        "cpp",
        "cpp-12",
        "ccache",
        "icc",
        "tcc",
        "-gcc",
        "--gcc",
        "",
        "-12",
        "gcc-",
        "mygcc",
        "x/gcc",
        "as",
        "ld",
        "clangd",
        "gcc-12-",
        "gcc-x12",
        "my-cc",
        "a--gcc",
    ] {
        assert_eq!(driver(name), None, "{name}");
    }
}

#[test]
fn suffixes_name_languages() {
    let of = |name: &str, family, cxx| Language::of_file(name.as_bytes(), family, cxx).map(|l| l.0);
    for (name, gcc, clang) in [
        ("a.c", Some("c"), Some("c")),
        ("d.x/a.cc", Some("c++"), Some("c++")),
        ("a.C", Some("c++"), Some("c++")),
        ("a.CC", None, Some("c++")),
        ("a.sx", Some("assembler-with-cpp"), None),
        ("a.s", Some("assembler"), Some("assembler")),
        (
            "a.mii",
            Some("objective-c++-cpp-output"),
            Some("objective-c++-cpp-output"),
        ),
        ("a.hp", Some("c++-header"), None),
        ("a.o", None, None),
        ("a", None, None),
        ("dir.c/a", None, None),
        ("a.", None, None),
        ("", None, None),
    ] {
        assert_eq!(of(name, Family::Gcc, false), gcc, "gcc {name}");
        assert_eq!(of(name, Family::Clang, false), clang, "clang {name}");
    }
    assert_eq!(of("a.c", Family::Gcc, true), Some("c++"));
    assert_eq!(of("a.i", Family::Clang, true), Some("c++-cpp-output"));
    assert_eq!(of("a.m", Family::Clang, true), Some("objective-c"));
}

#[test]
fn every_suffix_has_a_language_that_x_can_name() {
    for (suffix, language, _) in SUFFIXES {
        assert!(LANGUAGES.iter().any(|(l, _)| l == language), "{suffix}");
    }
}
