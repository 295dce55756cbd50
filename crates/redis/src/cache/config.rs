//! Settings, as a configuration file spells them.

use std::time::Duration;

use maily_errors::{Code, Error, IntoContext, Public, Result};
use serde::Deserialize;

use super::Cache;
use super::near::NearStore;
use crate::port::Watch;

/// Settings of what is kept near the caller.
///
/// # Examples
///
/// ```
/// use maily_redis::cache::NearConfig;
///
/// let config: NearConfig = serde_json::from_str(r#"{"max_entries": 1000}"#)?;
/// assert_eq!(config.max_age_ms, 60_000);
/// assert!(serde_json::from_str::<NearConfig>(r#"{"max_age": 1}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NearConfig {
    /// The most entries, absent values included, 1 to 100 000 000; 100 000 unless set. One more throws out one that
    /// is little used.
    pub max_entries: usize,
    /// The most bytes of all entries, 4096 to 1 TiB; 67 108 864 (64 MiB) unless set. A value of more than a
    /// sixteenth of it is not kept near.
    pub max_bytes: usize,
    /// After how long an entry is read again although nothing was heard, in milliseconds, 1 to 86 400 000 (a day);
    /// 60 000 unless set. Nothing depends on it while the server keeps its promises.
    pub max_age_ms: u64,
}

/// Settings of a cache that loads what is missing.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// What is kept near the caller.
    pub near: NearConfig,
    /// How long a value is kept after its time, to be answered when nothing better can be had, in milliseconds, at
    /// most 31 536 000 000 (a year); 600 000 (ten minutes) unless set, 0 for not at all.
    pub stale_ms: u64,
    /// How long the absence of a value is kept, in milliseconds, at most a year; 10 000 unless set. The time to live
    /// of the call is the limit if it is shorter.
    pub absent_ms: u64,
    /// After how long a call is answered with the old value while the load goes on, in milliseconds; 100 unless set.
    pub soft_ms: u64,
    /// After how long a load is given up, in milliseconds, 1 to 600 000; 10 000 unless set.
    pub hard_ms: u64,
    /// How long another process waits for one that loads and has gone silent, in milliseconds, 10 to 60 000; 1000
    /// unless set. A load that takes longer says in time that it goes on.
    pub lease_ms: u64,
    /// After how long a load that failed is tried again while there is an old value, in milliseconds, 1 to 60 000;
    /// 1000 unless set. Each further failure doubles it, up to a minute.
    pub retry_ms: u64,
    /// How early a value is loaded again before its time is over, 0 to 100; 1 unless set. More is earlier, 0 is
    /// never.
    pub beta: f64,
}

impl NearConfig {
    /// Returns the values of `store` with those that are read often kept near.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when a number is out of its range.
    pub fn build<S: Watch>(self, store: &S) -> Result<NearStore<S>> {
        self.check()?;
        Ok(NearStore::new(store, self))
    }

    fn check(self) -> Result<()> {
        within("max_entries", self.max_entries as u64, 1, 100_000_000)?;
        within("max_bytes", self.max_bytes as u64, 4096, 1 << 40)?;
        within("max_age_ms", self.max_age_ms, 1, DAY_MS)
    }
}

impl CacheConfig {
    /// Returns a cache whose values are in `store`, shared with every process that uses the same one.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when a number is out of its range.
    pub fn build<S: Watch + 'static>(self, store: &S) -> Result<Cache<S>> {
        within("stale_ms", self.stale_ms, 0, 365 * DAY_MS)?;
        within("absent_ms", self.absent_ms, 1, 365 * DAY_MS)?;
        within("hard_ms", self.hard_ms, 1, 600_000)?;
        within("soft_ms", self.soft_ms, 0, self.hard_ms)?;
        within("lease_ms", self.lease_ms, 10, 60_000)?;
        within("retry_ms", self.retry_ms, 1, 60_000)?;
        if !(0.0..=100.0).contains(&self.beta) {
            return Err(invalid("beta", self.beta));
        }
        self.near.check()?;
        Ok(Cache::new(store, self))
    }
}

impl Default for NearConfig {
    fn default() -> Self {
        Self { max_entries: 100_000, max_bytes: 64 << 20, max_age_ms: 60_000 }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            near: NearConfig::default(),
            stale_ms: 600_000,
            absent_ms: 10_000,
            soft_ms: 100,
            hard_ms: 10_000,
            lease_ms: 1000,
            retry_ms: 1000,
            beta: 1.0,
        }
    }
}

fn within(key: &'static str, value: u64, least: u64, most: u64) -> Result<()> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(invalid(key, value)) }
}

fn invalid(key: &'static str, value: impl IntoContext) -> Error {
    Error::new(Code::ConfigInvalid, "a number of the cache is out of its range")
        .with_operation("redis::cache")
        .with_context(key, Public(value))
}

pub(super) const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

const DAY_MS: u64 = 24 * 3600 * 1000;
