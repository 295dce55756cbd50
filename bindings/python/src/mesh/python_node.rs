//! Nodes that are written in Python.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, TryStreamExt as _, iter, try_unfold};
use maily_errors::{Error, Result, TraceContext};
use maily_mesh::{Completion, Delta, FinishReason, Prompt, wire};
use pyo3::prelude::*;
use tower_service::Service;

use super::event::Said;
use crate::errors;
use crate::runtime::Callback;

/// What a node that is written in Python is asked.
#[pyclass(frozen, module = "maily.mesh")]
pub(super) struct Request(Prompt);

#[pymethods]
impl Request {
    /// The model, as the node calls it.
    #[getter]
    fn model(&self) -> String {
        self.0.head.model.to_string()
    }

    /// The conversation, as chat completions have it.
    #[getter]
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.getattr("loads")?.call1((self.body(),))?.get_item("messages")
    }

    /// The whole body, as chat completions have it.
    #[getter]
    fn body(&self) -> Vec<u8> {
        self.0.body().to_vec()
    }

    /// The last text that the person says, if there is any.
    #[getter]
    fn text(&self) -> Option<String> {
        self.0.last_user_text()
    }

    /// The most tokens that the answer may have.
    #[getter]
    fn max_tokens(&self) -> Option<u32> {
        self.0.head.max_tokens
    }

    /// Whether the answer is wanted piece by piece.
    #[getter]
    fn stream(&self) -> bool {
        self.0.head.stream
    }
}

/// An object of Python with a method `complete` or `stream`, as a node.
#[derive(Clone)]
pub(super) struct PythonNode {
    object: Arc<Py<PyAny>>,
    /// Where it runs, if its methods are asynchronous: on an event loop, not on threads of their own.
    event_loop: Option<Arc<Py<PyAny>>>,
}

impl PythonNode {
    /// Takes an object; `here` says whether an event loop that runs on this thread is the one for its asynchronous methods.
    pub(super) fn new(object: &Bound<'_, PyAny>, here: bool) -> PyResult<Self> {
        let py = object.py();
        let event_loop = py.import("maily._node")?.getattr("loop_for")?.call1((object, here))?;
        let event_loop = (!event_loop.is_none()).then(|| Arc::new(event_loop.unbind()));
        Ok(Self { object: Arc::new(object.clone().unbind()), event_loop })
    }

    /// Asks for an answer, in the trace of the call. Nothing of the node runs before the first step is taken.
    fn ask(&self, prompt: &Prompt) -> PyResult<Answering> {
        let here = TraceContext::current().map(|here| here.to_string());
        Python::attach(|py| {
            let (object, event_loop) = (&*self.object, self.event_loop.as_deref());
            let ask = py.import("maily._node")?.getattr("ask")?;
            let steps = ask.call1((object, Request(prompt.clone()), here, event_loop))?;
            // The steps have a context of their own.
            let nobodys = py.import("contextvars")?.getattr("Context")?.call0()?;
            let next =
                Callback::on(steps.getattr("next")?.unbind(), nobodys.unbind(), self.event_loop.clone());
            Ok(Answering { steps: steps.unbind(), next })
        })
    }
}

impl Service<Prompt> for PythonNode {
    type Response = Completion;
    type Error = Error;
    // Boxed, because it has no name; a call of Python costs more.
    type Future = BoxFuture<'static, Result<Completion>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let node = self.clone();
        Box::pin(async move {
            let answering = node.ask(&prompt).map_err(errors::from_py)?;
            Ok(wire::answer(&prompt.head, answering.deltas()))
        })
    }
}

/// An answer that a node of Python gives. Dropping it ends what the node does.
struct Answering {
    steps: Py<PyAny>,
    next: Callback,
}

impl Answering {
    /// Returns what is said; an answer that does not say why it ended has come to its end.
    fn deltas(self) -> impl Stream<Item = Result<Delta>> + Send {
        let deltas = try_unfold((self, false, false), |(answering, finished, ended)| async move {
            if ended {
                return Ok::<_, Error>(None);
            }
            let said: Option<(Said,)> = answering.next.call(()).await?;
            let (deltas, ended) = match said {
                Some((said,)) => (said.0, false),
                None if finished => return Ok(None),
                None => (vec![Delta::Finish(FinishReason::Stop)], true),
            };
            let finished = finished || deltas.iter().any(|delta| matches!(delta, Delta::Finish(_)));
            Ok(Some((iter(deltas.into_iter().map(Ok)), (answering, finished, ended))))
        });
        deltas.try_flatten()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // If the interpreter is ending, so is the node.
        Python::try_attach(|py| self.steps.call_method0(py, "close").map(drop));
    }
}

/// What a node is called where its URL would stand.
pub(super) const SCHEME: &str = "python";
