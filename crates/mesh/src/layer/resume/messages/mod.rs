//! What resume reads and writes of Anthropic messages: blocks that are open one after the other.

mod joint;

use std::borrow::Cow;

use maily_errors::Result;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::joint::Joint;
use super::ask::{self, Attempt, Fields, Last};
use super::edits::{Edits, json_text};
use super::framer::malformed;
use super::told::Story;
use crate::wire::SseEvent;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<Piece<'a>>,
    #[serde(borrow)]
    delta: Option<Piece<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// A block at its beginning, or what is added to it.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    stop_reason: Option<serde::de::IgnoredAny>,
}

impl<'a> Piece<'a> {
    /// What is said; never empty.
    fn said(&self) -> Option<Cow<'a, str>> {
        let text: Cow<'a, str> = serde_json::from_str(self.text?.get()).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }
}

fn parse(data: &str) -> Result<Event<'_>> {
    serde_json::from_str(data).map_err(|_| malformed("an event is none of a message"))
}

/// What the reader has of a message, besides its text.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Whether the message has begun: its name and its model are told once.
    begun: bool,
    /// How many blocks have begun.
    blocks: u32,
    /// Whether the last of them, a text, goes on.
    open: bool,
    /// The count of the prompt at the beginning, as it is written.
    usage: Option<String>,
}

/// Adds an event that the reader has.
pub(super) fn read(event: &SseEvent, story: &mut Story) -> Result<()> {
    let event = parse(&event.data)?;
    let seen = story.message.get_or_insert_default();
    let piece = event.content_block.as_ref().or(event.delta.as_ref());
    match &*event.kind {
        "message_start" => {
            seen.begun = true;
            seen.usage = event.message.and_then(|start| start.usage).map(|usage| usage.get().to_owned());
        }
        "content_block_start" => {
            (seen.blocks, seen.open) = (seen.blocks + 1, true);
            story.hurdle = match piece.map(|piece| &*piece.kind) {
                Some("text") => story.hurdle,
                Some("thinking" | "redacted_thinking") => Some("reasoning"),
                _ => Some("a tool call"),
            };
        }
        "content_block_stop" => seen.open = false,
        "message_delta" => story.finished |= piece.is_some_and(|piece| piece.stop_reason.is_some()),
        "message_stop" => story.done = true,
        _ => {}
    }
    if let Some(text) = piece.and_then(Piece::said) {
        story.tokens += 1;
        story.text.push_str(&text);
    }
    Ok(())
}

/// Adds what was said as the beginning of the assistant's message; the format says that it goes on.
pub(super) fn append(edits: &mut Edits<'_>, fields: &Fields<'_>, sent: &str) -> Attempt {
    refuse(fields)?;
    let messages = fields.get("messages").ok_or("a prompt without messages")?;
    match Last::of(messages)? {
        Some(Last { role, content }) if role == "assistant" => {
            let begun = content.and_then(last_text).is_some_and(|text| ask::lengthen(edits, text, sent));
            if begun { Ok(()) } else { Err("an answer that the client began") }
        }
        _ => {
            edits.push(messages, &format!("{{\"role\":\"assistant\",\"content\":{}}}", json_text(sent)));
            Ok(())
        }
    }
}

/// The text that a message ends with: its content, or the last block of it.
fn last_text(content: &RawValue) -> Option<&RawValue> {
    if content.get().starts_with('"') {
        return Some(content);
    }
    let blocks: Vec<Piece<'_>> = serde_json::from_str(content.get()).ok()?;
    blocks.last().filter(|block| block.kind == "text")?.text
}

/// Refuses what a second node would begin anew.
fn refuse(fields: &Fields<'_>) -> Attempt {
    #[derive(Deserialize)]
    struct Thinking<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    let thinking =
        fields.get("thinking").and_then(|value| serde_json::from_str::<Thinking<'_>>(value.get()).ok());
    if thinking.is_some_and(|thinking| thinking.kind == "enabled") {
        return Err("reasoning");
    }
    let format = |name: &str| {
        let value = fields.get(name)?;
        let config: Fields<'_> = serde_json::from_str(value.get()).ok()?;
        config.get("format").is_some_and(|format| format.get() != "null").then_some(())
    };
    let output_format = fields.get("output_format").is_some_and(|format| format.get() != "null");
    if output_format || format("output_config").is_some() { Err("a grammar") } else { Ok(()) }
}
