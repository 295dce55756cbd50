//! One tokio runtime for the process, and the ways into it.
//!
//! | way | the future runs | for |
//! | --- | --- | --- |
//! | [`block_on`] | on the caller's thread, without the interpreter | synchronous methods |
//! | [`drive`] | on the thread of the event loop, when something it waits for has happened | I/O |
//! | [`spawn`] | on the runtime's threads | work that would hold up the event loop |

mod bridge;
mod callback;
mod fork;
mod inbox;
mod outcome;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maily_errors::{Code, Error, Result};
use pyo3::prelude::*;
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub(crate) use self::callback::{Callback, Raised};
pub(crate) use self::fork::{Here, Process};
pub(crate) use self::outcome::{Next, Outcome};
use crate::errors;

/// Fills the native module with what keeps the runtime alive over a fork.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let hook = [("after_in_child", wrap_pyfunction!(forked, module)?)];
    match py.import("os")?.getattr_opt("register_at_fork")? {
        Some(register) => {
            register.call((), Some(&pyo3::types::IntoPyDict::into_py_dict(hook, py)?)).map(drop)
        }
        None => Ok(()),
    }
}

/// Runs a future to its end for a synchronous method.
///
/// Other Python threads go on meanwhile. Ctrl-C is seen within [`SIGNALS`] and drops the future,
/// which cancels the work.
pub(crate) fn block_on<F, T>(py: Python<'_>, future: F) -> PyResult<T>
where
    F: Future<Output = Result<T>> + Send,
    T: Send,
{
    callback::begin(true);
    let runtime = runtime()?;
    py.detach(|| runtime.block_on(interruptible(future)))
}

/// Makes an `asyncio.Future` of a future that mostly waits.
///
/// It is polled at once, so an answer that is there costs no way around, and later on the thread of the
/// event loop; it must not compute for long. Cancelling the `asyncio.Future` drops it.
pub(crate) fn drive<F>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output: Outcome> + Send + 'static,
{
    callback::begin(false);
    bridge::start(py, Box::pin(future))
}

/// Makes an `asyncio.Future` of a future that computes.
///
/// Cancelling the `asyncio.Future` drops the Rust one at the next point where it waits.
pub(crate) fn spawn<F, T>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = Result<T>> + Send + 'static,
    Result<T>: Outcome,
    T: Send + 'static,
{
    let task = runtime()?.spawn(future);
    drive(py, Spawned(task))
}

/// A task that ends with its handle.
struct Spawned<T>(JoinHandle<Result<T>>);

impl<T> Future for Spawned<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(joined.unwrap_or_else(|panicked| {
            Err(Error::new(Code::Unexpected, "the task ended early").with_source(panicked))
        }))
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the future and looks for signals now and then.
async fn interruptible<F, T>(future: F) -> PyResult<T>
where
    F: Future<Output = Result<T>>,
{
    let mut future = pin!(future);
    let mut signals = interval_at(Instant::now() + SIGNALS, SIGNALS);
    signals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Inner first: an answer that is there wins over a signal.
            biased;
            result = &mut future => return result.map_err(errors::to_py),
            _ = signals.tick() => Python::attach(|py| py.check_signals())?,
        }
    }
}

/// Enters the runtime, for what starts tasks when it is made.
pub(crate) fn enter() -> PyResult<EnterGuard<'static>> {
    runtime().map(Runtime::enter)
}

/// Returns the runtime, after starting it if there is none.
fn runtime() -> PyResult<&'static Runtime> {
    let current = *RUNTIME.read().unwrap_or_else(PoisonError::into_inner);
    current.map_or_else(|| start().map_err(errors::to_py), Ok)
}

#[cold]
fn start() -> Result<&'static Runtime> {
    let mut slot = RUNTIME.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = *slot {
        return Ok(runtime);
    }
    let built = Builder::new_multi_thread().enable_all().thread_name("maily").build();
    let runtime = built.map_err(|err| {
        Error::new(Code::Unexpected, "the runtime's threads do not start")
            .with_operation("python::runtime")
            .with_source(err)
    })?;
    // It lives as long as the process: no thread may wait for it while the interpreter ends.
    Ok(slot.insert(Box::leak(Box::new(runtime))))
}

/// Forgets the runtime of the parent process, whose threads a fork does not copy.
#[pyfunction]
fn forked() {
    fork::happened();
    *RUNTIME.write().unwrap_or_else(PoisonError::into_inner) = None;
}

static RUNTIME: RwLock<Option<&'static Runtime>> = RwLock::new(None);

/// How often a blocking call looks for Ctrl-C.
const SIGNALS: Duration = Duration::from_millis(100);
