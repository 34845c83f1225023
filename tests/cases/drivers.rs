//! What drivers read by themselves: configuration files, specs, programs and
//! lists that are found where none was before; plugins.

use std::fs;

use crate::env::{Compiler, Env, each, each_clang, one};
use crate::support::{copy_program, skip};

#[test]
fn i15_configuration_files_by_name() {
    each_clang(|env| {
        env.write("a.c", "#include <v.h>\nint f(void) { return V + W; }\n");
        env.write("inc/v.h", "#define V 1\n");
        env.write("my.cfg", "# options\n-DW=1 \\\n  -Iinc\n@more.cfg\n");
        env.write("more.cfg", "-Wall\n");
        let step = || env.cc("-c a.c --config ./my.cfg");
        step().miss_then_hit();
        env.write("more.cfg", "-Wall -UW -DW=2\n");
        step().miss_then_hit();
        env.write("my.cfg", "-DW=3 -Iinc\n");
        step().miss_then_hit();
        env.write("inc/v.h", "#define V 2\n");
        step().miss_then_hit();
        // What it asks for beside the object comes back, too.
        env.write("my.cfg", "-DW=3 -Iinc -MMD\n");
        step().miss_then_hit();
        env.write("early/v.h", "#define V 3\n");
        env.write("my.cfg", "-DW=3 -Iearly -Iinc -g\n");
        step().miss_then_hit();
        env.remove("early/v.h");
        step().miss_then_hit();
        // The clock on its options.
        env.write("t.c", "const char *t = NOW;\n");
        env.write("my.cfg", "-DNOW=__TIMESTAMP__\n");
        env.cc("-c t.c --config ./my.cfg").miss_then_hit();
        env.remove("my.cfg");
        step().not_served();
    });
}

#[test]
fn i15_configuration_files_that_are_not_followed() {
    each_clang(|env| {
        env.write("a.c", "int f(void) { return V; }\n");
        env.write("my.cfg", "-DV=1\n");
        env.write("dir.cfg", "-I <CFGDIR> -DV=1\n");
        for options in [
            "--config my.cfg",
            "--config dir.cfg",
            "--config ./dir.cfg",
            "--config ./absent.cfg",
            "--config=./my.cfg",
            "--config-user-dir=. -DV=2",
            "--config-system-dir=. -DV=2",
        ] {
            env.cc(&format!("-c a.c {options}")).right_twice();
        }
        env.write("my.cfg", "-DV=3\n");
        env.cc("-c a.c --config=./my.cfg").not_served();
    });
}

/// A clang of the case's own, beside which files can be put.
fn own_clang(env: &Env) -> Option<String> {
    let real = fs::canonicalize(env.compiler.real_c()).ok()?;
    let directory = env.root.join("own/bin");
    fs::create_dir_all(&directory).ok()?;
    let own = directory.join("clang");
    copy_program(&real, &own);
    let works = env.command(&own).arg("--version").output().ok()?;
    works.status.success().then(|| own.display().to_string())
}

#[test]
fn i15_default_configuration_files() {
    each_clang(|env| {
        let Some(clang) = own_clang(env) else {
            return skip("clang does not run from another directory");
        };
        env.install("clang", clang.as_ref());
        let beside = |name: &str| env.root.join("own/bin").join(name);
        env.write(
            "a.c",
            "#ifndef V\n#define V 0\n#endif\nint f(void) { return V; }\n",
        );
        let step = || env.cc("-c a.c");
        step().miss_then_hit();
        for (name, text) in [
            ("clang.cfg", "-DV=1\n"),
            ("clang.cfg", "-DV=2 -MD\n"),
            ("x86_64-pc-linux-gnu.cfg", "-g\n"),
            ("x86_64-pc-linux-gnu-clang.cfg", "-UV -DV=3\n"),
        ] {
            fs::write(beside(name), text).unwrap();
            step().right();
            step().right_twice();
        }
        env.cc("-c a.c --no-default-config").right_twice();
        env.cc("-c a.c")
            .var("CLANG_NO_DEFAULT_CONFIG", "1")
            .right_twice();
        env.cc("-c a.c --target=aarch64-linux-gnu").right_twice();
        let other = beside("aarch64-unknown-linux-gnu.cfg");
        fs::write(other, "-DV=4\n").unwrap();
        env.cc("-c a.c --target=aarch64-linux-gnu").right_twice();
        for name in [
            "clang.cfg",
            "x86_64-pc-linux-gnu.cfg",
            "x86_64-pc-linux-gnu-clang.cfg",
        ] {
            let _ = fs::remove_file(beside(name));
            step().right();
            step().right_twice();
        }
    });
}

