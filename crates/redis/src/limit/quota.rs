use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};

/// The most requests of a quota or a burst: 67 108 864, or 2^26.
pub const MAX_COUNT: u32 = 1 << 26;

/// The longest time in which an empty burst may become whole: 366 days.
pub const MAX_FILL: Duration = Duration::from_secs(366 * 24 * 3600);

/// How much is allowed: `count` requests in each `per`, and `burst` of them at once.
///
/// | part | from | to |
/// | --- | --- | --- |
/// | `count` | 1 | [`MAX_COUNT`] |
/// | `per` | 1 ms, in whole µs | [`MAX_FILL`] |
/// | `burst` | 1 | [`MAX_COUNT`], and `burst * per / count` at most [`MAX_FILL`] |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::limit::Quota;
///
/// let quota = Quota::per_second(10);
/// assert_eq!(quota, Quota::new(10, Duration::from_secs(1)).with_burst(10));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Quota {
    count: u32,
    per: Duration,
    burst: u32,
}

/// What a limiter says to one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the request may go on.
    pub allowed: bool,
    /// How many requests of cost 1 would be allowed now, after this one.
    pub remaining: u32,
    /// When the same request would be allowed, if nobody else asks; zero when it was.
    pub retry_after: Duration,
    /// When the burst is whole again, if nobody asks.
    pub reset_after: Duration,
    /// Whether the store failed and [`OnFailure`](super::OnFailure) decided.
    pub degraded: bool,
}

/// A time in which no division was rounded: exact for any quota.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span {
    /// Whole microseconds.
    pub whole: u64,
    /// The rest, in units of 1/[`count`](Quota::count) µs: below the count.
    pub rest: u64,
}

/// What a store answers to [`Limits::take`](crate::Limits::take).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Whether the cost was taken.
    pub allowed: bool,
    /// How long from now until the burst is whole, after this request.
    pub backlog: Span,
}

// === impl Quota ===

impl Quota {
    /// Allows `count` requests in each `per`, all of them at once.
    #[must_use]
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per, burst: count }
    }

    /// Allows `count` requests in each second, all of them at once.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// Sets how many requests may come at once after a pause.
    #[must_use]
    pub const fn with_burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Returns how many requests are allowed in each [`per`](Self::per).
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Returns the time in which [`count`](Self::count) requests are allowed.
    #[must_use]
    pub const fn per(self) -> Duration {
        self.per
    }

    /// Returns how many requests may come at once after a pause.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when a part is out of its range.
    pub fn check(self) -> Result<()> {
        let in_range = (1..=MAX_COUNT).contains(&self.count)
            && (1..=MAX_COUNT).contains(&self.burst)
            && (Duration::from_millis(1)..=MAX_FILL).contains(&self.per)
            && self.per.subsec_nanos().is_multiple_of(1000)
            && u128::from(self.burst) * u128::from(micros(self.per))
                <= u128::from(self.count) * u128::from(micros(MAX_FILL));
        if in_range {
            return Ok(());
        }
        Err(Error::new(Code::ConfigInvalid, "the quota is out of its range")
            .with_operation("redis::limit")
            .with_context("count", Public(self.count))
            .with_context("burst", Public(self.burst))
            .with_context("per_ms", Public(self.per.as_secs_f64() * 1000.0)))
    }

    /// Checks what a request costs.
    pub(crate) fn check_cost(self, cost: u32) -> Result<()> {
        if cost <= self.burst {
            return Ok(());
        }
        Err(Error::new(Code::Invalid, "the request costs more than the burst, so it would never be allowed")
            .with_operation("redis::limit")
            .with_context("cost", Public(cost))
            .with_context("burst", Public(self.burst)))
    }

    /// Returns how long so many requests take at this rate. The quota must be in its range.
    #[must_use]
    pub fn span(self, requests: u32) -> Span {
        let (count, per) = (u64::from(self.count), micros(self.per));
        // Split before the product: each factor fits, and so does each product.
        let rests = u64::from(requests) * (per % count);
        Span { whole: u64::from(requests) * (per / count) + rests / count, rest: rests % count }
    }

    /// Says what a verdict means for a request of this cost.
    pub(crate) fn decide(self, verdict: Verdict, cost: u32) -> Decision {
        let Verdict { allowed, backlog } = verdict;
        let (full, count) = (self.ticks(self.span(self.burst)), u128::from(self.count));
        let used = self.ticks(backlog);
        let remaining = full.saturating_sub(used) / u128::from(micros(self.per));
        let after = used + self.ticks(self.span(cost));
        let wait = if allowed { 0 } else { after.saturating_sub(full) };
        Decision {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            retry_after: duration(wait, count),
            reset_after: duration(used, count),
            degraded: false,
        }
    }

    /// Returns a time in units of 1/count µs, of which one request takes `per`.
    fn ticks(self, span: Span) -> u128 {
        u128::from(span.whole) * u128::from(self.count) + u128::from(span.rest)
    }
}

// === impl Span ===

impl Span {
    /// Adds a time of the same quota.
    pub(crate) const fn plus(self, other: Self, count: u32) -> Self {
        let rest = self.rest + other.rest;
        let carry = rest / count as u64;
        Self { whole: self.whole + other.whole + carry, rest: rest % count as u64 }
    }
}

/// Rounds up to whole µs: who comes back then is not too early.
fn duration(ticks: u128, count: u128) -> Duration {
    Duration::from_micros(u64::try_from(ticks.div_ceil(count)).unwrap_or(u64::MAX))
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
