//! The three changes that a mesh makes to a body.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::span;
use crate::model::{Format, ModelName, PromptHead};

/// Replaces the value of `model`; the head keeps track of what moved.
pub(crate) fn splice_model(body: &Bytes, head: &mut PromptHead, model: ModelName) -> Bytes {
    let value = json_text(model.as_str());
    let spliced = replace(body, head.spans.model.clone(), value.as_bytes());
    head.spans.model_is(value.len());
    head.model = model;
    spliced
}

/// Adds a text to the rules of the conversation, where the format keeps them.
///
/// Behind the rules that are there: in front of them it would change the prefix that a provider has cached.
pub(crate) fn splice_system(body: &Bytes, head: &PromptHead, text: &str) -> Bytes {
    match head.format {
        Format::Chat => splice_system_message(body, head, text),
        Format::Completions => {
            let at = head.spans.said.start + 1;
            // A list of texts or tokens has no place for a rule.
            if body[at - 1] != b'"' {
                return body.clone();
            }
            replace(body, at..at, inside(&format!("{text}\n\n")).as_bytes())
        }
        // Texts to embed have no place for a rule.
        Format::Embeddings => body.clone(),
        Format::Messages => splice_rules(body, "system", text),
        Format::Responses => splice_rules(body, "instructions", text),
    }
}

/// Adds a text to a field that holds a text, a list of blocks, or nothing.
fn splice_rules(body: &Bytes, field: &str, text: &str) -> Bytes {
    let Some(fields) = fields(body) else { return body.clone() };
    let Some(value) = fields.get(field) else {
        let front = behind_brace(body);
        return replace(body, front..front, format!("\"{field}\":{},", json_text(text)).as_bytes());
    };
    let span = span(body, value.get());
    let end = span.end - 1..span.end - 1;
    match value.get().as_bytes()[0] {
        b'"' => replace(body, end, inside(&format!("\n\n{text}")).as_bytes()),
        b'[' => {
            let comma = if value.get()[1..].trim_start().starts_with(']') { "" } else { "," };
            let block = format!("{comma}{{\"type\":\"text\",\"text\":{}}}", json_text(text));
            replace(body, end, block.as_bytes())
        }
        _ => replace(body, span, json_text(text).as_bytes()),
    }
}

/// Inserts a system message behind the system messages that the conversation begins with.
///
/// Behind the first answer, many chat templates refuse it.
fn splice_system_message(body: &Bytes, head: &PromptHead, text: &str) -> Bytes {
    let messages = &body[head.spans.said.clone()];
    let message = format!("{{\"role\":\"system\",\"content\":{}}}", json_text(text));
    let (offset, insert) = match end_of_system(messages) {
        Some(end) => (end, format!(",{message}")),
        // Behind the bracket; a prompt has at least one message, so a comma follows.
        None => (1, format!("{message},")),
    };
    let at = head.spans.said.start + offset;
    replace(body, at..at, insert.as_bytes())
}

/// Asks for server-sent events that end with a count of tokens.
///
/// What the body says about the count stays as it is.
/// In messages and responses a stream always counts, so there is nothing to ask for.
pub(crate) fn splice_stream(body: &Bytes, format: Format) -> Bytes {
    const USAGE: &str = "\"include_usage\":true";
    let Some(fields) = fields(body) else { return body.clone() };
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut absent = String::new();
    match fields.get("stream") {
        None => absent.push_str("\"stream\":true,"),
        Some(value) => edits.push((span(body, value.get()), "true".to_owned())),
    }
    match fields.get("stream_options") {
        _ if matches!(format, Format::Messages | Format::Responses) => {}
        None => absent.push_str(&format!("\"stream_options\":{{{USAGE}}},")),
        Some(value) if value.get() == "null" => edits.push((span(body, value.get()), format!("{{{USAGE}}}"))),
        Some(value) => {
            let options = self::fields(value.get().as_bytes()).unwrap_or_default();
            if !options.contains_key("include_usage") {
                let behind_brace = span(body, value.get()).start + 1;
                let comma = if options.is_empty() { "" } else { "," };
                edits.push((behind_brace..behind_brace, format!("{USAGE}{comma}")));
            }
        }
    }
    // A prompt has a model, so a field follows and the comma is right.
    let front = behind_brace(body);
    edits.push((front..front, absent));
    // From the back, so that no edit moves the place of the next.
    edits.sort_by_key(|(span, _)| Reverse(span.start));
    edits.into_iter().fold(body.clone(), |body, (span, value)| replace(&body, span, value.as_bytes()))
}

/// The fields of an object, as they are written.
fn fields(object: &[u8]) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_slice(object).ok()
}

/// Where the last of the leading system messages ends, in bytes from the bracket.
fn end_of_system(messages: &[u8]) -> Option<usize> {
    #[derive(Deserialize)]
    struct RoleOnly<'a> {
        role: &'a str,
    }
    let list: Vec<&RawValue> = serde_json::from_slice(messages).ok()?;
    let is_system = |raw: &&&RawValue| {
        let message = serde_json::from_str::<RoleOnly<'_>>(raw.get());
        message.is_ok_and(|message| matches!(message.role, "system" | "developer"))
    };
    let last = list.iter().take_while(is_system).last()?;
    Some(last.get().as_ptr().addr() - messages.as_ptr().addr() + last.get().len())
}

fn replace(body: &[u8], span: Range<usize>, value: &[u8]) -> Bytes {
    [&body[..span.start], value, &body[span.end..]].concat().into()
}

/// Where the first field of an object may stand.
fn behind_brace(body: &[u8]) -> usize {
    body.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1)
}

/// A text as it stands between the quotes of another.
fn inside(text: &str) -> String {
    let quoted = json_text(text);
    quoted[1..quoted.len() - 1].to_owned()
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
