//! Dot products of 8-bit blocks, with the vector instructions that the processor has.
//!
//! Which ones it has is asked at run time, so a binary for every machine is fast on each of them.

use crate::matrix::{Block, TILE, Tile};

/// Multiplies groups of four rows, `per_row` tiles each, with all inputs into `results`, row by row.
///
/// Results may end within the last group: its other rows are not there.
pub(crate) fn multiply(tiles: &[Tile], per_row: usize, inputs: &[Block], results: &mut [f32]) {
    let product = Product { tiles, per_row, inputs };
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(x86::Multiply { simd, product, results });
    }
    product.run(results, portable);
}

/// What to multiply.
#[derive(Clone, Copy)]
struct Product<'a> {
    tiles: &'a [Tile],
    per_row: usize,
    inputs: &'a [Block],
}

impl Product<'_> {
    /// Calls `dot` for each group of rows and each input.
    #[inline(always)]
    fn run(self, results: &mut [f32], dot: impl Fn(&[Tile], &[Block]) -> [f32; TILE]) {
        let count = self.inputs.len() / self.per_row;
        let groups = self.tiles.chunks_exact(self.per_row).zip(results.chunks_mut(TILE * count));
        for (tiles, results) in groups {
            for (index, input) in self.inputs.chunks_exact(self.per_row).enumerate() {
                let sums = dot(tiles, input);
                for (row, sum) in results.chunks_exact_mut(count).zip(sums) {
                    row[index] = sum;
                }
            }
        }
    }
}

/// The product in plain Rust, for processors without a variant of their own.
fn portable(tiles: &[Tile], input: &[Block]) -> [f32; TILE] {
    let mut sums = [0.0; TILE];
    for (tile, block) in tiles.iter().zip(input) {
        for ((sum, values), scale) in sums.iter_mut().zip(&tile.values).zip(tile.scales) {
            let products = values.iter().zip(&block.values).map(|(a, b)| i32::from(*a) * i32::from(*b));
            *sum += products.sum::<i32>() as f32 * (scale * block.scale);
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256, __m256i};

    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, cast};

    use super::{Block, Product, TILE, Tile};

    /// The product with AVX2 and FMA.
    pub(super) struct Multiply<'a, 'r> {
        pub(super) simd: V3,
        pub(super) product: Product<'a>,
        pub(super) results: &'r mut [f32],
    }

    impl NullaryFnOnce for Multiply<'_, '_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, product, results } = self;
            product.run(results, |tiles, input| dot(simd, tiles, input));
        }
    }

    /// Source: `ggml_vec_dot_q8_0_q8_0` (ggml-org/llama.cpp, `ggml/src/ggml-cpu/arch/x86/quants.c`).
    #[inline(always)]
    fn dot(simd: V3, tiles: &[Tile], input: &[Block]) -> [f32; TILE] {
        let ones = simd.avx._mm256_set1_epi16(1);
        let mut sums = [simd.avx._mm256_setzero_ps(); TILE];
        for (tile, block) in tiles.iter().zip(input) {
            let input: __m256i = cast(block.values);
            let input_size = simd.avx2._mm256_abs_epi8(input);
            for ((sum, values), scale) in sums.iter_mut().zip(&tile.values).zip(tile.scales) {
                // The instruction wants one side without sign: move the input's sign to the weights.
                let weights = simd.avx2._mm256_sign_epi8(cast(*values), input);
                let pairs = simd.avx2._mm256_maddubs_epi16(input_size, weights);
                let fours = simd.avx._mm256_cvtepi32_ps(simd.avx2._mm256_madd_epi16(pairs, ones));
                let scale = simd.avx._mm256_set1_ps(scale * block.scale);
                *sum = simd.fma._mm256_fmadd_ps(fours, scale, *sum);
            }
        }
        sums.map(add_up)
    }

    #[inline(always)]
    fn add_up(sum: __m256) -> f32 {
        let [a, b, c, d, e, f, g, h]: [f32; 8] = cast(sum);
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }
}

#[cfg(test)]
mod tests {
    use super::{Product, multiply, portable};
    use crate::matrix::{BLOCK, Block, TILE, Tile};

    #[test]
    fn vector_instructions_give_what_plain_rust_gives() {
        let value = |at: usize| (at * 89 % 255) as i32 as u8 as i8;
        let values = |from: usize| std::array::from_fn(|at| value(from + at).max(-127));
        let tiles: Vec<Tile> = (0..6)
            .map(|tile| Tile {
                values: std::array::from_fn(|row| values(tile * 128 + row * BLOCK)),
                scales: [0.5, 0.25, 2.0, 1.0],
            })
            .collect();
        let inputs: Vec<Block> = (0..6).map(|at| Block { values: values(at * 7), scale: 0.125 }).collect();
        let (mut vector, mut plain) = ([0.0; 2 * TILE * 2], [0.0; 2 * TILE * 2]);

        multiply(&tiles, 3, &inputs, &mut vector);
        Product { tiles: &tiles, per_row: 3, inputs: &inputs }.run(&mut plain, portable);

        // All scales are powers of two and all sums are small, so nothing is rounded.
        assert_eq!(vector, plain);
    }
}
