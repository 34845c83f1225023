//! The table of keys. Everything that knows a key by name - files,
//! environment, `cache config`, the reference page - gets it from here.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::{CompilerCheck, Compression, Config, SizeLimit, Sloppiness};

/// One key: a row of [`KEYS`].
pub struct Key {
    /// As it is written in a file.
    pub name: &'static str,
    /// The environment variables that set it; the first is the one to teach,
    /// and wins when several are set.
    pub variables: &'static [&'static str],
    /// Its type, and where its value is in a [`Config`].
    pub kind: Kind,
    /// What applies if nothing sets it, where [`Config::default`] does not say.
    pub default: Option<&'static str>,
    /// Whether a project file may set it. Such a file arrives with a checkout:
    /// it must not be able to run a program, name a log, move the store, empty
    /// it, read files of its choice, or make hits less strict.
    pub harmless: bool,
    /// What it does, in Markdown.
    pub doc: &'static str,
}

/// The type of a key, with the access to its field.
#[derive(Clone, Copy)]
pub enum Kind {
    /// True or false.
    Switch(fn(&mut Config) -> &mut bool),
    /// A limit in bytes.
    Size(fn(&mut Config) -> &mut SizeLimit),
    /// A length of time; none and `0` mean no limit.
    Age(fn(&mut Config) -> &mut Option<Duration>),
    /// See [`Compression`].
    Compression(fn(&mut Config) -> &mut Compression),
    /// zstd's compression level.
    Level(fn(&mut Config) -> &mut i32),
    /// A file mode mask.
    Umask(fn(&mut Config) -> &mut Option<u32>),
    /// See [`CompilerCheck`].
    Check(fn(&mut Config) -> &mut CompilerCheck),
    /// See [`Sloppiness`].
    Sloppiness(fn(&mut Config) -> &mut Sloppiness),
    /// A name that can be a folder's.
    Name(fn(&mut Config) -> &mut Option<String>),
    /// The directory of the cache, absolute.
    Directory(fn(&mut Config) -> &mut PathBuf),
    /// A path. A relative one counts from the file that sets it, or from the
    /// working directory.
    Path(fn(&mut Config) -> &mut Option<PathBuf>),
    /// Several paths, as [`Kind::Path`]; in one text separated by `:`.
    Paths(fn(&mut Config) -> &mut Vec<PathBuf>),
    /// A program: a path, or a name to be searched for. Taken as it stands.
    Program(fn(&mut Config) -> &mut Option<PathBuf>),
    /// Directories separated by `:`, taken as they stand.
    SearchPath(fn(&mut Config) -> &mut Option<OsString>),
    /// Words; in one text separated by white space.
    Words(fn(&mut Config) -> &mut Vec<OsString>),
}

impl Kind {
    /// The type in one or two words.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Switch(_) => "switch",
            Kind::Size(_) => "size",
            Kind::Age(_) => "length of time",
            Kind::Level(_) => "number",
            Kind::Umask(_) => "file mode mask",
            Kind::Check(_) | Kind::Compression(_) => "choice",
            Kind::Sloppiness(_) => "list of names",
            Kind::Name(_) => "name",
            Kind::Directory(_) | Kind::Path(_) => "path",
            Kind::Paths(_) => "list of paths",
            Kind::Program(_) => "program",
            Kind::SearchPath(_) => "search path",
            Kind::Words(_) => "list of words",
        }
    }

    /// What values of this type look like.
    pub fn accepts(&self) -> &'static str {
        match self {
            Kind::Switch(_) => "`true` or `false` (also `1`/`0`, `yes`/`no`, `on`/`off`)",
            Kind::Size(_) => {
                "a size like `5G`, `500M`, `1.5GiB`, a share of the disk like `10%`, or `0` for no limit"
            }
            Kind::Age(_) => {
                "a length of time like `30d`, `12h`, `1d12h` (w, d, h, m, s), or `none`"
            }
            Kind::Compression(_) => "`auto`, `true` or `false`",
            Kind::Level(_) => "a whole number from -7 to 22",
            Kind::Umask(_) => {
                "octal digits like `002` (in a file as a string: `\"002\"`), or `none`"
            }
            Kind::Check(_) => {
                "`content`, `mtime`, `none`, `string:TEXT` or `command:COMMAND` (`%compiler%` in it stands for the compiler)"
            }
            Kind::Sloppiness(_) => {
                "names from the list of allowances, separated by commas or spaces"
            }
            Kind::Name(_) => {
                "1 to 64 letters, digits, `_`, `-` and `.`, not starting with `.` and not two hexadecimal digits, or `none`"
            }
            Kind::Directory(_) => "an absolute path (in a file also `~/...`)",
            Kind::Path(_) => "a path, or `none`",
            Kind::Paths(_) => "paths separated by `:` (in a file also an array)",
            Kind::Program(_) => "a program's name or path, or `none`",
            Kind::SearchPath(_) => "directories separated by `:`, or `none`",
            Kind::Words(_) => "words separated by spaces (in a file also an array)",
        }
    }
}

