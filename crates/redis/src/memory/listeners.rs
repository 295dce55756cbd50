//! Who hears that a value has changed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::model::{Event, Key};
use crate::port::Listener;

/// Listeners, each with a number under which it is removed again.
#[derive(Default)]
pub(crate) struct Listeners {
    all: RwLock<Vec<(u64, Listener)>>,
    /// Whether there is one: without a listener a change costs one load more.
    any: AtomicBool,
    next: AtomicU64,
}

impl Listeners {
    /// Adds a listener and tells it that it is heard.
    pub(crate) fn add(&self, listener: &Listener) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut all = self.all.write();
        all.push((number, Arc::clone(listener)));
        self.any.store(true, Ordering::SeqCst);
        drop(all);
        listener(Event::Listening);
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        let mut all = self.all.write();
        all.retain(|(held, _)| *held != number);
        self.any.store(!all.is_empty(), Ordering::SeqCst);
    }

    /// Says that a value has changed.
    pub(crate) fn changed(&self, key: &Key) {
        // After the change, which released a lock: who listens since before it is seen here.
        if !self.any.load(Ordering::SeqCst) {
            return;
        }
        for (_, listener) in &*self.all.read() {
            listener(Event::Changed(Some(vec![key.bytes()])));
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("count", &self.all.read().len()).finish_non_exhaustive()
    }
}
