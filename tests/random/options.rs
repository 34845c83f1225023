//! Random command lines, drawn from the project's own option tables, from the
//! lists that the installed compilers print, and from what builds use.

use std::collections::BTreeSet;
use std::process::Command;

use cache::compiler::Family;
use cache::compiler::options::{self, Action, Row, Value, values as plain};

use crate::project::{HEADERS, Kind};
use crate::rng::Rng;
use crate::scenario::Group;
use crate::values::*;

/// A compiler that calls are drawn for.
pub struct Compiler {
    /// The C driver, the C++ driver.
    pub drivers: (&'static str, &'static str),
    pub family: Family,
    /// Options that `--help` lists, with a value where one is needed.
    words: Vec<String>,
}

/// How a project is seen from the working directory of the call.
pub struct View {
    /// Before a path of the project: empty, `../` or `@P@/`.
    pub prefix: String,
    pub kind: Kind,
    /// Whether options that always pass through may be drawn.
    pub anything: bool,
}

impl Compiler {
    pub fn new(drivers: (&'static str, &'static str), family: Family) -> Compiler {
        let questions: &[&str] = match family {
            Family::Gcc => &[
                "--help=common",
                "--help=optimizers",
                "--help=warnings",
                "--help=target",
                "--help=c",
                "--help=c++",
                "--help=params",
            ],
            Family::Clang => &["--help-hidden"],
        };
        let mut words = BTreeSet::new();
        for question in questions {
            let output = Command::new(drivers.1).arg(question).output().unwrap();
            words.extend(listed(&String::from_utf8_lossy(&output.stdout)));
        }
        let names = match family {
            Family::Gcc => plain::GCC,
            Family::Clang => plain::CLANG,
        };
        for name in names {
            words.extend(["1", "16", "all"].map(|value| format!("-f{name}={value}")));
        }
        let warnings = plain::LAYOUT_FREE_WARNINGS;
        words.extend(warnings.iter().map(|name| format!("-W{name}")));
        Compiler {
            drivers,
            family,
            words: words.into_iter().collect(),
        }
    }

    /// One option with its value, or a combination.
    pub fn option(&self, rng: &mut Rng, view: &View) -> Vec<Group> {
        for _ in 0..50 {
            let groups: Vec<Group> = match rng.below(10) {
                0..=3 => vec![owned(rng.pick(USUAL))],
                4..=7 => self.row_of_tables(rng).into_iter().collect(),
                _ => vec![vec![self.varied(rng)]],
            };
            let wanted = |group: &Group| view.anything || !self.passes(group);
            if !groups.is_empty() && groups.iter().all(wanted) {
                return groups
                    .into_iter()
                    .map(|group| filled(rng, view, group))
                    .collect();
            }
        }
        vec![vec!["-O1".to_owned()]]
    }

    /// Dependency options; each is a group of its own, so that one can be dropped.
    pub fn dependencies(&self, rng: &mut Rng, view: &View) -> Vec<Group> {
        let words = owned(rng.pick(DEPENDENCIES));
        let words = filled(rng, view, words);
        let mut groups: Vec<Group> = Vec::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let takes_next = ["-MF", "-MT", "-MQ"].contains(&word.as_str());
            let next = takes_next.then(|| words.next()).flatten();
            groups.push(std::iter::once(word).chain(next).collect());
        }
        groups
    }

    fn passes(&self, group: &Group) -> bool {
        let row = group
            .first()
            .and_then(|word| options::lookup(self.family, word.as_bytes()));
        row.is_some_and(|row| matches!(row.action, Action::Pass(_)))
    }

    /// A word of a list, or its opposite.
    fn varied(&self, rng: &mut Rng) -> String {
        let word = self.words[rng.below(self.words.len())].clone();
        let positive = |p: &str| word.starts_with(p) && !word[p.len()..].starts_with("no-");
        match rng.below(5) {
            0 if !word.contains('=') && (positive("-f") || positive("-W")) => {
                format!("{}no-{}", &word[..2], &word[2..])
            }
            1 if positive("-W") => format!("-Werror={}", &word[2..]),
            _ => word,
        }
    }

    fn row_of_tables(&self, rng: &mut Rng) -> Option<Group> {
        let own = options::rows(self.family);
        let common = options::common::ROWS;
        let at = rng.below(own.len() + common.len());
        let row = own.get(at).or_else(|| common.get(at - own.len()))?;
        group_of(rng, row)
    }
}

