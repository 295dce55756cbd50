//! Responses as chat.

use maily_errors::Result;
use serde_json::value::RawValue;

use super::{
    Fields, Object, Turn, as_text, content_of, function_choice, function_tool, image_part, invalid, list,
    message, need_text, objects, refuse, refuse_unless, stream, text, text_part, tool_call,
};

pub(super) fn convert(request: &Fields<'_>) -> Result<String> {
    let mut chat = Object::new();
    let mut said = Vec::new();
    if let Some(rules) = request.get("instructions") {
        said.push(message("system", rules.get()).end());
    }
    if request.get("input").is_none() {
        return Err(refuse("/input", "a node without conversations of its own needs one"));
    }
    for (name, value) in &request.0 {
        if value.get() == "null" {
            continue;
        }
        chat = match name.as_str() {
            "input" => {
                add_input(value, &mut said)?;
                chat.raw("messages", &list(&said))
            }
            "max_output_tokens" => chat.raw("max_tokens", value.get()),
            "stream" => stream(chat, value),
            "tools" => chat.raw("tools", &list(&tools(value)?)),
            "tool_choice" => chat.raw("tool_choice", &tool_choice(value)?),
            "text" => text_config(chat, value)?,
            "reasoning" => {
                let effort = Fields::read(value).and_then(|reasoning| reasoning.text("effort"));
                chat.maybe_text("reasoning_effort", effort.as_deref())
            }
            "background" => {
                refuse_unless(name, value, &["false"])?;
                chat
            }
            "top_logprobs" => {
                refuse_unless(name, value, &["0"])?;
                chat
            }
            "conversation" | "previous_response_id" | "prompt" => {
                return Err(refuse(format!("/{name}"), "the node keeps nothing between two prompts"));
            }
            // Said already, or advice about what a server keeps and returns.
            "instructions" | "include" | "max_tool_calls" | "metadata" | "store" | "stream_options"
            | "truncation" => chat,
            _ => chat.raw(name, value.get()),
        };
    }
    Ok(chat.end())
}

fn add_input(input: &RawValue, said: &mut Vec<String>) -> Result<()> {
    if as_text(input).is_some() {
        said.push(message("user", input.get()).end());
        return Ok(());
    }
    // What the assistant thinks, says and calls in a row is one message of chat.
    let mut turn = Turn::default();
    for (at, item) in objects("/input", input)?.iter().enumerate() {
        let pointer = format!("/input/{at}");
        match item.kind().as_str() {
            "function_call" => {
                let (id, name) = (need_text(item, "call_id", &pointer)?, need_text(item, "name", &pointer)?);
                turn.calls.push(tool_call(&id, &name, &need_text(item, "arguments", &pointer)?));
            }
            "reasoning" => {
                let thought = thought(item, &pointer)?;
                turn.think(thought.as_deref(), item.text("encrypted_content").as_deref());
            }
            "function_call_output" => {
                said.extend(turn.end());
                let id = need_text(item, "call_id", &pointer)?;
                let output = output(item, &pointer)?;
                said.push(
                    Object::new()
                        .text("role", "tool")
                        .text("tool_call_id", &id)
                        .raw("content", &output)
                        .end(),
                );
            }
            "" | "message" => {
                let role = need_text(item, "role", &pointer)?;
                let (parts, plain) = content(item, &pointer)?;
                if role == "assistant" {
                    turn.said.extend(plain);
                } else {
                    said.extend(turn.end());
                    // Not every chat template knows a developer.
                    let role = if role == "developer" { "system" } else { &role };
                    said.push(message(role, &content_of(&parts, plain.as_deref())).end());
                }
            }
            _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in chat")),
        }
    }
    said.extend(turn.end());
    Ok(())
}

/// Reads the parts of a message, and its text if that is all there is.
fn content(item: &Fields<'_>, pointer: &str) -> Result<(Vec<String>, Option<String>)> {
    let pointer = format!("{pointer}/content");
    let content = item.get("content").ok_or_else(|| invalid(pointer.clone(), "is missing"))?;
    if let Some(said) = as_text(content) {
        return Ok((vec![text_part(&said, &Fields::default())], Some(said)));
    }
    let (mut parts, mut plain) = (Vec::new(), Some(String::new()));
    for (at, part) in objects(&pointer, content)?.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        let said = match part.kind().as_str() {
            "input_text" | "output_text" | "text" => Some(need_text(part, "text", &pointer)?),
            "refusal" => Some(need_text(part, "refusal", &pointer)?),
            _ => None,
        };
        match said {
            Some(said) => {
                parts.push(text_part(&said, part));
                plain = plain.map(|plain| plain + &said);
            }
            None => {
                parts.push(other_part(part, &pointer)?);
                plain = None;
            }
        }
    }
    Ok((parts, plain))
}

