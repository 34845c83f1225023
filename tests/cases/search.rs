//! Where headers are searched: what was not there counts as much as what was.

use crate::env::{Compiler, Env, each, one};

fn project(env: &Env) {
    env.write(
        "a.c",
        "#include \"v.h\"\n#include <w.h>\nint f(void) { return V + W; }\n",
    );
    env.write("late/v.h", "#define V 1\n");
    env.write("late/w.h", "#define W 1\n");
}

#[test]
fn i3_header_appears_in_an_earlier_directory() {
    each(|env| {
        project(env);
        env.mkdir("early");
        env.cc("-c a.c -Iearly -Ilate").miss_then_hit();
        env.write("early/v.h", "#define V 2\n");
        env.cc("-c a.c -Iearly -Ilate").not_served();
        env.write("early/w.h", "#define W 2\n");
        env.cc("-c a.c -Iearly -Ilate").not_served();
        env.remove("early/v.h");
        env.remove("early/w.h");
        env.cc("-c a.c -Iearly -Ilate").right();
        env.cc("-c a.c -Iearly -Ilate").hit();
    });
}

#[test]
fn i3_header_appears_beside_the_source() {
    each(|env| {
        env.write("src/a.c", "#include \"v.h\"\nint f(void) { return V; }\n");
        env.write("inc/v.h", "#define V 1\n");
        env.cc("-c src/a.c -Iinc").miss_then_hit();
        env.write("src/v.h", "#define V 2\n");
        env.cc("-c src/a.c -Iinc").not_served();
    });
}

#[test]
fn i3_header_appears_beside_another_header() {
    each(|env| {
        env.write("a.c", "#include \"sub/h.h\"\nint f(void) { return V; }\n");
        env.write("inc/sub/h.h", "#include \"v.h\"\n");
        env.write("inc/v.h", "#define V 1\n");
        env.cc("-c a.c -Iinc").miss_then_hit();
        env.write("inc/sub/v.h", "#define V 2\n");
        env.cc("-c a.c -Iinc").not_served();
    });
}

#[test]
fn i3_unrelated_files_in_an_earlier_directory_are_no_miss() {
    each(|env| {
        project(env);
        env.mkdir("early");
        env.cc("-c a.c -Iearly -Ilate").miss();
        env.write("early/unrelated.h", "#define V 2\n");
        env.cc("-c a.c -Iearly -Ilate").direct_hit();
        env.write("late/unrelated.h", "#define V 2\n");
        env.write("unrelated.h", "#define V 2\n");
        env.cc("-c a.c -Iearly -Ilate").direct_hit();
    });
}

#[test]
fn i3_system_header_is_shadowed() {
    each(|env| {
        env.write(
            "a.c",
            "#include <errno.h>\nint f(void) { return ENOENT; }\n",
        );
        env.mkdir("early");
        env.cc("-c a.c -Iearly").miss_then_hit();
        env.write("early/errno.h", "#define ENOENT 77\n");
        env.cc("-c a.c -Iearly").not_served();
    });
}

#[test]
fn i3_kinds_of_search_directories() {
    each(|env| {
        env.write("a.c", "#include \"v.h\"\nint f(void) { return V; }\n");
        env.write("late/v.h", "#define V 1\n");
        for (value, option) in ["-I", "-iquote ", "-isystem ", "-idirafter "]
            .iter()
            .enumerate()
        {
            // Each kind is searched before -idirafter.
            let args = format!("-c a.c {option}early -idirafter late");
            env.mkdir("early");
            env.cc(&args).miss_then_hit();
            // Another text each time: the preprocessor mode may know the old ones.
            env.write("early/v.h", format!("#define V {}\n", value + 2));
            env.cc(&args).not_served();
            env.remove("early/v.h");
            env.cc(&args).right();
        }
    });
}

#[test]
fn i3_include_next() {
    each(|env| {
        env.write("a.c", "#include <v.h>\nint f(void) { return V; }\n");
        env.write("one/v.h", "#include_next <v.h>\n");
        env.mkdir("two");
        env.write("three/v.h", "#define V 3\n");
        env.cc("-c a.c -Ione -Itwo -Ithree").miss_then_hit();
        env.write("two/v.h", "#define V 2\n");
        env.cc("-c a.c -Ione -Itwo -Ithree").not_served();
    });
}

