//! Anthropic messages: blocks that are open one after the other.

use std::mem;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};

use super::{fresh_id, named_event};
use crate::model::{Answer, Delta, FinishReason, ModelName, ToolCall, Usage};
use crate::wire::json::{Object, list, text};

/// Writes one message.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    model: ModelName,
    open: Option<Block>,
    // How many blocks have begun.
    blocks: u32,
    // Calls that began while another one was open. Only one block may be open, and a call may go on until
    // the end, so they are written behind it.
    later: Vec<ToolCall>,
    called: bool,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Block {
    Text,
    Thinking,
    Tool(u32),
}

impl Encoder {
    pub(super) fn new(model: ModelName) -> Self {
        let id = fresh_id("msg_");
        Self { id, model, open: None, blocks: 0, later: Vec::new(), called: false, finish: None, usage: None }
    }

    pub(super) fn open(&self, out: &mut Vec<u8>) {
        // Nobody has counted yet; the count at the end says everything.
        let message = self.message("[]", None, Usage::default());
        named_event("message_start", &Object::of("message_start").raw("message", &message).end(), out);
    }

    pub(super) fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) -> Result<()> {
        match delta {
            Delta::Finish(reason) => self.finish = Some(reason),
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::Text(said) => {
                self.begin(Block::Text, Object::of("text").text("text", ""), out);
                self.more(Object::of("text_delta").text("text", &said), out);
            }
            Delta::Reasoning(thought) => {
                self.begin(Block::Thinking, thinking("", ""), out);
                self.more(Object::of("thinking_delta").text("thinking", &thought), out);
            }
            Delta::HiddenThought(data) => {
                self.close(out);
                self.start(Block::Thinking, &hidden_thought(&data), out);
                self.close(out);
            }
            Delta::Resumed(_) => {}
            Delta::Signature(signature) => {
                self.begin(Block::Thinking, thinking("", ""), out);
                self.more(Object::of("signature_delta").text("signature", &signature), out);
                self.close(out);
            }
            Delta::ToolCall { index, id, name } => {
                self.called = true;
                if matches!(self.open, Some(Block::Tool(_))) {
                    self.later.push(ToolCall { index, id, name, arguments: String::new() });
                } else {
                    self.begin(Block::Tool(index), tool_use(&id, &name), out);
                }
            }
            Delta::ToolArguments { index, json } => {
                if self.open == Some(Block::Tool(index)) {
                    self.more(Object::of("input_json_delta").text("partial_json", &json), out);
                } else {
                    let call = self.later.iter_mut().rev().find(|call| call.index == index);
                    call.ok_or_else(gone_on)?.arguments.push_str(&json);
                }
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        for call in mem::take(&mut self.later) {
            self.begin(Block::Tool(call.index), tool_use(&call.id, &call.name), out);
            self.more(Object::of("input_json_delta").text("partial_json", &call.arguments), out);
            self.close(out);
        }
        let reason = stop_reason(self.finish, self.called);
        let delta = Object::new().text("stop_reason", reason).raw("stop_sequence", "null").end();
        let usage = counts(self.usage.unwrap_or_default());
        let event = Object::of("message_delta").raw("delta", &delta).raw("usage", &usage).end();
        named_event("message_delta", &event, out);
        named_event("message_stop", &Object::of("message_stop").end(), out);
    }

    /// Writes the whole answer as one object.
    pub(super) fn answer(&self, answer: &Answer) -> Bytes {
        let mut content = Vec::new();
        for thought in &answer.thoughts {
            let signature = thought.signature.as_deref().unwrap_or_default();
            content.push(if thought.hidden {
                hidden_thought(signature)
            } else {
                thinking(&thought.text, signature).end()
            });
        }
        if !answer.text.is_empty() {
            content.push(Object::of("text").text("text", &answer.text).end());
        }
        for call in &answer.tool_calls {
            let input = super::as_object(&call.arguments);
            content.push(
                Object::of("tool_use")
                    .text("id", &call.id)
                    .text("name", &call.name)
                    .raw("input", input)
                    .end(),
            );
        }
        let reason = stop_reason(answer.finish, !answer.tool_calls.is_empty());
        self.message(&list(&content), Some(reason), answer.usage.unwrap_or_default()).into()
    }

    fn message(&self, content: &str, reason: Option<&str>, usage: Usage) -> String {
        let reason = reason.map_or_else(|| "null".to_owned(), text);
        Object::new()
            .text("id", &self.id)
            .text("type", "message")
            .text("role", "assistant")
            .text("model", self.model.as_str())
            .raw("content", content)
            .raw("stop_reason", &reason)
            .raw("stop_sequence", "null")
            .raw("usage", &counts(usage))
            .end()
    }

    /// Opens a block of this kind, unless it is open.
    fn begin(&mut self, block: Block, empty: Object, out: &mut Vec<u8>) {
        if self.open != Some(block) {
            self.close(out);
            self.start(block, &empty.end(), out);
        }
    }

    fn start(&mut self, block: Block, content: &str, out: &mut Vec<u8>) {
        let event = Object::of("content_block_start").number("index", self.blocks);
        named_event("content_block_start", &event.raw("content_block", content).end(), out);
        self.open = Some(block);
        self.blocks += 1;
    }

    fn more(&self, delta: Object, out: &mut Vec<u8>) {
        let event = Object::of("content_block_delta").number("index", self.blocks - 1);
        named_event("content_block_delta", &event.raw("delta", &delta.end()).end(), out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let event = Object::of("content_block_stop").number("index", self.blocks - 1);
            named_event("content_block_stop", &event.end(), out);
        }
    }
}

fn thinking(text: &str, signature: &str) -> Object {
    Object::of("thinking").text("thinking", text).text("signature", signature)
}

/// A thought that only the node can read.
fn hidden_thought(data: &str) -> String {
    Object::of("redacted_thinking").text("data", data).end()
}

fn tool_use(id: &str, name: &str) -> Object {
    Object::of("tool_use").text("id", id).text("name", name).raw("input", "{}")
}

/// What came from the cache stands apart from the rest of the prompt.
fn counts(usage: Usage) -> String {
    let read = usage.cached_tokens.min(usage.prompt_tokens);
    let counts = Object::new()
        .number("input_tokens", usage.prompt_tokens - read)
        .number("cache_creation_input_tokens", 0_u32)
        .number("cache_read_input_tokens", read)
        .number("output_tokens", usage.completion_tokens);
    if usage.reasoning_tokens == 0 {
        return counts.end();
    }
    let details = Object::new().number("thinking_tokens", usage.reasoning_tokens).end();
    counts.raw("output_tokens_details", &details).end()
}

/// Says why it ended. Chat says of a call that the client forced only that it stopped.
const fn stop_reason(finish: Option<FinishReason>, called: bool) -> &'static str {
    match finish {
        Some(FinishReason::ContentFilter) => "refusal",
        Some(FinishReason::Length) => "max_tokens",
        Some(FinishReason::ToolCalls) => "tool_use",
        _ if called => "tool_use",
        _ => "end_turn",
    }
}

/// Blocks are open one after the other, so what was closed cannot go on.
fn gone_on() -> Error {
    Error::new(Code::StreamMalformed, "the node went on with a call of a tool that it had left")
        .with_operation("mesh::encode")
}
