//! `maily.analytics`: the core `analytics` for Python.

use pyo3::prelude::*;

/// Fills `maily._maily.analytics`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
