//! Which keys failed to load, and when they are tried again.

use std::collections::HashMap;
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::Key;

/// Failures in a row by key, at most [`MOST_KEYS`] of them.
#[derive(Debug)]
pub(super) struct Backoffs {
    first: Duration,
    by_key: Mutex<HashMap<Key, Failures, RandomState>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    again: Instant,
}

impl Backoffs {
    pub(super) fn new(first: Duration) -> Self {
        Self { first, by_key: Mutex::default() }
    }

    /// Returns whether it is too early to try this key again.
    pub(super) fn waits(&self, key: &Key) -> bool {
        self.by_key.lock().get(key).is_some_and(|failures| failures.again > Instant::now())
    }

    pub(super) fn failed(&self, key: &Key) {
        let now = Instant::now();
        let mut by_key = self.by_key.lock();
        if by_key.len() >= MOST_KEYS {
            by_key.retain(|_, failures| failures.again > now);
        }
        let count = by_key.get(key).map_or(0, |failures| failures.count);
        // Over the limit a key is tried with every call, which the flights keep to one at a time.
        if count > 0 || by_key.len() < MOST_KEYS {
            let delay = self.first.saturating_mul(1 << count.min(16)).min(LONGEST);
            by_key.insert(key.clone(), Failures { count: count + 1, again: now + delay });
        }
    }

    pub(super) fn succeeded(&self, key: &Key) {
        let mut by_key = self.by_key.lock();
        if !by_key.is_empty() {
            by_key.remove(key);
        }
    }
}

/// The longest time between two tries.
const LONGEST: Duration = Duration::from_secs(60);

/// How many keys that fail are remembered.
const MOST_KEYS: usize = 10_000;
