//! What a future ends with, as Python sees it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::{Code, Error, Result};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt as _, intern};

use crate::errors;

/// A value that becomes the result, or the exception, of an `asyncio.Future`.
pub(crate) trait Outcome {
    fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

impl<T> Outcome for Result<T>
where
    T: for<'py> IntoPyObject<'py>,
{
    fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        self.map_err(errors::to_py)?.into_bound_py_any(py)
    }
}

/// The next item of an asynchronous iterator; `None` ends it.
pub(crate) struct Next<T>(pub(crate) Result<Option<T>>);

impl<T> Outcome for Next<T>
where
    T: for<'py> IntoPyObject<'py>,
{
    fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let item = self.0.map_err(errors::to_py)?;
        item.ok_or_else(|| PyStopAsyncIteration::new_err(()))?.into_bound_py_any(py)
    }
}

/// A future whose outcome Python can take.
pub(super) trait Work: Send {
    fn poll<'py>(
        self: Pin<&mut Self>,
        py: Python<'py>,
        cx: &mut Context<'_>,
    ) -> Poll<PyResult<Bound<'py, PyAny>>>;
}

impl<F> Work for F
where
    F: Future<Output: Outcome> + Send,
{
    fn poll<'py>(
        self: Pin<&mut Self>,
        py: Python<'py>,
        cx: &mut Context<'_>,
    ) -> Poll<PyResult<Bound<'py, PyAny>>> {
        // A panic ends this call, not those that are in the same batch.
        let polled = catch_unwind(AssertUnwindSafe(|| Future::poll(self, cx)));
        let panicked = |_| {
            let err = Error::new(Code::Unexpected, "the call ended early").with_operation("python::runtime");
            Poll::Ready(Err(errors::to_py(err)))
        };
        polled.map_or_else(panicked, |poll| poll.map(|outcome| outcome.into_py(py)))
    }
}

/// Ends an `asyncio.Future`.
pub(super) fn settle<'py>(future: &Bound<'py, PyAny>, outcome: PyResult<Bound<'py, PyAny>>) -> PyResult<()> {
    let py = future.py();
    let ended = match outcome {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,)),
        Err(err) => future.call_method1(intern!(py, "set_exception"), (err,)),
    };
    match ended {
        // Canceled, and the callback that says so comes later.
        Err(_) if future.call_method0(intern!(py, "done"))?.is_truthy()? => Ok(()),
        ended => ended.map(drop),
    }
}
