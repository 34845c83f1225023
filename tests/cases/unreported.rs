//! Inputs that no compiler reports: what assembler reads, embedded files and what
//! `__has_include` saw. A hit where nothing changed, never a stale one.

use std::time::Duration;

use crate::env::{Compiler, Env, each, each_clang, one};

fn incbin(env: &Env) {
    env.write("data.bin", "one");
    env.write(
        "a.c",
        "__asm__(\".data\\n.globl d\\nd: .incbin \\\"data.bin\\\"\\n\");\nint x;\n",
    );
}

#[test]
fn i8_incbin_in_inline_assembler() {
    each(|env| {
        incbin(env);
        env.cc("-c a.c").miss_then_hit();
        env.write("data.bin", "two");
        env.cc("-c a.c").miss_then_hit();
        env.write("data.bin", "one");
        env.cc("-c a.c").direct_hit();
        env.remove("data.bin");
        env.cc("-c a.c").stderr_varies().not_served();
    });
}

#[test]
fn i8_incbin_in_assembler_sources() {
    each(|env| {
        env.write("data.bin", "0123456789");
        env.write(
            "b.s",
            ".data\n.incbin \"data.bin\", 2, 4 # and .incbin it\n",
        );
        env.write(
            "c.S",
            "#include \"d.h\"\n/* .incbin */\n.data\n.incbin NAME\n",
        );
        env.write("d.h", "#define NAME \"data.bin\"\n");
        for source in ["b.s", "c.S"] {
            env.write("data.bin", "0123456789");
            let step = format!("-c {source}");
            // The comment behind `#` of the first is told apart by no rule that holds on
            // every target: that source is compiled each time.
            if source == "b.s" {
                env.cc(&step).right_twice();
                env.write("b.s", ".data\n.INCBIN \"data.bin\", 2, 4\n");
            }
            env.cc(&step).miss_then_hit();
            env.write("data.bin", "9876543210");
            env.cc(&step).miss_then_hit();
        }
    });
}

#[test]
fn i8_included_assembler() {
    each(|env| {
        env.write("b.s", ".data\n.include \"more.s\"\n");
        env.write("more.s", ".byte 1\n.incbin \"data.bin\"\n");
        env.write("data.bin", "one");
        env.cc("-c b.s").miss_then_hit();
        env.write("more.s", ".byte 2\n.incbin \"data.bin\"\n");
        env.cc("-c b.s").miss_then_hit();
        env.write("data.bin", "two");
        env.cc("-c b.s").miss_then_hit();
        env.write("a.c", "asm(\".include \\\"more.s\\\"\");\nint x;\n");
        env.cc("-c a.c").miss_then_hit();
        env.write("data.bin", "six");
        env.cc("-c a.c").miss_then_hit();
        env.write("more.s", ".byte 3\n");
        env.cc("-c a.c").not_served();
    });
}

#[test]
fn i8_data_in_an_include_directory_and_in_front_of_it() {
    each(|env| {
        incbin(env);
        env.remove("data.bin");
        env.write("late/data.bin", "late");
        env.mkdir("early");
        for options in ["-c -Inone -Iearly -Ilate", "-S -Iearly -I late"] {
            if options.starts_with("-S") && !env.compiler.is_clang() {
                continue;
            }
            let step = format!("a.c {options}");
            env.cc(&step).miss_then_hit();
            env.write("early/data.bin", "early");
            env.cc(&step).miss_then_hit();
            env.write("data.bin", "here");
            env.cc(&step).miss_then_hit();
            env.remove("data.bin");
            env.cc(&step).hit();
            env.remove("early/data.bin");
            env.cc(&step).hit();
        }
        env.write("b.s", ".data\n.incbin \"data.bin\"\n");
        env.cc("-c b.s -Iearly -Ilate").miss_then_hit();
        env.write("early/data.bin", "early");
        env.cc("-c b.s -Iearly -Ilate").miss_then_hit();
    });
    each_clang(|env| {
        incbin(env);
        env.rename("data.bin", "inc-data.bin");
        env.write("inc/data.bin", "inc");
        for option in ["-isystem", "-iquote"] {
            env.cc(&format!("-c a.c {option} inc")).miss_then_hit();
        }
        env.write("inc/data.bin", "new");
        env.cc("-c a.c -isystem inc").miss_then_hit();
        env.cc("-c a.c").var("CPATH", "inc").miss_then_hit();
        env.write("inc/data.bin", "old");
        env.cc("-c a.c").var("CPATH", "inc").miss_then_hit();
    });
}

