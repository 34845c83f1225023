//! What real projects do that the catalogue's plain cases do not show.

use crate::env::{Env, each};

/// A source, with and without the header that it asks for, in all orders.
fn comes_and_goes(env: &Env, header: &str, args: &str) {
    let step = || env.cc(args);
    step().not_served();
    env.write(header, "");
    step().not_served();
    env.remove(header);
    step().right();
    env.write(header, "");
    step().right();
}

const BOTH: &str = "int a = 1;\n#else\nint a = 2;\n#endif\n";

#[test]
fn i5_has_include_of_a_macro() {
    each(|env| {
        env.write(
            "a.c",
            format!("#define H \"x.h\"\n#if __has_include(H)\n{BOTH}"),
        );
        comes_and_goes(env, "x.h", "-c a.c");
        env.write("b.c", format!("#if __has_include(H)\n{BOTH}"));
        comes_and_goes(env, "y.h", "-c b.c -DH=\"y.h\" -I.");
        env.write(
            "c.c",
            format!("#define S(x) #x\n#define T(x) S(x)\n#if __has_include(T(N.h))\n{BOTH}"),
        );
        comes_and_goes(env, "z.h", "-c c.c -DN=z");
        env.write("d.c", format!("#if HAS(\"v.h\")\n{BOTH}"));
        comes_and_goes(env, "v.h", "-c d.c -DHAS=__has_include");
    });
}

#[test]
fn i5_has_include_behind_a_macro() {
    for macros in [
        "#define HAS(x) __has_include(x)\n",
        "#define HAS __has_include\n",
        "#ifdef __has_include\n#define ONE(x) __has_include(x)\n#endif\n#define HAS(x) ONE(x)\n",
    ] {
        each(|env| {
            env.write("has/has.h", macros);
            env.write(
                "src/a.c",
                format!("#include \"has.h\"\n#if HAS(\"x.h\")\n{BOTH}"),
            );
            comes_and_goes(env, "src/x.h", "-c -Ihas src/a.c");
            env.cc("-c -Ihas src/a.c").direct_hit();
            env.write(
                "src/b.c",
                format!("#include \"has.h\"\n#if HAS(<y.h>)\n{BOTH}"),
            );
            comes_and_goes(env, "has/y.h", "-c -Ihas src/b.c");
            env.cc("-c -Ihas src/b.c").direct_hit();
        });
    }
}

#[test]
fn i5_has_include_in_the_body_of_a_macro() {
    each(|env| {
        env.write("has/has.h", "#define HAS_X __has_include(\"x.h\")\n");
        env.write("src/a.c", format!("#include \"has.h\"\n#if HAS_X\n{BOTH}"));
        comes_and_goes(env, "src/x.h", "-c -Ihas src/a.c");
        env.cc("-c -Ihas src/a.c").direct_hit();
    });
}

/// git: a macro holds the name of a file whose times are always new.
#[test]
fn i5_macro_with_the_name_of_a_changing_file() {
    each(|env| {
        env.write(
            "a.c",
            "#include H\n#define KLOG \"/proc/kmsg\"\nint f(void) { return sizeof EXE; }\n",
        );
        env.write("h.h", "int h;\n");
        env.cc("-c a.c -DH=\"h.h\" -DEXE=\"/proc/self/exe\"")
            .miss_then_hit();
    });
}

/// git: `??/` in a comment is no trigraph that does anything.
#[test]
fn i8_trigraphs_in_comments() {
    each(|env| {
        env.write(
            "a.c",
            "/* .git/objects/??/?{38} */\nint f(void) { return 1; }\n",
        );
        env.cc("-c a.c").miss_then_hit();
        env.cc("-c -std=c99 a.c").miss_then_hit();
        // Here it hides a line, which names a header.
        env.write("b.c", "// ??/\n#include \"x.h\"\nint a;\n");
        env.write("x.h", "int b;\n");
        env.cc("-c -std=c99 b.c").right_twice();
        env.write("x.h", "int c;\n");
        env.cc("-c -std=c99 b.c").right();
        env.cc("-c b.c").right_twice();
    });
}