#[test]
fn i15_specs() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return V; }\n");
        env.write("one.specs", "*cc1_options:\n+ -DV=1\n\n");
        env.cc("-c a.c -specs=one.specs").miss_then_hit();
        env.write("one.specs", "*cc1_options:\n+ -DV=2\n\n");
        env.cc("-c a.c -specs=one.specs").miss_then_hit();
        env.write("in.specs", "*cc1_options:\n+ -DV=3\n\n");
        env.write("out.specs", "%include <in.specs>\n\n");
        env.cc("-c a.c -specs=out.specs").miss_then_hit();
        env.write("in.specs", "*cc1_options:\n+ -DV=4\n\n");
        env.cc("-c a.c -specs=out.specs").miss_then_hit();
        // A directory of programs has specs, too, and is looked through first.
        env.mkdir("b");
        env.cc("-c a.c -Bb -specs=one.specs").miss_then_hit();
        env.write("b/one.specs", "*cc1_options:\n+ -DV=5\n\n");
        env.cc("-c a.c -Bb -specs=one.specs").miss_then_hit();
        let whole = env.work("one.specs").display().to_string();
        env.cc(&format!("-c a.c --specs={whole}")).miss_then_hit();
        // What specs write is not lost, and what they look for is seen.
        env.write("w.specs", "*cc1_options:\n+ -DV=1 -MD w.d\n\n");
        env.cc("-c a.c -specs=w.specs").right_twice();
        env.write(
            "i.specs",
            "*cpp_options:\n+ -Iinc\n\n*cc1_options:\n+ -Iinc\n\n",
        );
        env.write("i.c", "#include <v.h>\nint f(void) { return V; }\n");
        env.write("inc/v.h", "#define V 1\n");
        env.cc("-c i.c -specs=i.specs").right_twice();
        env.write("inc/v.h", "#define V 2\n");
        env.cc("-c i.c -specs=i.specs").not_served();
    });
}

#[test]
fn i17_programs_that_appear() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return 1; }\n");
        let assembler = |directory: &str| {
            let script = "#!/bin/sh\nexec /usr/bin/as --defsym other=1 \"$@\"\n";
            env.write(&format!("{directory}/as"), script);
            let path = env.work(directory).join("as");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(path, mode).unwrap();
        };
        env.mkdir("b");
        for deep in ["b", "b/x86_64-linux-gnu", "b/x86_64-linux-gnu/12"] {
            env.mkdir(deep);
            env.cc("-c a.c -Bb").right_twice();
            env.cc("-c a.c -Bb").hit();
            assembler(deep);
            env.cc("-c a.c -Bb").not_served();
            env.remove(&format!("{deep}/as"));
        }
        let path = env.work("p").display().to_string();
        env.mkdir("p");
        let step = || env.cc("-c a.c").var("COMPILER_PATH", &path);
        step().miss_then_hit();
        assembler("p");
        step().miss_then_hit();
        // Headers below a prefix are the compiler's own.
        env.write("h.c", "#include <only.h>\nint f(void) { return ONLY; }\n");
        env.mkdir("q");
        env.write("inc/only.h", "#define ONLY 1\n");
        env.cc("-c h.c -Bq -idirafter inc").miss_then_hit();
        env.write("q/include/only.h", "#define ONLY 2\n");
        env.cc("-c h.c -Bq -idirafter inc").not_served();
    });
}

