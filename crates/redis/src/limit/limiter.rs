use std::time::Duration;

use maily_errors::{Code, Error, Result};
use tokio::time::timeout;

use super::quota::{Decision, Quota};
use crate::model::{Key, is_wrong_call};
use crate::port::Limits;

/// What a limiter answers when its store cannot.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Every request is allowed: the limit protects a price, and an outage of the store must not stop the product.
    Allow,
    /// No request is allowed: the limit protects something that breaks.
    Refuse,
}

/// Allows so many requests per key and time, counted over all processes that share the store.
///
/// One decision is one round trip; in memory it costs four times a `get`. On a server a key is the string `limit:NAME` behind
/// the prefix of the store, which ends when its burst is whole again. Limiters with the same names on the same store
/// count together, so a quota is best part of the name, or the same everywhere.
///
/// A failover that loses the last writes forgets what they counted: at most one more burst per key is allowed then.
///
/// The module shows an example.
#[derive(Clone, Debug)]
pub struct Limiter<S> {
    store: S,
    quota: Quota,
    on_failure: OnFailure,
    deadline: Option<Duration>,
}

impl<S: Limits> Limiter<S> {
    /// Creates a limiter.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the quota is out of its range.
    pub fn new(store: S, quota: Quota, on_failure: OnFailure) -> Result<Self> {
        quota.check()?;
        Ok(Self { store, quota, on_failure, deadline: None })
    }

    /// Sets after how long without an answer [`OnFailure`] decides; the timeout of the store unless set.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Returns the quota.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Asks for `cost` requests at once, and takes all of them or none.
    ///
    /// A cost of 0 takes nothing and is always allowed: it asks how much remains.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when the cost is over the burst, or the name too long. A failure of the store is not an error:
    /// [`OnFailure`] decides, and [`Decision::degraded`] is true.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves it unknown whether the cost was taken.
    pub async fn take(&self, name: &Key, cost: u32) -> Result<Decision> {
        self.quota.check_cost(cost)?;
        let verdict = self.store.take(name, self.quota, cost);
        let verdict = match self.deadline {
            Some(deadline) => timeout(deadline, verdict).await.unwrap_or_else(|_| Err(Code::Timeout.into())),
            None => verdict.await,
        };
        match verdict {
            Ok(verdict) => Ok(self.quota.decide(verdict, cost)),
            Err(err) if is_wrong_call(&err) && !err.is_temporary() => Err(err),
            Err(_) => Ok(self.degraded()),
        }
    }

    /// Asks for one request, and fails if it is not allowed.
    ///
    /// # Errors
    ///
    /// - [`Code::Throttled`] when it is not, with the time after which it would be.
    /// - What [`take`](Self::take) says.
    pub async fn admit(&self, name: &Key) -> Result<Decision> {
        self.take(name, 1).await?.admitted()
    }

    fn degraded(&self) -> Decision {
        let allowed = self.on_failure == OnFailure::Allow;
        let wait = if allowed { Duration::ZERO } else { FAILURE_RETRY };
        Decision { allowed, remaining: 0, retry_after: wait, reset_after: wait, degraded: true }
    }
}

impl Decision {
    /// Returns itself if it allows.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] if not, with [`retry_after`](Self::retry_after).
    pub fn admitted(self) -> Result<Self> {
        if self.allowed {
            return Ok(self);
        }
        Err(Error::new(Code::Throttled, "the rate limit is reached")
            .with_operation("redis::limit")
            .with_retry_after(self.retry_after))
    }
}

/// When to ask again after a failure that refused: about as long as a server takes to come back.
const FAILURE_RETRY: Duration = Duration::from_secs(1);
