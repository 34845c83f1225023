//! A server's process under a guard, so that neither it nor its files outlive the
//! tests: statics are not dropped, and a test process may be killed.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// The guard's parent holds the other end of its standard input and never writes:
/// the end of the input is the end of the parent, whatever its cause. (A signal on
/// the parent's death would come with the end of the *thread* that started the
/// server: a test.)
///
/// The server gets a process group of its own (`setsid`), as some have workers
/// that outlive a killed master. If it ends by itself the mark `ended` tells the
/// watcher that its number may belong to somebody else by now. `rm` is tried again
/// because a dying process may still write.
const GUARD: &str = r#"
directory=$1
shift
exec 3<&0
setsid "$@" </dev/null >>"$directory/log" 2>&1 3<&- &
server=$!
echo "$server"
{
    cat <&3 >/dev/null
    [ -e "$directory/ended" ] || kill -s KILL -- "-$server" || kill -s KILL "$server"
    tries=0
    until rm -rf -- "$directory" || [ $((tries += 1)) -gt 100 ]; do sleep 0.02; done
} 2>/dev/null &
exec 3<&-
wait "$server"
status=$?
true >"$directory/ended"
kill -s KILL -- "-$server"
exit "$status"
"#;

/// A running server and its directory; both are gone when this is dropped or the
/// test process has ended.
pub struct Process {
    guard: Child,
    output: BufReader<ChildStdout>,
    server: Pid,
    directory: PathBuf,
}

impl Process {
    /// Starts `program` in `directory`, which is removed with it, with hardly any
    /// environment. What it prints is in the file `log` there.
    pub fn start<A: AsRef<OsStr>>(
        directory: TempDir,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Process {
        let mut command = Command::new("sh");
        command
            .args(["-c", GUARD, "guard"])
            .arg(directory.path())
            .arg(program)
            .args(arguments)
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .env("LC_ALL", "C.UTF-8")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Control-C at a terminal is for the tests; the guard follows them.
            .process_group(0);
        let mut guard = command.spawn().expect("sh runs");
        // From here on the guard removes it.
        let directory = directory.keep();
        let mut output = BufReader::new(guard.stdout.take().unwrap());
        let mut number = String::new();
        output.read_line(&mut number).unwrap();
        let server = number.trim().parse().ok().and_then(Pid::from_raw);
        Process {
            guard,
            output,
            server: server.expect("the guard tells the server's number"),
            directory,
        }
    }

    /// Where the server lives.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The server's process number.
    pub fn id(&self) -> i32 {
        self.server.as_raw_nonzero().get()
    }

    /// What the server has printed so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How the server ended, if it did. One that a signal ended counts as 128 and
    /// the signal's number, as in the shell.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.guard.try_wait().unwrap()
    }

    /// Stops the server: its ports go on accepting, but nothing answers.
    pub fn freeze(&self) {
        rustix::process::kill_process_group(self.server, Signal::STOP).unwrap();
    }

    /// Lets a stopped server go on.
    pub fn thaw(&self) {
        rustix::process::kill_process_group(self.server, Signal::CONT).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Guard and watcher hold the output until the server and its files are gone.
        let _ = self.output.read_to_end(&mut Vec::new());
        let _ = self.guard.wait();
        // A killed worker may hold the port a moment longer than its master.
        let start = Instant::now();
        while group_runs(self.id()) && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether a process of this group runs; one that is only waited for does not.
fn group_runs(group: i32) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok())
        .any(|stat| {
            // "number (name) state parent group ..."
            let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
            let state = fields.next();
            fields.nth(1) == Some(group.to_string().as_str()) && !matches!(state, Some("Z" | "X"))
        })
}
