//! Chat as messages.

use maily_errors::Result;
use serde_json::value::RawValue;

use super::{
    Fields, Object, as_list, as_text, invalid, list, need_text, objects, refuse, refuse_unless, text,
    text_part,
};
use crate::wire::encode::as_object;

/// What a node may write when the client does not say: messages must, chat need not.
const MAX_TOKENS: &str = "4096";

pub(super) fn convert(request: &Fields<'_>) -> Result<String> {
    let mut messages = Object::new();
    let limit = request.get("max_completion_tokens").or(request.get("max_tokens"));
    messages = messages.raw("max_tokens", limit.map_or(MAX_TOKENS, RawValue::get));
    for (name, value) in &request.0 {
        if value.get() == "null" {
            continue;
        }
        messages = match name.as_str() {
            "messages" => {
                let said = conversation(value)?;
                if said.messages.is_empty() {
                    return Err(refuse("/messages", "messages needs one of the user or the assistant"));
                }
                let messages = messages.raw("messages", &list(&said.messages));
                if said.system.is_empty() { messages } else { messages.raw("system", &list(&said.system)) }
            }
            "stop" if as_text(value).is_some() => messages.raw("stop_sequences", &list(&[value.get()])),
            "stop" => messages.raw("stop_sequences", value.get()),
            "tools" => messages.raw("tools", &list(&tools(value)?)),
            "tool_choice" => messages.raw("tool_choice", &tool_choice(value, request)?),
            "parallel_tool_calls" if value.get() == "false" && request.get("tool_choice").is_none() => {
                let choice = Object::of("auto").raw("disable_parallel_tool_use", "true").end();
                messages.raw("tool_choice", &choice)
            }
            "user" => messages.raw("metadata", &Object::new().raw("user_id", value.get()).end()),
            // Two fields of chat are one: it is written where the first of them stands.
            "response_format" | "reasoning_effort"
                if request.is_first(name, ["response_format", "reasoning_effort"]) =>
            {
                let config = output_config(request)?;
                if config == "{}" { messages } else { messages.raw("output_config", &config) }
            }
            "n" => {
                refuse_unless(name, value, &["1"])?;
                messages
            }
            "logprobs" => {
                refuse_unless(name, value, &["false"])?;
                messages
            }
            "audio" | "functions" | "function_call" | "web_search_options" => {
                refuse_unless(name, value, &[])?;
                messages
            }
            "modalities" => {
                refuse_unless(name, value, &["[\"text\"]"])?;
                messages
            }
            // Said already, or advice that messages does not know: it always goes on with what the assistant began.
            "add_generation_prompt"
            | "continue_final_message"
            | "max_tokens"
            | "max_completion_tokens"
            | "response_format"
            | "reasoning_effort"
            | "parallel_tool_calls"
            | "stream_options"
            | "frequency_penalty"
            | "presence_penalty"
            | "seed"
            | "logit_bias"
            | "top_logprobs"
            | "store"
            | "metadata"
            | "service_tier"
            | "verbosity"
            | "prediction"
            | "safety_identifier"
            | "prompt_cache_key"
            | "prompt_cache_retention" => messages,
            _ => messages.raw(name, value.get()),
        };
    }
    Ok(messages.end())
}

#[derive(Default)]
struct Conversation {
    system: Vec<String>,
    messages: Vec<String>,
}

fn conversation(value: &RawValue) -> Result<Conversation> {
    let mut said = Conversation::default();
    // Results of tools and what the person says behind them: one message, the results first.
    let mut person: Vec<String> = Vec::new();
    for (at, turn) in objects("/messages", value)?.iter().enumerate() {
        let pointer = format!("/messages/{at}");
        match need_text(turn, "role", &pointer)?.as_str() {
            "system" | "developer" => said.system.extend(blocks(turn, &pointer)?),
            "user" => person.extend(blocks(turn, &pointer)?),
            "tool" => {
                let id = need_text(turn, "tool_call_id", &pointer)?;
                let content = list(&blocks(turn, &pointer)?);
                let result = Object::of("tool_result").text("tool_use_id", &id).raw("content", &content);
                person.push(result.end());
            }
            "assistant" => {
                said.flush(&mut person);
                let content = assistant(turn, &pointer)?;
                // One without content is refused, and says nothing.
                if !content.is_empty() {
                    said.messages
                        .push(Object::new().text("role", "assistant").raw("content", &list(&content)).end());
                }
            }
            _ => return Err(refuse(format!("{pointer}/role"), "has no counterpart in messages")),
        }
    }
    said.flush(&mut person);
    Ok(said)
}

impl Conversation {
    fn flush(&mut self, person: &mut Vec<String>) {
        let content = std::mem::take(person);
        if !content.is_empty() {
            self.messages.push(Object::new().text("role", "user").raw("content", &list(&content)).end());
        }
    }
}

/// Reads the content of a message as blocks; an empty text is none, because messages refuses it.
fn blocks(turn: &Fields<'_>, pointer: &str) -> Result<Vec<String>> {
    let Some(content) = turn.get("content") else { return Ok(Vec::new()) };
    if let Some(said) = as_text(content) {
        let block = (!said.is_empty()).then(|| text_part(&said, &Fields::default()));
        return Ok(block.into_iter().collect());
    }
    let pointer = format!("{pointer}/content");
    let mut blocks = Vec::new();
    for (at, part) in objects(&pointer, content)?.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        match part.kind().as_str() {
            kind @ ("text" | "refusal") => {
                let said = need_text(part, kind, &pointer)?;
                if !said.is_empty() {
                    blocks.push(text_part(&said, part));
                }
            }
            "image_url" => blocks.push(image(part, &pointer)?),
            "file" => blocks.push(document(part, &pointer)?),
            _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in messages")),
        }
    }
    Ok(blocks)
}

