//! `maily.trust`: the core `trust` for Python.

use std::path::PathBuf;
use std::sync::Arc;

use maily_errors::{Code, Error, Result};
use maily_ledger_log::LogConfig;
use maily_trust::certificate::Key;
use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
use maily_trust::{TrustConfig, Verdict, Verifier};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::OnceCell;

use crate::runtime::Here;
use crate::{errors, runtime};

/// Fills `maily._maily.trust`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Trust>()?;
    module.add_class::<AsyncTrust>()?;
    module.add_function(wrap_pyfunction!(verify, module)?)
}

/// Verifies a message without a log and without a network.
///
/// `key` is the text that `Trust.key` returns. Without it the verdict says that nobody vouches for the key that the
/// proof brings.
#[pyfunction]
#[pyo3(signature = (message, /, *, key=None))]
fn verify<'py>(py: Python<'py>, message: &[u8], key: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
    let pinned = key.map(str::parse::<Key>).transpose().map_err(errors::to_py)?;
    let verifier = pinned.into_iter().fold(Verifier::new(), Verifier::with_key);
    let verdict = py.detach(|| verifier.verify(message)).map_err(errors::to_py)?;
    Json::of(&verdict).map_err(errors::to_py)?.into_pyobject(py)
}

/// A log that certifies messages and verifies them.
///
/// With a `folder` the log and its key are files in it; without one they are in the memory of this object. `name` is
/// the name of the log, which its key carries. A log has one writer, the process of the first call: in a child of a fork
/// the calls raise the code `unsupported`.
#[pyclass(frozen, module = "maily.trust")]
struct Trust(Calls);

/// A log that certifies messages and verifies them. Every method returns an awaitable.
#[pyclass(frozen, module = "maily.trust")]
struct AsyncTrust(Calls);

#[pymethods]
impl Trust {
    #[new]
    #[pyo3(signature = (folder=None, *, name="maily.local/log"))]
    fn new(folder: Option<PathBuf>, name: &str) -> Self {
        Self(Calls::new(folder, name))
    }

    /// Certifies a message: returns it with a `Maily-Proof` header in front.
    #[pyo3(signature = (message, /))]
    fn certify(&self, py: Python<'_>, message: Vec<u8>) -> PyResult<Message> {
        runtime::block_on(py, self.0.clone().certify(message))
    }

    /// Verifies a message of this log: returns `state`, `title`, `parts` and the rest of the verdict.
    #[pyo3(signature = (message, /))]
    fn verify(&self, py: Python<'_>, message: Vec<u8>) -> PyResult<Json> {
        runtime::block_on(py, self.0.clone().verify(message))
    }

    /// Returns the key to pin, as `name+hash+key`.
    fn key(&self, py: Python<'_>) -> PyResult<String> {
        runtime::block_on(py, self.0.clone().key())
    }
}

#[pymethods]
impl AsyncTrust {
    #[new]
    #[pyo3(signature = (folder=None, *, name="maily.local/log"))]
    fn new(folder: Option<PathBuf>, name: &str) -> Self {
        Self(Calls::new(folder, name))
    }

    /// Certifies a message: returns it with a `Maily-Proof` header in front.
    #[pyo3(signature = (message, /))]
    fn certify<'py>(&self, py: Python<'py>, message: Vec<u8>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.clone().certify(message))
    }

    /// Verifies a message of this log: returns `state`, `title`, `parts` and the rest of the verdict.
    #[pyo3(signature = (message, /))]
    fn verify<'py>(&self, py: Python<'py>, message: Vec<u8>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.clone().verify(message))
    }

    /// Returns the key to pin, as `name+hash+key`.
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.clone().key())
    }
}

/// The calls that both classes make. The log is opened by the first one.
#[derive(Clone)]
struct Calls {
    folder: Option<PathBuf>,
    name: Arc<str>,
    opened: Arc<OnceCell<Here<maily_trust::Trust>>>,
}

impl Calls {
    fn new(folder: Option<PathBuf>, name: &str) -> Self {
        Self { folder, name: name.into(), opened: Arc::default() }
    }

    async fn certify(self, message: Vec<u8>) -> Result<Message> {
        self.trust().await?.certify(message).await.map(|certified| Message(certified.message.to_vec()))
    }

    async fn verify(self, message: Vec<u8>) -> Result<Json> {
        Json::of(&self.trust().await?.verify(message).await?)
    }

    async fn key(self) -> Result<String> {
        Ok(self.trust().await?.key().to_string())
    }

    async fn trust(&self) -> Result<&maily_trust::Trust> {
        self.opened.get_or_try_init(async || self.open().await.map(Here::new)).await?.get()
    }

    async fn open(&self) -> Result<maily_trust::Trust> {
        let config = TrustConfig::default();
        let Some(folder) = &self.folder else {
            let signer = Ed25519Signer::generate(&self.name)?;
            return maily_trust::Trust::open(
                config,
                signer,
                MemoryJournal::default(),
                MemoryLedger::default(),
            )
            .await;
        };
        let signer = Ed25519Signer::load_or_create(&folder.join("trust.key"), &self.name)?;
        let ledger = LogConfig::new(folder.join("trust.log")).build()?;
        maily_trust::Trust::open(config, signer, ledger.clone(), ledger).await
    }
}

/// A message, which Python sees as `bytes`.
struct Message(Vec<u8>);

impl<'py> IntoPyObject<'py> for Message {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Ok(PyBytes::new(py, &self.0))
    }
}

/// A value that Python sees as what its JSON says.
struct Json(String);

impl Json {
    fn of(verdict: &Verdict) -> Result<Self> {
        serde_json::to_string(verdict).map(Self).map_err(|err| {
            Error::new(Code::Unexpected, "the verdict has no JSON")
                .with_operation("python::trust")
                .with_source(err)
        })
    }
}

impl<'py> IntoPyObject<'py> for Json {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        py.import("json")?.getattr("loads")?.call1((self.0,))
    }
}
