use super::*;
use crate::compiler::command::{Class, Command};
use crate::compiler::response::NoFiles;
use std::path::Path;

fn driver(family: Family) -> DriverName {
    DriverName {
        family: Some(family),
        cxx: false,
    }
}

fn line(family: Family, line: &str) -> Parsed {
    let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    parse(family, driver(family), &args, &NoFiles, &[])
}

fn command(family: Family, text: &str) -> Command {
    match line(family, text) {
        Parsed::Compile(command) => *command,
        Parsed::PassThrough(pass) => panic!("{text}: {pass:?}"),
    }
}

fn gcc(text: &str) -> Command {
    command(Family::Gcc, text)
}

fn clang(text: &str) -> Command {
    command(Family::Clang, text)
}

fn both(text: &str) -> [Command; 2] {
    [gcc(text), clang(text)]
}

fn reason(family: Family, text: &str) -> (Reason, String) {
    match line(family, text) {
        Parsed::Compile(command) => panic!("{text}: {command:?}"),
        Parsed::PassThrough(pass) => (pass.reason, pass.detail),
    }
}

fn class(command: &Command, word: &str) -> Class {
    let arg = command.args.iter().find(|arg| arg.words[0] == word);
    arg.unwrap_or_else(|| panic!("{word}")).class.clone()
}

#[test]
fn a_plain_compile() {
    for command in both("-O2 -Iinc -DX=1 -c src/a.c -o out/a.o") {
        assert_eq!(command.language.0, "c");
        assert_eq!(command.source, Path::new("src/a.c"));
        assert_eq!(command.output, Path::new("out/a.o"));
        assert!(command.output_given && !command.assembly);
        assert!(command.dependencies.is_none());
        assert!(command.outputs.is_empty() && command.inputs.is_empty());
        let mut traits = command.traits;
        traits.runs_assembler = false;
        assert_eq!(traits, Default::default());
        for (word, expected) in [
            ("-O2", Class::Key),
            ("-Iinc", Class::Search),
            ("-DX=1", Class::Macro),
            ("-c", Class::Structural),
            ("src/a.c", Class::Structural),
            ("-o", Class::Silent),
        ] {
            assert_eq!(class(&command, word), expected, "{word}");
        }
    }
}

#[test]
fn products_without_a_name() {
    for (text, output) in [
        ("-c src/f.a.c", "f.a.o"),
        ("-S src/f.c", "f.s"),
        ("-c -S f.c", "f.s"),
        ("-S -c f.c", "f.s"),
        ("-c -x c src/f", "f.o"),
        ("-c f.c -o a -o b", "b"),
        ("-c f.c --output=z", "z"),
    ] {
        for command in both(text) {
            assert_eq!(command.output, Path::new(output), "{text}");
        }
    }
    assert_eq!(clang("-c -emit-llvm d/f.c").output, Path::new("f.bc"));
    assert_eq!(clang("-S -emit-llvm d/f.c").output, Path::new("f.ll"));
}

