//! The agent's side of the socket.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};

use super::fetch::{Flights, Outcome, Packed};
use super::keep::{Keeper, Pending};
use super::state;
use super::tier::{Tier, lock};
use super::upload::Uploads;
use super::{check, envelope, housekeeping, spill};
use crate::config::stores::StoreConfig;
use crate::hash::Key;
use crate::store::remote::place::Place;
use crate::store::remote::protocol::{self, Reply, Request, Trouble};
use crate::store::remote::state::{Figures, State};

/// How often a caller hears that we are still at it.
const HEARTBEAT: Duration = Duration::from_millis(300);

/// How often uploads that wait are looked at, and figures are written.
const ROUND: Duration = Duration::from_secs(1);

/// How long `cache stats` waits for what is being written to the local store, and how
/// long a flush does.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(10);

/// Rounds between two looks at uploads that wait.
const UPLOAD_ROUNDS: u32 = 10;

/// All that the agent has at hand.
pub struct Agent {
    place: Place,
    /// By their settings in JSON; or why they cannot be opened.
    tiers: Mutex<HashMap<String, Result<Arc<Tier>, String>>>,
    state: Mutex<State>,
    flights: Flights,
    uploads: Arc<Uploads>,
    keeper: Arc<Keeper>,
    connections: AtomicUsize,
    last_use: Mutex<Instant>,
    leave: Notify,
}

/// A frame on its way to the caller.
pub struct Frame {
    reply: Reply,
    /// The look-up that it answers. What was found is the frame's body, if the reply
    /// names no file.
    outcome: Option<Arc<Outcome>>,
}

impl From<Reply> for Frame {
    fn from(reply: Reply) -> Frame {
        Frame {
            reply,
            outcome: None,
        }
    }
}

impl Frame {
    async fn send(&self, socket: &mut UnixStream) -> io::Result<()> {
        let found = self.outcome.as_ref().and_then(|o| o.found.as_ref());
        let body: &[u8] = match (&self.reply, found) {
            (Reply::Found { file: None, .. }, Some((_, Packed::Small(object, _)))) => {
                envelope::content(object)
            }
            _ => &[],
        };
        let mut head = protocol::encode(&self.reply, body.len())?;
        // One wake-up for what is small.
        if body.len() <= SMALL {
            head.extend_from_slice(body);
            return socket.write_all(&head).await;
        }
        socket.write_all(&head).await?;
        socket.write_all(body).await
    }
}

/// Waits until the caller is gone, or says something more. That the socket was readable
/// is remembered from what has been read already, hence the look at what there is.
async fn stirred(socket: &UnixStream) -> io::Result<()> {
    loop {
        socket.readable().await?;
        let look = || {
            let peek = rustix::net::RecvFlags::PEEK;
            rustix::net::recv(socket, &mut [0_u8; 1][..], peek).map_err(io::Error::from)
        };
        match socket.try_io(Interest::READABLE, look) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.map(drop),
        }
    }
}

/// Bodies up to this size, in bytes, are copied to be sent with their head.
const SMALL: usize = 16 << 10;

/// Serves until there is nothing to do for `idle`, or somebody says stop.
///
/// # Errors
/// That the socket cannot be made.
pub async fn serve(place: Place, idle: Duration) -> io::Result<()> {
    let listener = listen(&place)?;
    let _ = fs_err::remove_file(place.unreachable());
    let agent = Arc::new(Agent {
        state: Mutex::new(State::read(&place)),
        uploads: Uploads::new(place.clone()),
        keeper: Keeper::new(&place),
        place,
        tiers: Mutex::default(),
        flights: Flights::default(),
        connections: AtomicUsize::new(0),
        last_use: Mutex::new(Instant::now()),
        leave: Notify::new(),
    });
    let own = socket_identity(&agent.place);
    let mut round = tokio::time::interval(ROUND);
    let mut rounds = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((socket, _)) = accepted else {
                    // Out of descriptors, say: it passes.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let agent = agent.clone();
                tokio::spawn(async move {
                    agent.connections.fetch_add(1, Ordering::Relaxed);
                    // A caller that goes away is nobody's problem.
                    let _ = agent.converse(socket).await;
                    agent.connections.fetch_sub(1, Ordering::Relaxed);
                    *lock(&agent.last_use) = Instant::now();
                });
            }
            () = agent.leave.notified() => break,
            _ = round.tick() => {
                rounds += 1;
                if rounds % UPLOAD_ROUNDS == 0 {
                    agent.uploads.start();
                }
                agent.save();
                let is_quiet = agent.connections.load(Ordering::Relaxed) == 0
                    && !agent.uploads.is_busy()
                    && !agent.keeper.is_busy()
                    && lock(&agent.last_use).elapsed() >= idle;
                // With the cache directory went our socket: nobody will come.
                if is_quiet || socket_identity(&agent.place) != own {
                    break;
                }
            }
        }
    }
    agent.save();
    if socket_identity(&agent.place) == own {
        let socket = agent.place.directory().join(agent.place.socket_name());
        let _ = fs_err::remove_file(socket);
    }
    Ok(())
}

