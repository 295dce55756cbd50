//! Matrices of 8-bit weights, and the one product that costs all the time.
//!
//! candle has such matrices too. Its product shares each one among threads that spin at a barrier, which
//! is fast on an idle machine and ten times slower on a busy one (docs/adr/0031). Here a product is split
//! into pieces that idle threads may take, and nobody waits for a thread that has not begun.

use rayon::prelude::*;

use crate::kernel;

/// Rows of weights as 8-bit integers.
///
/// Four rows stand together: block by block, so that a product reads its weights in one straight line.
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    tiles: Vec<Tile>,
}

/// 32 numbers as integers in -127..=127, and what to multiply them with.
///
/// Source: the `Q8_0` format of ggml (ggml-org/llama.cpp, `ggml/src/ggml-quants.c`).
#[derive(Clone, Copy, Default)]
pub(crate) struct Block {
    pub(crate) values: [i8; BLOCK],
    pub(crate) scale: f32,
}

/// The blocks at one place of four rows.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub(crate) values: [[i8; BLOCK]; TILE],
    pub(crate) scales: [f32; TILE],
}

/// Numbers in a block.
pub(crate) const BLOCK: usize = 32;
/// Rows in a tile.
pub(crate) const TILE: usize = 4;

impl Matrix {
    /// Rounds the weights of all rows to 8 bits; `None` if rows are not whole blocks.
    ///
    /// The error is at most 1/254 of the largest weight of the block.
    pub(crate) fn new(weights: &[f32], columns: usize) -> Option<Self> {
        if columns == 0 || !columns.is_multiple_of(BLOCK) || !weights.len().is_multiple_of(columns) {
            return None;
        }
        let (rows, per_row) = (weights.len() / columns, columns / BLOCK);
        let mut tiles =
            vec![Tile { values: [[0; BLOCK]; TILE], scales: [0.0; TILE] }; rows.div_ceil(TILE) * per_row];
        let groups = tiles.par_chunks_mut(per_row).zip(weights.par_chunks(TILE * columns));
        groups.with_min_len(GROUPS_TOGETHER).for_each(|(tiles, group)| {
            for (row, numbers) in group.chunks_exact(columns).enumerate() {
                for (tile, numbers) in tiles.iter_mut().zip(numbers.as_chunks().0) {
                    let block = Block::new(numbers);
                    (tile.values[row], tile.scales[row]) = (block.values, block.scale);
                }
            }
        });
        Some(Self { rows, columns, tiles })
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the weights of one row, one of [`rows`](Self::rows).
    pub(crate) fn row(&self, index: usize) -> impl Iterator<Item = f32> + '_ {
        let (group, row, per_row) = (index / TILE, index % TILE, self.columns / BLOCK);
        let tiles = &self.tiles[group * per_row..(group + 1) * per_row];
        tiles.iter().flat_map(move |tile| {
            let scale = tile.scales[row];
            tile.values[row].iter().map(move |value| f32::from(*value) * scale)
        })
    }

    /// Multiplies each input, `columns` numbers in blocks, with each row.
    ///
    /// The result has one number per input and row: all rows of the first input, then of the second.
    pub(crate) fn multiply(&self, inputs: &[Block]) -> Vec<f32> {
        let per_row = self.columns / BLOCK;
        let count = inputs.len() / per_row;
        if count == 0 {
            return Vec::new();
        }
        let mut results = vec![0.0; self.rows * count];
        // Enough work in a piece that handing it over costs little.
        let groups = (PIECE_TILES / (per_row * count)).max(1);
        let pieces = results.par_chunks_mut(groups * TILE * count);
        pieces.zip(self.tiles.par_chunks(groups * per_row)).for_each(|(results, tiles)| {
            kernel::multiply(tiles, per_row, inputs, results);
        });
        if count == 1 { results } else { turned(&results, count) }
    }
}

impl Block {
    #[inline(always)]
    pub(crate) fn new(numbers: &[f32; BLOCK]) -> Self {
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut values = [0; BLOCK];
        for (value, number) in values.iter_mut().zip(numbers) {
            let scaled = number * inverse;
            // Rounds; `as` cuts off, saturates, and turns NaN into 0.
            *value = (scaled + 0.5_f32.copysign(scaled)) as i8;
        }
        Self { values, scale: largest / 127.0 }
    }
}

/// Makes rows of what was columns, `count` numbers in each.
fn turned(numbers: &[f32], count: usize) -> Vec<f32> {
    let rows = numbers.len() / count;
    let mut turned = vec![0.0; numbers.len()];
    turned.par_chunks_exact_mut(rows).with_min_len(ROWS_TOGETHER).enumerate().for_each(|(index, row)| {
        for (number, column) in row.iter_mut().zip(numbers.chunks_exact(count)) {
            *number = column[index];
        }
    });
    turned
}

/// Groups of rows that one thread rounds at once.
const GROUPS_TOGETHER: usize = 16;
/// Rows that one thread turns at once.
const ROWS_TOGETHER: usize = 8;
/// Tiles times inputs in one piece: some 50 microseconds of work.
const PIECE_TILES: usize = 6 * 1024;

#[cfg(test)]
mod tests;
