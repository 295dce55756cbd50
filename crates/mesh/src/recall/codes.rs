//! Vectors in eight bits, and how wrong that may be.

use super::kernel::{self, BLOCK, Block};
use crate::model::Embedding;

/// A vector in eight bits a value: `values x scale` is at most `error` away from the vector.
#[derive(Clone, Debug)]
pub(super) struct Code {
    blocks: Box<[Block]>,
    scale: f32,
    /// The length of what the rounding took.
    error: f32,
}

impl Code {
    pub(super) fn new(embedding: &Embedding) -> Self {
        let values = embedding.as_slice();
        let most = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let scale = most / 127.0;
        let mut blocks = vec![[0; BLOCK]; values.len().div_ceil(BLOCK)].into_boxed_slice();
        let mut squares = 0.0;
        if scale > 0.0 {
            for (code, value) in blocks.as_flattened_mut().iter_mut().zip(values) {
                // Within -127 to 127 by the choice of the scale.
                *code = (value / scale).round() as i8;
                squares += (value - f32::from(*code) * scale).powi(2);
            }
        }
        Self { blocks, scale, error: squares.sqrt() }
    }

    pub(super) const fn as_ref(&self) -> CodeRef<'_> {
        CodeRef { blocks: &self.blocks, scale: self.scale, error: self.error }
    }
}

/// A [`Code`] that lies elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodeRef<'a> {
    blocks: &'a [Block],
    scale: f32,
    error: f32,
}

/// The codes of all rows of a shelf, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Codes {
    width: usize,
    blocks: Vec<Block>,
    scales: Vec<f32>,
    errors: Vec<f32>,
}

/// A row, and the bounds of its score.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded {
    pub(super) row: u32,
    pub(super) least: f32,
    pub(super) most: f32,
}

impl Codes {
    /// Puts a code into a row; rows are made as needed, one at a time.
    pub(super) fn put(&mut self, row: u32, code: CodeRef<'_>) {
        let at = row as usize;
        self.width = code.blocks.len();
        if at == self.scales.len() {
            self.blocks.extend_from_slice(code.blocks);
            self.scales.push(code.scale);
            self.errors.push(code.error);
        } else {
            self.blocks[at * self.width..][..self.width].copy_from_slice(code.blocks);
            self.scales[at] = code.scale;
            self.errors[at] = code.error;
        }
    }

    /// Returns how many rows there are, with those that are free.
    pub(super) const fn len(&self) -> usize {
        self.scales.len()
    }

    /// Returns the code of a row.
    pub(super) fn code(&self, row: u32) -> CodeRef<'_> {
        let at = row as usize;
        let blocks = &self.blocks[at * self.width..][..self.width];
        CodeRef { blocks, scale: self.scales[at], error: self.errors[at] }
    }

    /// Returns about how near some rows are to a query.
    pub(super) fn near(
        &self,
        query: CodeRef<'_>,
        rows: &[u32],
        sums: &mut Vec<i32>,
        mut each: impl FnMut(u32, f32),
    ) {
        kernel::gather(&self.blocks, rows, query.blocks, sums);
        for (row, sum) in rows.iter().zip(sums) {
            each(*row, *sum as f32 * (self.scales[*row as usize] * query.scale));
        }
    }

    /// Bounds the score of every row, or of those that are named.
    ///
    /// With v and q the vectors, v' and q' what their codes say: |vq - v'q'| <= |v - v'||q| + |v'||q - q'|, and
    /// no vector is longer than 1 (Cauchy and Schwarz).
    pub(super) fn bound(&self, query: CodeRef<'_>, rows: Option<&[u32]>, mut each: impl FnMut(Bounded)) {
        let mut sums = Vec::with_capacity(TOGETHER);
        let mut tell = |row: u32, sum: i32| {
            let (scale, error) = (self.scales[row as usize], self.errors[row as usize]);
            let score = sum as f32 * (scale * query.scale);
            let wrong = error + (1.0 + error) * query.error + ROUNDING;
            each(Bounded { row, least: score - wrong, most: score + wrong });
        };
        match rows {
            Some(rows) => {
                for rows in rows.chunks(TOGETHER) {
                    kernel::gather(&self.blocks, rows, query.blocks, &mut sums);
                    rows.iter().zip(&sums).for_each(|(row, sum)| tell(*row, *sum));
                }
            }
            None => {
                for first in (0..self.len()).step_by(TOGETHER) {
                    let count = TOGETHER.min(self.len() - first);
                    kernel::range(&self.blocks, first, count, query.blocks, &mut sums);
                    (first as u32..).zip(&sums).for_each(|(row, sum)| tell(row, *sum));
                }
            }
        }
    }
}

/// Rows that are multiplied before anybody looks at the sums: these stay in the first cache.
const TOGETHER: usize = 256;
/// What the arithmetic of 32 bits may add to the bound.
const ROUNDING: f32 = 1e-5;

#[cfg(test)]
mod tests {
    use super::{Code, Codes};
    use crate::recall::random::{Random, vector};

    #[test]
    fn score_lies_within_its_bounds() {
        let mut random = Random::new(7);
        let vectors: Vec<_> = (0..300).map(|_| vector(&mut random, 100)).collect();
        let mut codes = Codes::default();
        for (row, vector) in (0..).zip(&vectors) {
            codes.put(row, Code::new(vector).as_ref());
        }
        let query = vector(&mut random, 100);
        let mut seen = 0;
        codes.bound(Code::new(&query).as_ref(), None, |bounded| {
            let score = vectors[bounded.row as usize].cosine(&query);
            assert!(bounded.least <= score && score <= bounded.most, "{score} is outside of {bounded:?}");
            assert!(bounded.most - bounded.least < 0.05, "{bounded:?}");
            seen += 1;
        });
        assert_eq!(seen, 300);
    }
}
