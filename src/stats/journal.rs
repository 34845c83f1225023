//! The event journal: one append per call, folded into totals when it grows.
//!
//! ```text
//! <cache directory>/.journal/
//!     <host>.log           records of calls on this host (see `record`), appended to
//!     <host>.<time>.seg    a log that was set aside at <time> (ms since 1970)
//!     <host>.totals        what segments were folded into (see `totals`)
//!     <host>.totals.old    the version before, should a crash of the machine damage it
//!     <host>.lock          held while segments are folded, shared while they are read
//!     zeroed               `cache-zeroed 1 <ms since 1970>`: earlier events do not count
//! ```
//! Appending takes no lock: a record is one `write` to a file opened for
//! appending. A log that has grown is renamed to a segment; segments are
//! folded into the totals, which note how far each was folded. Whoever is
//! killed at any point leaves every record either in the totals or beyond the
//! noted length. A segment is unlinked only [`GRACE`] after it was set aside:
//! a writer that had it open before may still append to it till then.
//!
//! A call that folds does not wait for the disk. So what it writes may be gone
//! after a crash of the machine, and it only unlinks segments that are in the
//! version of the totals before, if that has been there for a while.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::record::{self, Event};
use super::totals::{Buckets, TotalsFile, Unusable};
use super::{Fold, Totals};

/// A log of this many bytes is set aside: some ten thousand calls.
const ROTATE_AT: u64 = 1 << 20;

/// How long a segment is kept after it was set aside.
const GRACE: Duration = Duration::from_secs(60);

const FOLDER: &str = ".journal";
const ZEROED: &str = "zeroed";

/// The journal of a cache directory, as this host writes it.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
    host: String,
    umask: Option<u32>,
    rotate_at: u64,
    grace: Duration,
}

impl Journal {
    /// The journal in the cache directory `dir`. Nothing is opened or made.
    pub fn new(dir: &Path) -> Journal {
        Journal {
            folder: dir.join(FOLDER),
            host: host_name(),
            umask: None,
            rotate_at: ROTATE_AT,
            grace: GRACE,
        }
    }

    /// The mode mask for files that are made, if not the process's.
    pub fn umask(self, umask: Option<u32>) -> Journal {
        Journal { umask, ..self }
    }

    /// Other limits than the usual ones, for tests: the size at which a log is
    /// set aside, and for how long a segment stays.
    #[doc(hidden)]
    pub fn limits(self, rotate_at: u64, grace: Duration) -> Journal {
        Journal {
            rotate_at,
            grace,
            ..self
        }
    }

    /// Adds an event, dated now. Every some ten thousand calls, one of them
    /// also folds the journal, which takes a few milliseconds and never waits:
    /// neither for a lock nor for the disk.
    ///
    /// # Errors
    /// The directory cannot be written to. The call goes on.
    pub fn append(&self, event: &Event) -> io::Result<()> {
        self.append_dated(event, now_ms())
    }

    fn append_dated(&self, event: &Event, time_ms: u64) -> io::Result<()> {
        let mut log = self.open(&self.path("log"), OpenOptions::new().append(true))?;
        log.write_all(&record::encode(event, time_ms))?;
        // After an append the offset is the end of the file.
        if rustix::fs::tell(&log)? >= self.rotate_at {
            // Statistics that stay unfolded for now are no failure.
            let _ = self.compact_and(Sync::Never);
        }
        Ok(())
    }

    /// Sets a large log aside and folds segments into the totals. `false`:
    /// someone else is at it or the totals are being read; nothing was done.
    ///
    /// # Errors
    /// The directory cannot be read or written. Nothing is lost.
    pub fn compact(&self) -> io::Result<bool> {
        self.compact_and(Sync::Totals)
    }

    fn compact_and(&self, sync: Sync) -> io::Result<bool> {
        let lock = self.open(&self.path("lock"), OpenOptions::new().write(true))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut totals = match self.totals(&self.host)? {
            Ok(totals) => totals,
            Err(Unusable::Later) => return Ok(false),
            Err(Unusable::Damaged) => {
                std::fs::rename(self.path("totals"), self.path("totals.damaged"))?;
                TotalsFile::default()
            }
        };
        self.set_aside(&totals)?;
        self.fold_segments(&mut totals, sync)?;
        Ok(true)
    }

    /// The totals of `host`: those of the version before if they are damaged.
    fn totals(&self, host: &str) -> io::Result<Result<TotalsFile, Unusable>> {
        let parse = |suffix: &str| {
            let bytes = read(&self.folder.join(format!("{host}.{suffix}")))?;
            Ok::<_, io::Error>(bytes.map(|bytes| TotalsFile::parse(&bytes)))
        };
        Ok(match parse("totals")? {
            None => Ok(TotalsFile::default()),
            Some(Err(Unusable::Damaged)) => match parse("totals.old")? {
                Some(Ok(totals)) => Ok(totals),
                _ => Err(Unusable::Damaged),
            },
            Some(parsed) => parsed,
        })
    }

