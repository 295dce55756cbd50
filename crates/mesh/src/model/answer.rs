//! Answers: what comes out.

use std::sync::Arc;

use futures_util::TryStreamExt;
use maily_errors::Result;
use serde::{Deserialize, Serialize};

use super::{CacheStatus, Cached, Endpoint, Format, NodeName, Recalled, Unpaid};
use crate::body::Body;
use crate::wire;

/// An answer: what came with it, and its raw body.
///
/// The body is in the format that the head names: server-sent events if `head.streamed`, else one
/// JSON object. Dropping it cancels the work at the node.
#[derive(Debug)]
pub struct Completion {
    /// What came with the answer. In a box, because an answer is handed from layer to layer a dozen times.
    pub head: Box<CompletionHead>,
    /// The raw bytes.
    pub body: Body,
}

/// What of an answer was told to the same reader before, over another connection, and is counted there: in tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retold {
    /// All of it.
    pub(crate) told: u64,
    /// What stands at the beginning of this answer once more.
    pub(crate) missed: u64,
}

impl Retold {
    pub(crate) const NONE: Self = Self { told: 0, missed: 0 };
}

/// What comes with an answer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompletionHead {
    /// The protocol of the body: that of the prompt.
    pub format: Format,
    /// Whether the body is a stream of server-sent events.
    pub streamed: bool,
    /// The node that answers, as soon as a balancer chose it.
    pub node: Option<NodeName>,
    /// Which attempt at the prompt it is that answers, from 1; none for an answer that no node was asked for.
    ///
    /// Each time that a node is asked counts: the first, repetitions, a second node because the first one is slow, and
    /// another one for the rest of a stream.
    pub attempt: Option<u32>,
    /// Where that node is; none for an answer that no node was asked for.
    pub endpoint: Option<Arc<Endpoint>>,
    /// What the mesh recalled into the prompt, best first.
    pub recalled: Vec<Recalled>,
    /// Where the answer came from, if a cache had a say.
    pub cached: Option<Cached>,
    /// For an answer of a call that another prompt began: whether that one still pays.
    pub(crate) unpaid: Option<Unpaid>,
    /// What of it was told before over another connection, and is paid for there.
    pub(crate) retold: Retold,
    /// All of it was told before and is told again, so that no node was asked.
    pub(crate) is_told_again: bool,
    /// Headers of the node that a client may want: request id, rate limits.
    pub headers: http::HeaderMap,
}

impl CompletionHead {
    /// Whether the answer came from memory, and took no tokens.
    pub(crate) fn is_from_memory(&self) -> bool {
        self.is_told_again || self.cached.is_some_and(|cached| cached.status == CacheStatus::Hit)
    }
}

impl Completion {
    /// Creates an answer of a chat-completions body; `streamed` says whether it is server-sent events.
    #[must_use]
    pub fn new(streamed: bool, body: Body) -> Self {
        Self { head: Box::new(CompletionHead { streamed, ..CompletionHead::default() }), body }
    }

    /// Creates the end of a stream that was told before, from memory.
    pub(crate) fn told_again(format: Format, missed: Vec<u8>) -> Self {
        let mut again = Self::new(true, Body::full(missed)).with_format(format);
        again.head.is_told_again = true;
        again
    }

    /// Sets the protocol of the body.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.head.format = format;
        self
    }

    /// Decodes the body into what a person reads: text, token by token, then why it ended.
    #[must_use]
    pub fn into_deltas(self) -> wire::Deltas {
        wire::Deltas::new(self.head.format, self.head.streamed, self.body)
    }

    /// Waits for the whole answer and decodes it.
    ///
    /// # Errors
    ///
    /// - [`Code::AnswerIncomplete`](maily_errors::Code::AnswerIncomplete) when the node stops without saying that it is done.
    /// - [`Code::StreamMalformed`](maily_errors::Code::StreamMalformed) when the body is not of its format.
    /// - Whatever the node fails with meanwhile.
    pub async fn into_answer(self) -> Result<Answer> {
        let mut answer = Answer::of(&self.head);
        let mut deltas = self.into_deltas();
        while let Some(delta) = deltas.try_next().await? {
            answer.add(delta);
        }
        Ok(answer)
    }

    /// Waits for the whole text of the first choice.
    ///
    /// # Errors
    ///
    /// As [`into_answer`](Self::into_answer).
    pub async fn into_text(self) -> Result<String> {
        self.into_answer().await.map(|answer| answer.text)
    }
}

/// A decoded answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The text of the first choice.
    pub text: String,
    /// What the model thought, if it says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thoughts: Vec<Thought>,
    /// The tools that it calls, in the order in which it began to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// How many tokens it took, if the node counts.
    pub usage: Option<Usage>,
    /// The node that answered.
    pub node: Option<NodeName>,
    /// Which attempt at the prompt answered, from 1; none for an answer that no node was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What the mesh recalled into the prompt, best first.
    pub recalled: Vec<Recalled>,
    /// How it came, if a cache had a say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<CacheStatus>,
}

