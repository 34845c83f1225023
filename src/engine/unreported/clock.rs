//! Whether the clock is an input: `__TIME__`, `__DATE__`, `__TIMESTAMP__`.

use super::Inquiry;
use crate::engine::preprocessed;
use crate::engine::record::{Refusal, refuse};
use crate::hash::scan::{self, Scan};
use crate::stats::Counter;

impl Inquiry<'_, '_> {
    pub(super) fn clock(&mut self) -> Result<(), Refusal> {
        // A preprocessed source shows the time of that.
        if self.cached.sloppy_time || self.cached.command.traits.no_preprocessing {
            return Ok(());
        }
        let frozen = self.cached.frozen_time;
        let any = |test: fn(&Scan) -> bool| self.scans().any(|(_, scan)| test(scan));
        let pieces = any(|scan| scan.time_pieces) || self.options_hold(scan::clock::is_named);
        let mut used = Clock {
            time: any(|scan| scan.time) && !frozen,
            date: any(|scan| scan.date) && !frozen,
            timestamp: any(|scan| scan.timestamp),
        };
        // Whether a macro that holds it is used, only preprocessing tells.
        if used.time || pieces {
            used = self.expanded_clock()?;
            used.time &= !frozen;
            used.date &= !frozen;
        }
        if used.time {
            return refuse(Counter::UncacheableTimeMacro, "__TIME__ is used");
        }
        self.found.date = used.date;
        self.found.timestamps = used.timestamp;
        Ok(())
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
            return Ok(Clock {
                time: true,
                date: true,
                timestamp: true,
            });
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
}

const NAMES: [&str; 3] = ["__TIME__", "__DATE__", "__TIMESTAMP__"];

/// Which of the macros of the clock are used.
struct Clock {
    time: bool,
    date: bool,
    timestamp: bool,
}
