//! The right to load a key, as bytes in the store.

use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use tokio::time::Instant;

use super::config::ms;
use super::envelope::{Envelope, Lease};
use super::read::Found;
use super::service::Shared;
use crate::model::{Key, Swap};
use crate::port::{Store as _, Watch};

/// A lease that this process holds: exactly these bytes are in the store.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Bytes,
    envelope: Envelope,
    /// When the store would have ended what was there before; `None` for nothing or never.
    ends: Option<Instant>,
}

impl Held {
    /// Writes a lease over what was found; `None` when somebody else was first.
    pub(super) async fn acquire<S: Watch>(
        shared: &Shared<S>,
        key: &Key,
        found: Option<Found>,
    ) -> Result<Option<Self>> {
        let expected = found.as_ref().map(|found| found.bytes.clone());
        let mut envelope = found.as_ref().map_or_else(Envelope::empty, |found| found.envelope().clone());
        let ends = found.and_then(|found| Instant::now().checked_add(found.left));
        // Never 0, which is nobody.
        envelope.lease = Some(Lease { holder: rand::random::<u64>() | 1, beat: 0 });
        let mut held = Self { bytes: Bytes::new(), envelope, ends };
        Ok(held.write(shared, key, expected).await?.then_some(held))
    }

    /// Says that the load goes on; returns whether the lease is still held.
    pub(super) async fn beat<S: Watch>(&mut self, shared: &Shared<S>, key: &Key) -> Result<bool> {
        if let Some(lease) = &mut self.envelope.lease {
            lease.beat += 1;
        }
        let expected = self.bytes.clone();
        let kept = self.write(shared, key, Some(expected)).await;
        if kept.is_err() {
            // It may have been written or not.
            return self.check(shared, key).await;
        }
        kept
    }

    /// Looks whether the lease is still held.
    pub(super) async fn check<S: Watch>(&mut self, shared: &Shared<S>, key: &Key) -> Result<bool> {
        let Some(held) = shared.near.fetch(key).await? else { return Ok(false) };
        let found = Envelope::decode(&held.value).and_then(|envelope| envelope.lease);
        let own = found.map(|lease| lease.holder) == self.envelope.lease.map(|lease| lease.holder);
        if own {
            self.bytes = held.value;
        }
        Ok(own)
    }

    /// Replaces the lease by what was loaded; returns whether it was still held.
    pub(super) async fn finish<S: Watch>(
        self,
        shared: &Shared<S>,
        key: &Key,
        loaded: &Envelope,
        ttl: Duration,
    ) -> Result<bool> {
        let swap = Swap { expected: Some(self.bytes), value: Some(loaded.encode()), ttl: Some(ttl) };
        shared.near.compare_and_set(key, swap).await
    }

    /// Puts back what was there. If that fails the others find out by the silence.
    pub(super) async fn release<S: Watch>(self, shared: &Shared<S>, key: &Key) {
        let ttl = self.ends.map(|ends| ends.saturating_duration_since(Instant::now()));
        let over = ttl.is_some_and(|ttl| ttl < Duration::from_millis(1));
        let before = Envelope { lease: None, ..self.envelope };
        let value = (before.content.is_some() && !over).then(|| before.encode());
        let ttl = ttl.filter(|_| value.is_some());
        let swap = Swap { expected: Some(self.bytes), value, ttl };
        if let Err(err) = shared.near.compare_and_set(key, swap).await {
            tracing::debug!(code = %err.code(), "a lease was not given back");
        }
    }

    /// Writes the envelope with its lease. It stays at least until the next sign of life is long overdue.
    async fn write<S: Watch>(
        &mut self,
        shared: &Shared<S>,
        key: &Key,
        expected: Option<Bytes>,
    ) -> Result<bool> {
        let least = ms(shared.settings.lease_ms) * 3;
        let left = self.ends.map(|ends| ends.saturating_duration_since(Instant::now()));
        let nothing = self.envelope.content.is_none();
        let ttl = if nothing { Some(least) } else { left.map(|left| left.max(least)) };
        let mut envelope = self.envelope.clone();
        if let (Some(left), Some(ttl)) = (left, ttl) {
            // What stays longer for the lease is not fresh longer.
            envelope.stale += ttl.saturating_sub(left);
        }
        let bytes = envelope.encode();
        let swap = Swap { expected, value: Some(bytes.clone()), ttl };
        let written = shared.near.compare_and_set(key, swap).await?;
        if written {
            self.bytes = bytes;
        }
        Ok(written)
    }
}
