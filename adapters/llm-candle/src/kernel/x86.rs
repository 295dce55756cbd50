//! The product with AVX2 and FMA.

use std::arch::x86_64::{__m256, __m256i};
use std::array;

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use crate::tile::{Block, Bytes, Nibbles, ROWS};

/// A tile whose eight rows are the lanes of a vector.
pub(crate) trait Lanes: Sized {
    /// Adds to each sum the products of its input with the eight rows.
    ///
    /// Several inputs at once, because their weights are taken apart only once. The order of what is added
    /// to a sum is the same for any number of them.
    fn add_lanes<const N: usize>(&self, simd: V3, inputs: [&Block; N], sums: &mut [__m256; N]);
}

/// What to multiply.
pub(crate) struct Product<'a, T> {
    pub(crate) simd: V3,
    pub(crate) tiles: &'a [T],
    pub(crate) per_row: usize,
    pub(crate) inputs: &'a [Block],
    pub(crate) results: &'a mut [[f32; ROWS]],
}

impl<T: Lanes> NullaryFnOnce for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, tiles, per_row, inputs, results } = self;
        let count = inputs.len() / per_row;
        for (tiles, results) in tiles.chunks_exact(per_row).zip(results.chunks_exact_mut(count)) {
            let inputs = inputs.chunks(AT_ONCE * per_row);
            for (inputs, results) in inputs.zip(results.chunks_mut(AT_ONCE)) {
                match results.len() {
                    1 => dot::<T, 1>(simd, tiles, inputs, results),
                    2 => dot::<T, 2>(simd, tiles, inputs, results),
                    3 => dot::<T, 3>(simd, tiles, inputs, results),
                    _ => dot::<T, AT_ONCE>(simd, tiles, inputs, results),
                }
            }
        }
    }
}

#[inline(always)]
fn dot<T: Lanes, const N: usize>(simd: V3, tiles: &[T], inputs: &[Block], results: &mut [[f32; ROWS]]) {
    let inputs: [&[Block]; N] = array::from_fn(|index| &inputs[index * tiles.len()..][..tiles.len()]);
    let mut sums = [simd.avx._mm256_setzero_ps(); N];
    for (at, tile) in tiles.iter().enumerate() {
        tile.add_lanes(simd, inputs.map(|input| &input[at]), &mut sums);
    }
    for (result, sum) in results.iter_mut().zip(sums) {
        *result = cast(sum);
    }
}

impl Lanes for Nibbles {
    #[inline(always)]
    fn add_lanes<const N: usize>(&self, simd: V3, inputs: [&Block; N], sums: &mut [__m256; N]) {
        let low_bits = simd.avx._mm256_set1_epi8(15);
        let ones = simd.avx._mm256_set1_epi16(1);
        // Sixteen products of at most 15 * 127 fit into 16 bits.
        let mut totals = [simd.avx._mm256_setzero_si256(); N];
        for (step, values) in self.values.iter().enumerate() {
            let both: __m256i = cast(*values);
            let first = simd.avx2._mm256_and_si256(both, low_bits);
            let second = simd.avx2._mm256_and_si256(simd.avx2._mm256_srli_epi16::<4>(both), low_bits);
            for (total, input) in totals.iter_mut().zip(inputs) {
                let first = simd.avx2._mm256_maddubs_epi16(first, spread(simd, input, step));
                let second = simd.avx2._mm256_maddubs_epi16(second, spread(simd, input, step + 4));
                *total = simd.avx2._mm256_add_epi16(*total, simd.avx2._mm256_add_epi16(first, second));
            }
        }
        let (scales, minimums) = (widened(simd, self.scales), widened(simd, self.minimums));
        for ((sum, input), total) in sums.iter_mut().zip(inputs).zip(totals) {
            let whole = simd.avx._mm256_cvtepi32_ps(simd.avx2._mm256_madd_epi16(total, ones));
            let scale = simd.avx._mm256_mul_ps(scales, simd.avx._mm256_set1_ps(input.scale));
            *sum = simd.fma._mm256_fmadd_ps(whole, scale, *sum);
            *sum = simd.fma._mm256_fmadd_ps(minimums, simd.avx._mm256_set1_ps(input.total), *sum);
        }
    }
}

impl Lanes for Bytes {
    /// Source of the two signs: `mul_sum_i8_pairs` (ggml-org/llama.cpp, `ggml/src/ggml-cpu/arch/x86/quants.c`).
    #[inline(always)]
    fn add_lanes<const N: usize>(&self, simd: V3, inputs: [&Block; N], sums: &mut [__m256; N]) {
        let ones = simd.avx._mm256_set1_epi16(1);
        let mut totals = [simd.avx._mm256_setzero_si256(); N];
        for (step, values) in self.values.iter().enumerate() {
            // The instruction wants one side without sign: move the weights' sign to the input.
            let weights: __m256i = cast(*values);
            let sizes = simd.avx2._mm256_abs_epi8(weights);
            for (total, input) in totals.iter_mut().zip(inputs) {
                let signed = simd.avx2._mm256_sign_epi8(spread(simd, input, step), weights);
                let pairs = simd.avx2._mm256_maddubs_epi16(sizes, signed);
                *total = simd.avx2._mm256_add_epi32(*total, simd.avx2._mm256_madd_epi16(pairs, ones));
            }
        }
        let scales: __m256 = cast(self.scales);
        for ((sum, input), total) in sums.iter_mut().zip(inputs).zip(totals) {
            let scale = simd.avx._mm256_mul_ps(scales, simd.avx._mm256_set1_ps(input.scale));
            *sum = simd.fma._mm256_fmadd_ps(simd.avx._mm256_cvtepi32_ps(total), scale, *sum);
        }
    }
}

/// Puts four numbers of an input into every lane.
#[inline(always)]
fn spread(simd: V3, input: &Block, step: usize) -> __m256i {
    let fours: [i32; ROWS] = cast(input.values);
    simd.avx._mm256_set1_epi32(fours[step])
}

/// Turns numbers of 16 bits into numbers of 32, as [`widened`](crate::tile::widened) does it.
#[inline(always)]
fn widened(simd: V3, halves: [u16; ROWS]) -> __m256 {
    // The sign fills the upper half; of its copies only the first bit stays.
    let wide = simd.avx2._mm256_slli_epi32::<13>(simd.avx2._mm256_cvtepi16_epi32(cast(halves)));
    let bits = simd.avx2._mm256_and_si256(wide, simd.avx._mm256_set1_epi32(!0x7000_0000));
    let factor = simd.avx._mm256_set1_ps(f32::from_bits((127 + 112) << 23));
    simd.avx._mm256_mul_ps(cast(bits), factor)
}

/// Inputs that are multiplied together: as many as registers hold the sums of.
const AT_ONCE: usize = 4;
