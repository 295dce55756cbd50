//! Chat as responses.

use maily_errors::Result;
use serde_json::value::RawValue;

use super::{Fields, Object, as_list, as_text, invalid, list, need_text, objects, refuse, refuse_unless};

pub(super) fn convert(request: &Fields<'_>) -> Result<String> {
    let mut responses = Object::new();
    if request.get("store").is_none() {
        // A chat is not kept unless it says so; a response is.
        responses = responses.raw("store", "false");
    }
    if let Some(limit) = request.get("max_completion_tokens").or(request.get("max_tokens")) {
        responses = responses.raw("max_output_tokens", limit.get());
    }
    for (name, value) in &request.0 {
        if value.get() == "null" {
            continue;
        }
        responses = match name.as_str() {
            "messages" => {
                let goes_on = request.get("continue_final_message").is_some_and(|said| said.get() == "true");
                let said = conversation(value, goes_on)?;
                let responses = match said.instructions {
                    Some(rules) => responses.text("instructions", &rules),
                    None => responses,
                };
                responses.raw("input", &list(&said.input))
            }
            "tools" => responses.raw("tools", &list(&tools(value)?)),
            "tool_choice" => responses.raw("tool_choice", &tool_choice(value)?),
            // Two fields of chat are one: it is written where the first of them stands.
            "response_format" | "verbosity" if request.is_first(name, ["response_format", "verbosity"]) => {
                let config = text_config(request)?;
                if config == "{}" { responses } else { responses.raw("text", &config) }
            }
            "reasoning_effort" => {
                let effort = Object::new().raw("effort", value.get()).end();
                let responses = responses.raw("reasoning", &effort);
                // Nothing is kept, so what a model thought has to travel; one that does not think refuses to be asked.
                let thinks = value.get() != "\"none\"";
                if thinks { responses.raw("include", "[\"reasoning.encrypted_content\"]") } else { responses }
            }
            "n" => {
                refuse_unless(name, value, &["1"])?;
                responses
            }
            "logprobs" => {
                refuse_unless(name, value, &["false"])?;
                responses
            }
            "stop" => {
                refuse_unless(name, value, &["[]"])?;
                responses
            }
            "audio" | "functions" | "function_call" | "web_search_options" => {
                refuse_unless(name, value, &[])?;
                responses
            }
            "modalities" => {
                refuse_unless(name, value, &["[\"text\"]"])?;
                responses
            }
            // Said already, or advice that responses does not know: it always counts its tokens.
            "max_tokens"
            | "max_completion_tokens"
            | "response_format"
            | "verbosity"
            | "stream_options"
            | "frequency_penalty"
            | "presence_penalty"
            | "seed"
            | "logit_bias"
            | "top_logprobs"
            | "prediction" => responses,
            _ => responses.raw(name, value.get()),
        };
    }
    Ok(responses.end())
}

#[derive(Default)]
struct Conversation {
    instructions: Option<String>,
    input: Vec<String>,
}

/// Reads the messages; `goes_on` says that the last one is the beginning of the answer.
fn conversation(value: &RawValue, goes_on: bool) -> Result<Conversation> {
    let mut said = Conversation::default();
    let turns = objects("/messages", value)?;
    for (at, turn) in turns.iter().enumerate() {
        let pointer = format!("/messages/{at}");
        match need_text(turn, "role", &pointer)?.as_str() {
            // The rules that a conversation begins with have a place of their own, where they are plain text.
            "system" if at == 0 && turns.len() > 1 && turn.text("content").is_some() => {
                said.instructions = turn.text("content");
            }
            role @ ("system" | "developer" | "user") => {
                let item = Object::new().text("role", role).raw("content", &content(turn, &pointer)?);
                said.input.push(item.end());
            }
            "tool" => {
                let id = need_text(turn, "tool_call_id", &pointer)?;
                let output = Object::of("function_call_output").text("call_id", &id);
                said.input.push(output.raw("output", &content(turn, &pointer)?).end());
            }
            "assistant" => assistant(turn, &pointer, goes_on && at + 1 == turns.len(), &mut said.input)?,
            _ => return Err(refuse(format!("{pointer}/role"), "has no counterpart in responses")),
        }
    }
    Ok(said)
}

