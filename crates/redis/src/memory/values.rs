//! Values under keys, spread over shards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ahash::RandomState;
use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::shard::{Entry, Room, Shard};
use crate::cache::Listeners;
use crate::config::MemoryConfig;
use crate::model::{self, Held, Key, MAX_VALUE_BYTES, Swap};

/// The values of a store in memory.
#[derive(Debug)]
pub(crate) struct Values {
    shards: [Mutex<Shard>; SHARDS],
    /// Which shard a key is in, and where in its map. Seeded at random: nobody can aim keys at one place.
    hasher: RandomState,
    held: AtomicUsize,
    held_bytes: AtomicUsize,
    limits: MemoryConfig,
    pub(super) listeners: Listeners,
}

/// What becomes of a value.
enum Change {
    Keep,
    Put(Entry),
    Remove,
}

impl Values {
    pub(super) fn new(limits: MemoryConfig) -> Self {
        let hasher = RandomState::new();
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(hasher.clone()))),
            hasher,
            held: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            limits,
            listeners: Listeners::default(),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Bytes> {
        self.shard(key).lock().get(key).map(|entry| entry.value.clone())
    }

    /// Returns the value, and how long it lives from now.
    pub(crate) fn read(&self, key: &Key) -> Option<Held> {
        let Entry { value, ends } = self.shard(key).lock().get(key).cloned()?;
        Some(Held { value, left: ends.map(|ends| ends.saturating_duration_since(Instant::now())) })
    }

    pub(super) fn set(&self, key: &Key, value: &Bytes, ttl: Option<Duration>) -> Result<()> {
        model::at_most("redis::set", value.len(), MAX_VALUE_BYTES)?;
        let ends = ends("redis::set", ttl)?;
        self.change(key, |_| Ok((Change::Put(Entry { value: value.clone(), ends }), ())))
    }

    pub(super) fn compare_and_set(&self, key: &Key, swap: &Swap) -> Result<bool> {
        let bytes = swap.value.as_ref().map_or(0, Bytes::len);
        model::at_most("redis::compare_and_set", bytes, MAX_VALUE_BYTES)?;
        let ends = ends("redis::compare_and_set", swap.ttl)?;
        self.change(key, |old| {
            if old.map(|entry| &entry.value) != swap.expected.as_ref() {
                return Ok((Change::Keep, false));
            }
            let put = |value: &Bytes| Change::Put(Entry { value: value.clone(), ends });
            Ok((swap.value.as_ref().map_or(Change::Remove, put), true))
        })
    }

    pub(super) fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let ends = ends("redis::increment", ttl)?;
        self.change(key, |old| {
            let count = old.map_or(Some(0), |entry| integer(&entry.value));
            let sum = count.and_then(|count| count.checked_add(by)).ok_or_else(|| {
                Error::new(Code::RedisNotANumber, "the value is not a counter, or its sum is too large")
                    .with_operation("redis::increment")
            })?;
            let ends = old.map_or(ends, |entry| entry.ends);
            Ok((Change::Put(Entry { value: sum.to_string().into(), ends }), sum))
        })
    }

    pub(super) fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        let ends = ends("redis::expire", ttl)?;
        self.change(key, |old| match old {
            Some(old) => Ok((Change::Put(Entry { value: old.value.clone(), ends }), true)),
            None => Ok((Change::Keep, false)),
        })
    }

    pub(super) fn remove(&self, key: &Key) -> bool {
        let removed = self.change(key, |old| match old {
            Some(_) => Ok((Change::Remove, true)),
            None => Ok((Change::Keep, false)),
        });
        // Only a change that stores something can fail.
        removed.unwrap_or(false)
    }

    pub(super) fn len(&self) -> usize {
        self.free_all();
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.free_all();
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// Decides under the lock of the key what becomes of its value, and does it.
    fn change<T>(&self, key: &Key, decide: impl Fn(Option<&Entry>) -> Result<(Change, T)>) -> Result<T> {
        let mut result = self.try_change(key, &decide);
        if result.as_ref().is_err_and(|err| err.code() == Code::RedisStoreFull) {
            // What is over in other shards makes room as well.
            self.free_all();
            result = self.try_change(key, &decide);
        }
        let (changed, answer) = result?;
        if changed {
            // The lock is open again: a listener may look at the store.
            self.listeners.changed(key);
        }
        Ok(answer)
    }

    fn try_change<T>(
        &self,
        key: &Key,
        decide: impl Fn(Option<&Entry>) -> Result<(Change, T)>,
    ) -> Result<(bool, T)> {
        let mut shard = self.shard(key).lock();
        self.take(shard.free(FREED_BY_A_CHANGE));
        let (change, answer) = decide(shard.get(key))?;
        match change {
            Change::Keep => return Ok((false, answer)),
            Change::Put(entry) => {
                let room = Room::of(key, &entry.value);
                let room = shard.any(key).map_or(room, |old| room.less(key, old));
                if !self.take(room) {
                    return Err(self.full());
                }
                shard.insert(key, entry);
            }
            Change::Remove => {
                if let Some((key, entry)) = shard.remove(key) {
                    self.take(Room::default().less(&key, &entry));
                }
            }
        }
        Ok((true, answer))
    }

    /// Frees all whose time is over. Locks one shard at a time.
    fn free_all(&self) {
        for shard in &self.shards {
            let freed = shard.lock().free(usize::MAX);
            self.take(freed);
        }
    }

    /// Takes room, or gives it back; returns whether it was there.
    fn take(&self, room: Room) -> bool {
        if !take(&self.held, room.values, self.limits.max_values) {
            return false;
        }
        let taken = take(&self.held_bytes, room.bytes, self.limits.max_bytes);
        if !taken {
            take(&self.held, -room.values, usize::MAX);
        }
        taken
    }

    fn shard(&self, key: &Key) -> &Mutex<Shard> {
        // The upper bits: the map inside uses the lower ones.
        let hash = self.hasher.hash_one(key);
        &self.shards[(hash >> (u64::BITS - SHARDS.ilog2())) as usize]
    }

    fn full(&self) -> Error {
        Error::new(Code::RedisStoreFull, "the store in memory is full")
            .with_operation("redis::memory")
            .with_context("limit", Public(self.limits.max_values))
            .with_context("limit_bytes", Public(self.limits.max_bytes))
    }
}

/// Adds to a count unless that goes over the limit. Giving back always works.
fn take(held: &AtomicUsize, by: isize, limit: usize) -> bool {
    if by == 0 {
        return true;
    }
    let sum = |held: usize| held.checked_add_signed(by).filter(|sum| by < 0 || *sum <= limit);
    held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
}

fn ends(operation: &'static str, ttl: Option<Duration>) -> Result<Option<Instant>> {
    Ok(model::ttl(operation, ttl)?.map(|ttl| Instant::now() + ttl))
}

/// Reads an integer as the server does: no plus, no space, no leading zero.
fn integer(value: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == value).then_some(number)
}

/// Over how many locks the keys are spread: far more than cores, so that two rarely meet.
const SHARDS: usize = 64;

/// How many values a change frees at most, so that none takes long after many have ended at once.
const FREED_BY_A_CHANGE: usize = 64;
