//! Fractional indexes: there is always room between two neighbours.

use std::fmt;

/// Digits, in the order in which their bytes compare.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns an index that sorts after `low` and before `high`; `None` is the end of the list.
///
/// An index is a fraction in base 62 without the leading "0.", and never ends with `0`, so that there is always one
/// before it. If `low` is not before `high`, as after two people moved the same element, the answer is after `low`.
///
/// Runs in O(length). Appending one after another grows it by a byte every 60 times or so.
///
/// # Examples
///
/// ```
/// use maily_canvas::scene::between;
///
/// let middle = between(None, None);
/// let front = between(Some(&middle), None);
/// let inside = between(Some(&middle), Some(&front));
/// assert!(middle < inside && inside < front);
/// ```
///
/// Source: D. Greenspan, "Implementing Fractional Indexing" (2020), the midpoint without its integer part.
#[must_use]
pub fn between(low: Option<&str>, high: Option<&str>) -> String {
    let low = low.map(digits).unwrap_or_default();
    let high = high.map(|high| without_zeros(digits(high))).filter(|high| *high > low);
    let mut out = Index(Vec::with_capacity(low.len() + 1));
    let mut bounded = high.is_some();
    for place in 0.. {
        let under = low.get(place).copied().unwrap_or(0);
        let over = match &high {
            Some(high) if bounded => high.get(place).copied().unwrap_or(0),
            _ => DIGITS.len(),
        };
        if over > under + 1 {
            // At the end of a list the next digit leaves the most room for more of the same.
            let digit = if bounded || place >= low.len() { usize::midpoint(under, over) } else { under + 1 };
            out.0.push(DIGITS[digit]);
            break;
        }
        out.0.push(DIGITS[under]);
        // Below `high` already: the rest only has to be over `low`.
        bounded = bounded && over == under;
    }
    out.to_string()
}

/// A foreign index may hold any byte; it counts as the nearest digit at or below it.
fn digits(index: &str) -> Vec<usize> {
    index.bytes().map(|byte| DIGITS.partition_point(|&digit| digit <= byte).saturating_sub(1)).collect()
}

/// Zeros at the end change no fraction: with them, an index could be over another one and leave no room between.
fn without_zeros(mut digits: Vec<usize>) -> Vec<usize> {
    digits.truncate(digits.iter().rposition(|&digit| digit != 0).map_or(0, |last| last + 1));
    digits
}

struct Index(Vec<u8>);

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| write!(f, "{}", char::from(byte)))
    }
}
