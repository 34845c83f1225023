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