/// The key called `name`.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// All keys, in the order of the reference page.
pub const KEYS: &[Key] = &[
    Key {
        name: "dir",
        variables: &["CACHE_DIR"],
        kind: Kind::Directory(|c| &mut c.dir),
        default: Some("`~/.cache/cache`, or where the platform keeps caches"),
        harmless: false,
        doc: "Where the cache is. The folder is made on the first write; one that exists and is not empty must have been made by `cache`.",
    },
    Key {
        name: "max_size",
        variables: &["CACHE_MAX_SIZE"],
        kind: Kind::Size(|c| &mut c.max_size),
        default: None,
        harmless: false,
        doc: "How large the cache may grow. Above it, the entries that were not used for the longest time go.",
    },
    Key {
        name: "max_age",
        variables: &["CACHE_MAX_AGE"],
        kind: Kind::Age(|c| &mut c.max_age),
        default: None,
        harmless: false,
        doc: "Entries not used for longer than this go when the cache is tidied, however small it is.",
    },
    Key {
        name: "disable",
        variables: &["CACHE_DISABLE"],
        kind: Kind::Switch(|c| &mut c.disable),
        default: None,
        harmless: true,
        doc: "Run the compiler as if `cache` were not there.",
    },
    Key {
        name: "read_only",
        variables: &["CACHE_READ_ONLY"],
        kind: Kind::Switch(|c| &mut c.read_only),
        default: None,
        harmless: true,
        doc: "Use what is in the cache, add and remove nothing.",
    },
    Key {
        name: "recache",
        variables: &["CACHE_RECACHE"],
        kind: Kind::Switch(|c| &mut c.recache),
        default: None,
        harmless: true,
        doc: "Use nothing that is in the cache: compile, and replace the entries.",
    },
    Key {
        name: "namespace",
        variables: &["CACHE_NAMESPACE"],
        kind: Kind::Name(|c| &mut c.namespace),
        default: None,
        harmless: true,
        doc: "Keep results apart under this name: calls of different namespaces share nothing, and `cache clean --namespace` removes one of them.",
    },
    Key {
        name: "base_dir",
        variables: &["CACHE_BASE_DIR"],
        kind: Kind::Path(|c| &mut c.base_dir),
        default: None,
        harmless: true,
        doc: "Absolute paths below this directory count as relative to the working directory, so that two checkouts share results. In a project file, `\".\"` is the folder of that file.",
    },
    Key {
        name: "hash_dir",
        variables: &["CACHE_HASH_DIR"],
        kind: Kind::Switch(|c| &mut c.hash_dir),
        default: None,
        harmless: true,
        doc: "Let the working directory count where the object names it (`-g`). With `false`, an object from another directory may come back, whose debug information names that one.",
    },
    Key {
        name: "compiler_check",
        variables: &["CACHE_COMPILER_CHECK"],
        kind: Kind::Check(|c| &mut c.compiler_check),
        default: None,
        harmless: false,
        doc: "How a changed compiler is noticed. `content` reads a compiler once and then trusts its stamps, so that it costs no more than `mtime`.",
    },
    Key {
        name: "sloppiness",
        variables: &["CACHE_SLOPPINESS"],
        kind: Kind::Sloppiness(|c| &mut c.sloppiness),
        default: None,
        harmless: false,
        doc: "What a hit may overlook; see the list of allowances below.",
    },
    Key {
        name: "direct_mode",
        variables: &["CACHE_DIRECT_MODE"],
        kind: Kind::Switch(|c| &mut c.direct_mode),
        default: None,
        harmless: true,
        doc: "Look results up by the files that the last compile read, without running the preprocessor.",
    },
    Key {
        name: "depend_mode",
        variables: &["CACHE_DEPEND_MODE"],
        kind: Kind::Switch(|c| &mut c.depend_mode),
        default: None,
        harmless: true,
        doc: "Never run the preprocessor: look up in direct mode only, and take the list of files from the compiler's own dependency output.",
    },
    Key {
        name: "compression",
        variables: &["CACHE_COMPRESSION"],
        kind: Kind::Compression(|c| &mut c.compression),
        default: None,
        harmless: true,
        doc: "Whether to store compressed (zstd) what becomes smaller by it: `true`, `false`, or `auto`: once the store is more than half full, so that hits are fast while there is room. A file system that can clone files stores them as they are.",
    },
    Key {
        name: "compression_level",
        variables: &["CACHE_COMPRESSION_LEVEL"],
        kind: Kind::Level(|c| &mut c.compression_level),
        default: None,
        harmless: true,
        doc: "The level of compression: higher is smaller and slower.",
    },
    Key {
        name: "hard_link",
        variables: &["CACHE_HARD_LINK"],
        kind: Kind::Switch(|c| &mut c.hard_link),
        default: None,
        harmless: false,
        doc: "Restore objects as hard links to the cache. Saves space and time, but whatever writes into such an object damages the entry, and a hit does not set a new time on it.",
    },
    Key {
        name: "extra_files_to_hash",
        variables: &["CACHE_EXTRA_FILES_TO_HASH"],
        kind: Kind::Paths(|c| &mut c.extra_files_to_hash),
        default: None,
        harmless: false,
        doc: "Files whose content counts in every key.",
    },
    Key {
        name: "ignore_options",
        variables: &["CACHE_IGNORE_OPTIONS"],
        kind: Kind::Words(|c| &mut c.ignore_options),
        default: None,
        harmless: false,
        doc: "Compiler options that are left out of the key. A `*` at the end of one stands for any text.",
    },
    Key {
        name: "prefix_command",
        variables: &["CACHE_PREFIX_COMMAND"],
        kind: Kind::Words(|c| &mut c.prefix_command),
        default: None,
        harmless: false,
        doc: "A command to put in front of the compiler when it has to run.",
    },
    Key {
        name: "compiler",
        variables: &["CACHE_COMPILER"],
        kind: Kind::Program(|c| &mut c.compiler),
        default: Some("the compiler that the call names"),
        harmless: false,
        doc: "The compiler to run instead of the one that the call names.",
    },
    Key {
        name: "path",
        variables: &["CACHE_PATH"],
        kind: Kind::SearchPath(|c| &mut c.path),
        default: Some("`PATH`"),
        harmless: false,
        doc: "Where compilers are searched for, instead of `PATH`.",
    },
    Key {
        name: "log_file",
        variables: &["CACHE_LOG_FILE", "CACHE_LOG"],
        kind: Kind::Path(|c| &mut c.log_file),
        default: None,
        harmless: false,
        doc: "Write each call's decisions to this file, in plain words, with the reason of a miss.",
    },
    Key {
        name: "stats",
        variables: &["CACHE_STATS"],
        kind: Kind::Switch(|c| &mut c.stats),
        default: None,
        harmless: false,
        doc: "Count each call for `cache stats`.",
    },
    Key {
        name: "umask",
        variables: &["CACHE_UMASK"],
        kind: Kind::Umask(|c| &mut c.umask),
        default: Some("that of the call"),
        harmless: false,
        doc: "The file mode mask for files in the cache, for a cache that several users share. It does not change the modes of what the compiler writes.",
    },
    Key {
        name: "temporary_dir",
        variables: &["CACHE_TEMPORARY_DIR"],
        kind: Kind::Path(|c| &mut c.temporary_dir),
        default: Some("in `dir`"),
        harmless: false,
        doc: "Where temporary files of a running compile go.",
    },
    Key {
        name: "agent_idle",
        variables: &["CACHE_AGENT_IDLE"],
        kind: Kind::Age(|c| &mut c.agent_idle),
        default: None,
        harmless: false,
        doc: "How long the agent, which speaks to the stores on other machines, waits for work before it leaves. With `none` it stays.",
    },
];
