//! Chat completions.

use bytes::Bytes;
use serde::Serialize;

use super::{as_event, fresh_id, now, to_bytes};
use crate::model::{Answer, Delta, FinishReason, ModelName, Thought, Usage};

/// The event that ends a stream which is whole.
pub const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// Writes the chunks of one answer: all have one id, model and time.
#[derive(Clone, Debug)]
pub struct Chunks {
    id: String,
    model: ModelName,
    created: u64,
}

impl Chunks {
    /// Begins an answer.
    #[must_use]
    pub fn new(model: ModelName) -> Self {
        Self { id: fresh_id("chatcmpl-"), model, created: now() }
    }

    /// Writes the event that opens a stream.
    #[must_use]
    pub fn open(&self) -> Bytes {
        self.event(&Said { role: Some("assistant"), content: Some(""), ..Said::default() }, None)
    }

    /// Writes the event of one piece of text.
    #[must_use]
    pub fn text(&self, text: &str) -> Bytes {
        self.event(&Said { content: Some(text), ..Said::default() }, None)
    }

    /// Writes the event that says why the text ended.
    #[must_use]
    pub fn finish(&self, reason: FinishReason) -> Bytes {
        self.event(&Said::default(), Some(reason))
    }

    /// Writes the event that counts tokens.
    #[must_use]
    pub fn usage(&self, usage: Usage) -> Bytes {
        let empty: [Choice<'_>; 0] = [];
        as_event(&self.object("chat.completion.chunk", &empty, Some(usage)))
    }

    /// Writes the whole answer as one object.
    #[must_use]
    pub fn whole(&self, text: &str, reason: FinishReason, usage: Option<Usage>) -> Bytes {
        let said = Said { role: Some("assistant"), content: Some(text), ..Said::default() };
        self.message(&said, reason, usage)
    }

    /// Writes the event of any delta; nothing for [`Delta::Resumed`].
    #[must_use]
    pub fn delta(&self, delta: &Delta) -> Bytes {
        let said = match delta {
            Delta::Finish(reason) => return self.finish(*reason),
            Delta::Text(text) => return self.text(text),
            Delta::Usage(usage) => return self.usage(*usage),
            // It is no event.
            Delta::Resumed(_) => return Bytes::new(),
            Delta::HiddenThought(data) => {
                let blocks = vec![ThinkingBlock::RedactedThinking { data }];
                Said { thinking_blocks: blocks, ..Said::default() }
            }
            Delta::Reasoning(text) => Said { reasoning_content: Some(text), ..Said::default() },
            Delta::Signature(signature) => {
                let blocks = vec![ThinkingBlock::Thinking { thinking: "", signature }];
                Said { thinking_blocks: blocks, ..Said::default() }
            }
            Delta::ToolArguments { index, json } => {
                let function = Function { name: None, arguments: json };
                let call = Call { index: Some(*index), id: None, kind: None, function };
                Said { tool_calls: vec![call], ..Said::default() }
            }
            Delta::ToolCall { index, id, name } => {
                let function = Function { name: Some(name), arguments: "" };
                let call = Call { index: Some(*index), id: Some(id), kind: Some("function"), function };
                Said { tool_calls: vec![call], ..Said::default() }
            }
        };
        self.event(&said, None)
    }

    /// Writes a decoded answer as one object.
    #[must_use]
    pub fn answer(&self, answer: &Answer) -> Bytes {
        let calls = answer.tool_calls.iter().map(|call| Call {
            index: None,
            id: Some(&call.id),
            kind: Some("function"),
            function: Function { name: Some(&call.name), arguments: &call.arguments },
        });
        let reasoning: String = answer.thoughts.iter().map(|thought| thought.text.as_str()).collect();
        let said = Said {
            role: Some("assistant"),
            content: Some(&answer.text),
            reasoning_content: (!reasoning.is_empty()).then_some(&reasoning),
            thinking_blocks: answer.thoughts.iter().filter_map(ThinkingBlock::of).collect(),
            tool_calls: calls.collect(),
        };
        self.message(&said, answer.finish.unwrap_or(FinishReason::Stop), answer.usage)
    }

    fn message(&self, said: &Said<'_>, reason: FinishReason, usage: Option<Usage>) -> Bytes {
        let choice = Choice { index: 0, message: Some(said), delta: None, finish_reason: Some(reason) };
        to_bytes(&self.object("chat.completion", &[choice], usage))
    }

    fn event(&self, said: &Said<'_>, finish_reason: Option<FinishReason>) -> Bytes {
        let choice = Choice { index: 0, message: None, delta: Some(said), finish_reason };
        as_event(&self.object("chat.completion.chunk", &[choice], None))
    }

    fn object<'a>(
        &'a self,
        object: &'static str,
        choices: &'a [Choice<'a>],
        usage: Option<Usage>,
    ) -> Object<'a> {
        let usage = usage.map(Counts::new);
        Object { id: &self.id, object, created: self.created, model: &self.model, choices, usage }
    }
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a ModelName,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Counts>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a Said<'a>>,
    finish_reason: Option<FinishReason>,
}

#[derive(Default, Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<ThinkingBlock<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

/// A thought with its signature, as other gateways write it too: chat has no field of its own for it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ThinkingBlock<'a> {
    RedactedThinking { data: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
}

impl<'a> ThinkingBlock<'a> {
    fn of(thought: &'a Thought) -> Option<Self> {
        let signature = thought.signature.as_deref()?;
        Some(if thought.hidden {
            Self::RedactedThinking { data: signature }
        } else {
            Self::Thinking { thinking: &thought.text, signature }
        })
    }
}

#[derive(Serialize)]
struct Call<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// A count of tokens, as chat writes it.
#[derive(Serialize)]
pub(super) struct Counts {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u32,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u32,
}

impl Counts {
    pub(super) fn new(usage: Usage) -> Self {
        let Usage { prompt_tokens, completion_tokens, total_tokens, cached_tokens, reasoning_tokens } = usage;
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens,
            prompt_tokens_details: (cached_tokens > 0).then_some(PromptDetails { cached_tokens }),
            completion_tokens_details: (reasoning_tokens > 0)
                .then_some(CompletionDetails { reasoning_tokens }),
        }
    }
}
