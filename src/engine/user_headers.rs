//! Which headers an `-MMD` file names.
//!
//! Both compilers leave out a header that was found through a system directory
//! and everything that such a header includes, wherever that was found (GCC's
//! libcpp takes the greater of the includer's and the directory's `sysp`; clang
//! does the same with its file characteristics). A list of all dependencies does
//! not say how a file was reached. So every way that is possible is looked at:
//! each header name in the source and its dependencies, beside its own file and
//! in each directory of the search path. A file that can have been reached in
//! both manners, or in a way that cannot be followed, makes the answer unclear.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::compiler::depfile::DepFile;
use crate::compiler::options::{self, Action};
use crate::compiler::search::SearchPaths;
use crate::compiler::{Command, Family};
use crate::config::Environment;
use crate::hash::scan::{Asked, Lookup, Scan, Style};
use crate::sys::paths;

/// The names in `file`, a list of all dependencies, that `-MMD` keeps. `None`:
/// not clear. `scans` begins with the main source.
pub fn user_headers(
    file: &DepFile,
    family: Family,
    command: &Command,
    search: &SearchPaths,
    scans: &[(&Path, &Scan)],
    environment: &Environment,
) -> Option<HashSet<Vec<u8>>> {
    let directories = directories(family, command, search, environment)?;
    let mut ways = Ways::new(file, &directories, scans);
    for name in &command.forced_includes {
        ways.follow(b"", Standing::USER, name.as_bytes(), Style::Quote);
    }
    ways.spread(scans);
    let computes = |wanted: fn(Standing) -> bool| {
        let mut computing = scans.iter().filter(|(_, scan)| scan.computed);
        computing.any(|(path, _)| wanted(ways.standing(path)))
    };
    let computed = computes(|_| true);
    let computed_by_user = computes(|standing| !standing.is_system_only());
    let marked =
        |(path, scan): &(&Path, &Scan)| scan.system_header && !ways.standing(path).is_system_only();
    if scans.iter().any(marked) {
        return None;
    }
    let mut below = BelowSystem::new(&directories);
    let mut keep = HashSet::new();
    for name in file.paths() {
        let standing = ways.found.get(&plain(&name)).copied().unwrap_or_default();
        let is_user = match (standing.user, standing.system) {
            (true, false) => true,
            (false, true) => false,
            (true, true) => return None,
            // Reached by no name: gcc shortens the paths of system headers, and
            // lists that options name are dependencies of clang's.
            (false, false) => match (below.holds(&name), computed, computed_by_user) {
                (true, _, false) => false,
                (false, false, _) => true,
                _ => return None,
            },
        };
        if is_user {
            keep.insert(name);
        }
    }
    Some(keep)
}

/// How a file can have been reached.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    user: bool,
    system: bool,
}

impl Standing {
    const USER: Standing = Standing {
        user: true,
        system: false,
    };
    const SYSTEM: Standing = Standing {
        user: false,
        system: true,
    };

    fn is_system_only(self) -> bool {
        self == Standing::SYSTEM
    }

    fn join(&mut self, other: Standing) {
        self.user |= other.user;
        self.system |= other.system;
    }
}

/// A directory of the search path.
struct Directory {
    /// In the form of [`plain`]; empty for the working directory.
    path: Vec<u8>,
    system: bool,
    /// Searched for names in quotes only.
    quote: bool,
}

