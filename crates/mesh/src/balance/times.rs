//! How long a node took lately: a histogram that is written without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// How long a node took for the prompts of the last five to ten minutes.
///
/// Each figure is off by an eighth at most; all are zero while there is no prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Times {
    /// How many prompts they are of.
    pub count: u64,
    /// Half of the prompts took no longer, in milliseconds.
    pub p50_ms: f64,
    /// Nine of ten took no longer.
    pub p90_ms: f64,
    /// 99 of a hundred took no longer.
    pub p99_ms: f64,
}

/// What a node took for the prompts of late.
#[derive(Debug)]
pub(super) struct Took {
    /// To the first byte of an answer.
    pub(super) first_byte: Recorder,
    /// To the last byte, of answers that came whole.
    pub(super) duration: Recorder,
}

impl Took {
    pub(super) const fn new() -> Self {
        Self { first_byte: Recorder::new(), duration: Recorder::new() }
    }
}

/// Counts times by their length, in two periods of five minutes: the one that runs, and the one before.
///
/// Eight buckets for each doubling from 65 µs to 73 minutes, as in `HdrHistogram`; 1.5 KiB.
#[derive(Debug)]
pub(super) struct Recorder {
    periods: [Period; 2],
}

#[derive(Debug)]
struct Period {
    /// Which one it is, from one; zero: it was never written.
    number: AtomicU64,
    counts: [AtomicU32; BUCKETS],
}

impl Recorder {
    const fn new() -> Self {
        Self { periods: [const { Period::new() }; 2] }
    }

    /// Counts one time, `nanos` after the start of the clock.
    pub(super) fn record(&self, took: Duration, nanos: u64) {
        let number = number_at(nanos);
        let period = &self.periods[(number % 2) as usize];
        let known = period.number.load(Ordering::Relaxed);
        let is_over = known != number;
        // One clears the period; what others count in the same moment may be lost with it.
        if is_over
            && period.number.compare_exchange(known, number, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            period.counts.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
        period.counts[bucket(took)].fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted in this period and the one before.
    pub(super) fn times(&self, nanos: u64) -> Times {
        let number = number_at(nanos);
        let is_recent = |period: &&Period| {
            let known = period.number.load(Ordering::Relaxed);
            known != 0 && (known == number || known + 1 == number)
        };
        let mut counts = [0_u64; BUCKETS];
        for period in self.periods.iter().filter(is_recent) {
            for (sum, count) in counts.iter_mut().zip(&period.counts) {
                *sum += u64::from(count.load(Ordering::Relaxed));
            }
        }
        let count = counts.iter().sum();
        let [p50_ms, p90_ms, p99_ms] = [0.5, 0.9, 0.99].map(|part| quantile_ms(&counts, count, part));
        Times { count, p50_ms, p90_ms, p99_ms }
    }
}

impl Period {
    const fn new() -> Self {
        Self { number: AtomicU64::new(0), counts: [const { AtomicU32::new(0) }; BUCKETS] }
    }
}

const fn number_at(nanos: u64) -> u64 {
    nanos / PERIOD_NANOS + 1
}

/// The bucket of a time: exact below eight units, then eight for each doubling.
fn bucket(took: Duration) -> usize {
    let units = (took.as_nanos() >> UNIT_BITS).min(MOST_UNITS) as u64;
    if units < 8 {
        return units as usize;
    }
    let doubling = 63 - u64::from(units.leading_zeros());
    ((doubling - 3) * 8 + (units >> (doubling - 3))) as usize
}

/// Where a bucket begins, and how wide it is, in units.
const fn bounds(bucket: usize) -> (u64, u64) {
    if bucket < 8 {
        return (bucket as u64, 1);
    }
    let width = 1 << (bucket / 8 - 1);
    ((8 + bucket as u64 % 8) * width, width)
}

/// The time below which a part of the prompts lies, as if those of one bucket were spread evenly over it.
fn quantile_ms(counts: &[u64; BUCKETS], count: u64, part: f64) -> f64 {
    let rank = (part * count as f64).ceil();
    let mut before = 0;
    for (bucket, own) in counts.iter().enumerate() {
        if *own > 0 && (before + own) as f64 >= rank {
            let (from, width) = bounds(bucket);
            let into = (rank - before as f64 - 0.5) / *own as f64;
            return (from as f64 + width as f64 * into) * UNIT_MS;
        }
        before += own;
    }
    0.0
}

const PERIOD_NANOS: u64 = 300_000_000_000;
/// A unit is two to the sixteenth nanoseconds.
const UNIT_BITS: u32 = 16;
const UNIT_MS: f64 = 0.065_536;
const BUCKETS: usize = 192;
/// What does not fit into the last bucket counts as if it did.
const MOST_UNITS: u128 = (1 << 26) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn is_near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= wanted / 8.0
    }

    #[test]
    fn buckets_cover_every_time_without_a_gap() {
        let mut next = 0;
        for index in 0..BUCKETS {
            let (from, width) = bounds(index);
            assert_eq!(from, next, "bucket {index}");
            for units in [from, from + width - 1] {
                assert_eq!(bucket(Duration::from_nanos(units << UNIT_BITS)), index);
            }
            next = from + width;
        }
        assert_eq!(u128::from(next), MOST_UNITS + 1);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_off_by_an_eighth_at_most() {
        let recorder = Recorder::new();
        (1..=1000).for_each(|took| recorder.record(ms(took), 0));

        let Times { count, p50_ms, p90_ms, p99_ms } = recorder.times(0);

        assert_eq!(count, 1000);
        for (found, wanted) in [(p50_ms, 500.0), (p90_ms, 900.0), (p99_ms, 990.0)] {
            assert!(is_near(found, wanted), "{found} for {wanted}");
        }
    }

    #[test]
    fn times_are_forgotten_after_five_to_ten_minutes() {
        let recorder = Recorder::new();
        recorder.record(ms(100), PERIOD_NANOS - 1);

        assert_eq!(recorder.times(2 * PERIOD_NANOS - 1).count, 1, "five minutes later");
        assert_eq!(recorder.times(2 * PERIOD_NANOS), Times::default());

        recorder.record(ms(7), 2 * PERIOD_NANOS);
        let times = recorder.times(2 * PERIOD_NANOS);
        assert!(times.count == 1 && is_near(times.p99_ms, 7.0), "{times:?}");
    }
}