/// Kernels: options that gcc takes only together with others.
#[test]
fn o4_options_that_need_others() {
    each(|env| {
        env.write("a.c", "#include <a.h>\nint f(void) { return A; }\n");
        env.write("system/a.h", "#define A 1\n");
        env.write("user/b.h", "#define B 1\n");
        let args = "-nostdinc -isystem system -Iuser -include user/b.h -mcmodel=kernel -fno-PIE \
                    -mno-red-zone -c a.c -o a.o -Wp,-MMD,.a.o.d";
        env.cc(args).miss_then_hit();
        env.cc("-mcmodel=kernel -fno-PIE -c a.c -isystem system")
            .miss_then_hit();
    });
}

/// Kernels: an empty source, to find out which options there are.
#[test]
fn c5_null_device_as_the_source() {
    each(|env| {
        env.cc("-Werror -O2 -c -x c /dev/null -o one")
            .miss_then_hit();
        env.cc("-Werror -O2 -c -x c /dev/null -o two").direct_hit();
        env.cc("-Werror -O2 -S -x c++ /dev/null -o two -MD")
            .miss_then_hit();
        env.cc("-Werror -no-such-option -c -x c /dev/null -o one")
            .right();
    });
}

/// musl: gcc reports nothing where nothing is included.
#[test]
fn i2_source_without_headers() {
    each(|env| {
        env.write("a.c", "int f(void) { return V; }\n");
        env.write("x.h", "#define V 1\n");
        env.write("stdc-predef.h", "#define V 2\n");
        for flags in ["-nostdinc", "-ffreestanding", "-ffreestanding -MD"] {
            env.cc(&format!("{flags} -DV=0 -c a.c")).miss_then_hit();
        }
        // A header by force, and one that appears.
        let args = "-ffreestanding -c a.c -include x.h";
        env.cc(args).miss_then_hit();
        env.write("x.h", "#define V 3\n");
        env.cc(args).not_served();
        env.write(
            "b.c",
            "#if __has_include(\"y.h\")\n#include \"y.h\"\n#endif\nint a;\n",
        );
        env.cc("-nostdinc -c b.c").right_twice();
        env.write("y.h", "int b;\n");
        env.cc("-nostdinc -c b.c").not_served();
        env.cc("-nostdinc -DV=0 -I. -c a.c").right_twice();
    });
}

/// Configure scripts: only the exit code and the messages are wanted.
#[test]
fn c5_null_device_as_the_output() {
    each(|env| {
        env.write("a.c", "int f(int x) { if (x) return 1; }\n");
        for args in [
            "-Wall -c a.c -o /dev/null",
            "-S -o /dev/null -x c /dev/null",
            "-c -o /dev/null -MD -MF a.d a.c",
            "-g -O2 -c -o /dev/null a.c",
        ] {
            env.cc(args).miss_then_hit();
        }
        // What was made for nowhere is not there for others, nor the reverse.
        env.cc("-Wall -c a.c -o a.o").miss_then_hit();
        env.cc("-O1 -c a.c -o b.o").miss_then_hit();
        env.cc("-O1 -c a.c -o /dev/null").miss_then_hit();
        for args in [
            "-MD -c a.c -o /dev/null",
            "-gsplit-dwarf -g -c a.c -o /dev/null",
        ] {
            env.cc(args).right_twice();
        }
        env.write("a.c", "int f(int x) { return y; }\n");
        env.cc("-c a.c -o /dev/null").counter("compile_failed");
        let kind = std::fs::symlink_metadata("/dev/null").unwrap().file_type();
        assert!(!kind.is_file(), "/dev/null was replaced");
    });
}

