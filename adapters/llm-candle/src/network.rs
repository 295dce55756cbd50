//! The llama network: token ids in, a score for each possible next token out.

use std::sync::Arc;

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use candle_nn::ops::rms_norm;
use candle_nn::rotary_emb::rope_i;
use maily_errors::Error;
use rayon::prelude::*;

use crate::gguf::Gguf;
use crate::matrix::Matrix;

/// A decoder of the llama family with its memory of the tokens so far.
///
/// Source: Touvron et al. 2023 (arXiv 2302.13971); grouped heads: Ainslie et al. 2023 (arXiv 2305.13245).
pub(crate) struct Network {
    embedding: Arc<Matrix>,
    layers: Vec<Layer>,
    norm: Tensor,
    output: Arc<Matrix>,
    shape: Shape,
    cos: Tensor,
    sin: Tensor,
    /// Tokens whose keys and values are in the memory of each layer.
    length: usize,
    /// Tokens that the memory has room for.
    capacity: usize,
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
    attention_norm: Tensor,
    query_key_value: Matrix,
    attention_output: Matrix,
    feed_norm: Tensor,
    gate_up: Matrix,
    down: Matrix,
    keys: Tensor,
    values: Tensor,
}

impl Network {
    /// Reads the weights; `context` is the most tokens that it will remember.
    pub(crate) fn load(file: &mut Gguf, context: usize) -> Result<Self, Error> {
        if file.text("general.architecture")? != "llama" {
            return Err(file.broken("the architecture is not `llama`"));
        }
        let embedding_length = file.count("llama.embedding_length", 16_384)?;
        let heads = file.count("llama.attention.head_count", 256)?;
        let key_heads = file.count("llama.attention.head_count_kv", heads)?;
        let width = file.count("llama.rope.dimension_count", 1024)?;
        if heads * width != embedding_length || heads % key_heads != 0 || width % 2 != 0 {
            return Err(file.broken("the numbers of heads do not fit the width of the network"));
        }
        let epsilon = file.number("llama.attention.layer_norm_rms_epsilon")?;
        let base = file.number("llama.rope.freq_base")?;
        let shape = Shape { heads, key_heads, width, epsilon };

        let mut layers = Vec::new();
        for index in 0..file.count("llama.block_count", 256)? {
            layers.push(Layer::load(file, index, shape)?);
        }
        let embedding = Arc::new(file.matrix(&["token_embd.weight".to_owned()])?);
        // Small models use one matrix for what they read and what they write.
        let output = if file.has("output.weight") {
            Arc::new(file.matrix(&["output.weight".to_owned()])?)
        } else {
            Arc::clone(&embedding)
        };
        let norm = file.vector("output_norm.weight")?;
        let (cos, sin) = rotation(width, base, context).map_err(|source| file.broken(source))?;
        Ok(Self { embedding, layers, norm, output, shape, cos, sin, length: 0, capacity: 0 })
    }

    /// Tokens that it remembers.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Forgets all tokens after the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Reads `tokens` after those that it remembers; returns one score per entry of the vocabulary
    /// for the token that follows.
    pub(crate) fn forward(&mut self, tokens: &[u32]) -> TensorResult<Vec<f32>> {
        let count = tokens.len();
        let total = self.length + count;
        self.reserve(total)?;
        let cos = self.cos.narrow(0, self.length, count)?;
        let sin = self.sin.narrow(0, self.length, count)?;

        let mut x = self.embed(tokens)?;
        for layer in &self.layers {
            let h = rms_norm(&x, &layer.attention_norm, self.shape.epsilon)?;
            x = (x + layer.attend(&h, self.shape, self.length, (&cos, &sin))?)?;
            let h = rms_norm(&x, &layer.feed_norm, self.shape.epsilon)?;
            x = (x + layer.feed(&h)?)?;
        }
        self.length = total;

        let last = rms_norm(&x.narrow(0, count - 1, 1)?, &self.norm, self.shape.epsilon)?;
        product(&self.output, &last)?.squeeze(0)?.to_vec1()
    }

    fn embed(&self, tokens: &[u32]) -> TensorResult<Tensor> {
        let columns = self.embedding.columns();
        let mut rows = Vec::with_capacity(tokens.len() * columns);
        for token in tokens {
            let row = self.embedding.row(*token as usize);
            rows.extend(row.ok_or_else(|| candle_core::Error::msg("a token is not in the vocabulary"))?);
        }
        Tensor::from_vec(rows, (tokens.len(), columns), &Device::Cpu)
    }

    /// Makes room for `total` tokens. Doubles, so that a long answer copies its memory few times.
    fn reserve(&mut self, total: usize) -> TensorResult<()> {
        if total <= self.capacity {
            return Ok(());
        }
        let capacity = total.next_power_of_two().max(FIRST_CAPACITY);
        for layer in &mut self.layers {
            for memory in [&mut layer.keys, &mut layer.values] {
                let grown = Tensor::zeros(
                    (self.shape.key_heads, capacity, self.shape.width),
                    DType::F32,
                    &Device::Cpu,
                )?;
                if self.length > 0 {
                    grown.slice_set(&memory.narrow(1, 0, self.length)?.contiguous()?, 1, 0)?;
                }
                *memory = grown;
            }
        }
        self.capacity = capacity;
        Ok(())
    }
}