#[test]
fn calls_that_pass_through() {
    use Reason::*;
    for (text, expected) in [
        ("", NoInputFile),
        ("--version", NoInputFile),
        ("-v", NoInputFile),
        ("-### -c a.c", NoInputFile),
        ("-print-search-dirs", NoInputFile),
        ("-dumpmachine a.c", NoInputFile),
        ("a.c -o a", CalledForLink),
        ("a.o b.o", CalledForLink),
        ("-g a.c b.c", CalledForLink),
        ("-E a.c", CalledForPreprocessing),
        ("-E -c a.c", CalledForPreprocessing),
        ("-M a.c", CalledForPreprocessing),
        ("-MM -c a.c", CalledForPreprocessing),
        ("-c a.c b.c", MultipleSourceFiles),
        ("-c a.c b.o", MultipleSourceFiles),
        ("-c -", SourceFromStdin),
        ("-c a.c -o -", OutputToStdout),
        ("-c a.c -o /dev/stdout", OutputToStdout),
        ("-MD -c a.c -o /dev/null", OutputToStdout),
        ("-MD -MF /dev/stderr -c a.c", OutputToStdout),
        ("-c a.f90", UnsupportedSourceLanguage),
        ("-S -x c-header a.h -o a.gch", UnsupportedSourceLanguage),
        ("-x fortran -c a.c", UnsupportedSourceLanguage),
        ("-c a.o", UnsupportedSourceLanguage),
        ("-c a.c -o", BadCompilerArguments),
        ("-c a.c -I", BadCompilerArguments),
        ("-c @missing a.c", BadCompilerArguments),
        ("-c a.c -o out/", BadCompilerArguments),
        ("-c .c", BadCompilerArguments),
        ("-v -c a.c", UnsupportedCompilerOption),
        ("-save-temps=x -c a.c", UnsupportedCompilerOption),
        ("-save-temps -c a.c -o a.i", BadCompilerArguments),
        ("-MD -MF a.c -c a.c", BadCompilerArguments),
        ("-MD -MF ./a.o -c a.c", BadCompilerArguments),
        ("-fmodules -c a.c", UnsupportedCompilerOption),
        ("-fsyntax-only a.s", UnsupportedCompilerOption),
        ("-MG -MD -c a.c", UnsupportedCompilerOption),
        ("-I- -c a.c", UnsupportedCompilerOption),
        ("-Wa,-a= -c a.c", UnsupportedCompilerOption),
        ("-Wa,--MD -c a.c", UnsupportedCompilerOption),
        ("-Wp,-I,x -c a.c", UnsupportedCompilerOption),
        ("-Xassembler -o -c a.c", UnsupportedCompilerOption),
        ("-Xassembler --MD -c a.c", BadCompilerArguments),
        ("-dq -c a.c", UnsupportedCompilerOption),
        ("--nobody-knows -c a.c", UnsupportedCompilerOption),
        ("-MD -MF - -c a.c", UnsupportedCompilerOption),
        ("-fplugin=short -c a.c", UnsupportedCompilerOption),
    ] {
        for family in [Family::Gcc, Family::Clang] {
            assert_eq!(reason(family, text).0, expected, "{family:?} {text}");
        }
    }
    for (family, text) in [
        (Family::Gcc, "-fdump-ada-spec -c a.c"),
        (Family::Gcc, "-fdump-tree-gimple=x -fdump-tree-all=x -c a.c"),
        (Family::Gcc, "-fopt-info-vec=x -fopt-info-inline=y -c a.c"),
        (Family::Gcc, "-fprofile-use= -c a.c"),
        (Family::Gcc, "-Wp,-MD,x -MMD -c a.c"),
        (Family::Gcc, "-wrapper env -c a.c"),
        (Family::Gcc, "-fdiagnostics-format=sarif-file -c a.c"),
        (Family::Clang, "-fproc-stat-report=x -c a.c"),
        (Family::Clang, "-da -c a.c"),
        (Family::Clang, "-Wp,-MMD,x,-MT,y -c a.c"),
        (Family::Clang, "--config=x -c a.c"),
        (Family::Clang, "-arch a -arch b -c a.c"),
        (Family::Clang, "--analyze a.c"),
        (Family::Clang, "-Xclang -nobody-knows -c a.c"),
        (Family::Clang, "-ivfsoverlay x -c a.c"),
    ] {
        let expected = UnsupportedCompilerOption;
        assert_eq!(reason(family, text).0, expected, "{family:?} {text}");
    }
    assert_eq!(
        reason(Family::Gcc, "-c -- a.c"),
        (UnsupportedCompilerOption, "--".into())
    );
}

#[test]
fn languages() {
    for (text, language) in [
        ("-c a.cc", "c++"),
        ("-c a.i", "cpp-output"),
        ("-c a.S", "assembler-with-cpp"),
        ("-c a.s", "assembler"),
        ("-c a.m", "objective-c"),
        ("-c -x c++ a.c", "c++"),
        ("-c -xc++ a.c", "c++"),
        ("-c -x c++ -x none a.c", "c"),
        ("-c -x c -x assembler-with-cpp a", "assembler-with-cpp"),
        ("-c a.c -x c++", "c"),
        ("-c --language=c++ a.c", "c++"),
    ] {
        for command in both(text) {
            assert_eq!(command.language.0, language, "{text}");
        }
    }
    let args: Vec<OsString> = vec!["-c".into(), "a.c".into()];
    let cxx = DriverName {
        family: None,
        cxx: true,
    };
    let Parsed::Compile(command) = parse(Family::Gcc, cxx, &args, &NoFiles, &[]) else {
        panic!("a compile");
    };
    assert_eq!(command.language.0, "c++");
    assert_eq!(clang("-c -- -a.c").source, Path::new("-a.c"));
}

