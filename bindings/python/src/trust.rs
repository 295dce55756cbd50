//! `maily.trust`: the core `trust` for Python.

use pyo3::prelude::*;

/// Fills `maily._maily.trust`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
