//! One flight: look, agree with other processes who loads, load, store.
//!
//! Who loads writes a lease into the envelope by compare-and-set, and the value by compare-and-set from exactly those
//! bytes. So one process wins, a value that was set or removed meanwhile is never overwritten by an older load, and
//! one key is enough, which a cluster needs. A lease has no clock: it is over when its bytes have not changed for
//! `lease_ms` as the waiting process sees it.

use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::answer::Cached;
use super::config::ms;
use super::envelope::{Content, Envelope, Lease};
use super::flight::Flight;
use super::lease::Held;
use super::read::Found;
use super::service::{Loader, Shared};
use crate::model::{Key, is_wrong_call};
use crate::port::Watch;

/// A flight of one key.
pub(super) struct Load<S: Watch> {
    pub(super) shared: Arc<Shared<S>>,
    pub(super) key: Key,
    ttl: Duration,
    flight: Arc<Flight>,
    /// The value is still fresh: whoever loads it already is enough.
    early: bool,
}

/// What a look at the store says to do.
enum Step {
    Answer(Cached),
    Load(Option<Held>),
    Wait,
}

impl<S: Watch + 'static> Load<S> {
    pub(super) const fn new(
        shared: Arc<Shared<S>>,
        key: Key,
        ttl: Duration,
        flight: Arc<Flight>,
        early: bool,
    ) -> Self {
        Self { shared, key, ttl, flight, early }
    }

    /// Flies to the end, which all who wait hear.
    pub(super) async fn run(self, loader: Loader) {
        let landing = self.shared.flights.landing(&self.key, &self.flight);
        let outcome = self.fly(loader).await;
        landing.with(outcome.map_err(Arc::new));
    }

    async fn fly(&self, loader: Loader) -> Result<Cached> {
        if let Some(stale) = self.shared.last(&self.key) {
            self.flight.offer(stale);
        }
        let give_up = Instant::now() + ms(self.shared.settings.hard_ms);
        let mut seen = None;
        loop {
            match self.look(&mut seen, give_up).await {
                Ok(Step::Answer(answer)) => return Ok(answer),
                Ok(Step::Load(held)) => return self.load(loader, held).await,
                Ok(Step::Wait) => {}
                // Nothing is wrong with the server, but with the call.
                Err(err) if is_wrong_call(&err) => return Err(err),
                Err(_) => {
                    if let Some(stale) = self.flight.stale() {
                        self.shared.backoffs.failed(&self.key);
                        return Ok(Cached::Stale(stale));
                    }
                    return self.load(loader, None).await;
                }
            }
            tokio::select! {
                () = self.flight.changed.notified() => {}
                // A message may be lost with its link.
                () = sleep(POLL) => {}
            }
        }
    }

    /// Looks what the store has, and tries to become the one who loads.
    async fn look(&self, seen: &mut Option<(Lease, Instant)>, give_up: Instant) -> Result<Step> {
        let found = self.shared.near.fetch(&self.key).await?.map(Found::new).transpose()?;
        if let Some(found) = &found {
            if let Some(content) = found.content() {
                if found.fresh().is_some() && (!self.early || found.lease().is_some()) {
                    return Ok(Step::Answer(Cached::Fresh(content.clone())));
                }
                self.flight.offer(content.clone());
                if self.shared.backoffs.waits(&self.key) {
                    return Ok(Step::Answer(Cached::Stale(content.clone())));
                }
            }
            if let Some(lease) = found.lease()
                && !self.is_silent(lease, seen)
            {
                let late = Instant::now() >= give_up;
                return Ok(if late { Step::Load(None) } else { Step::Wait });
            }
        }
        Ok(match Held::acquire(&self.shared, &self.key, found).await? {
            Some(held) => Step::Load(Some(held)),
            None => Step::Wait,
        })
    }

    /// Returns whether who holds this lease has not been heard of for too long.
    fn is_silent(&self, lease: Lease, seen: &mut Option<(Lease, Instant)>) -> bool {
        match seen {
            Some((known, since)) if *known == lease => since.elapsed() >= ms(self.shared.settings.lease_ms),
            _ => {
                *seen = Some((lease, Instant::now()));
                false
            }
        }
    }

    /// Loads, and stores what comes if the lease is still held.
    async fn load(&self, loader: Loader, mut held: Option<Held>) -> Result<Cached> {
        let started = Instant::now();
        let loaded = self.wait(loader, &mut held).await;
        let took = started.elapsed();
        self.shared.meter.load(loaded.is_ok(), took);
        match loaded {
            Ok(content) => {
                self.shared.backoffs.succeeded(&self.key);
                if let Some(held) = held {
                    self.store(held, content.clone(), took).await;
                }
                Ok(Cached::Fresh(content))
            }
            Err(err) => {
                if let Some(held) = held {
                    held.release(&self.shared, &self.key).await;
                }
                let Some(stale) = self.flight.stale() else { return Err(err) };
                self.shared.backoffs.failed(&self.key);
                tracing::debug!(code = %err.code(), "a load failed, the old value is answered");
                Ok(Cached::Stale(stale))
            }
        }
    }

    /// Waits for the loader, and says meanwhile that it goes on.
    async fn wait(&self, loader: Loader, held: &mut Option<Held>) -> Result<Content> {
        let settings = &self.shared.settings;
        // Its own task: a panic is an error, and dropping the set ends it.
        let mut loading = JoinSet::new();
        loading.spawn(async move { loader().await });
        let hard = sleep_until(Instant::now() + ms(settings.hard_ms));
        tokio::pin!(hard);
        let mut beat = interval(ms(settings.lease_ms) / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        loop {
            tokio::select! {
                biased;
                Some(done) = loading.join_next() => return done.unwrap_or_else(|_| {
                    Err(Error::new(Code::Panicked, "the loader panicked").with_operation("redis::cache_load"))
                }),
                () = &mut hard => {
                    return Err(Error::new(Code::Timeout, "the loader did not answer in time")
                        .with_operation("redis::cache_load")
                        .with_context("limit_ms", Public(settings.hard_ms)));
                }
                _ = beat.tick(), if held.is_some() => self.keep_up(held, true).await,
                () = self.flight.changed.notified(), if held.is_some() => self.keep_up(held, false).await,
            }
        }
    }

    /// Finds out whether the lease is still held, and says so to others when `beat`.
    async fn keep_up(&self, held: &mut Option<Held>, beat: bool) {
        let Some(lease) = held else { return };
        let kept = if beat {
            lease.beat(&self.shared, &self.key).await
        } else {
            lease.check(&self.shared, &self.key).await
        };
        // An error says nothing; the next beat asks again.
        if let Ok(false) = kept {
            *held = None;
            self.shared.meter.superseded.increment(1);
            // What is loaded now is older than a change: it is for those who wait already.
            self.shared.flights.forget(&self.key);
        }
    }

    async fn store(&self, held: Held, content: Content, took: Duration) {
        let settings = &self.shared.settings;
        let absent = ms(settings.absent_ms);
        let ttl = if content.is_none() { self.ttl.min(absent) } else { self.ttl };
        let stale = ms(settings.stale_ms);
        let envelope = Envelope::new(content, took, stale);
        match held.finish(&self.shared, &self.key, &envelope, ttl + stale).await {
            // Read back, so that the server notes it: only what is watched is kept near.
            Ok(true) => drop(self.shared.near.fetch(&self.key).await),
            Ok(false) => self.shared.meter.superseded.increment(1),
            Err(err) => tracing::debug!(code = %err.code(), "a loaded value was not stored"),
        }
    }
}

/// How often a process that waits for another one looks, should a message be lost.
const POLL: Duration = Duration::from_millis(50);
