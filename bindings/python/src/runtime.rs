//! One tokio runtime for the process, and the two ways into it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use maily_errors::Result;
use pyo3::prelude::*;
use pyo3_async_runtimes::tokio::{future_into_py, get_runtime};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::errors;

/// Runs a future to its end for a synchronous method.
///
/// Other Python threads go on meanwhile. Ctrl-C is seen within [`SIGNALS`] and drops the future,
/// which cancels the work.
pub(crate) fn block_on<F, T>(py: Python<'_>, future: F) -> PyResult<T>
where
    F: Future<Output = Result<T>> + Send,
    T: Send,
{
    py.detach(|| get_runtime().block_on(interruptible(future)))
}

/// Makes an `asyncio.Future` of a future, for an asynchronous method.
///
/// Cancelling the `asyncio.Future` drops the Rust one.
pub(crate) fn spawn<F, T>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: for<'py> IntoPyObject<'py> + Send + 'static,
{
    future_into_py(py, async move { future.await.map_err(errors::to_py) })
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

/// How often a blocking call looks for Ctrl-C.
const SIGNALS: Duration = Duration::from_millis(100);
