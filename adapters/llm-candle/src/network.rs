//! The llama network: token ids in, a score for each possible next token out.

use std::sync::Arc;

use maily_errors::Error;

use crate::attention::{Row, attend};
use crate::gguf::Gguf;
use crate::matrix::Matrix;
use crate::memory::Memory;
use crate::tile::Block;
use crate::vector::{Gated, LANES, Normed, Plain, blocks, rotate};

/// A decoder of the llama family. What it has read is in the [`Memory`] of each conversation.
///
/// Source: Touvron et al. 2023 (arXiv 2302.13971).
pub(crate) struct Network {
    embedding: Arc<Matrix>,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    output: Arc<Matrix>,
    shape: Shape,
    /// Cosine and sine for each position and pair of components.
    angles: Vec<[f32; 2]>,
}

/// The numbers that make one llama different from another.
#[derive(Clone, Copy, Debug)]
struct Shape {
    heads: usize,
    key_heads: usize,
    width: usize,
    epsilon: f32,
}

struct Layer {
    attention_norm: Vec<f32>,
    query_key_value: Matrix,
    attention_output: Matrix,
    feed_norm: Vec<f32>,
    gate_up: Matrix,
    down: Matrix,
}

/// What one conversation brings to a step.
pub(crate) struct Part<'a> {
    pub(crate) memory: &'a mut Memory,
    /// The tokens that follow those of the memory, at least one.
    pub(crate) tokens: &'a [u32],
    /// Whether the scores of what follows them are wanted.
    pub(crate) scored: bool,
}

impl Network {
    /// Reads the weights; no conversation may be longer than `context` tokens.
    pub(crate) fn load(file: &mut Gguf, context: usize) -> Result<Self, Error> {
        if file.text("general.architecture")? != "llama" {
            return Err(file.broken("the architecture is not `llama`"));
        }
        let columns = file.count("llama.embedding_length", 16_384)?;
        let heads = file.count("llama.attention.head_count", 256)?;
        let key_heads = file.count("llama.attention.head_count_kv", heads)?;
        let width = file.count("llama.rope.dimension_count", 1024)?;
        if heads * width != columns || heads % key_heads != 0 || width % LANES != 0 {
            return Err(file.broken("the numbers of heads do not fit the width of the network"));
        }
        let epsilon = file.number("llama.attention.layer_norm_rms_epsilon")?;
        let angles = angles(width, file.number("llama.rope.freq_base")?, context);
        let shape = Shape { heads, key_heads, width, epsilon };

        let mut layers = Vec::new();
        for index in 0..file.count("llama.block_count", 256)? {
            layers.push(Layer::load(file, index, shape)?);
        }
        let embedding = Arc::new(file.matrix(&["token_embd.weight".to_owned()], columns)?);
        // Small models use one matrix for what they read and what they write.
        let output = if file.has("output.weight") {
            Arc::new(file.matrix(&["output.weight".to_owned()], columns)?)
        } else {
            Arc::clone(&embedding)
        };
        let norm = file.vector("output_norm.weight", columns)?;
        Ok(Self { embedding, layers, norm, output, shape, angles })
    }

    /// Tokens that it can read, and those that it can write.
    pub(crate) fn vocabularies(&self) -> [usize; 2] {
        [self.embedding.rows(), self.output.rows()]
    }

    /// Creates the memory of a conversation.
    pub(crate) fn memory(&self) -> Memory {
        Memory::new(self.layers.len() * self.shape.key_heads, self.shape.width)
    }