/// A row's option with a value; `None`: not one to draw.
pub fn group_of(rng: &mut Rng, row: &Row) -> Option<Group> {
    if matches!(
        row.action,
        Action::Compile
            | Action::Assemble
            | Action::Output
            | Action::EndOfOptions
            | Action::Dependency(_)
    ) {
        return None;
    }
    let spelling = row.spelling.to_owned();
    if row.value == Value::None {
        return Some(vec![spelling]);
    }
    let value = (rng.pick(values_of(row)?)).to_owned();
    Some(match row.value {
        Value::OptionalJoined | Value::Joined => vec![spelling + &value],
        Value::JoinedOrSeparate if rng.chance(50) && !value.is_empty() => vec![spelling + &value],
        _ => vec![spelling, value],
    })
}

/// What the row's value may be.
pub fn values_of(row: &Row) -> Option<&'static [&'static str]> {
    if let Some((_, values)) = VALUES.iter().find(|(name, _)| *name == row.spelling) {
        return Some(values);
    }
    Some(match row.action {
        Action::Macro if row.spelling.to_ascii_lowercase().contains("-u") => NAMES,
        Action::Macro => DEFINES,
        Action::Search => DIRS,
        Action::ForcedInclude => HEADER_FILES,
        Action::Input { .. } | Action::ProfileData => LISTS,
        Action::WriteFile(_) => SIDES,
        Action::PrefixMap => MAPS,
        _ if row.value == Value::OptionalJoined => &[""],
        _ => return None,
    })
}

fn owned(words: &[&str]) -> Group {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The words with the placeholders for files filled in.
fn filled(rng: &mut Rng, view: &View, group: Group) -> Group {
    group
        .into_iter()
        .map(|word| {
            let directory = rng.pick(&["inc1", "inc2", "sys", "src", "inc0"]);
            let header = rng.pick(HEADERS);
            let side = rng.pick(&["side.x", "side.y", "out/side.z", "./side.x"]);
            word.replace("@DIR@", &format!("{}{directory}", view.prefix))
                .replace("@HEADER@", &format!("{}{header}", view.prefix))
                .replace("@LIST@", &format!("{}list.txt", view.prefix))
                .replace("@IN@", &view.prefix)
                .replace("@SIDE@", side)
        })
        .collect()
}

/// The options in a compiler's `--help`, with values where the page names them
/// or a number may do.
fn listed(page: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in page.lines() {
        let Some(word) = line.split_whitespace().next() else {
            continue;
        };
        let fits = line.starts_with("  -") && word.starts_with('-') && word.len() > 2;
        let first = word.as_bytes().get(1).copied();
        if !fits || !matches!(first, Some(b'f' | b'W' | b'm' | b'-' | b'g')) {
            continue;
        }
        if first == Some(b'-') && !word.starts_with("--param=") {
            continue;
        }
        match word.split_once('=') {
            None if word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_+".contains(&b)) =>
            {
                // An option of clang whose value is the next word says so.
                let rest = line.trim_start()[word.len()..].trim_start();
                if !rest.starts_with('<') {
                    words.push(word.to_owned());
                }
            }
            None => {}
            Some((name, rest)) => {
                let list = rest.trim_matches(['[', ']']);
                if list.contains('|') {
                    words.extend(list.split('|').map(|value| format!("{name}={value}")));
                } else if name.starts_with("--param") {
                    let (name, _) = rest.split_once('=').unwrap_or((rest, ""));
                    words.push(format!("--param={name}=3"));
                } else if !rest.contains("file") && !rest.contains("dir") {
                    words.extend(["1", "4", "none"].map(|value| format!("{name}={value}")));
                }
            }
        }
    }
    words
}