    /// Renames the log to a segment if it is large.
    fn set_aside(&self, totals: &TotalsFile) -> io::Result<()> {
        let log = self.path("log");
        let length = match std::fs::metadata(&log) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if length < self.rotate_at {
            return Ok(());
        }
        let mut time = now_ms();
        loop {
            let name = format!("{}.{time}.seg", self.host);
            let path = self.folder.join(&name);
            if !totals.folded.contains_key(&name) && !path.try_exists()? {
                return std::fs::rename(&log, path);
            }
            time += 1;
        }
    }

    fn fold_segments(&self, totals: &mut TotalsFile, sync: Sync) -> io::Result<()> {
        let zeroed = self.zeroed_ms()?;
        let before = totals.clone();
        if totals.zeroed_ms < zeroed {
            // Everything in the buckets was folded, and so happened, before.
            totals.buckets = Buckets::default();
            totals.zeroed_ms = zeroed;
        }
        let segments = self.segments(&self.host)?;
        totals
            .folded
            .retain(|name, _| segments.iter().any(|segment| segment.name == *name));
        for segment in &segments {
            let Some(bytes) = read(&self.folder.join(&segment.name))? else {
                continue;
            };
            let folded = totals.folded.entry(segment.name.clone()).or_default();
            let start = usize::try_from(*folded).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            for (end, record) in record::records(rest) {
                *folded = start.saturating_add(end) as u64;
                if record.time_ms > zeroed {
                    totals.buckets.count(&record);
                }
            }
        }
        totals.buckets.coarsen(now_ms());
        let known = match sync {
            Sync::Totals => None,
            Sync::Never => Some((&before, self.age_of_totals())),
        };
        if *totals != before {
            // Without it where segments are about to go that it does not know.
            let old = self.path("totals.old");
            let _ = std::fs::remove_file(&old);
            if sync == Sync::Never {
                let _ = std::fs::hard_link(self.path("totals"), old);
            }
            self.replace("totals", &totals.to_bytes()?, sync)?;
        }
        for segment in segments {
            let path = self.folder.join(&segment.name);
            let safe = known.is_none_or(|(before, age)| {
                let folded = before.folded.get(&segment.name).copied();
                let length = std::fs::metadata(&path).map_or(u64::MAX, |found| found.len());
                age > self.grace && folded.is_some_and(|folded| folded >= length)
            });
            if safe && segment.age() > self.grace {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// For how long the totals have been what they are.
    fn age_of_totals(&self) -> Duration {
        let changed = std::fs::metadata(self.path("totals")).and_then(|found| found.modified());
        let age = changed.map(|changed| changed.elapsed().unwrap_or_default());
        age.unwrap_or_default()
    }

    /// Starts counting from zero: what was appended before this returns does
    /// not count any more, what is appended afterwards does. Without a journal
    /// there is nothing to do.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn zero(&self) -> io::Result<()> {
        if !self.folder.try_exists()? {
            return Ok(());
        }
        // No fold between the decision and the mark: it would put later
        // events into totals that the mark then discards.
        let lock = self.open(&self.path("lock"), OpenOptions::new().write(true))?;
        lock.lock()?;
        let now = now_ms();
        let mark = format!("{ZEROED_WORDS}{now}\n");
        let temporary = self.folder.join(format!("{ZEROED}.{}", std::process::id()));
        self.write_aside(&temporary, mark.as_bytes(), Sync::Totals)?;
        std::fs::rename(temporary, self.folder.join(ZEROED))?;
        while now_ms() <= now {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// When counting was last started from zero, 0 for never.
    fn zeroed_ms(&self) -> io::Result<u64> {
        let mark = read(&self.folder.join(ZEROED))?.unwrap_or_default();
        let mark = String::from_utf8_lossy(&mark);
        Ok(mark
            .trim_end()
            .strip_prefix(ZEROED_WORDS)
            .and_then(|time| time.parse().ok())
            .unwrap_or(0))
    }

    /// Sums up the events of all hosts since `since` (none: since zeroing).
    /// What was folded is known by the hour - after a month, by the day - and
    /// counts if that is not over by `since`. No journal: all sums are 0.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn fold(&self, since: Option<SystemTime>) -> io::Result<Fold> {
        let since_ms = since.map_or(0, milliseconds);
        let mut fold = Fold {
            zeroed_ms: self.zeroed_ms()?,
            ..Fold::default()
        };
        for host in self.hosts()? {
            self.fold_host(&host, since_ms, &mut fold)?;
        }
        for totals in fold.namespaces.values() {
            fold.all.add(totals);
        }
        Ok(fold)
    }

    fn fold_host(&self, host: &str, since_ms: u64, fold: &mut Fold) -> io::Result<()> {
        let path = |suffix: &str| self.folder.join(format!("{host}.{suffix}"));
        // With the lock shared, no record can move while we look. Where there
        // cannot be one (a read-only directory) nothing moves either.
        let lock = File::open(path("lock"))
            .or_else(|_| self.open(&path("lock"), OpenOptions::new().write(true)));
        let _held = lock.ok().filter(|lock| lock.lock_shared().is_ok());
        let totals = self.totals(host)?.unwrap_or_else(|_| {
            let path = path("totals");
            fold.notes
                .push(format!("{} cannot be read", path.display()));
            TotalsFile::default()
        });
        if totals.zeroed_ms >= fold.zeroed_ms {
            for (namespace, sums) in totals.buckets.by_namespace(since_ms) {
                fold.namespace(namespace).add(&sums);
            }
        }
        let mut fresh = Buckets::default();
        let mut count = |name: &str, folded: u64| -> io::Result<()> {
            let bytes = read(&self.folder.join(name))?.unwrap_or_default();
            let start = usize::try_from(folded).unwrap_or(usize::MAX);
            for (_, record) in record::records(bytes.get(start..).unwrap_or_default()) {
                if record.time_ms > fold.zeroed_ms && record.time_ms >= since_ms {
                    fresh.count(&record);
                }
            }
            Ok(())
        };
        for segment in self.segments(host)? {
            let folded = totals.folded.get(&segment.name).copied().unwrap_or(0);
            count(&segment.name, folded)?;
        }
        count(&format!("{host}.log"), 0)?;
        for (namespace, sums) in fresh.by_namespace(0) {
            fold.namespace(namespace).add(&sums);
        }
        Ok(())
    }

    /// The hosts that have files here.
    fn hosts(&self) -> io::Result<BTreeSet<String>> {
        let mut hosts = BTreeSet::new();
        for name in self.names()? {
            if let Some(segment) = Segment::parse(&name) {
                hosts.insert(segment.host().to_owned());
            } else if let Some(host) = name
                .strip_suffix(".log")
                .or_else(|| name.strip_suffix(".totals"))
            {
                hosts.insert(host.to_owned());
            }
        }
        Ok(hosts)
    }

    /// The segments of `host`, oldest first.
    fn segments(&self, host: &str) -> io::Result<Vec<Segment>> {
        let mut segments: Vec<Segment> = self
            .names()?
            .iter()
            .filter_map(|name| Segment::parse(name))
            .filter(|segment| segment.host() == host)
            .collect();
        segments.sort_by_key(|segment| segment.time_ms);
        Ok(segments)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.folder.join(format!("{}.{suffix}", self.host))
    }

    /// Opens a file, which is made with its folder if it is not there. Only
    /// then is the mode set: what exists is left as it is.
    fn open(&self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
        if !self.folder.is_dir() {
            std::fs::create_dir_all(&self.folder)?;
            if let Some(umask) = self.umask {
                set_mode(&self.folder, 0o777 & !umask)?;
            }
        }
        let file = options.create(true).open(path)?;
        if let Some(umask) = self.umask {
            set_mode(path, 0o666 & !umask)?;
        }
        Ok(file)
    }

    /// Replaces one of this host's files in one step. The lock is held, so
    /// that the temporary name is ours.
    fn replace(&self, suffix: &str, bytes: &[u8], sync: Sync) -> io::Result<()> {
        let temporary = self.path(&format!("{suffix}.new"));
        self.write_aside(&temporary, bytes, sync)?;
        std::fs::rename(temporary, self.path(suffix))
    }

    fn write_aside(&self, path: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
        let mut file = self.open(path, OpenOptions::new().write(true).truncate(true))?;
        file.write_all(bytes)?;
        match sync {
            // The segments go soon after; a crash must not leave neither.
            Sync::Totals => file.sync_data(),
            Sync::Never => Ok(()),
        }
    }
}

/// Whether totals are brought to the disk before segments are unlinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Totals,
    Never,
}

const ZEROED_WORDS: &str = "cache-zeroed 1 ";

/// `<host>.<time>.seg`; a host's name may have dots.
struct Segment {
    name: String,
    host_length: usize,
    time_ms: u64,
}

impl Segment {
    fn parse(name: &str) -> Option<Segment> {
        let (host, time) = name.strip_suffix(".seg")?.rsplit_once('.')?;
        Some(Segment {
            name: name.to_owned(),
            host_length: host.len(),
            time_ms: time.parse().ok()?,
        })
    }

    /// How long ago it was set aside.
    fn age(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.time_ms))
    }

    fn host(&self) -> &str {
        self.name.get(..self.host_length).unwrap_or_default()
    }
}

impl Fold {
    fn namespace(&mut self, name: &str) -> &mut Totals {
        self.namespaces.entry(name.to_owned()).or_default()
    }
}

/// The content of a file; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

fn now_ms() -> u64 {
    milliseconds(SystemTime::now())
}

fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// This machine's name, as part of a file name.
fn host_name() -> String {
    let uname = rustix::system::uname();
    let name: String = uname
        .nodename()
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
            _ => '_',
        })
        .take(64)
        .collect();
    match name.trim_start_matches('.') {
        "" => "host".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
#[path = "journal_test.rs"]
mod tests;
