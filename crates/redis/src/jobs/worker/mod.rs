//! The loop around a handler.

mod instruments;
mod run;
mod settle;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};

use super::{Job, Queue, WorkerId};
use crate::port::Jobs;

/// Runs a handler for the jobs of a queue, several at a time.
///
/// It claims as many jobs as it has hands free, extends them while the handler works, acknowledges what is done and
/// fails what is not, as [`Failure::of`](super::Failure::of) decides. A handler that panics failed with
/// [`Code::RedisJobPanicked`]. A job that another worker has by now is dropped: its handler is cancelled. While the
/// server is away the worker goes on asking, and keeps what it has to say.
///
/// | metric | kind | labels |
/// | --- | --- | --- |
/// | `maily_redis_jobs_total` | counter | `queue`, `outcome`: `done`, `retried`, `dead`, `lost`, `handed_back` |
/// | `maily_redis_jobs_seconds` | histogram: time in the handler | `queue` |
/// | `maily_redis_jobs_age_seconds` | histogram: from append to first claim | `queue` |
/// | `maily_redis_jobs` | gauge, every 5 s | `queue`, `state`: `waiting`, `pending`, `delayed`, `dead` |
/// | `maily_redis_jobs_oldest_seconds` | gauge, every 5 s | `queue` |
///
/// Each job is a span `process` with the OpenTelemetry fields of messaging: a child of the span in which the job was
/// appended, in its trace and as sampled as that, so that one trace goes from whoever appended it to what the handler
/// does. A job without a trace begins one. The payload is never recorded.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::time::Duration;
///
/// use maily_redis::MemoryStore;
/// use maily_redis::jobs::{Jobs, NewJob, Queue, Worker};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> maily_errors::Result<()> {
/// let (store, queue) = (MemoryStore::default(), Queue::new("mails")?);
/// for reader in ["ada", "bob", "cid"] {
///     store.append(&queue, NewJob::new(reader)).await?;
/// }
///
/// let sent = Arc::new(AtomicUsize::new(0));
/// let count = Arc::clone(&sent);
/// let worker = Worker::new(store, queue, "mailer")?.with_concurrency(2)?;
/// let summary = worker
///     .run(
///         move |_job| {
///             count.fetch_add(1, Ordering::Relaxed);
///             async { Ok(()) }
///         },
///         tokio::time::sleep(Duration::from_secs(1)),
///     )
///     .await;
///
/// assert_eq!(sent.load(Ordering::Relaxed), 3);
/// assert_eq!(summary.done, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Worker<S> {
    store: S,
    queue: Queue,
    id: WorkerId,
    concurrency: usize,
    drain: Duration,
}

/// What a worker did from its start to its end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Jobs that were done and acknowledged.
    pub done: u64,
    /// Jobs that failed and wait for another delivery.
    pub retried: u64,
    /// Jobs that failed for good.
    pub dead: u64,
    /// Jobs that another worker got, or that nobody could be told about in time: they may be done twice.
    pub lost: u64,
    /// Jobs that were not finished when the worker ended, and were given back.
    pub handed_back: u64,
}

impl<S: Jobs + 'static> Worker<S> {
    /// Creates a worker that does 16 jobs at a time and ends within 30 seconds.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when the name is none, as [`WorkerId::new`] says.
    pub fn new(store: S, queue: Queue, name: &str) -> Result<Self> {
        Ok(Self { store, queue, id: WorkerId::new(name)?, concurrency: 16, drain: Duration::from_secs(30) })
    }

    /// Sets how many jobs are done at a time.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when it is not 1 to 1000.
    pub fn with_concurrency(mut self, concurrency: usize) -> Result<Self> {
        if !(1..=super::MAX_CLAIM).contains(&concurrency) {
            return Err(Error::new(Code::Invalid, "the concurrency is not between 1 and 1000")
                .with_operation("redis::worker")
                .with_context("concurrency", Public(concurrency)));
        }
        self.concurrency = concurrency;
        Ok(self)
    }

    /// Sets how long jobs may go on after the worker was told to end. What is not done by then is cancelled and
    /// handed back.
    #[must_use]
    pub const fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Returns who this worker is.
    #[must_use]
    pub const fn id(&self) -> &WorkerId {
        &self.id
    }

    /// Works until `shutdown` ends, then finishes what it has.
    ///
    /// After `shutdown` it claims no more, lets the handlers finish within the drain time, hands back the rest, and
    /// says so to the server within two more seconds; what it could not say is done again by another worker after
    /// [`Queue::idle`]. A store on disk that was closed ends it too.
    ///
    /// # Cancellation
    ///
    /// Dropping the future cancels the handlers; their jobs go to other workers after [`Queue::idle`].
    pub async fn run<H, F>(self, handler: H, shutdown: impl Future<Output = ()> + Send) -> Summary
    where
        H: Fn(Job) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        run::Run::new(self, handler).until(shutdown).await
    }
}
