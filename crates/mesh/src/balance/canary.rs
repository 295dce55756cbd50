//! A share of the prompts for the nodes that are on trial.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use super::prefixes::Prefixes;
use super::ring::mixed;

/// Splits prompts in two by an exact share, and keeps those of one prefix on one side.
///
/// A prefix that was not seen before goes to the side that is behind; one that was seen stays on its side, unless the
/// share would then be off by more than [`SLACK`] prompts. So over any time the share is exact up to that many prompts,
/// however few prefixes there are.
pub(super) struct Canary {
    share_ppm: i64,
    // What the canaries are owed, in millionths of a prompt.
    owed: AtomicI64,
    sides: Prefixes,
}

impl Canary {
    /// Creates a split; the share is 0.0 to 1.0.
    pub(super) fn new(share: f64) -> Self {
        Self { share_ppm: ppm(share), owed: AtomicI64::new(0), sides: Prefixes::new(REMEMBERED) }
    }

    /// Whether it splits as one of this share would.
    pub(super) const fn is_of(&self, share: f64) -> bool {
        self.share_ppm == ppm(share)
    }

    /// Whether a prompt of this prefix is one for the canaries.
    pub(super) fn takes(&self, prefix: u64) -> bool {
        let prefix = mixed(prefix);
        let owed = self.owed.fetch_add(self.share_ppm, Ordering::Relaxed) + self.share_ppm;
        let takes = match self.sides.find(prefix) {
            Some(0) => owed > SLACK * ONE,
            Some(_) => owed > -SLACK * ONE,
            None => owed >= ONE / 2 && self.share_ppm > 0,
        };
        if takes {
            self.owed.fetch_sub(ONE, Ordering::Relaxed);
        }
        self.sides.put(prefix, u16::from(takes));
        takes
    }
}

const fn ppm(share: f64) -> i64 {
    (share.clamp(0.0, 1.0) * ONE as f64) as i64
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("share_ppm", &self.share_ppm).finish_non_exhaustive()
    }
}

const ONE: i64 = 1_000_000;
/// By how many prompts the share may be off before a prefix changes sides.
const SLACK: i64 = 16;
/// The prefixes whose side is remembered, eight bytes each.
const REMEMBERED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_exact_over_time_however_few_prefixes_there_are() {
        for prefixes in [1, 3, 100, 100_000] {
            let canary = Canary::new(0.05);

            let taken = (0..100_000_u64).filter(|at| canary.takes(at % prefixes)).count();

            assert!(taken.abs_diff(5000) <= SLACK as usize + 1, "{taken} with {prefixes}");
        }
    }

    #[test]
    fn prefix_stays_on_its_side() {
        let canary = Canary::new(0.2);
        let mut side = std::collections::HashMap::new();
        let mut moves = 0;

        for at in 0..10_000_u64 {
            let prefix = at % 500;
            let takes = canary.takes(prefix);
            moves += usize::from(side.insert(prefix, takes).is_some_and(|before| before != takes));
        }

        assert!(moves <= 20, "{moves} of 10000");
    }

    #[test]
    fn share_of_nothing_and_of_everything_have_no_exception() {
        let (none, all) = (Canary::new(0.0), Canary::new(1.0));

        assert_eq!((1..2000).filter(|prefix| none.takes(*prefix)).count(), 0);
        assert_eq!((1..2000).filter(|prefix| all.takes(*prefix)).count(), 1999);
    }
}