#[test]
fn dependency_files() {
    let dep = |command: &Command| {
        let dep = command.dependencies.clone().unwrap();
        let target = String::from_utf8(dep.target).unwrap();
        (
            dep.path.to_str().unwrap().to_owned(),
            target,
            dep.user_only,
            dep.phony,
        )
    };
    let expect = |path: &str, target: &str, user: bool, phony: bool| {
        (path.to_owned(), target.to_owned(), user, phony)
    };
    for (text, expected) in [
        ("-MD -c src/m.c", expect("m.d", "m.o", false, false)),
        ("-MD -S src/m.c", expect("m.d", "m.o", false, false)),
        (
            "-MD -S src/m.c -o out/q.s",
            expect("out/q.d", "out/q.s", false, false),
        ),
        (
            "-MMD -MP -c m.c -o out/m.x.o",
            expect("out/m.x.d", "out/m.x.o", true, true),
        ),
        (
            "-MD -MF d -c m.c -o out/m.o",
            expect("d", "out/m.o", false, false),
        ),
        ("-MD -MFd -MFe -c m.c", expect("e", "m.o", false, false)),
        ("-MMD -MTa$b -c m.c", expect("m.d", "a$b", true, false)),
        ("-MMD -MQ a$b -c m.c", expect("m.d", "a$$b", true, false)),
        ("-MD -MMD -c m.c", expect("m.d", "m.o", true, false)),
        (
            "-MD -c m.c -o out/.foo",
            expect("out/.d", "out/.foo", false, false),
        ),
        (
            "-MD -c m.c -o out/m",
            expect("out/m.d", "out/m", false, false),
        ),
        (
            "-MD -MF /dev/null -c m.c -o /dev/null",
            expect("/dev/null", "/dev/null", false, false),
        ),
    ] {
        for command in both(text) {
            assert_eq!(dep(&command), expected, "{text}");
        }
    }
    let text = "-MD -c m.c -o ././/out/./m.o";
    assert_eq!(dep(&gcc(text)).1, "out/./m.o");
    assert_eq!(dep(&clang(text)).1, "././/out/./m.o");
    let text = "-MD -MQ a#1 -MT ./b -c m.c";
    assert_eq!(dep(&gcc(text)).1, "b a\\#1");
    assert_eq!(dep(&clang(text)).1, "a\\#1 ./b");
    let text = "-Wp,-MMD,d -c src/m.c -o out/q.o";
    assert_eq!(dep(&gcc(text)), expect("d", "m.o", true, false));
    assert_eq!(dep(&clang(text)), expect("d", "out/q.o", true, false));
    let text = "-Wp,-MMD,d -MP -MT x -c src/m.c -o out/q.o";
    assert_eq!(dep(&gcc(text)), expect("d", "x", true, true));
    assert_eq!(
        dep(&gcc("-Wp,-MD,d,-MT,x,-MP -c m.c")),
        expect("d", "x", false, true)
    );
    assert_eq!(dep(&clang("-MF e -Wp,-MD,d -c m.c")).0, "d");
    assert_eq!(dep(&clang("-Wp,-MD,d -MF e -c m.c")).0, "e");
}

#[test]
fn dependency_options_without_a_file_count() {
    for text in ["-MF d -c m.c", "-MD -MF d -c m.s", "-MD -MF d -c m.i"] {
        for command in both(text) {
            assert_eq!(command.dependencies, None, "{text}");
            assert_eq!(class(&command, "-MF"), Class::Key, "{text}");
        }
    }
    assert_eq!(class(&gcc("-MD -MMD -c m.c"), "-MD"), Class::Silent);
    assert_eq!(class(&clang("-MD -MMD -c m.c"), "-MD"), Class::Key);
}

