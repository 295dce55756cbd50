//! Prompts: what goes in.

use bytes::Bytes;
use http::HeaderValue;
use maily_errors::{Code, Error, Result, TraceContext};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::course::Course;
use super::{Betas, Caching, EventId, Format, KeyName, ModelName, Priority, Tenant};
use crate::wire::{self, Spans};

/// A prompt: what routing needs to know, and the raw body that nobody re-serializes.
///
/// The body is a request of at most [`MAX_BYTES`](Self::MAX_BYTES) bytes in the [`Format`] that its
/// head names. Fields that Maily does not know, key order and the digits of big numbers reach the node
/// byte for byte; only the value of `model` is replaced where a node calls it something else,
/// and what [`with_system`](Self::with_system) and [`with_stream`](Self::with_stream) say is added.
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
    /// What routing needs. In a box, because a prompt is handed from layer to layer a dozen times.
    pub head: Box<PromptHead>,
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
    /// The protocol of the body, and of the answer.
    pub format: Format,
    /// Whether a stream ends with a count of tokens; messages and responses always do.
    pub include_usage: bool,
    /// The most tokens that the answer may have.
    pub max_tokens: Option<u32>,
    /// The length of tools, rules and what is said in tokens, at four bytes each.
    pub estimated_tokens: u32,
    /// A hash of the first 1024 bytes of the rules and messages: equal for prompts that may share a cache.
    pub prefix: u64,
    /// When the answer is no longer wanted.
    pub deadline: Option<Instant>,
    /// The trace that the prompt is part of.
    pub trace: Option<TraceContext>,
    /// What other tracers noted on the trace: the `tracestate` that came with it, passed on as it is.
    pub trace_state: Option<HeaderValue>,
    /// What is asked of the protocol of messages beside the body.
    pub betas: Betas,
    /// Whose memories may be recalled.
    pub tenant: Tenant,
    /// Whose key it came with: whose limits hold, and who pays.
    pub key: Option<KeyName>,
    /// What the prompt is for, which says who goes first.
    pub priority: Priority,
    /// Whether the answer may come from memory.
    pub caching: Caching,
    /// Whether nothing is wanted but the number of its tokens.
    pub counting: bool,
    /// Whether the events of the answer are numbered, so that a reader who lost the connection can come back.
    pub resumable: bool,
    /// The last event that the reader has; the answer begins behind it.
    pub last_event: Option<EventId>,
    /// What the layers note on the prompt while they try nodes.
    pub(crate) course: Course,
    /// Where its parts stand in the body.
    pub(crate) spans: Spans,
}

impl Prompt {
    /// The longest body, in bytes: 32 MiB.
    pub const MAX_BYTES: usize = 32 * 1024 * 1024;