/// Under a name of our own first: nobody finds a socket that does not listen yet.
fn listen(place: &Place) -> io::Result<UnixListener> {
    let (_directory, path) = place.socket()?;
    let aside = path.with_file_name(format!("new-{}", std::process::id()));
    let _ = fs_err::remove_file(&aside);
    let listener = UnixListener::bind(&aside)?;
    fs_err::set_permissions(&aside, std::fs::Permissions::from_mode(0o600))?;
    fs_err::rename(&aside, &path)?;
    Ok(listener)
}

fn socket_identity(place: &Place) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let socket = place.directory().join(place.socket_name());
    let metadata = fs_err::symlink_metadata(socket).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Agent {
    /// The stores that a request describes, in order. What cannot be opened is told in
    /// `trouble`.
    fn tiers(&self, stores: &serde_json::Value, trouble: &mut Vec<Trouble>) -> Vec<Arc<Tier>> {
        let mut known = lock(&self.tiers);
        let mut tiers = Vec::new();
        for store in stores.as_array().into_iter().flatten() {
            let mut others = known.values().flatten();
            let earlier = others.find(|tier| Some(tier.name()) == store["name"].as_str());
            let earlier = earlier.cloned();
            let tier = known.entry(store.to_string()).or_insert_with(|| {
                let config: StoreConfig =
                    serde_json::from_value(store.clone()).map_err(|error| error.to_string())?;
                let mut tier = Tier::open(config)?;
                match earlier {
                    Some(earlier) => tier.count_with(&earlier),
                    None => state::recall(&lock(&self.state), &tier),
                }
                Ok(Arc::new(tier))
            });
            match tier {
                Ok(tier) => tiers.push(tier.clone()),
                Err(text) => trouble.push(Trouble {
                    store: store["name"].as_str().unwrap_or_default().to_owned(),
                    text: text.clone(),
                }),
            }
        }
        self.uploads.learn(&tiers);
        tiers
    }

    /// Writes down what is to be remembered, if that changed.
    fn save(&self) {
        // One lock at a time: whoever opens a store takes them the other way round.
        let tiers: Vec<Arc<Tier>> = lock(&self.tiers).values().flatten().cloned().collect();
        let mut state = lock(&self.state);
        let before = serde_json::to_vec(&*state).ok();
        for tier in tiers {
            state::note(&mut state, &tier);
        }
        if serde_json::to_vec(&*state).ok() != before {
            let _ = state.write(&self.place);
        }
    }

    async fn converse(self: &Arc<Agent>, mut socket: UnixStream) -> io::Result<()> {
        let own = rustix::process::geteuid().as_raw();
        if socket.peer_cred()?.uid() != own {
            return Ok(());
        }
        // What was found for the last request.
        let mut last: Option<Pending> = None;
        loop {
            let mut start = [0; 12];
            socket.read_exact(&mut start).await?;
            let (head, body) = protocol::lengths(&start)?;
            let mut bytes = vec![0; head + body];
            socket.read_exact(&mut bytes).await?;
            let request: Request = serde_json::from_slice(&bytes[..head])?;
            if let Request::Spooled { stores } = request {
                // Nobody waits for an answer.
                self.tiers(&stores, &mut Vec::new());
                self.uploads.start();
                continue;
            }
            if let Request::Keep { local } = request {
                let Some(pending) = last.take() else {
                    continue;
                };
                // Begins when the caller is gone, whose build waits for that.
                let manifest = bytes.split_off(head);
                let _ = tokio::time::timeout(HEARTBEAT, stirred(&socket)).await;
                pending.keep(local, manifest);
                continue;
            }
            let is_end = matches!(request, Request::Stop);
            let (frames, mut coming) = mpsc::channel::<Frame>(16);
            let agent = self.clone();
            let work = tokio::spawn(async move { agent.answer(request, frames).await });
            let sent = loop {
                match tokio::time::timeout(HEARTBEAT, coming.recv()).await {
                    Ok(None) => break Ok(()),
                    Ok(Some(frame)) => {
                        let found = frame.outcome.as_ref().filter(|o| o.found.is_some());
                        last = found.map(|outcome| self.keeper.expect(outcome));
                        if let Err(error) = frame.send(&mut socket).await {
                            break Err(error);
                        }
                    }
                    Err(_) => {
                        let received = spill::received();
                        let wait = Frame::from(Reply::Wait { received });
                        if let Err(error) = wait.send(&mut socket).await {
                            break Err(error);
                        }
                    }
                }
            };
            if sent.is_err() {
                work.abort();
                return sent;
            }
            if is_end {
                self.leave.notify_one();
            }
        }
    }

    async fn answer(self: Arc<Agent>, request: Request, frames: mpsc::Sender<Frame>) {
        let reply = match request {
            Request::Get {
                stores,
                namespace,
                key,
            } => {
                let frame = self.look(&stores, &namespace, &key).await;
                let _ = frames.send(frame).await;
                return;
            }
            Request::Spooled { .. } | Request::Keep { .. } => Reply::Done,
            Request::Flush { stores } => {
                let mut trouble = Vec::new();
                let tiers = self.tiers(&stores, &mut trouble);
                let left = self.uploads.flush().await;
                self.keeper.settle(LONG).await;
                housekeeping::flushed(&tiers, &trouble, left)
            }
            Request::Status => {
                // What is counted by then is all that was handed over before.
                self.keeper.settle(SHORT).await;
                Reply::Text {
                    text: self.status(),
                    failed: false,
                }
            }
            Request::Zero => {
                // One lock at a time, as in `save`.
                *lock(&self.state) = State::default();
                for tier in lock(&self.tiers).values().flatten() {
                    tier.continue_from(Figures::default());
                }
                Reply::Done
            }
            // The connection sees to it, once the answer is out.
            Request::Stop => {
                self.keeper.settle(LONG).await;
                Reply::Done
            }
            Request::Check { stores, store } => {
                let mut trouble = Vec::new();
                let tiers = self.tiers(&stores, &mut trouble);
                check::check(&self.place, &tiers, trouble, store.as_deref()).await
            }
            Request::Usage { stores, store } => {
                let tiers = self.tiers(&stores, &mut Vec::new());
                housekeeping::usage(&tiers, store.as_deref()).await
            }
            Request::Clean {
                stores,
                store,
                max_size,
                max_age,
                dry_run,
            } => {
                let tiers = self.tiers(&stores, &mut Vec::new());
                let wanted = housekeeping::Clean {
                    max_size,
                    max_age: max_age.map(Duration::from_secs),
                    dry_run,
                };
                housekeeping::clean(&self.place, &tiers, &store, &wanted, &frames).await
            }
            Request::Copy { stores, from, to } => {
                let tiers = self.tiers(&stores, &mut Vec::new());
                housekeeping::copy(&self.place, &tiers, &from, &to, &frames).await
            }
        };
        self.save();
        let _ = frames.send(reply.into()).await;
    }

    async fn look(&self, stores: &serde_json::Value, namespace: &str, key: &str) -> Frame {
        let mut trouble = Vec::new();
        let tiers = self.tiers(stores, &mut trouble);
        for tier in &tiers {
            trouble.extend(tier.take_untold().map(|text| Trouble {
                store: tier.name().to_owned(),
                text,
            }));
        }
        let Some(key) = Key::from_hex(key) else {
            return Reply::Absent { trouble }.into();
        };
        let outcome: Arc<Outcome> = self
            .flights
            .look(&self.place, &tiers, namespace, &key)
            .await;
        trouble.extend(outcome.trouble.iter().cloned());
        let reply = match &outcome.found {
            Some((tier, Packed::Small(_, length))) => Reply::Found {
                store: tier.name().to_owned(),
                file: None,
                length: *length as u64,
                trouble,
            },
            Some((tier, packed)) => match self.as_file(packed) {
                Ok(file) => Reply::Found {
                    store: tier.name().to_owned(),
                    file: Some(file),
                    length: 0,
                    trouble,
                },
                Err(error) => {
                    trouble.push(Trouble {
                        store: tier.name().to_owned(),
                        text: error.to_string(),
                    });
                    Reply::Absent { trouble }
                }
            },
            None => Reply::Absent { trouble },
        };
        Frame {
            reply,
            outcome: Some(outcome),
        }
    }

    /// A file of the caller's own: several may have asked.
    fn as_file(&self, packed: &Packed) -> io::Result<String> {
        let mut file = tempfile::Builder::new()
            .prefix("found-")
            .tempfile_in(self.place.directory())?;
        match packed {
            Packed::Small(..) => io::Write::write_all(&mut file, &packed.unpacked()?)?,
            Packed::File(found) => {
                io::copy(&mut found.reopen()?, &mut file)?;
            }
        }
        let path = file.into_temp_path().keep().map_err(|error| error.error)?;
        path.into_os_string()
            .into_string()
            .map_err(|_| io::Error::other("the cache directory's name is not UTF-8"))
    }

    fn status(&self) -> String {
        let spooled = self.place.spooled();
        let bytes: u64 = spooled.iter().map(|(_, size)| size).sum();
        let mut text = format!(
            "process {}, {} waiting for upload ({})\n",
            std::process::id(),
            spooled.len(),
            bytesize::ByteSize(bytes).display().iec(),
        );
        for tier in lock(&self.tiers).values().flatten() {
            let state = match tier.reading.is_open() {
                true => "down",
                false => "up",
            };
            text.push_str(&format!("store {}: {state}", tier.name()));
            if tier.writing.is_open() {
                text.push_str("; uploads wait");
            }
            if let Some(trouble) = tier.last_trouble() {
                text.push_str(&format!("; last trouble: {trouble}"));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_stirs_before_the_caller_goes() {
        let (mut here, mut caller) = UnixStream::pair().unwrap();
        caller.write_all(b"a frame").await.unwrap();
        here.read_exact(&mut [0; 7]).await.unwrap();
        let waited = tokio::time::timeout(HEARTBEAT, stirred(&here)).await;
        assert!(waited.is_err(), "what was read already is no news");
        drop(caller);
        stirred(&here).await.unwrap();
    }
}
