//! How a token looks back at those before it.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::memory::{Head, Memory};
use crate::vector::{LANES, Lanes, exp, sum};

/// A token of a step: whose memory it looks at, and its place there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) memory: &'a Memory,
    pub(crate) position: usize,
    /// The queries of all heads, one after the other.
    pub(crate) queries: &'a [f32],
}

/// Mixes for each row the values that it remembers; `first_head` is the layer's first head in a memory.
///
/// Query heads of `width` numbers share key heads in groups that stand side by side. A row costs
/// O(position) in each head, and each head of each row may be another thread's.
///
/// Source: Vaswani et al. 2017 (arXiv 1706.03762), equation 1; grouped heads: Ainslie et al. 2023
/// (arXiv 2305.13245).
pub(crate) fn attend(rows: &[Row<'_>], first_head: usize, key_heads: usize, width: usize) -> Vec<f32> {
    let arch = Arch::new();
    let columns = rows.first().map_or(0, |row| row.queries.len());
    let group = columns / key_heads;
    let longest = rows.iter().map(|row| row.position + 1).max().unwrap_or(1);
    let mut mixed = vec![0.0; rows.len() * columns];
    let pieces = mixed.par_chunks_exact_mut(group).enumerate();
    pieces.with_min_len(POSITIONS_TOGETHER / longest).for_each_init(Vec::new, |scores, (index, mixed)| {
        let (row, key_head) = (&rows[index / key_heads], index % key_heads);
        let head = row.memory.head(first_head + key_head);
        let queries = row.queries[key_head * group..][..group].chunks_exact(width);
        for (query, mixed) in queries.zip(mixed.chunks_exact_mut(width)) {
            arch.dispatch(Mix { head, query, count: row.position + 1, scores, mixed });
        }
    });
    mixed
}

/// The values of the first `count` tokens, each the more the better its key fits the query.
struct Mix<'a> {
    head: &'a Head,
    query: &'a [f32],
    count: usize,
    scores: &'a mut Vec<Lanes>,
    mixed: &'a mut [f32],
}

impl NullaryFnOnce for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { head, query, count, scores, mixed } = self;
        score(head, query, count, scores);
        let share = 1.0 / weigh(scores, count, query.len());
        let pieces = query.len() / LANES;
        for (piece, mixed) in mixed.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            let values = head.values.iter().skip(piece).step_by(pieces);
            for (values, weight) in values.zip(&scores.as_flattened()[..count]) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = weight.mul_add(*value, *sum);
                }
            }
            for (mixed, sum) in mixed.iter_mut().zip(sums) {
                *mixed = sum * share;
            }
        }
    }
}

/// Multiplies the query with each of the first `count` keys, and with a few more.
#[inline(always)]
fn score(head: &Head, query: &[f32], count: usize, scores: &mut Vec<Lanes>) {
    scores.clear();
    for keys in head.keys.chunks_exact(query.len()).take(count.div_ceil(LANES)) {
        let mut sums = [0.0; LANES];
        for (keys, query) in keys.iter().zip(query) {
            for (sum, key) in sums.iter_mut().zip(keys) {
                *sum = query.mul_add(*key, *sum);
            }
        }
        scores.push(sums);
    }
}

/// Turns the first `count` scores into weights, the others into nothing; returns the sum of all.
#[inline(always)]
fn weigh(scores: &mut [Lanes], count: usize, width: usize) -> f32 {
    scores.as_flattened_mut()[count..].fill(f32::NEG_INFINITY);
    let mut tops = [f32::NEG_INFINITY; LANES];
    for scores in &*scores {
        for (top, score) in tops.iter_mut().zip(scores) {
            *top = top.max(*score);
        }
    }
    let top = tops.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let scale = 1.0 / (width as f32).sqrt();
    for score in scores.as_flattened_mut() {
        *score = exp((*score - top) * scale);
    }
    scores.as_flattened_mut()[count..].fill(0.0);
    let mut totals = [0.0; LANES];
    for weights in &*scores {
        for (total, weight) in totals.iter_mut().zip(weights) {
            *total += weight;
        }
    }
    sum(totals)
}

/// Positions that one thread looks at before it is worth another's while: some 20 microseconds.
const POSITIONS_TOGETHER: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::{Row, attend};
    use crate::memory::Memory;
    use crate::vector::LANES;

    const WIDTH: usize = 2 * LANES;

    fn number(seed: usize) -> f32 {
        (seed * 7_919 % 1_009) as f32 / 504.5 - 1.0
    }

    #[test]
    fn mixture_is_the_one_of_the_formula_whatever_stands_behind() {
        let mut memory = Memory::new(2, WIDTH);
        let key = |position: usize, at: usize| number(position * 131 + at);
        let value = |position: usize, at: usize| number(position * 17 + at * 3);
        for position in 0..70 {
            let keys: Vec<f32> = (0..WIDTH).map(|at| key(position, at)).collect();
            let values: Vec<f32> = (0..WIDTH).map(|at| value(position, at)).collect();
            memory.write(1, position, &keys, &values);
        }
        let queries: Vec<f32> = (0..2 * WIDTH).map(|at| 3.0 * number(at * 5)).collect();

        for position in [0, 1, 30, 31, 32, 69] {
            let row = Row { memory: &memory, position, queries: &queries };
            let mixed = attend(&[row], 1, 1, WIDTH);

            for head in 0..2 {
                let query = &queries[head * WIDTH..][..WIDTH];
                let chance = |position: usize| {
                    let fit: f32 =
                        query.iter().enumerate().map(|(at, query)| query * key(position, at)).sum();
                    (f64::from(fit) / 8.0).exp()
                };
                let total: f64 = (0..=position).map(chance).sum();
                for at in 0..WIDTH {
                    let exact: f64 =
                        (0..=position).map(|known| chance(known) / total * f64::from(value(known, at))).sum();
                    let got = f64::from(mixed[head * WIDTH + at]);
                    assert!((got - exact).abs() < 1e-5, "position {position}: {got} instead of {exact}");
                }
            }
        }
    }
}