impl Answer {
    /// Begins an answer of which nothing has arrived yet.
    #[must_use]
    pub fn of(head: &CompletionHead) -> Self {
        let cached = head.cached.map(|cached| cached.status);
        let (node, attempt, recalled) = (head.node.clone(), head.attempt, head.recalled.clone());
        Self { node, attempt, recalled, cached, ..Self::default() }
    }

    /// Adds what has arrived.
    pub fn add(&mut self, delta: Delta) {
        match delta {
            Delta::Finish(reason) => self.finish = Some(reason),
            Delta::HiddenThought(data) => {
                self.thoughts.push(Thought { signature: Some(data), hidden: true, ..Thought::default() });
            }
            Delta::Reasoning(text) => self.open_thought().text.push_str(&text),
            Delta::Resumed(wire::Resumed { node, attempt, .. }) => {
                (self.node, self.attempt) = (Some(node), attempt.or(self.attempt));
            }
            Delta::Signature(signature) => self.open_thought().signature = Some(signature),
            Delta::Text(text) => self.text.push_str(&text),
            Delta::ToolArguments { index, json } => {
                // The last call is nearly always the one that goes on.
                if let Some(call) = self.tool_calls.iter_mut().rev().find(|call| call.index == index) {
                    call.arguments.push_str(&json);
                }
            }
            Delta::ToolCall { index, id, name } => {
                self.tool_calls.push(ToolCall { index, id, name, arguments: String::new() });
            }
            Delta::Usage(usage) => self.usage = Some(usage),
        }
    }

    /// The thought that goes on: a signature ends one.
    fn open_thought(&mut self) -> &mut Thought {
        if self.thoughts.last().is_none_or(|last| last.signature.is_some()) {
            self.thoughts.push(Thought::default());
        }
        self.thoughts.last_mut().expect("one was pushed if there was none")
    }
}

/// A piece of what the model thought before it spoke.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Thought {
    /// The text; empty if the node leaves it out or hides it.
    pub text: String,
    /// What the node wants back with the next prompt, to trust the thought: a signature or its ciphertext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Whether only the node can read it: then what it wants back is the ciphertext.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// A tool that the model calls.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToolCall {
    /// Its place among the calls of this answer, from 0.
    pub index: u32,
    /// The name of this call, to answer it by.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments, as JSON text.
    pub arguments: String,
}

/// One step of a decoded answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delta {
    /// Why the answer ended.
    Finish(FinishReason),
    /// A whole thought that only the node can read: its ciphertext, which the node wants back with the next prompt.
    HiddenThought(String),
    /// More of what the model thinks before it speaks; never empty.
    Reasoning(String),
    /// From here on another node goes on with the answer, which broke off at the one before.
    Resumed(wire::Resumed),
    /// What makes the thought before it trusted; it ends that thought. Alone it is that of a thought whose text the node
    /// leaves out.
    Signature(String),
    /// More text of the first choice; never empty.
    Text(String),
    /// More of the arguments of a call that began before.
    ToolArguments {
        /// Which call.
        index: u32,
        /// A piece of JSON text; never empty.
        json: String,
    },
    /// The model begins to call a tool.
    ToolCall {
        /// Its place among the calls.
        index: u32,
        /// The name of this call, to answer it by.
        id: String,
        /// The name of the tool.
        name: String,
    },
    /// How many tokens it took.
    Usage(Usage),
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// A filter of the node withheld the rest.
    ContentFilter,
    /// The limit of tokens was reached.
    Length,
    /// The model was done.
    Stop,
    /// The model calls a tool.
    #[serde(alias = "function_call")]
    ToolCalls,
    /// A reason that Maily does not know.
    #[serde(other)]
    Other,
}

/// How many tokens a prompt has.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TokenCount {
    /// The tokens.
    pub tokens: u32,
    /// The node that counted them; none for an estimate.
    pub node: Option<NodeName>,
}

/// How many tokens a prompt and its answer took.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
    /// Both together.
    pub total_tokens: u32,
    /// Tokens of the prompt that the node had in its cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_tokens: u32,
    /// Tokens of the answer that are thoughts.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u32,
}

impl Usage {
    /// Creates a count; the total saturates.
    #[must_use]
    pub const fn new(prompt_tokens: u32, completion_tokens: u32) -> Self {
        let total_tokens = prompt_tokens.saturating_add(completion_tokens);
        Self { prompt_tokens, completion_tokens, total_tokens, cached_tokens: 0, reasoning_tokens: 0 }
    }

    /// Sets how many tokens of the prompt came from the cache, and how many of the answer are thoughts.
    #[must_use]
    pub const fn with_details(mut self, cached_tokens: u32, reasoning_tokens: u32) -> Self {
        (self.cached_tokens, self.reasoning_tokens) = (cached_tokens, reasoning_tokens);
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}
