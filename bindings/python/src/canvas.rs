//! `maily.canvas`: the core `canvas` for Python.

use pyo3::prelude::*;

/// Fills `maily._maily.canvas`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