#[test]
fn files_beside_the_product() {
    let outputs = |command: &Command| -> Vec<(&'static str, String)> {
        let text = |o: &crate::compiler::Output| o.path.to_str().unwrap().to_owned();
        command.outputs.iter().map(|o| (o.role, text(o))).collect()
    };
    let own = |list: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        list.iter().map(|(r, p)| (*r, p.to_string())).collect()
    };
    for (text, expected) in [
        (
            "-g -gsplit-dwarf -c f.c -o out/x.o",
            own(&[("dwo", "out/x.dwo")]),
        ),
        ("-g -gsplit-dwarf -gno-split-dwarf -c f.c", own(&[])),
        ("-g -gsplit-dwarf -c f.s", own(&[("dwo", "f.dwo")])),
        (
            "--coverage -fstack-usage -c d/f.a.c",
            own(&[("gcno", "f.a.gcno"), ("stack-usage", "f.a.su")]),
        ),
        (
            "--coverage -ftest-coverage -c f.c",
            own(&[("gcno", "f.gcno")]),
        ),
        ("--coverage -c f.S", own(&[])),
        ("-fprofile-arcs -c f.c", own(&[])),
    ] {
        for command in both(text) {
            assert_eq!(outputs(&command), expected, "{text}");
        }
    }
    let split = "-g -gsplit-dwarf -S d/f.c -o out/x.s";
    assert_eq!(outputs(&gcc(split)), own(&[]));
    assert_eq!(outputs(&clang(split)), own(&[("dwo", "f.dwo")]));
    assert_eq!(
        outputs(&gcc("-fcallgraph-info=su -c f.c")),
        own(&[("callgraph", "f.ci")])
    );
    assert_eq!(
        outputs(&gcc("-aux-info d/x -c f.c")),
        own(&[("aux-info", "d/x")])
    );
    assert_eq!(
        outputs(&gcc("-fstack-usage -c f.c -o o/.x")),
        own(&[("stack-usage", "o/.x.su")])
    );
    assert_eq!(
        outputs(&clang("-fstack-usage -c f.c -o o/.x")),
        own(&[("stack-usage", "o/.su")])
    );
    assert_eq!(
        outputs(&clang("--serialize-diagnostics d -c f.c")),
        own(&[("diagnostics", "d")])
    );
}

#[test]
fn traits() {
    let t = |text: &str| gcc(text).traits;
    assert!(t("-g -c f.c").records_directory && t("-g -c f.c").layout_matters);
    for level in ["-g1", "-ggdb", "-gdwarf-5", "-g3", "-gline-tables-only"] {
        assert!(t(&format!("{level} -c f.c")).records_directory, "{level}");
    }
    assert!(!t("-g -g0 -c f.c").records_directory);
    assert!(t("-g0 -g -c f.c").records_directory);
    assert!(!t("-gz -gcolumn-info -grecord-gcc-switches -c f.c").records_directory);
    assert!(t("-g -gsplit-dwarf -c f.c").records_output);
    assert!(t("--coverage -c f.c").records_output && t("--coverage -c f.c").records_directory);
    assert!(t("-march=native -c f.c").depends_on_cpu && !t("-march=x86-64 -c f.c").depends_on_cpu);
    assert!(t("-flto -c f.c").opaque_product && t("-g -gz -c f.c").opaque_product);
    assert!(t("-fdiagnostics-color=always -c f.c").explicit_color);
    assert!(!t("-fdiagnostics-color=auto -c f.c").explicit_color);
    for text in [
        "-Wall",
        "-Wextra",
        "-W",
        "-Wcomment",
        "-Wnew-thing",
        "-Werror=comment",
        "-fsanitize=address",
    ] {
        assert!(t(&format!("{text} -c f.c")).layout_matters, "{text}");
    }
    for text in [
        "-Wno-comment",
        "-Werror",
        "-Wshadow",
        "-Werror=format",
        "-w",
        "-O2",
    ] {
        assert!(!t(&format!("{text} -c f.c")).layout_matters, "{text}");
    }
    assert!(t("-c f.s").no_preprocessing && t("-c f.i").no_preprocessing);
    assert!(!t("-c f.S").no_preprocessing);
    assert!(
        clang("-g -grecord-command-line -c f.c")
            .traits
            .records_command
    );
    assert!(t("-Wa,-g -c f.s").records_directory);
    assert!(t("-Wa,-gdwarf-4 -c f.s").records_directory);
    assert!(t("-c f.c").runs_assembler && !t("-S f.c").runs_assembler);
    assert!(!clang("-c f.c").traits.runs_assembler);
    assert!(clang("-fno-integrated-as -c f.c").traits.runs_assembler);
    assert_eq!(
        gcc("-c f.c -o /dev/shm/x.o").output,
        Path::new("/dev/shm/x.o")
    );
}

