//! The way through the graph.

use std::collections::BinaryHeap;

use super::super::codes::{CodeRef, Codes};
use super::super::near::{Best, Near};
use super::Graph;

impl Graph {
    /// Finds rows near a query, at most `width`, best first by their codes; only those that live.
    pub(in crate::recall) fn nearest(
        &self,
        codes: &Codes,
        query: CodeRef<'_>,
        width: usize,
        lives: impl Fn(u32) -> bool,
    ) -> Vec<Near> {
        let Some(entry) = self.entry else { return Vec::new() };
        let start = self.descend(codes, query, entry, 0);
        self.walk(codes, query, vec![start], width, 0, lives)
    }

    /// Goes from the top down to above a floor, on each to the nearest row.
    pub(super) fn descend(&self, codes: &Codes, query: CodeRef<'_>, entry: u32, above: usize) -> Near {
        let (mut sums, mut nearest) = (Vec::new(), None);
        codes.near(query, &[entry], &mut sums, |row, score| nearest = Some(Near::new(score, row)));
        let mut nearest = nearest.unwrap_or(Near::new(-1.0, entry));
        for floor in (above + 1..=self.height(entry)).rev() {
            loop {
                let before = nearest;
                codes.near(query, self.links(before.row(), floor), &mut sums, |row, score| {
                    nearest = nearest.max(Near::new(score, row));
                });
                if nearest == before {
                    break;
                }
            }
        }
        nearest
    }

    /// Follows links on one floor for as long as they lead nearer than the worst of the `width` best so far.
    pub(super) fn walk(
        &self,
        codes: &Codes,
        query: CodeRef<'_>,
        from: Vec<Near>,
        width: usize,
        floor: usize,
        lives: impl Fn(u32) -> bool,
    ) -> Vec<Near> {
        let mut seen = Seen::new(codes.len());
        let mut best = Best::new(width);
        let mut next = BinaryHeap::from(from);
        for start in &next {
            seen.first(start.row());
            if lives(start.row()) {
                best.offer(*start);
            }
        }
        let (mut fresh, mut sums) = (Vec::new(), Vec::new());
        while let Some(here) = next.pop() {
            if best.worst().is_some_and(|worst| here < worst) {
                break;
            }
            fresh.clear();
            fresh.extend(self.links(here.row(), floor).iter().filter(|row| seen.first(**row)));
            // All at once, so that the memory of one row arrives while another is computed.
            codes.near(query, &fresh, &mut sums, |row, score| {
                let near = Near::new(score, row);
                if best.worst().is_none_or(|worst| worst < near) {
                    next.push(near);
                    if lives(row) {
                        best.offer(near);
                    }
                }
            });
        }
        best.into_sorted()
    }
}

/// Which rows were met: one bit each.
struct Seen(Vec<u64>);

impl Seen {
    fn new(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    /// Returns whether a row is met for the first time.
    fn first(&mut self, row: u32) -> bool {
        let (word, bit) = (row as usize / 64, 1 << (row % 64));
        let first = self.0[word] & bit == 0;
        self.0[word] |= bit;
        first
    }
}
