//! What crosses between Python and Rust: bytes, functions and times.

use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::runtime::Callback;

/// Bytes; from Python also a text, which is its UTF-8.
#[derive(Clone)]
pub(super) struct Blob(pub(super) Bytes);

impl<'py> FromPyObject<'_, 'py> for Blob {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast::<PyString>() {
            // `to_str` needs Python 3.10, the oldest that is served.
            return Ok(Self(Bytes::copy_from_slice(text.to_str()?.as_bytes())));
        }
        Ok(Self(Bytes::copy_from_slice(object.cast::<PyBytes>()?.as_bytes())))
    }
}

impl<'py> IntoPyObject<'py> for Blob {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> std::result::Result<Self::Output, Self::Error> {
        Ok(PyBytes::new(py, &self.0))
    }
}

/// A function of the caller.
pub(super) struct Function(pub(super) Callback);

impl<'py> FromPyObject<'_, 'py> for Function {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Callback::new(object.to_owned()).map(Self)
    }
}

/// Reads a number of seconds.
pub(super) fn duration(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|err| {
        Error::new(Code::Invalid, "the time is not a number of seconds from 0")
            .with_operation("python::redis")
            .with_source(err)
    })
}

/// Reads a number of seconds in whole milliseconds.
pub(super) fn milliseconds(seconds: f64) -> Result<u64> {
    Ok(u64::try_from(duration(seconds)?.as_millis()).unwrap_or(u64::MAX))
}

/// Returns whether the block of a context manager raised, by what its end is told.
pub(crate) fn failed(raised: &Bound<'_, PyTuple>) -> PyResult<bool> {
    Ok(!raised.is_empty() && !raised.get_item(0)?.is_none())
}
