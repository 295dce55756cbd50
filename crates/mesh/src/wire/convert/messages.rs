//! Messages as chat.

use maily_errors::Result;
use serde_json::value::RawValue;

use super::{
    Fields, Object, Turn, as_text, content_of, function_choice, function_tool, image_part, invalid, list,
    message, need_text, objects, refuse, refuse_unless, stream, text, text_part, tool_call,
};

pub(super) fn convert(request: &Fields<'_>) -> Result<String> {
    let mut chat = Object::new();
    let mut said = Vec::new();
    if let Some(system) = request.get("system") {
        said.push(message("system", &system_content(system)?).end());
    }
    for (name, value) in &request.0 {
        if value.get() == "null" {
            continue;
        }
        chat = match name.as_str() {
            "messages" => {
                let turns = objects("/messages", value)?;
                for (at, message) in turns.iter().enumerate() {
                    add(message, &format!("/messages/{at}"), &mut said)?;
                }
                let chat = chat.raw("messages", &list(&said));
                // Messages goes on with what the assistant began; chat has to be told.
                let begun =
                    turns.last().is_some_and(|last| last.text("role").as_deref() == Some("assistant"));
                if begun && request.get("continue_final_message").is_none() {
                    chat.raw("continue_final_message", "true").raw("add_generation_prompt", "false")
                } else {
                    chat
                }
            }
            "stop_sequences" => chat.raw("stop", value.get()),
            "stream" => stream(chat, value),
            "tools" => chat.raw("tools", &list(&tools(value)?)),
            "tool_choice" => tool_choice(chat, value)?,
            "metadata" => {
                let user = Fields::read(value).and_then(|metadata| metadata.text("user_id"));
                chat.maybe_text("user", user.as_deref())
            }
            "output_config" => output_config(chat, value)?,
            "container" | "mcp_servers" => {
                refuse_unless(name, value, &["[]"])?;
                chat
            }
            // Said already, or advice that is only for the maker of the format.
            "system" | "thinking" | "cache_control" | "service_tier" | "inference_geo" | "speed"
            | "diagnostics" | "context_management" => chat,
            _ => chat.raw(name, value.get()),
        };
    }
    Ok(chat.end())
}

fn system_content(system: &RawValue) -> Result<String> {
    if as_text(system).is_some() {
        return Ok(system.get().to_owned());
    }
    let blocks = objects("/system", system)?;
    let part = |(at, block): (usize, &Fields<'_>)| {
        need_text(block, "text", &format!("/system/{at}")).map(|said| text_part(&said, block))
    };
    blocks.iter().enumerate().map(part).collect::<Result<Vec<_>>>().map(|parts| list(&parts))
}

/// Adds one message: results of tools become messages of their own, in front of what the person says.
fn add(turn: &Fields<'_>, pointer: &str, said: &mut Vec<String>) -> Result<()> {
    let role = need_text(turn, "role", pointer)?;
    let content = turn.get("content").ok_or_else(|| invalid(format!("{pointer}/content"), "is missing"))?;
    if as_text(content).is_some() {
        said.push(message(&role, content.get()).end());
        return Ok(());
    }
    let pointer = format!("{pointer}/content");
    let blocks = objects(&pointer, content)?;
    if role == "assistant" {
        return add_assistant(&blocks, &pointer, said);
    }
    let mut parts = Vec::new();
    let mut plain = None;
    for (at, block) in blocks.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        match block.kind().as_str() {
            "tool_result" => said.push(tool_result(block, &pointer, &mut parts)?),
            "text" => {
                let value = need_text(block, "text", &pointer)?;
                parts.push(text_part(&value, block));
                plain = block.get("cache_control").is_none().then_some(value);
            }
            "image" => parts.push(image(block, &pointer)?),
            _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in chat")),
        }
    }
    if !parts.is_empty() {
        said.push(message(&role, &content_of(&parts, plain.as_deref())).end());
    }
    Ok(())
}

