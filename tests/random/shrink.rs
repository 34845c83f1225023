//! Makes a failing scenario smaller while it fails in the same way.

use crate::run::{Failure, Place, Tally};
use crate::scenario::{Group, Scenario};

/// Runs at most so many smaller scenarios.
const TRIES: usize = 250;

/// The smallest scenario found, and how it fails.
pub fn shrink(place: &Place, scenario: Scenario, failure: Failure) -> (Scenario, Failure) {
    let mut shrinking = Shrinking {
        place,
        tries: 0,
        best: scenario,
        failure,
    };
    let last = shrinking.failure.step;
    shrinking.attempt(|smaller| smaller.steps.truncate(last + 1));
    let mut before = usize::MAX;
    while before != shrinking.size() && shrinking.tries < TRIES {
        before = shrinking.size();
        shrinking.pass();
    }
    (shrinking.best, shrinking.failure)
}

struct Shrinking<'a> {
    place: &'a Place,
    tries: usize,
    best: Scenario,
    failure: Failure,
}

impl Shrinking<'_> {
    fn size(&self) -> usize {
        let chunks: usize = self.best.files.iter().map(|file| file.chunks.len()).sum();
        let groups: usize = self.best.steps.iter().map(|s| s.call.groups.len()).sum();
        self.best.steps.len() + groups + chunks + self.best.settings.len()
    }

    /// Whether the change keeps the failure; then it stays.
    fn attempt(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        if self.tries >= TRIES {
            return false;
        }
        self.tries += 1;
        let mut smaller = self.best.clone();
        change(&mut smaller);
        match self.place.run(&smaller, &mut Tally::default()) {
            Err(failure) if failure.kind == self.failure.kind => {
                smaller.steps.truncate(failure.step + 1);
                self.best = smaller;
                self.failure = failure;
                true
            }
            _ => false,
        }
    }

    /// Takes out one thing after the other.
    fn pass(&mut self) {
        for at in (0..self.best.steps.len()).rev() {
            if self.best.steps.len() > 1 && at < self.best.steps.len() {
                self.attempt(|s| drop(s.steps.remove(at)));
            }
        }
        for group in self.groups() {
            self.attempt(|s| {
                for step in &mut s.steps {
                    step.call.groups.retain(|other| *other != group);
                }
            });
        }
        for at in (0..self.best.settings.len()).rev() {
            self.attempt(|s| drop(s.settings.remove(at)));
        }
        self.attempt(|s| s.steps.iter_mut().for_each(|step| step.call.vars.clear()));
        for file in (0..self.best.files.len()).rev() {
            if file > 0 && self.attempt(|s| drop(s.files.remove(file))) {
                continue;
            }
            for chunk in (0..self.best.files[file].chunks.len()).rev() {
                self.attempt(|s| drop(s.files[file].chunks.remove(chunk)));
            }
        }
    }

    /// All options that some call has.
    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for group in self.best.steps.iter().flat_map(|step| &step.call.groups) {
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        groups
    }
}
