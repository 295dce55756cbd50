use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;

use super::lease::{self, Owner};
use crate::model::{Key, Swap};
use crate::port::Store;

/// A lock that saves work and protects nothing: **two may hold it at the same time**.
///
/// It is the well-known `SET NX`: a value with a time to live, which a failover can forget, whose end the holder is
/// not told, and which has no fencing token. Take it to keep ten machines from warming one cache, or from sending a
/// reminder ten times when twice now and then does no harm. Else take [`Lock`](super::Lock).
///
/// One round trip to take it, one to give it back; nothing runs in the background.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::lock::EfficiencyLock;
/// use maily_redis::{Key, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> maily_errors::Result<()> {
/// let lock = EfficiencyLock::new(MemoryStore::default());
/// let name = Key::new("nightly-report")?;
///
/// // Once an hour is enough: who takes it keeps it until its time is over.
/// assert!(lock.try_acquire(&name, Duration::from_secs(3600)).await?.is_some());
/// assert!(lock.try_acquire(&name, Duration::from_secs(3600)).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EfficiencyLock<S> {
    store: S,
}

/// An [`EfficiencyLock`] that was taken. Dropping it leaves the lock until its time to live is over.
pub struct EfficiencyGuard<S> {
    store: S,
    key: Key,
    mark: Bytes,
}

impl<S> fmt::Debug for EfficiencyGuard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who knows its mark could release it.
        f.debug_struct("EfficiencyGuard").finish_non_exhaustive()
    }
}

// === impl EfficiencyLock ===

impl<S: Store> EfficiencyLock<S> {
    /// Creates the locks of a store. Their names are keys of the store.
    pub const fn new(store: S) -> Self {
        Self { store }
    }

    /// Takes the lock for `ttl`, unless somebody has it.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`](maily_errors::Code::Invalid) when `ttl` is not from [`MIN_LEASE`](super::MIN_LEASE) to
    ///   [`MAX_LEASE`](super::MAX_LEASE).
    /// - What the store says. After a timeout the lock may be taken, by nobody, until `ttl` is over.
    pub async fn try_acquire(&self, name: &Key, ttl: Duration) -> Result<Option<EfficiencyGuard<S>>> {
        let ttl = lease::checked("redis::efficiency_lock", ttl)?;
        let mark = Owner::random().to_bytes();
        let swap = Swap { expected: None, value: Some(mark.clone()), ttl: Some(ttl) };
        let taken = self.store.compare_and_set(name, swap).await?;
        Ok(taken.then(|| EfficiencyGuard { store: self.store.clone(), key: name.clone(), mark }))
    }
}

// === impl EfficiencyGuard ===

impl<S: Store> EfficiencyGuard<S> {
    /// Gives the lock back before its time; returns whether it was still ours.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn release(self) -> Result<bool> {
        let swap = Swap { expected: Some(self.mark), value: None, ttl: None };
        self.store.compare_and_set(&self.key, swap).await
    }
}