#[test]
fn i8_names_that_the_preprocessor_makes() {
    each(|env| {
        env.write("data.bin", "one");
        env.write(
            "incbin.h",
            "#define S2(x) #x\n#define S(x) S2(x)\n\
             #define INCBIN(d) __asm__(\".data\\n.\" S(incbin) \" \\\"\" d \"\\\"\\n\")\n",
        );
        env.write(
            "a.c",
            "#include \"incbin.h\"\nINCBIN(\"data.bin\");\nint x;\n",
        );
        env.cc("-c a.c").miss_then_hit();
        env.write("data.bin", "two");
        env.cc("-c a.c").miss_then_hit();
        // Escapes, raw strings, names in parts, macros of the command line.
        env.write(
            "e.cc",
            "asm(\".data\\n\\x2eincbin \\x22\" \"data\" \".bin\\42\");\n\
             asm(R\"(.incbin \"data.bin\")\");\nint x;\n",
        );
        env.cxx("-c e.cc").miss_then_hit();
        env.write("data.bin", "six");
        env.cxx("-c e.cc").miss_then_hit();
        env.write("o.c", "HIDE(\".inc\" \"bin \\\"data.bin\\\"\");\nint x;\n");
        env.cc("-c o.c -DHIDE=__asm__").miss_then_hit();
        env.write("data.bin", "ten");
        env.cc("-c o.c -DHIDE=__asm__").miss_then_hit();
    });
}

#[test]
fn i8_assembler_of_macros_that_nothing_calls() {
    each(|env| {
        env.write("data.bin", "one");
        env.write(
            "incbin.h",
            "#define S2(x) #x\n#define S(x) S2(x)\n\
             #define EMBED_IT() \\\n  __asm__(\".data\\n.\" S(incbin) \" \\\"data.bin\\\"\\n\")\n",
        );
        let write = |name: &str, text: &str| {
            env.write(name, format!("#include \"incbin.h\"\n{text}\nint x;\n"));
        };
        let preprocessed = || {
            let runs = env.runs();
            let asks = |run: &str| run.split(' ').any(|word| word == "-E");
            let asked = |run: &&String| asks(run) && !run.contains("/dev/null");
            runs.iter().filter(asked).count()
        };
        write("a.c", "/* EMBED_IT() */ int EMBED_ITS;");
        env.cc("-c a.c").miss_then_hit();
        assert_eq!(preprocessed(), 0, "{:#?}", env.runs());
        env.write("data.bin", "two");
        env.cc("-c a.c").hit();
        // By name, in pieces, from an option.
        write("b.c", "EMBED_IT();");
        write("c.c", "#define CAT(a, b) a ## b\nCAT(EMBED, _IT)();");
        write("d.c", "CALL();");
        write("e.c", "#define CALL EMBED_IT\nCALL();");
        // Behind what is a comment in other languages only.
        write("f.c", "int y = 8 //**/ 2; EMBED_IT();");
        for args in [
            "-c b.c",
            "-c c.c",
            "-c d.c -DCALL=EMBED_IT",
            "-c e.c",
            "-std=c89 -c f.c",
        ] {
            env.write("data.bin", "one");
            env.cc(args).miss_then_hit();
            env.write("data.bin", "two");
            env.cc(args).miss_then_hit();
        }
        assert_ne!(preprocessed(), 0, "{:#?}", env.runs());
    });
}

