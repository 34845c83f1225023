//! A scenario as plain data: a project, settings of the cache, and calls with
//! what happens before each. It can be run, shrunk, and printed as a script.
//!
//! `@W@` in files, words and values stands for the working tree, `@P@` for the
//! project in it (which moves).

use std::fmt::Write as _;
use std::path::Path;

/// Words that belong together: an option with its value.
pub type Group = Vec<String>;

/// A file of the project, in pieces that shrinking can take out.
#[derive(Clone)]
pub struct File {
    /// Below the working tree.
    pub path: String,
    pub chunks: Vec<String>,
}

/// One call of a compiler.
#[derive(Clone)]
pub struct Call {
    pub driver: String,
    pub groups: Vec<Group>,
    /// The project's directory below the working tree.
    pub project: String,
    /// The working directory below the project; empty: the project itself.
    pub directory: String,
    pub vars: Vec<(String, String)>,
    pub stdin: String,
    pub umask: Option<u32>,
}

/// A change of the world, and the call after it.
#[derive(Clone)]
pub struct Step {
    pub what: String,
    /// Shell commands, run in the working tree.
    pub script: String,
    pub call: Call,
}

#[derive(Clone)]
pub struct Scenario {
    pub files: Vec<File>,
    /// Environment variables for the cache alone.
    pub settings: Vec<(String, String)>,
    pub steps: Vec<Step>,
}

impl Call {
    /// The arguments, in the working tree `work`.
    pub fn words(&self, work: &Path) -> Vec<String> {
        let words = self.groups.iter().flatten();
        words.map(|word| self.placed(word, work)).collect()
    }

    /// Whether the call is nothing without these words: the source, where it
    /// stops, where headers are.
    pub fn needs(&self, group: &Group) -> bool {
        let source = group
            .iter()
            .any(|word| word.contains("src/") || word.contains("src2/") || word == "-");
        let usual = ["-c", "-S", "-I", "-isystem"]
            .iter()
            .any(|o| group[0].starts_with(o));
        source || usual
    }

    /// `text` with its places filled in.
    pub fn placed(&self, text: &str, work: &Path) -> String {
        let work = work.display().to_string();
        let project = format!("{work}/{}", self.project);
        text.replace("@P@", &project).replace("@W@", &work)
    }

    /// Below the working tree.
    pub fn working_directory(&self) -> String {
        match self.directory.is_empty() {
            true => self.project.clone(),
            false => format!("{}/{}", self.project, self.directory),
        }
    }

    /// The words in one line, for people.
    pub fn line(&self) -> String {
        let words: Vec<&str> = self.groups.iter().flatten().map(String::as_str).collect();
        format!("{} {}", self.driver, words.join(" "))
    }
}

/// `text` as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A shell command that writes `text` into the file `path`.
pub fn put(path: &str, text: &str) -> String {
    format!("printf %s {} >{}", quoted(text), quoted(path))
}

impl Scenario {
    /// A shell script that shows what happens: the plain compiler's result of
    /// each step is left in `N.plain`, the cache's in `N.cache`, and compared.
    pub fn script(&self) -> String {
        let mut text = String::from(PRELUDE);
        let work = Path::new("/tmp/cache-random/work");
        for file in &self.files {
            let parent = Path::new(&file.path).parent().unwrap().display();
            let content = self.steps[0].call.placed(&file.chunks.concat(), work);
            let _ = writeln!(text, "mkdir -p {parent}\n{}", put(&file.path, &content));
        }
        for (number, step) in self.steps.iter().enumerate() {
            let call = &step.call;
            let _ = writeln!(text, "\n# {number}: {}", step.what);
            if !step.script.is_empty() {
                let _ = writeln!(text, "{}", call.placed(&step.script, work));
            }
            let vars: Vec<String> = (self.settings.iter().chain(&call.vars))
                .map(|(name, value)| format!("{name}={}", quoted(&call.placed(value, work))))
                .collect();
            let words: Vec<String> = call.words(work).iter().map(|word| quoted(word)).collect();
            let _ = writeln!(
                text,
                "export in={} vars={} umask={:o} dir={}\nrun {number} {} {}",
                quoted(&call.stdin),
                quoted(&vars.join(" ")),
                call.umask.unwrap_or(0o022),
                call.working_directory(),
                call.driver,
                words.join(" ")
            );
        }
        text
    }
}

/// The script's own commands. States are kept with their times; a file that did
/// not change keeps its inode, as in the test.
const PRELUDE: &str = r#"#!/bin/bash
# Usage: CACHE=path/to/cache bash this-script
: ${CACHE:=cache}
root=/tmp/cache-random; rm -rf $root; mkdir -p $root/{work,tmp,home,run,keep}; cd $root/work
restore() { # makes the tree what it was in the copy $1
    find . ! -type d | while read -r f; do
        cmp -s "$f" "$1/$f" && [ ! "$f" -nt "$1/$f" ] && [ ! -L "$f" ] || rm -f "$f"
    done
    find . -depth -type d | while read -r d; do [ -d "$1/$d" ] || rm -rf "$d"; done
    cp -a -n "$1/." .
}
call() { # out err words...
    local out=$1 err=$2; shift 2
    (cd $dir && umask $umask && eval env -i PATH=/usr/bin:/bin HOME=$root/home TMPDIR=$root/tmp \
        XDG_RUNTIME_DIR=$root/run CACHE_DIR=$root/cache CACHE_LOG=$root/log $vars '"$@"' \
        >$out 2>$err <<<"$in"; echo "exit $?" >>$err)
}
run() { # number words...
    local n=$root/keep/$1; shift
    cp -a . $n.before
    call $n.plain.out $n.plain.err "$@"; cp -a . $n.plain; restore $n.before
    : >$root/log
    call $n.cache.out $n.cache.err "$CACHE" "$@"; cp -a . $n.cache
    echo "== $n: $*"; sed 's/^/   /' $root/log
    diff -r $n.plain $n.cache; diff $n.plain.out $n.cache.out; diff $n.plain.err $n.cache.err
    restore $n.before
    : >$root/log
    call $n.again.out $n.again.err "$CACHE" "$@"; cp -a . $n.again
    echo "== $n: $* (again)"; sed 's/^/   /' $root/log
    diff -r $n.plain $n.again; diff $n.plain.out $n.again.out; diff $n.plain.err $n.again.err
}
"#;
