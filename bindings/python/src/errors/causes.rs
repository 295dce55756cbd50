//! The chain of causes: who met an error on its way through the services.

use maily_errors::Causes;
use pyo3::prelude::*;

use super::state::{Link, cause, chain, links};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(add_cause, module)?)?;
    module.add_function(wrap_pyfunction!(format_causes, module)?)?;
    module.add_function(wrap_pyfunction!(parse_causes, module)?)
}

/// Puts a service before those that met the error earlier.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted")]
fn add_cause(entry: Link, earlier: Vec<Link>) -> Vec<Link> {
    let mut causes = chain(&earlier);
    causes.add(cause(&entry));
    links(&causes)
}

/// Writes the header.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted")]
fn format_causes(causes: Vec<Link>) -> String {
    chain(&causes).to_string()
}

/// Reads the header.
#[pyfunction]
fn parse_causes(header: &str) -> Vec<Link> {
    links(&Causes::parse(header))
}
