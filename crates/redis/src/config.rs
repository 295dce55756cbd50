//! Settings, as a configuration file spells them.

use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use serde::Deserialize;

use crate::memory::MemoryStore;
use crate::model::MAX_KEY_BYTES;
use crate::port::Transport;
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
        MemoryStore::new(self)
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
