//! The values that cross the crate: prompts, answers, vectors, memories.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::Instant;

use crate::body::Body;
use crate::trace_context::TraceContext;
use crate::wire;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Creates a name. It is compared byte by byte.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::new(name)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

name! {
    /// The name of a model, as a client writes it.
    ModelName
}
name! {
    /// The name of a node, as the configuration writes it.
    NodeName
}
name! {
    /// Whose memories these are. Two tenants never see each other's.
    Tenant
}
name! {
    /// The name of one memory.
    MemoryId
}

impl ModelName {
    /// The name that every mesh answers to: the first model of its first node.
    pub const DEFAULT: &'static str = "default";
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new("default")
    }
}

/// A prompt: what routing needs to know, and the raw body that nobody re-serializes.
///
/// The body is an OpenAI chat-completions request of at most [`MAX_PROMPT_BYTES`](Self::MAX_BYTES)
/// bytes. Fields that Maily does not know, key order and the digits of big numbers reach the node
/// byte for byte; only the value of `model` is replaced where a node calls it something else.
///
/// # Examples
///
/// ```
/// use maily_mesh::Prompt;
///
/// let body = r#"{"model":"small","messages":[{"role":"user","content":"Hi"}],"seed":12345678901234567}"#;
/// let prompt = Prompt::parse(body)?.with_model("SmolLM2-135M");
///
/// assert_eq!(prompt.head.model.as_str(), "SmolLM2-135M");
/// assert!(prompt.body().ends_with(br#""seed":12345678901234567}"#));
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What routing needs.
    pub head: PromptHead,
    body: Bytes,
}

/// What routing needs to know of a prompt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PromptHead {
    /// The model that is asked for.
    pub model: ModelName,
    /// Whether the answer is wanted as server-sent events.
    pub stream: bool,
    /// Whether a stream ends with a chunk that counts tokens.
    pub include_usage: bool,
    /// The most tokens that the answer may have.
    pub max_tokens: Option<u32>,
    /// The length of the messages in tokens, at four bytes each.
    pub estimated_tokens: u32,
    /// A hash of the first 1024 bytes of the messages: equal for prompts that may share a cache.
    pub prefix: u64,
    /// When the answer is no longer wanted.
    pub deadline: Option<Instant>,
    /// The trace that the prompt is part of.
    pub trace: Option<TraceContext>,
    /// Whose memories may be recalled.
    pub tenant: Tenant,
    /// Where the value of `model` stands in the body, quotes included.
    pub(crate) model_span: Range<usize>,
    /// Where the value of `messages` stands in the body, brackets included.
    pub(crate) messages_span: Range<usize>,
}

impl Prompt {
    /// The longest body, in bytes: 16 MiB.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// Reads what routing needs from a chat-completions body.
    ///
    /// Runs in O(bytes) without building the messages. The body is kept, not copied.
    ///
    /// # Errors
    ///
    /// - [`Code::PromptTooLarge`] over [`MAX_BYTES`](Self::MAX_BYTES).
    /// - [`Code::PromptInvalid`] when it is no JSON object, names no model or has no message.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self> {
        let body = body.into();
        let head = wire::read_head(&body)?;
        Ok(Self { head, body })
    }

    /// Creates a prompt of one user message.
    ///
    /// # Errors
    ///
    /// [`Code::PromptTooLarge`] over [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn text(model: impl AsRef<str>, text: impl AsRef<str>) -> Result<Self> {
        Self::parse(wire::write_request(model.as_ref(), &[Message::user(text.as_ref())], false))
    }

    /// Creates a prompt of several messages, whose answer is streamed if `stream` is true.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn chat(model: impl AsRef<str>, messages: &[Message], stream: bool) -> Result<Self> {
        Self::parse(wire::write_request(model.as_ref(), messages, stream))
    }

    /// Returns the raw body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Reads the messages and the sampling options, for a node that runs the model itself.
    ///
    /// # Errors
    ///
    /// [`Code::PromptInvalid`] when a message has no role, or a part is not text.
    pub fn read(&self) -> Result<Chat> {
        wire::read_chat(&self.body)
    }

    /// Returns the last text that the person says, if there is any.
    #[must_use]
    pub fn last_user_text(&self) -> Option<String> {
        wire::last_user_text(&self.body[self.head.messages_span.clone()])
    }

    /// Replaces the model, in the head and in the body. Copies the body once if the name differs.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        let model = model.into();
        if model != self.head.model {
            self.body = wire::splice_model(&self.body, &mut self.head, model);
        }
        self
    }

    /// Adds a system message behind the system messages that the prompt begins with.
    ///
    /// # Errors
    ///
    /// [`Code::PromptTooLarge`] when the body would be over [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn with_system(self, text: &str) -> Result<Self> {
        let body = wire::splice_system(&self.body, &self.head, text);
        let fresh = Self::parse(body)?;
        let PromptHead { deadline, trace, tenant, .. } = self.head;
        Ok(Self { head: PromptHead { deadline, trace, tenant, ..fresh.head }, ..fresh })
    }

    /// Sets when the answer is no longer wanted.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.head.deadline = Some(deadline);
        self
    }

    /// Sets the trace that the prompt is part of.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.head.trace = Some(trace);
        self
    }

    /// Sets whose memories may be recalled.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.head.tenant = tenant.into();
        self
    }
}

