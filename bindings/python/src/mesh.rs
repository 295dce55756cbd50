//! `maily.mesh`: the core `mesh` for Python.

use pyo3::prelude::*;

/// Fills `maily._maily.mesh`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
