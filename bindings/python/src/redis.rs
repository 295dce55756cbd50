//! `maily.redis`: the core `redis` for Python.

use pyo3::prelude::*;

/// Fills `maily._maily.redis`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
