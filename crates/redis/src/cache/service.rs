//! The cache that loads what is missing.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep};

use super::answer::Cached;
use super::backoff::Backoffs;
use super::config::{CacheConfig, ms};
use super::early;
use super::envelope::{Content, Envelope};
use super::flight::{Flight, Flights};
use super::load::Load;
use super::meter::CacheMeter;
use super::near::{NearState, NearStore};
use super::read::Found;
use crate::model::{self, Key};
use crate::port::{Store as _, Watch};

/// Cached values, shared with every process that uses the same store. Clones share everything.
///
/// Made by [`CacheConfig::build`]. Its keys are its own: the store holds each value with 32 bytes before it, and a key
/// under which something else lies is refused. What a hit may be is in the [module's documentation](super).
pub struct Cache<S: Watch> {
    shared: Arc<Shared<S>>,
}

/// What all clones and all loads share.
pub(super) struct Shared<S: Watch> {
    pub(super) near: NearStore<S>,
    pub(super) flights: Arc<Flights>,
    pub(super) backoffs: Backoffs,
    pub(super) settings: CacheConfig,
    pub(super) meter: CacheMeter,
}

/// A loader that has not been called.
pub(super) type Loader = Box<dyn FnOnce() -> Loading + Send>;

/// A load under way.
pub(super) type Loading = Pin<Box<dyn Future<Output = Result<Option<Bytes>>> + Send>>;

/// Lets no later call join a load that began before a change, however the change ends.
struct Changed<'a> {
    flights: &'a Flights,
    key: &'a Key,
}

