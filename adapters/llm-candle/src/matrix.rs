//! Matrices of weights, and the one product that costs all the time.
//!
//! candle has such matrices too. Its product shares each one among threads that spin at a barrier, which
//! is fast on an idle machine and ten times slower on a busy one (docs/adr/0031). Here a product is split
//! into pieces that idle threads may take, and nobody waits for a thread that has not begun.

use rayon::prelude::*;

use crate::kernel::Multiply;
use crate::tile::{BLOCK, Block, Bytes, Nibbles, ROWS, Tile};

/// Rows of weights in four or in eight bits.
///
/// Eight rows stand together, tile by tile, so that a product reads its weights in one straight line.
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    tiles: Tiles,
}

enum Tiles {
    Bytes(Vec<Bytes>),
    Nibbles(Vec<Nibbles>),
}

impl Matrix {
    /// Rounds the weights of all rows to 8 bits; `None` if rows are not whole blocks.
    ///
    /// The error is at most 1/254 of the largest weight of the block.
    pub(crate) fn new(weights: &[f32], columns: usize) -> Option<Self> {
        let (blocks, _) = weights.as_chunks();
        let tiles = arrange(blocks, weights.len(), columns, |tile: &mut Bytes, row, weights| {
            tile.set(row, &Block::new(weights));
        })?;
        Some(Self { rows: weights.len() / columns, columns, tiles: Tiles::Bytes(tiles) })
    }

    /// Takes the weights of all rows as they stand in a file, in blocks of 4 bits; `None` if rows are not
    /// whole blocks.
    pub(crate) fn from_nibbles(bytes: &[u8], columns: usize) -> Option<Self> {
        let (blocks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return None;
        }
        let tiles = arrange(blocks, blocks.len() * BLOCK, columns, Nibbles::set)?;
        Some(Self { rows: blocks.len() * BLOCK / columns, columns, tiles: Tiles::Nibbles(tiles) })
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the weights of one row, one of [`rows`](Self::rows).
    pub(crate) fn row(&self, index: usize) -> Vec<f32> {
        let (tiles, row) = (index / ROWS * self.per_row()..(index / ROWS + 1) * self.per_row(), index % ROWS);
        match &self.tiles {
            Tiles::Bytes(all) => all[tiles].iter().flat_map(|tile| tile.row(row)).collect(),
            Tiles::Nibbles(all) => all[tiles].iter().flat_map(|tile| tile.row(row)).collect(),
        }
    }

    /// Multiplies each input, `columns` numbers in blocks, with each row.
    ///
    /// The result has one number per input and row: all rows of the first input, then of the second.
    pub(crate) fn multiply(&self, inputs: &[Block]) -> Vec<f32> {
        match &self.tiles {
            Tiles::Bytes(tiles) => self.multiply_tiles(tiles, inputs),
            Tiles::Nibbles(tiles) => self.multiply_tiles(tiles, inputs),
        }
    }

    fn multiply_tiles<T: Multiply>(&self, tiles: &[T], inputs: &[Block]) -> Vec<f32> {
        let per_row = self.per_row();
        let count = inputs.len() / per_row;
        if count == 0 {
            return Vec::new();
        }
        let mut results = vec![[0.0; ROWS]; tiles.len() / per_row * count];
        // Enough work in a piece that handing it over costs little.
        let groups = (PIECE_TILES / (per_row * count)).max(1);
        let pieces = results.par_chunks_mut(groups * count);
        pieces.zip(tiles.par_chunks(groups * per_row)).for_each(|(results, tiles)| {
            T::multiply(tiles, per_row, inputs, results);
        });
        turned(results, count, self.rows)
    }

    const fn per_row(&self) -> usize {
        self.columns / BLOCK
    }
}

/// Puts the blocks of rows into tiles; `None` if the `numbers` are not rows of whole blocks.
fn arrange<T, B>(
    blocks: &[B],
    numbers: usize,
    columns: usize,
    set: impl Fn(&mut T, usize, &B) + Sync,
) -> Option<Vec<T>>
where
    T: Copy + Default + Send,
    B: Sync,
{
    if columns == 0 || !columns.is_multiple_of(BLOCK) || !numbers.is_multiple_of(columns) {
        return None;
    }
    let per_row = columns / BLOCK;
    let mut tiles = vec![T::default(); (numbers / columns).div_ceil(ROWS) * per_row];
    let groups = tiles.par_chunks_mut(per_row).zip(blocks.par_chunks(ROWS * per_row));
    groups.with_min_len(GROUPS_TOGETHER).for_each(|(tiles, group)| {
        for (row, blocks) in group.chunks_exact(per_row).enumerate() {
            for (tile, block) in tiles.iter_mut().zip(blocks) {
                set(tile, row, block);
            }
        }
    });
    Some(tiles)
}

/// Makes a row of `length` results for each of `count` inputs.
fn turned(results: Vec<[f32; ROWS]>, count: usize, length: usize) -> Vec<f32> {
    if count == 1 {
        let mut row = results.into_flattened();
        row.truncate(length);
        return row;
    }
    let mut turned = vec![0.0; count * length];
    turned.par_chunks_exact_mut(length).with_min_len(INPUTS_TOGETHER).enumerate().for_each(|(index, row)| {
        for (numbers, results) in row.chunks_mut(ROWS).zip(results.iter().skip(index).step_by(count)) {
            numbers.copy_from_slice(&results[..numbers.len()]);
        }
    });
    turned
}

/// Groups of rows that one thread arranges at once.
const GROUPS_TOGETHER: usize = 16;
/// Inputs whose results one thread turns at once.
const INPUTS_TOGETHER: usize = 8;
/// Tiles times inputs in one piece: some 50 microseconds of work.
const PIECE_TILES: usize = 6 * 1024;

#[cfg(test)]
mod tests;