#[test]
fn i8_names_that_the_assembler_makes() {
    each(|env| {
        for (at, text) in [
            ".macro m f\n.incbin \"\\f\"\n.endm\nm data.bin\n",
            ".macro m a b\n.\\a\\b \"data.bin\"\n.endm\nm inc bin\n",
            ".macro m a b\n\\a\\b \"data.bin\"\n.endm\nm .inc bin\n",
            ".macro m a\n\\a \"data.bin\"\n.endm\nm .incbin\n",
        ]
        .iter()
        .enumerate()
        {
            let source = format!("b{at}.s");
            env.write("data.bin", "one");
            env.write(&source, format!(".data\n{text}"));
            env.cc(&format!("-c {source}")).right_twice();
            env.write("data.bin", "two");
            env.cc(&format!("-c {source}")).not_served();
        }
    });
}

#[test]
fn i8_words_that_read_nothing() {
    each(|env| {
        env.write(
            "a.c",
            "/* asm(\".incbin\") */\nconst char *s = \"use .incbin or .include\";\n\
             int f(int x) { __asm__ volatile(\"# .incbin is not here\\n\\tnop\"); return x; }\n",
        );
        env.cc("-c a.c").miss_then_hit();
        env.write("b.s", "/* .incbin it */\n# .include it\n.data\n.byte 1\n");
        env.cc("-c b.s").miss_then_hit();
        // Assembly text of gcc names the file and does not need it.
        incbin(env);
        env.cc("-S a.c").miss_then_hit();
        if !env.compiler.is_clang() {
            env.remove("data.bin");
            env.cc("-S a.c").hit();
        } else {
            env.write("data.bin", "two");
            env.cc("-S a.c").miss_then_hit();
        }
    });
}

#[test]
fn i8_incbin_of_preprocessed_source() {
    each(|env| {
        incbin(env);
        env.rename("a.c", "a.i");
        env.cc("-c a.i").miss_then_hit();
        env.write("data.bin", "two");
        env.cc("-c a.i").miss_then_hit();
    });
    each_clang(|env| {
        incbin(env);
        env.cc("-c a.c -fno-integrated-as").miss_then_hit();
        env.write("data.bin", "two");
        env.cc("-c a.c -fno-integrated-as").miss_then_hit();
    });
}

/// What preprocesses the same need not assemble the same.
#[test]
fn i8_incbin_and_the_preprocessor_mode() {
    each(|env| {
        incbin(env);
        env.cc("-c a.c").miss_then_hit();
        env.write("data.bin", "two");
        // A comment: the preprocessed text stays.
        let text = env.text("a.c");
        env.write("a.c", format!("{text}/* more */\n"));
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").direct_hit();
    });
}

#[test]
fn i8_embedded_files() {
    one(Compiler::Clang19, |env| {
        env.write("data.bin", "one");
        env.write(
            "a.c",
            "const char d[] = {\n#embed \"data.bin\" limit(2) suffix(, 0)\n};\n",
        );
        let step = || env.cc("-c -std=c23 a.c");
        step().miss_then_hit();
        env.write("data.bin", "two");
        step().miss_then_hit();
        env.write("data.bin", "one");
        step().direct_hit();
        env.remove("data.bin");
        step().not_served();
        // A directory of its own, and one in front of it.
        env.write("late/data.bin", "late");
        env.mkdir("early");
        let step = || env.cc("-c -std=c23 a.c --embed-dir=early --embed-dir=late");
        step().miss_then_hit();
        env.write("early/data.bin", "early");
        step().miss_then_hit();
        env.write("data.bin", "here");
        step().miss_then_hit();
        env.remove("early/data.bin");
        step().right_twice();
        // With a dependency file, in digraphs, and with a name that a macro makes.
        env.cc("-c -std=c23 a.c -MD").miss_then_hit();
        env.write("data.bin", "new");
        env.cc("-c -std=c23 a.c -MD").miss_then_hit();
        env.cc("-c -std=c23 a.c -MMD").miss_then_hit();
        env.write("d.c", "const char d[] = <%\n%:embed <data.bin>\n%>;\n");
        env.cc("-c -std=c23 d.c --embed-dir=late").miss_then_hit();
        env.write("late/data.bin", "more");
        env.cc("-c -std=c23 d.c --embed-dir=late").miss_then_hit();
        env.write(
            "m.c",
            "#define S(x) #x\n#define N(x) S(x.bin)\nconst char d[] = {\n#embed N(data)\n};\n",
        );
        env.cc("-c -std=c23 m.c").miss_then_hit();
        env.write("data.bin", "old");
        env.cc("-c -std=c23 m.c").miss_then_hit();
    });
}

