use std::collections::BTreeMap;
use std::mem;

use maily_errors::Result;
use serde_json::value::RawValue;

use super::super::edits::{Edits, json_text};
use super::super::framer::failed;
use super::super::pen::Pen;
use super::super::rest::Rest;
use super::{Event, Seen, Story, parse};
use crate::wire::SseEvent;

/// Writes the events of a continuation as the rest of one message.
///
/// The first text of the continuation goes on in the block of the reader that is open. A block of text begins with its
/// first word, so that none is empty because the node had nothing to add.
#[derive(Debug)]
pub(in super::super) struct Joint {
    seen: Seen,
    /// The event that begins a block of text, until the block has a word.
    held: Option<String>,
    /// Whether the continuation is inside a block of text.
    in_text: bool,
    rest: Rest,
}

impl Joint {
    pub(in super::super) fn new(story: &Story) -> Self {
        let seen = story.message.as_deref().cloned().unwrap_or_default();
        Self { seen, held: None, in_text: false, rest: Rest::new(story) }
    }

    /// Writes what the reader does not have of an event.
    pub(in super::super) fn event(&mut self, event: &SseEvent, pen: &mut Pen) -> Result<()> {
        let SseEvent { name, data, .. } = event;
        let event = parse(data)?;
        match &*event.kind {
            "error" => return Err(failed()),
            "message_start" if self.seen.begun => {}
            "content_block_start" => self.begin(name, data, &event, pen),
            "content_block_delta" => self.more(name, data, &event, pen),
            "content_block_stop" => self.stop(pen),
            "message_delta" => {
                self.stop(pen);
                let mut edits = Edits::new(data);
                if let Some(usage) = event.usage {
                    self.count(usage, &mut edits);
                }
                pen.write(name, &edits.apply());
            }
            "message_stop" => {
                self.stop(pen);
                pen.write(name, data);
            }
            // `message_start`, `ping`, and what is yet to be invented.
            _ => pen.write(name, data),
        }
        Ok(())
    }

    fn begin(&mut self, name: &str, data: &str, event: &Event<'_>, pen: &mut Pen) {
        let Some(block) = event.content_block.as_ref() else { return };
        if mem::take(&mut self.seen.thinks) {
            // A thought that was cut off ends where it is.
            self.close(pen);
        }
        self.in_text = block.kind == "text";
        if self.in_text {
            // What it says at its beginning is said in an event of its own.
            let mut edits = Edits::new(data);
            block.text.iter().for_each(|text| edits.replace(text, "\"\""));
            self.held = Some(edits.apply());
            let said = block.said().map(|said| self.rest.push(&said)).unwrap_or_default();
            self.say(&said, pen);
        } else {
            self.held = None;
            self.close(pen);
            self.start(name, data, pen);
        }
    }

    fn more(&mut self, name: &str, data: &str, event: &Event<'_>, pen: &mut Pen) {
        let mut edits = Edits::new(data);
        if let Some((text, said)) = event.delta.as_ref().and_then(|delta| Some((delta.text?, delta.said()?)))
            && self.in_text
        {
            let passed = self.rest.push(&said);
            if passed.is_empty() {
                return;
            }
            if passed != said {
                edits.replace(text, json_text(&passed));
            }
        }
        self.open_text(pen);
        self.place(event, &mut edits);
        pen.write(name, &edits.apply());
    }

    /// The block of the continuation ends: so does that of the reader, if there is one.
    fn stop(&mut self, pen: &mut Pen) {
        let held_back = self.rest_of_text();
        self.say(&held_back, pen);
        (self.held, self.in_text) = (None, false);
        self.close(pen);
    }

    fn rest_of_text(&mut self) -> String {
        if self.in_text { self.rest.flush() } else { String::new() }
    }

    /// Writes text in an event of its own.
    fn say(&mut self, text: &str, pen: &mut Pen) {
        if text.is_empty() {
            return;
        }
        self.open_text(pen);
        let (index, text) = (self.index(), json_text(text));
        let delta = format!("{{\"type\":\"text_delta\",\"text\":{text}}}");
        let event = format!("{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}");
        pen.write("content_block_delta", &event);
    }

    /// Begins the block of text that is held back, unless the reader has one that is open.
    fn open_text(&mut self, pen: &mut Pen) {
        if let Some(held) = self.held.take()
            && !self.seen.open
        {
            self.start("content_block_start", &held, pen);
        }
    }

    fn start(&mut self, name: &str, data: &str, pen: &mut Pen) {
        (self.seen.blocks, self.seen.open) = (self.seen.blocks + 1, true);
        let mut edits = Edits::new(data);
        if let Ok(event) = parse(data) {
            self.place(&event, &mut edits);
        }
        pen.write(name, &edits.apply());
    }

    fn close(&mut self, pen: &mut Pen) {
        if mem::take(&mut self.seen.open) {
            let event = format!("{{\"type\":\"content_block_stop\",\"index\":{}}}", self.index());
            pen.write("content_block_stop", &event);
        }
    }

    /// Numbers an event by the blocks of the reader.
    fn place(&self, event: &Event<'_>, edits: &mut Edits<'_>) {
        if let Some(index) = event.index {
            edits.replace(index, self.index().to_string());
        }
    }

    /// The place of the last block that has begun.
    const fn index(&self) -> u32 {
        self.seen.blocks.saturating_sub(1)
    }

    /// Counts the answer as one; what the first node said of the prompt is believed.
    fn count(&self, usage: &RawValue, edits: &mut Edits<'_>) {
        type Counts<'a> = BTreeMap<&'a str, &'a RawValue>;
        let first =
            self.seen.usage.as_deref().and_then(|usage| serde_json::from_str::<Counts<'_>>(usage).ok());
        let first = first.filter(|first| {
            PROMPT.iter().any(|name| first.get(name).is_some_and(|count| count.get() != "0"))
        });
        let Some(first) = first else {
            return self.rest.count(usage, ["input_tokens", "output_tokens"], edits);
        };
        // No such name: only the answer is counted.
        self.rest.count(usage, ["", "output_tokens"], edits);
        let second: Counts<'_> = serde_json::from_str(usage.get()).unwrap_or_default();
        for (name, count) in second.iter().filter(|(name, _)| PROMPT.contains(name)) {
            edits.replace(count, first.get(name).map_or("0", |count| count.get()));
        }
    }
}

/// The tokens of the prompt: new ones, those that were put into the cache, and those that were read from it.
const PROMPT: [&str; 3] = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
