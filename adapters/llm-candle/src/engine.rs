//! The handle to the thread that writes all answers of a model.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use maily_errors::{Error, Result};
use maily_mesh::Delta;
use rayon::ThreadPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::Span;

use crate::desk::Desk;
use crate::error;
use crate::request::Request;

/// A handle to the thread. The thread ends when the last handle is gone and the last answer is written.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    queue: mpsc::UnboundedSender<Job>,
    /// One permit for each prompt that may wait.
    waiting: Arc<Semaphore>,
    limit: usize,
    counters: Arc<Counters>,
}

/// What the engine has done so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    read: AtomicU64,
    reused: AtomicU64,
    written: AtomicU64,
    steps: AtomicU64,
}

/// What a local model has done since it was loaded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Work {
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Those of them that were remembered from other prompts, and were not read again.
    pub reused_tokens: u64,
    /// Tokens of all answers.
    pub answer_tokens: u64,
    /// Steps through the network: answers that are written at the same time share them.
    pub steps: u64,
}

/// A prompt that waits for a place.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) accepted: oneshot::Sender<Result<Answer>>,
    pub(crate) span: Span,
    /// Given back when it gets a place, or the next step sees that its caller has gone.
    pub(crate) turn: OwnedSemaphorePermit,
}

impl Engine {
    /// Starts the writing on a thread of `pool`, whose others help it; at most `waiting` prompts wait.
    pub(crate) fn start(pool: &ThreadPool, desk: Desk, waiting: usize) -> Self {
        let (queue, jobs) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::default());
        let seen = Arc::clone(&counters);
        // The pool lives as long as what was spawned on it.
        pool.spawn(move || desk.run(jobs, &seen));
        Self { queue, waiting: Arc::new(Semaphore::new(waiting)), limit: waiting, counters }
    }

    /// Says whether the thread still runs.
    pub(crate) fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Puts a prompt into the queue; the answer comes when its turn comes.
    pub(crate) fn submit(&self, request: Request) -> Result<oneshot::Receiver<Result<Answer>>> {
        let turn = self.waiting.clone().try_acquire_owned().map_err(|_| error::busy(self.limit))?;
        let (accepted, answer) = oneshot::channel();
        let job = Job { request, accepted, span: Span::current(), turn };
        self.queue.send(job).map_err(|_| error::stopped())?;
        Ok(answer)
    }

    pub(crate) fn work(&self) -> Work {
        Work {
            prompt_tokens: self.counters.read.load(Ordering::Relaxed),
            reused_tokens: self.counters.reused.load(Ordering::Relaxed),
            answer_tokens: self.counters.written.load(Ordering::Relaxed),
            steps: self.counters.steps.load(Ordering::Relaxed),
        }
    }
}

impl Counters {
    pub(crate) fn add_step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer that has ended or was left.
    pub(crate) fn add_answer(&self, read: usize, reused: usize, written: usize) {
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        self.reused.fetch_add(reused as u64, Ordering::Relaxed);
        self.written.fetch_add(written as u64, Ordering::Relaxed);
    }
}

/// The deltas of one answer. Dropping it gives the place back before the next step.
#[derive(Debug)]
pub(crate) struct Answer {
    deltas: mpsc::UnboundedReceiver<Result<Delta>>,
    complete: bool,
}

impl Answer {
    pub(crate) const fn new(deltas: mpsc::UnboundedReceiver<Result<Delta>>) -> Self {
        Self { deltas, complete: false }
    }
}

impl Stream for Answer {
    type Item = Result<Delta, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.deltas.poll_recv(cx));
        match &next {
            Some(Ok(Delta::Finish(_)) | Err(_)) => self.complete = true,
            None if !self.complete => {
                self.complete = true;
                return Poll::Ready(Some(Err(error::stopped())));
            }
            _ => {}
        }
        Poll::Ready(next)
    }
}
