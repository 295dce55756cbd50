//! When an answer to a similar prompt is good enough, with a bound on the error.
//!
//! How alike two prompts have to be differs from prompt to prompt, so no one threshold fits all. Here each answer in memory
//! learns its own: a [`Judge`] keeps what is known of how often it was right at which similarity, and asks
//! a node again as often as the bound requires.
//!
//! # The bound
//!
//! Let `p` be the probability that the answer is right at this similarity, given all that was seen. The judge
//! asks a node with probability `1 - delta / (1 - p)`, so it gives a wrong answer with probability at most
//! `(1 - p) * delta / (1 - p) = delta`, at each prompt. It holds as far as `p` is honest:
//!
//! - The probability of being right rises with the similarity along some logistic curve, or does not depend on it.
//! - The curve is drawn as the prior says: three answers in five are never right for another prompt, one in three as often
//!   at any similarity, and of the others the curve stands at any similarity from 0.5 up to one that no prompt reaches, with
//!   any steepness from 6 to 400. A quarter of `delta` is kept for what that does not know.
//! - Prompts come independently of what was decided before, and a label says truly whether two answers agree.
//!
//! An adversary who chooses prompts, or a model whose answers differ by chance, breaks it. The bound is on all prompts
//! together; among those that are answered from memory the share of wrong ones may be larger.
//!
//! Source: vCache, arXiv 2502.03771, section 4 and algorithm 1. There `p` is a quantile of a fitted curve; here it
//! is the mean over a grid of curves, which needs no fit and is defined before the first observation.
//!
//! # Examples
//!
//! ```
//! use maily_mesh::layer::similar::Judge;
//!
//! let mut judge = Judge::new(0.02);
//! assert!(judge.hit_probability(0.97) < 0.2);
//! for _ in 0..200 {
//!     judge.learn(0.95, true);
//! }
//! assert!(judge.hit_probability(0.97) > 0.9);
//! assert!(judge.hit_probability(0.70) < 0.2);
//! ```

use std::fmt;

/// Decides whether one answer may stand for a similar prompt. Learns from what the answers turned out to be.
///
/// Holds 396 weights. A decision or an observation is one step for each of them.
#[derive(Clone)]
pub struct Judge {
    delta: f64,
    // The weight of each curve, summing to 1.
    weights: Box<[f32; CURVES]>,
    seen: u32,
}

/// How many curves there are: the level ones first, that of an answer which is never right before all.
const CURVES: usize = LEVELS.len() + THRESHOLDS * STEEPNESSES.len();
/// How often an answer may be right whatever the similarity: the difference that counts is one that no vector sees.
const LEVELS: [f64; 12] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98];
/// How likely an answer is never right, before anything was seen. A memory keeps an answer when it disagrees with the one
/// that was near, so most of what is new is of this kind: with less weight a mesh of many odd prompts breaks its bound.
const NEVER: f32 = 0.6;
/// How likely it is right at one of the other levels.
const LEVEL: f32 = 0.35;
/// The part of the bound that is used; the rest is for what the prior does not know.
const USED: f64 = 0.75;
/// Where a curve may stand: 0.5, 0.5117, .. 1.05. The last are those that are hardly ever right.
const THRESHOLDS: usize = 48;
const LOWEST: f64 = 0.5;
const STEP: f64 = 0.55 / 47.0;
/// How steep a curve may be.
const STEEPNESSES: [f64; 8] = [6.0, 12.0, 25.0, 50.0, 100.0, 150.0, 250.0, 400.0];

impl Judge {
    /// Creates a judge that is wrong with a probability of at most `delta`, 0.0 to 1.0.
    #[must_use]
    pub fn new(delta: f64) -> Self {
        let rising = (1.0 - NEVER - LEVEL) / (CURVES - LEVELS.len()) as f32;
        let mut weights = Box::new([rising; CURVES]);
        weights[..LEVELS.len()].fill(LEVEL / (LEVELS.len() - 1) as f32);
        weights[0] = NEVER;
        Self { delta: delta.clamp(0.0, 1.0), weights, seen: 0 }
    }

    /// Returns how many observations it learned from.
    #[must_use]
    pub const fn seen(&self) -> u32 {
        self.seen
    }

    /// Returns the probability that the answer is right at a similarity, given what was seen.
    #[must_use]
    pub fn right_probability(&self, similarity: f32) -> f64 {
        curves(similarity).zip(self.weights.iter()).map(|(right, weight)| right * f64::from(*weight)).sum()
    }

    /// Returns the probability with which the answer may be given at a similarity.
    ///
    /// The caller draws: `rng.random::<f64>() < judge.hit_probability(similarity)`.
    #[must_use]
    pub fn hit_probability(&self, similarity: f32) -> f64 {
        let wrong = 1.0 - self.right_probability(similarity);
        // A bound of 1 holds whatever is given, so nothing of it is kept back.
        let delta = if self.delta < 1.0 { self.delta * USED } else { 1.0 };
        if wrong <= delta { 1.0 } else { delta / wrong }
    }

