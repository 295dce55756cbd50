//! Arithmetic on rows of numbers, in an order that never depends on how many rows there are.
//!
//! Everything here is plain Rust that becomes vector instructions inside [`Arch::dispatch`], which asks the
//! processor what it has. Sums are kept in 32 lanes and added up at the end, always alike: so a row has the
//! same result, bit for bit, in every company.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::tile::{BLOCK, Block};

/// Numbers that are worked on side by side.
pub(crate) const LANES: usize = 32;
pub(crate) type Lanes = [f32; LANES];

/// Rows that are computed when they are wanted.
pub(crate) trait Rows: Sync {
    /// Numbers in a row.
    fn columns(&self) -> usize;

    /// Writes the row at `index`. Always inlined, so that it becomes instructions of the processor at hand.
    fn write(&self, index: usize, row: &mut [f32]);
}

/// Rows as they are.
pub(crate) struct Plain<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) columns: usize,
}

/// Rows brought to the length that the network was trained with.
///
/// Source: Zhang, Sennrich 2019, `RMSNorm` (arXiv 1910.07467).
pub(crate) struct Normed<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) weights: &'a [f32],
    pub(crate) epsilon: f32,
}

/// Rows of which each number of the first half decides how much of the second half passes.
///
/// Source: Shazeer 2020, SwiGLU (arXiv 2002.05202).
pub(crate) struct Gated<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) columns: usize,
}

/// Rounds `count` rows to blocks, as a product wants them.
pub(crate) fn blocks(count: usize, rows: &impl Rows) -> Vec<Block> {
    let arch = Arch::new();
    let per_row = rows.columns() / BLOCK;
    let mut blocks = vec![Block::default(); count * per_row];
    blocks.par_chunks_exact_mut(per_row).with_min_len(ROWS_TOGETHER).enumerate().for_each_init(
        || vec![0.0; rows.columns()],
        |row, (index, blocks)| arch.dispatch(Round { rows, index, row, blocks }),
    );
    blocks
}

/// A row to be rounded. Not a closure: whether one is inlined, and so made of vectors, is not certain.
struct Round<'a, R> {
    rows: &'a R,
    index: usize,
    row: &'a mut [f32],
    blocks: &'a mut [Block],
}

impl<R: Rows> NullaryFnOnce for Round<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.rows.write(self.index, self.row);
        for (block, numbers) in self.blocks.iter_mut().zip(self.row.as_chunks().0) {
            *block = Block::new(numbers);
        }
    }
}

impl Rows for Plain<'_> {
    fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    fn write(&self, index: usize, row: &mut [f32]) {
        row.copy_from_slice(&self.numbers[index * self.columns..][..self.columns]);
    }
}

impl Rows for Normed<'_> {
    fn columns(&self) -> usize {
        self.weights.len()
    }

    #[inline(always)]
    fn write(&self, index: usize, row: &mut [f32]) {
        let numbers = &self.numbers[index * row.len()..][..row.len()];
        let mut squares = [0.0; LANES];
        for lanes in numbers.as_chunks::<LANES>().0 {
            for (square, number) in squares.iter_mut().zip(lanes) {
                *square += number * number;
            }
        }
        let factor = 1.0 / (sum(squares) / row.len() as f32 + self.epsilon).sqrt();
        for ((result, number), weight) in row.iter_mut().zip(numbers).zip(self.weights) {
            *result = number * factor * weight;
        }
    }
}

impl Rows for Gated<'_> {
    fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    fn write(&self, index: usize, row: &mut [f32]) {
        let both = &self.numbers[2 * index * self.columns..][..2 * self.columns];
        let (gates, numbers) = both.split_at(self.columns);
        for ((result, gate), number) in row.iter_mut().zip(gates).zip(numbers) {
            *result = gate / (1.0 + exp(-gate)) * number;
        }
    }
}

/// Turns pairs of components by the angle of their position.
///
/// Source: Su et al. 2021 (arXiv 2104.09864), equation 34.
pub(crate) fn rotate(row: &mut [f32], angles: &[[f32; 2]]) {
    for head in row.chunks_exact_mut(2 * angles.len()) {
        for ([a, b], [cos, sin]) in head.as_chunks_mut().0.iter_mut().zip(angles) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }
}

/// Adds the lanes up.
#[inline(always)]
pub(crate) fn sum(lanes: Lanes) -> f32 {
    let mut lanes = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The exponential function up to a relative error of 2e-7; below -87 it is about 1e-38.
///
/// Source: `expf` of the Cephes library (Moshier), without its branches.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // Adding 1.5 * 2^23 leaves the nearest whole number in the last bits; 127 more makes it an exponent.
    let shifted = x * std::f32::consts::LOG2_E + (12_582_912.0 + 127.0);
    let whole = shifted - (12_582_912.0 + 127.0);
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut series = 1.987_569_2e-4_f32;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        series = series * rest + factor;
    }
    (series * rest * rest + rest + 1.0) * f32::from_bits(shifted.to_bits() << 23)
}

/// Rows that one thread takes at once.
const ROWS_TOGETHER: usize = 8;

#[cfg(test)]
mod tests {
    use super::{LANES, Normed, Rows as _, exp, sum};

    #[test]
    fn exponential_is_the_one_of_the_library_up_to_rounding() {
        for step in -8_700..=8_800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "{x}: {} {exact}", exp(x));
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn lanes_are_all_added() {
        assert_eq!(sum(std::array::from_fn(|lane| lane as f32)), 496.0);
    }

    #[test]
    fn row_of_any_length_is_brought_to_one() {
        let row: Vec<f32> = (0..3 * LANES).map(|at| at as f32 - 40.0).collect();
        let mut result = vec![0.0; row.len()];

        let weights = vec![1.0; row.len()];
        Normed { numbers: &row, weights: &weights, epsilon: 0.0 }.write(0, &mut result);

        let mean = result.iter().map(|number| number * number).sum::<f32>() / row.len() as f32;
        assert!((mean - 1.0).abs() < 1e-5, "{mean}");
    }
}