    /// Reads what routing needs from a chat-completions body.
    ///
    /// Runs in O(bytes) without building the messages. The body is kept, not copied.
    ///
    /// # Errors
    ///
    /// - [`Code::PromptTooLarge`](maily_errors::Code::PromptTooLarge) over [`MAX_BYTES`](Self::MAX_BYTES).
    /// - [`Code::PromptInvalid`](maily_errors::Code::PromptInvalid) when it is no JSON object, names no model or has no message.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self> {
        Self::parse_as(Format::Chat, body)
    }

    /// Reads what routing needs from a body of any format.
    ///
    /// What is said must be there: `messages` with at least one, a `prompt`. Only `input` may be absent,
    /// because a node that takes responses may keep the conversation itself.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_as(format: Format, body: impl Into<Bytes>) -> Result<Self> {
        let body = body.into();
        let head = Box::new(wire::read_head(format, &body)?);
        Ok(Self { head, body })
    }

    /// Creates a prompt of one user message.
    ///
    /// # Errors
    ///
    /// [`Code::PromptTooLarge`](maily_errors::Code::PromptTooLarge) over [`MAX_BYTES`](Self::MAX_BYTES).
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
    /// - [`Code::PromptInvalid`](maily_errors::Code::PromptInvalid) when a message has no role, or a part is not text.
    /// - [`Code::PromptUntranslatable`](maily_errors::Code::PromptUntranslatable) when another format says what chat cannot.
    pub fn read(&self) -> Result<Chat> {
        if self.head.format == Format::Chat {
            return wire::read_chat(&self.body);
        }
        let chat = wire::convert(&self.body, self.head.format, Format::Chat)?;
        wire::read_chat(chat.as_bytes())
    }

    /// Returns the last text that the person says, if there is any, in any format.
    #[must_use]
    pub fn last_user_text(&self) -> Option<String> {
        wire::last_user_text(&self.body[self.head.spans.said.clone()])
    }

    /// Estimates the tokens of everything that is said, rules and tools included.
    ///
    /// A quarter of the bytes of all texts, 4 for each message or tool, 1600 for each picture. English text is
    /// mostly within a fifth of it; only the tokenizer of the model knows. O(bytes), builds the values.
    #[must_use]
    pub fn estimate_tokens(&self) -> u32 {
        wire::estimate_tokens(&self.body)
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
    /// In messages it goes behind `system`, in responses behind `instructions`, in completions in front of
    /// the text; a list of texts or tokens to complete stays as it is.
    ///
    /// # Errors
    ///
    /// [`Code::PromptTooLarge`](maily_errors::Code::PromptTooLarge) when the body would be over [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn with_system(self, text: &str) -> Result<Self> {
        let body = wire::splice_system(&self.body, &self.head, text);
        self.with_body(body)
    }

    /// Asks for server-sent events that end with a count of tokens.
    ///
    /// A body that speaks of `include_usage` itself keeps its word. Copies the body where it changes.
    ///
    /// # Errors
    ///
    /// - [`Code::PromptTooLarge`](maily_errors::Code::PromptTooLarge) when the body would be over [`MAX_BYTES`](Self::MAX_BYTES).
    /// - [`Code::PromptInvalid`](maily_errors::Code::PromptInvalid) for embeddings, which come in one piece.
    pub fn with_stream(self) -> Result<Self> {
        if self.head.format == Format::Embeddings {
            return Err(
                Error::new(Code::PromptInvalid, "vectors are not streamed").with_operation("mesh::parse")
            );
        }
        if self.head.stream && self.head.include_usage {
            return Ok(self);
        }
        let body = wire::splice_stream(&self.body, self.head.format);
        self.with_body(body)
    }

    /// Reads the head of a changed body; what the body does not say stays.
    pub(crate) fn with_body(self, body: Bytes) -> Result<Self> {
        let format = self.head.format;
        self.with_body_of(format, body)
    }

    /// Reads the head of a body that says the same in another format; what the body does not say stays.
    pub(crate) fn with_body_of(self, format: Format, body: impl Into<Bytes>) -> Result<Self> {
        let fresh = Self::parse_as(format, body)?;
        let PromptHead {
            deadline,
            trace,
            trace_state,
            betas,
            tenant,
            key,
            priority,
            caching,
            counting,
            resumable,
            last_event,
            course,
            ..
        } = *self.head;
        let head = PromptHead {
            deadline,
            trace,
            trace_state,
            betas,
            tenant,
            key,
            priority,
            caching,
            counting,
            resumable,
            last_event,
            course,
            ..*fresh.head
        };
        Ok(Self { head: Box::new(head), body: fresh.body })
    }

    /// Asks for the number of its tokens and nothing else, at a node that is [known to count](crate::balance::Node::with_counting).
    ///
    /// [`Mesh::count_tokens`](crate::Mesh::count_tokens) finds such a node.
    #[must_use]
    pub fn with_counting(mut self) -> Self {
        self.head.counting = true;
        self
    }

    /// Asks for numbered events, so that a reader who loses the connection can come back.
    #[must_use]
    pub fn with_event_ids(mut self) -> Self {
        self.head.resumable = true;
        self
    }

    /// Asks for what comes behind an event; the prompt must be the one that the stream answered.
    #[must_use]
    pub fn with_last_event(mut self, id: EventId) -> Self {
        self.head.last_event = Some(id);
        self.with_event_ids()
    }

    /// Says whether the answer may come from memory.
    #[must_use]
    pub fn with_caching(mut self, caching: Caching) -> Self {
        self.head.caching = caching;
        self
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

    /// Sets what other tracers noted on the trace.
    #[must_use]
    pub fn with_trace_state(mut self, state: HeaderValue) -> Self {
        self.head.trace_state = Some(state);
        self
    }

    /// Sets what is asked of the protocol of messages beside the body.
    ///
    /// A node that is asked in messages gets it, whatever the format of the prompt; another one does not.
    #[must_use]
    pub fn with_betas(mut self, betas: Betas) -> Self {
        self.head.betas = betas;
        self
    }

    /// Sets whose memories may be recalled.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.head.tenant = tenant.into();
        self
    }

    /// Sets whose key it came with.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<KeyName>) -> Self {
        self.head.key = Some(key.into());
        self
    }

    /// Sets what the prompt is for, which says who goes first.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.head.priority = priority;
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
