use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::model::{ModelName, PromptHead};

/// What decides how long an answer usually takes to begin.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Class {
    model: ModelName,
    streamed: bool,
    /// Up to 1,000, 8,000, 64,000 tokens, or more.
    size: u8,
}

impl Class {
    pub(super) fn of(head: &PromptHead) -> Self {
        let size = match head.estimated_tokens {
            0..1_000 => 0,
            1_000..8_000 => 1,
            8_000..64_000 => 2,
            _ => 3,
        };
        Self { model: head.model.clone(), streamed: head.stream, size }
    }
}

/// The times of all classes. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    classes: Arc<RwLock<HashMap<Class, Arc<Times>>>>,
    // Clients name models as they like, so the classes beyond the limit share one.
    others: Arc<Times>,
}

impl Quantiles {
    const MAX_CLASSES: usize = 256;

    pub(super) fn of(&self, class: Class) -> Arc<Times> {
        if let Some(times) = self.classes.read().get(&class) {
            return times.clone();
        }
        let mut classes = self.classes.write();
        if classes.len() >= Self::MAX_CLASSES {
            return self.others.clone();
        }
        classes.entry(class).or_default().clone()
    }
}

/// How long answers took to begin: counters whose limits grow by a tenth, and the 95th percentile of them.
#[derive(Debug)]
pub(super) struct Times {
    counters: Mutex<Counters>,
    /// In microseconds; 0 as long as too few are known.
    p95: AtomicU64,
}

#[derive(Debug)]
struct Counters {
    buckets: [u16; BUCKETS],
    total: u16,
}

impl Times {
    /// The wait that 95 of 100 answers do not need; `None` for fewer than 20 answers. One atomic read.
    pub(super) fn p95(&self) -> Option<Duration> {
        let micros = self.p95.load(Ordering::Relaxed);
        (micros > 0).then_some(Duration::from_micros(micros))
    }

    pub(super) fn observe(&self, took: Duration) {
        let mut counters = self.counters.lock();
        counters.buckets[bucket(took)] += 1;
        counters.total += 1;
        if counters.total >= FORGET {
            counters.halve();
        }
        // Each eighth time is often enough for a percentile of hundreds.
        if counters.total >= KNOWN && counters.total.is_multiple_of(8) {
            self.p95.store(counters.p95(), Ordering::Relaxed);
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self { counters: Mutex::new(Counters { buckets: [0; BUCKETS], total: 0 }), p95: AtomicU64::new(0) }
    }
}

impl Counters {
    fn halve(&mut self) {
        self.buckets.iter_mut().for_each(|count| *count /= 2);
        self.total = self.buckets.iter().sum();
    }

    /// The upper limit of the bucket in which the 95th of 100 lies.
    fn p95(&self) -> u64 {
        let slower = self.total / 20;
        let mut seen = 0;
        let from_slowest = self.buckets.iter().enumerate().rev();
        let bucket = from_slowest
            .skip_while(|(_, count)| {
                seen += **count;
                seen <= slower
            })
            .map(|(bucket, _)| bucket)
            .next();
        limit(bucket.unwrap_or_default())
    }
}

/// From 1 ms in steps of a tenth: up to 180 s.
const BUCKETS: usize = 128;
/// The times from which a percentile means something.
const KNOWN: u16 = 20;
/// The times at which all counters are halved, so that what was long ago fades.
const FORGET: u16 = 512;
const STEP: f64 = 1.1;
const FIRST_MICROS: f64 = 1_000.0;

fn bucket(took: Duration) -> usize {
    let steps = (took.as_secs_f64() * 1e6 / FIRST_MICROS).ln() / STEP.ln();
    // Below the first limit the logarithm is negative, and of zero it is infinite: the cast saturates.
    (steps.ceil() as usize).min(BUCKETS - 1)
}

fn limit(bucket: usize) -> u64 {
    (FIRST_MICROS * STEP.powf(bucket as f64)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_right_within_a_tenth() {
        let times = Times::default();

        for millis in (0..400).map(|i| 1 + (i * 7919) % 1000) {
            times.observe(Duration::from_millis(millis));
        }

        let p95 = times.p95().unwrap().as_secs_f64();
        assert!((0.9..1.1).contains(&p95), "{p95}");
    }

    #[test]
    fn few_times_say_nothing() {
        let times = Times::default();
        (0..19).for_each(|_| times.observe(Duration::from_millis(5)));
        assert_eq!(times.p95(), None);
    }

    #[test]
    fn old_times_fade() {
        let times = Times::default();
        (0..500).for_each(|_| times.observe(Duration::from_secs(5)));
        (0..2_000).for_each(|_| times.observe(Duration::from_millis(20)));

        assert!(times.p95().unwrap() < Duration::from_millis(25));
    }

    #[test]
    fn models_beyond_the_limit_share_one_class() {
        let quantiles = Quantiles::default();
        let class =
            |index: usize| Class { model: ModelName::new(index.to_string()), streamed: true, size: 0 };

        let all: Vec<_> = (0..1_000).map(|index| quantiles.of(class(index))).collect();

        assert_eq!(quantiles.classes.read().len(), Quantiles::MAX_CLASSES);
        assert!(Arc::ptr_eq(&all[998], &all[999]));
        assert!(!Arc::ptr_eq(&all[0], &all[1]));
    }
}
