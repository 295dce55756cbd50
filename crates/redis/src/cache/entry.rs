//! What is known about a key near the caller.

use std::time::Duration;

use bytes::Bytes;
use quick_cache::Weighter;
use tokio::time::Instant;

use crate::model::{Held, Key};

/// A value, or that there is none, as it was when a read began.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What the store had.
    pub(super) value: Option<Bytes>,
    /// When the store ends it; `None` for never.
    pub(super) ends: Option<Instant>,
    /// Until when it is believed without asking again.
    pub(super) until: Instant,
    /// The state of the link when the read began; only in the same state the entry is believed.
    pub(super) state: u64,
}

/// Counts each entry as at least its share of all bytes, so that one limit of weight holds both limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weigh {
    /// The bytes of all entries, divided by their number.
    pub(super) share: u64,
}

// === impl Entry ===

impl Entry {
    /// Makes an entry of what a read returned that was sent at `sent`.
    ///
    /// The store measured the rest of the life after that, so the entry ends no later than the value.
    pub(super) fn new(held: Option<&Held>, sent: Instant, max_age: Duration, state: u64) -> Self {
        let ends = held.and_then(|held| held.left).map(|left| sent + left);
        let oldest = sent + max_age;
        Self {
            // A copy: a slice of what was read from the socket would keep all that was read with it.
            value: held.map(|held| Bytes::copy_from_slice(&held.value)),
            ends,
            until: ends.map_or(oldest, |ends| ends.min(oldest)),
            state,
        }
    }

    /// Returns whether it may be answered without asking the store.
    pub(super) fn is_young(&self, now: Instant) -> bool {
        now < self.until
    }

    /// Returns what the store still has of it, or had when it was last heard of.
    pub(super) fn held(&self, now: Instant) -> Option<Held> {
        let value = self.value.clone()?;
        match self.ends {
            Some(ends) if ends <= now => None,
            ends => Some(Held { value, left: ends.map(|ends| ends - now) }),
        }
    }
}

// === impl Weigh ===

impl Weighter<Key, Entry> for Weigh {
    fn weight(&self, key: &Key, entry: &Entry) -> u64 {
        let bytes = key.as_bytes().len() + entry.value.as_ref().map_or(0, Bytes::len) + ENTRY_BYTES;
        (bytes as u64).max(self.share)
    }
}

/// What an entry costs beside its key and value, about.
const ENTRY_BYTES: usize = 160;
