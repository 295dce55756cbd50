//! Who hears that a value has changed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::model::{Event, Key};
use crate::port::Listener;

/// Listeners of a [`Watch`](crate::Watch) in the same process, each with a number under which it is removed again.
///
/// For whoever implements the port without a server: the link is the process itself, so it always listens.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use maily_redis::cache::Listeners;
/// use maily_redis::{Key, Listener};
///
/// let heard = Arc::new(AtomicUsize::new(0));
/// let count = Arc::clone(&heard);
/// let listener: Listener = Arc::new(move |_| drop(count.fetch_add(1, Ordering::SeqCst)));
///
/// let listeners = Listeners::default();
/// let number = listeners.add(&listener); // hears at once that the link listens
/// listeners.changed(&Key::new("draft")?);
/// listeners.remove(number);
/// listeners.changed(&Key::new("draft")?);
/// assert_eq!(heard.load(Ordering::SeqCst), 2);
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Default)]
pub struct Listeners {
    all: RwLock<Vec<(u64, Listener)>>,
    /// Whether there is one: without a listener a change costs one load more.
    any: AtomicBool,
    next: AtomicU64,
}

impl Listeners {
    /// Adds a listener, tells it that the link listens, and returns its number.
    pub fn add(&self, listener: &Listener) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut all = self.all.write();
        all.push((number, Arc::clone(listener)));
        self.any.store(true, Ordering::SeqCst);
        drop(all);
        listener(Event::Listening);
        number
    }

    /// Removes a listener.
    pub fn remove(&self, number: u64) {
        let mut all = self.all.write();
        all.retain(|(held, _)| *held != number);
        self.any.store(!all.is_empty(), Ordering::SeqCst);
    }

    /// Says that nothing is heard any more: what was read may change without a word.
    pub fn lost(&self) {
        for (_, listener) in &*self.all.read() {
            listener(Event::Lost);
        }
    }

    /// Says that a value has changed: after the change is made, and before it is acknowledged. Costs one load while
    /// nobody listens.
    pub fn changed(&self, key: &Key) {
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