/// The search path with what the user's options make of it. `None`: an option
/// does more to it than is followed here.
fn directories(
    family: Family,
    command: &Command,
    search: &SearchPaths,
    environment: &Environment,
) -> Option<Vec<Directory>> {
    let mut user: HashSet<Vec<u8>> = HashSet::new();
    let mut system: HashSet<Vec<u8>> = HashSet::new();
    for arg in &command.args {
        let Some(first) = arg.words.first() else {
            continue;
        };
        let Some(row) = options::lookup(family, first.as_bytes()) else {
            continue;
        };
        let value = match arg.words.get(1) {
            Some(value) => value.as_bytes(),
            None => first.as_bytes().get(row.spelling.len()..)?,
        };
        let list = match row.spelling {
            "-I" | "-iquote" | "--include-directory" | "--include-directory=" => &mut user,
            "-isystem" | "-idirafter" | "-cxx-isystem" => &mut system,
            "--include-directory-after" | "--include-directory-after=" => &mut system,
            "-iwithprefix" | "-iwithprefixbefore" | "--config" => return None,
            "--system-header-prefix=" | "--no-system-header-prefix=" => return None,
            _ if row.action == Action::Specs => return None,
            _ => continue,
        };
        // Below the root of headers.
        if value.starts_with(b"=") || value.starts_with(b"$") {
            return None;
        }
        list.insert(plain(value));
    }
    // `CPATH` counts as if its directories were given by `-I`, after those.
    let listed = |name: &str| environment.get(name).map(OsStr::to_owned);
    let split = |value: OsString| -> Vec<PathBuf> { paths::search_path(Some(&value)).collect() };
    for path in listed("CPATH").into_iter().flat_map(split) {
        user.insert(plain(path.as_os_str().as_bytes()));
    }
    for name in [
        "C_INCLUDE_PATH",
        "CPLUS_INCLUDE_PATH",
        "OBJC_INCLUDE_PATH",
        "OBJCPLUS_INCLUDE_PATH",
    ] {
        for path in listed(name).into_iter().flat_map(split) {
            system.insert(plain(path.as_os_str().as_bytes()));
        }
    }
    let mut real = RealDirectories::default();
    let mut same = |list: &HashSet<Vec<u8>>, path: &[u8]| list.iter().any(|p| real.same(p, path));
    let mut places = Vec::new();
    for path in &search.quote {
        let path = plain(path.as_os_str().as_bytes());
        places.push(Directory {
            path,
            system: false,
            quote: true,
        });
    }
    let mut behind_users = false;
    for path in &search.angle {
        let path = plain(path.as_os_str().as_bytes());
        // Of a directory that is both, the compilers drop the user's, whose
        // directories come first.
        let by_user = same(&user, &path);
        let by_system = same(&system, &path);
        if !by_system && !by_user && !path.starts_with(b"/") {
            return None;
        }
        behind_users |= by_system || !by_user;
        places.push(Directory {
            path,
            system: behind_users,
            quote: false,
        });
    }
    Some(places)
}

/// A path without `./` and doubled slashes, which the compilers write or leave
/// out as they like; empty for the working directory.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    if path.starts_with(b"/") {
        out.push(b'/');
    }
    let parts = path.split(|b| *b == b'/');
    for part in parts.filter(|part| !part.is_empty() && *part != b".") {
        if !out.is_empty() && out != b"/" {
            out.push(b'/');
        }
        out.extend_from_slice(part);
    }
    out
}

/// The directory of a file in the form of [`plain`].
fn beside(path: &[u8]) -> &[u8] {
    let at = path.iter().rposition(|b| *b == b'/');
    path.get(..at.unwrap_or(0)).unwrap_or_default()
}

/// How each dependency can have been reached.
struct Ways<'a> {
    directories: &'a [Directory],
    found: HashMap<Vec<u8>, Standing>,
    /// Dependencies by their last part.
    by_name: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    real: RealDirectories,
}

/// Directories by what they really are: clang names one as it first came across
/// it, whichever way it is reached.
#[derive(Default)]
struct RealDirectories(HashMap<Vec<u8>, PathBuf>);

impl RealDirectories {
    fn same(&mut self, a: &[u8], b: &[u8]) -> bool {
        a == b || self.of(a).clone() == *self.of(b)
    }

    fn of(&mut self, directory: &[u8]) -> &PathBuf {
        self.0.entry(directory.to_owned()).or_insert_with(|| {
            let path = match directory.is_empty() {
                true => Path::new("."),
                false => Path::new(OsStr::from_bytes(directory)),
            };
            fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned())
        })
    }
}

