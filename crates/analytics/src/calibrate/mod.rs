//! Turns log-odds into probabilities that are right as often as they say.
//!
//! Two parts, both online: [`Platt`] moves and stretches the log-odds until they are calibrated on the whole;
//! [`Band`] watches what is left over in each range of scores, and makes the interval of it. Where few labels
//! fell, the interval is wide: a new model answers `0.0..=1.0`.

mod band;
mod calibrator;
mod normal;
mod platt;

pub use self::band::Band;
pub use self::calibrator::Calibrator;
pub use self::normal::{quantile, wilson};
pub use self::platt::Platt;

#[cfg(test)]
mod tests;

/// Returns the probability of log-odds.
pub(crate) fn sigmoid(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}
