//! The product of tiles with blocks, with the vector instructions that the processor has.
//!
//! Which ones it has is asked at run time, so a binary for every machine is fast on each of them.

#[cfg(target_arch = "x86_64")]
mod x86;

use crate::tile::{Block, ROWS, Tile};

/// A tile that has a product of its own on each kind of processor.
pub(crate) trait Multiply: Tile {
    /// Multiplies groups of eight rows, `per_row` tiles each, with all inputs.
    ///
    /// The results are, for each group and then for each input, those of the eight rows.
    fn multiply(tiles: &[Self], per_row: usize, inputs: &[Block], results: &mut [[f32; ROWS]]);
}

#[cfg(target_arch = "x86_64")]
impl<T: Tile + x86::Lanes> Multiply for T {
    fn multiply(tiles: &[Self], per_row: usize, inputs: &[Block], results: &mut [[f32; ROWS]]) {
        match pulp::x86::V3::try_new() {
            Some(simd) => simd.vectorize(x86::Product { simd, tiles, per_row, inputs, results }),
            None => portable(tiles, per_row, inputs, results),
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl<T: Tile> Multiply for T {
    fn multiply(tiles: &[Self], per_row: usize, inputs: &[Block], results: &mut [[f32; ROWS]]) {
        portable(tiles, per_row, inputs, results);
    }
}

/// The product in plain Rust, for processors without one of their own.
fn portable<T: Tile>(tiles: &[T], per_row: usize, inputs: &[Block], results: &mut [[f32; ROWS]]) {
    let count = inputs.len() / per_row;
    for (tiles, results) in tiles.chunks_exact(per_row).zip(results.chunks_exact_mut(count)) {
        for (input, sums) in inputs.chunks_exact(per_row).zip(results) {
            *sums = [0.0; ROWS];
            for (tile, input) in tiles.iter().zip(input) {
                tile.add(input, sums);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Multiply, portable};
    use crate::tile::{Block, Bytes, Nibbles, ROWS, Tile};

    /// Everything is a small multiple of a power of two, so nothing is rounded.
    fn compare<T: Multiply + Tile>(tiles: &[T]) {
        for count in 1..=9 {
            let value = |at: usize| (at * 89 % 255) as u8 as i8;
            let input = |seed: usize| -> Block {
                let values: [i8; 32] = std::array::from_fn(|at| value(seed + at).max(-127));
                let total: i32 = values.iter().map(|value| i32::from(*value)).sum();
                Block { values, scale: 0.125, total: total as f32 * 0.125 }
            };
            let inputs: Vec<Block> = (0..3 * count).map(|at| input(at * 7)).collect();
            let (mut vector, mut plain) = (vec![[0.0; ROWS]; 2 * count], vec![[0.0; ROWS]; 2 * count]);

            T::multiply(tiles, 3, &inputs, &mut vector);
            portable(tiles, 3, &inputs, &mut plain);

            assert_eq!(vector, plain, "{count} inputs");
        }
    }

    #[test]
    fn vector_instructions_give_what_plain_rust_gives_for_bytes() {
        let tile = |seed: usize| Bytes {
            values: std::array::from_fn(|step| {
                std::array::from_fn(|at| ((seed * 256 + step * 32 + at) * 89 % 255) as u8 as i8)
                    .map(|value: i8| value.max(-127))
            }),
            scales: [0.5, 0.25, 2.0, 1.0, 4.0, 1.0, 0.5, 8.0],
        };

        compare(&(0..6).map(tile).collect::<Vec<_>>());
    }

    #[test]
    fn vector_instructions_give_what_plain_rust_gives_for_nibbles() {
        // 0.25, 1.0, 2.0 and -4.0 in 16 bits; the largest weights meet the largest inputs.
        let tile = |seed: usize| Nibbles {
            values: std::array::from_fn(|step| {
                std::array::from_fn(
                    |at| if seed == 0 { 255 } else { ((seed * 128 + step * 32 + at) * 73) as u8 },
                )
            }),
            scales: [0x3400, 0x3c00, 0x4000, 0xc400, 0x3c00, 0x3c00, 0x4000, 0x3400],
            minimums: [0xc400, 0x3c00, 0x0000, 0x3400, 0xc400, 0xc400, 0x4000, 0x3c00],
        };

        compare(&(0..6).map(tile).collect::<Vec<_>>());
    }
}
