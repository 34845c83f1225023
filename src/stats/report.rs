//! Reports for people and for tools.

use std::fmt::Write as _;

use bytesize::ByteSize;
use serde_json::{Map, Value};

use super::{Counter, Fold, Group};

/// As many details of one counter are shown.
const SHOWN_DETAILS: usize = 5;

/// What `cache stats` shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The journal's sums.
    pub fold: Fold,
    /// The size of the local cache; `None` if it could not be found out.
    pub local: Option<Local>,
    /// The period that was asked for, as it was written (`2h`).
    pub since: Option<String>,
    /// Remote stores that have been used.
    pub stores: Vec<RemoteStore>,
}

/// What a remote store has done since it was first used.
#[derive(Clone, Debug, Default)]
pub struct RemoteStore {
    pub name: String,
    /// By name, in the order of the page.
    pub figures: Vec<(&'static str, u64)>,
    pub is_down: bool,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// The local cache at the moment.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// Its directory.
    pub dir: String,
    pub entries: u64,
    pub bytes: u64,
    /// The limit in bytes; `None`: no limit.
    pub max_bytes: Option<u64>,
    /// The store's own namespaces, each with what is in it.
    pub namespaces: Vec<NamespaceUsage>,
}

/// One namespace of the store.
#[derive(Clone, Debug, Default)]
pub struct NamespaceUsage {
    pub name: String,
    pub entries: u64,
    pub bytes: u64,
}

impl Report {
    /// For people: a page of text, with what is zero left out where it says
    /// nothing.
    pub fn human(&self) -> String {
        let mut page = Page::default();
        self.calls(&mut page);
        self.details(&mut page);
        self.namespaces(&mut page);
        self.local(&mut page);
        self.stores(&mut page);
        let mut text = match &self.since {
            Some(since) => format!("In the last {since}:\n"),
            None => String::new(),
        };
        text.push_str(&page.finish());
        for note in &self.fold.notes {
            let _ = writeln!(text, "Note: {note}");
        }
        text
    }

    fn calls(&self, page: &mut Page) {
        let totals = &self.fold.all;
        let all = totals.all_calls();
        let hits = totals.calls(Group::Hit);
        let cacheable = hits + totals.calls(Group::Miss);
        page.row(
            0,
            "Cacheable calls",
            number(cacheable),
            share(cacheable, all),
        );
        page.row(1, "Hits", number(hits), share(hits, cacheable));
        for counter in [Counter::DirectCacheHit, Counter::PreprocessedCacheHit] {
            let count = totals.get(counter);
            page.row(2, counter.label(), number(count), share(count, hits));
        }
        let misses = cacheable - hits;
        page.row(1, "Misses", number(misses), share(misses, cacheable));
        for (group, title) in [
            (Group::Uncacheable, "Uncacheable calls"),
            (Group::Error, "Errors"),
            (Group::Bypassed, "Calls past the cache"),
        ] {
            let calls = totals.calls(group);
            if calls > 0 {
                page.row(0, title, number(calls), share(calls, all));
                self.reasons(page, group);
            }
        }
        let known: u64 = cacheable
            + [Group::Uncacheable, Group::Error, Group::Bypassed]
                .map(|group| totals.calls(group))
                .iter()
                .sum::<u64>();
        if all > known {
            page.row(
                0,
                "Calls of a later version",
                number(all - known),
                share(all - known, all),
            );
        }
        if totals.saved_us > 0 {
            page.row(0, "Time saved", duration(totals.saved_us), String::new());
        }
    }

    /// The counters of a group, most frequent first, with their details.
    fn reasons(&self, page: &mut Page, group: Group) {
        let totals = &self.fold.all;
        let mut counters: Vec<(Counter, u64)> = Counter::ALL
            .iter()
            .filter(|counter| counter.group() == group)
            .map(|counter| (*counter, totals.get(*counter)))
            .filter(|(_, count)| *count > 0)
            .collect();
        counters.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (counter, count) in counters {
            page.row(1, counter.label(), number(count), String::new());
            for (detail, count) in totals.details(counter).iter().take(SHOWN_DETAILS) {
                page.row(2, detail, number(*count), String::new());
            }
        }
    }