    /// Learns whether the answer was right at a similarity. Bayes' rule, curve by curve.
    pub fn learn(&mut self, similarity: f32, right: bool) {
        let mut sum = 0.0;
        for (curve, weight) in curves(similarity).zip(self.weights.iter_mut()) {
            // No curve is ruled out for good by one label.
            let likely = if right { curve } else { 1.0 - curve }.max(1e-9);
            *weight *= likely as f32;
            sum += *weight;
        }
        self.weights.iter_mut().for_each(|weight| *weight = (*weight / sum).max(f32::MIN_POSITIVE));
        self.seen = self.seen.saturating_add(1);
    }
}

/// How likely the answer is right, by each curve.
fn curves(similarity: f32) -> impl Iterator<Item = f64> {
    let similarity = f64::from(similarity).clamp(-1.0, 1.0);
    let rising = STEEPNESSES.into_iter().flat_map(move |steepness| {
        (0..THRESHOLDS).map(move |step| {
            let threshold = LOWEST + STEP * step as f64;
            1.0 / (1.0 + (-steepness * (similarity - threshold)).exp())
        })
    });
    LEVELS.into_iter().chain(rising)
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("delta", &self.delta).field("seen", &self.seen).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// One prompt of a workload: which answer is nearest, how near, and whether it is right.
    struct Asked {
        entry: usize,
        similarity: f32,
        right: bool,
    }

    /// Entries whose thresholds differ, as they do in practice: some words matter, some do not.
    fn workload(seed: u64) -> Vec<Asked> {
        const ENTRIES: usize = 60;
        let mut rng = SmallRng::seed_from_u64(seed);
        let curves: Vec<(f64, f64)> = (0..ENTRIES)
            .map(|_| (rng.random_range(0.55..1.02), [20.0, 60.0, 150.0][rng.random_range(0..3)]))
            .collect();
        (0..18_000)
            .map(|_| {
                // Some prompts are asked much more often than others.
                let entry = (rng.random::<f64>().powi(2) * ENTRIES as f64) as usize;
                let similarity = rng.random_range(0.5_f32..1.0);
                let (threshold, steepness) = curves[entry];
                let likely = 1.0 / (1.0 + (-steepness * (f64::from(similarity) - threshold)).exp());
                Asked { entry, similarity, right: rng.random_bool(likely) }
            })
            .collect()
    }

    /// The most hits that one threshold for all gets with at most as many wrong ones, chosen with hindsight.
    fn best_static(asked: &[Asked], wrong: usize) -> usize {
        let mut by_similarity: Vec<&Asked> = asked.iter().collect();
        by_similarity.sort_by(|left, right| right.similarity.total_cmp(&left.similarity));
        let (mut failed, mut best) = (0, 0);
        for (hits, asked) in by_similarity.iter().enumerate() {
            failed += usize::from(!asked.right);
            if failed > wrong {
                break;
            }
            best = hits + 1;
        }
        best
    }

    #[test]
    fn wrong_answers_stay_within_the_bound_and_hits_are_above_the_best_threshold() {
        for delta in [0.01, 0.02, 0.05] {
            for seed in 0..2 {
                let asked = workload(seed);
                let mut rng = SmallRng::seed_from_u64(seed + 100);
                let mut judges: Vec<Judge> = Vec::new();
                judges.resize_with(60, || Judge::new(delta));
                let (mut hits, mut wrong) = (0, 0);
                for Asked { entry, similarity, right } in &asked {
                    let judge = &mut judges[*entry];
                    if rng.random::<f64>() < judge.hit_probability(*similarity) {
                        hits += 1;
                        wrong += usize::from(!right);
                    } else {
                        judge.learn(*similarity, *right);
                    }
                }
                let rate = wrong as f64 / asked.len() as f64;
                let fixed = best_static(&asked, wrong);
                println!("delta {delta}: wrong {rate:.4}, hits {hits}, best threshold {fixed}");
                assert!(rate <= delta, "delta {delta}, seed {seed}: {rate}");
                assert!(hits > fixed, "delta {delta}, seed {seed}: {hits} hits, {fixed} by a threshold");
            }
        }
    }

    #[test]
    fn answer_that_is_never_right_is_hardly_given() {
        let mut judge = Judge::new(0.01);
        for step in 0..60_u8 {
            judge.learn(0.9 + f32::from(step % 10) / 100.0, false);
        }
        assert!(judge.hit_probability(0.99) <= 0.012, "{}", judge.hit_probability(0.99));
    }

    #[test]
    fn with_every_error_allowed_everything_is_given() {
        assert!(Judge::new(1.0).hit_probability(0.5) >= 1.0);
    }

    #[test]
    fn without_an_error_allowed_nothing_is_given() {
        let mut judge = Judge::new(0.0);
        (0..100).for_each(|_| judge.learn(1.0, true));
        assert!(judge.hit_probability(1.0) < 1e-6);
    }
}
