//! `maily.errors`, `maily.retry` and `maily.trace`: the core `errors` for Python.
//!
//! Everything that has to be the same in every language is asked here and decided in Rust; the exceptions hold
//! plain values, so that they can be made, changed and pickled in Python.

mod answer;
mod causes;
mod retry;
mod state;
mod trace;

use std::error::Error as StdError;
use std::iter;
use std::time::Duration;

use maily_errors::{Code, Error, Problem, Segment};
use pyo3::PyErr;
use pyo3::prelude::*;

use self::state::State;
pub(crate) use self::trace::Position;
use crate::runtime::Raised;

/// Fills `maily._maily.errors`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("OPENAPI", OPENAPI)?;
    module.add_function(wrap_pyfunction!(codes, module)?)?;
    module.add_function(wrap_pyfunction!(code_of_status, module)?)?;
    module.add_function(wrap_pyfunction!(from_problem, module)?)?;
    module.add_function(wrap_pyfunction!(pointer, module)?)?;
    answer::register(module)?;
    causes::register(module)?;
    retry::register(module)?;
    trace::register(module)
}

/// What the catalogue gives for OpenAPI documents: `schemas` and `responses`, as JSON.
const OPENAPI: &str = include_str!("../../../../crates/errors/openapi.json");

/// Returns number and name of every code, by number.
#[pyfunction]
fn codes() -> Vec<(u16, &'static str)> {
    Code::all().map(|code| (code.number(), code.name())).collect()
}

/// Returns the name of the code that says what an HTTP status says.
#[pyfunction]
fn code_of_status(status: u16) -> &'static str {
    Code::of_status(status).name()
}

/// Reads a problem document (RFC 9457) into the exception of its kind.
#[pyfunction]
fn from_problem<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let err = Problem::from_json(text).map_or_else(|malformed| malformed, Error::from);
    exception(py, &err)
}

/// One step of a path.
#[derive(FromPyObject)]
enum Step {
    Index(usize),
    Key(String),
}

/// Joins the steps of a path to a JSON Pointer (RFC 6901).
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted")]
fn pointer(path: Vec<Step>) -> String {
    maily_errors::pointer(path.iter().map(|step| match step {
        Step::Index(index) => Segment::Index(*index),
        Step::Key(key) => Segment::Key(key),
    }))
}

/// Turns an error into the exception of its kind.
///
/// Fits `map_err`. If the exceptions cannot be imported, the import's own error is what the caller sees.
#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(crate) fn to_py(err: Error) -> PyErr {
    let mut sources = iter::successors(StdError::source(&err), |&source| source.source());
    let raised = sources.find_map(|source| source.downcast_ref::<Raised>());
    Python::attach(|py| match raised {
        // A function of the caller raised it: the caller gets it back as it was.
        Some(raised) => raised.0.clone_ref(py),
        None => made(py, &err),
    })
}

/// Turns an exception into an error, from which [`to_py`] makes the same exception again.
///
/// A `MailyError` means the same in both languages; anything else is what nobody foresaw.
pub(crate) fn from_py(err: PyErr) -> Error {
    let known = Python::attach(|py| {
        let value = err.value(py);
        let code: String = value.getattr("code").ok()?.extract().ok()?;
        let delay: Option<f64> = value.getattr("retry_after").ok()?.extract().ok()?;
        let temporary: bool = value.getattr("temporary").ok()?.extract().ok()?;
        let mut known = Error::new(code.parse::<Code>().ok()?, "a function of the caller failed");
        if let Some(delay) = delay.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            known = known.with_retry_after(delay);
        }
        Some(if temporary { known } else { known.into_persistent() })
    });
    let foreseen = known.unwrap_or_else(|| Error::new(Code::Unexpected, "a function of the caller failed"));
    foreseen.with_source(Raised(err))
}

fn made(py: Python<'_>, err: &Error) -> PyErr {
    match exception(py, err) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

fn exception<'py>(py: Python<'py>, err: &Error) -> PyResult<Bound<'py, PyAny>> {
    py.import("maily.errors")?.getattr("_from_native")?.call1((State::of(err),))
}