    fn details(&self, page: &mut Page) {
        let rows: Vec<(Counter, u64)> = Counter::ALL
            .iter()
            .filter(|counter| counter.group() == Group::Detail)
            .map(|counter| (*counter, self.fold.all.get(*counter)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if !rows.is_empty() {
            page.title("Details");
            for (counter, count) in rows {
                page.row(1, counter.label(), number(count), String::new());
            }
        }
    }

    /// Only where a namespace was ever configured.
    fn namespaces(&self, page: &mut Page) {
        if self.fold.namespaces.keys().all(|name| name.is_empty()) {
            return;
        }
        page.title("Hits by namespace");
        for (name, totals) in &self.fold.namespaces {
            let name = if name.is_empty() { "(none)" } else { name };
            let hits = totals.calls(Group::Hit);
            let cacheable = hits + totals.calls(Group::Miss);
            let value = format!("{} of {}", number(hits), number(cacheable));
            page.row(1, name, value, share(hits, cacheable));
        }
    }

    fn local(&self, page: &mut Page) {
        let Some(local) = &self.local else { return };
        page.title(&format!("Cache in {}", local.dir));
        let (limit, percent) = match local.max_bytes {
            Some(max) => (format!(" of {}", size(max)), share(local.bytes, max)),
            None => (", no limit".to_owned(), String::new()),
        };
        page.row(1, "Size", format!("{}{limit}", size(local.bytes)), percent);
        page.row(1, "Entries", number(local.entries), String::new());
        for space in &local.namespaces {
            let value = format!("{} in {}", number(space.entries), size(space.bytes));
            page.row(2, &space.name, value, String::new());
        }
    }

    fn stores(&self, page: &mut Page) {
        for store in &self.stores {
            let state = if store.is_down { " (down)" } else { "" };
            page.title(&format!("Remote store {}{state}", store.name));
            for (name, count) in store.figures.iter().filter(|(_, count)| *count > 0) {
                let value = match name.starts_with("bytes_") {
                    true => size(*count),
                    false => number(*count),
                };
                let name = name.replace('_', " ");
                let label = name[..1].to_uppercase() + &name[1..];
                page.row(1, &label, value, String::new());
            }
            if let Some(trouble) = &store.trouble {
                page.row(
                    1,
                    &format!("Last trouble: {trouble}"),
                    String::new(),
                    String::new(),
                );
            }
        }
    }

    /// For tools: one flat JSON object, always with the same names; a number
    /// that could not be found out is `null`.
    pub fn json(&self) -> String {
        let totals = &self.fold.all;
        let mut map = Map::new();
        for counter in Counter::ALL {
            map.insert(counter.name().to_owned(), totals.get(*counter).into());
        }
        let local = |number: fn(&Local) -> u64| self.local.as_ref().map(number);
        let figures: [(&str, Option<u64>); 17] = [
            ("calls", Some(totals.all_calls())),
            ("hits", Some(totals.calls(Group::Hit))),
            ("misses", Some(totals.calls(Group::Miss))),
            ("uncacheable_calls", Some(totals.calls(Group::Uncacheable))),
            ("error_calls", Some(totals.calls(Group::Error))),
            ("bypassed_calls", Some(totals.calls(Group::Bypassed))),
            ("time_saved_ms", Some(totals.saved_us / 1000)),
            ("time_compiling_ms", Some(totals.compile_us / 1000)),
            ("time_total_ms", Some(totals.elapsed_us / 1000)),
            ("bytes_read", Some(totals.bytes_read)),
            ("bytes_written", Some(totals.bytes_written)),
            ("cache_size_bytes", local(|local| local.bytes)),
            (
                "max_cache_size_bytes",
                local(|local| local.max_bytes.unwrap_or(0)),
            ),
            ("entries_in_cache", local(|local| local.entries)),
            ("stats_first_timestamp", Some(totals.first_ms / 1000)),
            ("stats_updated_timestamp", Some(totals.last_ms / 1000)),
            ("stats_zeroed_timestamp", Some(self.fold.zeroed_ms / 1000)),
        ];
        for (name, figure) in figures {
            map.insert(name.to_owned(), figure.map_or(Value::Null, Value::from));
        }
        for store in &self.stores {
            for (name, count) in &store.figures {
                map.insert(format!("store_{}_{name}", store.name), (*count).into());
            }
            map.insert(format!("store_{}_down", store.name), store.is_down.into());
        }
        format!("{:#}\n", Value::Object(map))
    }
}

/// The figures of [`Report::json`] that are no counters.
pub(super) const FIGURES: &[(&str, &str)] = &[
    ("calls", "All calls: the sum of the six groups."),
    ("hits", "Calls answered from the cache."),
    ("misses", "Calls compiled that could be cached."),
    ("uncacheable_calls", "Calls that are not for the cache."),
    ("error_calls", "Calls for which something went wrong."),
    ("bypassed_calls", "Calls that were to go past the cache."),
    (
        "time_saved_ms",
        "By how much hits were faster than the compiler, in milliseconds.",
    ),
    (
        "time_compiling_ms",
        "How long compilers ran for misses, in milliseconds.",
    ),
    ("time_total_ms", "How long all calls took, in milliseconds."),
    ("bytes_read", "Bytes that hits read from the cache."),
    ("bytes_written", "Bytes that misses wrote to the cache."),
    (
        "cache_size_bytes",
        "The size of the local cache now; `null` if it cannot be read.",
    ),
    (
        "max_cache_size_bytes",
        "Its limit (`max_size`); 0: no limit.",
    ),
    (
        "entries_in_cache",
        "The number of its entries, manifests included.",
    ),
    (
        "stats_first_timestamp",
        "Time of the first call that is counted, in seconds since 1970; 0: none.",
    ),
    (
        "stats_updated_timestamp",
        "Time of the last call that is counted.",
    ),
    (
        "stats_zeroed_timestamp",
        "Time of the last `cache stats --zero`; 0: never.",
    ),
];

/// Rows in three columns, laid out when all of them are known.
#[derive(Default)]
struct Page {
    rows: Vec<Row>,
}

enum Row {
    Title(String),
    Figures {
        label: String,
        value: String,
        share: String,
    },
}

impl Page {
    fn title(&mut self, title: &str) {
        self.rows.push(Row::Title(title.to_owned()));
    }

    fn row(&mut self, indent: usize, label: &str, value: String, share: String) {
        self.rows.push(Row::Figures {
            label: format!("{:1$}{label}", "", 2 * indent),
            value,
            share,
        });
    }

    fn finish(self) -> String {
        let widths = self.rows.iter().map(|row| match row {
            Row::Title(_) => (0, 0),
            Row::Figures { label, value, .. } => (label.chars().count(), value.chars().count()),
        });
        let (labels, values) = widths.fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d)));
        let mut text = String::new();
        for row in self.rows {
            let line = match row {
                Row::Title(title) => title,
                Row::Figures {
                    label,
                    value,
                    share,
                } => format!("{label:labels$}  {value:>values$}  {share:>8}"),
            };
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `12,345`
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `97.5 %`; nothing where there is nothing to have a share in.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// The two largest units that matter.
fn duration(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    match seconds {
        0 => format!("{} ms", microseconds / 1000),
        1..60 => format!("{:.1} s", microseconds as f64 / 1e6),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
#[path = "report_test.rs"]
mod tests;
