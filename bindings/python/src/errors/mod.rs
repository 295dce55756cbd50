//! `maily.errors`, `maily.retry` and `maily.trace`: the core `errors` for Python.
//!
//! Everything that has to be the same in every language is asked here and decided in Rust; the exceptions hold
//! plain values, so that they can be made, changed and pickled in Python.

mod answer;
mod causes;
mod retry;
mod state;
mod trace;

use maily_errors::{Code, Error, Problem, Segment};
use pyo3::PyErr;
use pyo3::prelude::*;

use self::state::State;

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
    Python::attach(|py| match exception(py, &err) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    })
}

fn exception<'py>(py: Python<'py>, err: &Error) -> PyResult<Bound<'py, PyAny>> {
    py.import("maily.errors")?.getattr("_from_native")?.call1((State::of(err),))
}
