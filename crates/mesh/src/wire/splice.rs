//! The two changes that a mesh makes to a body.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{ModelName, PromptHead};

/// Replaces the value of `model`; the head keeps track of what moved.
pub(crate) fn splice_model(body: &Bytes, head: &mut PromptHead, model: ModelName) -> Bytes {
    let value = json_text(model.as_str());
    let span = head.model_span.clone();
    let spliced = replace(body, span.clone(), value.as_bytes());
    if head.messages_span.start >= span.end {
        head.messages_span = head.messages_span.start - span.len() + value.len()
            ..head.messages_span.end - span.len() + value.len();
    }
    head.model_span = span.start..span.start + value.len();
    head.model = model;
    spliced
}

/// Inserts a system message behind the system messages that the conversation begins with.
///
/// In front of them it would change the prefix that a provider has cached; behind the first answer,
/// many chat templates refuse it.
pub(crate) fn splice_system(body: &Bytes, head: &PromptHead, text: &str) -> Bytes {
    let messages = &body[head.messages_span.clone()];
    let message = format!("{{\"role\":\"system\",\"content\":{}}}", json_text(text));
    let (offset, insert) = match end_of_system(messages) {
        Some(end) => (end, format!(",{message}")),
        // Behind the bracket; a prompt has at least one message, so a comma follows.
        None => (1, format!("{message},")),
    };
    let at = head.messages_span.start + offset;
    replace(body, at..at, insert.as_bytes())
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

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