    /// Reads the tokens of all parts in one step; returns, for each part that wants them, one score per
    /// entry of the vocabulary for the token that follows.
    ///
    /// The weights are read once for all rows, and no row's arithmetic depends on another's company: a
    /// conversation has the same scores, bit for bit, in whatever steps and beside whomever it is read.
    ///
    /// # Panics
    ///
    /// When a token is not in the vocabulary, or a conversation is longer than the context.
    pub(crate) fn forward(&self, parts: &mut [Part<'_>]) -> Vec<Vec<f32>> {
        let columns = self.shape.heads * self.shape.width;
        let mut x: Vec<f32> = parts
            .iter()
            .flat_map(|part| part.tokens)
            .flat_map(|token| self.embedding.row(*token as usize))
            .collect();
        let rows = x.len() / columns;
        for (index, layer) in self.layers.iter().enumerate() {
            let inputs = self.normed(&x, &layer.attention_norm);
            let mixed = self.mix(index, &mut layer.query_key_value.multiply(&inputs), parts);
            let inputs = blocks(rows, &Plain { numbers: &mixed, columns });
            add(&mut x, &layer.attention_output.multiply(&inputs));

            let inputs = self.normed(&x, &layer.feed_norm);
            let joined = layer.gate_up.multiply(&inputs);
            let inputs = blocks(rows, &Gated { numbers: &joined, columns: layer.gate_up.rows() / 2 });
            add(&mut x, &layer.down.multiply(&inputs));
        }
        let mut last = Vec::new();
        let mut rest = x.as_slice();
        for part in parts {
            part.memory.learn(part.tokens);
            let (rows, others) = rest.split_at(part.tokens.len() * columns);
            if part.scored {
                last.extend_from_slice(&rows[rows.len() - columns..]);
            }
            rest = others;
        }
        let scores = self.output.multiply(&self.normed(&last, &self.norm));
        scores.chunks_exact(self.output.rows()).map(<[f32]>::to_vec).collect()
    }

    /// Normalizes rows, and rounds them for a product.
    fn normed(&self, numbers: &[f32], weights: &[f32]) -> Vec<Block> {
        let rows = Normed { numbers, weights, epsilon: self.shape.epsilon };
        blocks(numbers.len() / weights.len(), &rows)
    }

    /// Remembers the keys and values of all rows, then mixes for each row what it may look back at.
    fn mix(&self, layer: usize, joined: &mut [f32], parts: &mut [Part<'_>]) -> Vec<f32> {
        let Shape { heads, key_heads, width, .. } = self.shape;
        let stride = (heads + 2 * key_heads) * width;
        let mut rest = joined.chunks_exact_mut(stride);
        for part in parts.iter_mut() {
            for (position, joined) in (part.memory.len()..).zip(rest.by_ref().take(part.tokens.len())) {
                let (turned, values) = joined.split_at_mut((heads + key_heads) * width);
                rotate(turned, &self.angles[position * width / 2..][..width / 2]);
                let pairs = turned[heads * width..].chunks_exact(width).zip(values.chunks_exact(width));
                for (head, (key, value)) in pairs.enumerate() {
                    part.memory.write(layer * key_heads + head, position, key, value);
                }
            }
        }
        let positions = parts.iter().flat_map(|part| {
            (part.memory.len()..).take(part.tokens.len()).map(|position| (&*part.memory, position))
        });
        let rows: Vec<Row<'_>> = positions
            .zip(joined.chunks_exact(stride))
            .map(|((memory, position), joined)| Row { memory, position, queries: &joined[..heads * width] })
            .collect();
        attend(&rows, layer * key_heads, key_heads, width)
    }
}

impl Layer {
    fn load(file: &mut Gguf, index: usize, shape: Shape) -> Result<Self, Error> {
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let columns = shape.heads * shape.width;
        let gate_up = file.matrix(&[name("ffn_gate"), name("ffn_up")], columns)?;
        let layer = Self {
            attention_norm: file.vector(&name("attn_norm"), columns)?,
            query_key_value: file.matrix(&[name("attn_q"), name("attn_k"), name("attn_v")], columns)?,
            attention_output: file.matrix(&[name("attn_output")], columns)?,
            feed_norm: file.vector(&name("ffn_norm"), columns)?,
            down: file.matrix(&[name("ffn_down")], gate_up.rows() / 2)?,
            gate_up,
        };
        let joined = (shape.heads + 2 * shape.key_heads) * shape.width;
        let rows = [&layer.query_key_value, &layer.attention_output, &layer.down].map(Matrix::rows);
        if rows == [joined, columns, columns] && layer.gate_up.rows().is_multiple_of(2) {
            Ok(layer)
        } else {
            Err(file.broken("a matrix does not fit the width of the network"))
        }
    }
}

/// Cosine and sine of each position and pair of components.
///
/// Source: Su et al. 2021 (arXiv 2104.09864), equation 34.
fn angles(width: usize, base: f32, context: usize) -> Vec<[f32; 2]> {
    let angles = (0..context).flat_map(|position| {
        (0..width).step_by(2).map(move |component| {
            let frequency = f64::from(base).powf(-(component as f64) / width as f64);
            position as f64 * frequency
        })
    });
    angles.map(|angle| [angle.cos() as f32, angle.sin() as f32]).collect()
}

fn add(x: &mut [f32], more: &[f32]) {
    for (x, more) in x.iter_mut().zip(more) {
        *x += more;
    }
}

#[cfg(test)]
mod tests;
