//! `maily.redis`: the core `redis` for Python.

use std::future::Future;
use std::time::Duration;

use maily_errors::{Code, Error, Result};
use maily_redis::{Key, MemoryStore, StoreReply, StoreRequest, StoreService, Swap};
use maily_store_redis::RedisConfig;
use pyo3::prelude::*;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::{errors, runtime};

/// Fills `maily._maily.redis`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Store>()?;
    module.add_class::<AsyncStore>()
}

/// Values under keys, in memory or on a Redis or Valkey server.
///
/// Without a URL the values are in the memory of this object. With one, each call ends within `timeout` seconds, and
/// the first one connects. A `ttl` is in seconds, from 0.001; `None` is for ever.
#[pyclass(frozen, module = "maily.redis")]
struct Store(Calls);

/// Values under keys, in memory or on a Redis or Valkey server. Every method returns an awaitable.
#[pyclass(frozen, module = "maily.redis")]
struct AsyncStore(Calls);

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (url=None, *, prefix=String::new(), timeout=1.0))]
    fn new(url: Option<String>, prefix: String, timeout: f64) -> PyResult<Self> {
        Calls::new(url, prefix, timeout).map(Self).map_err(errors::to_py)
    }

    /// Returns the value, or `None`.
    #[pyo3(signature = (key, /))]
    fn get(&self, py: Python<'_>, key: String) -> PyResult<Option<Vec<u8>>> {
        runtime::block_on(py, self.0.get(key))
    }

    /// Stores a value; what was there is gone, and its time to live too.
    #[pyo3(signature = (key, value, /, *, ttl=None))]
    fn set(&self, py: Python<'_>, key: String, value: Vec<u8>, ttl: Option<f64>) -> PyResult<()> {
        runtime::block_on(py, self.0.set(key, value, ttl))
    }

    /// Changes the value if it is still the expected one; returns whether it was.
    ///
    /// `None` as `expected` is no value; `None` as `value` removes it.
    #[pyo3(signature = (key, expected, value, /, *, ttl=None))]
    fn compare_and_set(
        &self,
        py: Python<'_>,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<f64>,
    ) -> PyResult<bool> {
        runtime::block_on(py, self.0.compare_and_set(key, expected, value, ttl))
    }

    /// Adds to a counter, which starts at 0, and returns the sum. Only a counter that this creates gets the `ttl`.
    #[pyo3(signature = (key, by=1, /, *, ttl=None))]
    fn increment(&self, py: Python<'_>, key: String, by: i64, ttl: Option<f64>) -> PyResult<i64> {
        runtime::block_on(py, self.0.increment(key, by, ttl))
    }

    /// Gives the value a new time to live; returns whether there is a value.
    #[pyo3(signature = (key, ttl, /))]
    fn expire(&self, py: Python<'_>, key: String, ttl: Option<f64>) -> PyResult<bool> {
        runtime::block_on(py, self.0.expire(key, ttl))
    }

    /// Removes the value; returns whether there was one.
    #[pyo3(signature = (key, /))]
    fn remove(&self, py: Python<'_>, key: String) -> PyResult<bool> {
        runtime::block_on(py, self.0.remove(key))
    }
}

#[pymethods]
impl AsyncStore {
    #[new]
    #[pyo3(signature = (url=None, *, prefix=String::new(), timeout=1.0))]
    fn new(url: Option<String>, prefix: String, timeout: f64) -> PyResult<Self> {
        Calls::new(url, prefix, timeout).map(Self).map_err(errors::to_py)
    }

