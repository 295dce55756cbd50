//! What resume reads and writes of OpenAI responses: items that begin and end, each event with its number.

mod joint;
mod message;
mod thought;

use std::borrow::Cow;

use maily_errors::Result;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub(super) use self::joint::Joint;
use self::message::{Message, Stage};
use self::thought::Thought;
use super::ask::{Attempt, Fields, Last, go_on};
use super::edits::Edits;
use super::framer::malformed;
use super::told::Story;
use crate::wire::{Object, SseEvent, as_text, list};

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    sequence_number: Option<&'a RawValue>,
    #[serde(borrow)]
    output_index: Option<&'a RawValue>,
    #[serde(default)]
    content_index: u32,
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    part: Option<Part<'a>>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
    encrypted_content: Option<IgnoredAny>,
}

fn parse(data: &str) -> Result<Event<'_>> {
    serde_json::from_str(data).map_err(|_| malformed("an event is none of a response"))
}

impl<'a> Event<'a> {
    /// Which item of its stream an event is of.
    fn place(&self) -> Option<u64> {
        self.output_index?.get().parse().ok()
    }

    fn item(&self) -> Result<Item<'a>> {
        let item = self.item.and_then(|item| serde_json::from_str(item.get()).ok());
        item.ok_or_else(|| malformed("an item is missing"))
    }

    /// What the pieces of text say.
    fn said(&self) -> String {
        self.delta.and_then(as_text).unwrap_or_default()
    }
}

/// What the reader has of a response, besides its text.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The number of the next event.
    sequence: u64,
    /// What every event that holds the response repeats, as it is written.
    identity: Vec<(&'static str, String)>,
    /// The items that have begun, as they are at their end.
    output: Vec<String>,
    /// The last of them, if it is a message that has not ended.
    message: Option<Message>,
    /// The name of the last message.
    id: Option<String>,
    /// The thought that goes on.
    thought: Option<Thought>,
    /// Where thoughts stand that have ended.
    thoughts: Vec<usize>,
    /// Whether one of them has a ciphertext.
    sealed: bool,
}

/// Adds an event that the reader has.
pub(super) fn read(event: &SseEvent, story: &mut Story) -> Result<()> {
    if event.data == "[DONE]" {
        story.done = true;
        return Ok(());
    }
    let event = parse(&event.data)?;
    let seen = story.response.get_or_insert_default();
    seen.sequence = event.sequence_number.and_then(|n| n.get().parse().ok()).unwrap_or(seen.sequence) + 1;
    let hurdle = match &*event.kind {
        "response.completed" | "response.incomplete" => {
            (story.finished, story.done) = (true, true);
            None
        }
        "response.output_text.delta" => {
            let said = event.said();
            story.tokens += u32::from(!said.is_empty());
            story.text.push_str(&said);
            seen.say(&event, &said)
        }
        kind @ ("response.reasoning_text.delta" | "response.reasoning_summary_text.delta") => {
            let said = event.said();
            story.tokens += u32::from(!said.is_empty());
            story.thought.push_str(&said);
            seen.thought.iter_mut().for_each(|thought| thought.say(kind, &said));
            None
        }
        _ => seen.note(&event)?,
    };
    if let Some(hurdle) = hurdle {
        story.hurdle.get_or_insert(hurdle);
    }
    Ok(())
}

