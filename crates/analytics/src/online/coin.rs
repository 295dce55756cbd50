//! Logistic regression by betting on coins.

use crate::calibrate::sigmoid;
use crate::features::Features;

/// Online logistic regression whose step size is learned by betting.
///
/// Each weight is the bet of a gambler on the sign of its next gradient: the fraction of the wealth that is
/// bet follows from the past gradients, so there is no learning rate. Two things are ours:
///
/// - `predict` changes nothing, so many threads may score while one learns;
/// - sums forget (`memory` occurrences of the feature), so that a weight follows a world that drifts.
///
/// Predicting and learning are O(features), without allocation. Takes 32 bytes per slot: 8 MiB at 18 bits.
///
/// Source: Orabona and Pál, "Coin Betting and Parameter-Free Online Learning" (2016), algorithm 1, in the
/// coordinate-wise, scale-free form of Vowpal Wabbit's `--coin` (`ftrl.cc`).
#[derive(Clone, Debug)]
pub struct Coin {
    slots: Vec<Slot>,
    mask: u64,
    keep: f32,
    /// Mean of the squared, normalized length of a row: rows with many features take smaller bets each.
    norm_sum: f64,
    rows: f64,
}

/// What one gambler remembers.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Slot {
    /// Sum of negative gradients: the direction of the bet.
    direction: f32,
    /// Sum of absolute gradients.
    turnover: f32,
    /// What was won so far, beyond the stake.
    wealth: f32,
    /// The largest value of the feature, which makes the model indifferent to its unit.
    scale: f32,
    /// The largest gradient of the loss; at least 1 once learned, 0 before.
    slope: f32,
}

impl Coin {
    /// Creates a model with `2^bits` slots that remembers about `memory` occurrences of each feature.
    ///
    /// `bits` is brought into `8..=24`; `memory` of `f64::INFINITY` forgets nothing.
    #[must_use]
    pub fn new(bits: u8, memory: f64) -> Self {
        let slots = 1_usize << bits.clamp(8, 24);
        Self {
            slots: vec![Slot::default(); slots],
            mask: slots as u64 - 1,
            keep: (1.0 - 1.0 / memory.max(1.0)) as f32,
            norm_sum: 0.0,
            rows: 0.0,
        }
    }

    /// Returns the log-odds that the row's label is true. Never NaN; within `-30.0..=30.0`.
    #[must_use]
    pub fn margin(&self, row: &Features) -> f64 {
        self.raw(row).0
    }

    /// Learns one label. Answers the log-odds that it would have given before.
    pub fn learn(&mut self, row: &Features, label: bool) -> f64 {
        let (margin, norm) = self.raw(row);
        let gradient = (sigmoid(margin) - f64::from(u8::from(label))) as f32;
        self.norm_sum += norm;
        self.rows += 1.0;
        for (hash, value) in with_bias(row) {
            let slot = &mut self.slots[(hash & self.mask) as usize];
            slot.learn(value, gradient, self.keep);
        }
        margin
    }

    fn raw(&self, row: &Features) -> (f64, f64) {
        let (mut sum, mut norm) = (0.0_f64, 0.0_f64);
        for (hash, value) in with_bias(row) {
            let slot = &self.slots[(hash & self.mask) as usize];
            let scale = slot.scale.max(value.abs());
            sum += f64::from(slot.weight(scale)) * f64::from(value);
            if scale > 0.0 {
                norm += f64::from(value / scale).powi(2);
            }
        }
        let mean = (self.norm_sum + norm + 1e-6) / (self.rows + 1.0);
        ((sum / mean).clamp(-MARGIN_LIMIT, MARGIN_LIMIT), norm)
    }
}

// === impl Slot ===

impl Slot {
    #[inline]
    fn weight(&self, scale: f32) -> f32 {
        let bound = self.slope * scale;
        if bound > 0.0 {
            (STAKE + self.wealth) / (bound * (bound + self.turnover)) * self.direction
        } else {
            0.0
        }
    }

    #[inline]
    fn learn(&mut self, value: f32, gradient: f32, keep: f32) {
        self.scale = self.scale.max(value.abs());
        // The slope of the logistic loss is at most 1, so the first label fixes it.
        self.slope = 1.0;
        let weight = self.weight(self.scale);
        let step = gradient * value;
        self.direction = self.direction * keep - step;
        self.turnover = self.turnover * keep + step.abs();
        // A gambler cannot lose more than the stake; rounding must not let it either.
        self.wealth = (self.wealth * keep - step * weight).clamp(-STAKE, WEALTH_LIMIT);
    }
}

fn with_bias(row: &Features) -> impl Iterator<Item = (u64, f32)> + '_ {
    // Beyond these limits squares would leave the range of f32. The model is indifferent to the unit, so
    // only a feature that spans more than 24 orders of magnitude notices.
    let bounded = |value: f32| {
        if value.abs() < 1.0 / VALUE_LIMIT { 0.0 } else { value.clamp(-VALUE_LIMIT, VALUE_LIMIT) }
    };
    std::iter::once((BIAS, 1.0)).chain(row.iter().map(move |(hash, value)| (hash, bounded(value))))
}

/// What a gambler starts with, as Vowpal Wabbit has it (`ftrl_alpha`).
const STAKE: f32 = 4.0;
const MARGIN_LIMIT: f64 = 30.0;
const VALUE_LIMIT: f32 = 1e12;
const WEALTH_LIMIT: f32 = 1e9;
/// The slot of the intercept: a constant that no name hashes to on purpose.
const BIAS: u64 = 0x9e37_79b9_7f4a_7c15;
