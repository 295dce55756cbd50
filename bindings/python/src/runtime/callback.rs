//! Functions of Python that Rust calls.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use maily_errors::{Code, Error, Result};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::errors;

/// A function of the caller: run in a thread of its own, or as a task on the event loop of the caller.
#[derive(Clone)]
pub(crate) struct Callback {
    function: Arc<Py<PyAny>>,
    /// The variables of who handed it over (`contextvars`): each call works in a copy of them.
    context: Arc<Py<PyAny>>,
    event_loop: Option<Arc<Py<PyAny>>>,
    /// Whether the call that it was given to holds up the event loop until it ends.
    held_up: Arc<AtomicBool>,
}

thread_local! {
    /// Of the function that was taken last on this thread, and whose call has not begun.
    static TAKEN: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Begins the call to which a function was given, if one was: a blocking one holds up the event loop of its thread.
pub(super) fn begin(blocks: bool) {
    if let Some(held_up) = TAKEN.take() {
        held_up.store(blocks, Ordering::Relaxed);
    }
}

impl Callback {
    /// Takes a function, and the event loop that runs on this thread, if one does.
    pub(crate) fn new(function: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = function.py();
        let running = py.import("asyncio")?.getattr("_get_running_loop")?.call0()?;
        let event_loop = (!running.is_none()).then(|| Arc::new(running.unbind()));
        let context = py.import("contextvars")?.getattr("copy_context")?.call0()?;
        let this = Self::on(function.unbind(), context.unbind(), event_loop);
        TAKEN.set(Some(this.held_up.clone()));
        Ok(this)
    }

    /// Takes a function that runs in a context, on an event loop or without one in a thread of its own.
    pub(crate) fn on(function: Py<PyAny>, context: Py<PyAny>, event_loop: Option<Arc<Py<PyAny>>>) -> Self {
        let (function, context) = (Arc::new(function), Arc::new(context));
        Self { function, context, event_loop, held_up: Arc::default() }
    }

    /// Calls the function; dropping the future cancels the task. What it raises is what the caller gets back.
    pub(crate) fn call<A, T>(&self, arguments: A) -> impl Future<Output = Result<T>> + Send + use<A, T>
    where
        A: for<'py> IntoPyObject<'py> + Send + 'static,
        T: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr> + Send + 'static,
    {
        let this = self.clone();
        async move {
            let free = this.event_loop.filter(|_| !this.held_up.load(Ordering::Relaxed));
            let Some(event_loop) = free else {
                let call = move || {
                    attached(|py| {
                        let call = py.import("maily._callback")?.getattr("call")?;
                        answered(call.call1((&*this.context, &*this.function, arguments))?)?.extract()
                    })
                };
                return spawn_blocking(call).await.unwrap_or_else(|_| Err(ended()));
            };
            let (sender, outcome) = oneshot::channel();
            let task = attached(|py| {
                let begin = py.import("maily._callback")?.getattr("begin")?;
                let task = begin.call1((&*this.context, &*this.function, arguments, &*event_loop))?;
                task.call_method1("add_done_callback", (Ended(Mutex::new(Some(sender))),))?;
                Ok(Task(Some(task.unbind())))
            })?;
            let outcome = outcome.await;
            task.done();
            let value = outcome.map_err(|_| ended())?.map_err(errors::from_py)?;
            attached(|py| value.bind(py).extract())
        }
    }
}

/// A task of Python, which is canceled when nobody waits for it any more.
struct Task(Option<Py<PyAny>>);

impl Task {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            // If the interpreter is ending, so is the task.
            Python::try_attach(|py| task.call_method0(py, "cancel").map(drop));
        }
    }
}

/// The callback of a task that has ended.
#[pyclass(frozen)]
struct Ended(Mutex<Option<oneshot::Sender<PyResult<Py<PyAny>>>>>);

#[pymethods]
impl Ended {
    fn __call__(&self, task: &Bound<'_, PyAny>) {
        let result = task.call_method0("result").map(Bound::unbind);
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Nobody may be waiting any more.
        drop(sender.map(|sender| sender.send(result)));
    }
}

/// Returns what a function said, unless it is still to be awaited: taken for an answer, its work would never be done.
fn answered(said: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if !said.hasattr("__await__")? {
        return Ok(said);
    }
    // Else Python warns of a coroutine that nobody awaited.
    said.call_method0("close").ok();
    Err(PyTypeError::new_err(
        "a method that blocks takes a plain function, its asynchronous twin a coroutine function",
    ))
}

/// Runs code of Python on a thread of the runtime.
fn attached<T>(call: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
    Python::try_attach(call).ok_or_else(ended)?.map_err(errors::from_py)
}

fn ended() -> Error {
    Error::new(Code::Canceled, "the interpreter or its event loop has ended")
        .with_operation("python::callback")
}

/// What a function raised, on its way through Rust.
#[derive(Debug)]
pub(crate) struct Raised(pub(crate) PyErr);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The exception's own words need the interpreter, and may hold anything.
        f.write_str("a function of Python raised it")
    }
}

impl std::error::Error for Raised {}