#[test]
fn i8_has_embed() {
    one(Compiler::Clang19, |env| {
        env.write(
            "h.c",
            "#if __has_embed(\"later.bin\") == 1\nint later;\n#endif\nint x;\n",
        );
        let step = || env.cc("-c -std=c23 h.c --embed-dir=inc");
        step().miss_then_hit();
        env.write("later.bin", "now");
        step().miss_then_hit();
        env.write("later.bin", "");
        step().miss_then_hit();
        env.remove("later.bin");
        step().hit();
        env.write("inc/later.bin", "there");
        step().not_served();
        // A device has no content that stays.
        env.write(
            "r.c",
            "const unsigned char d[] = {\n#embed </dev/zero> limit(4)\n};\n",
        );
        env.cc("-c -std=c23 r.c")
            .counter("unsupported_code_directive");
    });
}

/// Deleted while the compiler runs, after it was asked for.
#[test]
fn i5_has_include_of_a_header_that_goes_meanwhile() {
    each(|env| {
        env.write(
            "a.c",
            "#if __has_include(\"maybe.h\")\nint yes;\n#endif\nint x;\n",
        );
        let real = env.compiler.real_c();
        let script = format!(
            "#!/bin/sh\n'{real}' \"$@\"\ncode=$?\ncase \"$*\" in *-c*) rm -f maybe.h;; esac\nexit $code\n"
        );
        let name = if env.compiler.is_clang() {
            "clang"
        } else {
            "gcc"
        };
        env.install_script(name, &script);
        env.write("maybe.h", "");
        env.cc("-c a.c").not_served();
        env.cc("-c a.c").not_served();
        let plain = format!("#!/bin/sh\nexec '{real}' \"$@\"\n");
        env.install_script(name, &plain);
        env.cc("-c a.c").right_twice();
    });
}

#[test]
fn i9_other_builtin_macros() {
    each(|env| {
        env.write(
            "in.h",
            "static int level = __INCLUDE_LEVEL__;\nstatic const char *base = __BASE_FILE__;\n",
        );
        let source = "#include \"in.h\"\nint f(void) { return level + base[0] + __COUNTER__ + __COUNTER__; }\n";
        env.write("one.c", source);
        env.write("two.c", source);
        env.cc("-c one.c -o x.o").miss_then_hit();
        env.cc("-c two.c -o x.o").miss_then_hit();
        env.cc("-c one.c -o x.o").direct_hit();
    });
}

#[test]
fn i2_digraphs_and_trigraphs() {
    each(|env| {
        env.write("h.h", "#define V 1\n");
        env.write("a.c", "%:include \"h.h\"\nint f(void) { return V; }\n");
        env.cc("-c a.c").miss_then_hit();
        env.write("h.h", "#define V 2\n");
        env.cc("-c a.c").miss_then_hit();
        env.write(
            "b.c",
            "??=include \"h.h\"\n// what ??/\nint hidden;\nint f(void) { return V; }\n",
        );
        env.cc("-c -std=c11 b.c").right_twice();
        env.cc("-c -trigraphs b.c").miss_then_hit();
        env.write("h.h", "#define V 3\n");
        env.cc("-c -trigraphs b.c").miss_then_hit();
        env.mkdir("early");
        env.write("late/x.h", "#define V 1\n");
        env.write("c.c", "??=include <x.h>\nint f(void) { return V; }\n");
        env.cc("-c -trigraphs c.c -Iearly -Ilate").miss_then_hit();
        env.write("early/x.h", "#define V 2\n");
        env.cc("-c -trigraphs c.c -Iearly -Ilate").miss_then_hit();
        // In a string, they disable nothing.
        env.write("d.c", "const char *s = \"what??/n ??=\";\n");
        env.cc("-c d.c").miss_then_hit();
    });
}

