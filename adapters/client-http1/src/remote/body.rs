//! The answer's bytes: passed through, and checked for an end.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::{Error, Result};
use maily_mesh::wire::Ending;

use super::{Dialect, error};
use crate::incoming::Incoming;

/// A body as it arrives. No task and no channel: polling it polls the connection.
pub(super) struct Upstream<D> {
    body: Incoming,
    ending: Ending,
    state: State,
    dialect: PhantomData<fn() -> D>,
}

enum State {
    Passing,
    /// The pieces were passed on; this is why they are not an answer.
    Failed(Error),
    Ended,
}

impl<D> Upstream<D> {
    pub(super) const fn new(body: Incoming, ending: Ending) -> Self {
        Self { body, ending, state: State::Passing, dialect: PhantomData }
    }
}

impl<D: Dialect> Stream for Upstream<D> {
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
                if !self.ending.is_whole_with(&piece) {
                    self.state = State::Failed(error::without_end::<D>());
                }
                Some(Ok(piece))
            }
            Some(Ok(piece)) => {
                self.ending.see(&piece);
                self.state = State::Passing;
                Some(Ok(piece))
            }
            None if self.ending.is_whole() => None,
            None => Some(Err(error::without_end::<D>())),
            Some(Err(failure)) => Some(Err(error::of::<D>(failure))),
        })
    }
}
