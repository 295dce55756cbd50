//! `Store` and `AsyncStore`.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use maily_errors::{Code, Error, Result};
use maily_redis::{Key, MemoryStore, Store as _, Swap};
use maily_store_redb::RedbConfig;
use maily_store_redis::RedisConfig;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::any::AnyStore;
use super::values::{Blob, duration, failed, milliseconds};
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Store>()?;
    module.add_class::<AsyncStore>()
}

twins! {
    "maily.redis", Values;

    /// Values under keys, in memory, in a file, or on a Redis or Valkey server.
    ///
    /// Without `url` and `path` the values are in the memory of this object. With a URL, each call ends within `timeout`
    /// seconds, and the first one connects. With a path, the file is opened here, and made if there is none: values,
    /// jobs, locks and limits outlive the process, and a call ends when its change is on the disk. One process at a time
    /// has it open, until `close` or the end of a `with` block. Keys and values are `bytes`, or `str` as UTF-8; what is read is `bytes`. A `ttl` is
    /// in seconds, from 0.001; `None` is for ever.
    ///
    /// After a fork the child reaches a server over connections of its own. A file is the parent's: what the child asks of it
    /// raises the code `unsupported`.
    sync Store {
        fn __enter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        /// Closes the store.
        #[pyo3(signature = (*raised))]
        fn __exit__(&self, py: Python<'_>, raised: &Bound<'_, PyTuple>) -> PyResult<bool> {
            let closed = runtime::block_on(py, self.0.close());
            if failed(raised)? { Ok(false) } else { closed.map(|()| false) }
        }
    }

    /// Values under keys, in memory, in a file, or on a Redis or Valkey server. Every method returns an awaitable.
    async AsyncStore {
        fn __aenter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
            runtime::drive(py, async move { Ok(slf) })
        }

        /// Closes the store.
        #[pyo3(signature = (*raised))]
        fn __aexit__<'py>(&self, py: Python<'py>, raised: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
            let (close, failed) = (self.0.close(), failed(raised)?);
            runtime::drive(py, async move {
                let closed = close.await;
                if failed { Ok(false) } else { closed.map(|()| false) }
            })
        }
    }

    both {
        #[new]
        #[pyo3(signature = (url=None, *, path=None, prefix=String::new(), timeout=1.0, connect_timeout=5.0, silence=2.0, ca_file=None))]
        #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
        fn new(
            py: Python<'_>,
            url: Option<String>,
            path: Option<PathBuf>,
            prefix: String,
            timeout: f64,
            connect_timeout: f64,
            silence: f64,
            ca_file: Option<String>,
        ) -> PyResult<Self> {
            let server = |url| {
                let mut config = RedisConfig::new(url);
                config.prefix = prefix;
                config.timeout_ms = milliseconds(timeout)?;
                config.connect_timeout_ms = milliseconds(connect_timeout)?;
                config.silence_ms = milliseconds(silence)?;
                config.ca_file = ca_file;
                AnyStore::server(config)
            };
            let store = match (url, path) {
                (None, None) => Ok(AnyStore::Memory(MemoryStore::default())),
                (None, Some(path)) => {
                    runtime::block_on(py, async { RedbConfig::new(path).store().await.map(AnyStore::file) })
                }
                (Some(url), None) => server(url).map_err(errors::to_py),
                (Some(_), Some(_)) => {
                    let both = Error::new(Code::Invalid, "a store is in a file or on a server, not both");
                    Err(errors::to_py(both.with_operation("python::redis")))
                }
            };
            store.map(|store| Self(Values(Arc::new(store))))
        }
    }

    /// Returns the value, or `None`.
    (key, /) fn get(key: Blob) -> Option<Blob>;

    /// Stores a value; what was there is gone, and its time to live too.
    (key, value, /, *, ttl=None) fn set(key: Blob, value: Blob, ttl: Option<f64>) -> ();

    /// Changes the value if it is still the expected one; returns whether it was.
    ///
    /// `None` as `expected` is no value; `None` as `value` removes it.
    (key, expected, value, /, *, ttl=None)
    fn compare_and_set(key: Blob, expected: Option<Blob>, value: Option<Blob>, ttl: Option<f64>) -> bool;

    /// Adds to a counter, which starts at 0, and returns the sum. Only a counter that this creates gets the `ttl`.
    (key, by=1, /, *, ttl=None) fn increment(key: Blob, by: i64, ttl: Option<f64>) -> i64;

    /// Gives the value a new time to live; returns whether there is a value.
    (key, ttl, /) fn expire(key: Blob, ttl: Option<f64>) -> bool;

    /// Removes the value; returns whether there was one.
    (key, /) fn remove(key: Blob) -> bool;

    /// Closes the file when what is being written is in it, so that it can be opened again at once. Every later call, and
    /// every one of what was built on the store, raises the code `redis-disk-closed`; closing it again is harmless.
    ///
    /// A store in memory or on a server has nothing to close, and goes on.
    () fn close() -> ();
}

/// A store of either class: what is built on one shares its connections.
pub(crate) struct Stores(Arc<AnyStore>);

impl Stores {
    pub(crate) fn into_any(self) -> AnyStore {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<'py> FromPyObject<'_, 'py> for Stores {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let values = match object.cast::<AsyncStore>() {
            Ok(store) => &store.get().0,
            Err(_) => &object.cast::<Store>()?.get().0,
        };
        Ok(Self(Arc::clone(&values.0)))
    }
}

/// What both classes hold.
pub(super) struct Values(Arc<AnyStore>);

impl Values {
    fn get(&self, key: Blob) -> impl Future<Output = Result<Option<Blob>>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { Ok(store.get(&Key::new(key.0)?).await?.map(Blob)) }
    }

    fn set(
        &self,
        key: Blob,
        value: Blob,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.set(&Key::new(key.0)?, value.0, ttl.map(duration).transpose()?).await }
    }

    fn compare_and_set(
        &self,
        key: Blob,
        expected: Option<Blob>,
        value: Option<Blob>,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<bool>> + Send + use<> {
        let store = Arc::clone(&self.0);
        let bytes = |blob: Option<Blob>| blob.map(|blob| blob.0);
        async move {
            let ttl = ttl.map(duration).transpose()?;
            let swap = Swap { expected: bytes(expected), value: bytes(value), ttl };
            store.compare_and_set(&Key::new(key.0)?, swap).await
        }
    }

    fn increment(
        &self,
        key: Blob,
        by: i64,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<i64>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.increment(&Key::new(key.0)?, by, ttl.map(duration).transpose()?).await }
    }

    fn expire(&self, key: Blob, ttl: Option<f64>) -> impl Future<Output = Result<bool>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.expire(&Key::new(key.0)?, ttl.map(duration).transpose()?).await }
    }

    fn remove(&self, key: Blob) -> impl Future<Output = Result<bool>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.remove(&Key::new(key.0)?).await }
    }

    fn close(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.close().await }
    }
}
