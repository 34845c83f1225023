//! How long a request may take, by what is seen of it.
//!
//! The HTTP client knows deadlines for the connection and for the whole; a section
//! has one for the connection, one for the answer's first byte and one for
//! standstill. So each request has a [`Watch`], which the connector and the
//! request's body tell how far they are.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::agent::backend::stream::slack;
use crate::config::stores::Deadlines;

tokio::task_local! {
    /// The watch of the request that this task is at.
    pub(super) static WATCH: Arc<Watch>;
}

/// What a request is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connection,
    /// The connection takes the next piece of the body.
    Taking,
    /// The first byte of the answer.
    Answer,
}

/// How far one request is.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<(Phase, Instant)>,
    /// Time that the network may need for what the system's buffers hold.
    slack: Duration,
}

impl Watch {
    /// Of a request with a body of `len` bytes.
    pub(super) fn new(len: u64, deadlines: &Deadlines) -> Arc<Watch> {
        Arc::new(Watch {
            state: Mutex::new((Phase::Answer, Instant::now())),
            slack: slack(len, deadlines),
        })
    }

    fn state(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        *self.state() = (phase, Instant::now());
    }

    /// A piece of the body was taken; `last`: there is none after it.
    pub(super) fn piece(&self, last: bool) {
        self.enter(if last { Phase::Answer } else { Phase::Taking });
    }

    /// When it is too late, unless something happens, and what was waited for
    /// how long then.
    pub(super) fn deadline(&self, deadlines: &Deadlines) -> (Instant, &'static str, Duration) {
        let (phase, since) = *self.state();
        let (limit, what) = match phase {
            // The client ends the attempt itself after `connect`. The request may
            // meanwhile have found another connection, free again, and be on it.
            Phase::Connection => (
                deadlines.connect + deadlines.response + self.slack,
                "no answer",
            ),
            Phase::Taking => (deadlines.stall, "nothing more taken"),
            Phase::Answer => (deadlines.response + self.slack, "no answer"),
        };
        (since + limit, what, limit)
    }
}

/// Tells the watch of a request when its connection is begun and made.
#[derive(Clone, Debug)]
pub(super) struct Watched;

impl<S> Layer<S> for Watched {
    type Service = WatchedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WatchedConnector(inner)
    }
}

/// See [`Watched`].
#[derive(Clone, Debug)]
pub(super) struct WatchedConnector<S>(S);

impl<S, R> Service<R> for WatchedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // Called in the task of the request that wants the connection; the rest
        // may go on in another, if a connection becomes free before.
        let watch = WATCH.try_with(Arc::clone).ok();
        if let Some(watch) = &watch {
            watch.enter(Phase::Connection);
        }
        let connection = self.0.call(request);
        Box::pin(async move {
            let made = connection.await;
            if let Some(watch) = &watch {
                // A request that went another way is not thrown back.
                let mut state = watch.state();
                if state.0 == Phase::Connection {
                    *state = (Phase::Answer, Instant::now());
                }
            }
            made
        })
    }
}
