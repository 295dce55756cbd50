//! `Worker` and its twin.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use maily_errors::{Result, TraceContext};
use maily_redis::jobs::{Job as CoreJob, Summary as CoreSummary, Worker as CoreWorker};
use pyo3::prelude::*;
use tokio::sync::Notify;

use super::any::AnyStore;
use super::jobs::{AsyncJobs, Job, Jobs, Work};
use super::values::duration;
use crate::runtime::Callback;
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Worker>()?;
    module.add_class::<AsyncWorker>()?;
    module.add_class::<Summary>()
}

twins! {
    "maily.redis", Labor;

    /// Does the jobs of a queue: `concurrency` at a time, kept for as long as they take, acknowledged when done.
    ///
    /// The handler is called in threads with a `Job`. When it returns the job is done; what it raises decides as
    /// `Jobs.fail` says. `maily.trace.current()` is then a step below the position in which the job was appended.
    sync Worker {
        #[new]
        #[pyo3(signature = (jobs, /, *, concurrency=16, drain=30.0))]
        fn new(jobs: &Jobs, concurrency: usize, drain: f64) -> PyResult<Self> {
            Ok(Self(Labor::new(&jobs.0, concurrency, drain)?))
        }
    }

    /// Does the jobs of a queue on the event loop. The handler is a coroutine function.
    async AsyncWorker {
        #[new]
        #[pyo3(signature = (jobs, /, *, concurrency=16, drain=30.0))]
        fn new(jobs: &AsyncJobs, concurrency: usize, drain: f64) -> PyResult<Self> {
            Ok(Self(Labor::new(&jobs.0, concurrency, drain)?))
        }
    }

    both {
        /// Ends the `run` that is going on: no more jobs are claimed, those under way have `drain` seconds, the rest is
        /// handed back. Before the first `run`, such as one whose thread has only just begun, it ends that one.
        fn stop(&self) {
            self.0.end();
        }
    }

    /// Works until `stop`, and returns what was done.
    (handler, /) fn run(handler: Handler) -> Summary;
}

/// What a worker did.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct Summary {
    /// Jobs that were done and acknowledged.
    done: u64,
    /// Jobs that failed and wait for another delivery.
    retried: u64,
    /// Jobs that failed for good.
    dead: u64,
    /// Jobs that another worker got: they may be done twice.
    lost: u64,
    /// Jobs that were not finished when the worker ended, and were given back.
    handed_back: u64,
}

impl From<CoreSummary> for Summary {
    fn from(summary: CoreSummary) -> Self {
        let CoreSummary { done, retried, dead, lost, handed_back, .. } = summary;
        Self { done, retried, dead, lost, handed_back }
    }
}

/// What both classes hold.
pub(super) struct Labor {
    worker: CoreWorker<AnyStore>,
    stop: Arc<Notify>,
    /// Whether there ever was a run.
    has_run: AtomicBool,
}

impl Labor {
    fn new(jobs: &Work, concurrency: usize, drain: f64) -> PyResult<Self> {
        let build = || {
            let name = jobs.worker.as_str().split(':').next().unwrap_or_default();
            let worker = CoreWorker::new(jobs.store.clone(), jobs.queue.clone(), name)?;
            Ok(worker.with_concurrency(concurrency)?.with_drain(duration(drain)?))
        };
        Ok(Self {
            worker: build().map_err(errors::to_py)?,
            stop: Arc::default(),
            has_run: AtomicBool::new(false),
        })
    }

    fn end(&self) {
        if self.has_run.load(Ordering::Acquire) {
            self.stop.notify_waiters();
        } else {
            self.stop.notify_one();
        }
    }

    fn run(&self, handler: Handler) -> impl Future<Output = Result<Summary>> + Send + use<> {
        // Heard from now on: what was said to another run ends only that one.
        let (worker, stop) = (self.worker.clone(), Arc::clone(&self.stop).notified_owned());
        self.has_run.store(true, Ordering::Release);
        async move {
            let handle = move |job: CoreJob| {
                let here = TraceContext::current().map(|here| here.to_string());
                let handled = handler.0.call::<_, Ignored>((Job::from(job), here));
                async move { handled.await.map(drop) }
            };
            Ok(worker.run(handle, stop).await.into())
        }
    }
}

/// A function of the caller that works in the trace of its job.
pub(super) struct Handler(Callback);

impl<'py> FromPyObject<'_, 'py> for Handler {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let traced = object.py().import("maily.redis")?.getattr("_traced")?.call1((object.to_owned(),))?;
        Callback::new(traced).map(Self)
    }
}

/// Whatever a handler returns.
struct Ignored;

impl<'py> FromPyObject<'_, 'py> for Ignored {
    type Error = PyErr;

    fn extract(_: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self)
    }
}
