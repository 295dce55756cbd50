//! `maily.redis`: the core `redis` for Python.

mod any;
mod bus;
mod cache;
mod idempotency;
mod jobs;
mod limit;
mod lock;
mod store;
mod values;
mod worker;

use pyo3::prelude::*;

/// Fills `maily._maily.redis`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    store::register(module)?;
    lock::register(module)?;
    limit::register(module)?;
    jobs::register(module)?;
    worker::register(module)?;
    bus::register(module)?;
    cache::register(module)?;
    idempotency::register(module)
}
