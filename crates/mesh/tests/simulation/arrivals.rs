//! When prompts come, and at which instance.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How prompts come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrivals {
    pub(super) per_second: f64,
    /// Whether all come in a third of the time: two seconds of each six.
    pub(super) bursts: bool,
    pub(super) seed: u64,
}

impl Arrivals {
    pub(super) const fn steady(per_second: f64) -> Self {
        Self { per_second, bursts: false, seed: 5 }
    }

    /// Returns how long after the start each of so many prompts comes, at random times.
    pub(super) fn times(self, count: usize) -> impl Iterator<Item = Duration> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut at = 0.0_f64;
        (0..count).map(move |_| {
            at += -(1.0 - random.random::<f64>()).ln() / self.per_second;
            let shown = if self.bursts { (at / 6.0).floor() * 6.0 + at % 6.0 / 3.0 } else { at };
            Duration::from_secs_f64(shown)
        })
    }
}
