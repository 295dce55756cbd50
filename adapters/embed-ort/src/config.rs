//! The settings of an embedder.

use std::path::{Path, PathBuf};
use std::thread;

use maily_errors::{Code, Error, Public, Result};
use maily_mesh::Texts;
use serde::{Deserialize, Serialize};

/// The settings of an embedder. An unknown field is an error.
///
/// # Examples
///
/// ```
/// use maily_embed_ort::EmbedOrtConfig;
/// use maily_errors::Code;
///
/// let config = EmbedOrtConfig::from_folder("/no/such/folder".as_ref());
/// let err = config.build().unwrap_err();
///
/// assert_eq!(err.code(), Code::EmbedderMissing);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct EmbedOrtConfig {
    /// The library of ONNX Runtime, 1.24 or newer. A process loads one; the first wins.
    pub library: PathBuf,
    /// The ONNX file of a BERT-like model that gives one vector per token.
    pub model: PathBuf,
    /// The `tokenizer.json` of the model.
    pub tokenizer: PathBuf,
    /// The name that clients ask for.
    #[serde(default = "default_name")]
    pub name: String,
    /// The most tokens of a text that are read, 8 to 512; what follows is cut off.
    #[serde(default = "default_max_tokens")]
    pub max_tokens: usize,
    /// Threads, each with its own copy of the model (26 MB), 1 to 64.
    #[serde(default = "default_threads")]
    pub threads: usize,
    /// The most texts that wait, 2048 (one full call) to 1 048 576.
    #[serde(default = "default_waiting")]
    pub waiting: usize,
}

impl EmbedOrtConfig {
    /// The name of the library in a cache folder.
    pub const LIBRARY_FILE: &'static str = "libonnxruntime.so";
    /// The name of the model file in a cache folder.
    pub const MODEL_FILE: &'static str = "minilm-l6-v2-int8.onnx";
    /// The name of the tokenizer file in a cache folder.
    pub const TOKENIZER_FILE: &'static str = "minilm-l6-v2-tokenizer.json";

    /// Creates settings for three files.
    pub fn new(
        library: impl Into<PathBuf>,
        model: impl Into<PathBuf>,
        tokenizer: impl Into<PathBuf>,
    ) -> Self {
        Self {
            library: library.into(),
            model: model.into(),
            tokenizer: tokenizer.into(),
            name: default_name(),
            max_tokens: default_max_tokens(),
            threads: default_threads(),
            waiting: default_waiting(),
        }
    }

    /// Creates settings for the files that `cargo xtask assets` puts into a folder.
    #[must_use]
    pub fn from_folder(folder: &Path) -> Self {
        let [library, model, tokenizer] =
            [Self::LIBRARY_FILE, Self::MODEL_FILE, Self::TOKENIZER_FILE].map(|file| folder.join(file));
        Self::new(library, model, tokenizer)
    }

    /// Sets how many threads embed, each with its own copy of the model.
    #[must_use]
    pub const fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the most tokens of a text that are read.
    #[must_use]
    pub const fn with_max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = tokens;
        self
    }

    /// Sets the most texts that wait.
    #[must_use]
    pub const fn with_waiting(mut self, texts: usize) -> Self {
        self.waiting = texts;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let broken = [
            ("max_tokens", !(8..=512).contains(&self.max_tokens)),
            ("threads", !(1..=64).contains(&self.threads)),
            ("waiting", !(Texts::MAX_COUNT..=1 << 20).contains(&self.waiting)),
        ];
        match broken.iter().find(|(_, broken)| *broken) {
            None => Ok(()),
            Some((field, _)) => Err(Error::new(Code::ConfigInvalid, "a setting is out of its range")
                .with_operation("embed_ort::build")
                .with_context("field", Public(*field))),
        }
    }
}

fn default_name() -> String {
    "all-MiniLM-L6-v2".to_owned()
}

/// What the model was trained with.
const fn default_max_tokens() -> usize {
    256
}

fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(4)
}

const fn default_waiting() -> usize {
    8192
}
