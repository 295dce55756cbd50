//! Two numbers that make log-odds calibrated.

use super::sigmoid;

/// Platt scaling, online: how far to move log-odds, and how much to stretch them around their mean.
///
/// Each label moves both numbers by one Newton step on all labels so far, where a label fades with its age.
/// A prior holds the stretch at 1 as long as labels say little about it, which is whenever the margins are all
/// alike. Around the mean the two do not disturb each other; around zero they would, and a stretch at its limit
/// would carry the shift away.
///
/// Source: Platt, "Probabilistic outputs for support vector machines" (1999); the step is online Newton,
/// Hazan, Agarwal and Kale (2007), on the diagonal.
#[derive(Clone, Copy, Debug)]
pub struct Platt {
    stretch: f64,
    shift: f64,
    mean: f64,
    keep: f64,
    /// Labels, faded by age; and the curvature of the loss for stretch and shift.
    weight: f64,
    curvature: (f64, f64),
}

impl Platt {
    /// Creates the identity, which remembers about `memory` labels.
    #[must_use]
    pub fn new(memory: f64) -> Self {
        let keep = 1.0 - 1.0 / memory.max(2.0);
        Self { stretch: 1.0, shift: 0.0, mean: 0.0, keep, weight: 0.0, curvature: (0.0, 0.0) }
    }

    /// Returns the calibrated log-odds.
    #[must_use]
    pub fn margin(&self, margin: f64) -> f64 {
        margin + (self.stretch - 1.0) * (margin - self.mean) + self.shift
    }

    /// Learns what the label of a margin was.
    pub fn learn(&mut self, margin: f64, label: bool) {
        let probability = sigmoid(self.margin(margin));
        let gradient = probability - f64::from(u8::from(label));
        // The floor keeps a certain model correctable: with no curvature a single surprise would be a leap.
        let curve = (probability * (1.0 - probability)).max(1e-3);
        let from_mean = margin - self.mean;
        self.curvature.0 = self.curvature.0 * self.keep + curve * from_mean * from_mean;
        self.curvature.1 = self.curvature.1 * self.keep + curve;
        let pull = PRIOR * (1.0 - self.keep) * (self.stretch - 1.0);
        let stretch = self.stretch - (gradient * from_mean + pull) / (self.curvature.0 + PRIOR);
        // A negative stretch would turn the ranking around, which is never what a drift means.
        self.stretch = stretch.clamp(STRETCH.0, STRETCH.1);
        self.shift -= gradient / (self.curvature.1 + PRIOR);
        self.recenter(margin);
    }

    /// Moves the mean. The shift makes up for it, so that no prediction changes.
    fn recenter(&mut self, margin: f64) {
        self.weight = self.weight * self.keep + 1.0;
        let step = (margin - self.mean) / self.weight;
        self.mean += step;
        self.shift = (self.shift + (self.stretch - 1.0) * step).clamp(-SHIFT_LIMIT, SHIFT_LIMIT);
    }
}

/// As if this much curvature had been seen at the identity: 40 labels at even odds.
const PRIOR: f64 = 10.0;
const STRETCH: (f64, f64) = (0.05, 5.0);
const SHIFT_LIMIT: f64 = 20.0;
