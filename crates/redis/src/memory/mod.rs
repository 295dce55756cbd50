//! The store in memory.
//!
//! Each port that it implements keeps what it needs in one field of [`Ports`], and is implemented beside its topic.

mod clock;
mod log;
mod row;
mod shard;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod values;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;

pub(crate) use self::clock::{Clock, Moment};
pub(crate) use self::log::{JOB, LIMIT, LOCK, Log, Notes, Restored, Shared, Written, key as row_key};
pub(crate) use self::row::{Parts, damaged, short};
pub(crate) use self::sweep::Sweep;
use self::values::Values;
pub use self::watched::MemoryWatched;
use crate::bus::Channels;
use crate::config::MemoryConfig;
use crate::jobs::Queues;
use crate::limit::memory::Levels;
use crate::lock::memory::Locks;
use crate::model::{Key, Swap};
use crate::port::{Journal, Store};

/// Values in the memory of this process. Clones share them; nothing survives the process, unless it was made with
/// [`MemoryConfig::restore`].
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
    parts: Arc<Ports>,
}

/// What the store keeps, one field for each port that it implements. Each has locks of its own.
#[derive(Debug)]
pub(crate) struct Ports {
    /// The time of what is written down.
    pub(crate) clock: Clock,
    /// Where jobs, locks and limits are written down.
    pub(crate) log: Log,
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
    pub(crate) fn empty(config: MemoryConfig) -> Self {
        Self::new(config, None, &Restored::default()).expect("only rows can be damaged, and there are none")
    }

    /// Creates a store that goes on where the rows of its journal end.
    pub(crate) fn new(
        config: MemoryConfig,
        journal: Option<Arc<dyn Journal>>,
        restored: &Restored,
    ) -> Result<Self> {
        let log = Log::new(journal, restored.last);
        let parts = Ports {
            clock: Clock::from(restored.last),
            limits: Levels::new(config.max_values, &log, restored)?,
            locks: Locks::new(config.max_values, &log, restored)?,
            queues: Queues::new(config.max_jobs, &log, restored)?,
            channels: Channels::default(),
            values: Values::new(config),
            log,
        };
        Ok(Self { parts: Arc::new(parts) })
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
    pub(crate) fn parts(&self) -> &Ports {
        &self.parts
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryConfig::default().build()
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
