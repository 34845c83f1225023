//! What the command line asks for.

use std::path::PathBuf;

/// A part of the benchmark that can run alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    Hits,
    Misses,
    Passthrough,
    Builds,
    Store,
    Stress,
    Growth,
    Remote,
}

impl Section {
    const ALL: [(&'static str, Section); 8] = [
        ("hits", Section::Hits),
        ("misses", Section::Misses),
        ("passthrough", Section::Passthrough),
        ("builds", Section::Builds),
        ("store", Section::Store),
        ("stress", Section::Stress),
        ("growth", Section::Growth),
        ("remote", Section::Remote),
    ];
}

pub struct Options {
    /// Hits measured per unit and tool.
    pub runs: usize,
    /// Few runs of everything, and only the peers that need no daemon.
    pub quick: bool,
    /// Those that need one as well.
    pub daemons: bool,
    /// Measure only this unit.
    pub unit: Option<String>,
    /// Empty: all.
    only: Vec<Section>,
    /// Further builds of ccache, by name.
    pub ccaches: Vec<(String, PathBuf)>,
    /// Peers may be fetched and built.
    pub install: bool,
    /// End after that.
    pub only_install: bool,
    /// Entries of the store that is measured.
    pub entries: u64,
    pub json: Option<PathBuf>,
    pub svg: Option<PathBuf>,
    pub write: Option<PathBuf>,
}

const USAGE: &str = "\
usage: bench [--quick [--daemons]] [--runs N] [--entries N] [--unit NAME]
             [--only hits,misses,passthrough,builds,store,stress,growth,remote]
             [--peer NAME=CCACHE] [--no-install | --install-only]
             [--json FILE] [--svg DIRECTORY] [--write FILE.md]";

impl Options {
    /// Reads the process's arguments; ends it if they are wrong.
    pub fn read() -> Options {
        let mut options = Options {
            runs: 0,
            quick: false,
            daemons: false,
            unit: None,
            only: Vec::new(),
            ccaches: Vec::new(),
            install: true,
            only_install: false,
            entries: 0,
            json: None,
            svg: None,
            write: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            if !options.switch(&arg) {
                let value = args
                    .next()
                    .unwrap_or_else(|| usage(&format!("{arg} is unknown, or needs a value")));
                options.value(&arg, &value);
            }
        }
        let (runs, entries) = if options.quick {
            (20, 10_000)
        } else {
            (60, 200_000)
        };
        if options.runs == 0 {
            options.runs = runs;
        }
        if options.entries == 0 {
            options.entries = entries;
        }
        options
    }

    /// Whether a part is asked for.
    pub fn wants(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }

    /// Whether nothing but this part is asked for.
    pub fn is_only(&self, section: Section) -> bool {
        self.only == [section]
    }

    /// `full` runs, or fewer when it has to be quick.
    pub fn times(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    fn switch(&mut self, arg: &str) -> bool {
        match arg {
            // Cargo adds it.
            "--bench" => {}
            "--quick" => self.quick = true,
            "--daemons" => self.daemons = true,
            "--no-install" => self.install = false,
            "--install-only" => self.only_install = true,
            _ => return false,
        }
        true
    }

    fn value(&mut self, arg: &str, value: &str) {
        match arg {
            "--runs" => self.runs = number(value) as usize,
            "--entries" => self.entries = number(value),
            "--unit" => self.unit = Some(value.to_owned()),
            "--only" => self.only.extend(value.split(',').map(section)),
            "--json" => self.json = Some(value.into()),
            "--svg" => self.svg = Some(value.into()),
            "--write" => self.write = Some(value.into()),
            "--peer" => match value.split_once('=') {
                Some((name, path)) => self.ccaches.push((name.into(), path.into())),
                None => usage("--peer takes NAME=PATH"),
            },
            _ => usage(&format!("unknown argument {arg}")),
        }
    }
}

fn section(name: &str) -> Section {
    match Section::ALL.iter().find(|(known, _)| *known == name) {
        Some((_, section)) => *section,
        None => usage(&format!("no part of the benchmark is called {name}")),
    }
}

fn number(text: &str) -> u64 {
    match text.parse() {
        Ok(number) if number > 0 => number,
        _ => usage(&format!("{text} is not a positive number")),
    }
}

fn usage(problem: &str) -> ! {
    eprintln!("{problem}\n{USAGE}");
    std::process::exit(2);
}
