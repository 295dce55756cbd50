//! What a mesh gives back.

use maily_mesh::FinishReason;
use pyo3::prelude::*;

/// A whole answer.
#[pyclass(frozen, get_all, module = "maily.mesh")]
pub(super) struct Answer {
    /// The text.
    pub(super) text: String,
    /// Why it ended: `stop`, `length`, `tool_calls`, `content_filter` or `other`.
    pub(super) finish: Option<&'static str>,
    /// The node that answered.
    pub(super) node: Option<String>,
    /// What was recalled into the prompt, best first.
    pub(super) recalled: Vec<Recalled>,
    /// Tokens of the prompt, if the node counts.
    pub(super) prompt_tokens: Option<u32>,
    /// Tokens of the answer, if the node counts.
    pub(super) completion_tokens: Option<u32>,
    /// How it came, if the mesh has a cache: `hit`, `similar`, `miss`, `shared` or `refresh`.
    pub(super) cached: Option<&'static str>,
}

/// A memory that was found.
#[pyclass(frozen, get_all, module = "maily.mesh")]
#[derive(Clone)]
pub(super) struct Recalled {
    /// Its name, to forget it by.
    pub(super) id: String,
    /// Its text.
    pub(super) text: String,
    /// Where it stands among what was found, 0.0 to 1.0.
    pub(super) score: f32,
    /// How near its meaning is, -1.0 to 1.0.
    pub(super) similarity: f32,
    /// How much of the words of the query it holds, 0.0 to 1.0.
    pub(super) words: f32,
}

/// A memory as it was stored.
#[pyclass(frozen, get_all, module = "maily.mesh")]
#[derive(Clone)]
pub(super) struct Remembered {
    /// Its name, to forget it by.
    pub(super) id: String,
    /// Its text.
    pub(super) text: String,
    /// When it was stored, in seconds since 1970.
    pub(super) created: f64,
    /// When it is forgotten by itself, in seconds since 1970.
    pub(super) ends: Option<f64>,
}

impl From<maily_mesh::Answer> for Answer {
    fn from(answer: maily_mesh::Answer) -> Self {
        let finish = answer.finish.map(|reason| match reason {
            FinishReason::ContentFilter => "content_filter",
            FinishReason::Length => "length",
            FinishReason::Stop => "stop",
            FinishReason::ToolCalls => "tool_calls",
            _ => "other",
        });
        let (prompt, completion) =
            answer.usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)).unzip();
        Self {
            text: answer.text,
            finish,
            node: answer.node.map(|node| node.to_string()),
            recalled: answer.recalled.into_iter().map(Recalled::from).collect(),
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached: answer.cached.map(maily_mesh::CacheStatus::as_str),
        }
    }
}

impl From<maily_mesh::Recalled> for Recalled {
    fn from(found: maily_mesh::Recalled) -> Self {
        let maily_mesh::Recalled { id, text, score, similarity, words, .. } = found;
        Self { id: id.to_string(), text, score, similarity, words }
    }
}

impl From<maily_mesh::Remembered> for Remembered {
    fn from(memory: maily_mesh::Remembered) -> Self {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let (created, ends) = (seconds(memory.created_ms), memory.ends_ms.map(seconds));
        Self { id: memory.id.to_string(), text: memory.text, created, ends }
    }
}
