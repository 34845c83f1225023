//! Files besides the product: every one is there after a miss and after a hit,
//! under the names that this call's compiler would give it, and what stood
//! there before is treated as the compiler treats it.

use std::os::unix::fs::PermissionsExt;

use crate::env::{Env, each};

const SOURCE: &str = "#include \"h.h\"\nint g(int);\nint f(int a) { int b[9]; for (a = 0; a < 9; a++) \
                      b[a] = g(a); return b[3] + H; }\n";

pub fn sources(env: &Env) {
    env.write("h.h", "#define H 1\n");
    for name in ["x.c", "y.z.c", "x.cc", "sub/v.c"] {
        env.write(name, SOURCE);
    }
    env.write("sub/h.h", "#define H 1\n");
    env.write("i.i", "int i(int a) { return a; }\n");
    env.write("p.S", "#include \"h.h\"\n\t.data\nx:\t.long H\n");
    env.write("q.s", "\t.data\nx:\t.long 1\n");
    env.mkdir("out");
}

/// What a call with side files must get right.
struct Check<'a> {
    env: &'a Env,
    options: &'a str,
    varying: &'a [&'a str],
    links: bool,
}

impl Check<'_> {
    fn step(&self, rest: &str) -> crate::env::Step<'_> {
        let mut step = self.env.cc(&format!("{} {rest}", self.options));
        for part in self.varying {
            step = step.varies(part);
        }
        step
    }

    /// A miss, then a hit; then with each file gone, and with old ones in
    /// place: longer, empty, with another mode, with a second name.
    fn all(&self, rest: &str) {
        self.step(rest).miss_then_hit();
        let before = crate::support::tree::Tree::capture(&self.env.work(""));
        // The compiler alone says which files there are.
        let made = self.files_of(rest);
        assert!(!made.is_empty(), "{} {rest}", self.options);
        for name in &made {
            if self.env.exists(name) {
                self.env.remove(name);
            }
        }
        self.step(rest).direct_hit();
        for (content, mode) in [
            ("older and longer than what comes".repeat(999), 0o640),
            (String::new(), 0o600),
        ] {
            for name in &made {
                self.place(name, &content, mode);
            }
            self.step(rest).right();
        }
        if self.links {
            self.linked(rest, &made);
        }
        before.restore(&self.env.work(""));
    }

    fn place(&self, name: &str, content: &str, mode: u32) {
        let path = self.env.work(name);
        let _ = std::fs::remove_file(&path);
        self.env.write(name, content);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Files that have a second name: written through, or parted from it. (A
    /// step would lose the links between its two runs.)
    fn linked(&self, rest: &str, made: &[String]) {
        let mut found = Vec::new();
        for through in [false, true] {
            for name in made {
                self.place(name, "old", 0o660);
                let second = self.env.work(&format!("{name}.second"));
                std::fs::hard_link(self.env.work(name), second).unwrap();
            }
            let output = self.step(rest).command(through).output().unwrap();
            assert!(output.status.success());
            let mut tree = crate::support::tree::Tree::capture(&self.env.work(""));
            tree.forget(|name| {
                let name = name.to_string_lossy();
                self.varying.iter().any(|part| name.contains(part))
            });
            found.push(tree);
            for name in made {
                self.env.remove(&format!("{name}.second"));
            }
        }
        let differences = found[0].differences(&found[1]);
        assert!(
            differences.is_empty(),
            "{:?} {} {rest}:\n{differences}",
            self.env.compiler,
            self.options
        );
    }

    /// The files that the compiler alone makes or changes.
    fn files_of(&self, rest: &str) -> Vec<String> {
        let before = crate::support::tree::Tree::capture(&self.env.work(""));
        let step = self.step(rest);
        let marker = std::time::SystemTime::now();
        std::thread::sleep(std::time::Duration::from_millis(10));
        step.command(false).output().unwrap();
        let mut made = Vec::new();
        for directory in ["", "out/", "sub/"] {
            for item in std::fs::read_dir(self.env.work(directory)).unwrap() {
                let item = item.unwrap();
                let metadata = item.metadata().unwrap();
                if metadata.is_file() && metadata.modified().unwrap() > marker {
                    made.push(format!("{directory}{}", item.file_name().to_string_lossy()));
                }
            }
        }
        before.restore(&self.env.work(""));
        made
    }
}

pub fn check(env: &Env, options: &str, varying: &[&str], rests: &[&str]) {
    for (n, rest) in rests.iter().enumerate() {
        Check {
            env,
            options,
            varying,
            links: n == 0,
        }
        .all(rest);
    }
}

#[test]
fn o9_temporary_files_are_kept() {
    each(|env| {
        sources(env);
        check(
            env,
            "-save-temps",
            &[],
            &["-c x.c", "-c y.z.c -o out/o.p.o"],
        );
        for option in ["-save-temps=cwd", "-save-temps=obj"] {
            check(env, option, &[], &["-S y.z.c -o out/w.s"]);
            for rest in [
                "-c i.i -o out/i.o",
                "-c p.S -o out/p.o",
                "-c -x c++ x.c",
                "-c q.s",
            ] {
                env.cc(&format!("{option} {rest}")).right_twice();
            }
        }
        for options in [
            "--save-temps",
            "-save-temps -save-temps=obj",
            "-save-temps=obj -save-temps",
            "-save-temps=obj -save-temps=cwd",
            "-save-temps=nonsense",
            "-save-temps -g -MD",
            "-save-temps -pipe",
            "-save-temps -g -gsplit-dwarf",
            "-save-temps=obj -O2 -flto -frandom-seed=1",
            "-save-temps=obj -Wall -fstack-usage",
        ] {
            let step = env.cc(&format!("{options} -c x.c -o out/t.o"));
            // clang's messages name the time of day in a file's name.
            step.right_twice();
        }
        // A header edited.
        env.cc("-save-temps -c x.c").right();
        env.write("h.h", "#define H 2\n");
        env.cc("-save-temps -c x.c").not_served();
        // A file that is a source as well; clang leaves a temporary one behind.
        if !env.compiler.is_clang() {
            env.write("x.i", SOURCE);
            env.cc("-save-temps -c -x c x.i -o x.o").right_twice();
        }
    });
}

/// Options that change what a preprocessor run of our own would print: the
/// text must not stand for the source then.
#[test]
fn o17_options_for_preprocessed_output() {
    each(|env| {
        let text =
            |n: u32| format!("#include \"h.h\"\n#define M H\nint f(void) {{ return M + {n}; }}\n");
        let common = ["-dM", "-dD", "-dI"];
        let gcc = ["-dU", "-dN", "-fdirectives-only", "-fdebug-cpp", "-dMD"];
        let clang = [
            "-frewrite-includes",
            "-fuse-line-directives",
            "-fdirectives-only",
        ];
        let own: &[&str] = if env.compiler.is_clang() {
            &clang
        } else {
            &gcc
        };
        for (n, option) in common.iter().chain(own).enumerate() {
            // Nothing of this may be known from an earlier round.
            env.write("h.h", format!("#define H {n}\n"));
            env.write("x.c", text(1));
            env.cc(&format!("{option} -c x.c")).right_twice();
            env.write("x.c", text(2));
            env.cc(&format!("{option} -c x.c")).right_twice();
            env.write("h.h", format!("#define H {n} /* */\n"));
            env.cc(&format!("{option} -c x.c")).right_twice();
            env.write("h.h", format!("#define H {n}1\n"));
            env.cc(&format!("{option} -c x.c")).not_served();
            env.write("x.c", text(1));
            env.cc(&format!("{option} -c x.c")).not_served();
        }
    });
}

#[test]
fn o17_words_for_preprocessor_and_frontend() {
    each(|env| {
        sources(env);
        env.write("v.c", "int v = V;\n#ifdef W\nint w = W;\n#endif\n");
        for option in ["-D", "-U"] {
            env.cc(&format!("-Wp,{option},W -DV=1 -c v.c"))
                .right_twice();
            env.cc(&format!("-Wp,{option},V -DV=1 -c v.c"))
                .right_twice();
        }
        for options in [
            "-Wp,-D_FORTIFY_SOURCE=2 -O2 -DV=1",
            "-Wp,-w -DV=1",
            "-Wp,-Wundef -DV=1",
            "-Wp,-DV=1,-Wall",
            "-Wp,-D -DV=1",
            "-Wp,-I,out -DV=1",
            "-Wp,-Iout -DV=1",
            "-Wp,-isystem,out -DV=1",
            "-Wp,-MD,v.d,-MT,x -DV=1",
            "-Wp,-MMD,v.d,-MP -DV=1",
            "-Xpreprocessor -D -Xpreprocessor V=1",
            "-Xpreprocessor -MD -Xpreprocessor v.d -DV=1",
            "-Xpreprocessor -fopenmp -DV=1",
        ] {
            env.cc(&format!("{options} -c v.c")).right_twice();
        }
        env.write("f.h", "#define V 5\n");
        env.cc("-Wp,-include,f.h -c v.c").miss_then_hit();
        env.cc("-Wp,-imacros,f.h -c v.c").miss_then_hit();
        env.write("f.h", "#define V 6\n");
        env.cc("-Wp,-include,f.h -c v.c").miss_then_hit();
        env.cc("-Wp,-imacros,f.h -c v.c").miss_then_hit();
        if !env.compiler.is_clang() {
            return;
        }
        for options in [
            "-Xclang -DV=7",
            "-DV=1 -Xclang -Wall",
            "-DV=1 -Xclang -O1",
            "-DV=1 -Xclang -debug-info-kind=limited",
            "-DV=1 -Xclang -vectorize-loops",
            "-DV=1 -Xclang -target-feature -Xclang +sse4.2",
            "-DV=1 -Xclang -fdump-record-layouts",
            "-DV=1 -Xclang -ast-dump",
            "-DV=1 -Xclang -dependency-dot -Xclang deps.dot",
            "-DV=1 -Xclang -header-include-file -Xclang headers.txt",
            "-DV=1 -Xclang -fsyntax-only",
            "-DV=1 -Xclang -emit-llvm",
            "-DV=1 -Xclang -load -Xclang none.so",
            "-DV=1 -mllvm -stats",
            "-DV=1 -mllvm -info-output-file=i.txt -mllvm -stats",
            "-DV=1 -mllvm -print-after-all",
        ] {
            env.cc(&format!("{options} -c v.c"))
                .stdout_varies()
                .right_twice();
        }
        env.cc("-Xclang -DV=8 -c v.c").miss_then_hit();
        env.cc("-Xclang -DV=9 -c v.c").miss_then_hit();
        env.write("p.h", "#define HDR \"f.h\"\n");
        env.cc("-include p.h -DV=1 -Xclang -Wall -c v.c")
            .miss_then_hit();
    });
}
