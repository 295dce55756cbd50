//! OpenAI responses: items that begin and end, each event with its number.

use bytes::Bytes;
use maily_errors::{Code, Error, Result};

use super::{fresh_id, named_event, now};
use crate::model::{Answer, Delta, FinishReason, ModelName, Thought, ToolCall, Usage};
use crate::wire::json::{Object, list, text};

/// Writes one response.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    model: ModelName,
    created: u64,
    sequence: u64,
    // The items as they are at their end, in the order in which they began.
    output: Vec<String>,
    open: Option<Open>,
    calls: Vec<Call>,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
}

/// The item that text or thoughts are added to: the last of the output.
#[derive(Debug)]
struct Open {
    id: String,
    kind: Part,
    said: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Reasoning,
    Text,
}

/// A call may go on until the end of the answer.
#[derive(Debug)]
struct Call {
    id: String,
    at: usize,
    call: ToolCall,
}

impl Encoder {
    pub(super) fn new(model: ModelName) -> Self {
        Self {
            id: fresh_id("resp_"),
            model,
            created: now(),
            sequence: 0,
            output: Vec::new(),
            open: None,
            calls: Vec::new(),
            finish: None,
            usage: None,
        }
    }

    pub(super) fn open(&mut self, out: &mut Vec<u8>) {
        let response = self.response("in_progress", "[]", None);
        for name in ["response.created", "response.in_progress"] {
            self.event(Object::of(name).raw("response", &response), name, out);
        }
    }

    pub(super) fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) -> Result<()> {
        match delta {
            Delta::Finish(reason) => self.finish = Some(reason),
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::Text(said) => self.say(Part::Text, &said, out),
            Delta::Reasoning(thought) => self.say(Part::Reasoning, &thought, out),
            Delta::Resumed(_) => {}
            Delta::HiddenThought(data) => {
                self.close(None, out);
                // It has no part, not even an empty one.
                let (id, at) = (fresh_id(Part::Reasoning.prefix()), self.output.len());
                let begun = reasoning(&id, None, None, "in_progress");
                self.item("response.output_item.added", at, &begun, out);
                let item = reasoning(&id, None, Some(&data), "completed");
                self.item("response.output_item.done", at, &item, out);
                self.output.push(item);
            }
            Delta::Signature(signature) => {
                self.begin(Part::Reasoning, out);
                self.close(Some(&signature), out);
            }
            Delta::ToolCall { index, id, name } => {
                self.close(None, out);
                let call = ToolCall { index, id, name, arguments: String::new() };
                let call = Call { id: fresh_id("fc_"), at: self.output.len(), call };
                self.output.push(String::new());
                let item = function_call(&call.id, &call.call, "in_progress");
                self.item("response.output_item.added", call.at, &item, out);
                self.calls.push(call);
            }
            Delta::ToolArguments { index, json } => {
                let call = self.calls.iter_mut().rev().find(|call| call.call.index == index);
                let call = call.ok_or_else(unknown_call)?;
                call.call.arguments.push_str(&json);
                let (id, at) = (call.id.clone(), call.at);
                let name = "response.function_call_arguments.delta";
                let event = Object::of(name).text("item_id", &id).number("output_index", at as u64);
                self.event(event.text("delta", &json), name, out);
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.close(None, out);
        for Call { id, at, call } in std::mem::take(&mut self.calls) {
            let name = "response.function_call_arguments.done";
            let event = Object::of(name).text("item_id", &id).number("output_index", at as u64);
            self.event(event.text("name", &call.name).text("arguments", &call.arguments), name, out);
            let item = function_call(&id, &call, "completed");
            self.item("response.output_item.done", at, &item, out);
            self.output[at] = item;
        }
        let status = status(self.finish);
        let name = if status == "completed" { "response.completed" } else { "response.incomplete" };
        let response = self.response(status, &list(&self.output), self.finish);
        self.event(Object::of(name).raw("response", &response), name, out);
    }

    /// Writes the whole answer as one object.
    pub(super) fn answer(&self, answer: &Answer) -> Bytes {
        let thought = |thought: &Thought| {
            let said = (!thought.hidden).then_some(&*thought.text);
            reasoning(&fresh_id("rs_"), said, thought.signature.as_deref(), "completed")
        };
        let mut output: Vec<String> = answer.thoughts.iter().map(thought).collect();
        if !answer.text.is_empty() || answer.tool_calls.is_empty() {
            output.push(message(&fresh_id("msg_"), Some(&answer.text), "completed"));
        }
        let call = |call: &ToolCall| function_call(&fresh_id("fc_"), call, "completed");
        output.extend(answer.tool_calls.iter().map(call));
        let whole = Self { usage: answer.usage, id: self.id.clone(), ..Self::new(self.model.clone()) };
        whole.response(status(answer.finish), &list(&output), answer.finish).into()
    }

    /// Adds a piece to the item of its kind that is open.
    fn say(&mut self, kind: Part, piece: &str, out: &mut Vec<u8>) {
        self.begin(kind, out);
        let Some(open) = &mut self.open else { return };
        open.said.push_str(piece);
        let event = part_event(kind.delta(), &open.id, self.output.len() - 1).text("delta", piece);
        self.event(kind.with_logprobs(event), kind.delta(), out);
    }

    /// Opens an item of this kind, unless it is open.
    fn begin(&mut self, kind: Part, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|open| open.kind == kind) {
            return;
        }
        self.close(None, out);
        let id = fresh_id(kind.prefix());
        let at = self.output.len();
        self.output.push(String::new());
        let item = kind.item(&id, None, None, "in_progress");
        self.item("response.output_item.added", at, &item, out);
        let name = "response.content_part.added";
        self.event(part_event(name, &id, at).raw("part", &kind.part("")), name, out);
        self.open = Some(Open { id, kind, said: String::new() });
    }

    fn close(&mut self, signature: Option<&str>, out: &mut Vec<u8>) {
        let Some(Open { id, kind, said }) = self.open.take() else { return };
        let at = self.output.len() - 1;
        let event = kind.with_logprobs(part_event(kind.done(), &id, at).text("text", &said));
        self.event(event, kind.done(), out);
        let name = "response.content_part.done";
        self.event(part_event(name, &id, at).raw("part", &kind.part(&said)), name, out);
        let item = kind.item(&id, Some(&said), signature, "completed");
        self.item("response.output_item.done", at, &item, out);
        self.output[at] = item;
    }

    fn item(&mut self, name: &str, at: usize, item: &str, out: &mut Vec<u8>) {
        self.event(Object::of(name).number("output_index", at as u64).raw("item", item), name, out);
    }

    fn event(&mut self, event: Object, name: &str, out: &mut Vec<u8>) {
        named_event(name, &event.number("sequence_number", self.sequence).end(), out);
        self.sequence += 1;
    }

    fn response(&self, status: &str, output: &str, finish: Option<FinishReason>) -> String {
        let incomplete = match finish {
            Some(FinishReason::Length) => "{\"reason\":\"max_output_tokens\"}",
            Some(FinishReason::ContentFilter) => "{\"reason\":\"content_filter\"}",
            _ => "null",
        };
        Object::new()
            .text("id", &self.id)
            .text("object", "response")
            .number("created_at", self.created)
            .text("status", status)
            .raw("error", "null")
            .raw("incomplete_details", incomplete)
            .raw("instructions", "null")
            .raw("max_output_tokens", "null")
            .text("model", self.model.as_str())
            .raw("output", output)
            .raw("parallel_tool_calls", "true")
            .raw("previous_response_id", "null")
            .raw("store", "false")
            .raw("temperature", "null")
            .raw("text", "{\"format\":{\"type\":\"text\"}}")
            .text("tool_choice", "auto")
            .raw("tools", "[]")
            .raw("top_p", "null")
            .text("truncation", "disabled")
            .raw("usage", &self.usage.map_or_else(|| "null".to_owned(), counts))
            .raw("metadata", "{}")
            .end()
    }
}

