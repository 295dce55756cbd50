//! What a read of a cached value found.

use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use tokio::time::Instant;

use super::entry::Entry;
use super::envelope::{Content, Envelope, Lease};
use crate::model::Held;

/// A cached value, and how long it is fresh.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// What the store has, byte for byte.
    pub(super) bytes: Bytes,
    envelope: Envelope,
    /// How long the store keeps it.
    pub(super) left: Duration,
}

impl Found {
    /// Reads what the store answered.
    pub(super) fn new(held: Held) -> Result<Self> {
        let Some(envelope) = Envelope::decode(&held.value) else {
            return Err(Error::new(Code::RedisWrongType, "the key holds what no cache wrote")
                .with_operation("redis::cache"));
        };
        Ok(Self { bytes: held.value, envelope, left: held.left.unwrap_or(Duration::MAX) })
    }

    /// Reads an entry; what is none of ours is as good as nothing.
    #[inline]
    pub(super) fn near(entry: Entry, now: Instant) -> Option<Self> {
        let bytes = entry.value?;
        let envelope = Envelope::decode(&bytes)?;
        let left = entry.ends.map_or(Duration::MAX, |ends| ends.saturating_duration_since(now));
        Some(Self { bytes, envelope, left })
    }

    /// Returns for how long its time is not over; `None` when it is, or when nothing is there yet.
    #[inline]
    pub(super) fn fresh(&self) -> Option<Duration> {
        self.envelope.content.as_ref()?;
        self.left.checked_sub(self.envelope.stale).filter(|left| !left.is_zero())
    }

    /// Returns what is there, over or not.
    pub(super) const fn content(&self) -> Option<&Content> {
        self.envelope.content.as_ref()
    }

    /// Returns what is there, over or not.
    #[inline]
    pub(super) fn into_content(self) -> Option<Content> {
        self.envelope.content
    }

    pub(super) const fn took(&self) -> Duration {
        self.envelope.took
    }

    pub(super) const fn lease(&self) -> Option<Lease> {
        self.envelope.lease
    }

    pub(super) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}
