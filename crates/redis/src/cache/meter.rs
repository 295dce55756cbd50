//! What is counted. The recorder must be installed before a cache is made: the counters are looked up once.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::answer::Cached;
use super::flight::Outcome;

/// Counts what happens near the caller.
#[derive(Clone)]
pub(super) struct NearMeter {
    hits: Counter,
    misses: Counter,
    not_kept: Counter,
    invalidations: Counter,
    flushes: Counter,
    losses: Counter,
    listening: Gauge,
}

/// Counts what a cache answers and loads.
#[derive(Clone)]
pub(super) struct CacheMeter {
    fresh: Counter,
    pub(super) stale: Counter,
    failed: Counter,
    pub(super) early: Counter,
    pub(super) superseded: Counter,
    loads: [Counter; 2],
    seconds: Histogram,
}

// === impl NearMeter ===

impl NearMeter {
    pub(super) fn new() -> Self {
        Self {
            hits: counter!("maily_redis_near_reads_total", "outcome" => "hit"),
            misses: counter!("maily_redis_near_reads_total", "outcome" => "miss"),
            not_kept: counter!("maily_redis_near_not_kept_total"),
            invalidations: counter!("maily_redis_near_invalidations_total"),
            flushes: counter!("maily_redis_near_flushes_total", "reason" => "flushed"),
            losses: counter!("maily_redis_near_flushes_total", "reason" => "lost"),
            listening: gauge!("maily_redis_near_listening"),
        }
    }

    pub(super) fn hit(&self) {
        self.hits.increment(1);
    }

    pub(super) fn miss(&self) {
        self.misses.increment(1);
    }

    pub(super) fn not_kept(&self) {
        self.not_kept.increment(1);
    }

    pub(super) fn invalidated(&self, keys: usize) {
        self.invalidations.increment(keys as u64);
    }

    pub(super) fn flushed(&self) {
        self.flushes.increment(1);
    }

    pub(super) fn lost(&self) {
        self.losses.increment(1);
        self.listening.set(0.0);
    }

    pub(super) fn listening(&self) {
        self.listening.set(1.0);
    }
}

// === impl CacheMeter ===

impl CacheMeter {
    pub(super) fn new() -> Self {
        let answers =
            |outcome: &'static str| counter!("maily_redis_cache_answers_total", "outcome" => outcome);
        let loads = |outcome: &'static str| counter!("maily_redis_cache_loads_total", "outcome" => outcome);
        Self {
            fresh: answers("fresh"),
            stale: answers("stale"),
            failed: answers("failed"),
            early: counter!("maily_redis_cache_early_refreshes_total"),
            superseded: counter!("maily_redis_cache_superseded_total"),
            loads: [loads("failed"), loads("ok")],
            seconds: histogram!("maily_redis_cache_load_seconds"),
        }
    }

    /// Counts how a call that did not hit was answered.
    pub(super) fn answered(&self, outcome: &Outcome) {
        let counter = match outcome {
            Ok(Cached::Fresh(_)) => &self.fresh,
            Ok(Cached::Stale(_)) => &self.stale,
            Err(_) => &self.failed,
        };
        counter.increment(1);
    }

    pub(super) fn load(&self, ok: bool, took: Duration) {
        self.loads[usize::from(ok)].increment(1);
        self.seconds.record(took.as_secs_f64());
    }
}
