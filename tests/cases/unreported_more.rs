//! Unreported inputs where other features meet them: precompiled headers,
//! standard input, base directories, side files.

use crate::env::{each, each_clang};

const DATA: &str = "__asm__(\".data\\n.incbin \\\"data.bin\\\"\\n\");\n";

#[test]
fn i8_incbin_in_a_precompiled_header() {
    each(|env| {
        env.write("data.bin", "one");
        env.write("p.h", format!("#define V 1\n{DATA}"));
        env.write("a.c", "#include \"p.h\"\nint f(void) { return V; }\n");
        if env.compiler.is_clang() {
            env.cc("-x c-header p.h -o p.pch").right();
            env.write("b.c", "int f(void) { return V; }\n");
            env.cc("-c b.c -include-pch p.pch").right_twice();
            env.write("data.bin", "two");
            env.cc("-c b.c -include-pch p.pch").not_served();
        } else {
            env.cc("-x c-header p.h -o p.h.gch").right();
            env.cc("-c a.c").right_twice();
            env.write("data.bin", "two");
            env.cc("-c a.c").not_served();
        }
    });
}

#[test]
fn i8_incbin_from_standard_input() {
    each(|env| {
        env.write("data.bin", "one");
        let source = format!("#define A(x) __asm__(x)\n{DATA}int x;\n");
        let step = || env.cc("-x c -c - -o x.o").stdin(source.as_bytes());
        step().right_twice();
        env.write("data.bin", "two");
        step().not_served();
        let hidden = "#define S2(x) #x\n#define S(x) S2(x)\n\
            __asm__(\".data\\n.\" S(incbin) \" \\\"data.bin\\\"\");\nint x;\n";
        let step = || env.cc("-x c -c - -o x.o").stdin(hidden.as_bytes());
        step().right_twice();
        env.write("data.bin", "six");
        step().not_served();
        let step = || {
            env.cc("-x assembler -c - -o x.o")
                .stdin(b".data\n.incbin \"data.bin\"\n")
        };
        step().right_twice();
        env.write("data.bin", "ten");
        step().not_served();
        let clock = "#define T __TIMESTAMP__\nint x;\n";
        env.cc("-x c -c - -o x.o")
            .stdin(clock.as_bytes())
            .right_twice();
    });
}

#[test]
fn i8_data_below_a_base_directory() {
    each(|env| {
        for name in ["one", "two"] {
            env.write(&format!("{name}/data.bin"), "same");
            env.write(&format!("{name}/src/a.c"), DATA);
        }
        let step = |name: &str| {
            let base = env.work(name).display().to_string();
            env.cc(&format!("-c {base}/src/a.c -I{base} -o a.o"))
                .within(&format!("{name}/src"))
                .var("CACHE_BASE_DIR", &base)
        };
        step("one").right_twice();
        step("two").hit();
        env.write("two/data.bin", "else");
        step("two").not_served();
        step("one").hit();
    });
}

#[test]
fn i8_incbin_beside_other_files() {
    each(|env| {
        env.write("data.bin", "one");
        env.write("a.h", "#define A(x) __asm__(x)\n");
        env.write(
            "a.c",
            "#include \"a.h\"\nA(\".data\\n.incbin \\\"data.bin\\\"\\n\");\nint f(void) { return 1; }\n",
        );
        let mut options = vec![
            "-MD",
            "-MMD -MF x.d",
            "--coverage -frandom-seed=1",
            "-g -gsplit-dwarf",
            "-fstack-usage",
            "-save-temps",
            "-flto -frandom-seed=1",
        ];
        match env.compiler.is_clang() {
            true => options.extend([
                "-ftime-trace",
                "-MJ x.json",
                "-MD -MMD",
                "--serialize-diagnostics x.dia",
            ]),
            false => options.extend([
                "-fdump-tree-all",
                "-aux-info x.txt",
                "-Wa,-a=x.lst",
                "-Wa,--MD,x.as",
            ]),
        }
        for option in options {
            // A trace holds times, lists of the assembler a temporary file's name.
            if option.contains("trace") || option.contains("-Wa,") {
                let mut command = env.command(crate::support::cache_binary());
                command.arg(if env.compiler.is_clang() {
                    "clang"
                } else {
                    "gcc"
                });
                command.args(["-c", "a.c"]).args(option.split(' '));
                assert!(command.status().unwrap().success());
                for stray in ["a.json.tmp", "x.i"] {
                    assert!(!env.exists(stray));
                }
                continue;
            }
            env.write("data.bin", "one");
            env.cc(&format!("-c a.c {option}"))
                .stderr_varies()
                .right_twice();
            env.write("data.bin", "two");
            env.cc(&format!("-c a.c {option}"))
                .stderr_varies()
                .not_served();
        }
    });
    each_clang(|env| {
        // Our own runs of the preprocessor leave nothing behind.
        env.write("t.h", "#define T __TIME__\n");
        env.write("t.c", "#include \"t.h\"\nint x;\n");
        env.cc("-c t.c -MD -MMD").stderr_varies().right_twice();
    });
}