/// Who says a message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The model.
    Assistant,
    /// What newer clients call the system.
    Developer,
    /// The rules of the conversation.
    System,
    /// The result of a tool.
    Tool,
    /// The person.
    User,
}

/// One message of a conversation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said; text parts are joined by a line break.
    pub content: String,
}

impl Message {
    /// Creates a message of the person.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// Creates a message with the rules of the conversation.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }

    /// Creates a message of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }
}

/// What a node that runs the model itself reads from a prompt.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Chat {
    /// The conversation, at least one message.
    pub messages: Vec<Message>,
    /// How far to stray from the likeliest token, 0.0 to 2.0; 0.0 is greedy.
    pub temperature: Option<f32>,
    /// The probability mass to choose from, above 0.0 to 1.0.
    pub top_p: Option<f32>,
    /// The seed of the choice.
    pub seed: Option<u64>,
    /// Texts that end the answer, at most four.
    pub stop: Vec<String>,
}

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
    /// - [`Code::AnswerIncomplete`] when the node stops without saying that it is done.
    /// - [`Code::StreamMalformed`] when the body is not the OpenAI format.
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

/// Texts to turn into vectors: 1 to 2048 of them, each of at most 65 536 bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Texts(Vec<String>);

impl Texts {
    /// The most texts in one call.
    pub const MAX_COUNT: usize = 2048;
    /// The longest text, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Creates a batch.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`] for no text at all.
    /// - [`Code::TooLarge`] for too many, or one that is too long.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let refuse = |code, message| Err(Error::new(code, message).with_operation("mesh::texts"));
        if texts.is_empty() {
            return refuse(Code::Invalid, "there is no text to embed");
        }
        if texts.len() > Self::MAX_COUNT {
            return refuse(Code::TooLarge, "too many texts in one call")
                .map_err(|err| err.with_context("limit", Public(Self::MAX_COUNT)));
        }
        if texts.iter().any(|text| text.len() > Self::MAX_BYTES) {
            return refuse(Code::TooLarge, "a text is too long to embed")
                .map_err(|err| err.with_context("limit_bytes", Public(Self::MAX_BYTES)));
        }
        Ok(Self(texts))
    }

    /// Returns the texts, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Returns the texts, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// A vector that stands for a text. Its length is 1, or 0 for a text that says nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// Creates a vector and scales it to length 1. Values that are not finite count as 0.
    #[must_use]
    pub fn normalized(mut values: Vec<f32>) -> Self {
        values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            values.iter_mut().for_each(|value| *value /= length);
        }
        Self(values.into())
    }

    /// Returns the values.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Returns the cosine of the angle to another vector, -1.0 to 1.0. Both have length 1.
    ///
    /// Runs in O(dimension); vectors of different dimensions are compared over the shorter one.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        // Eight sums that do not wait for each other, so that the compiler uses vector instructions.
        let mut sums = [0.0_f32; 8];
        let (left, left_rest) = self.0.as_chunks::<8>();
        let (right, right_rest) = other.0.as_chunks::<8>();
        for (left, right) in left.iter().zip(right) {
            for lane in 0..8 {
                sums[lane] += left[lane] * right[lane];
            }
        }
        let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
        sums.iter().sum::<f32>() + rest
    }
}

/// A text to remember.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Whose memory it is.
    #[serde(default)]
    pub tenant: Tenant,
    /// The text, 1 to 65 536 bytes.
    pub text: String,
}

impl Memory {
    /// Creates a memory of the default tenant.
    pub fn new(text: impl Into<String>) -> Self {
        Self { tenant: Tenant::default(), text: text.into() }
    }

    /// Sets whose memory it is.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }
}

/// A question to the memories of one tenant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryQuery {
    /// Whose memories to search.
    #[serde(default)]
    pub tenant: Tenant,
    /// What to look for, 1 to 65 536 bytes.
    pub query: String,
    /// The most answers, 1 to 100.
    #[serde(default = "MemoryQuery::default_limit")]
    pub limit: usize,
}

impl MemoryQuery {
    /// The most answers to one question.
    pub const MAX_LIMIT: usize = 100;

    /// Creates a question with five answers at most, to the default tenant.
    pub fn new(query: impl Into<String>) -> Self {
        Self { tenant: Tenant::default(), query: query.into(), limit: Self::default_limit() }
    }

    /// Sets whose memories to search.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Sets the most answers.
    #[must_use]
    pub const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    const fn default_limit() -> usize {
        5
    }
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recalled {
    /// Its name, to forget it by.
    pub id: MemoryId,
    /// Its text.
    pub text: String,
    /// How well it fits, -1.0 to 1.0.
    pub score: f32,
}
