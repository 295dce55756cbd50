use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use tokio::time::Instant;

use super::token::Token;

/// The shortest lease of a lock: below it a round trip is too large a part of it.
pub const MIN_LEASE: Duration = Duration::from_millis(50);

/// The longest lease of a lock: a crashed holder blocks the others for so long.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 3600);

/// Who asks for a lock: 128 random bits, new for each holder.
///
/// # Examples
///
/// ```
/// use maily_redis::lock::Owner;
///
/// assert_ne!(Owner::random(), Owner::random());
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Owner(u128);

/// The answer to a request for a lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Grant {
    /// The lock is the caller's until its time to live is over.
    Granted(Token),
    /// Somebody else holds it, or it is promised to somebody else.
    Held {
        /// When that lease or promise ends, unless it is renewed.
        remaining: Duration,
        /// Whether it is now promised to the caller.
        next: bool,
    },
}

// === impl Owner ===

impl Owner {
    /// Creates an owner that nobody else is.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    pub(super) const fn from_number(number: u128) -> Self {
        Self(number)
    }

    pub(super) fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_be_bytes())
    }
}

/// Who knows an owner could release its lock.
impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner(..)")
    }
}

pub(super) fn checked(operation: &'static str, ttl: Duration) -> Result<Duration> {
    if (MIN_LEASE..=MAX_LEASE).contains(&ttl) {
        return Ok(ttl);
    }
    Err(Error::new(Code::Invalid, "the lease is not between 50 ms and 24 h")
        .with_operation(operation)
        .with_context("ttl_ms", Public(ttl.as_secs_f64() * 1000.0)))
}

/// Returns until when a holder may rely on a lease that it asked for at `sent`.
///
/// The server's lease begins later than that, so it ends later. Its clock may run faster: 1 % and 2 ms are taken off,
/// as Redlock does (redis.io, "Distributed Locks with Redis", "is the algorithm asynchronous?").
pub(super) fn reliable_until(sent: Instant, ttl: Duration) -> Instant {
    sent + ttl - (ttl / 100 + Duration::from_millis(2))
}

/// Returns a time around the given one, from half of it to one and a half: what began together does not stay together.
pub(super) fn jittered(around: Duration) -> Duration {
    around.mul_f64(rand::random_range(0.5..1.5))
}

pub(super) fn lost() -> Error {
    Error::new(Code::RedisLeaseLost, "the lock is no longer held").with_operation("redis::lock")
}
