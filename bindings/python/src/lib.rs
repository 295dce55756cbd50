//! Native half of the Python package `maily`: one file per core, each converts, calls and converts.
//!
//! The public half is `python/maily`; `README.md` says how the two fit together.

mod analytics;
mod canvas;
mod errors;
mod keys;
mod mesh;
mod redis;
mod runtime;
mod trust;
mod twins;

use pyo3::prelude::*;

/// Native module, private to the package: import `maily.mesh` and its siblings instead.
#[pymodule]
fn _maily(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    runtime::register(module)?;
    add(module, "errors", errors::register)?;
    add(module, "redis", redis::register)?;
    add(module, "mesh", mesh::register)?;
    add(module, "canvas", canvas::register)?;
    add(module, "trust", trust::register)?;
    add(module, "analytics", analytics::register)
}

/// Adds a submodule of the native module and lets `register` fill it.
fn add(
    parent: &Bound<'_, PyModule>,
    name: &str,
    register: fn(&Bound<'_, PyModule>) -> PyResult<()>,
) -> PyResult<()> {
    // Functions say that they live where they are public.
    let module = PyModule::new(parent.py(), &format!("maily.{name}"))?;
    register(&module)?;
    parent.add(name, module)
}
