//! A connection of a proxy that knows nothing of what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};

use super::answer::{Answer, End, swallow};
use super::{Fault, Shared};

/// Serves a client until one side is done with it. When the client speaks after the
/// server has, that is a new request: its fault is looked up and bytes of the
/// answer count from 0.
pub fn serve(shared: &Shared, number: u64, client: &Arc<TcpStream>) -> End {
    let Ok(server) = shared.connect(number) else {
        return End::Close;
    };
    match pump(shared, client, &server) {
        Ok(()) => End::Close,
        Err(end) => end,
    }
}

fn pump(shared: &Shared, mut client: &TcpStream, mut server: &TcpStream) -> Result<(), End> {
    let mut buffer = [0; 65536];
    let mut answer: Option<Answer> = None;
    let mut answered = false;
    let (mut from_client, mut from_server) = (true, true);
    while from_client || from_server {
        let (client_speaks, server_speaks) = wait(client, from_client, server, from_server)?;
        if client_speaks {
            let length = client.read(&mut buffer).map_err(|_| End::Close)?;
            if length == 0 {
                from_client = false;
                let _ = server.shutdown(Shutdown::Write);
            } else {
                if answer.is_none() || std::mem::take(&mut answered) {
                    let fault = shared.fault("", "");
                    if fault == Fault::BlackHole {
                        return Err(swallow(client));
                    }
                    answer = Some(Answer::new(shared, client, fault));
                }
                server
                    .write_all(&buffer[..length])
                    .map_err(|_| End::Close)?;
            }
        }
        if server_speaks {
            let length = server.read(&mut buffer).map_err(|_| End::Close)?;
            if length == 0 {
                from_server = false;
                let _ = client.shutdown(Shutdown::Write);
            } else {
                answered = true;
                match &mut answer {
                    Some(answer) => answer.body(&buffer[..length])?,
                    None => client
                        .write_all(&buffer[..length])
                        .map_err(|_| End::Close)?,
                }
            }
        }
    }
    Ok(())
}

/// Which of the two, as far as they are listened to, have something to say.
fn wait(
    client: &TcpStream,
    from_client: bool,
    server: &TcpStream,
    from_server: bool,
) -> Result<(bool, bool), End> {
    let flags = |listen| match listen {
        true => PollFlags::IN,
        false => PollFlags::empty(),
    };
    let mut both = [
        PollFd::new(client, flags(from_client)),
        PollFd::new(server, flags(from_server)),
    ];
    loop {
        match poll(&mut both, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Err(End::Close),
        }
        let speaks = |at: usize, listen: bool| listen && !both[at].revents().is_empty();
        let spoken = (speaks(0, from_client), speaks(1, from_server));
        // Errors are reported unasked, of a side that is not listened to as well.
        if spoken == (false, false) {
            return Err(End::Close);
        }
        return Ok(spoken);
    }
}
