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

pub(crate) use self::any::AnyStore;
pub(crate) use self::store::Stores;
pub(crate) use self::values::failed;

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
