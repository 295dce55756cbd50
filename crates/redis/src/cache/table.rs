//! The entries near the caller, and when they must not be believed. The argument is in the module's documentation.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;
use parking_lot::Mutex;
use quick_cache::OptionsBuilder;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::config::NearConfig;
use super::entry::{Entry, Weigh};
use crate::model::Key;

/// Entries by key.
///
/// `state` is even while nothing may be believed and odd while the link listens; every loss, return and flush raises
/// it. An entry is believed only in the state in which its read began, so that one store makes all of them void.
pub(super) struct Table {
    entries: Cache<Key, Entry, Weigh, RandomState>,
    hasher: RandomState,
    state: AtomicU64,
    /// The first state after the last flush: what is older is known to be gone.
    floor: AtomicU64,
    /// How often a key of each stripe was invalidated. The lock orders that against the end of a read.
    stripes: Box<[Mutex<u64>]>,
}

/// What was known when a read began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) state: u64,
    stripe: usize,
    invalidations: u64,
}

impl Table {
    pub(super) fn new(config: NearConfig) -> Self {
        let hasher = RandomState::new();
        let weight = config.max_bytes as u64;
        let options = OptionsBuilder::new()
            .estimated_items_capacity(config.max_entries)
            .weight_capacity(weight)
            .shards(SHARDS)
            .build()
            .expect("both capacities are set");
        let weigh = Weigh { share: weight.div_ceil(config.max_entries as u64) };
        Self {
            entries: Cache::with_options(options, weigh, hasher.clone(), DefaultLifecycle::default()),
            hasher,
            state: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            stripes: (0..STRIPES).map(|_| Mutex::new(0)).collect(),
        }
    }

    /// Returns the entry of a key if it is to be believed, whatever its age.
    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        self.entries.get(key).filter(|entry| entry.state == self.state.load(Ordering::Acquire))
    }

    /// Returns what was last known of a key, though the link may have been lost since: for want of anything better.
    pub(super) fn last(&self, key: &Key) -> Option<Entry> {
        self.entries.peek(key).filter(|entry| entry.state >= self.floor.load(Ordering::Acquire))
    }

    /// Begins a read: what it brings counts only if nothing happens to the key until it is kept.
    pub(super) fn ticket(&self, key: &Key) -> Ticket {
        let state = self.state.load(Ordering::Acquire);
        let stripe = self.stripe(key);
        Ticket { state, stripe, invalidations: *self.stripes[stripe].lock() }
    }

    /// Keeps what a read brought, unless its key was invalidated meanwhile. Returns whether it is kept.
    pub(super) fn keep(&self, key: &Key, entry: Entry, ticket: Ticket) -> bool {
        if !is_listening(ticket.state) {
            return false;
        }
        let invalidations = self.stripes[ticket.stripe].lock();
        let same = *invalidations == ticket.invalidations;
        if same {
            // Under the lock: an invalidation that comes now finds the entry.
            self.entries.insert(key.clone(), entry);
        }
        same
    }

    /// Forgets a key, and what reads of it bring that are under way.
    pub(super) fn invalidate(&self, key: &Key) {
        let mut invalidations = self.stripes[self.stripe(key)].lock();
        *invalidations += 1;
        self.entries.remove(key);
    }

    /// Believes nothing any more: the values are gone.
    pub(super) fn flush(&self) {
        let flushed = self.raise(|state| state + 2);
        self.floor.fetch_max(flushed, Ordering::AcqRel);
    }

    /// Believes nothing any more, and nothing new: it is not known what changes from now on.
    pub(super) fn lose(&self) {
        self.raise(|state| if is_listening(state) { state + 1 } else { state + 2 });
    }

    /// Believes what is read from now on.
    pub(super) fn listen(&self) {
        self.raise(|state| if is_listening(state) { state + 2 } else { state + 1 });
    }

    pub(super) fn is_listening(&self) -> bool {
        is_listening(self.state.load(Ordering::Acquire))
    }

    /// Returns how many entries there are, believed or not, and their weight in bytes.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.entries.len(), self.entries.weight())
    }

    fn raise(&self, by: impl Fn(u64) -> u64) -> u64 {
        let raised = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| Some(by(state)));
        by(raised.unwrap_or_else(|state| state))
    }

    fn stripe(&self, key: &Key) -> usize {
        self.hasher.hash_one(key) as usize % STRIPES
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = self.size();
        f.debug_struct("Table")
            .field("entries", &entries)
            .field("bytes", &bytes)
            .field("listening", &self.is_listening())
            .finish_non_exhaustive()
    }
}

const fn is_listening(state: u64) -> bool {
    state % 2 == 1
}

/// Over how many locks the entries are spread.
const SHARDS: usize = 16;

/// A read and an invalidation of another key meet in one of so many stripes; then the read is kept once less.
const STRIPES: usize = 1024;
