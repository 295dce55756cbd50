//! One load of a key at a time in this process.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ahash::RandomState;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::answer::Cached;
use super::envelope::Content;
use crate::model::Key;

/// What is being loaded. A flight ends by itself: none of those who wait for it can lose it by giving up.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_key: Mutex<HashMap<Key, Arc<Flight>, RandomState>>,
}

/// One load, from its first caller to its end.
#[derive(Debug)]
pub(super) struct Flight {
    progress: watch::Sender<Progress>,
    /// It began while the value was fresh.
    pub(super) early: bool,
    /// The value under the key has changed.
    pub(super) changed: Notify,
}

/// How far a flight is.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// What may be answered if it takes too long.
    pub(super) stale: Option<Content>,
    pub(super) outcome: Option<Outcome>,
}

/// What a flight ends with, for all who wait.
pub(super) type Outcome = Result<Cached, Arc<Error>>;

/// Ends a flight when it is dropped, a panic included.
pub(super) struct Landing<'a> {
    flights: &'a Flights,
    flight: &'a Arc<Flight>,
    key: &'a Key,
}

// === impl Flights ===

impl Flights {
    /// Returns the flight of a key, and whether it begins with this call.
    pub(super) fn join(&self, key: &Key, early: bool) -> (Arc<Flight>, bool) {
        let mut by_key = self.by_key.lock();
        if let Some(flight) = by_key.get(key) {
            return (Arc::clone(flight), false);
        }
        let flight = Arc::new(Flight { progress: watch::Sender::default(), early, changed: Notify::new() });
        by_key.insert(key.clone(), Arc::clone(&flight));
        (flight, true)
    }

    /// Lets the next caller begin another flight: what this one brings is older than a change.
    pub(super) fn forget(&self, key: &Key) {
        self.by_key.lock().remove(key);
    }

    /// Tells flights that what they wait for may be there: of one key, or of all.
    pub(super) fn changed(&self, key: Option<&Key>) {
        let by_key = self.by_key.lock();
        match key {
            Some(key) => {
                if let Some(flight) = by_key.get(key) {
                    flight.changed.notify_one();
                }
            }
            None => by_key.values().for_each(|flight| flight.changed.notify_one()),
        }
    }

    pub(super) fn landing<'a>(&'a self, key: &'a Key, flight: &'a Arc<Flight>) -> Landing<'a> {
        Landing { flights: self, flight, key }
    }
}

// === impl Flight ===

impl Flight {
    /// Says what may be answered if it takes too long.
    pub(super) fn offer(&self, stale: Content) {
        self.progress.send_modify(|progress| progress.stale = Some(stale));
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Returns what may be answered if nothing better comes.
    pub(super) fn stale(&self) -> Option<Content> {
        self.progress.borrow().stale.clone()
    }
}

// === impl Landing ===

impl Landing<'_> {
    pub(super) fn with(self, outcome: Outcome) {
        self.flight.progress.send_modify(|progress| progress.outcome = Some(outcome));
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut by_key = self.flights.by_key.lock();
        if by_key.get(self.key).is_some_and(|held| Arc::ptr_eq(held, self.flight)) {
            by_key.remove(self.key);
        }
        drop(by_key);
        self.flight.progress.send_if_modified(|progress| {
            let lost = progress.outcome.is_none();
            if lost {
                progress.outcome = Some(Err(Arc::new(Error::from(Code::Panicked))));
            }
            lost
        });
    }
}

impl fmt::Debug for Landing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Landing").finish_non_exhaustive()
    }
}
