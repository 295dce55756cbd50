//! From the request of one format to the same request in another.
//!
//! Chat is what all formats meet in. What is opaque (schemas, arguments, numbers, fields that nobody here
//! knows) is copied as it is written; what the other format has no words for is an error that names the field.

mod completions;
mod messages;
mod responses;
mod to_messages;
mod to_responses;

use maily_errors::{Code, Error, Result};
use serde_json::value::RawValue;

use super::json::{Fields, Object, as_list, as_text, list, text};
use crate::model::Format;

/// Says a request in chat, in messages or in responses; any other aim is refused.
///
/// # Errors
///
/// - [`Code::PromptUntranslatable`] with the field that cannot be said.
/// - [`Code::PromptInvalid`] when a field is not what its own format says.
pub(crate) fn convert(body: &[u8], from: Format, to: Format) -> Result<String> {
    let fields: Fields<'_> =
        serde_json::from_slice(body).map_err(|_| invalid("", "must be a JSON object"))?;
    if to == from {
        return no_way();
    }
    let chat = match from {
        Format::Chat => return from_chat(&fields, to),
        Format::Completions => completions::convert(&fields)?,
        Format::Embeddings => return no_way(),
        Format::Messages => messages::convert(&fields)?,
        Format::Responses => responses::convert(&fields)?,
    };
    if to == Format::Chat {
        return Ok(chat);
    }
    let fields = serde_json::from_str(&chat).map_err(|_| invalid("", "must be a JSON object"))?;
    from_chat(&fields, to)
}

/// Says a request of chat in another format.
fn from_chat(chat: &Fields<'_>, to: Format) -> Result<String> {
    match to {
        Format::Messages => to_messages::convert(chat),
        Format::Responses => to_responses::convert(chat),
        Format::Chat | Format::Completions | Format::Embeddings => no_way(),
    }
}

fn no_way<T>() -> Result<T> {
    Err(Error::new(Code::PromptUntranslatable, "no prompt is turned into this format")
        .with_operation("mesh::translate"))
}

/// The field is right, and the other format has no words for it.
fn refuse(pointer: impl Into<String>, detail: &'static str) -> Error {
    Error::new(Code::PromptUntranslatable, "the prompt cannot be said in the format of the node")
        .with_operation("mesh::translate")
        .with_violation(pointer, detail)
}

/// The field is not what its own format says.
fn invalid(pointer: impl Into<String>, detail: &'static str) -> Error {
    Error::new(Code::PromptInvalid, "the prompt is not of its format")
        .with_operation("mesh::translate")
        .with_violation(pointer, detail)
}

/// Refuses a field, unless it says what would be so without it.
fn refuse_unless(name: &str, value: &RawValue, harmless: &[&str]) -> Result<()> {
    if harmless.contains(&value.get()) || value.get() == "null" {
        return Ok(());
    }
    Err(refuse(format!("/{name}"), "has no counterpart at the node"))
}

/// Asks for a stream as the client does; it must count tokens, because the other formats always do.
fn stream(chat: Object, value: &RawValue) -> Object {
    if value.get() != "true" {
        return chat;
    }
    chat.raw("stream", "true").raw("stream_options", "{\"include_usage\":true}")
}

/// Reads the objects of a list.
fn objects<'a>(pointer: &str, value: &'a RawValue) -> Result<Vec<Fields<'a>>> {
    let items = as_list(value).ok_or_else(|| invalid(pointer, "must be a list"))?;
    let object = |(at, item)| {
        Fields::read(item).ok_or_else(|| invalid(format!("{pointer}/{at}"), "must be an object"))
    };
    items.into_iter().enumerate().map(object).collect()
}

/// A message of chat.
fn message(role: &str, content: &str) -> Object {
    Object::new().text("role", role).raw("content", content)
}

/// A part of a message that is text; what says how long it may be cached goes along.
fn text_part(value: &str, part: &Fields<'_>) -> String {
    Object::of("text").text("text", value).maybe("cache_control", part.get("cache_control")).end()
}

/// A picture in a message of chat.
fn image_part(url: &str, detail: Option<&RawValue>) -> String {
    Object::of("image_url")
        .raw("image_url", &Object::new().text("url", url).maybe("detail", detail).end())
        .end()
}

/// A tool of chat: a function.
fn function_tool(tool: &Fields<'_>, schema: &str) -> Object {
    let function = Object::new()
        .maybe("name", tool.get("name"))
        .maybe("description", tool.get("description"))
        .maybe("parameters", tool.get(schema))
        .maybe("strict", tool.get("strict"));
    Object::of("function").raw("function", &function.end())
}

/// The choice of one function, in chat.
fn function_choice(name: &str) -> String {
    Object::of("function").raw("function", &Object::new().text("name", name).end()).end()
}

/// A call of a function, in chat.
fn tool_call(id: &str, name: &str, arguments: &str) -> String {
    let function = Object::new().text("name", name).text("arguments", arguments).end();
    Object::new().text("id", id).text("type", "function").raw("function", &function).end()
}

/// What an assistant said, thought and called, until it becomes one message of chat.
#[derive(Debug, Default)]
struct Turn {
    said: Vec<String>,
    thought: String,
    signed: Vec<String>,
    calls: Vec<String>,
}

impl Turn {
    /// Adds a thought, or `None` for one that is hidden; one with a signature is kept whole, for the node that signed it.
    fn think(&mut self, thought: Option<&str>, signature: Option<&str>) {
        self.thought.push_str(thought.unwrap_or_default());
        let Some(signature) = signature.filter(|signature| !signature.is_empty()) else { return };
        self.signed.push(match thought {
            None => Object::of("redacted_thinking").text("data", signature).end(),
            Some(thought) => {
                Object::of("thinking").text("thinking", thought).text("signature", signature).end()
            }
        });
    }

    /// Writes the message, if anything was said.
    fn end(&mut self) -> Option<String> {
        let Self { said, thought, signed, calls } = std::mem::take(self);
        if said.is_empty() && calls.is_empty() && signed.is_empty() && thought.is_empty() {
            return None;
        }
        // Nothing but a call is `null`: some servers refuse an empty text beside calls.
        let content =
            if said.is_empty() && !calls.is_empty() { "null".to_owned() } else { text(&said.concat()) };
        let mut message = message("assistant", &content);
        if !thought.is_empty() {
            message = message.text("reasoning_content", &thought);
        }
        if !signed.is_empty() {
            message = message.raw("thinking_blocks", &list(&signed));
        }
        if !calls.is_empty() {
            message = message.raw("tool_calls", &list(&calls));
        }
        Some(message.end())
    }
}

/// The content of a message of one part is that part alone, where it is plain text.
fn content_of(parts: &[String], plain: Option<&str>) -> String {
    match (parts, plain) {
        ([_], Some(plain)) => text(plain),
        _ => list(parts),
    }
}

/// Reads a field that must be a text.
fn need_text(fields: &Fields<'_>, name: &str, pointer: &str) -> Result<String> {
    let value = fields.get(name).and_then(as_text);
    value.ok_or_else(|| invalid(format!("{pointer}/{name}"), "must be a text"))
}

#[cfg(test)]
mod tests;
