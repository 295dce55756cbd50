//! Arithmetic on rows of numbers, in an order that never depends on how many rows there are.
//!
//! Everything here is plain Rust that becomes vector instructions inside [`Arch::dispatch`], which asks the
//! processor what it has. Sums are kept in 32 lanes and added up at the end, always alike: so a row has the
//! same result, bit for bit, in every company.

use pulp::Arch;
use rayon::prelude::*;

use crate::matrix::{BLOCK, Block};

/// Numbers that are worked on side by side.
pub(crate) const LANES: usize = 32;
pub(crate) type Lanes = [f32; LANES];

/// Rounds rows of numbers to blocks, as a product wants them; `fill` writes each row.
pub(crate) fn blocks(rows: usize, columns: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<Block> {
    let arch = Arch::new();
    let per_row = columns / BLOCK;
    let mut blocks = vec![Block::default(); rows * per_row];
    blocks.par_chunks_exact_mut(per_row).with_min_len(ROWS_TOGETHER).enumerate().for_each_init(
        || vec![0.0; columns],
        |numbers, (row, blocks)| {
            arch.dispatch(
                #[inline(always)]
                || {
                    fill(row, numbers);
                    for (block, numbers) in blocks.iter_mut().zip(numbers.as_chunks().0) {
                        *block = Block::new(numbers);
                    }
                },
            );
        },
    );
    blocks
}

/// Brings a row to the length that the network was trained with.
///
/// Source: Zhang, Sennrich 2019, `RMSNorm` (arXiv 1910.07467).
#[inline(always)]
pub(crate) fn norm(row: &[f32], weights: &[f32], epsilon: f32, result: &mut [f32]) {
    let mut squares = [0.0; LANES];
    for lanes in row.as_chunks::<LANES>().0 {
        for (square, number) in squares.iter_mut().zip(lanes) {
            *square = number.mul_add(*number, *square);
        }
    }
    let factor = 1.0 / (sum(squares) / row.len() as f32 + epsilon).sqrt();
    for ((result, number), weight) in result.iter_mut().zip(row).zip(weights) {
        *result = number * factor * weight;
    }
}

/// Lets each number of the first half decide how much of the second passes.
///
/// Source: Shazeer 2020, SwiGLU (arXiv 2002.05202).
#[inline(always)]
pub(crate) fn gate(row: &[f32], result: &mut [f32]) {
    let (gates, numbers) = row.split_at(row.len() / 2);
    for ((result, gate), number) in result.iter_mut().zip(gates).zip(numbers) {
        *result = gate / (1.0 + exp(-gate)) * number;
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
    let shifted = x.mul_add(std::f32::consts::LOG2_E, 12_582_912.0 + 127.0);
    let whole = shifted - (12_582_912.0 + 127.0);
    let rest = whole.mul_add(2.121_944_4e-4, whole.mul_add(-0.693_359_4, x));
    let mut series = 1.987_569_2e-4_f32;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        series = series.mul_add(rest, factor);
    }
    (series * rest).mul_add(rest, rest + 1.0) * f32::from_bits(shifted.to_bits() << 23)
}

/// Rows that one thread takes at once.
const ROWS_TOGETHER: usize = 8;

#[cfg(test)]
mod tests {
    use super::{LANES, exp, norm, sum};

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

        norm(&row, &vec![1.0; row.len()], 0.0, &mut result);

        let mean = result.iter().map(|number| number * number).sum::<f32>() / row.len() as f32;
        assert!((mean - 1.0).abs() < 1e-5, "{mean}");
    }
}