/// A header of a library is no header of the system's.
#[test]
fn i8_incbin_by_a_header_of_isystem() {
    each(|env| {
        env.write("data.bin", "one");
        env.write(
            "lib/incbin.h",
            "#define S2(x) #x\n#define S(x) S2(x)\n\
             #define INCBIN(d) __asm__(\".data\\n.\" S(incbin) \" \\\"\" d \"\\\"\\n\")\n",
        );
        env.write(
            "a.c",
            "#include <incbin.h>\nINCBIN(\"data.bin\");\nint x;\n",
        );
        let whole = env.work("lib").display().to_string();
        env.cc(&format!("-c a.c -isystem {whole}")).miss_then_hit();
        env.write("data.bin", "two");
        env.cc(&format!("-c a.c -isystem {whole}")).not_served();
        env.cc("-c a.c").var("CPATH", &whole).miss_then_hit();
        env.write("data.bin", "six");
        env.cc("-c a.c").var("CPATH", &whole).not_served();
    });
}

#[test]
fn i8_options_of_the_assembler() {
    one(Compiler::Gcc, |env| {
        env.write("inc/data.bin", "one");
        env.write("a.s", ".data\n.incbin \"data.bin\"\n");
        env.write("m.s", " .data\n incbin inc/data.bin\n");
        for options in [
            "-Wa,-I,inc a.s",
            "-Wa,-Iinc a.s",
            "-Wa,--mri m.s",
            "-Wa,-M m.s",
        ] {
            env.write("inc/data.bin", "one");
            env.cc(&format!("-c {options}")).right_twice();
            env.write("inc/data.bin", "two");
            env.cc(&format!("-c {options}")).not_served();
        }
    });
}

/// Compilers that only differ in where they come from.
#[test]
fn i8_other_compilers() {
    for (name, options) in [("gcc-11", ""), ("aarch64-linux-gnu-gcc", "")] {
        one(Compiler::Gcc, |env| {
            let Some(program) = crate::support::find_program(name) else {
                return crate::support::skip(&format!("{name} is not installed"));
            };
            env.install(name, &program);
            incbin(env);
            let step = || env.call(name, &format!("-c a.c {options}"));
            step().miss_then_hit();
            env.write("data.bin", "two");
            step().miss_then_hit();
            env.write("t.c", "const char *t = __TIMESTAMP__;\n");
            env.age("t.c", Duration::from_secs(86_400));
            env.call(name, "-c t.c").miss_then_hit();
            env.age("t.c", Duration::from_secs(86_400 * 2));
            env.call(name, "-c t.c").miss_then_hit();
        });
    }
}

#[test]
fn i3_odd_files() {
    each(|env| {
        env.mkdir("early");
        env.write("late/v.h", "#define V 1\n");
        let sources = [
            "\u{feff}#include <v.h>\nint f(void) { return V; }\n",
            "int x; // a line\r#include <v.h>\r\nint y;\n",
            "int x;\r\n#include <v.h>\r\nint y = V;\r\n",
        ];
        for source in sources {
            env.write("a.c", source);
            env.cc("-c a.c -Iearly -Ilate").miss_then_hit();
            env.write("early/v.h", "#define V 2 + 1\n");
            env.cc("-c a.c -Iearly -Ilate").right();
            env.remove("early/v.h");
            env.cc("-c a.c -Iearly -Ilate").right();
        }
    });
    one(Compiler::Gcc, |env| {
        let wide: Vec<u8> = "#include <v.h>\nint f(void) { return V; }\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        env.mkdir("early");
        let header: Vec<u8> = "#define V 1\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        env.write("late/v.h", header);
        env.write("a.c", wide);
        env.cc("-c a.c -finput-charset=UTF-16LE -Iearly -Ilate -nostdinc -ffreestanding")
            .stderr_varies()
            .right_twice();
        env.write("b.c", "const char *s = \"\u{e4}\";\n");
        env.cc("-c b.c -finput-charset=utf-8").miss_then_hit();
    });
}
