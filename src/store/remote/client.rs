//! A compile's side of the socket.
//!
//! Nothing here knows a server. The agent is started by the first call that finds
//! none, and a call that cannot reach it in time says so for all: for a while nobody
//! else tries.

use std::fs::File;
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::place::Place;
use super::protocol::{self, MAX_BODY, Reply, Request, Trouble};
use super::spool;
use super::unpack::{Packed, Unpacker};
use crate::hash::Key;

/// How long a new agent may take to listen.
const START: Duration = Duration::from_millis(1500);

/// How long the agent may be silent: it says [`Reply::Wait`] several times a second.
const SILENCE: Duration = Duration::from_secs(2);

/// How long a look-up may stand still, whatever the agent says: more than all deadlines
/// of a store together, and a bound should it be wrong about them.
const STILL: Duration = Duration::from_secs(10);

/// How often an agent that goes away is left for the next one.
const LEAVING: u32 = 4;

/// How long nobody tries an agent that was out of reach.
const PAUSE: Duration = Duration::from_secs(60);

/// Variables that the agent has no use for, as requests say what they say, and whose
/// values are nobody else's business for as long as it lives.
const NOT_FOR_THE_AGENT: &[&str] = &[
    "CACHE_STORE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// The program's name; it stands beside ours.
pub const PROGRAM: &str = "cache-agent";

/// What is asked of, by whom.
#[derive(Clone, Debug)]
pub struct Client {
    pub place: Place,
    /// See [`Request`].
    pub stores: serde_json::Value,
    /// How long an agent that this call starts waits for work; `None`: for ever.
    pub idle: Option<Duration>,
}

/// The answer to a look-up.
#[derive(Debug, Default)]
pub struct Answer {
    pub found: Option<Found>,
    pub trouble: Vec<Trouble>,
}

/// A pack that a store had.
#[derive(Debug)]
pub struct Found {
    /// The store's name.
    pub store: String,
    pub pack: Packed,
    pub unpacker: Unpacker,
    /// To the agent, which still has the pack.
    pub link: Link,
}

/// The connection that a look-up was made on.
#[derive(Debug)]
pub struct Link(UnixStream);

impl Link {
    /// Has the agent put a result of the pack into the local store ([`Request::Keep`]);
    /// does not wait for that.
    ///
    /// # Errors
    /// That the agent is gone, or takes nothing.
    pub fn keep(mut self, local: protocol::Local, variant: &[u8]) -> io::Result<()> {
        protocol::send(&mut self.0, &Request::Keep { local }, variant).map_err(in_words)?;
        // Open for as long as we are there: the agent begins when nobody waits any more.
        let _ = self.0.into_raw_fd();
        Ok(())
    }
}

impl Client {
    /// Looks for a pack in all stores.
    ///
    /// # Errors
    /// That the agent cannot be reached, or was not a moment ago.
    pub fn get(&self, namespace: &str, key: &Key) -> io::Result<Answer> {
        let request = Request::Get {
            stores: self.stores.clone(),
            namespace: namespace.to_owned(),
            key: key.hex(),
        };
        let (socket, (reply, body), unpacker) = self.ask_briefly(&request)?;
        match reply {
            Reply::Found {
                store,
                file,
                length,
                trouble,
            } => {
                let pack = match file {
                    None => Packed::Compressed(body, length.min(MAX_BODY) as usize),
                    Some(file) => {
                        let pack = fs_err::read(&file);
                        let _ = fs_err::remove_file(&file);
                        Packed::Plain(pack?)
                    }
                };
                Ok(Answer {
                    found: Some(Found {
                        store,
                        pack,
                        unpacker,
                        link: Link(socket),
                    }),
                    trouble,
                })
            }
            Reply::Absent { trouble } => Ok(Answer {
                found: None,
                trouble,
            }),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Says that something lies in the spool; does not wait for anything.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn spooled(&self) -> io::Result<()> {
        let stores = self.stores.clone();
        let mut socket = self.reach()?;
        protocol::send(&mut socket, &Request::Spooled { stores }, &[])
    }

    /// Whether the spool takes more. The agent keeps it in bounds; when there is none,
    /// somebody has to.
    pub fn may_spool(&self) -> bool {
        if !self.place.was_unreachable(PAUSE) {
            return true;
        }
        let sizes = self.place.spooled();
        sizes.iter().map(|(_, size)| size).sum::<u64>() < spool::MAX_SIZE
    }

    /// As a compile asks: a failure keeps others from asking.
    fn ask_briefly(
        &self,
        request: &Request,
    ) -> io::Result<(UnixStream, (Reply, Vec<u8>), Unpacker)> {
        let once = || {
            let mut socket = self.reach()?;
            protocol::send(&mut socket, request, &[]).map_err(in_words)?;
            let unpacker = Unpacker::start();
            let answer = answer(&mut socket, Some(STILL), &mut |_, _| ())?;
            Ok((socket, answer, unpacker))
        };
        let answer = with_the_next_agent(once);
        if answer.is_err() {
            self.give_up();
        }
        answer
    }

    /// As a subcommand asks. `progress` is told (done, all).
    ///
    /// # Errors
    /// That the agent cannot be reached or went away.
    pub fn ask(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(u64, u64),
    ) -> io::Result<(Reply, Vec<u8>)> {
        // What a subcommand asks for can be asked for twice.
        with_the_next_agent(|| {
            let mut socket = match self.connect() {
                Ok(socket) => socket,
                Err(_) => self.start()?,
            };
            converse(&mut socket, request, progress)
        })
    }

    /// As [`Client::ask`], but `None` if no agent is there.
    ///
    /// # Errors
    /// That the agent went away meanwhile.
    pub fn ask_if_there(&self, request: &Request) -> io::Result<Option<Reply>> {
        match self.connect() {
            Ok(mut socket) => {
                converse(&mut socket, request, &mut |_, _| ()).map(|(reply, _)| Some(reply))
            }
            Err(_) => Ok(None),
        }
    }

    /// Waits, for a moment, until the agent that was told to leave is gone.
    pub fn wait_for_the_end(&self) {
        let deadline = Instant::now() + SILENCE;
        while Instant::now() < deadline {
            let lock = File::open(self.place.lock());
            // It is held as long as there is a process.
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has an agent that runs write what it has counted so far.
    pub fn have_figures_written(place: &Place) {
        // Else they are a second old; or older, with an agent that stands still.
        if place.was_unreachable(PAUSE) {
            return;
        }
        let _ = Client::anonymous(place).ask_if_there(&Request::Status);
    }

    /// For requests that are about no store.
    fn anonymous(place: &Place) -> Client {
        Client {
            place: place.clone(),
            stores: serde_json::Value::Null,
            idle: None,
        }
    }

    /// Lets the stores' figures begin at zero, whether an agent runs or not.
    ///
    /// # Errors
    /// That they cannot be removed.
    pub fn zero(place: &Place) -> io::Result<()> {
        Client::anonymous(place).ask_if_there(&Request::Zero)?;
        match fs_err::remove_file(place.state()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn reach(&self) -> io::Result<UnixStream> {
        // Before anything else: one that is frozen still takes connections.
        if self.place.was_unreachable(PAUSE) {
            return Err(io::Error::other("the agent was out of reach a moment ago"));
        }
        if let Ok(socket) = self.connect() {
            return Ok(socket);
        }
        self.start().inspect_err(|_| self.give_up())
    }

    fn give_up(&self) {
        let _ = self.place.make();
        let _ = fs_err::write(self.place.unreachable(), b"");
    }

    fn connect(&self) -> io::Result<UnixStream> {
        let (_directory, path) = self.place.socket()?;
        let socket = UnixStream::connect(path)?;
        let owner = rustix::net::sockopt::socket_peercred(&socket)?.uid;
        if owner != rustix::process::geteuid() {
            return Err(io::Error::other("the agent is another user's"));
        }
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_write_timeout(Some(SILENCE))?;
        Ok(socket)
    }

    /// Of several that do this at once one agent stays: the others find its lock.
    fn start(&self) -> io::Result<UnixStream> {
        self.place.make()?;
        let program = program()?;
        let mut command = Command::new(program);
        NOT_FOR_THE_AGENT.iter().for_each(|name| {
            command.env_remove(name);
        });
        command
            .arg(self.place.directory())
            .arg(
                self.idle
                    .map_or(u64::MAX, |idle| idle.as_secs())
                    .to_string(),
            )
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Not in the build's group: an interrupt is not meant for it.
            .process_group(0)
            .spawn()?;
        let deadline = Instant::now() + START;
        loop {
            match self.connect() {
                Ok(socket) => return Ok(socket),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(3)),
            }
        }
    }
}

/// Asks again where an agent left, or was killed, just when we came: one that is on its
/// way out takes connections for a moment longer. The next one is there for a while.
fn with_the_next_agent<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut answer = ask();
    for _ in 0..LEAVING {
        if !answer.as_ref().is_err_and(went_away) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
        answer = ask();
    }
    answer
}

fn converse(
    socket: &mut UnixStream,
    request: &Request,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<(Reply, Vec<u8>)> {
    protocol::send(socket, request, &[]).map_err(in_words)?;
    answer(socket, None, progress)
}

/// The reply that ends a request; fails where none comes any nearer for `patience`.
fn answer(
    socket: &mut UnixStream,
    patience: Option<Duration>,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<(Reply, Vec<u8>)> {
    let mut last = (0, Instant::now());
    loop {
        let (reply, body) = protocol::receive(socket).map_err(in_words)?;
        match reply {
            Reply::Progress { done, of } => progress(done, of),
            Reply::Wait { received } => {
                if received != last.0 {
                    last = (received, Instant::now());
                }
                if patience.is_some_and(|patience| last.1.elapsed() > patience) {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "it gets no further",
                    ));
                }
            }
            reply => return Ok((reply, body)),
        }
    }
}

fn went_away(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::UnexpectedEof | Kind::BrokenPipe | Kind::ConnectionReset
    )
}

/// What an error on the socket means.
fn in_words(error: io::Error) -> io::Error {
    let text = match error.kind() {
        io::ErrorKind::WouldBlock => "it does not answer",
        _ if went_away(&error) => "it went away",
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}

/// The agent's program: beside ours.
///
/// # Errors
/// That it is not installed.
pub fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.parent().unwrap_or(Path::new("/")).join(PROGRAM);
    match program.is_file() {
        true => Ok(program),
        false => Err(io::Error::other(format!(
            "{} is not there",
            program.display()
        ))),
    }
}
