//! Settings of Python, by the same way as those of a file: what serde reads, with the place of what is wrong.

use std::path::{Path, PathBuf};

use maily_errors::{Code, Error, Result, Violation};
use maily_mesh::MeshConfig;
use pyo3::prelude::*;
use pyo3::types::IntoPyDict as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors;

/// Fills `maily._maily.mesh` with what reads settings.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(default_config, module)?)?;
    module.add_function(wrap_pyfunction!(read_config, module)?)
}

/// Returns the settings that hold where nothing else is said.
#[pyfunction]
fn default_config(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let config = serde_json::to_value(MeshConfig::default());
    to_python(py, &config.map_err(|err| errors::to_py(unexpected(err)))?)
}

/// Reads `[mesh]` of a settings file of the server, and checks it.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn read_config(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let section = py.detach(move || of_file(&path)).map_err(errors::to_py)?;
    to_python(py, &section)
}

fn of_file(path: &Path) -> Result<Value> {
    let wrong = |code, message| {
        Error::new(code, message).with_operation("python::mesh").with_context("path", path.display())
    };
    let text = std::fs::read_to_string(path)
        .map_err(|err| wrong(Code::ConfigUnreadable, "the file cannot be read").with_source(err))?;
    let mut file: toml::Table = text.parse().map_err(|err: toml::de::Error| {
        wrong(Code::ConfigInvalid, "the file is not TOML").with_context("reason", err.message().to_owned())
    })?;
    let section = file.remove("mesh").unwrap_or_else(|| toml::Table::new().into());
    let section = serde_json::to_value(section).map_err(unexpected)?;
    read::<MeshConfig>(section.clone())?.check()?;
    Ok(section)
}

/// Reads settings from what Python can write as JSON.
pub(super) fn of_python<T: DeserializeOwned>(object: &Bound<'_, PyAny>) -> Result<T> {
    let py = object.py();
    let written = (|| {
        let options = [("allow_nan", false)].into_py_dict(py)?;
        py.import("json")?.getattr("dumps")?.call((object,), Some(&options))?.extract::<String>()
    })();
    let json = written.map_err(|err: PyErr| {
        // Its words name types, never values.
        Error::new(Code::ConfigInvalid, "the settings hold what JSON cannot say")
            .with_operation("python::mesh")
            .with_context("reason", err.to_string())
    })?;
    let value = serde_json::from_str(&json).map_err(|err| {
        Error::new(Code::ConfigInvalid, "the settings hold what JSON cannot say")
            .with_operation("python::mesh")
            .with_source(err)
    })?;
    read(value)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    // A list would be taken for the fields of a struct in their order.
    if !value.is_object() {
        let refused = Error::new(Code::ConfigInvalid, "settings are a dictionary");
        return Err(refused.with_operation("python::mesh").with_violation("", "is no dictionary"));
    }
    serde_path_to_error::deserialize(value).map_err(|err| {
        Error::new(Code::ConfigInvalid, "a setting is unknown, missing or has the wrong type")
            .with_operation("python::mesh")
            .with_violations([Violation::from_serde(&err)])
    })
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.getattr("loads")?.call1((value.to_string(),))
}

fn unexpected(err: serde_json::Error) -> Error {
    Error::new(Code::Unexpected, "the settings cannot be written").with_source(err)
}