impl Seen {
    /// Notes a piece of text; returns why it cannot be continued.
    fn say(&mut self, event: &Event<'_>, said: &str) -> Option<&'static str> {
        let Some(message) = &mut self.message else { return Some("a text outside of a message") };
        message.stage = Stage::Part;
        message.said.push_str(said);
        // The event that ends the text repeats them all.
        let counted = event.logprobs.is_some_and(|list| list.get() != "[]");
        counted.then_some("probabilities of tokens").or((event.content_index > 0).then_some("several parts"))
    }

    /// Notes what else there is; returns why it cannot be continued.
    fn note(&mut self, event: &Event<'_>) -> Result<Option<&'static str>> {
        match (&*event.kind, &mut self.message) {
            ("response.created" | "response.queued" | "response.in_progress", _) => self.identify(event),
            ("response.output_item.added", None) => {
                let item = event.item()?;
                let id = item.id.map_or_else(|| "null".to_owned(), |id| id.get().to_owned());
                let at = self.output.len();
                match &*item.kind {
                    _ if self.thought.is_some() => return Ok(Some("several items at once")),
                    "message" => {
                        self.message = Some(Message::new(at, id.clone()));
                        self.id = Some(id);
                    }
                    "reasoning" if self.id.is_some() => {
                        return Ok(Some("a thought in the middle of the text"));
                    }
                    "reasoning" => self.thought = Some(Thought::new(at, id)),
                    _ => return Ok(Some("a tool call")),
                }
                self.output.push(String::new());
            }
            ("response.output_item.done", None) => {
                if let (Some(thought), Some(item)) = (self.thought.take(), event.item) {
                    self.sealed |= event.item()?.encrypted_content.is_some();
                    self.thoughts.push(thought.at);
                    item.get().clone_into(&mut self.output[thought.at]);
                }
            }
            ("response.output_item.added", Some(_)) => return Ok(Some("several items at once")),
            ("response.content_part.added", Some(message)) => message.stage = Stage::Part,
            ("response.output_text.done", Some(message)) => message.stage = Stage::TextDone,
            ("response.content_part.done", Some(message)) => message.stage = Stage::PartDone,
            ("response.output_item.done", Some(message)) => {
                self.output[message.at] = event.item.map_or_else(String::new, |item| item.get().to_owned());
                self.message = None;
            }
            ("response.output_text.annotation.added", _) => return Ok(Some("annotations")),
            ("response.refusal.delta", _) => return Ok(Some("a refusal")),
            _ => {}
        }
        Ok(None)
    }

    fn identify(&mut self, event: &Event<'_>) {
        let response =
            event.response.and_then(|response| serde_json::from_str::<Fields<'_>>(response.get()).ok());
        if let Some(fields) = response.filter(|_| self.identity.is_empty()) {
            let told = |name| Some((name, fields.get(name)?.get().to_owned()));
            self.identity = IDENTITY.into_iter().filter_map(told).collect();
        }
    }
}

/// What a second node would say otherwise of the same response.
const IDENTITY: [&str; 4] = ["id", "created_at", "model", "max_output_tokens"];

/// Whether another node may begin anew when the reader has nothing but thoughts.
///
/// Not where they are sealed, or the client wants them to be, to send them back: what was cut off never gets its ciphertext,
/// and a sealed thought belongs to what followed it at the node that sealed it.
pub(super) fn begin_anew(fields: &Fields<'_>, story: &Story) -> Attempt {
    let Some(seen) = &story.response else { return Ok(()) };
    let wants =
        fields.get("include").is_some_and(|names| names.get().contains("\"reasoning.encrypted_content\""));
    let thinks = seen.thought.is_some() || !seen.thoughts.is_empty();
    if seen.sealed || (wants && thinks) { Err("a sealed thought") } else { Ok(()) }
}

/// Adds what was thought, and what was said as a message of the assistant that is incomplete, and the words that vLLM and
/// SGLang need.
pub(super) fn append(edits: &mut Edits<'_>, fields: &Fields<'_>, sent: &str, story: &Story) -> Attempt {
    refuse(fields)?;
    let input = fields.get("input").ok_or("a conversation that the node keeps")?;
    let part = Object::of("output_text").text("text", sent).raw("annotations", "[]").end();
    let id = story.response.as_ref().and_then(|seen| seen.id.as_deref()).unwrap_or("null");
    let item = Object::of("message").raw("id", id).text("status", "incomplete").text("role", "assistant");
    let item = item.raw("content", &list(&[part])).end();
    // Whole items, as the reader has them.
    let told =
        story.response.iter().flat_map(|seen| seen.thoughts.iter().map(move |at| seen.output[*at].clone()));
    let items: Vec<_> = told.chain([item]).collect();
    if input.get().starts_with('"') {
        let asked = Object::new().text("role", "user").raw("content", input.get()).end();
        edits.replace(input, list(&[vec![asked], items].concat()));
    } else if Last::of(input)?.is_some_and(|last| last.role == "assistant") {
        return Err("an answer that the client began");
    } else {
        edits.push(input, &items.join(","));
    }
    go_on(edits, fields);
    Ok(())
}

/// Refuses what a second node would begin anew.
fn refuse(fields: &Fields<'_>) -> Attempt {
    #[derive(Deserialize)]
    struct Text<'a> {
        #[serde(borrow)]
        format: Option<Format<'a>>,
    }
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    let text = fields.get("text").and_then(|text| serde_json::from_str::<Text<'_>>(text.get()).ok());
    let format = text.and_then(|text| text.format);
    if format.is_some_and(|format| format.kind != "text") { Err("a grammar") } else { Ok(()) }
}
