//! The circuit breaker: a server that is down is waited for once, by whoever came
//! first, and not by anybody for a while. Then the agent tries it on its own; no
//! compile waits for that.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::backend::Failure;

/// Pauses between attempts: the first, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_secs(300);

/// Failures that may be an accident count only in a row.
const IN_A_ROW: u32 = 3;

/// Whether to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    Ask,
    /// Not now.
    Wait,
    /// Not now; but whoever hears this tries, aside, whether it would work again, and
    /// tells [`Breaker::worked`] or [`Breaker::failed`].
    Probe,
}

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    pause: Duration,
    probing: bool,
}

/// Closed: ask. Open: do not.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

impl Breaker {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn permit(&self) -> Permit {
        let mut state = self.state();
        match &mut state.open {
            None => Permit::Ask,
            Some(open) if !open.probing && Instant::now() >= open.until => {
                open.probing = true;
                Permit::Probe
            }
            Some(_) => Permit::Wait,
        }
    }

    /// Whether [`Breaker::permit`] would let somebody ask. Changes nothing.
    pub fn may_be_tried(&self) -> bool {
        let state = self.state();
        let open = state.open.as_ref();
        open.is_none_or(|open| !open.probing && Instant::now() >= open.until)
    }

    /// Whoever was to probe may have come to no result: then somebody else will.
    pub fn leave_undecided(&self) {
        if let Some(open) = &mut self.state().open {
            open.probing = false;
        }
    }

    /// Somebody insists that it is tried now.
    pub fn forgive(&self) {
        *self.state() = State::default();
    }

    /// Whether the last thing that the server was asked to do was done.
    pub fn is_well(&self) -> bool {
        self.state().in_a_row == 0
    }

    pub fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    /// The server did what it was asked.
    pub fn worked(&self) {
        *self.state() = State::default();
    }

    /// The server did not. Answers whether that opened the breaker.
    pub fn failed(&self, failure: Failure) -> bool {
        let mut state = self.state();
        state.in_a_row += 1;
        let may_pass = matches!(failure, Failure::Server | Failure::Broken);
        if let Some(open) = &mut state.open {
            // Others were under way when the first failed; only a probe counts.
            if open.probing {
                let pause = (open.pause * 2).min(LAST_PAUSE);
                *open = Open {
                    until: Instant::now() + pause,
                    pause,
                    probing: false,
                };
            }
            return false;
        }
        if may_pass && state.in_a_row < IN_A_ROW {
            return false;
        }
        state.open = Some(Open {
            until: Instant::now() + FIRST_PAUSE,
            pause: FIRST_PAUSE,
            probing: false,
        });
        true
    }

    /// Open from the start: what an earlier agent found out `age` ago.
    pub fn remember(&self, age: Duration) {
        let now = Instant::now();
        self.state().open = Some(Open {
            until: now + FIRST_PAUSE.saturating_sub(age),
            pause: FIRST_PAUSE,
            probing: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ripen(breaker: &Breaker) {
        breaker.state().open.as_mut().unwrap().until = Instant::now();
    }

    #[test]
    fn one_lost_connection_stops_all_and_one_probe_starts_them_again() {
        let breaker = Breaker::default();
        assert_eq!(breaker.permit(), Permit::Ask);
        assert!(breaker.failed(Failure::Connect));
        assert!(!breaker.failed(Failure::Connect), "said once");
        assert_eq!(breaker.permit(), Permit::Wait);
        ripen(&breaker);
        assert_eq!(breaker.permit(), Permit::Probe);
        assert_eq!(breaker.permit(), Permit::Wait, "one tries");
        breaker.failed(Failure::Timeout);
        assert_eq!(breaker.permit(), Permit::Wait);
        ripen(&breaker);
        assert_eq!(breaker.permit(), Permit::Probe);
        breaker.worked();
        assert_eq!(breaker.permit(), Permit::Ask);
    }

    #[test]
    fn a_probe_without_a_result_is_made_by_somebody_else() {
        let breaker = Breaker::default();
        assert!(breaker.may_be_tried());
        breaker.failed(Failure::Timeout);
        assert!(!breaker.may_be_tried());
        ripen(&breaker);
        assert!(breaker.may_be_tried());
        assert_eq!(breaker.permit(), Permit::Probe);
        assert!(!breaker.may_be_tried());
        breaker.leave_undecided();
        assert_eq!(breaker.permit(), Permit::Probe);
        breaker.forgive();
        breaker.leave_undecided();
        assert_eq!(breaker.permit(), Permit::Ask);
    }

    #[test]
    fn an_accident_is_forgiven_a_row_of_them_is_not() {
        let breaker = Breaker::default();
        for _ in 0..5 {
            assert!(!breaker.failed(Failure::Server));
            assert!(!breaker.failed(Failure::Broken));
            breaker.worked();
        }
        assert!(!breaker.failed(Failure::Server));
        assert!(!breaker.failed(Failure::Server));
        assert!(breaker.failed(Failure::Broken));
        assert!(breaker.is_open());
    }
}