    /// Returns the value, or `None`.
    #[pyo3(signature = (key, /))]
    fn get<'py>(&self, py: Python<'py>, key: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::drive(py, self.0.get(key))
    }

    /// Stores a value; what was there is gone, and its time to live too.
    #[pyo3(signature = (key, value, /, *, ttl=None))]
    fn set<'py>(
        &self,
        py: Python<'py>,
        key: String,
        value: Vec<u8>,
        ttl: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        runtime::drive(py, self.0.set(key, value, ttl))
    }

    /// Changes the value if it is still the expected one; returns whether it was.
    ///
    /// `None` as `expected` is no value; `None` as `value` removes it.
    #[pyo3(signature = (key, expected, value, /, *, ttl=None))]
    fn compare_and_set<'py>(
        &self,
        py: Python<'py>,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        runtime::drive(py, self.0.compare_and_set(key, expected, value, ttl))
    }

    /// Adds to a counter, which starts at 0, and returns the sum. Only a counter that this creates gets the `ttl`.
    #[pyo3(signature = (key, by=1, /, *, ttl=None))]
    fn increment<'py>(
        &self,
        py: Python<'py>,
        key: String,
        by: i64,
        ttl: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        runtime::drive(py, self.0.increment(key, by, ttl))
    }

    /// Gives the value a new time to live; returns whether there is a value.
    #[pyo3(signature = (key, ttl, /))]
    fn expire<'py>(&self, py: Python<'py>, key: String, ttl: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        runtime::drive(py, self.0.expire(key, ttl))
    }

    /// Removes the value; returns whether there was one.
    #[pyo3(signature = (key, /))]
    fn remove<'py>(&self, py: Python<'py>, key: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::drive(py, self.0.remove(key))
    }
}

/// The calls that both classes make.
struct Calls(BoxCloneSyncService<StoreRequest, StoreReply, Error>);

impl Calls {
    fn new(url: Option<String>, prefix: String, timeout: f64) -> Result<Self> {
        let Some(url) = url else {
            return Ok(Self(BoxCloneSyncService::new(StoreService::new(MemoryStore::default()))));
        };
        let mut config = RedisConfig::new(url);
        config.prefix = prefix;
        let timeout = duration(Some(timeout))?.unwrap_or_default();
        config.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Ok(Self(BoxCloneSyncService::new(StoreService::new(config.build()?))))
    }

    /// Asks the store, once the request could be made.
    fn ask<T>(
        &self,
        request: Result<StoreRequest>,
        read: fn(StoreReply) -> Result<T>,
    ) -> impl Future<Output = Result<T>> + Send + use<T> {
        let store = self.0.clone();
        async move { store.oneshot(request?).await.and_then(read) }
    }

    fn get(&self, key: String) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send + use<> {
        let request = Key::new(key).map(|key| StoreRequest::Get { key });
        self.ask(request, |reply| Ok(reply.into_value()?.map(Into::into)))
    }

    fn set(
        &self,
        key: String,
        value: Vec<u8>,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let request = Key::new(key)
            .and_then(|key| Ok(StoreRequest::Set { key, value: value.into(), ttl: duration(ttl)? }));
        self.ask(request, |reply| reply.into_done().map(drop))
    }

    fn compare_and_set(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<bool>> + Send + use<> {
        let request = Key::new(key).and_then(|key| {
            let swap = Swap {
                expected: expected.map(Into::into),
                value: value.map(Into::into),
                ttl: duration(ttl)?,
            };
            Ok(StoreRequest::CompareAndSet { key, swap })
        });
        self.ask(request, StoreReply::into_done)
    }

    fn increment(
        &self,
        key: String,
        by: i64,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<i64>> + Send + use<> {
        let request =
            Key::new(key).and_then(|key| Ok(StoreRequest::Increment { key, by, ttl: duration(ttl)? }));
        self.ask(request, StoreReply::into_count)
    }

    fn expire(&self, key: String, ttl: Option<f64>) -> impl Future<Output = Result<bool>> + Send + use<> {
        let request = Key::new(key).and_then(|key| Ok(StoreRequest::Expire { key, ttl: duration(ttl)? }));
        self.ask(request, StoreReply::into_done)
    }

    fn remove(&self, key: String) -> impl Future<Output = Result<bool>> + Send + use<> {
        self.ask(Key::new(key).map(|key| StoreRequest::Remove { key }), StoreReply::into_done)
    }
}

fn duration(seconds: Option<f64>) -> Result<Option<Duration>> {
    seconds.map(Duration::try_from_secs_f64).transpose().map_err(|err| {
        Error::new(Code::Invalid, "the time is not a number of seconds from 0")
            .with_operation("python::redis")
            .with_source(err)
    })
}
