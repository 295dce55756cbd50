//! The exact search: every row is compared in eight bits, and those that may be among the best in full.

use super::codes::{Bounded, CodeRef, Codes};
use super::near::{Best, Near};

/// Finds the `limit` best rows by `exact`, best first. No row that belongs there is missed.
///
/// A row is left out only when the most that it can score is below the least that `limit` others score, so the answer
/// is that of a comparison in full, for a quarter of the memory traffic.
pub(super) fn nearest(
    codes: &Codes,
    query: CodeRef<'_>,
    rows: Option<&[u32]>,
    limit: usize,
    lives: impl Fn(u32) -> bool,
    exact: impl Fn(u32) -> f32,
) -> Vec<Near> {
    let mut floor = Best::new(limit);
    let mut maybe: Vec<Bounded> = Vec::new();
    codes.bound(query, rows, |bounded| {
        if floor.worst().is_none_or(|worst| bounded.most >= worst.score()) && lives(bounded.row) {
            floor.offer(Near::new(bounded.least, bounded.row));
            maybe.push(bounded);
        }
    });
    // Most promising first: soon nothing that is left can be better than what is found.
    maybe.sort_unstable_by(|left, right| right.most.total_cmp(&left.most));
    let mut best = Best::new(limit);
    for bounded in maybe {
        if best.worst().is_some_and(|worst| bounded.most < worst.score()) {
            break;
        }
        best.offer(Near::new(exact(bounded.row), bounded.row));
    }
    best.into_sorted()
}