impl Layer {
    fn load(file: &mut Gguf, index: usize, shape: Shape) -> Result<Self, Error> {
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let empty = Tensor::zeros((shape.key_heads, 0, shape.width), DType::F32, &Device::Cpu)
            .map_err(|source| file.broken(source))?;
        Ok(Self {
            attention_norm: file.vector(&name("attn_norm"))?,
            query_key_value: file.matrix(&[name("attn_q"), name("attn_k"), name("attn_v")])?,
            attention_output: file.matrix(&[name("attn_output")])?,
            feed_norm: file.vector(&name("ffn_norm"))?,
            gate_up: file.matrix(&[name("ffn_gate"), name("ffn_up")])?,
            down: file.matrix(&[name("ffn_down")])?,
            keys: empty.clone(),
            values: empty,
        })
    }

    /// Mixes each token with those before it.
    fn attend(
        &self,
        x: &Tensor,
        shape: Shape,
        before: usize,
        (cos, sin): (&Tensor, &Tensor),
    ) -> TensorResult<Tensor> {
        let Shape { heads, key_heads, width, .. } = shape;
        let (count, _) = x.dims2()?;
        let joined = product(&self.query_key_value, x)?;
        // Rows of tokens become rows of heads.
        let split = |start: usize, heads: usize| -> TensorResult<Tensor> {
            joined
                .narrow(1, start * width, heads * width)?
                .reshape((1, count, heads, width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let queries = rope_i(&split(0, heads)?, cos, sin)?;
        let keys = rope_i(&split(heads, key_heads)?, cos, sin)?.squeeze(0)?;
        let values = split(heads + key_heads, key_heads)?.squeeze(0)?;
        self.keys.slice_set(&keys, 1, before)?;
        self.values.slice_set(&values, 1, before)?;
        let keys = self.keys.narrow(1, 0, before + count)?;
        let values = self.values.narrow(1, 0, before + count)?;

        // The query heads that share a key head stand together, so that nothing is copied for them.
        let group = heads / key_heads;
        let queries = (queries.reshape((key_heads, group * count, width))? * (width as f64).powf(-0.5))?;
        let scores = queries.matmul(&keys.t()?)?;
        let chances = causal_softmax(&scores, before, count)?;
        let mixed = chances.matmul(&values)?;
        let mixed = mixed.reshape((heads, count, width))?.transpose(0, 1)?.reshape((count, heads * width))?;
        product(&self.attention_output, &mixed)
    }

    /// Works on each token by itself.
    ///
    /// Source: Shazeer 2020, SwiGLU (arXiv 2002.05202).
    fn feed(&self, x: &Tensor) -> TensorResult<Tensor> {
        let count = x.dim(0)?;
        let mut joined = self.gate_up.multiply(&to_vec(x)?);
        let up = joined.split_off(joined.len() / 2);
        for (gate, up) in joined.iter_mut().zip(&up) {
            *gate = *gate / (1.0 + (-*gate).exp()) * up;
        }
        let rows = joined.len() / count;
        product(&self.down, &Tensor::from_vec(joined, (rows, count), &Device::Cpu)?.t()?)
    }
}

/// Multiplies rows of numbers with a matrix.
fn product(matrix: &Matrix, x: &Tensor) -> TensorResult<Tensor> {
    let (count, columns) = x.dims2()?;
    if columns != matrix.columns() {
        return Err(candle_core::Error::msg("a matrix does not fit the width of the network"));
    }
    let results = matrix.multiply(&to_vec(x)?);
    if count == 1 {
        return Tensor::from_vec(results, (1, matrix.rows()), &Device::Cpu);
    }
    Tensor::from_vec(results, (matrix.rows(), count), &Device::Cpu)?.t()?.contiguous()
}

/// Cosine and sine of each position and pair of components.
///
/// Source: Su et al. 2021 (arXiv 2104.09864), equation 34.
fn rotation(width: usize, base: f32, context: usize) -> TensorResult<(Tensor, Tensor)> {
    let angles = (0..context).flat_map(|position| {
        (0..width).step_by(2).map(move |component| {
            let frequency = f64::from(base).powf(-(component as f64) / width as f64);
            position as f64 * frequency
        })
    });
    let (cos, sin): (Vec<f32>, Vec<f32>) =
        angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
    let shape = (context, width / 2);
    Ok((Tensor::from_vec(cos, shape, &Device::Cpu)?, Tensor::from_vec(sin, shape, &Device::Cpu)?))
}

/// Turns scores into chances, for each token over itself and those before it.
///
/// Not candle's, whose large operations wait at a barrier (docs/adr/0031).
fn causal_softmax(scores: &Tensor, before: usize, count: usize) -> TensorResult<Tensor> {
    let shape = scores.dims3()?;
    let total = before + count;
    let mut chances = to_vec(scores)?;
    chances.par_chunks_mut(total).with_min_len(ROWS_TOGETHER).enumerate().for_each(|(row, chances)| {
        let (seen, ahead) = chances.split_at_mut(before + row % count + 1);
        let top = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for chance in seen.iter_mut() {
            *chance = (*chance - top).exp();
            sum += *chance;
        }
        seen.iter_mut().for_each(|chance| *chance /= sum);
        ahead.fill(0.0);
    });
    Tensor::from_vec(chances, shape, &Device::Cpu)
}

fn to_vec(x: &Tensor) -> TensorResult<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}

/// Rows of scores that one thread takes at once.
const ROWS_TOGETHER: usize = 16;
const FIRST_CAPACITY: usize = 256;
