//! What a mesh gives back.

use std::collections::BTreeMap;

use http::HeaderMap;
use pyo3::prelude::*;

use super::event::reason_name;
use super::recall::Recalled;

/// A whole answer; of a stream, what has arrived.
#[pyclass(frozen, get_all, module = "maily.mesh")]
pub(super) struct Answer {
    /// The text.
    pub(super) text: String,
    /// What the model thought before it spoke, if it says so.
    pub(super) thoughts: Vec<Thought>,
    /// The tools that it calls, in the order in which it began to.
    pub(super) tool_calls: Vec<ToolCall>,
    /// Why it ended: `stop`, `length`, `tool_calls`, `content_filter` or `other`.
    pub(super) finish: Option<&'static str>,
    /// How many tokens it took, if the node counts.
    pub(super) usage: Option<Usage>,
    /// The node that answered.
    pub(super) node: Option<String>,
    /// Which attempt at the prompt answered, from 1; of an answer that no node was asked for, nothing.
    pub(super) attempt: Option<u32>,
    /// What was recalled into the prompt, best first.
    pub(super) recalled: Vec<Recalled>,
    /// Tokens of the prompt, if the node counts.
    pub(super) prompt_tokens: Option<u32>,
    /// Tokens of the answer, if the node counts.
    pub(super) completion_tokens: Option<u32>,
    /// How it came, if the mesh has a cache: `hit`, `similar`, `miss`, `shared` or `refresh`.
    pub(super) cached: Option<&'static str>,
    /// What the node said of the call: request id, rate limits.
    pub(super) headers: BTreeMap<String, String>,
    /// The body in the format that was asked in, if the prompt was `bytes`.
    pub(super) body: Option<Vec<u8>>,
}

/// A piece of what the model thought before it spoke.
#[pyclass(frozen, get_all, eq, module = "maily.mesh")]
#[derive(Clone, PartialEq)]
pub(super) struct Thought {
    /// The text; empty if the node leaves it out or hides it.
    text: String,
    /// What the node wants back with the next prompt, to trust the thought.
    signature: Option<String>,
    /// Whether only the node can read it: then what it wants back is the ciphertext.
    hidden: bool,
}

/// A tool that the model calls; in a stream its arguments follow.
#[pyclass(frozen, get_all, eq, module = "maily.mesh")]
#[derive(Clone, PartialEq)]
pub(super) struct ToolCall {
    /// Its place among the calls of this answer, from 0.
    pub(super) index: u32,
    /// The name of this call, to answer it by.
    pub(super) id: String,
    /// The name of the tool.
    pub(super) name: String,
    /// The arguments, as JSON text.
    pub(super) arguments: String,
}

/// How many tokens a prompt and its answer took.
#[pyclass(frozen, get_all, eq, module = "maily.mesh")]
#[derive(Clone, PartialEq)]
pub(super) struct Usage {
    /// Tokens of the prompt.
    prompt_tokens: u32,
    /// Tokens of the answer.
    completion_tokens: u32,
    /// Both together.
    total_tokens: u32,
    /// Tokens of the prompt that the node had in its cache.
    cached_tokens: u32,
    /// Tokens of the answer that are thoughts.
    reasoning_tokens: u32,
}

#[pymethods]
impl ToolCall {
    #[new]
    #[pyo3(signature = (index, id, name, /, arguments=String::new()))]
    const fn new(index: u32, id: String, name: String, arguments: String) -> Self {
        Self { index, id, name, arguments }
    }

    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("index", "id", "name")
    }
}

#[pymethods]
impl Usage {
    #[new]
    #[pyo3(signature = (prompt_tokens, completion_tokens, /, *, cached_tokens=0, reasoning_tokens=0))]
    fn new(prompt_tokens: u32, completion_tokens: u32, cached_tokens: u32, reasoning_tokens: u32) -> Self {
        maily_mesh::Usage::new(prompt_tokens, completion_tokens)
            .with_details(cached_tokens, reasoning_tokens)
            .into()
    }

    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("prompt_tokens", "completion_tokens")
    }
}

impl Usage {
    /// Returns the count as the mesh has it.
    pub(super) const fn read(&self) -> maily_mesh::Usage {
        maily_mesh::Usage::new(self.prompt_tokens, self.completion_tokens)
            .with_details(self.cached_tokens, self.reasoning_tokens)
    }
}

impl Answer {
    /// Adds what came beside what was said.
    pub(super) fn with_wire(mut self, headers: &HeaderMap, body: Option<Vec<u8>>) -> Self {
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        self.headers = headers.iter().filter_map(text).collect();
        self.body = body;
        self
    }
}

impl From<maily_mesh::Answer> for Answer {
    fn from(answer: maily_mesh::Answer) -> Self {
        let usage = answer.usage.map(Usage::from);
        let (prompt_tokens, completion_tokens) =
            usage.as_ref().map(|usage| (usage.prompt_tokens, usage.completion_tokens)).unzip();
        Self {
            text: answer.text,
            thoughts: answer.thoughts.into_iter().map(Thought::from).collect(),
            tool_calls: answer.tool_calls.into_iter().map(ToolCall::from).collect(),
            finish: answer.finish.map(reason_name),
            usage,
            node: answer.node.map(|node| node.to_string()),
            attempt: answer.attempt,
            recalled: answer.recalled.into_iter().map(Recalled::from).collect(),
            prompt_tokens,
            completion_tokens,
            cached: answer.cached.map(maily_mesh::CacheStatus::as_str),
            headers: BTreeMap::new(),
            body: None,
        }
    }
}

impl From<maily_mesh::Thought> for Thought {
    fn from(thought: maily_mesh::Thought) -> Self {
        Self { text: thought.text, signature: thought.signature, hidden: thought.hidden }
    }
}

impl From<maily_mesh::ToolCall> for ToolCall {
    fn from(call: maily_mesh::ToolCall) -> Self {
        Self { index: call.index, id: call.id, name: call.name, arguments: call.arguments }
    }
}

impl From<maily_mesh::Usage> for Usage {
    fn from(usage: maily_mesh::Usage) -> Self {
        let maily_mesh::Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens,
            cached_tokens,
            reasoning_tokens,
        } = usage;
        Self { prompt_tokens, completion_tokens, total_tokens, cached_tokens, reasoning_tokens }
    }
}
