//! `maily.trace`: W3C Trace Context.

use maily_errors::TraceContext;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Trace>()
}

/// A `maily.trace.Trace`, or the text of a `traceparent` header; nothing if the standard wants it ignored.
pub(crate) struct Position(pub(crate) Option<TraceContext>);

impl<'py> FromPyObject<'_, 'py> for Position {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(TraceContext::parse(object.str()?.to_str()?)))
    }
}

impl Position {
    /// Returns the position in which the caller works, as `maily.trace` knows it.
    pub(crate) fn current(py: Python<'_>) -> PyResult<Self> {
        static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let current = CURRENT.import(py, "maily.trace", "current")?.call0()?;
        if current.is_none() { Ok(Self(None)) } else { current.extract() }
    }
}

/// A position in a trace, as the `traceparent` header carries it (W3C Trace Context).
#[pyclass(frozen, eq, hash, module = "maily.trace")]
#[derive(Eq, Hash, PartialEq)]
struct Trace(TraceContext);

#[pymethods]
impl Trace {
    /// Begins a trace that is recorded.
    #[staticmethod]
    fn root() -> Self {
        Self(TraceContext::root())
    }

    /// Reads the value of a `traceparent` header; `None` means that the standard wants it ignored.
    #[staticmethod]
    #[pyo3(signature = (header, /))]
    fn parse(header: &str) -> Option<Self> {
        TraceContext::parse(header).map(Self)
    }

    /// Returns the position of a step below this one.
    fn child(&self) -> Self {
        Self(self.0.child())
    }

    /// The number of the trace: 32 hexadecimal digits.
    #[getter]
    fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// The number of the span: 16 hexadecimal digits.
    #[getter]
    fn span_id(&self) -> String {
        self.0.span_id().to_string()
    }

    /// Whether the caller records the trace.
    #[getter]
    fn sampled(&self) -> bool {
        self.0.is_sampled()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Trace.parse('{}')", self.0)
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (String,))> {
        Ok((slf.get_type().getattr("parse")?.unbind(), (slf.get().__str__(),)))
    }
}
