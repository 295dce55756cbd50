//! The settings of a local model.

use std::path::{Path, PathBuf};
use std::thread;

use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};

/// The settings of a local model. An unknown field is an error.
///
/// # Examples
///
/// ```
/// use maily_errors::Code;
/// use maily_llm_candle::LlmCandleConfig;
///
/// let config = LlmCandleConfig::from_folder("/no/such/folder".as_ref());
/// let err = config.build().unwrap_err();
///
/// assert_eq!(err.code(), Code::ModelMissing);
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct LlmCandleConfig {
    /// The GGUF file of a SmolLM2 model.
    pub path: PathBuf,
    /// The name that clients ask for.
    #[serde(default = "default_model")]
    pub model: String,
    /// The most tokens of prompt and answer together, 16 to 8192. Full, 2048 take 94 MB of memory in each place.
    #[serde(default = "default_context_tokens")]
    pub context_tokens: usize,
    /// The most tokens of an answer whose prompt names no limit.
    #[serde(default = "default_answer_tokens")]
    pub answer_tokens: u32,
    /// Answers that are written at the same time, 1 to 64. Each keeps what it has read, for the next alike.
    #[serde(default = "default_places")]
    pub places: usize,
    /// The most prompts that wait while all places are taken, 1 to 1024.
    #[serde(default = "default_waiting")]
    pub waiting: usize,
    /// Threads that compute, 1 to 64. One more of them than the machine has idle cores helps nothing.
    #[serde(default = "default_threads")]
    pub threads: usize,
    /// How far to stray from the likeliest token when the prompt does not say, 0.0 to 2.0.
    #[serde(default = "default_temperature")]
    pub temperature: f32,
    /// The probability mass to choose from when the prompt does not say, above 0.0 to 1.0.
    #[serde(default = "default_top_p")]
    pub top_p: f32,
    /// By how much a token of the last 64 becomes less likely, 1.0 (not at all) to 2.0.
    #[serde(default = "default_repeat_penalty")]
    pub repeat_penalty: f32,
}

impl LlmCandleConfig {
    /// The name of the model file in a cache folder.
    pub const FILE: &'static str = "smollm2-135m-instruct-q4_1.gguf";

    /// Creates settings for a model file; all else is as SmolLM2's authors advise.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            model: default_model(),
            context_tokens: default_context_tokens(),
            answer_tokens: default_answer_tokens(),
            places: default_places(),
            waiting: default_waiting(),
            threads: default_threads(),
            temperature: default_temperature(),
            top_p: default_top_p(),
            repeat_penalty: default_repeat_penalty(),
        }
    }

    /// Creates settings for the model file that `cargo xtask assets` puts into a folder.
    #[must_use]
    pub fn from_folder(folder: &Path) -> Self {
        Self::new(folder.join(Self::FILE))
    }

    /// Sets the name that clients ask for.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Sets the most tokens of prompt and answer together.
    #[must_use]
    pub const fn with_context_tokens(mut self, tokens: usize) -> Self {
        self.context_tokens = tokens;
        self
    }

    /// Sets how many answers are written at the same time.
    #[must_use]
    pub const fn with_places(mut self, answers: usize) -> Self {
        self.places = answers;
        self
    }

    /// Sets the most prompts that wait.
    #[must_use]
    pub const fn with_waiting(mut self, prompts: usize) -> Self {
        self.waiting = prompts;
        self
    }

    /// Sets how many threads compute.
    #[must_use]
    pub const fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let Self {
            context_tokens,
            answer_tokens,
            places,
            waiting,
            threads,
            temperature,
            top_p,
            repeat_penalty,
            ..
        } = self;
        let broken = [
            ("context_tokens", !(16..=8192).contains(context_tokens)),
            ("answer_tokens", *answer_tokens == 0),
            ("places", !(1..=64).contains(places)),
            ("waiting", !(1..=1024).contains(waiting)),
            ("threads", !(1..=64).contains(threads)),
            ("temperature", !(0.0..=2.0).contains(temperature)),
            ("top_p", !(*top_p > 0.0 && *top_p <= 1.0)),
            ("repeat_penalty", !(1.0..=2.0).contains(repeat_penalty)),
        ];
        match broken.iter().find(|(_, broken)| *broken) {
            None => Ok(()),
            Some((field, _)) => Err(Error::new(Code::ConfigInvalid, "a setting is out of its range")
                .with_operation("llm_candle::build")
                .with_context("field", Public(*field))),
        }
    }
}

fn default_model() -> String {
    "SmolLM2-135M-Instruct".to_owned()
}

const fn default_context_tokens() -> usize {
    2048
}

const fn default_answer_tokens() -> u32 {
    512
}

const fn default_places() -> usize {
    4
}

const fn default_waiting() -> usize {
    16
}

fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(4)
}

const fn default_temperature() -> f32 {
    0.2
}

const fn default_top_p() -> f32 {
    0.9
}

const fn default_repeat_penalty() -> f32 {
    1.1
}