#[test]
fn i15_lists() {
    each_clang(|env| {
        env.write(
            "a.c",
            "int g(int *p) { return *p; }\nint f(int *p) { return g(p); }\n",
        );
        let newer = env.compiler == Compiler::Clang19;
        for options in [
            "-fsanitize=address -fsanitize-ignorelist=list",
            "-fsanitize-coverage=trace-pc-guard -fsanitize-coverage-ignorelist=list",
            "-fsanitize-coverage=trace-pc-guard -fsanitize-coverage-allowlist=list",
            "-fxray-instrument -fxray-always-instrument=list",
            "-fxray-instrument -fxray-never-instrument=list",
            "-fxray-instrument -fxray-attr-list=list",
            "-fprofile-instr-generate -fprofile-list=list",
        ] {
            let section = match options {
                _ if options.contains("attr-list") => "[always]\n",
                _ if options.contains("coverage") => "src:*\n",
                _ => "",
            };
            env.write("list", format!("{section}fun:f\n"));
            let step = || env.cc(&format!("-c -O1 a.c {options}"));
            step().miss_then_hit();
            env.write("list", format!("{section}fun:g\n"));
            step().miss_then_hit();
            env.remove("list");
            step().not_served();
        }
        env.write("seed", "1");
        if newer {
            env.cc("-c a.c -frandomize-layout-seed-file=seed")
                .miss_then_hit();
            env.write("seed", "2");
            env.cc("-c a.c -frandomize-layout-seed-file=seed")
                .miss_then_hit();
        }
    });
}

#[test]
fn i15_lists_of_the_compiler_itself() {
    each_clang(|env| {
        env.write("a.c", "int f(int *p) { return *p; }\n");
        // A directory in the place of clang's own.
        let output = env
            .command("clang")
            .arg("-print-resource-dir")
            .output()
            .unwrap();
        let real = String::from_utf8(output.stdout).unwrap();
        env.mkdir("res");
        env.symlink(&format!("{}/include", real.trim()), "res/include");
        let step = || env.cc("-c -O1 a.c -fsanitize=address -resource-dir res");
        step().miss_then_hit();
        env.write("res/share/asan_ignorelist.txt", "fun:f\n");
        step().miss_then_hit();
        env.write("res/share/asan_ignorelist.txt", "fun:g\n");
        step().miss_then_hit();
        env.remove("res/share/asan_ignorelist.txt");
        step().miss_then_hit();
    });
}