#[test]
fn inputs() {
    let inputs = |command: &Command| -> Vec<(String, bool)> {
        let text = |p: &Path| p.to_str().unwrap().to_owned();
        command
            .inputs
            .iter()
            .map(|i| (text(&i.path), i.optional))
            .collect()
    };
    let own = |list: &[(&str, bool)]| {
        list.iter()
            .map(|(p, o)| (p.to_string(), *o))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        inputs(&clang("-fsanitize-ignorelist=x -c f.c")),
        own(&[("x", false)])
    );
    assert_eq!(inputs(&gcc("-specs=x -c f.c")), own(&[("x", true)]));
    assert_eq!(
        inputs(&gcc("-fplugin=./x.so -fplugin-arg-x-a=b -c f.c")),
        own(&[("./x.so", false), ("b", true)])
    );
    assert_eq!(
        inputs(&clang("-fprofile-use=d -c f.c")),
        own(&[("d", true), ("d/default.profdata", true)])
    );
    assert_eq!(
        inputs(&clang("-Xclang -include-pch -Xclang x.pch -c f.c")),
        own(&[("x.pch", false)])
    );
    let command = gcc("-include x.h -imacros y.h -c f.c");
    assert_eq!(command.forced_includes, ["x.h", "y.h"]);
    // gcc looks for a precompiled one along the search path.
    assert_eq!(inputs(&command), own(&[]));
    assert_eq!(
        inputs(&clang("-include x.h -c f.c")),
        own(&[("x.h.pch", true), ("x.h.gch", true)])
    );
}

#[test]
fn unknown_options_fail_closed() {
    for command in both("-fnobody-knows=a/b -fplain-word -qx=y -mfoo=/a -c f.c") {
        assert!(command.traits.has_unknown);
        assert_eq!(class(&command, "-fnobody-knows=a/b"), Class::Unknown);
        assert_eq!(class(&command, "-fplain-word"), Class::Key);
        assert_eq!(class(&command, "-qx=y"), Class::Unknown);
        assert_eq!(class(&command, "-mfoo=/a"), Class::Unknown);
        let paths: Vec<_> = command
            .inputs
            .iter()
            .map(|i| i.path.to_str().unwrap())
            .collect();
        assert_eq!(paths, ["a/b", "y", "/a"]);
        assert!(command.inputs.iter().all(|i| i.optional));
    }
    assert!(clang("-mllvm -foo=x -c f.c").traits.has_unknown);
}

#[test]
fn ignored_options_do_not_count() {
    let args: Vec<OsString> = ["-c", "f.c", "-fmessage-length=0", "-DX", "-Wall"]
        .iter()
        .map(OsString::from)
        .collect();
    let ignore = ["-fmessage-*".to_owned(), "-DX".to_owned(), "-c".to_owned()];
    let family = Family::Gcc;
    let Parsed::Compile(command) = parse(family, driver(family), &args, &NoFiles, &ignore) else {
        panic!("a compile");
    };
    assert_eq!(class(&command, "-fmessage-length=0"), Class::Silent);
    assert_eq!(class(&command, "-DX"), Class::Silent);
    assert_eq!(class(&command, "-Wall"), Class::Key);
    assert_eq!(class(&command, "-c"), Class::Structural);
}

#[test]
fn prefix_maps() {
    let command = gcc("-ffile-prefix-map=/a=/b=c -c f.c");
    let class = class(&command, "-ffile-prefix-map=/a=/b=c");
    let (old, new) = ("/a".into(), "/b=c".into());
    assert_eq!(class, Class::PrefixMap { old, new });
}

#[test]
fn search_options() {
    let command = clang("-I a -isystemb --sysroot=/c -std=c11 -m32 -stdlib=libc++ -DX -c f.c");
    let words: Vec<OsString> = crate::compiler::search::probe_args(&command);
    let expected = [
        "-I",
        "a",
        "-isystemb",
        "--sysroot=/c",
        "-std=c11",
        "-m32",
        "-stdlib=libc++",
    ];
    assert_eq!(words, expected.map(OsString::from));
}