fn add_assistant(blocks: &[Fields<'_>], pointer: &str, said: &mut Vec<String>) -> Result<()> {
    let mut turn = Turn::default();
    for (at, block) in blocks.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        match block.kind().as_str() {
            "text" => turn.said.push(need_text(block, "text", &pointer)?),
            "thinking" => {
                let thought = need_text(block, "thinking", &pointer)?;
                turn.think(Some(&thought), block.text("signature").as_deref());
            }
            "redacted_thinking" => turn.think(None, block.text("data").as_deref()),
            "tool_use" => {
                let (id, name) = (need_text(block, "id", &pointer)?, need_text(block, "name", &pointer)?);
                let input = block.get("input").map_or("{}", RawValue::get);
                turn.calls.push(tool_call(&id, &name, input));
            }
            _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in chat")),
        }
    }
    said.extend(turn.end());
    Ok(())
}

/// Writes the message of a tool; pictures that it returns go to `parts`, because only a person may show some.
fn tool_result(block: &Fields<'_>, pointer: &str, parts: &mut Vec<String>) -> Result<String> {
    let id = need_text(block, "tool_use_id", pointer)?;
    let mut texts = Vec::new();
    if let Some(content) = block.get("content") {
        if let Some(said) = as_text(content) {
            texts.push(said);
        } else {
            let pointer = format!("{pointer}/content");
            for (at, inner) in objects(&pointer, content)?.iter().enumerate() {
                let pointer = format!("{pointer}/{at}");
                match inner.kind().as_str() {
                    "text" => texts.push(need_text(inner, "text", &pointer)?),
                    "image" => parts.push(image(inner, &pointer)?),
                    _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in chat")),
                }
            }
        }
    }
    let content = text(&texts.join("\n"));
    Ok(Object::new().text("role", "tool").text("tool_call_id", &id).raw("content", &content).end())
}

fn image(block: &Fields<'_>, pointer: &str) -> Result<String> {
    let source = block.get("source").and_then(Fields::read).unwrap_or_default();
    let pointer = format!("{pointer}/source");
    let url = match source.kind().as_str() {
        "base64" => {
            let kind = need_text(&source, "media_type", &pointer)?;
            format!("data:{kind};base64,{}", need_text(&source, "data", &pointer)?)
        }
        "url" => need_text(&source, "url", &pointer)?,
        _ => return Err(refuse(format!("{pointer}/type"), "has no counterpart in chat")),
    };
    Ok(image_part(&url, None))
}

fn tools(value: &RawValue) -> Result<Vec<String>> {
    let tool = |(at, tool): (usize, &Fields<'_>)| {
        // A tool that runs at its maker's has a type of its own.
        if !matches!(tool.kind().as_str(), "" | "custom") {
            return Err(refuse(format!("/tools/{at}/type"), "only tools of the caller can be said in chat"));
        }
        let function = function_tool(tool, "input_schema");
        Ok(function.maybe("cache_control", tool.get("cache_control")).end())
    };
    objects("/tools", value)?.iter().enumerate().map(tool).collect()
}

fn tool_choice(chat: Object, value: &RawValue) -> Result<Object> {
    let choice = Fields::read(value).ok_or_else(|| invalid("/tool_choice", "must be an object"))?;
    let chat = match choice.kind().as_str() {
        kind @ ("auto" | "none") => chat.text("tool_choice", kind),
        "any" => chat.text("tool_choice", "required"),
        "tool" => {
            let name = need_text(&choice, "name", "/tool_choice")?;
            chat.raw("tool_choice", &function_choice(&name))
        }
        _ => return Err(refuse("/tool_choice/type", "has no counterpart in chat")),
    };
    let alone = choice.get("disable_parallel_tool_use").is_some_and(|value| value.get() == "true");
    Ok(if alone { chat.raw("parallel_tool_calls", "false") } else { chat })
}

fn output_config(mut chat: Object, value: &RawValue) -> Result<Object> {
    let config = Fields::read(value).ok_or_else(|| invalid("/output_config", "must be an object"))?;
    if let Some(effort) = config.text("effort") {
        // Chat ends at `high`.
        let effort = if matches!(effort.as_str(), "low" | "medium") { effort.as_str() } else { "high" };
        chat = chat.text("reasoning_effort", effort);
    }
    if let Some(format) = config.get("format").and_then(Fields::read) {
        let schema = Object::new().text("name", "answer").maybe("schema", format.get("schema"));
        let schema = schema.raw("strict", "true").end();
        chat = chat.raw("response_format", &Object::of("json_schema").raw("json_schema", &schema).end());
    }
    Ok(chat)
}