/// The content of a message: a text as it is, or its parts.
fn content(turn: &Fields<'_>, pointer: &str) -> Result<String> {
    let Some(content) = turn.get("content") else { return Ok("\"\"".to_owned()) };
    if as_text(content).is_some() {
        return Ok(content.get().to_owned());
    }
    let pointer = format!("{pointer}/content");
    let part = |(at, part): (usize, &Fields<'_>)| content_part(part, &format!("{pointer}/{at}"));
    objects(&pointer, content)?
        .iter()
        .enumerate()
        .map(part)
        .collect::<Result<Vec<_>>>()
        .map(|parts| list(&parts))
}

fn content_part(part: &Fields<'_>, pointer: &str) -> Result<String> {
    Ok(match part.kind().as_str() {
        "text" => Object::of("input_text").text("text", &need_text(part, "text", pointer)?).end(),
        "image_url" => {
            let image = part.get("image_url").and_then(Fields::read).unwrap_or_default();
            let url = need_text(&image, "url", &format!("{pointer}/image_url"))?;
            let detail = image.get("detail").map_or("\"auto\"", RawValue::get);
            Object::of("input_image").text("image_url", &url).raw("detail", detail).end()
        }
        "input_audio" => Object::of("input_audio").maybe("input_audio", part.get("input_audio")).end(),
        "file" => {
            let file = part.get("file").and_then(Fields::read).unwrap_or_default();
            let names = ["filename", "file_data", "file_id"];
            names
                .into_iter()
                .fold(Object::of("input_file"), |item, name| item.maybe(name, file.get(name)))
                .end()
        }
        _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in responses")),
    })
}

/// Adds what the assistant thought, said and called, each as an item.
fn assistant(turn: &Fields<'_>, pointer: &str, goes_on: bool, input: &mut Vec<String>) -> Result<()> {
    thoughts(turn, input);
    let said = said(turn, pointer)?;
    if goes_on {
        let part = Object::of("output_text").text("text", &said).raw("annotations", "[]").end();
        let item = Object::of("message").text("id", BEGUN).text("status", "incomplete");
        input.push(item.text("role", "assistant").raw("content", &list(&[part])).end());
    } else if !said.is_empty() {
        input.push(Object::new().text("role", "assistant").text("content", &said).end());
    }
    let Some(calls) = turn.get("tool_calls") else { return Ok(()) };
    let pointer = format!("{pointer}/tool_calls");
    for (at, call) in objects(&pointer, calls)?.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        let id = need_text(call, "id", &pointer)?;
        let function = call.get("function").and_then(Fields::read);
        let function = function.ok_or_else(|| refuse(format!("{pointer}/type"), "must be a function"))?;
        let pointer = format!("{pointer}/function");
        let item = Object::of("function_call").text("call_id", &id);
        let item = item.text("name", &need_text(&function, "name", &pointer)?);
        input.push(item.text("arguments", &need_text(&function, "arguments", &pointer)?).end());
    }
    Ok(())
}

/// Adds the thoughts: those with a ciphertext for the node that wrote it, or else their text.
fn thoughts(turn: &Fields<'_>, input: &mut Vec<String>) {
    let before = input.len();
    for block in turn.get("thinking_blocks").and_then(as_list).unwrap_or_default() {
        let Some(block) = Fields::read(block) else { continue };
        let Some(sealed) = block.text("signature").or(block.text("data")) else { continue };
        // Without a part it is a thought that only the node can read.
        let thought = block.text("thinking").filter(|_| block.kind() != "redacted_thinking");
        let summary = thought.map(|thought| Object::of("summary_text").text("text", &thought).end());
        // No name: a node that sealed it would look for the one that it had given.
        let item = Object::of("reasoning").raw("summary", &list(summary.as_slice()));
        input.push(item.text("encrypted_content", &sealed).end());
    }
    let thought = turn.text("reasoning_content").or(turn.text("reasoning"));
    if let Some(thought) = thought.filter(|thought| input.len() == before && !thought.is_empty()) {
        let part = Object::of("reasoning_text").text("text", &thought).end();
        let item = Object::of("reasoning").raw("summary", "[]").raw("content", &list(&[part]));
        input.push(item.end());
    }
}