#[test]
fn i15_plugins() {
    one(Compiler::Gcc, |env| {
        env.write("a.c", "int f(void) { return 1; }\n");
        let plugin = |text: &str| {
            let source = format!(
                "#include <stdio.h>\nint plugin_is_GPL_compatible;\n\
                 int plugin_init(void *a, void *b) {{ fputs(\"{text}\\n\", stderr); return 0; }}\n"
            );
            env.write("../p.c", source);
            let made = env
                .command("gcc-12")
                .args(["-shared", "-fPIC", "../p.c", "-o", "new.so"])
                .status();
            assert!(made.unwrap().success());
            env.rename("new.so", "p.so");
        };
        plugin("one");
        env.write("data", "1");
        let step = || env.cc("-c a.c -fplugin=./p.so -fplugin-arg-p-file=data");
        step().miss_then_hit();
        plugin("two");
        step().miss_then_hit();
        env.write("data", "2");
        step().miss_then_hit();
        env.remove("p.so");
        step().not_served();
        env.cc("-c a.c -fplugin=absent").right_twice();
        env.write("w.sh", "#!/bin/sh\nexec \"$@\"\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(env.work("w.sh"), mode).unwrap();
        env.cc("-c a.c -wrapper ./w.sh")
            .counter("unsupported_compiler_option");
    });
}

#[test]
fn i16_variables() {
    each(|env| {
        env.write("a.c", "#include <v.h>\nint f(void) { return V; }\n");
        env.write("one/v.h", "#define V 1\n");
        env.write("two/v.h", "#define V 2\n");
        // These do not reach a compile.
        env.cc("-c a.c -Ione").miss();
        for (name, value) in [
            ("LIBRARY_PATH", "one"),
            ("ASAN_OPTIONS", "verbosity=1"),
            ("LLVM_PROFILE_FILE", "x.profraw"),
            ("COLLECT_GCC_OPTIONS", "-DV=9"),
            ("COLLECT_GCC", "other"),
            ("CLANG_CONFIG_FILE_USER_DIR", "one"),
            ("LD_RUN_PATH", "one"),
        ] {
            env.cc("-c a.c -Ione").var(name, value).direct_hit();
        }
        for (name, value) in [
            ("MACOSX_DEPLOYMENT_TARGET", "10.15"),
            ("SDKROOT", "/"),
            ("CPATH", "two"),
            ("GCC_COMPARE_DEBUG", "-fcompare-debug"),
            ("CC_PRINT_OPTIONS", "1"),
        ] {
            env.cc("-c a.c -Ione")
                .var(name, value)
                .stderr_varies()
                .right_twice();
        }
        // A directory of the variable's that comes to life.
        let step = || env.cc("-c a.c -idirafter one").var("CPATH", "later");
        step().miss_then_hit();
        env.write("later/v.h", "#define V 3\n");
        step().miss_then_hit();
    });
}

#[test]
fn o15_modules() {
    each_clang(|env| {
        env.write("m.h", "int m(void);\n");
        env.write("module.modulemap", "module M { header \"m.h\" }\n");
        env.write("a.c", "#include \"m.h\"\nint f(void) { return m(); }\n");
        let cache = "-fmodules -fmodules-cache-path=../mods";
        env.cc(&format!("-c a.c {cache}"))
            .counter("unsupported_compiler_option");
        env.write("m.h", "#define m() 7\n");
        env.cc(&format!("-c a.c {cache}")).right_twice();
        env.cc("-c a.c -fmodule-map-file=module.modulemap")
            .right_twice();
        if env.compiler == Compiler::Clang19 {
            env.write("n.cppm", "export module n;\nexport int n() { return 1; }\n");
            env.write("u.cc", "import n;\nint u() { return n(); }\n");
            env.cxx("-std=c++20 --precompile n.cppm -o n.pcm")
                .right_twice();
            let step = || env.cxx("-std=c++20 -c u.cc -fmodule-file=n=n.pcm");
            step().counter("unsupported_compiler_option");
            env.cxx("-std=c++20 -c n.cppm -fmodule-output=o.pcm -o n.o")
                .right_twice();
            env.write("n.cppm", "export module n;\nexport int n() { return 2; }\n");
            step().not_served();
        }
    });
    one(Compiler::Gcc, |env| {
        env.write("n.cc", "export module n;\nexport int n() { return 1; }\n");
        // The module's file holds the time, so that there is nothing to compare.
        let before = env.counters();
        let mut command = env.command(crate::support::cache_binary());
        command.args(["g++", "-std=c++20", "-fmodules-ts", "-c", "n.cc"]);
        assert!(command.status().unwrap().success());
        assert!(env.exists("gcm.cache/n.gcm"));
        let counted = env.counters().since(&before);
        assert_eq!(counted.get("unsupported_compiler_option"), 1);
    });
}

/// A gcc of the case's own, that finds its parts beside itself.
fn own_gcc(env: &Env) -> Option<std::path::PathBuf> {
    let parts = fs::read_dir("/usr/lib/gcc/x86_64-linux-gnu/12").ok()?;
    let own = env.root.join("own");
    let library = own.join("lib/gcc/x86_64-linux-gnu/12");
    fs::create_dir_all(&library).ok()?;
    fs::create_dir_all(own.join("bin")).ok()?;
    for part in parts.flatten() {
        std::os::unix::fs::symlink(part.path(), library.join(part.file_name())).ok()?;
    }
    let real = fs::canonicalize(env.compiler.real_c()).ok()?;
    copy_program(&real, &own.join("bin/gcc"));
    env.install("gcc", &own.join("bin/gcc"));
    Some(library)
}

#[test]
fn i15_specs_of_gcc_itself() {
    one(Compiler::Gcc, |env| {
        let Some(library) = own_gcc(env) else {
            return skip("gcc 12 is somewhere else");
        };
        env.write(
            "a.c",
            "#ifndef V\n#define V 0\n#endif\nint f(void) { return V; }\n",
        );
        let step = || env.cc("-c a.c");
        step().miss_then_hit();
        for (number, place) in ["specs", "../specs"].iter().enumerate() {
            let text = format!("*cc1_options:\n+ -DV={}\n\n", number + 1);
            fs::write(library.join(place), text).unwrap();
            step().miss_then_hit();
            fs::remove_file(library.join(place)).unwrap();
            step().hit();
        }
    });
}
