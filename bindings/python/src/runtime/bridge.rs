//! Rust futures on an event loop of Python.
//!
//! A call is a Rust future that is polled on the thread of the event loop, and an `asyncio.Future` that gets
//! its outcome. Wakers put calls into an [`Inbox`] and ring once; the event loop then polls all of them in one
//! callback. To wake a call, tokio's threads do not need the interpreter; they wait for it where they call functions of
//! Python, such as the handler of a worker.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyWeakrefReference;

use super::inbox::{CallWaker, Inbox, quiet};
use super::outcome::{Work, settle};
use super::runtime;

/// The calls of one event loop.
///
/// The event loop owns it, by the callback of the socket. It does not own the event loop.
pub(super) struct Bridge {
    event_loop: Py<PyWeakrefReference>,
    inbox: Arc<Inbox>,
    calls: Arc<Calls>,
    /// The callback of every future that waits: one object, so that `asyncio` finds it by identity.
    forget: Py<Forget>,
    /// How many calls in a row ended at once, without a turn of the event loop.
    at_once: AtomicU32,
}

/// By the address of the `asyncio.Future`, which is its own as long as it is in here.
type Calls = Mutex<HashMap<usize, Call>>;

struct Call {
    future: Py<PyAny>,
    work: Pin<Box<dyn Work>>,
    waker: Waker,
}

/// Makes an `asyncio.Future` of the event loop that runs on this thread, which ends as the work does.
pub(super) fn start(py: Python<'_>, work: Pin<Box<dyn Work>>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = RUNNING.import(py, "asyncio", "get_running_loop")?.call0()?;
    Bridge::of(&event_loop)?.start(&event_loop, work)
}

thread_local! {
    /// The event loops that ran on this thread and are not closed. Most threads have one.
    static BRIDGES: RefCell<Vec<Arc<Bridge>>> = const { RefCell::new(Vec::new()) };
}

impl Bridge {
    fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let py = event_loop.py();
        let known = BRIDGES.with_borrow(|bridges| {
            let serves = |bridge: &&Arc<Self>| bridge.upgrade(py).is_some_and(|known| known.is(event_loop));
            bridges.iter().find(serves).cloned()
        });
        if let Some(bridge) = known {
            return Ok(bridge);
        }
        let bridge = Self::new(event_loop)?;
        let closed = BRIDGES.with_borrow_mut(|bridges| {
            bridges.push(Arc::clone(&bridge));
            bridges.extract_if(.., |bridge| !bridge.is_open(py)).collect::<Vec<_>>()
        });
        // Not within the borrow: what they drop may run code of Python, which may call again.
        drop(closed);
        Ok(bridge)
    }

    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let py = event_loop.py();
        let (inbox, socket) = Inbox::new()?;
        let calls = Arc::new(Calls::default());
        let forget = Py::new(py, Forget(Arc::clone(&calls)))?;
        let event_loop_ref = PyWeakrefReference::new(event_loop)?.unbind();
        let bridge =
            Arc::new(Self { event_loop: event_loop_ref, inbox, calls, forget, at_once: AtomicU32::new(0) });
        let descriptor = socket.as_raw_fd();
        let reader = Reader { socket, bridge: Arc::clone(&bridge) };
        // An event loop calls back in the context of who asked for it: of all tasks that will call, that is the first.
        let nobodys = py.import("contextvars")?.getattr("Context")?.call0()?;
        let add_reader = event_loop.getattr(intern!(py, "add_reader"))?;
        nobodys.call_method1(intern!(py, "run"), (add_reader, descriptor, reader))?;
        Ok(bridge)
    }

    fn start<'py>(
        &self,
        event_loop: &Bound<'py, PyAny>,
        mut work: Pin<Box<dyn Work>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let call = future.as_ptr() as usize;
        let waker = Waker::from(Arc::new(CallWaker { inbox: Arc::clone(&self.inbox), call }));
        let _context = runtime()?.enter();
        if self.at_once.load(Relaxed) < MAX_AT_ONCE {
            if let Poll::Ready(outcome) = work.as_mut().poll(py, &mut Context::from_waker(&waker)) {
                self.at_once.fetch_add(1, Relaxed);
                settle(&future, outcome)?;
                return Ok(future);
            }
        } else {
            waker.wake_by_ref();
        }
        future.call_method1(intern!(py, "add_done_callback"), (&self.forget,))?;
        lock(&self.calls).insert(call, Call { future: future.clone().unbind(), work, waker });
        Ok(future)
    }

    /// Lets every call go on that can.
    fn drain(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let _context = runtime()?.enter();
        self.at_once.store(0, Relaxed);
        let mut failed = Ok(());
        for call in self.inbox.take() {
            let Some(mut found) = lock(&self.calls).remove(&call) else {
                continue;
            };
            match found.work.as_mut().poll(py, &mut Context::from_waker(&found.waker)) {
                // Whatever the event loop says to one of them, the others go on.
                Poll::Ready(outcome) => failed = failed.and(self.finish(found.future.bind(py), outcome)),
                Poll::Pending => drop(lock(&self.calls).insert(call, found)),
            }
        }
        self.resume(py).and(failed)
    }

    fn finish<'py>(&self, future: &Bound<'py, PyAny>, outcome: PyResult<Bound<'py, PyAny>>) -> PyResult<()> {
        // So that the end of the future schedules nothing for us.
        future.call_method1(intern!(future.py(), "remove_done_callback"), (&self.forget,))?;
        settle(future, outcome)
    }

    /// Comes again if there is more: after the tasks that were woken, and without a byte through the socket.
    fn resume(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if !self.inbox.rest() {
            return Ok(());
        }
        match self.upgrade(py) {
            Some(event_loop) => {
                event_loop.call_method1(intern!(py, "call_soon"), (Resume(Arc::clone(self)),)).map(drop)
            }
            None => Ok(()),
        }
    }

    fn upgrade<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py).upgrade()
    }

    fn is_open(&self, py: Python<'_>) -> bool {
        let closed =
            |event_loop: Bound<'_, PyAny>| event_loop.call_method0(intern!(py, "is_closed"))?.is_truthy();
        self.upgrade(py).is_some_and(|event_loop| !closed(event_loop).unwrap_or(true))
    }
}

/// The callback of the socket. It owns the socket, which must not close before the event loop lets it go.
#[pyclass(frozen)]
struct Reader {
    socket: UnixStream,
    bridge: Arc<Bridge>,
}

#[pymethods]
impl Reader {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        quiet(&self.socket);
        self.bridge.drain(py)
    }
}

/// The callback for what came while the last batch was under way.
#[pyclass(frozen)]
struct Resume(Arc<Bridge>);

#[pymethods]
impl Resume {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.drain(py)
    }
}

/// The callback of a future that somebody else ended: its work is dropped, which cancels it.
#[pyclass(frozen)]
struct Forget(Arc<Calls>);

#[pymethods]
impl Forget {
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        // What the work does when it is dropped may need the runtime.
        let _context = runtime()?.enter();
        let call = lock(&self.0).remove(&(future.as_ptr() as usize));
        drop(call);
        Ok(())
    }
}

fn lock(calls: &Calls) -> MutexGuard<'_, HashMap<usize, Call>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

/// After so many answers that were there at once, the next call waits for a turn of the event loop: awaiting a
/// future that is done does not let other tasks run.
const MAX_AT_ONCE: u32 = 64;
