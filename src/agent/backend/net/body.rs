//! The bodies of requests, in pieces, so that their progress is seen.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead as _, ReadBuf};

use super::watch::Watch;

/// Largest piece, in bytes.
const PIECE: usize = 64 << 10;

/// What a body is read from.
pub(in crate::agent::backend) enum Source {
    Parts(VecDeque<Bytes>),
    File(tokio::fs::File),
}

/// A body of known length that tells a [`Watch`] of each piece taken.
pub(super) struct Pieces {
    source: Source,
    left: u64,
    watch: Arc<Watch>,
}

impl Pieces {
    pub(super) fn new(source: Source, len: u64, watch: Arc<Watch>) -> Pieces {
        Pieces {
            source,
            left: len,
            watch,
        }
    }

    fn took(&mut self, piece: Bytes) -> Frame<Bytes> {
        self.left = self.left.saturating_sub(piece.len() as u64);
        self.watch.piece(self.left == 0);
        Frame::data(piece)
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let most = PIECE.min(usize::try_from(this.left).unwrap_or(PIECE));
        let piece = match &mut this.source {
            Source::Parts(parts) => {
                while parts.front().is_some_and(Bytes::is_empty) {
                    parts.pop_front();
                }
                let Some(front) = parts.front_mut() else {
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                };
                front.split_to(most.min(front.len()))
            }
            Source::File(file) => {
                let mut piece = BytesMut::zeroed(most);
                let mut buffer = ReadBuf::new(&mut piece);
                if let Err(error) = ready!(Pin::new(file).poll_read(context, &mut buffer)) {
                    return Poll::Ready(Some(Err(error)));
                }
                let len = buffer.filled().len();
                if len == 0 {
                    let text = "the file to send became shorter";
                    let error = io::Error::new(io::ErrorKind::UnexpectedEof, text);
                    return Poll::Ready(Some(Err(error)));
                }
                piece.truncate(len);
                piece.freeze()
            }
        };
        Poll::Ready(Some(Ok(this.took(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
