//! Files besides the product, on both ways: into the entry after a compile,
//! and back out of it on a hit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::dumps;
use super::record::{Refusal, refuse, written_since};
use super::restore::{self, Failure};
use crate::compiler::{Command, Dumps, Overwrite, Profile, outputs};
use crate::entry::{Blob, BlobName};
use crate::stats::Counter;
use crate::store::OpenEntry;
use crate::sys::clock::Nanos;

/// Together they are held in memory.
const MOST_DUMPED: u64 = 256 << 20;

/// What must be known before the compile.
#[derive(Default)]
pub struct Before {
    /// The lengths of files that the compiler adds to.
    lengths: HashMap<PathBuf, u64>,
}

impl Before {
    pub fn look(command: &Command) -> Before {
        let outputs = command.outputs.iter().map(|o| (&o.path, o.overwrite));
        let named = command.dumps.iter().flat_map(|dumps| &dumps.named);
        let lengths = outputs
            .chain(named.map(|(path, overwrite)| (path, *overwrite)))
            .filter(|(_, overwrite)| *overwrite == Overwrite::Appended)
            .filter_map(|(path, _)| Some((path.clone(), rustix::fs::stat(path).ok()?.st_size)))
            .filter_map(|(path, length)| Some((path, u64::try_from(length).ok()?)));
        Before {
            lengths: lengths.collect(),
        }
    }

    /// What this compile added to the file; the whole if it did not add.
    fn added(&self, path: &Path, overwrite: Overwrite) -> Result<Vec<u8>, Refusal> {
        let Ok(mut content) = fs_err::read(path) else {
            return refuse(
                Counter::CompilerProducedNoOutput,
                format!("{} cannot be read", path.display()),
            );
        };
        if let (Overwrite::Appended, Some(length)) = (overwrite, self.lengths.get(path)) {
            let length = usize::try_from(*length).unwrap_or(usize::MAX);
            if length > content.len() {
                return refuse(
                    Counter::WroteUndeclaredFile,
                    format!("{} was not added to", path.display()),
                );
            }
            content.drain(..length);
        }
        Ok(content)
    }
}

/// The blobs of all files besides the product that `command` wrote.
pub fn gather(
    command: &Command,
    before: &Before,
    started: Nanos,
) -> Result<Vec<(BlobName, Blob)>, Refusal> {
    let mut blobs = Vec::new();
    for output in &command.outputs {
        let Some(name) = BlobName::new(output.role) else {
            return refuse(Counter::InternalError, format!("role {}", output.role));
        };
        if file_written(&output.path, started) {
            let blob = match output.overwrite {
                Overwrite::Appended => Blob::Bytes(before.added(&output.path, output.overwrite)?),
                _ => Blob::File(output.path.clone()),
            };
            blobs.push((name, blob));
        } else if !output.optional
            || (output.role != outputs::INSIDE && !could_be_written(&output.path))
        {
            return refuse(
                Counter::CompilerProducedNoOutput,
                format!("{} was not written", output.path.display()),
            );
        }
    }
    if let Some(dumps) = &command.dumps {
        let bytes = gather_dumps(command, dumps, before, started)?;
        match BlobName::new(outputs::DUMPS) {
            Some(name) => blobs.push((name, Blob::Bytes(bytes))),
            None => return refuse(Counter::InternalError, outputs::DUMPS),
        }
    }
    Ok(blobs)
}

fn gather_dumps(
    command: &Command,
    wanted: &Dumps,
    before: &Before,
    started: Nanos,
) -> Result<Vec<u8>, Refusal> {
    let mut declared = vec![command.output.as_path()];
    declared.extend(command.dependencies.iter().map(|d| d.path.as_path()));
    declared.extend(command.outputs.iter().map(|output| output.path.as_path()));
    declared.extend(wanted.named.iter().map(|(path, _)| path.as_path()));
    let written = |path: &Path| file_written(path, started);
    let endings = match dumps::endings(wanted, written, &declared) {
        Ok(endings) => endings,
        Err(path) => return refuse(Counter::WroteUndeclaredFile, path.display().to_string()),
    };
    if endings.is_empty() && wanted.named.is_empty() {
        let places = [
            Path::new(""),
            parent(&command.output),
            parent(&command.source),
        ];
        if let Some(path) = dumps::elsewhere(&places, written) {
            return refuse(Counter::WroteUndeclaredFile, path.display().to_string());
        }
    }
    let mut names: Vec<dumps::Name> = endings.into_iter().map(dumps::Name::Ending).collect();
    for (position, (path, _)) in (0..).zip(&wanted.named) {
        if written(path) {
            names.push(dumps::Name::Named(position));
        } else if !could_be_written(path) {
            return refuse(
                Counter::CompilerProducedNoOutput,
                format!("{} was not written", path.display()),
            );
        }
    }
    let mut files = Vec::with_capacity(names.len());
    let mut total = 0;
    for name in names {
        let Some((path, overwrite)) = dumps::path(wanted, &name) else {
            return refuse(Counter::InternalError, "a dump without a name");
        };
        total += rustix::fs::stat(&path).map_or(0, |stat| stat.st_size.unsigned_abs());
        if total > MOST_DUMPED {
            return refuse(Counter::UnsupportedCompilerOption, "too much is dumped");
        }
        let content = before.added(&path, overwrite)?;
        files.push(dumps::File { name, content });
    }
    Ok(dumps::encode(&files))
}

