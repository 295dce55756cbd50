//! One text in, one vector out.

use std::fs;
use std::path::Path;

use maily_errors::Result;
use maily_mesh::Embedding;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use tokenizers::{Tokenizer, TruncationParams};

use crate::config::EmbedOrtConfig;
use crate::error;

/// A session with the model, for one thread.
pub(crate) struct Model {
    session: Session,
    needs_types: bool,
}

impl Model {
    /// Loads the model. It computes on the calling thread only: the pool brings the threads.
    pub(crate) fn load(environment: &Environment, path: &Path) -> Result<Self> {
        fs::File::open(path).map_err(|source| error::unreadable(path, source))?;
        let session = Session::builder(environment)
            .map_err(|source| error::broken(path, source))?
            .with_optimization_level(GraphOptimizationLevel::All)
            .unwrap_or_else(|err| err.recover())
            .with_intra_threads(1)
            .unwrap_or_else(|err| err.recover())
            .commit_from_file(path)
            .map_err(|source| error::broken(path, source))?;
        let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        if !names.contains(&"input_ids") || !names.contains(&"attention_mask") {
            return Err(error::broken(path, format!("its inputs are {names:?}, not those of a BERT")));
        }
        let needs_types = names.contains(&"token_type_ids");
        Ok(Self { session, needs_types })
    }

    /// Embeds one text: the mean of the vectors of its tokens, scaled to length 1.
    ///
    /// Texts are never put together into one run: this model scales its 8-bit arithmetic by the largest
    /// value of the whole run, so a neighbour would change a text's vector.
    ///
    /// Source: Reimers and Gurevych 2019, mean pooling (arXiv 1908.10084, section 3).
    pub(crate) fn embed(&mut self, tokenizer: &Tokenizer, text: &str) -> Result<Embedding> {
        let encoding = tokenizer.encode_fast(text, true).map_err(error::failed)?;
        let ids: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
        let values = self.run(&ids).map_err(error::failed)?;
        Ok(Embedding::normalized(values))
    }

    fn run(&mut self, ids: &[i64]) -> ort::Result<Vec<f32>> {
        let shape = [1, ids.len()];
        let (mask, types) = (vec![1_i64; ids.len()], vec![0_i64; ids.len()]);
        let mut inputs = ort::inputs![
            "input_ids" => TensorRef::from_array_view((shape, ids))?,
            "attention_mask" => TensorRef::from_array_view((shape, mask.as_slice()))?,
        ];
        if self.needs_types {
            inputs.push((
                "token_type_ids".into(),
                TensorRef::from_array_view((shape, types.as_slice()))?.into(),
            ));
        }
        let outputs = self.session.run(inputs)?;
        let (_, vectors) = outputs[0].try_extract_tensor::<f32>()?;
        let dimension = vectors.len() / ids.len();
        let mut mean = vec![0.0; dimension];
        for vector in vectors.chunks_exact(dimension.max(1)) {
            mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
        // The length becomes 1 anyway, so the sum is as good as the mean.
        Ok(mean)
    }
}

/// Reads the tokenizer; it cuts texts off after `max_tokens` tokens and pads nothing.
pub(crate) fn tokenizer(config: &EmbedOrtConfig) -> Result<Tokenizer> {
    let path = &config.tokenizer;
    let json = fs::read(path).map_err(|source| error::unreadable(path, source))?;
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(|source| error::broken(path, source))?;
    let truncation = TruncationParams { max_length: config.max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|source| error::broken(path, source))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}