/// The text of an assistant's message: its parts, one behind the other.
fn said(turn: &Fields<'_>, pointer: &str) -> Result<String> {
    let refusal = || turn.text("refusal").unwrap_or_default();
    let Some(content) = turn.get("content") else { return Ok(refusal()) };
    if let Some(said) = as_text(content) {
        return Ok(if said.is_empty() { refusal() } else { said });
    }
    let pointer = format!("{pointer}/content");
    let part = |(at, part): (usize, &Fields<'_>)| match part.kind().as_str() {
        "text" => need_text(part, "text", &format!("{pointer}/{at}")),
        "refusal" => need_text(part, "refusal", &format!("{pointer}/{at}")),
        _ => Err(refuse(format!("{pointer}/{at}/type"), "has no counterpart in responses")),
    };
    objects(&pointer, content)?.iter().enumerate().map(part).collect()
}

fn tools(value: &RawValue) -> Result<Vec<String>> {
    let tool = |(at, tool): (usize, &Fields<'_>)| {
        let pointer = format!("/tools/{at}");
        let function = tool.get("function").and_then(Fields::read);
        let function = function
            .ok_or_else(|| refuse(format!("{pointer}/type"), "only functions can be said in responses"))?;
        let empty = "{\"type\":\"object\",\"properties\":{}}";
        Ok(Object::of("function")
            .text("name", &need_text(&function, "name", &format!("{pointer}/function"))?)
            .maybe("description", function.get("description"))
            .raw("parameters", function.get("parameters").map_or(empty, RawValue::get))
            // What is usual differs: responses would refuse a schema that is not strict.
            .raw("strict", function.get("strict").map_or("false", RawValue::get))
            .end())
    };
    objects("/tools", value)?.iter().enumerate().map(tool).collect()
}

fn tool_choice(value: &RawValue) -> Result<String> {
    match as_text(value).as_deref() {
        Some("auto" | "none" | "required") => Ok(value.get().to_owned()),
        Some(_) => Err(invalid("/tool_choice", "must be auto, none, required or a function")),
        None => {
            let choice = Fields::read(value).and_then(|choice| choice.get("function").and_then(Fields::read));
            let choice = choice
                .ok_or_else(|| refuse("/tool_choice/type", "only a function can be chosen in responses"))?;
            let name = need_text(&choice, "name", "/tool_choice/function")?;
            Ok(Object::of("function").text("name", &name).end())
        }
    }
}

fn text_config(request: &Fields<'_>) -> Result<String> {
    let config = Object::new().maybe("verbosity", request.get("verbosity"));
    let Some(format) = request.get("response_format").and_then(Fields::read) else { return Ok(config.end()) };
    match format.kind().as_str() {
        "text" => Ok(config.end()),
        "json_object" => Ok(config.raw("format", &Object::of("json_object").end()).end()),
        "json_schema" => {
            let schema = format.get("json_schema").and_then(Fields::read).unwrap_or_default();
            let format = Object::of("json_schema")
                .raw("name", schema.get("name").map_or("\"answer\"", RawValue::get))
                .maybe("description", schema.get("description"))
                .maybe("schema", schema.get("schema"))
                .maybe("strict", schema.get("strict"));
            Ok(config.raw("format", &format.end()).end())
        }
        _ => Err(refuse("/response_format/type", "has no counterpart in responses")),
    }
}

/// The name of a message that a client began. Nobody else has one: names of a node's own are longer.
const BEGUN: &str = "msg_begun";