impl<S: Watch + 'static> Cache<S> {
    pub(super) fn new(store: &S, settings: CacheConfig) -> Self {
        let flights = Arc::new(Flights::default());
        let told = Arc::clone(&flights);
        let near = NearStore::with_changes(store, settings.near, move |key| told.changed(key));
        let backoffs = Backoffs::new(ms(settings.retry_ms));
        let meter = CacheMeter::new();
        Self { shared: Arc::new(Shared { near, flights, backoffs, settings, meter }) }
    }

    /// Returns the value under a key, and calls `load` if there is none whose time is not over.
    ///
    /// However many callers wait, in however many processes, one of them loads; the others get what it brings. What
    /// the loader brings lives for `ttl` from then, absence for [`absent_ms`](CacheConfig::absent_ms) at most, and is
    /// kept for [`stale_ms`](CacheConfig::stale_ms) more, to be answered as [`Cached::Stale`]
    ///
    /// - when the load takes longer than [`soft_ms`](CacheConfig::soft_ms); it goes on,
    /// - when the loader fails, or takes longer than [`hard_ms`](CacheConfig::hard_ms); until the next try no loader
    ///   is called,
    /// - when the server fails.
    ///
    /// Without an old value the call waits for the load. A server that fails is then as good as an empty one: the
    /// value is loaded and not kept.
    ///
    /// A hit costs about 110 ns and does not call the loader, except near the end of the value, where one caller in a
    /// while loads in the background ([`beta`](CacheConfig::beta)).
    ///
    /// # Errors
    ///
    /// - What the loader says, when there is no old value; [`Code::Timeout`] when it took too long, and
    ///   [`Code::Panicked`] when it panicked.
    /// - [`Code::Invalid`] when `ttl` is not between 1 ms and 99 years.
    /// - [`Code::RedisWrongType`] when the key holds what no cache wrote.
    ///
    /// # Cancellation
    ///
    /// Dropping the call leaves the load under way to the others; it ends by itself, at most twice `hard_ms` later.
    pub async fn get_or_load<F, Fut>(&self, key: &Key, ttl: Duration, load: F) -> Result<Cached>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<Bytes>>> + Send + 'static,
    {
        let Some((found, left)) = self.hit(key) else {
            // Boxed, so that a hit does not pay for the room of a load.
            return Box::pin(self.miss(key, ttl, Box::new(move || Box::pin(load())))).await;
        };
        consume_budget().await;
        let beta = self.shared.settings.beta;
        // Random numbers of [0, 1) become (0, 1].
        if early::is_due(left, found.took(), beta, || 1.0 - rand::random::<f64>()) && found.lease().is_none()
        {
            self.refresh(key, ttl, Box::new(move || Box::pin(load())));
        }
        Ok(Cached::Fresh(found.into_content().flatten()))
    }

    /// Returns the value if it is there and its time is not over. Calls no loader.
    ///
    /// # Errors
    ///
    /// What the store says; [`Code::RedisWrongType`] when the key holds what no cache wrote.
    pub async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        if let Some((found, _)) = self.hit(key) {
            consume_budget().await;
            return Ok(found.into_content().flatten());
        }
        let Some(held) = self.shared.near.fetch(key).await? else { return Ok(None) };
        let found = Found::new(held)?;
        Ok(if found.fresh().is_some() { found.into_content().flatten() } else { None })
    }

    /// Stores a value for `ttl`. Loads under way do not replace it, and no later call returns an older one.
    ///
    /// # Errors
    ///
    /// What the store says, as [`Store::set`](crate::Store::set); [`Code::Invalid`] when `ttl` is not between 1 ms and
    /// 99 years.
    pub async fn set(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<()> {
        let _changed = self.changed(key);
        let stale = ms(self.shared.settings.stale_ms);
        let whole = lifetime("redis::cache_set", ttl, stale)?;
        let bytes = Envelope::new(Some(value), Duration::ZERO, stale).encode();
        self.shared.near.set(key, bytes, Some(whole)).await
    }

    /// Removes a value, so that the next call loads it; returns whether there was one. Loads under way do not bring
    /// it back.
    ///
    /// # Errors
    ///
    /// What the store says, as [`Store::remove`](crate::Store::remove).
    pub async fn remove(&self, key: &Key) -> Result<bool> {
        let _changed = self.changed(key);
        self.shared.near.remove(key).await
    }

    /// Returns what is kept near, and whether it is believed.
    #[must_use]
    pub fn state(&self) -> NearState {
        self.shared.near.state()
    }

    /// Returns what is near and fresh, and for how long.
    #[inline]
    fn hit(&self, key: &Key) -> Option<(Found, Duration)> {
        let now = Instant::now();
        let found = Found::near(self.shared.near.hit(key, now)?, now)?;
        let left = found.fresh()?;
        Some((found, left))
    }

    async fn miss(&self, key: &Key, ttl: Duration, load: Loader) -> Result<Cached> {
        let settings = &self.shared.settings;
        lifetime("redis::cache_load", ttl, ms(settings.stale_ms))?;
        if self.shared.backoffs.waits(key)
            && let Some(stale) = self.shared.last(key)
        {
            self.shared.meter.stale.increment(1);
            return Ok(Cached::Stale(stale));
        }
        let flight = self.begin(key, ttl, load, false);
        let mut progress = flight.progress();
        let mut soft = pin!(sleep(ms(settings.soft_ms)));
        // A refresh writes its lease beside the value, which is not near for a moment; then it is fresh at the server.
        let mut look = pin!(self.look(key));
        let (mut late, mut looks) = (false, flight.early);
        loop {
            let now = progress.borrow_and_update().clone();
            if let Some(outcome) = now.outcome {
                self.shared.meter.answered(&outcome);
                return outcome.map_err(|err| err.again());
            }
            if late && let Some(stale) = now.stale {
                self.shared.meter.stale.increment(1);
                return Ok(Cached::Stale(stale));
            }
            tokio::select! {
                changed = progress.changed() => if changed.is_err() {
                    return Err(Error::from(Code::Canceled).with_operation("redis::cache_load"));
                },
                fresh = &mut look, if looks => match fresh {
                    Some(content) => return Ok(Cached::Fresh(content)),
                    None => looks = false,
                },
                () = &mut soft, if !late => late = true,
            }
        }
    }

    /// Returns what the server has and is fresh; nothing if that cannot be said.
    async fn look(&self, key: &Key) -> Option<Content> {
        let found = Found::new(self.shared.near.fetch(key).await.ok()??).ok()?;
        found.fresh()?;
        found.into_content()
    }

    /// Loads in the background what is still fresh.
    fn refresh(&self, key: &Key, ttl: Duration, load: Loader) {
        let stale = ms(self.shared.settings.stale_ms);
        if lifetime("redis::cache_load", ttl, stale).is_ok() && !self.shared.backoffs.waits(key) {
            self.begin(key, ttl, load, true);
        }
    }

    /// Joins the flight of a key, or starts it.
    fn begin(&self, key: &Key, ttl: Duration, loader: Loader, early: bool) -> Arc<Flight> {
        let (flight, begins) = self.shared.flights.join(key, early);
        if begins {
            if early {
                self.shared.meter.early.increment(1);
            }
            let load = Load::new(Arc::clone(&self.shared), key.clone(), ttl, Arc::clone(&flight), early);
            // Owned by nobody, because no caller may end it by giving up; it ends by itself.
            tokio::spawn(load.run(loader));
        }
        flight
    }

    fn changed<'a>(&'a self, key: &'a Key) -> Changed<'a> {
        Changed { flights: &self.shared.flights, key }
    }
}

// === impl Shared ===

impl<S: Watch> Shared<S> {
    /// Returns what was last heard of a key, to be answered as stale.
    pub(super) fn last(&self, key: &Key) -> Option<Content> {
        Found::new(self.near.last(key)?).ok()?.into_content()
    }
}

impl<S: Watch> Clone for Cache<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Watch> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { near, flights, backoffs, settings, meter: _ } = &*self.shared;
        f.debug_struct("Cache")
            .field("near", near)
            .field("flights", flights)
            .field("backoffs", backoffs)
            .field("settings", settings)
            .finish()
    }
}

// === impl Changed ===

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        self.flights.forget(self.key);
    }
}

/// Returns how long the store keeps what is fresh for `ttl`.
fn lifetime(operation: &'static str, ttl: Duration, stale: Duration) -> Result<Duration> {
    let ttl = model::ttl(operation, Some(ttl))?.unwrap_or_default();
    model::ttl(operation, Some(ttl.saturating_add(stale)))?;
    Ok(ttl + stale)
}
