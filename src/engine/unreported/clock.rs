//! Whether the clock is an input: `__TIME__`, `__DATE__`, `__TIMESTAMP__`.

use std::ffi::OsString;

use super::Inquiry;
use crate::compiler::Class;
use crate::engine::preprocessed;
use crate::engine::record::{Refusal, refuse};
use crate::hash::scan::Scan;
use crate::hash::scan::clock::{self, Pieces};
use crate::stats::Counter;

impl Inquiry<'_, '_> {
    pub(super) fn clock(&mut self) -> Result<(), Refusal> {
        // A preprocessed source shows the time of that.
        if self.cached.sloppy_time || self.cached.command.traits.no_preprocessing {
            return Ok(());
        }
        let frozen = self.cached.frozen_time;
        let any = |test: fn(&Scan) -> bool| self.all_scans().any(test);
        let mut used = Clock {
            time: any(|scan| scan.time) && !frozen,
            date: any(|scan| scan.date) && !frozen,
            timestamp: any(|scan| scan.timestamp),
        };
        // Whether a macro that holds it is used, only preprocessing tells.
        if used.time || self.may_put_a_name_together() {
            used = match self.hidden.is_empty() {
                true => self.expanded_clock()?,
                false => self.expanded_behind_precompiled()?,
            };
            used.time &= !frozen;
            used.date &= !frozen;
        }
        if used.time {
            return refuse(Counter::UncacheableTimeMacro, "__TIME__ is used");
        }
        self.found.date |= used.date;
        self.found.timestamps |= used.timestamp;
        Ok(())
    }

    /// What is in the files, and in what stands behind them.
    fn all_scans(&self) -> impl Iterator<Item = &Scan> {
        let scans = self.scans().map(|(_, scan)| scan);
        scans.chain(&self.hidden)
    }

    /// Whether macros can make one of the names out of what stands in the files and
    /// options. The system's headers have their share in it by more than letters of
    /// template parameters, or each for itself.
    fn may_put_a_name_together(&self) -> bool {
        let Some(mut own) = self.pieces_of_options() else {
            return true;
        };
        let everything = self
            .all_scans()
            .fold(own, |all, scan| all.with(scan.clock_pieces));
        if !everything.make_a_name() {
            return false;
        }
        let places = self.own_places();
        let mut systems = Vec::new();
        for (path, scan) in self.scans() {
            match places.iter().any(|place| path.starts_with(place)) {
                true => systems.push(scan.clock_pieces),
                false => own = own.with(scan.clock_pieces),
            }
        }
        systems.extend(self.hidden.iter().map(|scan| scan.clock_pieces));
        let words = systems
            .iter()
            .fold(own, |all, pieces| all.with(pieces.without_letters()));
        words.make_a_name() || systems.iter().any(|pieces| own.with(*pieces).make_a_name())
    }

    /// `None`: an option holds one of the names.
    fn pieces_of_options(&self) -> Option<Pieces> {
        let args = self.cached.command.args.iter();
        let macros = args.filter(|arg| arg.class == Class::Macro);
        macros
            .flat_map(|arg| &arg.words)
            .try_fold(Pieces::default(), |all, option| {
                Some(all.with(clock::of_option(option.as_encoded_bytes())?))
            })
    }

    /// Which of the macros are expanded: each is defined as a word of ours for
    /// that (a definition of the user's still comes after it).
    fn expanded_clock(&self) -> Result<Clock, Refusal> {
        const WORD: &str = "the cache looks for this";
        let define = |name: &str| format!("-D{name}=\"{WORD} {name}\"");
        let definitions = NAMES.map(define);
        let first: Vec<&str> = definitions.iter().map(String::as_str).collect();
        let (call, command) = (&self.cached.call, self.cached.command);
        let answer = preprocessed::expand_with(call, command, &first, &["-E", "-w"]);
        self.check_unchanged()?;
        let Some(answer) = answer else {
            return Ok(Clock::ALL);
        };
        // Text that is not expanded yet (pragmas) shows the names themselves.
        let shown = |name: &str| {
            let holds = |text: &[u8]| memchr::memmem::find(text, name.as_bytes()).is_some();
            holds(&answer.stdout) || holds(&answer.stderr)
        };
        let [time, date, timestamp] = NAMES.map(shown);
        Ok(Clock {
            time,
            date,
            timestamp,
        })
    }

    /// As [`Self::expanded_clock`], with the precompiled header: one that is there is
    /// not used if something has been defined in front of it, but expands the macros
    /// to a time that we choose.
    fn expanded_behind_precompiled(&self) -> Result<Clock, Refusal> {
        const EPOCH: &str = "951827696";
        const TIME: &str = "12:34:56";
        const DATE: &str = "Feb 29 2000";
        let mut args = preprocessed::arguments(self.cached.command);
        args.extend(["-E", "-w", "-fpch-preprocess"].map(OsString::from));
        let set = [("SOURCE_DATE_EPOCH", EPOCH.into())];
        let answer = self.cached.call.ask_with(&args, &set);
        self.check_unchanged()?;
        let Some(answer) = answer.ok().filter(|answer| answer.status.success()) else {
            return Ok(Clock::ALL);
        };
        let shown = |text: &str| memchr::memmem::find(&answer.stdout, text.as_bytes()).is_some();
        let [time, date, timestamp] = NAMES.map(shown);
        Ok(Clock {
            time: time || shown(TIME),
            date: date || shown(DATE),
            timestamp: timestamp || answer.stdout.windows(24).any(is_timestamp),
        })
    }
}

/// Whether `text` looks like a value of `__TIMESTAMP__`: `Sun Nov 22 07:01:05 2026`,
/// `??? ??? ?? ??:??:?? ????` for a file without a time.
fn is_timestamp(text: &[u8]) -> bool {
    let shape = b"Www Mmm dd hh:mm:ss yyyy";
    let fits = |(byte, shape): (&u8, &u8)| !matches!(shape, b' ' | b':') || byte == shape;
    text.len() == shape.len() && text.iter().zip(shape).all(fits)
}

const NAMES: [&str; 3] = ["__TIME__", "__DATE__", "__TIMESTAMP__"];

/// Which of the macros of the clock are used.
struct Clock {
    time: bool,
    date: bool,
    timestamp: bool,
}

impl Clock {
    const ALL: Clock = Clock {
        time: true,
        date: true,
        timestamp: true,
    };
}
