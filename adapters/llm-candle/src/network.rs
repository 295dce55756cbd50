//! The llama network: token ids in, a score for each possible next token out.

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{DType, Device, Module as _, Result as TensorResult, Tensor};
use candle_nn::ops::{rms_norm, silu, softmax_last_dim};
use candle_nn::rotary_emb::rope_i;
use maily_errors::Error;

use crate::gguf::Gguf;

/// A decoder of the llama family with its memory of the tokens so far.
///
/// Source: Touvron et al. 2023 (arXiv 2302.13971); grouped heads: Ainslie et al. 2023 (arXiv 2305.13245).
pub(crate) struct Network {
    embedding: QTensor,
    layers: Vec<Layer>,
    norm: Tensor,
    output: QMatMul,
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
    query_key_value: QMatMul,
    attention_output: QMatMul,
    feed_norm: Tensor,
    gate_up: QMatMul,
    down: QMatMul,
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
        let embedding = file.table("token_embd.weight")?;
        let output = if file.has("output.weight") { "output.weight" } else { "token_embd.weight" };
        let output = file.matrix(&[output.to_owned()])?;
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
        let mask = if count > 1 { Some(causal_mask(self.length, count)?) } else { None };

        let mut x = self.embedding.embedding(&Tensor::new(tokens, &Device::Cpu)?)?;
        for layer in &self.layers {
            let h = rms_norm(&x, &layer.attention_norm, self.shape.epsilon)?;
            x = (x + layer.attend(&h, self.shape, self.length, (&cos, &sin), mask.as_ref())?)?;
            let h = rms_norm(&x, &layer.feed_norm, self.shape.epsilon)?;
            x = (x + layer.feed(&h)?)?;
        }
        self.length = total;

        let last = rms_norm(&x.narrow(0, count - 1, 1)?, &self.norm, self.shape.epsilon)?;
        self.output.forward(&last)?.squeeze(0)?.to_vec1()
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
        mask: Option<&Tensor>,
    ) -> TensorResult<Tensor> {
        let Shape { heads, key_heads, width, .. } = shape;
        let (count, _) = x.dims2()?;
        let joined = self.query_key_value.forward(x)?;
        // Rows of tokens become rows of heads.
        let split = |start: usize, heads: usize| -> TensorResult<Tensor> {
            joined.narrow(1, start * width, heads * width)?.reshape((1, count, heads, width))?.transpose(1, 2)?.contiguous()
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
        let scores = match mask {
            None => scores,
            Some(mask) => scores
                .reshape((heads, count, before + count))?
                .broadcast_add(mask)?
                .reshape((key_heads, group * count, before + count))?,
        };
        let mixed = softmax_last_dim(&scores)?.matmul(&values)?;
        let mixed = mixed.reshape((heads, count, width))?.transpose(0, 1)?.reshape((count, heads * width))?;
        self.attention_output.forward(&mixed)
    }

    /// Works on each token by itself.
    fn feed(&self, x: &Tensor) -> TensorResult<Tensor> {
        let joined = self.gate_up.forward(x)?;
        let (_, both) = joined.dims2()?;
        let gate = joined.narrow(1, 0, both / 2)?.contiguous()?;
        let up = joined.narrow(1, both / 2, both / 2)?;
        self.down.forward(&(silu(&gate)? * up)?)
    }
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

/// Zero where a token may look, minus infinity where it would look ahead.
fn causal_mask(before: usize, count: usize) -> TensorResult<Tensor> {
    let total = before + count;
    let mut mask = vec![0.0_f32; count * total];
    for (row, scores) in mask.chunks_exact_mut(total).enumerate() {
        scores[before + row + 1..].fill(f32::NEG_INFINITY);
    }
    Tensor::from_vec(mask, (count, total), &Device::Cpu)
}

const FIRST_CAPACITY: usize = 256;
