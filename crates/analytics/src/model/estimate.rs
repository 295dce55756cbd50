//! Numbers that say how sure they are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A probability with the interval that holds the true rate at the stated level.
///
/// `low <= probability <= high`, all three in `0.0..=1.0`. The interval speaks about *events that
/// score like this one*: the rate at which they succeed lies in it with probability `level`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimate {
    /// The calibrated probability.
    pub probability: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// How often the interval holds, such as 0.9.
    pub level: f64,
    /// How many labels, weighted by their age, stand behind the interval.
    pub evidence: f64,
    /// Whether that is too little to act on: fewer than 30 labels.
    pub cold: bool,
    /// The log-odds before calibration: what a late label is judged by.
    pub margin: f64,
}

impl Estimate {
    /// The evidence below which an estimate calls itself cold, in labels.
    pub const COLD_LABELS: f64 = 30.0;

    /// Returns how far apart the ends are, `0.0..=1.0`.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// A share of counted things, with its Wilson score interval.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Rate {
    /// The share, or nothing when nothing was counted.
    pub value: Option<f64>,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// How often the interval holds the true rate.
    pub level: f64,
    /// How many things were counted.
    pub of: u64,
}

/// Which model said it, and after how many labels.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ModelVersion(String);

impl ModelVersion {
    /// Names the state of a model.
    #[must_use]
    pub fn new(model: &str, labels: u64) -> Self {
        Self(format!("{model}@{labels}"))
    }

    /// Returns the name, such as `coin/1@2031`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer of a model: one estimate for each row, in the order of the rows.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Scores {
    /// Which model, in which state.
    pub model: ModelVersion,
    /// One for each row.
    pub estimates: Vec<Estimate>,
}
