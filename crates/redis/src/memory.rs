//! The store in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::MemoryConfig;
use crate::model::{self, Key, MAX_VALUE_BYTES, Swap};
use crate::port::Store;

/// Values in the memory of this process. Clones share them; nothing survives the process.
///
/// Time is tokio's, so a paused clock works. A value whose time is over costs memory until the next change of any
/// value: each change also frees what is over.
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
    values: Arc<Mutex<Values>>,
}

#[derive(Debug)]
struct Values {
    by_key: HashMap<Key, Entry>,
    /// What ends, by when.
    ends: BTreeSet<(Instant, Key)>,
    limit: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    ends: Option<Instant>,
}

// === impl MemoryStore ===

impl MemoryStore {
    pub(crate) fn new(config: MemoryConfig) -> Self {
        let values = Values { by_key: HashMap::new(), ends: BTreeSet::new(), limit: config.max_values };
        Self { values: Arc::new(Mutex::new(values)) }
    }

    /// Returns how many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut values = self.values.lock();
        values.free();
        values.by_key.len()
    }

    /// Returns whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs a change with what is over already gone.
    fn change<T>(&self, change: impl FnOnce(&mut Values) -> T) -> T {
        let mut values = self.values.lock();
        values.free();
        change(&mut values)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(MemoryConfig::default())
    }
}

impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let values = self.values.lock();
        let entry =
            values.by_key.get(key).filter(|entry| entry.ends.is_none_or(|ends| ends > Instant::now()));
        Ok(entry.map(|entry| entry.value.clone()))
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        model::at_most("redis::set", value.len(), MAX_VALUE_BYTES)?;
        let ends = ends("redis::set", ttl)?;
        self.change(|values| values.insert(key, value, ends))
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        let bytes = swap.value.as_ref().map_or(0, Bytes::len);
        model::at_most("redis::compare_and_set", bytes, MAX_VALUE_BYTES)?;
        let ends = ends("redis::compare_and_set", swap.ttl)?;
        self.change(|values| {
            if values.by_key.get(key).map(|entry| &entry.value) != swap.expected.as_ref() {
                return Ok(false);
            }
            match swap.value {
                Some(value) => values.insert(key, value, ends)?,
                None => drop(values.remove(key)),
            }
            Ok(true)
        })
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let ends = ends("redis::increment", ttl)?;
        self.change(|values| {
            let old = values.by_key.get(key);
            let count = old.map_or(Some(0), |entry| integer(&entry.value));
            let sum = count.and_then(|count| count.checked_add(by)).ok_or_else(|| {
                Error::new(Code::RedisNotANumber, "the value is not a counter, or its sum is too large")
                    .with_operation("redis::increment")
            })?;
            let ends = old.map_or(ends, |entry| entry.ends);
            values.insert(key, sum.to_string().into(), ends)?;
            Ok(sum)
        })
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        let ends = ends("redis::expire", ttl)?;
        self.change(|values| match values.remove(key) {
            Some(entry) => values.insert(key, entry.value, ends).map(|()| true),
            None => Ok(false),
        })
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        Ok(self.change(|values| values.remove(key).is_some()))
    }
}

// === impl Values ===

impl Values {
    fn insert(&mut self, key: &Key, value: Bytes, ends: Option<Instant>) -> Result<()> {
        if self.remove(key).is_none() && self.by_key.len() >= self.limit {
            return Err(Error::new(Code::RedisStoreFull, "the store in memory is full")
                .with_operation("redis::memory")
                .with_context("limit", Public(self.limit)));
        }
        if let Some(ends) = ends {
            self.ends.insert((ends, key.clone()));
        }
        self.by_key.insert(key.clone(), Entry { value, ends });
        Ok(())
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        if let Some(ends) = entry.ends {
            self.ends.remove(&(ends, key));
        }
        Some(entry)
    }

    /// Frees what is over.
    fn free(&mut self) {
        let now = Instant::now();
        while self.ends.first().is_some_and(|(ends, _)| *ends <= now) {
            let over = self.ends.pop_first();
            over.and_then(|(_, key)| self.by_key.remove(&key));
        }
    }
}

fn ends(operation: &'static str, ttl: Option<Duration>) -> Result<Option<Instant>> {
    Ok(model::ttl(operation, ttl)?.map(|ttl| Instant::now() + ttl))
}

/// Reads an integer as the server does: no plus, no space, no leading zero.
fn integer(value: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == value).then_some(number)
}
