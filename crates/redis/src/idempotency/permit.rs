use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use tokio::time::{MissedTickBehavior, interval};

use super::fingerprint::Fingerprint;
use super::record::Record;
use crate::model::{Key, Swap};
use crate::port::Store;

/// The right to run the work of a key, until its lease ends.
///
/// Made by [`Idempotency::begin`](super::Idempotency::begin), for callers that cannot hand over their work as a future;
/// else [`Idempotency::run`](super::Idempotency::run) does all of it. Dropping the permit leaves the key taken until its
/// lease ends.
#[must_use = "the key is taken until its lease ends"]
pub struct Permit<S> {
    pub(super) store: S,
    pub(super) key: Key,
    pub(super) fingerprint: Fingerprint,
    /// The record that says that this runner works.
    pub(super) running: Bytes,
    pub(super) lease: Duration,
    pub(super) ttl: Duration,
    pub(super) max_answer_bytes: usize,
}

impl<S: Store> Permit<S> {
    /// Gives the lease its full time again. Call it at least once in each lease; a third of it is usual.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisLeaseLost`] when the lease was over: somebody else may run the work.
    /// - What the store says.
    pub async fn renew(&self) -> Result<()> {
        self.replace(Some(self.running.clone()), Some(self.lease)).await
    }

    /// Returns how long the lease lasts after each renewal.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// Records the answer, which everybody with this key gets from now on. Calling it again is harmless.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisKeyTooLarge`] when the answer is over the limit. It is recorded that the work was done, so that it
    ///   is not run again; who asks gets [`Code::RedisAnswerNotKept`].
    /// - [`Code::RedisLeaseLost`] when the lease was over: nothing was recorded, and somebody else may have run the work.
    /// - What the store says.
    pub async fn complete(&self, answer: Bytes) -> Result<()> {
        let bytes = answer.len();
        let fits = bytes <= self.max_answer_bytes;
        let record = if fits {
            Record::Done { fingerprint: self.fingerprint, answer }
        } else {
            Record::DoneWithoutAnswer { fingerprint: self.fingerprint }
        };
        let record = record.encode();
        if let Err(err) = self.replace(Some(record.clone()), Some(self.ttl)).await {
            // A repeated call finds what the first one recorded, though it did not hear so.
            let recorded =
                err.code() == Code::RedisLeaseLost && self.store.get(&self.key).await? == Some(record);
            if !recorded {
                return Err(err);
            }
        }
        if fits {
            return Ok(());
        }
        Err(Error::new(Code::RedisKeyTooLarge, "the answer is too long to be kept")
            .with_operation("redis::idempotency")
            .with_context("bytes", Public(bytes))
            .with_context("limit_bytes", Public(self.max_answer_bytes)))
    }

    /// Frees the key, because the work was not done: the next caller runs it.
    ///
    /// # Errors
    ///
    /// As [`renew`](Self::renew).
    pub async fn abandon(self) -> Result<()> {
        self.replace(None, None).await
    }

    /// Runs work and renews the lease meanwhile. A renewal that fails is tried again at the next third.
    pub(crate) async fn while_renewed<T>(&self, work: impl Future<Output = T>) -> T {
        let renewals = async {
            let mut thirds = interval(self.lease / 3);
            thirds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            thirds.tick().await;
            loop {
                thirds.tick().await;
                // Lost or not, the work goes on: it cannot be undone, and its recording tells.
                self.renew().await.ok();
            }
        };
        tokio::select! {
            biased;
            value = work => value,
            () = renewals => unreachable!("renewals do not end"),
        }
    }

    async fn replace(&self, value: Option<Bytes>, ttl: Option<Duration>) -> Result<()> {
        let swap = Swap { expected: Some(self.running.clone()), value, ttl };
        if self.store.compare_and_set(&self.key, swap).await? {
            return Ok(());
        }
        Err(Error::new(Code::RedisLeaseLost, "the lease of the key was over")
            .with_operation("redis::idempotency"))
    }
}

impl<S> fmt::Debug for Permit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the key nor the record, which holds the fingerprint.
        f.debug_struct("Permit").field("lease", &self.lease).finish_non_exhaustive()
    }
}
