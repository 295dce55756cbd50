//! Anthropic messages, streamed or whole.

use std::collections::VecDeque;

use maily_errors::Result;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Progress, failed, push, read};
use crate::model::{Delta, FinishReason, Usage};

/// Knows which block is a call of a tool, and what was counted at the beginning.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    calls: u32,
    // The block that is a call, the call, and whether its arguments have begun.
    open: Option<(u32, u32, bool)>,
    counts: Counts,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    delta: Option<More>,
    message: Option<Start>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Start {
    usage: Option<Counts>,
}

/// What one event adds: which field is there says what it is.
#[derive(Deserialize)]
struct More {
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    #[serde(alias = "data")]
    signature: Option<String>,
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
    stop_reason: Option<String>,
    usage: Option<Counts>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A count of tokens, as messages writes it; what came from the cache stands apart.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Counts {
    input_tokens: Option<u32>,
    cache_creation_input_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u32>,
}

impl Decoder {
    pub(super) fn event(&mut self, data: &str, ready: &mut VecDeque<Delta>) -> Result<Progress> {
        let event: Event<'_> = read(data.as_bytes())?;
        match event.kind.as_str() {
            "message_start" => {
                self.counts = event.message.and_then(|message| message.usage).unwrap_or_default();
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    self.begin(event.index, block, ready);
                }
            }
            "content_block_delta" => {
                if let Some(more) = event.delta {
                    self.more(event.index, more, ready);
                }
            }
            "content_block_stop" => {
                // A tool without arguments has an empty object in every other format.
                if let Some((_, index, false)) = self.open.take_if(|(block, ..)| *block == event.index) {
                    ready.push_back(Delta::ToolArguments { index, json: "{}".to_owned() });
                }
            }
            "message_delta" => {
                self.counts = self.counts.or(event.usage.unwrap_or_default());
                if let Some(reason) = event.delta.and_then(|more| more.stop_reason) {
                    ready.push_back(Delta::Finish(finish(&reason)));
                    ready.push_back(Delta::Usage(self.counts.read()));
                    return Ok(Progress::Finished);
                }
            }
            "message_stop" => return Ok(Progress::Ended),
            "error" => return Err(failed()),
            // `ping`, and what is yet to be invented.
            _ => {}
        }
        Ok(Progress::Goes)
    }

    fn begin(&mut self, at: u32, block: Block<'_>, ready: &mut VecDeque<Delta>) {
        let call = self.calls;
        if write_block(block, call, ready) {
            self.open = Some((at, call, false));
            self.calls += 1;
        }
    }

    fn more(&mut self, at: u32, more: More, ready: &mut VecDeque<Delta>) {
        push(ready, more.text, Delta::Text);
        push(ready, more.thinking, Delta::Reasoning);
        push(ready, more.signature, Delta::Signature);
        if let (Some((block, index, begun)), Some(json)) = (&mut self.open, more.partial_json)
            && *block == at
            && !json.is_empty()
        {
            *begun = true;
            ready.push_back(Delta::ToolArguments { index: *index, json });
        }
    }
}

/// Writes what a block holds at its beginning; returns whether it is a call of a tool.
///
/// Blocks of tools that run at the node are for the node: they are read over.
fn write_block(block: Block<'_>, call: u32, ready: &mut VecDeque<Delta>) -> bool {
    match block.kind.as_str() {
        "tool_use" => {
            let (id, name) = (block.id.unwrap_or_default(), block.name.unwrap_or_default());
            ready.push_back(Delta::ToolCall { index: call, id, name });
            return true;
        }
        "text" => push(ready, block.text, Delta::Text),
        "thinking" => {
            push(ready, block.thinking, Delta::Reasoning);
            // A stream signs it at its end.
            push(ready, block.signature, Delta::Signature);
        }
        "redacted_thinking" => push(ready, block.signature, Delta::HiddenThought),
        _ => {}
    }
    false
}

/// Reads a whole answer.
pub(super) fn whole(json: &[u8], ready: &mut VecDeque<Delta>) -> Result<bool> {
    let message: Message<'_> = read(json)?;
    if message.kind.as_deref() == Some("error") {
        return Err(failed());
    }
    let mut calls = 0;
    for block in message.content {
        let input = block.input.map_or("{}", RawValue::get).to_owned();
        if write_block(block, calls, ready) {
            ready.push_back(Delta::ToolArguments { index: calls, json: input });
            calls += 1;
        }
    }
    let reason = message.stop_reason.map(|reason| Delta::Finish(finish(&reason)));
    let done = reason.is_some();
    ready.extend(reason);
    ready.extend(message.usage.map(|counts| Delta::Usage(counts.read())));
    Ok(done)
}

fn finish(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        "tool_use" => FinishReason::ToolCalls,
        _ => FinishReason::Other,
    }
}

impl Counts {
    /// What came later counts: it is cumulative.
    fn or(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
            output_tokens_details: later.output_tokens_details.or(self.output_tokens_details),
        }
    }

    fn read(self) -> Usage {
        let cached = self.cache_read_input_tokens.unwrap_or_default();
        let made = self.cache_creation_input_tokens.unwrap_or_default();
        let prompt = self.input_tokens.unwrap_or_default().saturating_add(cached).saturating_add(made);
        let thinking = self.output_tokens_details.and_then(|details| details.thinking_tokens);
        Usage::new(prompt, self.output_tokens.unwrap_or_default())
            .with_details(cached, thinking.unwrap_or_default())
    }
}
