//! The answers in memory, and the calls that are under way.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use quick_cache::sync::{Cache as Memory, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use tokio::time::Instant;

use super::Rules;
use super::flight::{Flight, Reader};
use super::kept::Kept;
use super::key::{Digest, Key};
use crate::model::{CacheStatus, Completion, CompletionHead, Prompt};

type Keyed = BuildHasherDefault<Digest>;

/// What a cache remembers. All parts are shared by the clones of one service.
pub(super) struct Store {
    pub(super) rules: Rules,
    hasher: ahash::RandomState,
    answers: Memory<Key, Arc<Kept>, Weight, Keyed>,
    flights: Mutex<HashMap<Key, Arc<Flight>, Keyed>>,
}

impl Store {
    /// So that one answer may take an eighth of the memory, however many processors there are.
    const SHARDS: usize = 8;
    /// What an entry takes beside its bytes, about.
    const ENTRY_BYTES: u64 = 512;

    pub(super) fn new(rules: Rules) -> Self {
        let options = OptionsBuilder::new()
            .shards(Self::SHARDS)
            .estimated_items_capacity(rules.max_entries.max(1))
            .weight_capacity(rules.max_bytes.max(1))
            .build()
            .expect("both capacities are set");
        // No entry is lighter than its share, so the weight bounds their number too.
        let least = rules.max_bytes / u64::try_from(rules.max_entries.max(1)).unwrap_or(u64::MAX);
        let weight = Weight { least: least.max(1) };
        let answers = Memory::with_options(options, weight, Keyed::default(), DefaultLifecycle::default());
        Self { rules, hasher: ahash::RandomState::new(), answers, flights: Mutex::default() }
    }

    /// Returns the key of a prompt, if its answer belongs into memory.
    pub(super) fn key(&self, prompt: &Prompt) -> Option<Key> {
        Key::of(prompt, &self.rules, &self.hasher)
    }

    /// Takes an answer from memory.
    pub(super) fn hit(&self, key: &Key) -> Option<Completion> {
        let kept = self.answers.get(key)?;
        if kept.since.elapsed() >= self.rules.ttl {
            self.answers.remove(key);
            return None;
        }
        Some(kept.again(CacheStatus::Hit))
    }

    /// Joins the call of an equal prompt, takes what it has left in memory, or announces one.
    ///
    /// A prompt that wants a fresh answer takes the place of a call that began before it.
    pub(super) fn join(self: &Arc<Self>, key: Key, fresh: bool, deadline: Option<Instant>) -> Joined {
        let mut flights = self.flights.lock();
        if !fresh {
            if let Some(reader) = flights.get(&key).and_then(|flight| flight.join(deadline)) {
                return Joined::Flight(reader);
            }
            // It may have landed since nothing was found in memory.
            if let Some(answer) = self.hit(&key) {
                return Joined::Answer(answer);
            }
        }
        let status = if fresh { CacheStatus::Refresh } else { CacheStatus::Miss };
        let (flight, reader) = Flight::begin(key.clone(), self.clone(), status, deadline);
        flights.insert(key, flight);
        Joined::First(reader)
    }

    /// A call is over, or nobody reads it any more. Only the call that stands there is removed.
    pub(super) fn leave(&self, key: &Key, flight: &Flight) {
        let mut flights = self.flights.lock();
        if flights.get(key).is_some_and(|there| std::ptr::eq(&raw const **there, flight)) {
            flights.remove(key);
        }
    }

    /// Keeps an answer that is whole.
    pub(super) fn keep<'a>(&self, key: Key, head: &CompletionHead, chunks: impl Iterator<Item = &'a Bytes>) {
        if let Some((kept, _)) = Kept::of(head, chunks) {
            self.answers.insert(key, Arc::new(kept));
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, u64, usize) {
        (self.answers.len(), self.answers.weight(), self.flights.lock().len())
    }
}

/// What a prompt that was not in memory gets.
pub(super) enum Joined {
    /// It came into memory meanwhile.
    Answer(Completion),
    /// The call of an equal prompt.
    Flight(Reader),
    /// A call that it has to begin itself.
    First(Reader),
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("answers", &self.answers.len()).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct Weight {
    least: u64,
}

impl Weighter<Key, Arc<Kept>> for Weight {
    fn weight(&self, key: &Key, kept: &Arc<Kept>) -> u64 {
        let bytes = u64::try_from(key.len() + kept.body.len()).unwrap_or(u64::MAX);
        bytes.saturating_add(Store::ENTRY_BYTES).max(self.least)
    }
}
