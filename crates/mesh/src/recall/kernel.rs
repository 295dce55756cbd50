//! Dot products of 8-bit codes, with the vector instructions that the processor has.
//!
//! Which ones it has is asked at run time, so a binary for every machine is fast on each of them.

/// So many values of a code; the width of the instructions.
pub(super) type Block = [i8; BLOCK];

/// Values in a [`Block`].
pub(super) const BLOCK: usize = 32;

/// Multiplies the query with some rows; `sums` gets one number for each row.
///
/// A sum fits: 65 536 values of at most 127 on both sides are below 2^31.
pub(super) fn gather(blocks: &[Block], rows: &[u32], query: &[Block], sums: &mut Vec<i32>) {
    sums.clear();
    run(Products { blocks, query, rows: rows.iter().map(|row| *row as usize), sums });
}

/// Multiplies the query with `count` rows from `first` on; `sums` gets one number for each row.
pub(super) fn range(blocks: &[Block], first: usize, count: usize, query: &[Block], sums: &mut Vec<i32>) {
    sums.clear();
    run(Products { blocks, query, rows: first..first + count, sums });
}

/// What to multiply.
struct Products<'a, R> {
    blocks: &'a [Block],
    query: &'a [Block],
    rows: R,
    sums: &'a mut Vec<i32>,
}

impl<R: Iterator<Item = usize>> Products<'_, R> {
    #[inline(always)]
    fn run(self, dot: impl Fn(&[Block], &[Block]) -> i32) {
        let Self { blocks, query, rows, sums } = self;
        let width = query.len();
        sums.extend(rows.map(|row| dot(&blocks[row * width..][..width], query)));
    }
}

fn run<R: Iterator<Item = usize>>(products: Products<'_, R>) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(x86::Run { simd, products });
    }
    products.run(portable);
}

/// The product in plain Rust, for processors without a variant of their own.
fn portable(row: &[Block], query: &[Block]) -> i32 {
    let pairs = row.as_flattened().iter().zip(query.as_flattened());
    pairs.map(|(row, query)| i32::from(*row) * i32::from(*query)).sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::__m256i;

    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, cast};

    use super::{Block, Products};

    /// The products with AVX2.
    pub(super) struct Run<'a, R> {
        pub(super) simd: V3,
        pub(super) products: Products<'a, R>,
    }

    impl<R: Iterator<Item = usize>> NullaryFnOnce for Run<'_, R> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, products } = self;
            products.run(|row, query| dot(simd, row, query));
        }
    }

    /// Source: `ggml_vec_dot_q8_0_q8_0` (ggml-org/llama.cpp, `ggml/src/ggml-cpu/arch/x86/quants.c`).
    #[inline(always)]
    fn dot(simd: V3, row: &[Block], query: &[Block]) -> i32 {
        let ones = simd.avx._mm256_set1_epi16(1);
        let mut sum = simd.avx._mm256_setzero_si256();
        for (row, query) in row.iter().zip(query) {
            let query: __m256i = cast(*query);
            // The instruction wants one side without sign: move the sign of the query to the row.
            let row = simd.avx2._mm256_sign_epi8(cast(*row), query);
            let pairs = simd.avx2._mm256_maddubs_epi16(simd.avx2._mm256_abs_epi8(query), row);
            sum = simd.avx2._mm256_add_epi32(sum, simd.avx2._mm256_madd_epi16(pairs, ones));
        }
        let lanes: [i32; 8] = cast(sum);
        lanes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Block, gather, portable, range};

    #[test]
    fn vector_instructions_give_what_plain_rust_gives() {
        // The extremes among them: the instruction that is used would overflow at -128.
        let value = |at: usize| ((at * 89 % 255) as i32 - 127) as i8;
        let blocks: Vec<Block> =
            (0..15).map(|block| std::array::from_fn(|at| value(block * BLOCK + at))).collect();
        let query: Vec<Block> =
            (0..3).map(|block| std::array::from_fn(|at| value(block * 7 + at * 3))).collect();
        let plain: Vec<i32> = blocks.chunks(3).map(|row| portable(row, &query)).collect();

        let (mut all, mut some) = (Vec::new(), Vec::new());
        range(&blocks, 0, 5, &query, &mut all);
        gather(&blocks, &[4, 0], &query, &mut some);

        assert_eq!(all, plain);
        assert_eq!(some, [plain[4], plain[0]]);
    }
}