impl Part {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Reasoning => "rs_",
            Self::Text => "msg_",
        }
    }

    const fn delta(self) -> &'static str {
        match self {
            Self::Reasoning => "response.reasoning_text.delta",
            Self::Text => "response.output_text.delta",
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Reasoning => "response.reasoning_text.done",
            Self::Text => "response.output_text.done",
        }
    }

    /// Clients expect the list in events of text, and in no other.
    fn with_logprobs(self, event: Object) -> Object {
        match self {
            Self::Reasoning => event,
            Self::Text => event.raw("logprobs", "[]"),
        }
    }

    fn part(self, said: &str) -> String {
        match self {
            Self::Reasoning => Object::of("reasoning_text").text("text", said).end(),
            Self::Text => {
                let part = Object::of("output_text").text("text", said);
                part.raw("annotations", "[]").raw("logprobs", "[]").end()
            }
        }
    }

    fn item(self, id: &str, said: Option<&str>, signature: Option<&str>, status: &str) -> String {
        match self {
            Self::Reasoning => reasoning(id, said, signature, status),
            Self::Text => message(id, said, status),
        }
    }
}

fn part_event(name: &str, id: &str, at: usize) -> Object {
    Object::of(name).text("item_id", id).number("output_index", at as u64).number("content_index", 0_u32)
}

fn message(id: &str, said: Option<&str>, status: &str) -> String {
    let content = said.map_or_else(|| "[]".to_owned(), |said| list(&[Part::Text.part(said)]));
    let item = Object::new().text("id", id).text("type", "message").text("status", status);
    item.text("role", "assistant").raw("content", &content).end()
}

fn reasoning(id: &str, said: Option<&str>, signature: Option<&str>, status: &str) -> String {
    let parts = said.map_or_else(|| "[]".to_owned(), |said| list(&[Part::Reasoning.part(said)]));
    let item = Object::new().text("id", id).text("type", "reasoning").raw("summary", "[]");
    let item = item.raw("content", &parts);
    let sealed = signature.map_or_else(|| "null".to_owned(), text);
    item.raw("encrypted_content", &sealed).text("status", status).end()
}

fn function_call(id: &str, call: &ToolCall, status: &str) -> String {
    Object::new()
        .text("id", id)
        .text("type", "function_call")
        .text("status", status)
        .text("call_id", &call.id)
        .text("name", &call.name)
        .text("arguments", &call.arguments)
        .end()
}

fn counts(usage: Usage) -> String {
    let input = Object::new().number("cached_tokens", usage.cached_tokens).end();
    let output = Object::new().number("reasoning_tokens", usage.reasoning_tokens).end();
    Object::new()
        .number("input_tokens", usage.prompt_tokens)
        .raw("input_tokens_details", &input)
        .number("output_tokens", usage.completion_tokens)
        .raw("output_tokens_details", &output)
        .number("total_tokens", usage.total_tokens)
        .end()
}

const fn status(finish: Option<FinishReason>) -> &'static str {
    match finish {
        Some(FinishReason::Length | FinishReason::ContentFilter) => "incomplete",
        _ => "completed",
    }
}

fn unknown_call() -> Error {
    Error::new(Code::StreamMalformed, "the node goes on with a call of a tool that never began")
        .with_operation("mesh::encode")
}
