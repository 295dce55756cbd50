//! One thread that writes all answers of a model, one after the other.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use maily_errors::{Error, Result};
use maily_mesh::Delta;
use rayon::ThreadPool;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use crate::error;
use crate::generate::{Effort, Writer};
use crate::request::Request;

/// A handle to the thread. The thread ends when the last handle is gone and the last answer is written.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    queue: mpsc::Sender<Job>,
    counters: Arc<Counters>,
}

/// What the engine has done so far.
#[derive(Debug, Default)]
struct Counters {
    read: AtomicU64,
    reused: AtomicU64,
    written: AtomicU64,
}

/// What a local model has done since it was loaded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Work {
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Those of them that were remembered from the prompt before, and cost nothing.
    pub reused_tokens: u64,
    /// Tokens of all answers.
    pub answer_tokens: u64,
}

struct Job {
    request: Request,
    accepted: oneshot::Sender<Result<Answer>>,
    span: Span,
}

impl Engine {
    /// Starts the writing on a thread of `pool`, whose others help it; at most `waiting` prompts wait.
    pub(crate) fn start(pool: &ThreadPool, mut writer: Writer, waiting: usize) -> Self {
        let (queue, mut jobs) = mpsc::channel::<Job>(waiting);
        let counters = Arc::new(Counters::default());
        let seen = Arc::clone(&counters);
        // The pool lives as long as what was spawned on it.
        pool.spawn(move || {
            while let Some(job) = jobs.blocking_recv() {
                job.run(&mut writer, &seen);
            }
        });
        Self { queue, counters }
    }

    /// Says whether the thread still runs.
    pub(crate) fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Puts a prompt into the queue; the answer comes when its turn comes.
    pub(crate) fn submit(&self, request: Request) -> Result<oneshot::Receiver<Result<Answer>>> {
        let (accepted, answer) = oneshot::channel();
        self.queue.try_send(Job { request, accepted, span: Span::current() }).map_err(|err| match err {
            mpsc::error::TrySendError::Full(_) => error::busy(self.queue.max_capacity()),
            mpsc::error::TrySendError::Closed(_) => error::stopped(),
        })?;
        Ok(answer)
    }

    pub(crate) fn work(&self) -> Work {
        Work {
            prompt_tokens: self.counters.read.load(Ordering::Relaxed),
            reused_tokens: self.counters.reused.load(Ordering::Relaxed),
            answer_tokens: self.counters.written.load(Ordering::Relaxed),
        }
    }
}

impl Job {
    fn run(self, writer: &mut Writer, counters: &Counters) {
        let Self { request, accepted, span } = self;
        if accepted.is_closed() {
            return;
        }
        let prompt = match writer.prepare(&request) {
            Ok(prompt) => prompt,
            Err(err) => return drop(accepted.send(Err(err))),
        };
        // Unbounded, because a slow reader must not hold up the others; the context bounds it.
        let (sender, deltas) = mpsc::unbounded_channel();
        if accepted.send(Ok(Answer { deltas, complete: false })).is_err() {
            return;
        }
        let mut sink = |delta: Option<Delta>| {
            let gone = match delta {
                Some(delta) => sender.send(Ok(delta)).is_err(),
                None => sender.is_closed(),
            };
            if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let _entered = span.entered();
        // A defect in one answer must not take the model away from the next.
        let result = catch_unwind(AssertUnwindSafe(|| writer.write(request, &prompt, &mut sink)))
            .unwrap_or_else(|_| Err(error::failed("the engine panicked")));
        match result {
            Ok(effort) => counters.add(effort),
            Err(err) => {
                writer.forget();
                tracing::warn!(error = %err, "local model failed");
                // Nobody needs to know who has gone.
                drop(sender.send(Err(err)));
            }
        }
    }
}

impl Counters {
    fn add(&self, effort: Effort) {
        self.read.fetch_add(effort.read as u64, Ordering::Relaxed);
        self.reused.fetch_add(effort.reused as u64, Ordering::Relaxed);
        self.written.fetch_add(effort.written as u64, Ordering::Relaxed);
    }
}

/// The deltas of one answer. Dropping it stops the writing at the next token.
#[derive(Debug)]
pub(crate) struct Answer {
    deltas: mpsc::UnboundedReceiver<Result<Delta>>,
    complete: bool,
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
