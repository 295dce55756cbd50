//! Rows with their scores, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A row and how near it is, in one word that sorts: the greater is the nearer; of two equal ones, the earlier row.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Near(u64);

impl Near {
    pub(super) fn new(score: f32, row: u32) -> Self {
        let bits = score.to_bits();
        // Floats sort like integers once the negative ones are turned around.
        let sortable = if bits >> 31 == 0 { bits | SIGN } else { !bits };
        Self(u64::from(sortable) << 32 | u64::from(!row))
    }

    pub(super) const fn row(self) -> u32 {
        !(self.0 as u32)
    }

    pub(super) const fn score(self) -> f32 {
        let sortable = (self.0 >> 32) as u32;
        f32::from_bits(if sortable & SIGN != 0 { sortable & !SIGN } else { !sortable })
    }
}

const SIGN: u32 = 1 << 31;

/// The best of what was offered, at most so many.
#[derive(Debug)]
pub(super) struct Best {
    limit: usize,
    heap: BinaryHeap<Reverse<Near>>,
}

impl Best {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::with_capacity(limit.min(1 << 12) + 1) }
    }

    pub(super) fn offer(&mut self, near: Near) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(near));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && worst.0 < near
        {
            *worst = Reverse(near);
        }
    }

    /// Returns the worst, once there are as many as may be.
    pub(super) fn worst(&self) -> Option<Near> {
        if self.heap.len() < self.limit { None } else { self.heap.peek().map(|worst| worst.0) }
    }

    /// Returns what was kept, best first.
    pub(super) fn into_sorted(self) -> Vec<Near> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(near)| near).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Best, Near};

    #[test]
    fn order_is_that_of_the_scores_then_of_the_rows() {
        let scores = [-1.0, -0.25, -0.0, 0.0, 0.25, 1.0];
        for (left, right) in scores.iter().zip(&scores[1..]) {
            assert!(Near::new(*left, 3) < Near::new(*right, 3), "{left} {right}");
        }
        assert!(Near::new(0.5, 3) > Near::new(0.5, 4));
        let near = Near::new(-0.75, 7);
        assert_eq!((near.score(), near.row()), (-0.75, 7));
    }

    #[test]
    fn only_the_best_stay() {
        let mut best = Best::new(2);
        for (row, score) in [0.1, 0.9, 0.5, 0.7].into_iter().enumerate() {
            best.offer(Near::new(score, row as u32));
        }
        assert_eq!(best.worst().unwrap().row(), 3);
        assert_eq!(best.into_sorted().iter().map(|near| near.row()).collect::<Vec<_>>(), [1, 3]);
    }
}