fn other_part(part: &Fields<'_>, pointer: &str) -> Result<String> {
    match part.kind().as_str() {
        "input_image" if part.get("image_url").is_some() => {
            let detail = part.get("detail").filter(|detail| detail.get() != "\"auto\"");
            Ok(image_part(&need_text(part, "image_url", pointer)?, detail))
        }
        "input_image" => Err(refuse(format!("{pointer}/file_id"), "files are not kept by the node")),
        "input_audio" => Ok(Object::of("input_audio").maybe("input_audio", part.get("input_audio")).end()),
        "input_file" if part.get("file_data").is_some() => {
            let file = Object::new().maybe("filename", part.get("filename"));
            Ok(Object::of("file").raw("file", &file.maybe("file_data", part.get("file_data")).end()).end())
        }
        _ => Err(refuse(format!("{pointer}/type"), "has no counterpart in chat")),
    }
}

/// The text of a thought: its own, or else its summary; `None` for one without parts, which is hidden.
fn thought(item: &Fields<'_>, pointer: &str) -> Result<Option<String>> {
    let mut thought = None;
    for name in ["content", "summary"] {
        let Some(parts) = item.get(name) else { continue };
        let parts = objects(&format!("{pointer}/{name}"), parts)?;
        if thought.as_deref().is_none_or(str::is_empty) && !parts.is_empty() {
            thought = Some(parts.iter().filter_map(|part| part.text("text")).collect());
        }
    }
    Ok(thought)
}

fn output(item: &Fields<'_>, pointer: &str) -> Result<String> {
    let pointer = format!("{pointer}/output");
    let output = item.get("output").ok_or_else(|| invalid(pointer.clone(), "is missing"))?;
    if as_text(output).is_some() {
        return Ok(output.get().to_owned());
    }
    let part = |(at, part): (usize, &Fields<'_>)| {
        part.text("text")
            .ok_or_else(|| refuse(format!("{pointer}/{at}/type"), "a tool can only return text in chat"))
    };
    let texts = objects(&pointer, output)?.iter().enumerate().map(part).collect::<Result<Vec<_>>>()?;
    Ok(text(&texts.join("\n")))
}

fn tools(value: &RawValue) -> Result<Vec<String>> {
    let tool = |(at, tool): (usize, &Fields<'_>)| {
        if tool.kind() != "function" {
            return Err(refuse(format!("/tools/{at}/type"), "only functions can be said in chat"));
        }
        Ok(function_tool(tool, "parameters").end())
    };
    objects("/tools", value)?.iter().enumerate().map(tool).collect()
}

fn tool_choice(value: &RawValue) -> Result<String> {
    if as_text(value).is_some() {
        return Ok(value.get().to_owned());
    }
    let choice = Fields::read(value).unwrap_or_default();
    if choice.kind() != "function" {
        return Err(refuse("/tool_choice/type", "only a function can be chosen in chat"));
    }
    need_text(&choice, "name", "/tool_choice").map(|name| function_choice(&name))
}

fn text_config(chat: Object, value: &RawValue) -> Result<Object> {
    let config = Fields::read(value).ok_or_else(|| invalid("/text", "must be an object"))?;
    let chat = chat.maybe("verbosity", config.get("verbosity"));
    let Some(format) = config.get("format").and_then(Fields::read) else { return Ok(chat) };
    match format.kind().as_str() {
        "text" => Ok(chat),
        "json_object" => Ok(chat.raw("response_format", &Object::of("json_object").end())),
        "json_schema" => {
            let schema = Object::new()
                .maybe("name", format.get("name"))
                .maybe("description", format.get("description"))
                .maybe("schema", format.get("schema"))
                .maybe("strict", format.get("strict"));
            let format = Object::of("json_schema").raw("json_schema", &schema.end());
            Ok(chat.raw("response_format", &format.end()))
        }
        _ => Err(refuse("/text/format/type", "has no counterpart in chat")),
    }
}
