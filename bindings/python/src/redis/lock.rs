//! `Lock`, `FencedStore`, `EfficiencyLock`, their guards and their twins.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use maily_errors::Result;
use maily_redis::Key;
use maily_redis::lock::{
    EfficiencyGuard as CoreSaved, EfficiencyLock as CoreEfficiency, FencedStore as CoreFenced,
    Guard as CoreGuard, Lock as CoreLock, Token,
};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::any::AnyStore;
use super::store::Stores;
use super::values::{Blob, duration, failed};
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Lock>()?;
    module.add_class::<AsyncLock>()?;
    module.add_class::<Guard>()?;
    module.add_class::<AsyncGuard>()?;
    module.add_class::<EfficiencyLock>()?;
    module.add_class::<AsyncEfficiencyLock>()?;
    module.add_class::<EfficiencyGuard>()?;
    module.add_class::<AsyncEfficiencyGuard>()?;
    module.add_class::<FencedStore>()?;
    module.add_class::<AsyncFencedStore>()
}

twins! {
    "maily.redis", Locks;

    /// Locks over many processes, each granted with a token greater than all before.
    ///
    /// No lock with a time limit excludes by itself: give the token to the resource, which refuses smaller ones.
    /// `poll` is how many seconds a waiter waits between two tries on average.
    sync Lock {}

    /// Locks over many processes, each granted with a token greater than all before. Methods return awaitables.
    async AsyncLock {}

    both {
        #[new]
        #[pyo3(signature = (store, /, *, poll=0.02))]
        fn new(store: Stores, poll: f64) -> PyResult<Self> {
            let poll = duration(poll).map_err(errors::to_py)?;
            Ok(Self(Locks(CoreLock::new(store.into_any()).with_poll(poll))))
        }
    }

    /// Takes the lock for `ttl` seconds at a time, renewed in the background until the guard is released or dropped.
    ///
    /// Waits for at most `wait` seconds; with 0 it tries once. Raises the code `redis-lock-busy`.
    (name, /, *, ttl, wait=0.0) fn acquire(name: Blob, ttl: f64, wait: f64) -> Guard | AsyncGuard;
}

/// What both classes hold.
pub(super) struct Locks(CoreLock<AnyStore>);

impl Locks {
    fn acquire(&self, name: Blob, ttl: f64, wait: f64) -> impl Future<Output = Result<Held>> + Send + use<> {
        let lock = self.0.clone();
        async move {
            let guard = lock.acquire(&Key::new(name.0)?, duration(ttl)?, duration(wait)?).await?;
            Ok(Held { token: guard.token(), guard: Mutex::new(Some(guard)) })
        }
    }
}

twins! {
    "maily.redis", Held;

    /// A lock that is held. A context manager: it is released when the block ends.
    sync Guard {
        fn __enter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        /// Releases the lock. One that was lost raises, unless the block raised already.
        #[pyo3(signature = (*raised))]
        fn __exit__(&self, py: Python<'_>, raised: &Bound<'_, PyTuple>) -> PyResult<bool> {
            let released = runtime::block_on(py, self.0.release());
            if failed(raised)? { Ok(false) } else { released.map(|()| false) }
        }
    }

    /// A lock that is held. An asynchronous context manager: it is released when the block ends.
    async AsyncGuard {
        fn __aenter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
            runtime::drive(py, async move { Ok(slf) })
        }

        /// Releases the lock. One that was lost raises, unless the block raised already.
        #[pyo3(signature = (*raised))]
        fn __aexit__<'py>(&self, py: Python<'py>, raised: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
            let (release, failed) = (self.0.release(), failed(raised)?);
            runtime::drive(py, async move {
                let released = release.await;
                if failed { Ok(false) } else { released.map(|()| false) }
            })
        }
    }

    both {
        /// The number that the resource compares: greater than that of every holder before.
        #[getter]
        fn token(&self) -> u128 {
            self.0.token.to_u128()
        }

        /// Whether the lease is certain to last at this moment. Costs no round trip, and is no promise.
        #[getter]
        fn held(&self) -> bool {
            self.0.is_held()
        }
    }

    /// Gives the lock back, once. Raises the code `redis-lease-lost` if it was lost before.
    () fn release() -> ();

    /// Waits until the lock is lost or released. The loss is told within a third of the time to live.
    () fn lost() -> ();
}

/// A guard until it is released.
pub(super) struct Held {
    token: Token,
    guard: Mutex<Option<CoreGuard>>,
}

impl Held {
    fn is_held(&self) -> bool {
        self.guard().as_ref().is_some_and(CoreGuard::is_held)
    }

    fn release(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let guard = self.guard().take();
        async move {
            match guard {
                Some(guard) => guard.release().await,
                None => Ok(()),
            }
        }
    }

