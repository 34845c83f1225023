//! The units to compile: small C, a large C file of redis, C++ with the
//! standard library, C++ with Boost, Eigen and JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::Call;

/// One compile.
pub struct Unit {
    pub name: &'static str,
    pub directory: PathBuf,
    pub compiler: PathBuf,
    pub args: Vec<String>,
    pub source: PathBuf,
    /// Where the object goes.
    pub object: PathBuf,
    /// Every file that the compile reads, as the compiler says.
    pub dependencies: Vec<PathBuf>,
}

const SMALL: &str = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
int main(int argc, char **argv) { for (int i = 0; i < argc; i++) puts(argv[i]); return EXIT_SUCCESS; }\n";

const STL: &str = "#include <algorithm>\n#include <iostream>\n#include <map>\n#include <memory>\n\
#include <string>\n#include <vector>\n\
int main() { std::map<std::string, std::vector<int>> m; m[\"a\"] = {3, 1, 2};\n\
for (auto &p : m) { std::sort(p.second.begin(), p.second.end()); for (int i : p.second) std::cout << p.first << i; }\n\
auto u = std::make_unique<std::string>(\"x\"); std::cout << *u; }\n";

const HEAVY: &str = "#include <boost/asio.hpp>\n#include <boost/graph/adjacency_list.hpp>\n\
#include <boost/graph/dijkstra_shortest_paths.hpp>\n#include <boost/spirit/include/qi.hpp>\n\
#include <Eigen/Dense>\n#include <nlohmann/json.hpp>\n\
int main() { Eigen::Matrix3d m = Eigen::Matrix3d::Random(); nlohmann::json j = {{\"d\", m.determinant()}};\n\
boost::asio::io_context c; return j.dump().size() + c.run(); }\n";

/// Every unit whose sources are here; the others are said to be skipped.
pub fn all(root: &Path) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut simple = |name, file: &str, text: &str, compiler: &str, options: &[&str]| {
        let directory = root.join("units").join(name);
        fs::create_dir_all(&directory).expect("a folder for the unit");
        fs::write(directory.join(file), text).expect("the unit can be written");
        units.push(Unit::new(name, directory, file, compiler, options));
    };
    simple("small C", "small.c", SMALL, "/usr/bin/gcc", &["-O2"]);
    simple("C++ STL", "stl.cc", STL, "/usr/bin/g++", &["-g"]);
    let heavy = ["boost/asio.hpp", "eigen3/Eigen/Dense", "nlohmann/json.hpp"];
    if heavy
        .iter()
        .all(|name| Path::new("/usr/include").join(name).exists())
    {
        let options = ["-isystem", "/usr/include/eigen3"];
        simple("C++ Boost", "heavy.cc", HEAVY, "/usr/bin/g++", &options);
    } else {
        eprintln!(
            "SKIPPED: C++ Boost: libboost-dev, libeigen3-dev or nlohmann-json3-dev is not installed"
        );
    }
    match redis(root) {
        Some(unit) => units.insert(1, unit),
        None => eprintln!("SKIPPED: redis: run scripts/corpora first"),
    }
    units
}

/// Unpacks redis into `tree`; `None` if its tarball is not here.
pub fn unpack_redis(tree: &Path) -> Option<()> {
    let corpora = match std::env::var_os("CACHE_TEST_CORPORA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpora"),
    };
    let versions = fs::read_to_string(corpora.join("VERSIONS")).ok()?;
    let tarball = versions
        .lines()
        .find_map(|line| line.strip_prefix("redis ")?.split(' ').nth(1))?;
    fs::create_dir_all(tree).ok()?;
    let unpacked = Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(corpora.join(tarball))
        .arg("-C")
        .arg(tree)
        .status()
        .ok()?;
    unpacked.success().then_some(())
}

/// server.c as redis' makefile compiles it.
fn redis(root: &Path) -> Option<Unit> {
    let tree = root.join("units/redis");
    unpack_redis(&tree)?;
    let directory = tree.join("src");
    let header = Command::new("sh")
        .arg("./mkreleasehdr.sh")
        .current_dir(&directory)
        .output()
        .ok()?;
    if !header.status.success() {
        return None;
    }
    let options = [
        "-std=c11",
        "-pedantic",
        "-DREDIS_STATIC=",
        "-Wall",
        "-W",
        "-Wno-missing-field-initializers",
        "-O2",
        "-g",
        "-ggdb",
        "-MMD",
        "-I../deps/hiredis",
        "-I../deps/linenoise",
        "-I../deps/lua/src",
        "-I../deps/hdr_histogram",
    ];
    Some(Unit::new(
        "redis server.c",
        directory,
        "server.c",
        "/usr/bin/gcc",
        &options,
    ))
}

impl Unit {
    pub fn new(
        name: &'static str,
        directory: PathBuf,
        source: &str,
        compiler: &str,
        options: &[&str],
    ) -> Unit {
        let mut args: Vec<String> = options.iter().map(|&o| o.to_owned()).collect();
        args.extend(["-c", source, "-o", "unit.o"].map(str::to_owned));
        let object = directory.join("unit.o");
        let mut unit = Unit {
            name,
            source: directory.join(source),
            directory,
            compiler: compiler.into(),
            args,
            object,
            dependencies: Vec::new(),
        };
        unit.dependencies = unit.ask_dependencies(source, options);
        unit
    }

    fn ask_dependencies(&self, source: &str, options: &[&str]) -> Vec<PathBuf> {
        let output = Command::new(&self.compiler)
            .args(options.iter().filter(|o| !o.starts_with("-MM")))
            .args(["-M", source])
            .current_dir(&self.directory)
            .output()
            .expect("the compiler runs");
        assert!(
            output.status.success(),
            "{}: the unit does not compile",
            self.name
        );
        let text = String::from_utf8_lossy(&output.stdout).replace("\\\n", " ");
        let (_, files) = text.split_once(':').expect("a rule");
        files.split_whitespace().map(PathBuf::from).collect()
    }

    /// Whether it has dependencies by the thousand, and takes seconds to compile.
    pub fn is_huge(&self) -> bool {
        self.dependencies.len() >= 1000
    }

    /// The compile, without a tool.
    pub fn call(&self) -> Call {
        let words = std::iter::once(self.compiler.display().to_string());
        Call::new(&self.directory, words.chain(self.args.iter().cloned()))
    }

    /// The object's bytes; it is removed. Empty if there is none.
    pub fn take_object(&self) -> Vec<u8> {
        let bytes = fs::read(&self.object).unwrap_or_default();
        let _ = fs::remove_file(&self.object);
        bytes
    }
}