fn file_written(path: &Path, started: Nanos) -> bool {
    let file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    file && written_since(path, started)
}

/// Whether a file that is not there is missing by the compiler's choice: the
/// day its directory is there, too, there would be one.
fn could_be_written(path: &Path) -> bool {
    let directory = match parent(path) {
        directory if directory.as_os_str().is_empty() => Path::new("."),
        directory => directory,
    };
    use rustix::fs::Access;
    let into = rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK);
    let onto = rustix::fs::access(path, Access::WRITE_OK);
    into.is_ok() && matches!(onto, Ok(()) | Err(rustix::io::Errno::NOENT))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Writes all files besides the product, those that are added to left out.
pub fn give_back(entry: &dyn OpenEntry, command: &Command) -> Result<(), Failure> {
    for output in &command.outputs {
        let Some(name) = BlobName::new(output.role) else {
            continue;
        };
        if entry.len(&name).is_none() {
            if !output.optional {
                return Err(Failure::Missing(name));
            }
        } else if output.overwrite != Overwrite::Appended {
            restore::copy(entry, &name, &output.path, output.overwrite)?;
        }
    }
    for (path, overwrite, content) in stored_dumps(entry, command)? {
        if overwrite != Overwrite::Appended {
            restore::write_over(&path, overwrite, &content)?;
        }
    }
    Ok(())
}

/// Adds to the files that the compiler adds to: last, since what was added
/// cannot be taken back when something else fails.
pub fn add_back(entry: &dyn OpenEntry, command: &Command) -> Result<(), Failure> {
    for output in &command.outputs {
        let Some(name) = BlobName::new(output.role) else {
            continue;
        };
        if output.overwrite == Overwrite::Appended
            && let Some(content) = entry.read(&name)?
        {
            restore::write_over(&output.path, Overwrite::Appended, &content)?;
        }
    }
    for (path, overwrite, content) in stored_dumps(entry, command)? {
        if overwrite == Overwrite::Appended {
            restore::write_over(&path, overwrite, &content)?;
        }
    }
    Ok(())
}

type Stored = (PathBuf, Overwrite, Vec<u8>);

fn stored_dumps(entry: &dyn OpenEntry, command: &Command) -> Result<Vec<Stored>, Failure> {
    let (Some(wanted), Some(name)) = (&command.dumps, BlobName::new(outputs::DUMPS)) else {
        return Ok(Vec::new());
    };
    let set = entry.read(&name)?.and_then(|bytes| dumps::decode(&bytes));
    let Some(set) = set else {
        return Err(Failure::Missing(name));
    };
    set.into_iter()
        .map(|file| {
            let (path, overwrite) =
                dumps::path(wanted, &file.name).ok_or(Failure::Missing(name.clone()))?;
            Ok((path, overwrite, file.content))
        })
        .collect()
}

/// The profile data that gcc looks for: beside the product's name, or in a
/// directory under the whole name with `#` for each slash (`coverage.cc` and
/// `mangle_path` of gcc 11/12, by experiment).
pub fn profile_path(profile: &Profile, working_directory: &Path) -> PathBuf {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let name = profile.name.as_bytes();
    let absolute = name.starts_with(b"/");
    let mut path = match (&profile.directory, absolute) {
        (None, _) => name.to_vec(),
        (Some(directory), true) => [directory.as_bytes(), b"/", name].concat(),
        (Some(directory), false) => {
            let here = working_directory.as_os_str().as_bytes();
            let whole = [here, b"/", name].concat();
            let parts: Vec<&[u8]> = whole
                .split(|&b| b == b'/')
                .map(|part| if part == b".." { b"^" } else { part })
                .collect();
            [directory.as_bytes(), b"/", &parts.join(&b'#')].concat()
        }
    };
    path.extend_from_slice(b".gcda");
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_profile_data() {
        let path = |directory: Option<&str>, name: &str| {
            let profile = Profile {
                directory: directory.map(Into::into),
                name: name.into(),
            };
            let path = profile_path(&profile, Path::new("/tmp/w"));
            path.to_str().unwrap().to_owned()
        };
        assert_eq!(path(None, "out/z.y"), "out/z.y.gcda");
        assert_eq!(path(None, "/o/z"), "/o/z.gcda");
        assert_eq!(path(Some("p"), "x"), "p/#tmp#w#x.gcda");
        assert_eq!(path(Some("p/"), "../x"), "p//#tmp#w#^#x.gcda");
        assert_eq!(path(Some("p"), "/o/z"), "p//o/z.gcda");
    }
}
