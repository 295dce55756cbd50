//! Answers: what comes out.

use futures_util::TryStreamExt;
use maily_errors::Result;
use serde::{Deserialize, Serialize};

use super::{NodeName, Recalled};
use crate::body::Body;
use crate::wire;

/// An answer: what came with it, and its raw body.
///
/// The body is in the OpenAI wire format: server-sent events if `head.streamed`, else one JSON
/// object. Dropping it cancels the work at the node.
#[derive(Debug)]
pub struct Completion {
    /// What came with the answer.
    pub head: CompletionHead,
    /// The raw bytes.
    pub body: Body,
}

/// What comes with an answer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompletionHead {
    /// Whether the body is a stream of server-sent events.
    pub streamed: bool,
    /// The node that answers, as soon as a balancer chose it.
    pub node: Option<NodeName>,
    /// What the mesh recalled into the prompt, best first.
    pub recalled: Vec<Recalled>,
    /// Headers of the node that a client may want: request id, rate limits.
    pub headers: http::HeaderMap,
}

impl Completion {
    /// Creates an answer of a body; `streamed` says whether it is server-sent events.
    #[must_use]
    pub fn new(streamed: bool, body: Body) -> Self {
        Self { head: CompletionHead { streamed, ..CompletionHead::default() }, body }
    }

    /// Decodes the body into what a person reads: text, token by token, then why it ended.
    #[must_use]
    pub fn into_deltas(self) -> wire::Deltas {
        wire::Deltas::new(self.head.streamed, self.body)
    }

    /// Waits for the whole answer and decodes it.
    ///
    /// # Errors
    ///
    /// - [`Code::AnswerIncomplete`](maily_errors::Code::AnswerIncomplete) when the node stops without saying that it is done.
    /// - [`Code::StreamMalformed`](maily_errors::Code::StreamMalformed) when the body is not the OpenAI format.
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
    /// Why it ended.
    pub finish: Option<FinishReason>,
    /// How many tokens it took, if the node counts.
    pub usage: Option<Usage>,
    /// The node that answered.
    pub node: Option<NodeName>,
    /// What the mesh recalled into the prompt, best first.
    pub recalled: Vec<Recalled>,
}

impl Answer {
    /// Begins an answer of which nothing has arrived yet.
    #[must_use]
    pub fn of(head: &CompletionHead) -> Self {
        Self { node: head.node.clone(), recalled: head.recalled.clone(), ..Self::default() }
    }

    /// Adds what has arrived.
    pub fn add(&mut self, delta: Delta) {
        match delta {
            Delta::Finish(reason) => self.finish = Some(reason),
            Delta::Text(text) => self.text.push_str(&text),
            Delta::Usage(usage) => self.usage = Some(usage),
        }
    }
}

/// One step of a decoded answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delta {
    /// Why the answer ended.
    Finish(FinishReason),
    /// More text of the first choice; never empty.
    Text(String),
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
    ToolCalls,
    /// A reason that Maily does not know.
    #[serde(other)]
    Other,
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
}

impl Usage {
    /// Creates a count; the total saturates.
    #[must_use]
    pub const fn new(prompt_tokens: u32, completion_tokens: u32) -> Self {
        let total_tokens = prompt_tokens.saturating_add(completion_tokens);
        Self { prompt_tokens, completion_tokens, total_tokens }
    }
}
