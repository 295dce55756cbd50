//! The two formulas of interval arithmetic that this crate needs.

use crate::model::Rate;

/// Returns the point below which a standard normal variable lies with probability `p`.
///
/// `p` is brought into `1e-9..=1.0 - 1e-9`. The relative error is below 1.15e-9.
///
/// Source: Acklam, "An algorithm for computing the inverse normal cumulative distribution function" (2003).
#[must_use]
pub fn quantile(p: f64) -> f64 {
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    let tail = |q: f64| horner(&C, q) / (horner(&D, q) * q + 1.0);
    if p < TAIL {
        tail((-2.0 * p.ln()).sqrt())
    } else if p > 1.0 - TAIL {
        -tail((-2.0 * (1.0 - p).ln()).sqrt())
    } else {
        let (q, r) = (p - 0.5, (p - 0.5).powi(2));
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

/// Returns a share with its Wilson score interval at a level such as 0.9.
///
/// Unlike the textbook interval it stays inside `0.0..=1.0` and does not collapse at 0 of n.
///
/// # Examples
///
/// ```
/// use maily_analytics::calibrate::wilson;
///
/// let rate = wilson(0, 20, 0.95);
/// assert_eq!(rate.value, Some(0.0));
/// assert!((rate.high - 0.161).abs() < 0.001);
/// ```
///
/// Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
#[must_use]
pub fn wilson(hits: u64, of: u64, level: f64) -> Rate {
    let value = (of > 0).then(|| hits.min(of) as f64 / of as f64);
    let (low, high) = interval(value.unwrap_or(0.5), of as f64, level_to_z(level));
    Rate { value, low, high, level, of }
}

pub(super) fn level_to_z(level: f64) -> f64 {
    quantile(0.5 + level / 2.0)
}

/// The Wilson interval around a share, of `n` things that need not be a whole number.
pub(super) fn interval(share: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let square = z * z / n;
    let middle = (share + square / 2.0) / (1.0 + square);
    let half = z / (1.0 + square) * (share * (1.0 - share) / n + square / (4.0 * n)).sqrt();
    // Rounding must not push the share out of its own interval.
    ((middle - half).clamp(0.0, share), (middle + half).clamp(share, 1.0))
}

fn horner(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

const TAIL: f64 = 0.024_25;
const A: [f64; 6] = [
    -3.969_683_028_665_376e1,
    2.209_460_984_245_205e2,
    -2.759_285_104_469_687e2,
    1.383_577_518_672_69e2,
    -3.066_479_806_614_716e1,
    2.506_628_277_459_239,
];
const B: [f64; 5] = [
    -5.447_609_879_822_406e1,
    1.615_858_368_580_409e2,
    -1.556_989_798_598_866e2,
    6.680_131_188_771_972e1,
    -1.328_068_155_288_572e1,
];
const C: [f64; 6] = [
    -7.784_894_002_430_293e-3,
    -3.223_964_580_411_365e-1,
    -2.400_758_277_161_838,
    -2.549_732_539_343_734,
    4.374_664_141_464_968,
    2.938_163_982_698_783,
];
const D: [f64; 4] =
    [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