impl<'a> Ways<'a> {
    fn new(file: &DepFile, directories: &'a [Directory], scans: &[(&Path, &Scan)]) -> Ways<'a> {
        let mut ways = Ways {
            directories,
            found: HashMap::new(),
            by_name: HashMap::new(),
            real: RealDirectories::default(),
        };
        for name in file.paths() {
            let name = plain(&name);
            let last = last_part(&name).to_owned();
            if ways
                .found
                .insert(name.clone(), Standing::default())
                .is_none()
            {
                ways.by_name.entry(last).or_default().push(name);
            }
        }
        if let Some((source, _)) = scans.first() {
            let source = plain(source.as_os_str().as_bytes());
            ways.found.insert(source, Standing::USER);
        }
        ways
    }

    fn standing(&self, path: &Path) -> Standing {
        let path = plain(path.as_os_str().as_bytes());
        self.found.get(&path).copied().unwrap_or_default()
    }

    /// Notes what the name `name` in a file in `here` can lead to; `from` is how
    /// that file was reached. Whether something new was learnt.
    fn follow(&mut self, here: &[u8], from: Standing, name: &[u8], style: Style) -> bool {
        let name = plain(name);
        let Some(candidates) = self.by_name.get(last_part(&name)) else {
            return false;
        };
        let mut changed = false;
        for path in candidates {
            let absolute = name.starts_with(b"/");
            let directory = match path.strip_suffix(name.as_slice()) {
                Some(b"") => &b""[..],
                Some([directory @ .., b'/']) if !absolute => directory,
                _ => continue,
            };
            let mut reached = Standing::default();
            if absolute || (style == Style::Quote && self.real.same(directory, here)) {
                reached.join(from);
            }
            for place in self.directories.iter().filter(|_| !absolute) {
                let searched = !place.quote || style == Style::Quote;
                if searched && self.real.same(&place.path, directory) {
                    reached.join(if place.system { Standing::SYSTEM } else { from });
                }
            }
            if let Some(standing) = self.found.get_mut(path) {
                let before = *standing;
                standing.join(reached);
                changed |= *standing != before;
            }
        }
        changed
    }

    /// Follows all names until nothing new is learnt.
    fn spread(&mut self, scans: &[(&Path, &Scan)]) {
        let in_macros: Vec<&Lookup> = scans
            .iter()
            .flat_map(|(_, scan)| &scan.lookups)
            .filter(|lookup| lookup.asked == Asked::Macro)
            .collect();
        let mut pending: HashMap<&Path, Standing> = HashMap::new();
        loop {
            let mut changed = false;
            for (path, scan) in scans {
                let from = self.standing(path);
                // Nothing new can come from here.
                if from == Standing::default() || pending.insert(path, from) == Some(from) {
                    continue;
                }
                let whole = plain(path.as_os_str().as_bytes());
                let here = beside(&whole);
                let of_macros = in_macros.iter().copied().filter(|_| scan.computed);
                let own = scan.lookups.iter();
                let own = own.filter(|lookup| matches!(lookup.asked, Asked::Include | Asked::Next));
                for lookup in own.chain(of_macros) {
                    changed |= self.follow(here, from, &lookup.name, lookup.style);
                }
            }
            if !changed {
                return;
            }
        }
    }
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// Whether paths lie below a system directory, links resolved where need be.
struct BelowSystem<'a> {
    directories: &'a [Directory],
    real: Option<Vec<PathBuf>>,
}

impl<'a> BelowSystem<'a> {
    fn new(directories: &'a [Directory]) -> BelowSystem<'a> {
        BelowSystem {
            directories,
            real: None,
        }
    }

    fn holds(&mut self, name: &[u8]) -> bool {
        let system = self.directories.iter().filter(|place| place.system);
        let path = Path::new(OsStr::from_bytes(name));
        let as_path = |place: &Directory| match place.path.is_empty() {
            true => PathBuf::from("."),
            false => PathBuf::from(OsStr::from_bytes(&place.path)),
        };
        let mut places = system.clone().map(as_path);
        if places.any(|place| path.starts_with(place)) {
            return true;
        }
        let real = self.real.get_or_insert_with(|| {
            let places = system.map(as_path);
            places
                .filter_map(|place| fs_err::canonicalize(place).ok())
                .collect()
        });
        fs_err::canonicalize(path)
            .is_ok_and(|path| real.iter().any(|place| path.starts_with(place)))
    }
}
