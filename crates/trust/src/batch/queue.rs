//! Who waits for a checkpoint.

use std::sync::Arc;

use maily_errors::{Code, Error, Public};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::certificate::Certificate;
use crate::proof::Proof;

type Answer = Result<Proof, Error>;

/// A certificate that is not in the log yet.
#[derive(Debug)]
pub(super) struct Waiting {
    certificate: Certificate,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    pub(super) const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(super) fn answer(self, answer: Answer) {
        // Whoever asked may have gone away.
        let _ = self.answer.send(answer);
    }
}

/// The queue, and whether somebody works on it.
#[derive(Debug)]
pub(super) struct Queue {
    limit: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    running: bool,
}

/// The right to work on the queue. Dropping it, also by a panic, frees the queue.
#[derive(Debug)]
pub(super) struct Running {
    state: Arc<Mutex<State>>,
    done: bool,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Arc::default() }
    }

    /// Queues a certificate. Who gets the right to work has to use it.
    pub(super) fn push(
        &self,
        certificate: Certificate,
    ) -> Result<(oneshot::Receiver<Answer>, Option<Running>), Error> {
        let mut state = self.state.lock();
        if state.waiting.len() >= self.limit {
            return Err(Error::new(Code::Throttled, "too many messages wait to be certified")
                .with_operation("trust::certify")
                .with_context("limit", Public(self.limit)));
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push(Waiting { certificate, answer });
        let start = !state.running;
        state.running = true;
        Ok((receiver, start.then(|| Running { state: Arc::clone(&self.state), done: false })))
    }
}

impl Running {
    /// Takes the next batch, or gives up the right because nobody waits. Both under one lock, so that
    /// nobody is left behind.
    pub(super) fn take(&mut self, limit: usize) -> Option<Vec<Waiting>> {
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            state.running = false;
            self.done = true;
            return None;
        }
        let count = state.waiting.len().min(limit);
        Some(state.waiting.drain(..count).collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Somebody else may be at work already once the right was given up.
        if !self.done {
            let mut state = self.state.lock();
            state.running = false;
            state.waiting.clear();
        }
    }
}
