//! `Cache` and its twin.

use std::future::Future;
use std::sync::Arc;

use maily_errors::Result;
use maily_redis::Key;
use maily_redis::cache::{Cache as CoreCache, CacheConfig};
use pyo3::prelude::*;

use super::any::AnyStore;
use super::store::Stores;
use super::values::{Blob, Function, duration, milliseconds};
use crate::runtime::Here;
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Cache>()?;
    module.add_class::<AsyncCache>()?;
    module.add_class::<Cached>()
}

twins! {
    "maily.redis", Values;

    /// Values that are read from this process while nobody changes them, and loaded once for all who wait.
    ///
    /// Seconds: a value is kept `stale` after its time, absence is kept for `absent`, a call is answered with the old
    /// value after `soft` and given up after `hard`. `max_entries` and `max_bytes` bound what is near. A child of a fork
    /// does not hear the changes: there it raises the code `unsupported`.
    sync Cache {}

    /// Values that are read from this process while nobody changes them. Methods return awaitables.
    async AsyncCache {}

    both {
        #[new]
        #[pyo3(signature = (store, /, *, stale=600.0, absent=10.0, soft=0.1, hard=10.0, max_entries=100_000, max_bytes=67_108_864))]
        fn new(
            store: Stores,
            stale: f64,
            absent: f64,
            soft: f64,
            hard: f64,
            max_entries: usize,
            max_bytes: usize,
        ) -> PyResult<Self> {
            // The cache listens from its beginning, which takes the runtime.
            let _context = runtime::enter()?;
            let build = || {
                let mut config = CacheConfig::default();
                config.stale_ms = milliseconds(stale)?;
                config.absent_ms = milliseconds(absent)?;
                config.soft_ms = milliseconds(soft)?;
                config.hard_ms = milliseconds(hard)?;
                config.near.max_entries = max_entries;
                config.near.max_bytes = max_bytes;
                let store = store.into_any();
                store.check()?;
                Ok(Self(Values(Arc::new(Here::new(config.build(&store)?)))))
            };
            build().map_err(errors::to_py)
        }

        /// Whether changes are heard. While they are not, every read goes to the store.
        #[getter]
        fn listening(&self) -> bool {
            self.0.0.get().is_ok_and(|cache| cache.state().listening)
        }
    }

    /// Returns the value, and calls `load` if there is none whose time is not over.
    ///
    /// `load` takes nothing and returns `bytes`, `str` or `None`; in an event loop it may be a coroutine function.
    /// However many callers wait, in however many processes, one of them loads. What it raises is raised here, unless
    /// there is an old value.
    (key, ttl, load, /) fn get_or_load(key: Blob, ttl: f64, load: Function) -> Cached;

    /// Returns the value, or `None`.
    (key, /) fn get(key: Blob) -> Option<Blob>;

    /// Stores a value for `ttl` seconds.
    (key, value, ttl, /) fn set(key: Blob, value: Blob, ttl: f64) -> ();

    /// Removes the value, everywhere; returns whether there was one.
    (key, /) fn remove(key: Blob) -> bool;
}

/// What a cache answers.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct Cached {
    /// The value, or `None`.
    value: Option<Blob>,
    /// Whether its time is over, and nothing better could be had in time.
    stale: bool,
}

/// What both classes hold.
pub(super) struct Values(Arc<Here<CoreCache<AnyStore>>>);

impl Values {
    fn get_or_load(
        &self,
        key: Blob,
        ttl: f64,
        load: Function,
    ) -> impl Future<Output = Result<Cached>> + Send + use<> {
        let cache = Arc::clone(&self.0);
        async move {
            let loaded = move || async move {
                load.0.call::<_, Option<Blob>>(()).await.map(|value| value.map(|blob| blob.0))
            };
            let cached = cache.get()?.get_or_load(&Key::new(key.0)?, duration(ttl)?, loaded).await?;
            Ok(Cached { stale: cached.is_stale(), value: cached.into_value().map(Blob) })
        }
    }

    fn get(&self, key: Blob) -> impl Future<Output = Result<Option<Blob>>> + Send + use<> {
        let cache = Arc::clone(&self.0);
        async move { Ok(cache.get()?.get(&Key::new(key.0)?).await?.map(Blob)) }
    }

    fn set(&self, key: Blob, value: Blob, ttl: f64) -> impl Future<Output = Result<()>> + Send + use<> {
        let cache = Arc::clone(&self.0);
        async move { cache.get()?.set(&Key::new(key.0)?, value.0, duration(ttl)?).await }
    }

    fn remove(&self, key: Blob) -> impl Future<Output = Result<bool>> + Send + use<> {
        let cache = Arc::clone(&self.0);
        async move { cache.get()?.remove(&Key::new(key.0)?).await }
    }
}
