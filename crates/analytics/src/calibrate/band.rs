//! What calibration has not explained, by range of scores.

use super::normal::interval;
use super::{Platt, sigmoid};

/// Watches labels in 32 ranges of log-odds, and bounds the true rate in each.
///
/// In a range it keeps the share of true labels and the mean of the log-odds. The interval of a prediction is
/// the Wilson interval around *prediction plus the distance between that share and what the calibration says
/// of that mean*, stretched to hold the prediction itself. Taking the distance and not the share lets one range
/// hold different predictions; taking it now and not when the label came lets the calibration move.
#[derive(Clone, Debug)]
pub struct Band {
    cells: [Cell; CELLS],
    keep: f64,
}

/// Sums over labels that fade with age.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    weight: f64,
    /// The same with squared weights: from both follows how many whole labels they are worth.
    square: f64,
    labels: f64,
    margins: f64,
}

impl Band {
    /// Creates a band without evidence that remembers about `memory` labels per range.
    #[must_use]
    pub fn new(memory: f64) -> Self {
        Self { cells: [Cell::default(); CELLS], keep: 1.0 - 1.0 / memory.max(2.0) }
    }

    /// Learns what the label of a prediction, in log-odds before calibration, was.
    pub fn learn(&mut self, margin: f64, label: bool) {
        let cell = &mut self.cells[position(margin)];
        cell.weight = cell.weight * self.keep + 1.0;
        cell.square = cell.square * self.keep * self.keep + 1.0;
        cell.labels = cell.labels * self.keep + f64::from(u8::from(label));
        cell.margins = cell.margins * self.keep + margin;
    }

    /// Returns low, high and the evidence for log-odds before calibration, at `z` standard deviations.
    #[must_use]
    pub fn bounds(&self, margin: f64, platt: &Platt, z: f64) -> (f64, f64, f64) {
        let cell = self.cells[position(margin)];
        if cell.weight <= 0.0 {
            return (0.0, 1.0, 0.0);
        }
        let probability = sigmoid(platt.margin(margin));
        let distance = cell.labels / cell.weight - sigmoid(platt.margin(cell.margins / cell.weight));
        let evidence = cell.weight * cell.weight / cell.square;
        let (low, high) = interval((probability + distance).clamp(0.0, 1.0), evidence, z);
        (low.min(probability), high.max(probability), evidence)
    }
}

fn position(margin: f64) -> usize {
    // `as` brings NaN to 0.
    ((margin + CELLS as f64 / 4.0) * 2.0).clamp(0.0, CELLS as f64 - 1.0) as usize
}

/// Half a unit of log-odds each, from -8 to 8: 2 % and 3 % open rate are different cells.
const CELLS: usize = 32;
