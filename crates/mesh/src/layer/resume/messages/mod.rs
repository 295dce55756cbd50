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
use crate::wire::{Object, SseEvent, list};

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
    #[serde(borrow)]
    thinking: Option<Cow<'a, str>>,
    // Of a thought that is hidden all there is.
    #[serde(borrow, alias = "data")]
    signature: Option<Cow<'a, str>>,
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
    /// Whether the last of them goes on.
    open: bool,
    /// Whether it is a thought.
    thinks: bool,
    /// What was thought, block by block.
    thoughts: Vec<Thought>,
    /// The count of the prompt at the beginning, as it is written.
    usage: Option<String>,
}

/// A block of what was thought.
#[derive(Clone, Debug, Default)]
struct Thought {
    text: String,
    /// What its maker wants back with it, or all of one that is hidden; empty if the maker does not sign.
    signature: String,
    is_hidden: bool,
}

impl Thought {
    fn whole(&self) -> String {
        if self.is_hidden {
            return Object::of("redacted_thinking").text("data", &self.signature).end();
        }
        Object::of("thinking").text("thinking", &self.text).text("signature", &self.signature).end()
    }
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
            (seen.blocks, seen.open, seen.thinks) = (seen.blocks + 1, true, false);
            match piece.map(|piece| &*piece.kind) {
                Some("text") => {}
                Some("thinking" | "redacted_thinking") if !story.text.is_empty() => {
                    story.hurdle = Some("a thought in the middle of the text");
                }
                Some(kind @ ("thinking" | "redacted_thinking")) => {
                    seen.thinks = true;
                    let is_hidden = kind == "redacted_thinking";
                    seen.thoughts.push(Thought { is_hidden, ..Thought::default() });
                }
                _ => story.hurdle = Some("a tool call"),
            }
        }
        "content_block_stop" => (seen.open, seen.thinks) = (false, false),
        "message_delta" => story.finished |= piece.is_some_and(|piece| piece.stop_reason.is_some()),
        "message_stop" => story.done = true,
        _ => {}
    }
    let thinks = seen.thinks;
    if let Some((piece, thought)) = piece.zip(seen.thoughts.last_mut()).filter(|_| thinks) {
        let text = piece.thinking.as_deref().unwrap_or_default();
        story.tokens += u32::from(!text.is_empty());
        story.thought.push_str(text);
        thought.text.push_str(text);
        thought.signature.push_str(piece.signature.as_deref().unwrap_or_default());
    }
    if let Some(text) = piece.and_then(Piece::said) {
        story.tokens += 1;
        story.text.push_str(&text);
    }
    Ok(())
}

/// Whether another node may begin anew when the reader has nothing but thoughts.
///
/// Not where they are signed: what was cut off never gets its signature, thoughts of two answers are no sequence that their
/// maker knows, and it refuses a conversation that holds either.
pub(super) fn begin_anew(story: &Story, signs: bool) -> Attempt {
    let thoughts = thoughts(story);
    let signed = signs || thoughts.iter().any(|thought| !thought.signature.is_empty());
    if signed && !thoughts.is_empty() { Err("a signed thought") } else { Ok(()) }
}

fn thoughts(story: &Story) -> &[Thought] {
    story.message.as_ref().map_or(&[], |seen| seen.thoughts.as_slice())
}

/// Adds what was said as the beginning of the assistant's message, behind what was thought before it; the format says that
/// it goes on.
pub(super) fn append(edits: &mut Edits<'_>, fields: &Fields<'_>, sent: &str, story: &Story) -> Attempt {
    let thoughts = thoughts(story);
    refuse(fields, !thoughts.is_empty())?;
    let messages = fields.get("messages").ok_or("a prompt without messages")?;
    match Last::of(messages)? {
        Some(Last { role, content }) if role == "assistant" && thoughts.is_empty() => {
            let begun = content.and_then(last_text).is_some_and(|text| ask::lengthen(edits, text, sent));
            if begun { Ok(()) } else { Err("an answer that the client began") }
        }
        Some(Last { role, .. }) if role == "assistant" => Err("an answer that the client began"),
        _ => {
            let content = if thoughts.is_empty() {
                json_text(sent)
            } else {
                let said = Object::of("text").text("text", sent).end();
                list(&thoughts.iter().map(Thought::whole).chain([said]).collect::<Vec<_>>())
            };
            edits.push(messages, &Object::new().text("role", "assistant").raw("content", &content).end());
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

/// Refuses what a second node would begin anew. Where thoughts are asked for, it takes no text without one in front of it.
fn refuse(fields: &Fields<'_>, thought: bool) -> Attempt {
    #[derive(Deserialize)]
    struct Thinking<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    let thinking =
        fields.get("thinking").and_then(|value| serde_json::from_str::<Thinking<'_>>(value.get()).ok());
    if !thought && thinking.is_some_and(|thinking| thinking.kind == "enabled") {
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
