//! Settings, as a configuration file spells them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use serde::Deserialize;

use crate::memory::{MemoryStore, Restored};
use crate::model::MAX_KEY_BYTES;
use crate::port::{Journal, Transport};
use crate::server::ServerStore;

/// Settings of a store in memory.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// The most values at one time; 1 000 000 unless set. One more is refused, none is thrown out.
    pub max_values: usize,
    /// The most bytes of all keys and values together; 1 073 741 824 (1 GiB) unless set. One more is refused.
    pub max_bytes: usize,
    /// The most jobs in one queue, and the most idempotency keys of one; 1 000 000 unless set. One more is refused.
    pub max_jobs: usize,
}

impl MemoryConfig {
    /// Returns an empty store with these settings.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore::empty(self)
    }

    /// Returns a store whose jobs, locks and limits go on where the rows of a journal end, and are written to it from
    /// then on. Each of their methods answers when its rows are written.
    ///
    /// Time goes on by the clock of the system, and stands still if that was set back: what was to end at some time ends
    /// then, not before. If it was set forward, things end earlier by as much; tokens of locks grow in any case. A limit
    /// allows up to a second of its rate less after a crash, never more. A worker that has no job, who waits for a lock,
    /// and who listens to a channel are not written down: they end with the process. Neither are the values of
    /// [`Store`](crate::Store): whoever has a place for rows keeps them better there, without all of them in memory.
    ///
    /// # Errors
    ///
    /// [`Code::RedisDiskCorrupt`] when a row is not one of a store, or one is missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use std::sync::{Arc, Mutex};
    ///
    /// use bytes::Bytes;
    /// use futures_util::future::{BoxFuture, ready};
    /// use maily_redis::jobs::{Jobs, NewJob, Queue};
    /// use maily_redis::{Journal, MemoryConfig, Row};
    ///
    /// /// A journal that outlives a store, though not the process.
    /// #[derive(Clone, Debug, Default)]
    /// struct Rows(Arc<Mutex<BTreeMap<Bytes, Bytes>>>);
    ///
    /// impl Journal for Rows {
    ///     fn write(&self, rows: Vec<Row>) -> BoxFuture<'static, maily_errors::Result<()>> {
    ///         let mut map = self.0.lock().unwrap();
    ///         for Row { key, value } in rows {
    ///             match value {
    ///                 Some(value) => map.insert(key, value),
    ///                 None => map.remove(&key),
    ///             };
    ///         }
    ///         Box::pin(ready(Ok(())))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> maily_errors::Result<()> {
    /// let (rows, queue) = (Rows::default(), Queue::new("mails")?);
    /// let store = MemoryConfig::default().restore([], Arc::new(rows.clone()))?;
    /// store.append(&queue, NewJob::new("to ada")).await?;
    /// drop(store);
    ///
    /// let written = rows.0.lock().unwrap().clone();
    /// let store = MemoryConfig::default().restore(written, Arc::new(rows))?;
    /// assert_eq!(store.stats(&queue).await?.waiting, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn restore(
        self,
        rows: impl IntoIterator<Item = (Bytes, Bytes)>,
        journal: Arc<dyn Journal>,
    ) -> Result<MemoryStore> {
        MemoryStore::new(self, Some(journal), &Restored::read(rows)?)
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { max_values: 1_000_000, max_bytes: 1 << 30, max_jobs: 1_000_000 }
    }
}

/// Settings of a store on a server.
///
/// # Examples
///
/// ```
/// use maily_redis::StoreConfig;
///
/// let config: StoreConfig = serde_json::from_str(r#"{"prefix": "maily:", "timeout_ms": 250}"#)?;
/// assert_eq!(config.prefix, "maily:");
/// assert!(serde_json::from_str::<StoreConfig>(r#"{"timeout": 250}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreConfig {
    /// What every key on the server begins with, so that several programs share it; empty unless set.
    pub prefix: String,
    /// How long one operation may take, in milliseconds, 1 to 60 000; 1000 unless set.
    pub timeout_ms: u64,
}

impl StoreConfig {
    /// Returns a store on the server behind `transport`.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the timeout is out of its range or the prefix leaves no room in a key.
    pub fn build<T: Transport>(&self, transport: T) -> Result<ServerStore<T>> {
        let invalid = |message, key, value: u64| {
            Err(Error::new(Code::ConfigInvalid, message)
                .with_operation("redis::config")
                .with_context(key, Public(value)))
        };
        if !(1..=60_000).contains(&self.timeout_ms) {
            return invalid("the timeout is not between 1 and 60 000 ms", "timeout_ms", self.timeout_ms);
        }
        if self.prefix.len() > MAX_KEY_BYTES / 2 {
            return invalid("the prefix is over 512 bytes", "bytes", self.prefix.len() as u64);
        }
        Ok(ServerStore::new(transport, &self.prefix, Duration::from_millis(self.timeout_ms)))
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { prefix: String::new(), timeout_ms: 1000 }
    }
}
