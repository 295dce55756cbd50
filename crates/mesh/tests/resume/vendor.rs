//! A node that writes each format as its maker does, and goes on with what a prompt ends with.

use maily_mesh::{Format, Prompt};
use serde_json::{Value, json};

/// What the prompt counts without a beginning of the answer.
pub(crate) const PROMPT_TOKENS: u64 = 10;
/// A text whose node begins anew instead of going on.
pub(crate) const REPEATED: &str = "eins, zwei, drei, vier, fünf, sechs, sieben, acht.";
/// The first bytes of what cannot be continued.
pub(crate) const BORDER: &str = "\"border\"";

pub(crate) fn prompt(format: Format) -> Prompt {
    let said = match format {
        Format::Completions => r#""prompt":"Count: ","stream_options":{"include_usage":true}"#,
        Format::Chat => {
            r#""messages":[{"role":"user","content":"Count"}],"stream_options":{"include_usage":true}"#
        }
        Format::Messages => r#""max_tokens":99,"messages":[{"role":"user","content":"Count"}]"#,
        Format::Embeddings | Format::Responses => r#""input":"Count""#,
    };
    Prompt::parse_as(format, format!(r#"{{"model":"m","stream":true,{said}}}"#)).expect("as it was written")
}

/// How many tokens a text has: its words.
pub(crate) fn tokens(text: &str) -> u64 {
    pieces(text).count() as u64
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// Answers with the text, or with the rest of it; the number of the call is the name of the answer.
pub(crate) fn answer(prompt: &Prompt, text: &str, call: usize) -> String {
    let begun = begun(prompt);
    let rest = text.strip_prefix(begun.as_str()).expect("the prompt ends with a beginning of the answer");
    let rest = if text == REPEATED { text } else { rest };
    let asked = PROMPT_TOKENS + tokens(&begun);
    match prompt.head.format {
        Format::Chat | Format::Completions => chat(prompt.head.format, rest, call, asked),
        Format::Messages => messages(rest, call, asked),
        Format::Embeddings | Format::Responses => responses(rest, call, asked),
    }
}

/// The beginning of the answer that the prompt ends with.
fn begun(prompt: &Prompt) -> String {
    let body: Value = serde_json::from_slice(prompt.body()).expect("as it was written");
    let last = |list: &str| body[list].as_array().and_then(|list| list.last()).cloned().unwrap_or_default();
    let goes_on = body["continue_final_message"] == true && body["add_generation_prompt"] == false;
    match prompt.head.format {
        Format::Completions => {
            body["prompt"].as_str().expect("as it was written")["Count: ".len()..].to_owned()
        }
        Format::Chat | Format::Messages => {
            let last = last("messages");
            let begun = last["role"] == "assistant";
            // Messages says so itself, and refuses what it does not know.
            assert_eq!(goes_on, begun && prompt.head.format == Format::Chat);
            // A text, or blocks of which the last one is it.
            let said =
                last["content"].as_str().or_else(|| last["content"].as_array()?.last()?["text"].as_str());
            if begun { said.expect("as it was written").to_owned() } else { String::new() }
        }
        Format::Embeddings | Format::Responses => {
            let last = last("input");
            assert_eq!(goes_on, last["role"] == "assistant");
            if !goes_on {
                return String::new();
            }
            assert_eq!((&last["type"], &last["status"]), (&json!("message"), &json!("incomplete")));
            assert!(last["id"].as_str().expect("as it was written").starts_with("msg_"));
            last["content"][0]["text"].as_str().expect("as it was written").to_owned()
        }
    }
}

fn chat(format: Format, text: &str, call: usize, asked: u64) -> String {
    let completions = format == Format::Completions;
    let object = if completions { "text_completion" } else { "chat.completion.chunk" };
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({ "id": call.to_string(), "object": object, "created": 100 + call, "model": format!("m{call}"),
            "choices": choices, "usage": usage });
        format!("data: {chunk}\n\n")
    };
    let said = |text: &str, finish: Value| {
        let choice = if completions {
            json!({ "index": 0, "text": text, "finish_reason": finish })
        } else {
            json!({ "index": 0, "delta": { "content": text }, "finish_reason": finish })
        };
        chunk(json!([choice]), Value::Null)
    };
    let mut out = String::new();
    if !completions {
        let role =
            json!([{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }]);
        out.push_str(&chunk(role, Value::Null));
    }
    pieces(text).for_each(|piece| out.push_str(&said(piece, Value::Null)));
    out.push_str(&said("", json!("stop")));
    let told = tokens(text);
    let usage = json!({ "prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told });
    out + &chunk(json!([]), usage) + "data: [DONE]\n\n"
}

fn named(mut event: Value, out: &mut String) {
    let name = event["type"].as_str().expect("as it was written").to_owned();
    event
        .as_object_mut()
        .expect("as it was written")
        .insert("unknown".to_owned(), json!(12_345_678_901_234_567_890_u64));
    out.push_str(&format!("event: {name}\ndata: {event}\n\n"));
}

fn message_start(call: usize, asked: u64, out: &mut String) {
    let usage = json!({ "input_tokens": asked, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1 });
    let message = json!({ "id": format!("msg_{call}"), "type": "message", "role": "assistant", "model": format!("m{call}"),
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
    named(json!({ "type": "message_start", "message": message }), out);
}

fn messages(text: &str, call: usize, asked: u64) -> String {
    let mut out = String::new();
    message_start(call, asked, &mut out);
    named(
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        &mut out,
    );
    named(json!({ "type": "ping" }), &mut out);
    for piece in pieces(text) {
        let delta = json!({ "type": "text_delta", "text": piece });
        named(json!({ "type": "content_block_delta", "index": 0, "delta": delta }), &mut out);
    }
    named(json!({ "type": "content_block_stop", "index": 0 }), &mut out);
    let delta = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    let usage = json!({ "input_tokens": asked, "output_tokens": tokens(text) });
    named(json!({ "type": "message_delta", "delta": delta, "usage": usage }), &mut out);
    named(json!({ "type": "message_stop" }), &mut out);
    out
}

/// The events of one response, numbered.
struct Response {
    call: usize,
    sequence: u64,
    out: String,
}

impl Response {
    fn begin(call: usize) -> Self {
        let mut response = Self { call, sequence: 0, out: String::new() };
        for name in ["response.created", "response.in_progress"] {
            let object = response.object("in_progress", &json!([]), &Value::Null);
            response.event(name, json!({ "response": object }));
        }
        response
    }

    fn object(&self, status: &str, output: &Value, usage: &Value) -> Value {
        let call = self.call;
        json!({ "id": format!("resp_{call}"), "object": "response", "created_at": 100 + call, "status": status,
            "model": format!("m{call}"), "max_output_tokens": 1000 - call, "output": output, "usage": usage })
    }

    fn event(&mut self, name: &str, mut event: Value) {
        event["type"] = json!(name);
        event["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        named(event, &mut self.out);
    }
}

fn responses(text: &str, call: usize, asked: u64) -> String {
    let mut response = Response::begin(call);
    let id = format!("msg_{call}");
    let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
    let item = |status: &str, content: Value| json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content });
    let of_part = |mut event: Value| {
        event["item_id"] = json!(id);
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        event
    };
    let added = json!({ "output_index": 0, "item": item("in_progress", json!([])) });
    response.event("response.output_item.added", added);
    response.event("response.content_part.added", of_part(json!({ "part": part("") })));
    for piece in pieces(text) {
        let delta = json!({ "delta": piece, "logprobs": [], "obfuscation": "x" });
        response.event("response.output_text.delta", of_part(delta));
    }
    response.event("response.output_text.done", of_part(json!({ "text": text, "logprobs": [] })));
    response.event("response.content_part.done", of_part(json!({ "part": part(text) })));
    let whole = item("completed", json!([part(text)]));
    response.event("response.output_item.done", json!({ "output_index": 0, "item": whole }));
    let told = tokens(text);
    let usage = json!({ "input_tokens": asked, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": told,
        "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": asked + told });
    let object = response.object("completed", &json!([whole]), &usage);
    response.event("response.completed", json!({ "response": object }));
    response.out
}

/// What a model thinks, in two pieces.
pub(crate) const THOUGHT: [&str; 2] = ["Hm. ", "So."];

/// An answer whose model thinks before it speaks, unless the prompt has the beginning of the text.
///
/// What it thinks ends with a signature, where there is one.
pub(crate) fn thinking(prompt: &Prompt, text: &str, call: usize, signature: &str) -> String {
    let (begun, messages) = (begun(prompt), prompt.head.format == Format::Messages);
    let rest = text.strip_prefix(begun.as_str()).expect("the prompt ends with a beginning of the answer");
    let spoken = if messages {
        self::messages(rest, call, PROMPT_TOKENS)
    } else {
        responses(rest, call, PROMPT_TOKENS)
    };
    if !begun.is_empty() {
        return spoken;
    }
    // What is said stands behind the thought, one place further.
    let (begin, said) = spoken.split_at(
        spoken
            .find(if messages { "event: content_block_start" } else { "event: response.output_item" })
            .expect("as it was written"),
    );
    if messages {
        let mut thought = String::new();
        let block = json!({ "type": "thinking", "thinking": "", "signature": "" });
        named(json!({ "type": "content_block_start", "index": 0, "content_block": block }), &mut thought);
        let deltas = THOUGHT.map(|piece| json!({ "type": "thinking_delta", "thinking": piece }));
        let signed =
            (!signature.is_empty()).then(|| json!({ "type": "signature_delta", "signature": signature }));
        for delta in deltas.into_iter().chain(signed) {
            named(json!({ "type": "content_block_delta", "index": 0, "delta": delta }), &mut thought);
        }
        named(json!({ "type": "content_block_stop", "index": 0 }), &mut thought);
        return begin.to_owned() + &thought + &said.replace("\"index\":0", "\"index\":1");
    }
    let mut response = Response { call, sequence: 2, out: String::new() };
    let id = format!("rs_{call}");
    let item = |status: &str, content: Value| json!({ "id": id, "type": "reasoning", "status": status, "summary": [], "content": content });
    response.event(
        "response.output_item.added",
        json!({ "output_index": 0, "item": item("in_progress", json!([])) }),
    );
    for piece in THOUGHT {
        response.event(
            "response.reasoning_text.delta",
            json!({ "item_id": id, "output_index": 0, "content_index": 0, "delta": piece }),
        );
    }
    let mut whole = item("completed", json!([{ "type": "reasoning_text", "text": THOUGHT.concat() }]));
    if !signature.is_empty() {
        whole["encrypted_content"] = json!(signature);
    }
    response.event("response.output_item.done", json!({ "output_index": 0, "item": whole }));
    for event in said.split_terminator("\n\n") {
        let data = event.split_once("data: ").expect("as it was written").1;
        let mut event: Value = serde_json::from_str(data).expect("as it was written");
        let name = event["type"].as_str().expect("as it was written").to_owned();
        if !event["output_index"].is_null() {
            event["output_index"] = json!(1);
        }
        if let Some(output) = event["response"]["output"].as_array_mut() {
            output.insert(0, whole.clone());
        }
        response.event(&name, event);
    }
    begin.to_owned() + &response.out
}

/// The beginning of an answer that thinks, or calls a tool; its end is missing.
pub(crate) fn other(format: Format, kind: &str) -> String {
    if format == Format::Messages {
        let mut out = String::new();
        message_start(0, 1, &mut out);
        let (block, delta) = match kind {
            "call" => (
                json!({ "type": "tool_use", "id": "border", "name": "f", "input": {} }),
                json!({ "type": "input_json_delta", "partial_json": "{\"a\"" }),
            ),
            _ => (
                json!({ "type": "thinking", "thinking": "", "signature": "", "x": "border" }),
                json!({ "type": "signature_delta", "signature": "EqQB" }),
            ),
        };
        named(json!({ "type": "content_block_start", "index": 0, "content_block": block }), &mut out);
        named(json!({ "type": "content_block_delta", "index": 0, "delta": delta }), &mut out);
        return out;
    }
    let mut response = Response::begin(0);
    let (item, name) = match kind {
        "call" => (
            json!({ "id": "border", "type": "function_call", "status": "in_progress", "call_id": "c", "name": "f", "arguments": "" }),
            "response.function_call_arguments.delta",
        ),
        _ => (json!({ "id": "border", "type": "reasoning", "summary": [] }), "response.reasoning_text.delta"),
    };
    response.event("response.output_item.added", json!({ "output_index": 0, "item": item }));
    response.event(
        name,
        json!({ "item_id": "border", "output_index": 0, "content_index": 0, "delta": "{\"a\"" }),
    );
    response.out
}