/// The flags of build systems, as they come together there.
#[test]
fn o1_flags_of_build_systems() {
    const BOTH: &[&str] = &[
        // Bazel
        "-MD -MF x.d -iquote . -Wno-builtin-macro-redefined -D__DATE__=\"redacted\" \
         -D__TIMESTAMP__=\"redacted\" -D__TIME__=\"redacted\" -no-canonical-prefixes \
         -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=1 -g0 -O2 -c a.c -o x.o",
        // libtool with automake
        "-DHAVE_CONFIG_H -I. -include a.h -g -O2 -MT a.lo -MD -MP -MF .deps/a.Tpo -c a.c -fPIC \
         -DPIC -o .libs/a.o",
        // Meson
        "-Iobj/x.p -I. -fdiagnostics-color=always -D_FILE_OFFSET_BITS=64 -Wall -Winvalid-pch \
         -std=gnu11 -O0 -g -fPIC -pthread -MD -MQ obj/a.c.o -MF obj/a.c.o.d -o obj/a.c.o -c sub/b.c",
        // OpenSSL
        "-I. -Iinclude -fPIC -pthread -m64 -Wa,--noexecstack -Wall -O3 -DL_ENDIAN \
         -DOPENSSLDIR=\"/usr/local/ssl\" -DNDEBUG -MMD -MF a.d.tmp -MT a.o -c -o a.o a.c",
        // distributions
        "-g -O2 -ffile-prefix-map=/nowhere=. -fstack-protector-strong -Wformat \
         -Werror=format-security -Wdate-time -Wp,-D_FORTIFY_SOURCE=2 -fasynchronous-unwind-tables \
         -fcf-protection -c -o a.o a.c",
        // a kernel's assembler
        "-Wp,-MMD,.x.s.d -D__ASSEMBLY__ -Wa,-gdwarf-4 -x assembler-with-cpp -c x.s -o x.o",
        // small devices
        "-Os -ffunction-sections -fdata-sections -fstack-usage -MMD -MP -MFobj/a.d -MTobj/a.o -c a.c \
         -o obj/a.o",
    ];
    const GCC: &[&str] = &[
        "-Os -g -flto=auto -ffat-lto-objects -grecord-gcc-switches --param=ssp-buffer-size=4 \
         -frandom-seed=a -c a.c",
        "-Wa,-a,-ad,-alms=obj/a.lst -fno-canonical-system-headers -frandom-seed=x.o -c a.c -o obj/a.o",
    ];
    const CLANG: &[&str] = &[
        // Chromium
        "-MMD -MF obj/x.o.d -Xclang -fdebug-compilation-dir -Xclang . -g2 -ftrivial-auto-var-init=pattern \
         -mllvm -verify-dom-info=0 -fcrash-diagnostics-dir=crash -fcolor-diagnostics \
         -no-canonical-prefixes -c a.c -o obj/x.o",
        // FreeBSD
        "-O2 -pipe -fno-common -MD -MF.depend.a.o -MTa.o -std=gnu99 -Qunused-arguments -c a.c -o a.o",
        "-O2 -flto=thin -fvisibility=hidden -fsanitize=safe-stack -c a.c",
    ];
    each(|env| {
        env.write(
            "a.c",
            "#include \"a.h\"\n#include <stdio.h>\nint f(void) { return puts(\"x\"); }\n",
        );
        env.write("a.h", "#define A 1\n");
        env.write(
            "sub/b.c",
            "#include \"../a.h\"\nint f(void) { return A; }\n",
        );
        env.write("x.s", "\t.text\n\t.globl g\ng:\tret\n");
        for directory in [".deps", ".libs", "obj"] {
            env.mkdir(directory);
        }
        let own = if env.compiler.is_clang() { CLANG } else { GCC };
        for args in BOTH.iter().chain(own) {
            // gcc writes the name of its temporary file into a listing.
            env.cc(args).varies(".lst").miss_then_hit();
        }
    });
}
