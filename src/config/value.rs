//! The types of values and how they are written.
//!
//! Each type reads its text (`parse`) and prints it so that it reads back the
//! same (`Display`). What is accepted is described by [`super::Kind::accepts`].

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

/// A limit on bytes: `5G`, `500M`, `1.5GiB`, `10%` of the file system, or
/// `0` for none. `K`, `M`, `G`, `T` count in thousands, `Ki`, `Mi`, `Gi`, `Ti`
/// in 1024s; a final `B` is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeLimit {
    /// No limit.
    Unlimited,
    /// This many bytes.
    Bytes(u64),
    /// A share of the file system that holds the directory, in per cent:
    /// above 0, at most 100.
    Percent(f64),
}

impl SizeLimit {
    /// Reads a limit; `None` if `text` is none.
    pub fn parse(text: &str) -> Option<SizeLimit> {
        let text = text.trim();
        if let Some(share) = text.strip_suffix('%') {
            let share: f64 = share.trim_end().parse().ok()?;
            return (share > 0.0 && share <= 100.0).then_some(SizeLimit::Percent(share));
        }
        match text.parse::<ByteSize>().ok()?.as_u64() {
            0 => Some(SizeLimit::Unlimited),
            bytes => Some(SizeLimit::Bytes(bytes)),
        }
    }

    /// The limit in bytes, `None` for none. `disk` says the size of the file
    /// system in bytes and is only asked for a share; if it does not know
    /// either, `fallback` bytes apply: a limit that cannot be worked out must
    /// not become no limit.
    pub fn resolve(&self, disk: impl FnOnce() -> Option<u64>, fallback: u64) -> Option<u64> {
        match *self {
            SizeLimit::Unlimited => None,
            SizeLimit::Bytes(bytes) => Some(bytes),
            SizeLimit::Percent(share) => {
                Some(disk().map_or(fallback, |size| (size as f64 * share / 100.0) as u64))
            }
        }
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 8] = [
            (1 << 40, "TiB"),
            (1_000_000_000_000, "TB"),
            (1 << 30, "GiB"),
            (1_000_000_000, "GB"),
            (1 << 20, "MiB"),
            (1_000_000, "MB"),
            (1 << 10, "KiB"),
            (1_000, "KB"),
        ];
        match *self {
            SizeLimit::Unlimited => f.write_str("0"),
            SizeLimit::Percent(share) => write!(f, "{share}%"),
            SizeLimit::Bytes(bytes) => match UNITS.iter().find(|(unit, _)| bytes % unit == 0) {
                Some((unit, name)) => write!(f, "{}{name}", bytes / unit),
                None => write!(f, "{bytes}"),
            },
        }
    }
}

/// Units of time, longest first, in seconds.
const TIME_UNITS: [(char, u64); 5] = [
    ('w', 7 * 86_400),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

/// Reads a length of time: whole numbers with the units `w`, `d`, `h`, `m`,
/// `s`, one or several of them (`30d`, `1d12h`), or a bare `0`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds: u64 = 0;
    let mut rest = text;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(end)?;
        let mut tail = tail.chars();
        let unit = tail.next()?;
        let (_, length) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        let number: u64 = number.parse().ok()?;
        seconds = seconds.checked_add(number.checked_mul(*length)?)?;
        rest = tail.as_str().trim_start();
        if rest.is_empty() {
            return Some(Duration::from_secs(seconds));
        }
    }
}

/// Prints a length of time so that [`parse_duration`] reads it back; parts
/// below a second are dropped.
pub fn show_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    if seconds == 0 {
        return "0".to_owned();
    }
    let mut text = String::new();
    for (name, length) in TIME_UNITS {
        // Weeks only where they come out even: `30d` stays `30d`.
        if name == 'w' && !seconds.is_multiple_of(length) {
            continue;
        }
        if seconds / length > 0 {
            text.push_str(&format!("{}{name}", seconds / length));
            seconds %= length;
        }
    }
    text
}

/// Reads a length of time that may be a part of a second: `1500ms`, or what
/// [`parse_duration`] reads.
pub fn parse_timeout(text: &str) -> Option<Duration> {
    let Some(number) = text.trim().strip_suffix("ms") else {
        return parse_duration(text);
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse().ok().map(Duration::from_millis)
}

/// Prints a length of time so that [`parse_timeout`] reads it back; parts
/// below a millisecond are dropped.
pub fn show_timeout(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => show_duration(duration),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// Reads a switch, in the spellings that environment variables have.
pub fn parse_bool(text: &str) -> Option<bool> {
    const YES: [&str; 4] = ["1", "true", "yes", "on"];
    const NO: [&str; 4] = ["0", "false", "no", "off"];
    let text = text.trim();
    if YES.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(true)
    } else if NO.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(false)
    } else {
        None
    }
}

/// Reads a file mode mask: octal digits, at most `777`.
pub fn parse_umask(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.strip_prefix("0o").unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mask| *mask <= 0o777)
}

/// What tells one compiler from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompilerCheck {
    /// The programs' content.
    Content,
    /// The programs' size and time of modification.
    Mtime,
    /// Nothing: for those who clean the cache themselves.
    None,
    /// This text.
    String(String),
    /// What this command prints; the word `%compiler%` stands for the compiler.
    Command(String),
}

/// What is stored compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// What is stored while the store is more than half full.
    Auto,
    On,
    Off,
}

impl Compression {
    /// Reads `auto`, or a word for true or false.
    pub fn parse(text: &str) -> Option<Compression> {
        match text.trim() {
            "auto" => Some(Compression::Auto),
            other => parse_bool(other).map(Compression::from),
        }
    }
}

impl From<bool> for Compression {
    fn from(on: bool) -> Compression {
        match on {
            true => Compression::On,
            false => Compression::Off,
        }
    }
}

impl CompilerCheck {
    /// Reads `content`, `mtime`, `none`, `string:TEXT`, `command:COMMAND`, or
    /// a command in which `%compiler%` occurs.
    pub fn parse(text: &str) -> Option<CompilerCheck> {
        let text = text.trim();
        match text {
            "content" => Some(CompilerCheck::Content),
            "mtime" => Some(CompilerCheck::Mtime),
            "none" => Some(CompilerCheck::None),
            _ => {
                if let Some(text) = text.strip_prefix("string:") {
                    return Some(CompilerCheck::String(text.to_owned()));
                }
                if let Some(command) = text.strip_prefix("command:") {
                    let command = command.trim();
                    return (!command.is_empty())
                        .then(|| CompilerCheck::Command(command.to_owned()));
                }
                // A bare command is told from a misspelt word by what it names.
                text.contains("%compiler%")
                    .then(|| CompilerCheck::Command(text.to_owned()))
            }
        }
    }
}

impl fmt::Display for CompilerCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompilerCheck::Content => f.write_str("content"),
            CompilerCheck::Mtime => f.write_str("mtime"),
            CompilerCheck::None => f.write_str("none"),
            CompilerCheck::String(text) => write!(f, "string:{text}"),
            CompilerCheck::Command(command) => write!(f, "command:{command}"),
        }
    }
}
