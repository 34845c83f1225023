//! The reference page, made from the tables.

use std::fmt::Write as _;

use super::report::FIGURES;
use super::{Counter, Group};

/// `docs/reference/statistics.md`.
pub fn reference_page() -> String {
    let mut page = String::from(HEAD);
    for (group, title, text) in GROUPS {
        let _ = write!(
            page,
            "## {title}\n\n{text}\n\n| name | in the report | what it counts |\n| --- | --- | --- |\n"
        );
        for counter in Counter::ALL.iter().filter(|c| c.group() == *group) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} |",
                counter.name(),
                counter.label(),
                counter.doc()
            );
        }
        page.push('\n');
    }
    page.push_str("## Other figures\n\n| name | what it is |\n| --- | --- |\n");
    for (name, doc) in FIGURES {
        let _ = writeln!(page, "| `{name}` | {doc} |");
    }
    page
}

const HEAD: &str = "\
<!-- Made from the table in src/stats/counters.rs; `UPDATE_DOCS=1 cargo test --test reference` writes it anew. -->
# Statistics

`cache stats` sums up what happened since the last `cache stats --zero`, or with `--since 2h` in the
last two hours. `cache stats --format json` prints one flat JSON object with every name on this page;
names are added, but neither removed nor given another meaning.

Each call counts once: in one of the counters of the groups hits, misses, uncacheable calls, errors and
calls past the cache. What else there is to say about it counts under the details.

Each call appends one record to a journal in the cache directory (`.journal/`), without a lock. Old
records are summed up by the hour, after a month by the day, so that `--since` is exact for recent calls
and rounds up to the hour or day for older ones.

";

const GROUPS: &[(Group, &str, &str)] = &[
    (Group::Hit, "Hits", "Answered from the cache."),
    (
        Group::Miss,
        "Misses",
        "Compiled; the next such call is a hit.",
    ),
    (
        Group::Uncacheable,
        "Uncacheable calls",
        "Handed to the compiler, or compiled and not stored. The report names the most frequent causes.",
    ),
    (
        Group::Error,
        "Errors",
        "Something went wrong; the compiler ran all the same.",
    ),
    (
        Group::Bypassed,
        "Calls past the cache",
        "Compiled because the configuration said so.",
    ),
    (
        Group::Detail,
        "Details",
        "Further facts about calls that are counted above.",
    ),
];
