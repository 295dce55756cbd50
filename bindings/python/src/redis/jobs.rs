//! `Jobs` and its twin.

use std::future::Future;

use maily_errors::{Error, Result};
use maily_redis::jobs::{
    DeadLetter as CoreDead, DeadLetters as _, Failure, Fate, Job as CoreJob, Jobs as _, NewJob, Queue,
    QueueConfig, Receipt, Stats as CoreStats, WorkerId,
};
use pyo3::prelude::*;

use super::any::AnyStore;
use super::store::Stores;
use super::values::{Blob, duration, milliseconds};
use crate::errors::Position;
use crate::runtime::Next;
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Jobs>()?;
    module.add_class::<AsyncJobs>()?;
    module.add_class::<Job>()?;
    module.add_class::<DeadLetter>()?;
    module.add_class::<Stats>()
}

twins! {
    "maily.redis", Work;

    /// Work that waits in a queue until a worker has done it, at least once. An iterator of jobs, without end.
    ///
    /// Seconds: a job belongs to a worker that says nothing for `idle`, the key of a job keeps a second one away for
    /// `window`. After `max_deliveries` without an acknowledgement a job is a dead letter. `worker` names this one.
    sync Jobs {
        fn __iter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        fn __next__(&self, py: Python<'_>) -> PyResult<Option<Job>> {
            runtime::block_on(py, self.0.next())
        }
    }

    /// Work that waits in a queue until a worker has done it. An asynchronous iterator; methods return awaitables.
    async AsyncJobs {
        fn __aiter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            let next = self.0.next();
            runtime::drive(py, async move { Next(next.await) })
        }
    }

    both {
        #[new]
        #[pyo3(signature = (store, name="jobs", /, *, worker="python", idle=30.0, max_deliveries=5, window=3600.0, max_dead=10_000))]
        fn new(
            store: Stores,
            name: &str,
            worker: &str,
            idle: f64,
            max_deliveries: u32,
            window: f64,
            max_dead: u64,
        ) -> PyResult<Self> {
            let build = || {
                let mut config = QueueConfig::default();
                config.name = name.to_owned();
                config.idle_ms = milliseconds(idle)?;
                config.max_deliveries = max_deliveries;
                config.window_ms = milliseconds(window)?;
                config.max_dead = max_dead;
                Ok(Self(Work { store: store.into_any(), queue: config.build()?, worker: WorkerId::new(worker)? }))
            };
            build().map_err(errors::to_py)
        }
    }

    /// Adds a job and returns its name. A second one with the `key` of an earlier one has the name of the first.
    ///
    /// It waits for `delay` seconds before anybody gets it. `trace` is a `maily.trace.Trace` or a `traceparent`, else the
    /// current one; the job carries it, and its handler works in a step below it.
    (payload, /, *, key=None, delay=0.0, trace=None)
    fn append(payload: Blob, key: Option<Blob>, delay: f64, trace: Option<Position>) -> String;

    /// Takes 1 to `max` jobs; waits for the first one for `wait` seconds, and returns none if none came.
    (max=1, /, *, wait=0.0) fn claim(max: usize, wait: f64) -> Vec<Job>;

    /// Says that a job is done; returns whether it was still there.
    (job, /) fn ack(job: Shown) -> bool;

    /// Keeps a job for another `idle`; returns whether this worker still has it.
    (job, /) fn extend(job: Shown) -> bool;

    /// Says that a job was not done: it waits, or is a dead letter, as the code of the `MailyError` says.
    ///
    /// Returns "waits", "dead", or "lost" if this worker does not have it any more. Any other exception is like the
    /// code `unexpected`: a dead letter.
    (job, error, /) fn fail(job: Shown, error: Failed) -> &'static str;

    /// Gives a job back that was not tried: another worker gets it at once.
    (job, /) fn hand_back(job: Shown) -> &'static str;

    /// Counts what is in the queue.
    () fn stats() -> Stats;

    /// Lists up to `max` dead letters, after the one of that receipt.
    (max=100, /, *, after=None) fn dead(max: usize, after: Option<String>) -> Vec<DeadLetter>;

    /// Puts a dead letter back into the queue; returns whether it was there.
    (receipt, /) fn requeue(receipt: String) -> bool;

    /// Throws a dead letter away; returns whether it was there.
    (receipt, /) fn discard(receipt: String) -> bool;
}

/// A job that was handed out.
#[pyclass(frozen, get_all, module = "maily.redis")]
pub(super) struct Job {
    /// Its name, the same from its append to its end.
    id: String,
    /// What acknowledges this delivery.
    receipt: String,
    /// What is to be done.
    payload: Blob,
    /// How often it was handed out, this time included.
    deliveries: u32,
    /// How many seconds ago it was appended, in the server's time.
    age: f64,
    /// The `traceparent` in which it was appended.
    trace: Option<String>,
}

/// A job that nobody could do.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct DeadLetter {
    /// Its name.
    id: String,
    /// What requeues or discards it.
    receipt: String,
    /// What was to be done.
    payload: Blob,
    /// How often it was handed out.
    deliveries: u32,
    /// The name of the last error's code.
    code: String,
    /// The last error in words of this library; those of an exception are not kept, as they may hold anything.
    message: String,
}

/// What is in a queue.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct Stats {
    /// Jobs that are due and were not handed out yet: the lag.
    waiting: u64,
    /// Jobs that a worker has.
    pending: u64,
    /// Jobs that are not due yet.
    delayed: u64,
    /// Dead letters.
    dead: u64,
    /// Workers that are known.
    workers: u64,
    /// How many seconds ago the first of the jobs that are waiting or pending was appended.
    oldest: f64,
}