#[test]
fn i4_an_earlier_directory_appears() {
    each(|env| {
        project(env);
        env.cc("-c a.c -Iabsent -Ilate").miss_then_hit();
        env.write("absent/v.h", "#define V 2\n");
        env.cc("-c a.c -Iabsent -Ilate").not_served();
        // One that is there but lacks the folder that is asked for.
        env.write("b.c", "#include \"sub/v.h\"\nint f(void) { return V; }\n");
        env.write("late/sub/v.h", "#define V 1\n");
        env.mkdir("early");
        env.cc("-c b.c -Iearly -Ilate").miss_then_hit();
        env.write("early/sub/v.h", "#define V 2\n");
        env.cc("-c b.c -Iearly -Ilate").not_served();
    });
}

#[test]
fn i4_a_dangling_link_is_filled() {
    each(|env| {
        project(env);
        env.symlink("target", "early");
        env.cc("-c a.c -Iearly -Ilate").miss_then_hit();
        env.write("target/v.h", "#define V 2\n");
        env.cc("-c a.c -Iearly -Ilate").not_served();
    });
}

#[test]
fn i5_has_include() {
    each(|env| {
        env.mkdir("inc");
        env.write(
            "a.c",
            "#if __has_include(\"maybe.h\")\n#include \"maybe.h\"\n#else\n#define M 0\n#endif\n\
             #if defined __has_include && __has_include(<other.h>)\nint other;\n#endif\n\
             int f(void) { return M; }\n",
        );
        env.cc("-c a.c -Iinc").miss();
        env.cc("-c a.c -Iinc").hit();
        env.write("inc/maybe.h", "#define M 1\n");
        env.cc("-c a.c -Iinc").not_served();
        env.cc("-c a.c -Iinc").hit();
        env.write("inc/other.h", "");
        env.cc("-c a.c -Iinc").not_served();
        env.remove("inc/maybe.h");
        env.cc("-c a.c -Iinc").right();
    });
}

#[test]
fn i5_has_include_in_a_header_and_through_a_macro() {
    each(|env| {
        env.write("a.c", "#include \"h.h\"\nint f(void) { return M; }\n");
        env.write(
            "inc/h.h",
            "#define NAME \"maybe.h\"\n#define ASK __has_include(NAME)\n\
             #if ASK\n#include NAME\n#else\n#define M 0\n#endif\n",
        );
        env.cc("-c a.c -Iinc").right_twice();
        env.write("inc/maybe.h", "#define M 1\n");
        env.cc("-c a.c -Iinc").not_served();
        env.cc("-c a.c -Iinc").right();
    });
}

#[test]
fn i5_has_include_next() {
    each(|env| {
        env.write("a.c", "#include <h.h>\nint f(void) { return M; }\n");
        env.write(
            "one/h.h",
            "#if __has_include_next(<h.h>)\n#define M 1\n#else\n#define M 0\n#endif\n",
        );
        env.mkdir("two");
        env.cc("-c a.c -Ione -Itwo").right_twice();
        env.write("two/h.h", "");
        env.cc("-c a.c -Ione -Itwo").not_served();
    });
}

#[test]
fn i5_precompiled_header_appears() {
    each(|env| {
        env.write("a.c", "#include \"p.h\"\nint f(void) { return P; }\n");
        env.write("p.h", "#define P 1\n");
        env.cc("-c a.c").miss_then_hit();
        env.write("q.h", "#define P 2\n");
        // gcc takes p.h.gch in place of p.h without a word.
        env.cc("-x c-header q.h -o p.h.gch").right();
        env.cc("-c a.c").right();
    });
}

#[test]
fn i3_header_found_in_the_working_directory_of_the_call() {
    one(Compiler::Gcc, |env| {
        env.write("src/a.c", "#include \"v.h\"\nint f(void) { return V; }\n");
        env.write("one/v.h", "#define V 1\n");
        env.write("two/v.h", "#define V 2\n");
        env.cc("-c ../src/a.c -I.").within("one").miss();
        env.cc("-c ../src/a.c -I.").within("two").miss();
        env.cc("-c ../src/a.c -I.").within("one").hit();
    });
}

#[test]
fn i3_computed_include_of_a_file_that_is_also_named_plainly() {
    each(|env| {
        env.write(
            "a.c",
            "#include \"inc/v.h\"\n#define X(d) <d/v.h>\n#include X(inc)\nint f(void) { return V; }\n",
        );
        env.write("deep/inc/v.h", "#undef V\n#define V 1\n");
        env.mkdir("early");
        let options = "-c a.c -iquote deep -Iearly -Ideep";
        env.cc(options).miss_then_hit();
        env.write("early/inc/v.h", "#undef V\n#define V 2\n");
        env.cc(options).not_served();
    });
}
