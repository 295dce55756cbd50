//! A store whose values that are read often are kept near the caller.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::config::{NearConfig, ms};
use super::entry::Entry;
use super::meter::NearMeter;
use super::table::Table;
use crate::model::{Event, Held, Key, Swap};
use crate::port::{Listener, Store, Watch, Watched};

/// A [`Store`] that answers what it has read before from the memory of this process. Clones share that.
///
/// Made by [`NearConfig::build`]. Values are the same as in the store below, absence included; only
/// [`get`](Store::get) is answered near. What it promises, and why, is in the [module's documentation](super).
///
/// A hit costs about 60 ns beside the 30 ns of the table, takes no lock that a write holds for long, and spends one
/// unit of the task's budget, so that a loop of hits lets other tasks run.
///
/// # Examples
///
/// ```
/// use maily_redis::cache::NearConfig;
/// use maily_redis::{Key, MemoryStore, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> maily_errors::Result<()> {
/// let store = MemoryStore::default();
/// let near = NearConfig::default().build(&store)?;
/// let key = Key::new("draft")?;
///
/// assert_eq!(near.get(&key).await?, None); // and this is known now
/// store.set(&key, "by somebody else".into(), None).await?;
/// assert_eq!(near.get(&key).await?, Some("by somebody else".into()));
/// # Ok(())
/// # }
/// ```
pub struct NearStore<S: Watch> {
    store: S,
    near: Arc<Near<S::Watched>>,
}

struct Near<W> {
    table: Arc<Table>,
    watched: W,
    max_age: Duration,
    meter: NearMeter,
}

/// What is kept near, and whether it is believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NearState {
    /// Whether changes are heard. While they are not, every read goes to the store.
    pub listening: bool,
    /// How long after an acknowledged change an older value may be answered if the link hangs; while it works, it is
    /// the time that one message of the server takes.
    pub bound: Duration,
    /// How many entries there are.
    pub entries: usize,
    /// How many bytes they have, each counted as its share of all at least.
    pub bytes: u64,
}

/// Forgets a key when a write through this process ends, however it ends: it may have had its effect.
struct Written<'a> {
    table: &'a Table,
    key: &'a Key,
}

// === impl NearStore ===

impl<S: Watch> NearStore<S> {
    pub(super) fn new(store: &S, config: NearConfig) -> Self {
        Self::with_changes(store, config, |_| ())
    }

    /// Creates the store and passes on what changes: a key, or any of them.
    pub(super) fn with_changes(
        store: &S,
        config: NearConfig,
        changed: impl Fn(Option<&Key>) + Send + Sync + 'static,
    ) -> Self {
        let table = Arc::new(Table::new(config));
        let meter = NearMeter::new();
        let watched = store.watch(listener(Arc::clone(&table), meter.clone(), changed));
        let near = Near { table, watched, max_age: ms(config.max_age_ms), meter };
        Self { store: store.clone(), near: Arc::new(near) }
    }

    /// Returns what is kept near, and whether it is believed.
    #[must_use]
    pub fn state(&self) -> NearState {
        let (entries, bytes) = self.near.table.size();
        NearState { listening: self.near.table.is_listening(), bound: self.store.silence(), entries, bytes }
    }

    /// Returns an entry that may be answered without asking the store.
    #[inline]
    pub(super) fn hit(&self, key: &Key, now: Instant) -> Option<Entry> {
        let entry = self.near.table.get(key).filter(|entry| entry.is_young(now))?;
        self.near.meter.hit();
        Some(entry)
    }

    /// Asks the store, and keeps what it says if nothing happened to the key meanwhile.
    pub(super) async fn fetch(&self, key: &Key) -> Result<Option<Held>> {
        self.near.meter.miss();
        let ticket = self.near.table.ticket(key);
        let sent = Instant::now();
        let held = self.near.watched.read(key).await?;
        let entry = Entry::new(held.as_ref(), sent, self.near.max_age, ticket.state);
        if !self.near.table.keep(key, entry, ticket) {
            self.near.meter.not_kept();
        }
        Ok(held)
    }

    /// Returns what was last heard of a key, for want of anything better.
    pub(super) fn last(&self, key: &Key) -> Option<Held> {
        self.near.table.last(key)?.held(Instant::now())
    }

    fn written<'a>(&'a self, key: &'a Key) -> Written<'a> {
        Written { table: &self.near.table, key }
    }
}

impl<S: Watch> Store for NearStore<S> {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        if let Some(entry) = self.hit(key, Instant::now()) {
            consume_budget().await;
            return Ok(entry.value);
        }
        Ok(self.fetch(key).await?.map(|held| held.value))
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let _written = self.written(key);
        self.store.set(key, value, ttl).await
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        let _written = self.written(key);
        self.store.compare_and_set(key, swap).await
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let _written = self.written(key);
        self.store.increment(key, by, ttl).await
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        let _written = self.written(key);
        self.store.expire(key, ttl).await
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        let _written = self.written(key);
        self.store.remove(key).await
    }
}

impl<S: Watch> Clone for NearStore<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), near: Arc::clone(&self.near) }
    }
}

impl<S: Watch> fmt::Debug for NearStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearStore").field("table", &self.near.table).finish_non_exhaustive()
    }
}

// === impl Written ===

impl Drop for Written<'_> {
    fn drop(&mut self) {
        self.table.invalidate(self.key);
    }
}

fn listener(
    table: Arc<Table>,
    meter: NearMeter,
    changed: impl Fn(Option<&Key>) + Send + Sync + 'static,
) -> Listener {
    Arc::new(move |event| match event {
        Event::Changed(Some(keys)) => {
            meter.invalidated(keys.len());
            // What is no key of ours cannot be in the table.
            for key in keys.into_iter().filter_map(|key| Key::new(key).ok()) {
                table.invalidate(&key);
                changed(Some(&key));
            }
        }
        Event::Changed(None) => {
            table.flush();
            meter.flushed();
            changed(None);
        }
        Event::Lost => {
            table.lose();
            meter.lost();
        }
        Event::Listening => {
            table.listen();
            meter.listening();
        }
        // Nothing was subscribed to.
        Event::Message { .. } | Event::Refused { .. } => {}
    })
}
