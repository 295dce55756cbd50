//! How to choose when one is not sure.

use crate::model::Estimate;

/// A rule that gives every candidate its probability of being chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Policy {
    /// Mostly the most promising candidate; in the share `exploration` of the cases any, all alike.
    ///
    /// Candidates that are equally promising share the first place, so a model that knows nothing yet chooses
    /// all of them alike.
    EpsilonGreedy {
        /// The share of cases that try any candidate, `0.0..=1.0`.
        exploration: f64,
    },
}

impl Policy {
    /// Returns the probability of each candidate, in order. They sum to 1 within rounding.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_analytics::model::Estimate;
    /// use maily_analytics::recommend::Policy;
    ///
    /// let of = |probability| Estimate {
    ///     probability, low: 0.0, high: 1.0, level: 0.9, evidence: 50.0, cold: false, margin: 0.0,
    /// };
    /// let policy = Policy::EpsilonGreedy { exploration: 0.2 };
    /// assert_eq!(policy.propensities(&[of(0.1), of(0.3)]), [0.1, 0.9]);
    /// ```
    #[must_use]
    pub fn propensities(&self, estimates: &[Estimate]) -> Vec<f64> {
        let Self::EpsilonGreedy { exploration } = *self;
        let best = estimates.iter().map(|estimate| estimate.probability).fold(f64::MIN, f64::max);
        let is_best = |estimate: &Estimate| estimate.probability >= best;
        let winners = estimates.iter().filter(|estimate| is_best(estimate)).count() as f64;
        let any = exploration / estimates.len() as f64;
        let first = |estimate| if is_best(estimate) { (1.0 - exploration) / winners } else { 0.0 };
        estimates.iter().map(|estimate| any + first(estimate)).collect()
    }
}

/// Returns the index that a uniform draw of `0.0..1.0` chooses. Never one of probability 0.
pub(super) fn pick(propensities: &[f64], draw: f64) -> usize {
    let mut left = draw * propensities.iter().sum::<f64>();
    let mut last = 0;
    for (index, &propensity) in propensities.iter().enumerate() {
        if propensity > 0.0 {
            if left < propensity {
                return index;
            }
            last = index;
        }
        left -= propensity;
    }
    // Rounding may leave a hair at the end; it belongs to the last that can be chosen.
    last
}
