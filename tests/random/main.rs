//! The random differential test: projects, command lines and changes between
//! calls are drawn at random - options from the project's own tables -, and
//! after each change the plain compiler and `cache` must leave the same files,
//! bytes, modes, streams and exit code; twice, and the second time from the
//! cache if the first was stored.
//!
//! `CACHE_TEST_SEED` (as printed), `CACHE_TEST_SECONDS` and `CACHE_TEST_ROUNDS`
//! say what is run and how long; without them, a minute from a fresh seed. A
//! failure is shrunk and printed with a shell script that shows it.

#[path = "../support/mod.rs"]
mod support;

mod draw;
mod options;
mod project;
mod rng;
mod run;
mod scenario;
mod shrink;
mod steps;
mod values;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache::compiler::Family;
use options::Compiler;
use rng::Rng;
use run::{Place, Tally};
use support::{find_program, skip};

/// Failures after which a run ends.
const ENOUGH: usize = 5;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(parsed.unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

fn compilers() -> Vec<Compiler> {
    let known = [
        (("gcc-12", "g++-12"), Family::Gcc),
        (("gcc-11", "g++-11"), Family::Gcc),
        (("clang-14", "clang++-14"), Family::Clang),
        (("clang-19", "clang++-19"), Family::Clang),
    ];
    let mut found = Vec::new();
    for (drivers, family) in known {
        match find_program(drivers.0).and(find_program(drivers.1)) {
            Some(_) => found.push(Compiler::new(drivers, family)),
            None => skip(&format!("{} or {} is not installed", drivers.0, drivers.1)),
        }
    }
    found
}

#[test]
fn random_calls_are_right() {
    let compilers = compilers();
    if compilers.is_empty() {
        return;
    }
    let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let base =
        number("CACHE_TEST_SEED").unwrap_or_else(|| Rng::new(clock.as_nanos() as u64).next());
    let rounds = number("CACHE_TEST_ROUNDS").map_or(usize::MAX, |n| n as usize);
    let seconds = number("CACHE_TEST_SECONDS").unwrap_or(60);
    let deadline = match rounds {
        usize::MAX => Instant::now() + Duration::from_secs(seconds),
        _ => Instant::now() + Duration::from_secs(86_400),
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicUsize::new(0);
    let shared = Mutex::new((Tally::default(), Vec::<String>::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let place = Place::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let enough = shared.lock().unwrap().1.len() >= ENOUGH;
                    if number >= rounds || enough || Instant::now() > deadline {
                        break;
                    }
                    let seed = seed_of(base, number);
                    let mut tally = Tally::default();
                    let failure = one(&compilers, &place, seed, &mut tally);
                    let mut shared = shared.lock().unwrap();
                    shared.0.add(tally);
                    shared.1.extend(failure);
                }
            });
        }
    });
    let (tally, failures) = shared.into_inner().unwrap();
    println!(
        "seed {base:#x}, {} scenarios\n{}",
        next.load(Ordering::Relaxed),
        tally.report()
    );
    assert!(
        failures.is_empty(),
        "{} scenarios fail\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The first scenario has the seed itself, so that one can be run alone.
fn seed_of(base: u64, number: usize) -> u64 {
    match number {
        0 => base,
        _ => Rng::new(base ^ (number as u64).wrapping_mul(0x2545_f491_4f6c_dd1d)).next(),
    }
}

/// Runs one scenario; a failure comes as text for people.
fn one(compilers: &[Compiler], place: &Place, seed: u64, tally: &mut Tally) -> Option<String> {
    let mut scenario = draw::draw(compilers, seed);
    place.settle(&mut scenario, &mut Rng::new(!seed));
    let failure = place.run(&scenario, tally).err()?;
    let (scenario, failure) = shrink::shrink(place, scenario, failure);
    let path = std::env::temp_dir().join(format!("cache-random-{seed:#x}.sh"));
    let script = scenario.script();
    let mut text = format!(
        "\nCACHE_TEST_SEED={seed:#x} CACHE_TEST_ROUNDS=1: {}, step {}\n{}\n",
        failure.kind, failure.step, failure.detail
    );
    for step in &scenario.steps {
        let _ = writeln!(text, "  {}: {}", step.what, step.call.line());
    }
    match std::fs::write(&path, &script) {
        Ok(()) => writeln!(text, "script: {}", path.display()),
        Err(_) => writeln!(text, "{script}"),
    }
    .unwrap();
    eprintln!("{text}");
    Some(text)
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.calls += other.calls;
        self.lines.extend(other.lines);
        for (end, (count, example)) in other.ends {
            self.ends.entry(end).or_insert((0, example)).0 += count;
        }
    }

    /// How the calls ended, the most frequent first.
    fn report(&self) -> String {
        let mut ends: Vec<_> = self.ends.iter().collect();
        ends.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut text = format!("{} calls, {} command lines\n", self.calls, self.lines.len());
        for (end, (count, example)) in ends {
            let refused = end.starts_with("compiled, not stored");
            let example = if refused { example } else { "" };
            let _ = writeln!(text, "{count:7} {end}  {example}");
        }
        text
    }
}
