//! The two parts together.

use super::normal::level_to_z;
use super::{Band, Platt, sigmoid};
use crate::model::Estimate;

/// Turns log-odds into an [`Estimate`], and learns from labels.
#[derive(Clone, Debug)]
pub struct Calibrator {
    platt: Platt,
    band: Band,
    level: f64,
    z: f64,
}

impl Calibrator {
    /// Creates a calibration without evidence.
    ///
    /// `level` is how often the interval is to hold, such as 0.9. It remembers about `memory` labels.
    #[must_use]
    pub fn new(level: f64, memory: f64) -> Self {
        let level = level.clamp(0.01, 0.999);
        Self { platt: Platt::new(memory), band: Band::new(memory), level, z: level_to_z(level) }
    }

    /// Returns the calibrated estimate for log-odds.
    #[must_use]
    pub fn estimate(&self, margin: f64) -> Estimate {
        let probability = sigmoid(self.platt.margin(margin));
        let (low, high, evidence) = self.band.bounds(margin, &self.platt, self.z);
        let cold = evidence < Estimate::COLD_LABELS;
        Estimate { probability, low, high, level: self.level, evidence, cold, margin }
    }

    /// Learns what the label was. `margin` is what the model said before it knew.
    pub fn learn(&mut self, margin: f64, label: bool) {
        self.band.learn(margin, label);
        self.platt.learn(margin, label);
    }
}