fn assistant(turn: &Fields<'_>, pointer: &str) -> Result<Vec<String>> {
    // Thoughts with a signature stand first, byte for byte: the node checks them.
    let thoughts = turn.get("thinking_blocks").and_then(as_list).unwrap_or_default();
    let mut content: Vec<String> = thoughts.into_iter().map(|block| block.get().to_owned()).collect();
    let mut said = blocks(turn, pointer)?;
    if said.is_empty() {
        let refusal = turn.text("refusal").filter(|refusal| !refusal.is_empty());
        said.extend(refusal.map(|refusal| text_part(&refusal, &Fields::default())));
    }
    content.append(&mut said);
    let Some(calls) = turn.get("tool_calls") else { return Ok(content) };
    let pointer = format!("{pointer}/tool_calls");
    for (at, call) in objects(&pointer, calls)?.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        let id = need_text(call, "id", &pointer)?;
        let function = call.get("function").and_then(Fields::read);
        let function = function.ok_or_else(|| refuse(format!("{pointer}/type"), "must be a function"))?;
        let name = need_text(&function, "name", &format!("{pointer}/function"))?;
        let arguments = function.text("arguments").unwrap_or_default();
        let block = Object::of("tool_use").text("id", &id).text("name", &name);
        content.push(block.raw("input", as_object(&arguments)).end());
    }
    Ok(content)
}

fn image(part: &Fields<'_>, pointer: &str) -> Result<String> {
    let pointer = format!("{pointer}/image_url");
    let image = part.get("image_url").and_then(Fields::read).unwrap_or_default();
    let url = need_text(&image, "url", &pointer)?;
    let source = match split_data_url(&url) {
        Some((kind, data)) => base64_source(kind, data),
        None => Object::of("url").text("url", &url).end(),
    };
    Ok(Object::of("image").raw("source", &source).maybe("cache_control", part.get("cache_control")).end())
}

fn document(part: &Fields<'_>, pointer: &str) -> Result<String> {
    let pointer = format!("{pointer}/file");
    let file = part.get("file").and_then(Fields::read).unwrap_or_default();
    let data = file.text("file_data");
    let Some(("application/pdf", data)) = data.as_deref().and_then(split_data_url) else {
        return Err(refuse(pointer, "only a document in the prompt itself can be said in messages"));
    };
    let block = Object::of("document").raw("source", &base64_source("application/pdf", data));
    Ok(block.maybe("title", file.get("filename")).end())
}

/// The media type and the data of `data:TYPE;base64,DATA`.
fn split_data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

fn base64_source(kind: &str, data: &str) -> String {
    Object::of("base64").text("media_type", kind).text("data", data).end()
}

fn tools(value: &RawValue) -> Result<Vec<String>> {
    let tool = |(at, tool): (usize, &Fields<'_>)| {
        let pointer = format!("/tools/{at}");
        let function = tool.get("function").and_then(Fields::read);
        let function = function
            .ok_or_else(|| refuse(format!("{pointer}/type"), "only functions can be said in messages"))?;
        let empty = "{\"type\":\"object\",\"properties\":{}}";
        Ok(Object::new()
            .text("name", &need_text(&function, "name", &format!("{pointer}/function"))?)
            .maybe("description", function.get("description"))
            .raw("input_schema", function.get("parameters").map_or(empty, RawValue::get))
            .maybe("strict", function.get("strict"))
            .maybe("cache_control", tool.get("cache_control"))
            .end())
    };
    objects("/tools", value)?.iter().enumerate().map(tool).collect()
}

fn tool_choice(value: &RawValue, request: &Fields<'_>) -> Result<String> {
    let choice = match as_text(value).as_deref() {
        Some(kind @ ("auto" | "none")) => Object::of(kind),
        Some("required") => Object::of("any"),
        Some(_) => return Err(invalid("/tool_choice", "must be auto, none, required or a function")),
        None => {
            let function =
                Fields::read(value).and_then(|choice| choice.get("function").and_then(Fields::read));
            let function = function
                .ok_or_else(|| refuse("/tool_choice/type", "only a function can be chosen in messages"))?;
            Object::of("tool").text("name", &need_text(&function, "name", "/tool_choice/function")?)
        }
    };
    let alone = request.get("parallel_tool_calls").is_some_and(|value| value.get() == "false");
    // Who may call nothing calls nothing side by side; messages refuses to be told.
    let alone = alone && as_text(value).as_deref() != Some("none");
    Ok(if alone { choice.raw("disable_parallel_tool_use", "true").end() } else { choice.end() })
}

fn output_config(request: &Fields<'_>) -> Result<String> {
    let mut config = Object::new();
    match request.text("reasoning_effort").as_deref() {
        // Messages has no less than `low`, and thinks only when it is told to.
        None | Some("none") => {}
        Some("minimal") => config = config.text("effort", "low"),
        Some(effort) => config = config.raw("effort", &text(effort)),
    }
    if let Some(format) = request.get("response_format").and_then(Fields::read) {
        match format.kind().as_str() {
            "text" => {}
            "json_schema" => {
                let schema = format.get("json_schema").and_then(Fields::read).unwrap_or_default();
                let format = Object::of("json_schema").maybe("schema", schema.get("schema"));
                config = config.raw("format", &format.end());
            }
            _ => return Err(refuse("/response_format/type", "has no counterpart in messages")),
        }
    }
    Ok(config.end())
}
