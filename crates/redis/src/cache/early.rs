//! When a value is loaded again before its time is over.
//!
//! Source: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015, section 4
//! (XFetch): the caller loads when `now - took * beta * ln(random)` is past the end. So a value that takes long to load
//! is renewed earlier, and the more callers there are, the earlier one of them does it.

use std::time::Duration;

/// Says whether this caller loads, with `left` until the end and a random number in `(0, 1]`.
#[inline]
pub(super) fn is_due(left: Duration, took: Duration, beta: f64, random: impl FnOnce() -> f64) -> bool {
    let (left, spread) = (left.as_secs_f64(), took.as_secs_f64() * beta);
    // Most of the life no random number can say yes, and none is drawn.
    left < spread * MOST && left <= spread * -random().ln()
}

/// `-ln` of the smallest number that is drawn, 2^-53.
const MOST: f64 = 36.8;
