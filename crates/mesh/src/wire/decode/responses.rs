//! OpenAI responses, streamed or whole.

use std::collections::{BTreeMap, VecDeque};

use maily_errors::Result;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Progress, failed, push, read};
use crate::model::{Delta, FinishReason, Usage};
use crate::wire::json::as_text;

/// Knows which items are calls of tools, and whether their arguments have begun.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    // By the place of the item in the output.
    calls: BTreeMap<u32, (u32, bool)>,
    // Whether there was a text or a call, and whether there was a thought.
    said: bool,
    thought: bool,
    // Whether the thought that is under way said something.
    thinking: bool,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    output_index: u32,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    arguments: Option<String>,
    item: Option<Item>,
    response: Option<Response>,
}

/// What of the output was not said before its end: some servers send it only there.
#[derive(Clone, Copy)]
struct Missing {
    thoughts: bool,
    rest: bool,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    content: Option<Vec<Part>>,
    summary: Option<Vec<Part>>,
    encrypted_content: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: Option<String>,
    #[serde(default)]
    output: Vec<Item>,
    incomplete_details: Option<Incomplete>,
    usage: Option<Counts>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u32>,
}

impl Decoder {
    pub(super) fn event(&mut self, data: &str, ready: &mut VecDeque<Delta>) -> Result<Progress> {
        let event: Event<'_> = read(data.as_bytes())?;
        let before = ready.len();
        match event.kind.as_str() {
            "response.output_text.delta" | "response.refusal.delta" => {
                push(ready, event.delta.and_then(as_text), Delta::Text);
            }
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                let thoughts = ready.len();
                push(ready, event.delta.and_then(as_text), Delta::Reasoning);
                self.thinking |= ready.len() > thoughts;
            }
            "response.output_item.added" => {
                if let Some(item) = event.item {
                    self.begin(event.output_index, item, ready);
                }
            }
            "response.function_call_arguments.delta" => {
                self.arguments(event.output_index, event.delta.and_then(as_text), ready);
            }
            "response.function_call_arguments.done" if !self.has_begun(event.output_index) => {
                self.arguments(event.output_index, event.arguments, ready);
            }
            "response.output_item.done" => {
                // The ciphertext of a thought is whole only here.
                if let Some(item) = event.item.filter(|item| item.kind.as_deref() == Some("reasoning")) {
                    item.think(std::mem::take(&mut self.thinking), ready);
                }
            }
            "response.completed" | "response.incomplete" => {
                let response = event.response.ok_or_else(|| super::malformed("the response is missing"))?;
                let called = !self.calls.is_empty();
                // A thought behind the text would be out of place.
                let missing = Missing { thoughts: !self.said && !self.thought, rest: !self.said };
                return response.read(missing, called, ready).map(|_| Progress::Ended);
            }
            "response.failed" | "error" => return Err(failed()),
            // Parts that begin and end, and what is yet to be invented.
            _ => {}
        }
        for delta in ready.range(before..) {
            let is_thought =
                matches!(delta, Delta::Reasoning(_) | Delta::Signature(_) | Delta::HiddenThought(_));
            *(if is_thought { &mut self.thought } else { &mut self.said }) = true;
        }
        Ok(Progress::Goes)
    }

    fn begin(&mut self, at: u32, item: Item, ready: &mut VecDeque<Delta>) {
        if item.kind.as_deref() == Some("function_call") {
            let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
            self.calls.insert(at, (index, false));
            let (id, name) = (item.call_id.unwrap_or_default(), item.name.unwrap_or_default());
            ready.push_back(Delta::ToolCall { index, id, name });
            self.arguments(at, item.arguments, ready);
        }
    }

    fn arguments(&mut self, at: u32, json: Option<String>, ready: &mut VecDeque<Delta>) {
        let json = json.filter(|json| !json.is_empty());
        if let (Some((index, begun)), Some(json)) = (self.calls.get_mut(&at), json) {
            *begun = true;
            ready.push_back(Delta::ToolArguments { index: *index, json });
        }
    }

    fn has_begun(&self, at: u32) -> bool {
        self.calls.get(&at).is_some_and(|(_, begun)| *begun)
    }
}

/// Reads a whole answer.
pub(super) fn whole(json: &[u8], ready: &mut VecDeque<Delta>) -> Result<bool> {
    let response: Response = read(json)?;
    response.read(Missing { thoughts: true, rest: true }, false, ready)
}

impl Response {
    /// Reads the end, and what is missing of the output; returns whether the response is done. `called` says that a tool
    /// was called before: not every server repeats the output at its end.
    fn read(self, missing: Missing, called: bool, ready: &mut VecDeque<Delta>) -> Result<bool> {
        let calls = called || self.output.iter().any(|item| item.kind.as_deref() == Some("function_call"));
        let finish = match self.status.as_deref() {
            Some("completed") if calls => FinishReason::ToolCalls,
            Some("completed") => FinishReason::Stop,
            Some("incomplete") => match self.incomplete_details.and_then(|details| details.reason).as_deref()
            {
                Some("max_output_tokens") => FinishReason::Length,
                Some("content_filter") => FinishReason::ContentFilter,
                _ => FinishReason::Other,
            },
            Some("failed" | "cancelled") => return Err(failed()),
            _ if self.error.is_some() => return Err(failed()),
            // It is still under way, somewhere else.
            _ => return Ok(false),
        };
        let output = self.output.into_iter().filter(|item| missing.holds(item));
        output.fold(0, |calls, item| item.read(calls, ready));
        ready.push_back(Delta::Finish(finish));
        ready.extend(self.usage.map(|counts| Delta::Usage(counts.read())));
        Ok(true)
    }
}

impl Missing {
    fn holds(self, item: &Item) -> bool {
        if item.kind.as_deref() == Some("reasoning") { self.thoughts } else { self.rest }
    }
}

impl Item {
    /// Reads a thought whose text was said before, or was not; one without parts is hidden.
    fn think(self, said: bool, ready: &mut VecDeque<Delta>) {
        let mut is_hidden = !said;
        for part in self.summary.into_iter().chain(self.content).flatten() {
            is_hidden = false;
            if !said {
                push(ready, part.text, Delta::Reasoning);
            }
        }
        push(ready, self.encrypted_content, if is_hidden { Delta::HiddenThought } else { Delta::Signature });
    }

    /// Reads a whole item; returns how many calls there are with it.
    fn read(self, calls: u32, ready: &mut VecDeque<Delta>) -> u32 {
        match self.kind.as_deref() {
            Some("message") => {
                let parts = self.content.into_iter().flatten();
                parts.for_each(|part| push(ready, part.text.or(part.refusal), Delta::Text));
            }
            Some("reasoning") => self.think(false, ready),
            Some("function_call") => {
                let (id, name) = (self.call_id.unwrap_or_default(), self.name.unwrap_or_default());
                ready.push_back(Delta::ToolCall { index: calls, id, name });
                let arguments = self.arguments.filter(|json| !json.is_empty());
                ready.extend(arguments.map(|json| Delta::ToolArguments { index: calls, json }));
                return calls + 1;
            }
            _ => {}
        }
        calls
    }
}

impl Counts {
    fn read(self) -> Usage {
        let cached = self.input_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = self.output_tokens_details.and_then(|details| details.reasoning_tokens);
        Usage::new(self.input_tokens.unwrap_or_default(), self.output_tokens.unwrap_or_default())
            .with_details(cached.unwrap_or_default(), reasoning.unwrap_or_default())
    }
}
