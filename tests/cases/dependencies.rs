//! Dependency files: what the compiler writes, on a miss and on every hit.

use crate::env::{Compiler, Env, each, one};
use crate::support::tree::Tree;

fn source(env: &Env) {
    env.write(
        "a.c",
        "#include <stddef.h>\n#include \"a.h\"\n#include \"sub/b.h\"\nint f(void) { return A; }\n",
    );
    env.write("a.h", "#define A 1\n");
    env.write("sub/b.h", "#include \"../a.h\"\n");
    env.write("inc/c d.h", "#define SPACE 1\n");
    env.mkdir("out");
}

/// Each of these asks for a dependency file in its own way.
const WAYS: &[&str] = &[
    "-MD",
    "-MMD",
    "-MD -MF x.d",
    "-MD -MFx.d",
    "-MMD -MF out/x.d",
    "-MD -MP",
    "-MD -MT target",
    "-MD -MTtarget",
    "-MD -MT one -MT two",
    "-MD -MQ a$b",
    "-MD -MT a$b -MQ c$d -MF y.d -MP",
    "-MMD -MP -MF x.d -MT out/a.o",
    "-MF x.d -MD",
    "-Wp,-MD,x.d",
    "-Wp,-MMD,x.d",
    "-Wp,-MD,x.d -MT target",
    "-Wp,-MD,x.d,-MT,target",
    "-Wp,-MD,x.d,-MP",
    "-MD -MG",
    "-MD -MMD",
    "-MMD -MD",
    "-MD -MF /dev/null",
    "--write-dependencies",
    "--write-user-dependencies",
    "-o out/a.o -MD",
    "-o out/a.o -MMD -MF x.d",
    "-o out/noext -MD",
    "-o out/a.b.c -MD",
    "-S -MD",
    "-MT target",
    "-MF x.d",
    "-MP",
];

#[test]
fn o4_every_way_to_ask() {
    each(|env| {
        source(env);
        for way in WAYS {
            let args = match way.contains("-S") {
                true => format!("a.c {way}"),
                false => format!("-c a.c {way}"),
            };
            let before = Tree::capture(&env.work(""));
            env.cc(&args).right_twice();
            // What was written comes back when it was deleted.
            before.restore(&env.work(""));
            env.cc(&args).right();
            before.restore(&env.work(""));
        }
    });
}

#[test]
fn o4_common_ways_are_direct_hits() {
    each(|env| {
        source(env);
        for way in [
            "-MD",
            "-MMD",
            "-MD -MF x.d",
            "-MMD -MP -MF x.d -MT a.o",
            "-MD -MQ a.o",
        ] {
            env.cc(&format!("-c a.c {way}")).right();
            env.cc(&format!("-c a.c {way}")).direct_hit();
        }
    });
}

#[test]
fn o4_another_output_target_or_file_on_a_hit() {
    each(|env| {
        source(env);
        env.cc("-c a.c -MD").miss();
        env.cc("-c a.c -MD -o out/b.o").right();
        assert!(env.text("out/b.d").starts_with("out/b.o:"));
        env.cc("-c a.c -MD -MF z.d").right();
        env.cc("-c a.c -MD -MT other").right();
        env.cc("-c a.c -MMD -MT other2").right();
        env.cc("-c a.c -MD -MP").right();
        env.cc("-c a.c").right();
        env.cc("-c a.c -MD").hit();
    });
}

#[test]
fn o4_names_that_need_quoting() {
    each(|env| {
        env.write(
            "a b.c",
            "#include \"x y.h\"\n#include \"m#n$o.h\"\nint f(void) { return 1; }\n",
        );
        env.write("x y.h", "");
        env.write("m#n$o.h", "");
        for way in ["-MD", "-MMD", "-MD -MP"] {
            env.cc(&format!("-c {way}")).arg("a b.c").right_twice();
            env.cc(&format!("-c {way} -o"))
                .arg("o p$.o")
                .arg("a b.c")
                .right_twice();
        }
    });
}

#[test]
fn o4_header_lists_that_differ_in_order() {
    each(|env| {
        env.write(
            "a.c",
            "#include \"one.h\"\n#include \"two.h\"\nint f(void) { return 1; }\n",
        );
        env.write("one.h", "#include \"three.h\"\n");
        env.write("two.h", "");
        env.write("three.h", "");
        env.cc("-c a.c -MD").miss();
        env.write("one.h", "#include \"two.h\"\n#include \"three.h\"\n");
        env.cc("-c a.c -MD").right_twice();
        // The same text for the compiler proper, but other files.
        env.write("one.h", "#include \"four.h\"\n");
        env.write("four.h", "");
        env.cc("-c a.c -MD").right_twice();
    });
}

#[test]
fn o4_missing_headers_with_mg() {
    one(Compiler::Gcc, |env| {
        env.write(
            "a.c",
            "#include \"generated.h\"\nint f(void) { return 1; }\n",
        );
        env.cc("-c a.c -MD -MG").right_twice();
        env.cc("-MM -MG a.c").right_twice();
    });
}

#[test]
fn o4_other_directories_and_absolute_sources() {
    each(|env| {
        source(env);
        let absolute = env.work("a.c").display().to_string();
        env.cc(&format!("-c {absolute} -MD")).right_twice();
        env.cc(&format!("-c {absolute} -MD"))
            .within("out")
            .right_twice();
        env.cc("-c ../a.c -MMD").within("out").right_twice();
        env.cc("-c ./a.c -MMD").right_twice();
    });
}

#[test]
fn o4_dependency_file_that_cannot_be_written() {
    each(|env| {
        source(env);
        env.cc("-c a.c -MD -MF absent/x.d").right_twice();
        env.cc("-c a.c -MD").right();
        env.cc("-c a.c -MD -MF absent/x.d").right();
        env.mkdir("directory.d");
        env.cc("-c a.c -MD -MF directory.d").right();
    });
}

#[test]
fn o5_sources_that_are_not_preprocessed() {
    each(|env| {
        env.write("a.s", ".globl f\nf: ret\n");
        env.write("b.S", "#include \"b.h\"\n.globl f\nf: R\n");
        env.write("b.h", "#define R ret\n");
        env.write(
            "c.i",
            "# 1 \"c.c\"\n# 1 \"gone.h\" 1\nint x;\n# 2 \"c.c\" 2\n",
        );
        for name in ["a.s", "b.S", "c.i"] {
            for way in ["-MD", "-MMD -MF x.d", "-MD -MP -MT t"] {
                let before = Tree::capture(&env.work(""));
                env.cc(&format!("-c {name} {way}")).right_twice();
                before.restore(&env.work(""));
            }
        }
        env.write("b.h", "#define R nop\n");
        env.cc("-c b.S -MD").not_served();
    });
}

#[test]
fn depend_mode() {
    each(|env| {
        source(env);
        let step = |args: &str| env.cc(args).var("CACHE_DEPEND_MODE", "true");
        step("-c a.c -MD").miss();
        step("-c a.c -MD").direct_hit();
        env.write("a.h", "#define A 2\n");
        step("-c a.c -MD").miss();
        step("-c a.c -MD").direct_hit();
        step("-c a.c").right_twice();
        step("-c a.c -MMD").right_twice();
        env.mkdir("early");
        step("-c a.c -MD -Iearly").right_twice();
        env.write("early/stddef.h", "#define A 3\n");
        step("-c a.c -MD -Iearly").not_served();
    });
}
