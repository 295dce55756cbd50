//! The time of a store in memory: it never goes back, nor does it over a restart.

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A point in time by the [`Clock`] of a store: microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Moment(pub(crate) u64);

/// The time of the system when the store began, moved on by tokio's clock: what happens to the time of the system
/// meanwhile changes nothing.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    first: Moment,
}

// === impl Moment ===

/// Rounded up: nothing ends before its time.
impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        let micros = u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// The time from the other one to this one; zero if the other one is later.
impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

// === impl Clock ===

impl Clock {
    /// Begins with the time of the system, or at `last` if the system says an earlier one: a clock that was set back
    /// between two runs of a process stands still for that time, and numbers made of it go on growing.
    pub(crate) fn from(last: Moment) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Moment(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
        Self { began: Instant::now(), first: now.max(last) }
    }

    pub(crate) fn now(&self) -> Moment {
        // Rounded down: what was written as now is not in the future of the next look.
        Moment(self.first.0 + u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clock, Moment};

    #[tokio::test(start_paused = true)]
    async fn clock_goes_on_where_it_was_when_the_system_was_set_back() {
        let before = Clock::from(Moment::default());
        let year = Duration::from_secs(365 * 24 * 3600);
        let last = before.now() + year;

        let after = Clock::from(last);
        assert_eq!(after.now(), last);
        tokio::time::advance(Duration::from_millis(3)).await;

        assert_eq!(after.now() - last, Duration::from_millis(3));
        assert_eq!(last - after.now(), Duration::ZERO);
        assert!(Clock::from(before.now()).now() >= before.now());
    }

    #[test]
    fn times_end_late_rather_than_early() {
        assert_eq!(Moment(5) + Duration::from_nanos(1), Moment(6));
        assert_eq!(Moment(5) + Duration::from_micros(1), Moment(6));
        assert_eq!(Moment(5) + Duration::MAX, Moment(u64::MAX));
    }
}