impl From<CoreJob> for Job {
    fn from(job: CoreJob) -> Self {
        Self {
            id: job.id.as_str().to_owned(),
            receipt: job.receipt.as_str().to_owned(),
            payload: Blob(job.payload),
            deliveries: job.deliveries,
            age: job.age.as_secs_f64(),
            trace: job.trace.map(|trace| trace.to_string()),
        }
    }
}

impl From<CoreDead> for DeadLetter {
    fn from(dead: CoreDead) -> Self {
        Self {
            id: dead.id.as_str().to_owned(),
            receipt: dead.receipt.as_str().to_owned(),
            payload: Blob(dead.payload),
            deliveries: dead.deliveries,
            code: dead.code,
            message: dead.message,
        }
    }
}

impl From<CoreStats> for Stats {
    fn from(stats: CoreStats) -> Self {
        let CoreStats { waiting, pending, delayed, dead, workers, oldest, .. } = stats;
        Self { waiting, pending, delayed, dead, workers, oldest: oldest.as_secs_f64() }
    }
}

/// A job, by its receipt.
struct Shown {
    receipt: String,
    deliveries: u32,
}

impl<'py> FromPyObject<'_, 'py> for Shown {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let job = object.cast::<Job>()?.get();
        Ok(Self { receipt: job.receipt.clone(), deliveries: job.deliveries })
    }
}

/// Why a job was not done.
struct Failed(Error);

impl<'py> FromPyObject<'_, 'py> for Failed {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(errors::from_py(PyErr::from_value(object.to_owned()))))
    }
}

/// What both classes hold.
pub(super) struct Work {
    pub(super) store: AnyStore,
    pub(super) queue: Queue,
    pub(super) worker: WorkerId,
}

impl Work {
    fn append(
        &self,
        payload: Blob,
        key: Option<Blob>,
        delay: f64,
        trace: Option<Position>,
    ) -> impl Future<Output = Result<String>> + Send + use<> {
        let (store, queue) = (self.store.clone(), self.queue.clone());
        let trace = trace.map_or_else(|| Python::attach(Position::current).map_err(errors::from_py), Ok);
        async move {
            let mut job = NewJob::new(payload.0).with_delay(duration(delay)?);
            job.key = key.map(|key| key.0);
            job.trace = trace?.0;
            Ok(store.append(&queue, job).await?.as_str().to_owned())
        }
    }

    fn claim(&self, max: usize, wait: f64) -> impl Future<Output = Result<Vec<Job>>> + Send + use<> {
        let (store, queue, worker) = self.parts();
        async move {
            let jobs = store.claim(&queue, &worker, max, duration(wait)?).await?;
            Ok(jobs.into_iter().map(Into::into).collect())
        }
    }

    fn next(&self) -> impl Future<Output = Result<Option<Job>>> + Send + use<> {
        let (store, queue, worker) = self.parts();
        async move {
            loop {
                if let Some(job) = store.claim(&queue, &worker, 1, WAIT).await?.pop() {
                    return Ok(Some(job.into()));
                }
            }
        }
    }

    fn ack(&self, job: Shown) -> impl Future<Output = Result<bool>> + Send + use<> {
        let (store, queue, _) = self.parts();
        async move { Ok(store.ack(&queue, &[Receipt::new(&job.receipt)?]).await? == 1) }
    }

    fn extend(&self, job: Shown) -> impl Future<Output = Result<bool>> + Send + use<> {
        let (store, queue, worker) = self.parts();
        async move { Ok(store.extend(&queue, &worker, &[Receipt::new(&job.receipt)?]).await?.is_empty()) }
    }

    fn fail(&self, job: Shown, error: Failed) -> impl Future<Output = Result<&'static str>> + Send + use<> {
        let Failed(error) = error;
        let failure = Failure::of(&error, job.deliveries);
        self.end(job, failure)
    }

    fn hand_back(&self, job: Shown) -> impl Future<Output = Result<&'static str>> + Send + use<> {
        self.end(job, Failure::HandBack)
    }

    fn end(&self, job: Shown, failure: Failure) -> impl Future<Output = Result<&'static str>> + Send + use<> {
        let (store, queue, worker) = self.parts();
        async move {
            Ok(match store.fail(&queue, &worker, &Receipt::new(&job.receipt)?, failure).await? {
                Fate::Dead => "dead",
                Fate::Waits => "waits",
                _ => "lost",
            })
        }
    }

    fn stats(&self) -> impl Future<Output = Result<Stats>> + Send + use<> {
        let (store, queue, _) = self.parts();
        async move { store.stats(&queue).await.map(Into::into) }
    }

    fn dead(
        &self,
        max: usize,
        after: Option<String>,
    ) -> impl Future<Output = Result<Vec<DeadLetter>>> + Send + use<> {
        let (store, queue, _) = self.parts();
        async move {
            let after = after.as_deref().map(Receipt::new).transpose()?;
            let dead = store.dead(&queue, after.as_ref(), max).await?;
            Ok(dead.into_iter().map(Into::into).collect())
        }
    }

    fn requeue(&self, receipt: String) -> impl Future<Output = Result<bool>> + Send + use<> {
        let (store, queue, _) = self.parts();
        async move { Ok(store.requeue(&queue, &[Receipt::new(&receipt)?]).await? == 1) }
    }

    fn discard(&self, receipt: String) -> impl Future<Output = Result<bool>> + Send + use<> {
        let (store, queue, _) = self.parts();
        async move { Ok(store.discard(&queue, &[Receipt::new(&receipt)?]).await? == 1) }
    }

    fn parts(&self) -> (AnyStore, Queue, WorkerId) {
        (self.store.clone(), self.queue.clone(), self.worker.clone())
    }
}

/// How long one claim of an iterator waits; the next one follows at once.
const WAIT: std::time::Duration = std::time::Duration::from_secs(10);
