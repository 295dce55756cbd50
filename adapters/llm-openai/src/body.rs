//! The answer's bytes: passed through, and checked for an end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::{Error, Result};

use crate::http1::Incoming;
use crate::{codec, error};

/// A body as it arrives. No task and no channel: polling it polls the connection.
pub(crate) struct Upstream {
    body: Incoming,
    end: End,
    state: State,
}

enum State {
    Passing,
    /// The pieces were passed on; this is why they are not an answer.
    Failed(Error),
    Ended,
}

impl Upstream {
    pub(crate) const fn new(body: Incoming, streamed: bool) -> Self {
        Self { body, end: End { tail: Vec::new(), streamed }, state: State::Passing }
    }
}

impl Stream for Upstream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Passing => {}
            State::Failed(err) => return Poll::Ready(Some(Err(err))),
            State::Ended => return Poll::Ready(None),
        }
        let Poll::Ready(piece) = self.body.poll_piece(cx) else {
            self.state = State::Passing;
            return Poll::Pending;
        };
        Poll::Ready(match piece {
            Some(Ok(piece)) if self.body.is_whole() => {
                if !self.end.is_said_in(&piece) {
                    self.state = State::Failed(error::without_end());
                }
                Some(Ok(piece))
            }
            Some(Ok(piece)) => {
                self.end.remember(&piece);
                self.state = State::Passing;
                Some(Ok(piece))
            }
            None if self.end.is_said_in(&[]) => None,
            None => Some(Err(error::without_end())),
            Some(Err(failure)) => Some(Err(error::of(failure))),
        })
    }
}

/// The last bytes that passed: there a whole answer says that it is one.
struct End {
    tail: Vec<u8>,
    streamed: bool,
}

impl End {
    fn remember(&mut self, piece: &[u8]) {
        let piece = last(piece);
        let keep = TAIL_BYTES - piece.len();
        if self.tail.len() > keep {
            // Not for each piece: a token is much shorter than the tail.
            self.tail.drain(..self.tail.len() - keep);
        }
        self.tail.extend_from_slice(piece);
    }

    fn is_said_in(&mut self, piece: &[u8]) -> bool {
        if self.tail.is_empty() {
            return codec::is_whole(last(piece), self.streamed);
        }
        self.remember(piece);
        codec::is_whole(&self.tail, self.streamed)
    }
}

/// Whether an answer that came in one piece says that it is whole.
pub(crate) fn is_whole(piece: &[u8], streamed: bool) -> bool {
    codec::is_whole(last(piece), streamed)
}

fn last(piece: &[u8]) -> &[u8] {
    &piece[piece.len().saturating_sub(TAIL_BYTES)..]
}

/// Room for a chunk that says why the answer ended, one that counts tokens, and the last line.
const TAIL_BYTES: usize = 2048;
