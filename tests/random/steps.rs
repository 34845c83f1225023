//! Random scenarios: what is called, and what happens between the calls.

use cache::compiler::Family;

use crate::options::{Compiler, View};
use crate::project::{self, HEADERS, Kind};
use crate::rng::Rng;
use crate::scenario::{Call, File, Group, Scenario, Step, put, quoted};

/// A scenario from its seed.
pub fn draw(compilers: &[Compiler], seed: u64) -> Scenario {
    let mut rng = Rng::new(seed);
    let compiler = &compilers[rng.below(compilers.len())];
    let kind_cxx = rng.chance(45);
    let kind = Kind::draw(&mut rng, kind_cxx);
    let mut world = World::new(rng, compiler, kind, kind_cxx);
    let mut steps = vec![Step {
        what: "the first call".to_owned(),
        script: String::new(),
        call: world.call.clone(),
    }];
    for _ in 0..3 + world.rng.below(4) {
        steps.push(world.step());
    }
    Scenario {
        settings: world.settings(),
        files: world.files,
        steps,
    }
}

/// What a scenario is drawn from, and where it stands.
struct World<'a> {
    rng: Rng,
    compiler: &'a Compiler,
    view: View,
    files: Vec<File>,
    first: Call,
    call: Call,
}

impl<'a> World<'a> {
    fn new(mut rng: Rng, compiler: &'a Compiler, kind: Kind, cxx: bool) -> World<'a> {
        let files = project::draw(&mut rng, kind);
        let build = rng.chance(30);
        let prefix = match (rng.chance(15), build) {
            (true, _) => "@P@/",
            (false, true) => "../",
            (false, false) => "",
        };
        let view = View {
            prefix: prefix.to_owned(),
            kind,
            anything: rng.chance(15),
        };
        let (c, cxx_driver) = compiler.drivers;
        let call = Call {
            driver: if cxx { cxx_driver } else { c }.to_owned(),
            groups: Vec::new(),
            project: "p".to_owned(),
            directory: if build { "build" } else { "" }.to_owned(),
            vars: Vec::new(),
            stdin: String::new(),
            umask: None,
        };
        let mut world = World {
            rng,
            compiler,
            view,
            files,
            first: call.clone(),
            call,
        };
        world.call.groups = world.groups();
        world.first = world.call.clone();
        world
    }

    /// The options, the source and the output of the first call.
    fn groups(&mut self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        if self.view.kind.includes() {
            for (option, directory) in [("-I", "inc1"), ("-I", "inc2"), ("-isystem", "sys")] {
                if self.rng.chance(95) {
                    let directory = format!("{}{directory}", self.view.prefix);
                    groups.push(match self.rng.chance(50) {
                        true => vec![format!("{option}{directory}")],
                        false => vec![option.to_owned(), directory],
                    });
                }
            }
        }
        for _ in 0..self.rng.below(7) {
            groups.extend(self.compiler.option(&mut self.rng, &self.view));
        }
        if self.rng.chance(40) {
            let dependencies = self.compiler.dependencies(&mut self.rng, &self.view);
            groups.extend(dependencies);
        }
        if self.rng.chance(30) {
            self.rng.shuffle(&mut groups);
        }
        let stop = match self.rng.below(40) {
            0..=5 => Some("-S"),
            6 => Some("-E"),
            7 => None,
            8 => Some("-fsyntax-only"),
            _ => Some("-c"),
        };
        groups.extend(stop.map(|word| vec![word.to_owned()]));
        if self.rng.chance(75) {
            groups.push(self.output());
        }
        let source = self.source();
        match self.rng.chance(80) {
            true => groups.push(source),
            false => groups.insert(self.rng.below(groups.len() + 1), source),
        }
        groups
    }

    fn source(&mut self) -> Group {
        let path = self.files[0].path.trim_start_matches("p/");
        let language = match self.view.kind {
            Kind::C => "c",
            Kind::Cxx => "c++",
            _ => return vec![format!("{}{path}", self.view.prefix)],
        };
        if self.rng.chance(3) {
            self.call.stdin = self.files[0].chunks.concat();
            return ["-x", language, "-"].map(str::to_owned).to_vec();
        }
        vec![format!("{}{path}", self.view.prefix)]
    }

    fn output(&mut self) -> Group {
        let name = self.rng.pick(&[
            "x.o", "x.o", "main.o", "y.obj", "out.x", "./z.o", "a.b.o", "noext",
        ]);
        let name = match self.rng.below(40) {
            0 => "nowhere/x.o",
            1 => "/dev/null",
            2 => "side.x",
            _ => name,
        };
        let name = match self.rng.chance(15) {
            true => format!("{}out/{name}", self.view.prefix),
            false => name.to_owned(),
        };
        match self.rng.chance(10) {
            true => vec![format!("-o{name}")],
            false => vec!["-o".to_owned(), name],
        }
    }

    /// Settings of the cache that must not change a result.
    fn settings(&mut self) -> Vec<(String, String)> {
        let choices: &[(&str, &str)] = &[
            ("CACHE_DIRECT_MODE", "false"),
            ("CACHE_DIRECT_MODE", "false"),
            ("CACHE_DIRECT_MODE", "false"),
            ("CACHE_DEPEND_MODE", "true"),
            ("CACHE_BASE_DIR", "@W@"),
            ("CACHE_BASE_DIR", "@W@"),
            ("CACHE_COMPRESSION", "false"),
            ("CACHE_NAMESPACE", "mine"),
            ("CACHE_HARD_LINK", "true"),
        ];
        let mut settings = Vec::new();
        while self.rng.chance(25) {
            let (name, value) = self.rng.pick(choices);
            if !settings.iter().any(|(n, _)| n == name) {
                settings.push((name.to_owned(), value.to_owned()));
            }
        }
        settings
    }

    // Steps -------------------------------------------------------------

    fn step(&mut self) -> Step {
        let (what, script) = match self.rng.below(32) {
            0 => (String::from("nothing"), String::new()),
            1..=3 => self.edit(),
            4 | 5 => self.edit_comment(),
            6 => self.edit_back(),
            7 => self.touch(),
            8 => self.same_size(),
            9..=11 => self.move_project(),
            12 => self.shadow(),
            13 => self.move_header(),
            14 => self.optional_header(),
            15 => self.remove_header(),
            16 | 17 => self.other_output(),
            18 => self.delete_outputs(),
            19 => self.occupied_output(),
            20 => self.variable(),
            21 => self.data_file(),
            22 => self.order(),
            23 => self.add_option(),
            24 => self.drop_option(),
            25 => {
                let project = self.call.project.clone();
                let directory = self.call.directory.clone();
                self.call = self.first.clone();
                self.call.project = project;
                self.call.directory = directory;
                ("the first call again".to_owned(), String::new())
            }
            26 => self.precompile(),
            27 => self.link_directory(),
            28 => self.tools(),
            29 => self.response_file(),
            _ => self.odds(),
        };
        Step {
            what,
            script,
            call: self.call.clone(),
        }
    }

    /// A path of the project, as scripts see it.
    fn path(&self, path: &str) -> String {
        let below = path.strip_prefix("p/").unwrap_or(path);
        format!("{}/{below}", self.call.project)
    }

    /// The source or a header, by its place among the files.
    fn some_text(&mut self) -> usize {
        match self.rng.chance(50) {
            true => 0,
            false => 1 + self.rng.below(HEADERS.len()),
        }
    }

    fn edit(&mut self) -> (String, String) {
        let at = self.some_text();
        let path = self.files[at].path.clone();
        let chunks = match at {
            0 if self.rng.chance(50) => {
                let mut chunks = self.files[0].chunks.clone();
                let more = project::source_chunks(&mut self.rng, self.view.kind);
                let place = self.rng.below(chunks.len() + 1);
                chunks.extend(more.last().filter(|c| !chunks.contains(c)).cloned());
                if self.rng.chance(50) {
                    chunks.rotate_right(place);
                }
                chunks
            }
            0 => project::source_chunks(&mut self.rng, self.view.kind),
            _ => {
                let name = path.rsplit('/').next().unwrap().replace(".h", "");
                project::header_chunks(&mut self.rng, &name)
            }
        };
        let text = chunks.concat();
        (format!("edit {path}"), put(&self.path(&path), &text))
    }

    fn edit_back(&mut self) -> (String, String) {
        let mut scripts = Vec::new();
        for file in &self.files[..=HEADERS.len()] {
            let path = self.path(&file.path);
            let write = put(&path, &file.chunks.concat());
            scripts.push(format!(
                "{write}.new; cmp -s {path}.new {path} || cp {path}.new {path}; rm -f {path}.new"
            ));
        }
        ("all texts as they were".to_owned(), scripts.join("\n"))
    }

    fn edit_comment(&mut self) -> (String, String) {
        let at = self.some_text();
        let path = self.files[at].path.clone();
        let file = quoted(&self.path(&path));
        let line = 1 + self.rng.below(8);
        let number = self.rng.below(100);
        let script = match self.rng.below(5) {
            0 => format!("sed -i '{line}i /* comment {number} */' {file}"),
            1 => format!("sed -i '{line}s,$, /* {number} */,' {file}"),
            2 => format!("echo '/* last {number} */' >>{file}"),
            3 => format!("sed -i '{line}i // __TIME__ {number}' {file}"),
            _ => format!("sed -i '{line}s,^, ,' {file}"),
        };
        (format!("edit a comment in {path}"), script)
    }

    fn touch(&mut self) -> (String, String) {
        let at = self.some_text();
        let path = self.files[at].path.clone();
        let date = self
            .rng
            .pick(&["now", "2001-01-01", "tomorrow", "1 hour ago"]);
        let script = format!("touch -d '{date}' {}", quoted(&self.path(&path)));
        (format!("touch {path}"), script)
    }

    fn same_size(&mut self) -> (String, String) {
        let at = self.some_text();
        let path = self.files[at].path.clone();
        let file = quoted(&self.path(&path));
        let script = format!(
            "cp -p {file} {file}.old; tr 1234 2341 <{file}.old >{file}; touch -r {file}.old {file}; rm -f {file}.old"
        );
        (format!("{path}: other digits, same size and time"), script)
    }

    fn move_project(&mut self) -> (String, String) {
        let from = self.call.project.clone();
        let to = match from.as_str() {
            "p" => self.rng.pick(&["q", "longer-name", "d/e"]),
            _ => "p",
        };
        self.call.project = to.to_owned();
        self.call.vars.retain(|(name, _)| name != "PWD");
        if self.rng.chance(20) {
            let pwd = match self.call.directory.is_empty() {
                true => "@P@".to_owned(),
                false => format!("@P@/{}", self.call.directory),
            };
            self.call.vars.push(("PWD".to_owned(), pwd));
        }
        if self.rng.chance(20) && from == "p" {
            let script = format!("rm -rf {to}; mkdir -p $(dirname {to}); ln -s $PWD/{from} {to}");
            return (format!("the project by a link, {to}"), script);
        }
        let (how, command) = match self.rng.below(3) {
            0 => ("move", "mv"),
            1 => ("copy", "cp -a"),
            _ => ("check out again", "cp -r"),
        };
        let script =
            format!("rm -rf {to}; mkdir -p $(dirname {to}); {command} $(realpath {from}) {to}");
        (format!("{how} the project to {to}"), script)
    }

    fn shadow(&mut self) -> (String, String) {
        let name = self.rng.pick(&[
            "a.h", "b.h", "local.h", "sub/c.h", "s.h", "limits.h", "plain.h",
        ]);
        let directory = self
            .rng
            .pick(&["src", "inc1", "inc0", "inc2", "sys", "build", "."]);
        let file = self.path(&format!("{directory}/{name}"));
        let base = name.rsplit('/').next().unwrap().replace(".h", "");
        let text = project::header_chunks(&mut self.rng, &base).concat();
        let script = format!("mkdir -p $(dirname {file})\n{}", put(&file, &text));
        (format!("a header {directory}/{name}"), script)
    }

    fn move_header(&mut self) -> (String, String) {
        let from = self.rng.pick(HEADERS);
        let from = self.path(from);
        let to = self.rng.pick(&["src", "inc1", "inc2", "sys"]);
        let to = self.path(to);
        let script = format!("mv {from} {to}/ 2>/dev/null || true");
        (format!("move {from} to {to}"), script)
    }

    fn optional_header(&mut self) -> (String, String) {
        let name = self.rng.pick(&[
            "inc1/opt.h",
            "src/opt.h",
            "inc2/sub/opt2.h",
            "missing.h",
            "src/missing.h",
        ]);
        let file = self.path(name);
        let number = self.rng.below(10);
        (
            format!("{name} comes"),
            put(
                &file,
                &format!("#define OPTIONAL {number}\nextern int optional{number};\n"),
            ),
        )
    }

    fn remove_header(&mut self) -> (String, String) {
        let name = self.rng.pick(HEADERS);
        let file = self.path(name);
        let script = match self.rng.below(3) {
            0 => format!("rm -f {file}"),
            1 => format!("rm -f {file}; mkdir {file}"),
            _ => format!("mv {file} {file}.real; ln -s $(basename {file}).real {file}"),
        };
        (format!("{name} goes or becomes a link"), script)
    }

    fn other_output(&mut self) -> (String, String) {
        let output = self.output();
        self.call.groups.retain(|group| !group[0].starts_with("-o"));
        self.call.groups.push(output);
        ("another output".to_owned(), String::new())
    }

    fn delete_outputs(&mut self) -> (String, String) {
        let project = &self.call.project;
        let what = self.rng.pick(&[
            "-name '*.o' -o -name '*.d'",
            "-name '*.d'",
            "-name '*.gcno' -o -name '*.dwo' -o -name '*.su' -o -name 'side.*'",
            "-newer asm.inc ! -name '*.h' ! -name 'main.*'",
        ]);
        let script = format!("(cd {project} && find . -type f '(' {what} ')' -delete)");
        ("delete outputs".to_owned(), script)
    }

    /// Where the product goes, by the call, below the working tree.
    fn product(&self) -> String {
        let mut name = "main.o".to_owned();
        for group in &self.call.groups {
            match group.as_slice() {
                [option, value] if option == "-o" => name = value.clone(),
                [word] if word.starts_with("-o") && word.len() > 2 => name = word[2..].to_owned(),
                _ => {}
            }
        }
        match name.strip_prefix("@P@/") {
            Some(below) => format!("{}/{below}", self.call.project),
            None if name.starts_with('/') => "unused".to_owned(),
            None => format!("{}/{name}", self.call.working_directory()),
        }
    }

    fn occupied_output(&mut self) -> (String, String) {
        let file = quoted(&self.product());
        let remove = format!("rm -rf {file}; mkdir -p $(dirname {file})");
        let (what, script) = match self.rng.below(7) {
            0 => ("has other content", format!("echo junk >{file}")),
            1 => (
                "is read-only",
                format!("echo junk >{file}; chmod 444 {file}"),
            ),
            2 => (
                "is a link",
                format!("echo junk >target; ln -s $PWD/target {file}"),
            ),
            3 => (
                "is a second name",
                format!("echo junk >other; ln other {file}"),
            ),
            4 => ("is a directory", format!("mkdir {file}")),
            5 => (
                "is executable",
                format!("echo junk >{file}; chmod 777 {file}"),
            ),
            _ => ("is a link to nothing", format!("ln -s nowhere {file}")),
        };
        (format!("the output {what}"), format!("{remove}; {script}"))
    }

    fn variable(&mut self) -> (String, String) {
        let choices: &[(&str, &str)] = &[
            ("CPATH", "@P@/inc2"),
            ("CPATH", "inc1"),
            ("C_INCLUDE_PATH", "@P@/sys"),
            ("CPLUS_INCLUDE_PATH", "@P@/inc2"),
            ("LANG", "de_DE.UTF-8"),
            ("LC_ALL", "C.UTF-8"),
            ("GCC_COLORS", "error=01;32"),
            ("SOURCE_DATE_EPOCH", "1000000000"),
            ("SOURCE_DATE_EPOCH", "1100000000"),
            ("DEPENDENCIES_OUTPUT", "env.d"),
            ("SUNPRO_DEPENDENCIES", "env.d target"),
            ("COMPILER_PATH", "@P@/out"),
            ("LIBRARY_PATH", "@P@/out"),
            ("CCC_OVERRIDE_OPTIONS", "+-O2"),
            ("PWD", "/"),
            ("PWD", "@W@"),
            ("TERM", "xterm-256color"),
            ("CLICOLOR_FORCE", "1"),
            ("COLUMNS", "40"),
            ("UNRELATED", "x"),
        ];
        let (name, value) = self.rng.pick(choices);
        let before = self.call.vars.len();
        self.call.vars.retain(|(n, _)| n != name);
        if before == self.call.vars.len() || self.rng.chance(50) {
            self.call.vars.push((name.to_owned(), value.to_owned()));
        }
        (format!("the variable {name}"), String::new())
    }

    fn data_file(&mut self) -> (String, String) {
        let name = self.rng.pick(&[
            "list.txt",
            "data.bin",
            "build/data.bin",
            "asm.inc",
            "my.specs",
            "my.cfg",
            "sample.prof",
            "src/plain.h",
        ]);
        let file = self.path(name);
        let script = match self.rng.below(3) {
            0 => format!("rm -f {file}"),
            1 => format!("sed -i 's/1/2/;s/5/6/;s/plain/compares/' {file}"),
            _ => format!("echo >>{file}"),
        };
        (format!("change or remove {name}"), script)
    }

    fn order(&mut self) -> (String, String) {
        let mut groups = std::mem::take(&mut self.call.groups);
        self.rng.shuffle(&mut groups);
        self.call.groups = groups;
        ("another order of the options".to_owned(), String::new())
    }

    fn add_option(&mut self) -> (String, String) {
        let more = self.compiler.option(&mut self.rng, &self.view);
        let text = more.concat().join(" ");
        let at = self.rng.below(self.call.groups.len() + 1);
        self.call.groups.splice(at..at, more);
        (format!("one more option: {text}"), String::new())
    }

    fn drop_option(&mut self) -> (String, String) {
        let groups = &mut self.call.groups;
        let at = self.rng.below(groups.len());
        let is_source = groups[at]
            .iter()
            .any(|word| word.contains("src/main") || word == "-");
        if is_source || groups[at] == ["-c"] {
            return ("nothing".to_owned(), String::new());
        }
        let gone = groups.remove(at);
        (
            format!("one option less: {}", gone.join(" ")),
            String::new(),
        )
    }

    /// A precompiled header beside a header, made by the compiler itself.
    fn precompile(&mut self) -> (String, String) {
        let header = self.rng.pick(HEADERS);
        let language = match self.view.kind {
            Kind::Cxx => "c++-header",
            _ => "c-header",
        };
        let suffix = match self.compiler.family {
            Family::Clang if self.rng.chance(50) => "pch",
            _ => "gch",
        };
        let file = self.path(header);
        let options: Vec<String> = (self.call.groups.iter())
            .filter(|group| !group[0].starts_with("-M") && !group[0].starts_with("-o"))
            .filter(|group| !group.iter().any(|word| word.contains("src/")))
            .flatten()
            .filter(|word| !["-c", "-S"].contains(&word.as_str()))
            .map(|word| quoted(word))
            .collect();
        let script = format!(
            "top=$PWD; cd {} && {} {} -x {language} $top/{file} -o $top/{file}.{suffix} </dev/null",
            self.call.working_directory(),
            self.call.driver,
            options.join(" "),
        );
        (format!("precompile {header} into .{suffix}"), script)
    }

    fn link_directory(&mut self) -> (String, String) {
        let name = self.rng.pick(&["inc1", "inc2", "src", "sys"]);
        let other = self.rng.pick(&["inc1", "inc2", "sys"]);
        let directory = self.path(name);
        let script = match self.rng.below(2) {
            0 => format!("mv {directory} {directory}.real && ln -s {name}.real {directory}"),
            _ => format!("[ -L {directory} ] && ln -sfn {other} {directory}"),
        };
        (
            format!("{name} becomes a link, or leads to {other}"),
            script,
        )
    }

    /// Programs and files that compilers look for in places that are named.
    fn tools(&mut self) -> (String, String) {
        let vars = &mut self.call.vars;
        match self.rng.below(3) {
            0 => {
                let file = self.path("out/as");
                let number = self.rng.below(5);
                let text = format!("#!/bin/sh\nexec /usr/bin/as --defsym extra={number} \"$@\"\n");
                let script = format!("{}; chmod 755 {file}", put(&file, &text));
                ("an assembler in out".to_owned(), script)
            }
            1 => {
                vars.retain(|(name, _)| name != "COMPILER_PATH");
                vars.push(("COMPILER_PATH".to_owned(), "@P@/out".to_owned()));
                ("programs are in out".to_owned(), String::new())
            }
            _ => {
                vars.retain(|(name, _)| !name.starts_with("CLANG_CONFIG"));
                vars.push(("CLANG_CONFIG_FILE_USER_DIR".to_owned(), "@P@".to_owned()));
                let number = self.rng.below(5);
                let script = put(&self.path("clang.cfg"), &format!("-DLEVEL={number}\n"));
                ("a configuration of clang's".to_owned(), script)
            }
        }
    }

    /// Some words go to a file, or the file changes.
    fn response_file(&mut self) -> (String, String) {
        let file = self.path("args.rsp");
        let name = format!("@{}args.rsp", self.view.prefix);
        let groups = &mut self.call.groups;
        if let Some(at) = groups.iter().position(|group| group[0] == name) {
            let more = self.compiler.option(&mut self.rng, &self.view).concat();
            let text: Vec<String> = more.iter().map(|word| quoted(word)).collect();
            if self.rng.chance(20) {
                groups.remove(at);
            }
            let script = put(&file, &format!("{}\n", text.join("\n")));
            return ("the response file changes".to_owned(), script);
        }
        let count = self.rng.below(groups.len().min(4) + 1);
        let moved: Vec<Group> = groups.drain(..count).collect();
        groups.insert(0, vec![name]);
        let words: Vec<String> = moved.concat().iter().map(|word| quoted(word)).collect();
        let script = put(&file, &format!("{}\n", words.join(" ")));
        ("options go to a response file".to_owned(), script)
    }

    fn odds(&mut self) -> (String, String) {
        match self.rng.below(6) {
            0 => {
                self.call.umask = Some(self.rng.pick(&[0o077, 0o002, 0o022]));
                ("another umask".to_owned(), String::new())
            }
            1 if !self.view.prefix.is_empty() && self.view.prefix != "../" => {
                self.call.directory = (self.rng.pick(&["", "build", "src"])).to_owned();
                ("another working directory".to_owned(), String::new())
            }
            2 => {
                let damage = "find ../cache -type f -size +200c ! -path '*.machine*' | head -3 | while read -r f; do echo damage | dd of=$f bs=1 seek=150 conv=notrunc status=none; done";
                ("damage entries of the cache".to_owned(), damage.to_owned())
            }
            4 => {
                for group in &mut self.call.groups {
                    for word in group {
                        *word = word.replace("src/main.", "src2/main.");
                    }
                }
                let project = &self.call.project;
                let script = format!("rm -rf {project}/src2; cp -r {project}/src {project}/src2");
                ("the same source in another directory".to_owned(), script)
            }
            3 => {
                let driver = &mut self.call.driver;
                let (c, cxx) = self.compiler.drivers;
                *driver = if driver == c { cxx } else { c }.to_owned();
                ("the other driver".to_owned(), String::new())
            }
            _ => {
                let file = self.path(&self.files[0].path);
                let rest = file.rsplit('.').next().unwrap_or("c").to_owned();
                let other = self.path(&format!("src/second.{rest}"));
                for group in &mut self.call.groups {
                    for word in group {
                        *word = word.replace("src/main.", "src/second.");
                    }
                }
                let clang = self.compiler.family == Family::Clang;
                let script = match clang {
                    true => format!("cp {file} {other}"),
                    false => format!("cp -p {file} {other}"),
                };
                ("the same source by another name".to_owned(), script)
            }
        }
    }
}
