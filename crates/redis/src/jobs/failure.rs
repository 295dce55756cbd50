//! Why a job was not done, and what becomes of it.

use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};

use super::model::{MAX_DELAY, invalid};

/// Why a job was not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// It cannot be done: a dead letter at once.
    Dead {
        /// Of which error.
        code: Code,
        /// In words for people, without values.
        message: &'static str,
    },
    /// It was not tried: another worker gets it at once, and the delivery does not count.
    HandBack,
    /// It may be done later, unless it was handed out too often already.
    Retry {
        /// How long it waits: at most [`MAX_DELAY`].
        after: Duration,
        /// Of which error.
        code: Code,
        /// In words for people, without values.
        message: &'static str,
    },
}

impl Failure {
    /// The longest wait that [`Failure::of`] chooses: ten minutes.
    pub const MAX_BACKOFF: Duration = Duration::from_secs(600);

    /// Decides from the catalogue row of an error.
    ///
    /// What is not retryable is a dead letter at once. What is waits as long as the error says, or else the backoff
    /// of its row (at least 100 ms), doubled with each delivery, at most [`Failure::MAX_BACKOFF`], and up to half of
    /// that more or less by chance, so that jobs which failed together do not come back together.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_errors::{Code, Error};
    /// use maily_redis::jobs::Failure;
    ///
    /// let away = Error::new(Code::RedisUnreachable, "the connection failed");
    /// assert!(matches!(Failure::of(&away, 1), Failure::Retry { .. }));
    ///
    /// let wrong = Error::new(Code::Invalid, "the address has no host");
    /// assert!(matches!(Failure::of(&wrong, 1), Failure::Dead { code: Code::Invalid, .. }));
    /// ```
    #[must_use]
    pub fn of(err: &Error, deliveries: u32) -> Self {
        let (code, message) = (err.code(), err.message());
        if !code.is_retryable() {
            return Self::Dead { code, message };
        }
        let after = err.retry_after().unwrap_or_else(|| {
            let first = code.backoff().max(Duration::from_millis(100));
            let doubled = first.saturating_mul(1 << deliveries.saturating_sub(1).min(16));
            doubled.min(Self::MAX_BACKOFF).mul_f64(rand::random_range(0.5..1.5))
        });
        Self::Retry { after: after.min(MAX_DELAY), code, message }
    }

    pub(super) fn checked(self) -> Result<Self> {
        match self {
            Self::Retry { after, .. } if after > MAX_DELAY => {
                Err(invalid("redis::fail", "the delay is over 365 days")
                    .with_context("delay_s", Public(after.as_secs())))
            }
            failure => Ok(failure),
        }
    }
}

/// What becomes of a job that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fate {
    /// It is a dead letter.
    Dead,
    /// Nothing: the worker does not have it any more.
    Lost,
    /// It waits for its next delivery.
    Waits,
}
