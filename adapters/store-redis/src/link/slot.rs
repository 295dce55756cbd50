//! Where a call waits for its reply.

use std::task::{Context, Poll, Waker};

use maily_errors::Result;
use maily_redis::Reply;
use parking_lot::Mutex;

/// The place of one call. The call holds one end, the queue of its connection the other; so a call that is dropped
/// leaves its place in the queue, and the reply that comes for it goes to nobody.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Done(Result<Reply>),
    /// Nobody waits any more.
    Gone,
    Waiting(Waker),
}

impl Slot {
    pub(super) fn new(waker: Waker) -> Self {
        Self { state: Mutex::new(State::Waiting(waker)) }
    }

    /// Answers the call, unless it has an answer already or waits no more; returns whom to wake.
    #[must_use]
    pub(super) fn complete(&self, outcome: Result<Reply>) -> Option<Waker> {
        let mut state = self.state.lock();
        if let State::Waiting(_) = *state
            && let State::Waiting(waker) = std::mem::replace(&mut *state, State::Done(outcome))
        {
            return Some(waker);
        }
        None
    }

    /// Returns the answer, once.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Result<Reply>> {
        let mut state = self.state.lock();
        match &mut *state {
            State::Waiting(waker) => {
                if !waker.will_wake(cx.waker()) {
                    cx.waker().clone_into(waker);
                }
                Poll::Pending
            }
            done => match std::mem::replace(done, State::Gone) {
                State::Done(outcome) => Poll::Ready(outcome),
                _ => Poll::Pending,
            },
        }
    }

    /// Says that nobody waits any more.
    pub(super) fn leave(&self) {
        *self.state.lock() = State::Gone;
    }
}