    fn lost(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let lost = self.guard().as_ref().map(CoreGuard::lost);
        async move {
            if let Some(lost) = lost {
                lost.await;
            }
            Ok(())
        }
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, Option<CoreGuard>> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

twins! {
    "maily.redis", Fenced;

    /// Values that are written with the token of a lock: a smaller one than before is refused.
    sync FencedStore {}

    /// Values that are written with the token of a lock. Methods return awaitables.
    async AsyncFencedStore {}

    both {
        #[new]
        #[pyo3(signature = (store, /))]
        fn new(store: Stores) -> Self {
            Self(Fenced(Arc::new(CoreFenced::new(store.into_any()))))
        }
    }

    /// Returns the token of the last write and the value, or `None`.
    (key, /) fn get(key: Blob) -> Option<(u128, Blob)>;

    /// Stores a value. Raises the code `redis-token-stale` when a greater token wrote or was admitted before.
    (key, token, value, /) fn set(key: Blob, token: u128, value: Blob) -> ();

    /// Refuses every smaller token from now on, without changing the value.
    (key, token, /) fn admit(key: Blob, token: u128) -> ();
}

/// What both classes hold.
pub(super) struct Fenced(Arc<CoreFenced<AnyStore>>);

impl Fenced {
    fn get(&self, key: Blob) -> impl Future<Output = Result<Option<(u128, Blob)>>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move {
            let found = store.get(&Key::new(key.0)?).await?;
            Ok(found.map(|(token, value)| (token.to_u128(), Blob(value))))
        }
    }

    fn set(&self, key: Blob, token: u128, value: Blob) -> impl Future<Output = Result<()>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.set(&Key::new(key.0)?, Token::from_u128(token), value.0).await }
    }

    fn admit(&self, key: Blob, token: u128) -> impl Future<Output = Result<()>> + Send + use<> {
        let store = Arc::clone(&self.0);
        async move { store.admit(&Key::new(key.0)?, Token::from_u128(token)).await }
    }
}

twins! {
    "maily.redis", Efficiency;

    /// A lock that saves work and protects nothing: **two may hold it at the same time**.
    ///
    /// A failover can forget it, and nobody tells the holder when it ends. Take it where twice now and then does no harm,
    /// and a `Lock` with its token elsewhere.
    sync EfficiencyLock {}

    /// A lock that saves work and protects nothing: **two may hold it at the same time**. Methods return awaitables.
    async AsyncEfficiencyLock {}

    both {
        #[new]
        #[pyo3(signature = (store, /))]
        fn new(store: Stores) -> Self {
            Self(Efficiency(CoreEfficiency::new(store.into_any())))
        }
    }

    /// Takes the lock for `ttl` seconds; `None` if somebody has it. It ends by itself, or when the guard is released.
    (name, /, *, ttl) fn try_acquire(name: Blob, ttl: f64) -> Option<EfficiencyGuard>
        | Option<AsyncEfficiencyGuard>;
}

/// What both classes hold.
pub(super) struct Efficiency(CoreEfficiency<AnyStore>);

impl Efficiency {
    fn try_acquire(&self, name: Blob, ttl: f64) -> impl Future<Output = Result<Taken>> + Send + use<> {
        let lock = self.0.clone();
        async move {
            let taken = lock.try_acquire(&Key::new(name.0)?, duration(ttl)?).await?;
            Ok(Taken(taken.map(|guard| Saved(Mutex::new(Some(guard))))))
        }
    }
}

/// A lock that was taken, or not.
pub(super) struct Taken(Option<Saved>);

impl From<Taken> for Option<EfficiencyGuard> {
    fn from(taken: Taken) -> Self {
        taken.0.map(EfficiencyGuard)
    }
}

impl From<Taken> for Option<AsyncEfficiencyGuard> {
    fn from(taken: Taken) -> Self {
        taken.0.map(AsyncEfficiencyGuard)
    }
}

twins! {
    "maily.redis", Saved;

    /// An `EfficiencyLock` that was taken. Dropping it leaves the lock until its time is over.
    sync EfficiencyGuard {}

    /// An `AsyncEfficiencyLock` that was taken. Dropping it leaves the lock until its time is over.
    async AsyncEfficiencyGuard {}

    both {}

    /// Gives the lock back before its time, once; returns whether it was still ours.
    () fn release() -> bool;
}

/// An efficiency guard until it is released.
pub(super) struct Saved(Mutex<Option<CoreSaved<AnyStore>>>);

impl Saved {
    fn release(&self) -> impl Future<Output = Result<bool>> + Send + use<> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            match guard {
                Some(guard) => guard.release().await,
                None => Ok(false),
            }
        }
    }
}
