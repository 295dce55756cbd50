//! Errors become the exceptions of `maily.errors`.

use maily_errors::{Code, Error, Problem, Value, Violation};
use pyo3::IntoPyObjectExt as _;
use pyo3::PyErr;
use pyo3::prelude::*;

/// Fills `maily._maily.errors`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(codes, module)?)?;
    module.add_function(wrap_pyfunction!(from_problem, module)?)
}

/// Returns number and name of every code, by number.
#[pyfunction]
fn codes() -> Vec<(u16, &'static str)> {
    Code::all().map(|code| (code.number(), code.name())).collect()
}

/// Reads a problem document (RFC 9457) into the exception of its kind.
#[pyfunction]
fn from_problem<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let err = Problem::from_json(text).map_or_else(|malformed| malformed, Error::from);
    exception(py, &err)
}

/// Turns an error into the exception of its kind.
///
/// Fits `map_err`. If the exceptions cannot be imported, the import's own error is what the caller sees.
#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(crate) fn to_py(err: Error) -> PyErr {
    Python::attach(|py| match exception(py, &err) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    })
}

fn exception<'py>(py: Python<'py>, err: &Error) -> PyResult<Bound<'py, PyAny>> {
    let context: Vec<(&str, Bound<'py, PyAny>)> =
        err.context().map(|(key, value)| Ok((key, object(py, value)?))).collect::<PyResult<_>>()?;
    let violations: Vec<(&str, &str)> = err
        .violations()
        .iter()
        .map(|Violation { pointer, detail, .. }| (pointer.as_str(), detail.as_str()))
        .collect();
    py.import("maily.errors")?.getattr("_from_native")?.call1((
        err.code().name(),
        err.message(),
        err.operation(),
        err.is_temporary(),
        err.retry_after().map(|delay| delay.as_secs_f64()),
        context,
        violations,
    ))
}

/// Turns a value of the context into the object that Python has for it.
fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    if let Some(truth) = value.as_bool() {
        return truth.into_bound_py_any(py);
    }
    match (value.as_i64(), value.as_f64()) {
        (Some(number), _) => number.into_bound_py_any(py),
        (None, Some(number)) => number.into_bound_py_any(py),
        (None, None) => value.as_str().into_bound_py_any(py),
    }
}
