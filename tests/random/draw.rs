//! Random scenarios: the project, the first call, and the steps after it.

use crate::options::{Compiler, View};
use crate::project::{self, Kind};
use crate::rng::Rng;
use crate::scenario::{Call, File, Group, Scenario, Step};

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
pub struct World<'a> {
    pub(crate) rng: Rng,
    pub(crate) compiler: &'a Compiler,
    pub(crate) view: View,
    pub(crate) files: Vec<File>,
    pub(crate) first: Call,
    pub(crate) call: Call,
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

    pub(crate) fn output(&mut self) -> Group {
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
}
