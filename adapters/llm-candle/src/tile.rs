//! Weights as they stand in memory, and inputs as they meet them.
//!
//! Eight rows of weights stand together, four columns of each in turn: so eight rows are the lanes of one
//! vector, and one that spreads four numbers of an input over all lanes meets every row at once.

/// Numbers in a block, which share a scale.
pub(crate) const BLOCK: usize = 32;
/// Rows in a tile.
pub(crate) const ROWS: usize = 8;
/// Columns of a row that stand together.
const COLUMNS: usize = 4;
/// Groups of columns in a block.
const STEPS: usize = BLOCK / COLUMNS;

/// 32 numbers of an input as integers in -127..=127, and what to multiply them with.
///
/// Source: the `Q8_1` format of ggml (ggml-org/llama.cpp, `ggml/src/ggml-quants.c`).
#[derive(Clone, Copy, Default)]
pub(crate) struct Block {
    pub(crate) values: [i8; BLOCK],
    pub(crate) scale: f32,
    /// The sum of the integers times the scale.
    pub(crate) total: f32,
}

/// The blocks at one place of eight rows.
pub(crate) trait Tile: Copy + Send + Sync {
    /// Returns the weights of one row.
    fn row(&self, row: usize) -> [f32; BLOCK];

    /// Adds to each sum the product of its row with the input.
    fn add(&self, input: &Block, sums: &mut [f32; ROWS]);
}

/// Weights of eight bits: an integer in -127..=127 times the scale of its block.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
pub(crate) struct Bytes {
    /// In each step, four columns of the first row, of the second, and so on.
    pub(crate) values: [[i8; ROWS * COLUMNS]; STEPS],
    pub(crate) scales: [f32; ROWS],
}

/// Weights of four bits: an integer in 0..=15 times the scale of its block, plus the minimum of its block.
///
/// Source: the `Q4_1` format of ggml (ggml-org/llama.cpp, `ggml/src/ggml-quants.c`).
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
pub(crate) struct Nibbles {
    /// The low bits are a step of the first half of the block, the high bits that of the second half.
    pub(crate) values: [[u8; ROWS * COLUMNS]; STEPS / 2],
    /// In 16 bits, as in the file.
    pub(crate) scales: [u16; ROWS],
    pub(crate) minimums: [u16; ROWS],
}

impl Block {
    #[inline(always)]
    pub(crate) fn new(numbers: &[f32; BLOCK]) -> Self {
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        // Adding 1.5 * 2^23 leaves the nearest whole number in the last bits.
        let mut values = [0; BLOCK];
        for (value, number) in values.iter_mut().zip(numbers) {
            *value = (number * inverse + 12_582_912.0).to_bits() as i8;
        }
        let scale = largest / 127.0;
        let total: i32 = values.iter().map(|value| i32::from(*value)).sum();
        Self { values, scale, total: total as f32 * scale }
    }
}

// === impl Bytes ===

impl Bytes {
    /// Puts rounded weights into one row.
    pub(crate) fn set(&mut self, row: usize, weights: &Block) {
        self.scales[row] = weights.scale;
        for (column, value) in weights.values.into_iter().enumerate() {
            self.values[column / COLUMNS][row * COLUMNS + column % COLUMNS] = value;
        }
    }

    fn value(&self, row: usize, column: usize) -> i8 {
        self.values[column / COLUMNS][row * COLUMNS + column % COLUMNS]
    }
}

impl Tile for Bytes {
    fn row(&self, row: usize) -> [f32; BLOCK] {
        std::array::from_fn(|column| f32::from(self.value(row, column)) * self.scales[row])
    }

    fn add(&self, input: &Block, sums: &mut [f32; ROWS]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let products = (0..BLOCK).map(|at| i32::from(self.value(row, at)) * i32::from(input.values[at]));
            *sum += products.sum::<i32>() as f32 * (self.scales[row] * input.scale);
        }
    }
}

// === impl Nibbles ===

impl Nibbles {
    /// Bytes of a block in a file: scale, minimum, and 32 weights, of which byte `i` holds `i` and `i + 16`.
    pub(crate) const FILE_BYTES: usize = 20;

    /// Puts a block of a file into one row.
    pub(crate) fn set(&mut self, row: usize, block: &[u8; Self::FILE_BYTES]) {
        self.scales[row] = u16::from_le_bytes([block[0], block[1]]);
        self.minimums[row] = u16::from_le_bytes([block[2], block[3]]);
        // A byte of the file is a byte of the tile.
        for (column, byte) in block[4..].iter().enumerate() {
            self.values[column / COLUMNS][row * COLUMNS + column % COLUMNS] = *byte;
        }
    }

    fn value(&self, row: usize, column: usize) -> u8 {
        let half = column % (BLOCK / 2);
        let byte = self.values[half / COLUMNS][row * COLUMNS + half % COLUMNS];
        if column < BLOCK / 2 { byte & 15 } else { byte >> 4 }
    }
}

impl Tile for Nibbles {
    fn row(&self, row: usize) -> [f32; BLOCK] {
        let (scale, minimum) = (widened(self.scales[row]), widened(self.minimums[row]));
        std::array::from_fn(|column| f32::from(self.value(row, column)).mul_add(scale, minimum))
    }

    fn add(&self, input: &Block, sums: &mut [f32; ROWS]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let products = (0..BLOCK).map(|at| i32::from(self.value(row, at)) * i32::from(input.values[at]));
            *sum += products.sum::<i32>() as f32 * (widened(self.scales[row]) * input.scale)
                + widened(self.minimums[row]) * input.total;
        }
    }
}

/// Returns the number that 16 bits stand for (IEEE 754 binary16); no file has infinities.
pub(crate) fn widened(half: u16) -> f32 {
    let (sign, rest) = (u32::from(half & 0x8000) << 16, u32::from(half & 0x7fff) << 13);
    // The exponents differ by 112.
    f32::from_bits(sign | rest) * f32::from_bits((127 + 112) << 23)
}
