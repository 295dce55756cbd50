//! The store in memory.
//!
//! Each port that it implements keeps what it needs in one field of [`Parts`], and is implemented beside its topic.

mod shard;
mod values;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;

use self::values::Values;
pub use self::watched::MemoryWatched;
use crate::bus::Channels;
use crate::config::MemoryConfig;
use crate::jobs::Queues;
use crate::limit::memory::Levels;
use crate::lock::memory::Locks;
use crate::model::{Key, Swap};
use crate::port::Store;

/// Values in the memory of this process. Clones share them; nothing survives the process.
///
/// Time is tokio's, so a paused clock works. The store holds at most
/// [`max_values`](MemoryConfig::max_values) values of together at most [`max_bytes`](MemoryConfig::max_bytes): one more
/// is refused, none is thrown out. A value whose time is over is never seen again; its memory is freed by later
/// changes, at most 64 values by each, and at once when the room is needed.
///
/// Values are spread over 64 locks by their key, so that cores rarely wait for each other. A `get` costs about 30 ns.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::{Key, MemoryStore, Store, Swap};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> maily_errors::Result<()> {
/// let store = MemoryStore::default();
/// let key = Key::new("draft")?;
///
/// store.set(&key, "v1".into(), Some(Duration::from_secs(60))).await?;
/// let swap = Swap { expected: Some("v1".into()), value: Some("v2".into()), ttl: None };
/// assert!(store.compare_and_set(&key, swap.clone()).await?);
/// assert!(!store.compare_and_set(&key, swap).await?);
/// assert_eq!(store.get(&key).await?, Some("v2".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStore {
    parts: Arc<Parts>,
}

/// What the store keeps, one field for each port that it implements. Each has locks of its own.
#[derive(Debug)]
pub(crate) struct Parts {
    /// For [`Limits`](crate::Limits).
    pub(crate) limits: Levels,
    /// For [`Leases`](crate::Leases).
    pub(crate) locks: Locks,
    /// For [`Store`].
    pub(crate) values: Values,
    /// For [`Jobs`](crate::jobs::Jobs).
    pub(crate) queues: Queues,
    /// For [`Bus`](crate::bus::Bus).
    pub(crate) channels: Channels,
}

// === impl MemoryStore ===

impl MemoryStore {
    pub(crate) fn new(config: MemoryConfig) -> Self {
        let parts = Parts {
            limits: Levels::new(config.max_values),
            locks: Locks::new(config.max_values),
            queues: Queues::new(config.max_jobs),
            channels: Channels::default(),
            values: Values::new(config),
        };
        Self { parts: Arc::new(parts) }
    }

    /// Returns how many values there are, in O(values whose time is over).
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts().values.len()
    }

    /// Returns whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes the keys and values have together; what keeps them is not counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts().values.bytes()
    }

    /// Returns what the ports keep, for the topic that implements one.
    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(MemoryConfig::default())
    }
}

impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(self.parts().values.get(key))
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.parts().values.set(key, &value, ttl)
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        self.parts().values.compare_and_set(key, &swap)
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.parts().values.increment(key, by, ttl)
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        self.parts().values.expire(key, ttl)
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        Ok(self.parts().values.remove(key))
    }
}
