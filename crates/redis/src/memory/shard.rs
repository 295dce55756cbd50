//! One of the parts over which the values are spread: a map, and what ends when.

use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;
use bytes::Bytes;
use tokio::time::Instant;

use crate::model::Key;

/// A value, and when its time is over.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    pub(super) ends: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Shard {
    by_key: HashMap<Key, Entry, RandomState>,
    /// What ends, by when.
    ends: BTreeSet<(Instant, Key)>,
}

/// How much room a change took (positive) or gave back (negative), in values and in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    pub(super) values: isize,
    pub(super) bytes: isize,
}

// === impl Entry ===

impl Entry {
    fn lives(&self) -> bool {
        self.ends.is_none_or(|ends| ends > Instant::now())
    }
}

// === impl Shard ===

impl Shard {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self { by_key: HashMap::with_hasher(hasher), ends: BTreeSet::new() }
    }

    /// Returns the value, if its time is not over.
    pub(super) fn get(&self, key: &Key) -> Option<&Entry> {
        self.by_key.get(key).filter(|entry| entry.lives())
    }

    /// Returns the value, over or not.
    pub(super) fn any(&self, key: &Key) -> Option<&Entry> {
        self.by_key.get(key)
    }

    /// Stores a value; what was there is gone.
    pub(super) fn insert(&mut self, key: &Key, entry: Entry) {
        // The key that is already there stays, and with it what it shares.
        let key = self.remove(key).map_or_else(|| key.clone(), |(key, _)| key);
        if let Some(ends) = entry.ends {
            self.ends.insert((ends, key.clone()));
        }
        self.by_key.insert(key, entry);
    }

    /// Removes a value, over or not.
    pub(super) fn remove(&mut self, key: &Key) -> Option<(Key, Entry)> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        let Some(ends) = entry.ends else { return Some((key, entry)) };
        let ended = (ends, key);
        self.ends.remove(&ended);
        Some((ended.1, entry))
    }

    /// Frees up to `most` values whose time is over, and returns how much room that gave.
    pub(super) fn free(&mut self, most: usize) -> Room {
        let mut room = Room::default();
        if self.ends.is_empty() {
            return room;
        }
        let now = Instant::now();
        for _ in 0..most {
            let Some((ends, _)) = self.ends.first() else { break };
            if *ends > now {
                break;
            }
            let over = self.ends.pop_first().and_then(|(_, key)| self.by_key.remove_entry(&key));
            if let Some((key, entry)) = over {
                room = room.less(&key, &entry);
            }
        }
        room
    }
}

// === impl Room ===

impl Room {
    /// Returns the room that a value takes.
    pub(super) fn of(key: &Key, value: &Bytes) -> Self {
        Self { values: 1, bytes: size(key, value) }
    }

    /// Returns what is left when this value is gone.
    pub(super) fn less(self, key: &Key, entry: &Entry) -> Self {
        Self { values: self.values - 1, bytes: self.bytes - size(key, &entry.value) }
    }
}

/// No allocation is larger than `isize::MAX` bytes.
fn size(key: &Key, value: &Bytes) -> isize {
    (key.as_bytes().len() + value.len()).cast_signed()
}
